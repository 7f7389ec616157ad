"""Findings as SARIF 2.1.0, which code scanning of GitHub, GitLab and Azure DevOps reads.

In: findings, and what the rules have to say about themselves. Out: the document as text. A finding's fingerprint is
made of its rule, its address and its place in the file, not of its line, so that it stays the same finding while
lines move. Source: OASIS, Static Analysis Results Interchange Format (SARIF) Version 2.1.0.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, Final
from urllib.parse import quote

from mmeplan.plan.finding import Finding
from mmeplan.render.findings import named as told

SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
FINGERPRINT: Final = "mmeplanPlace/v1"


@dataclass(frozen=True, slots=True)
class RuleHelp:
    """What a rule says of itself."""

    id: str
    title: str
    severity: str
    why: str
    fix: str
    source: str
    page: str


def sarif_text(findings: Iterable[Finding], rules: Iterable[RuleHelp], *, version: str) -> str:
    """The document; of the rules, those that found something, in the order of their ids."""
    found = [told(finding) for finding in findings]
    named = {finding.rule for finding in found}
    listed = sorted((rule for rule in rules if rule.id in named), key=lambda rule: rule.id)
    driver = {
        "name": "mmeplan",
        "semanticVersion": version,
        "rules": [_rule(rule) for rule in listed],
    }
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": _results(found, listed)}
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2, ensure_ascii=False) + "\n"


def _rule(rule: RuleHelp) -> dict[str, Any]:
    return {
        "id": rule.id,
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.why},
        "help": {"text": f"{rule.why}\n\n{rule.fix}\n\nSource: {rule.source}", "markdown": rule.page},
        "defaultConfiguration": {"level": rule.severity},
    }


def _results(findings: Sequence[Finding], rules: Sequence[RuleHelp]) -> list[dict[str, Any]]:
    index = {rule.id: number for number, rule in enumerate(rules)}
    seen: Counter[tuple[str, str, str]] = Counter()
    results = []
    for finding in findings:
        place = (finding.rule, finding.address, finding.path)
        seen[place] += 1
        message = finding.message if finding.message.endswith((".", "!", "?")) else f"{finding.message}."
        fingerprint = hashlib.sha256(json.dumps([*place, seen[place]]).encode()).hexdigest()[:32]
        allowed = [{"kind": "inSource", "justification": finding.allowed}]
        results.append(
            {
                "ruleId": finding.rule,
                **({"ruleIndex": index[finding.rule]} if finding.rule in index else {}),
                "level": finding.severity,
                "message": {"text": f"{message} {finding.help}" if finding.help else message},
                "locations": _locations(finding),
                "partialFingerprints": {FINGERPRINT: fingerprint},
                **({"suppressions": allowed} if finding.allowed else {}),
            }
        )
    return results


def _locations(finding: Finding) -> list[dict[str, Any]]:
    location: dict[str, Any] = {}
    if finding.file:  # relative to the checkout as it was given, or absolute
        path = PurePath(finding.file)
        relative = {"uri": quote(path.as_posix()), "uriBaseId": "%SRCROOT%"}
        artifact = {"uri": path.as_uri()} if path.is_absolute() else relative
        column = {"startColumn": finding.column} if finding.column > 0 else {}
        region = {"region": {"startLine": finding.line, **column}} if finding.line > 0 else {}
        location["physicalLocation"] = {"artifactLocation": artifact, **region}
    if name := finding.path or finding.address:
        location["logicalLocations"] = [{"fullyQualifiedName": name}]
    return [location] if location else []
