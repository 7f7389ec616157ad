"""Findings as GitHub workflow commands, which the runner shows as annotations at the lines of a pull request.

In: findings. Out: one command a line, the worst first. GitHub keeps ten annotations of a kind for each step and drops
the others silently, so that the tenth says how many there are besides.
Source: GitHub Actions, workflow commands; actions/toolkit, packages/core/src/command.ts (what is escaped, and how).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from mmeplan.plan.finding import Finding
from mmeplan.render.values import counted

ROOM: Final = 10  # annotations of a kind and step that GitHub keeps

_DATA: Final = {"%": "%25", "\r": "%0D", "\n": "%0A"}
_PROPERTY: Final = {**_DATA, ":": "%3A", ",": "%2C"}


def annotations_text(findings: Iterable[Finding]) -> str:
    """The errors and warnings as workflow commands; empty where there are none. Notes are not worth an annotation."""
    found = list(findings)
    lines = []
    for severity in ("error", "warning"):
        lines += _commands(severity, [finding for finding in found if finding.severity == severity])
    return "".join(f"{line}\n" for line in lines)


def _commands(severity: str, findings: Sequence[Finding]) -> list[str]:
    rest = len(findings) - ROOM
    more = f"\n… and {counted(rest, f'more {severity}')}; mmeplan validate shows them all" if rest > 0 else ""
    shown = findings[:ROOM]
    return [_command(severity, finding, more if finding is shown[-1] else "") for finding in shown]


def _command(severity: str, finding: Finding, more: str) -> str:
    properties = {"file": finding.file, "line": finding.line, "col": finding.column, "title": finding.rule}
    told = ",".join(f"{name}={_escaped(str(value), _PROPERTY)}" for name, value in properties.items() if value)
    message = "\n".join(part for part in (finding.message, finding.help) if part) + more
    return f"::{severity} {told}::{_escaped(message, _DATA)}"


def _escaped(text: str, table: dict[str, str]) -> str:
    """The text with the characters that end a value or a command replaced; `%` among them, so nothing is ambiguous."""
    return "".join(table.get(char, char) for char in text)
