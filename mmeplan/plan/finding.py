"""`Finding`: what a rule or a gate found, at a place of the file; made by `rules` and `plan.gates`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding.

    `rule` is the rule's id (`MME-01`). `address` is the resource it is about, empty for the fleet; of a `for_each` that
    gives nothing it has the entry's name as written (`endpoint/store-{{ each.key }}`). `path` is the place in the
    file, dotted, with `file`, `line` and `column` (from 1; 0 where nothing in the file is meant). `message` says what
    and why, `help` what to do, `source` is the document the rule restates. `allowed` is the reason that the file's
    `allow` gave for lowering it to a note.
    """

    rule: str
    severity: Severity
    address: str
    path: str
    message: str
    help: str = ""
    source: str = ""
    file: str = ""
    line: int = 0
    column: int = 0
    allowed: str = ""
