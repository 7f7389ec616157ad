"""What rules found, as `Finding`s: where a hit stands in the file, whether `allow` lowers it, what a crash becomes.

In: hits of rules. Out: findings, unique and sorted. Shared by `rules.checking` (the file alone) and
`rules.plan_checking` (what is live, and the plan), so that a finding looks the same whatever found it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from mmeplan.aws.variants import KEYED, REFERENCES
from mmeplan.plan.finding import Finding, Severity
from mmeplan.resources.base import ApiPath, Resource
from mmeplan.rules.allowances import Allowances
from mmeplan.rules.examples import fleet_file
from mmeplan.rules.rule import Rule
from mmeplan.spec import Entry, FilePath, Fleet, dotted, file_path


class CrashedRule(Rule):
    id = "RULE-00"
    title = "A rule could look at everything"
    severity = "error"
    basis = "inf"
    source = "docs/fleet-yaml.md"
    why = (
        "A rule crashed on something in this fleet, or a package of rules could not be loaded: a bug of mmeplan or of "
        "that package. What it would have found there is unknown."
    )
    fix = "Report it with the message; `allow: {RULE-00: reason}` goes on without that rule, here only."
    bad = ""
    good = fleet_file()


CRASHED: Final = CrashedRule()


class Record:
    """The findings of one check."""

    def __init__(self, fleet: Fleet, rules: Sequence[Rule]) -> None:
        self.fleet = fleet
        self.rules = {rule.id: rule for rule in rules}
        self.allowances = Allowances(fleet, self.rules)
        self._findings: set[Finding] = set()

    def findings(self) -> list[Finding]:
        """All of them, sorted by line, column, rule and address."""
        return sorted(
            self._findings, key=lambda found: (found.line, found.column, found.rule, found.address, found.message)
        )

    def hit(self, rule: Rule, resource: Resource, path: ApiPath, message: str) -> None:
        """A rule found something at a path of a resource."""
        reason = self.allowances.reason(rule, resource.entry)
        severity: Severity = "note" if reason else rule.severity
        self.add(rule, severity, resource.address, place(resource, path), message, reason)

    def crashed(self, rule: Rule, resource: Resource | None, error: Exception) -> None:
        """A rule crashed on a resource, or on the fleet."""
        where = resource.address if resource else "the fleet"
        message = f"the rule {rule.id} crashed on {where}: {type(error).__name__}: {error}"
        if resource is not None:
            self.hit(CRASHED, resource, (), message)
        else:
            self.broken(message)

    def broken(self, message: str) -> None:
        """Rules could not look at all."""
        reason = self.allowances.reason(CRASHED, None)
        self.add(CRASHED, "note" if reason else CRASHED.severity, "", (), message, reason)

    def add(self, rule: Rule, severity: Severity, at: str, path: FilePath, message: str, reason: str = "") -> None:
        """A finding at a place of the file. Messages begin in lower case, or with a value in quotes or backticks."""
        source = self.fleet.source_map
        line, column = source.locate(path)
        text = message[:1].upper() + message[1:]
        self._findings.add(
            Finding(rule.id, severity, at, dotted(path), text, rule.fix, rule.source, source.file, line, column, reason)
        )


_OWN_NAME: Final = {
    "model": ("ModelName",),
    "endpoint_config": ("EndpointConfigName",),
    "endpoint": ("EndpointName",),
}


def place(resource: Resource, path: ApiPath) -> FilePath:
    """Where a path of a resource's request stands in the file: with the keys that the file has in its stead."""
    entry = resource.entry
    if path[:1] == ("tags",):
        return (*entry.path, *path)
    if path == _OWN_NAME[resource.kind]:
        return (*entry.path, "name") if entry.pinned_name is not None else entry.path
    if len(path) == 3 and path[0] in KEYED and path[2] == "VariantName":
        path = path[:-1]
    if path == ("EndpointConfigName",) and entry.config is not None:
        return (*entry.path, "config")
    if path and path[-1] in REFERENCES and path[0] in KEYED:
        logical = REFERENCES[str(path[-1])]
        if logical in _holder(entry, path[:-1]):
            path = (*path[:-1], logical)
    return file_path(entry.path, path)


def _holder(entry: Entry, path: ApiPath) -> dict[str, Any]:
    """The mapping at a path of the entry's request as loaded, where variants are keyed by name."""
    value: Any = entry.request
    for part in path:
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            return {}
    return value if isinstance(value, dict) else {}
