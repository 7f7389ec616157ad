"""What rules found, as `Finding`s: where a hit stands in the file, whether `allow` lowers it, what a crash becomes.

In: hits of rules. Out: findings, unique and sorted, the same for every stage. An inline config inherits its endpoint's
`allow`; the fleet's holds everywhere. One line of the file that many entries share (`defaults`, `for_each`) is one
allowance: it matches something as soon as it does so for one of them.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from mmeplan.aws.variants import KEYED, REFERENCES
from mmeplan.identity import address
from mmeplan.kinds import kind_named
from mmeplan.kinds.resource import ApiPath, Resource
from mmeplan.plan.finding import Finding, Severity
from mmeplan.rules.facts import written_at
from mmeplan.rules.groups.rules import CrashedRule, IdleAllowance, UnusableAllowance
from mmeplan.rules.rule import Rule
from mmeplan.spec import Entry, FilePath, Fleet, dotted, file_path

CRASHED: Final = CrashedRule()
_ALLOW: Final = re.compile(r"`?\b[Aa]llow`? (?:this|it)\b")
_UNUSABLE: Final = UnusableAllowance()
_IDLE: Final = IdleAllowance()


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

    def hit(self, rule: Rule, resource: Resource, path: ApiPath, message: str, help_text: str | None = None) -> None:
        """A rule found something at a path of a resource. `help_text` is advice in the place of the rule's own."""
        reason = self.allowances.reason(rule, resource.entry)
        severity: Severity = "note" if reason else rule.severity
        self.add(rule, severity, resource.address, place(resource, path), message, reason, help_text)

    def hit_file(self, rule: Rule, at: str, path: FilePath, message: str) -> None:
        """A rule found something at a place of the file of which there is no resource; `at` as in a finding."""
        reason = self.allowances.reason(rule, None)
        severity: Severity = "note" if reason else rule.severity
        self.add(rule, severity, at, path, message, reason)

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

    def add(
        self,
        rule: Rule,
        severity: Severity,
        at: str,
        path: FilePath,
        message: str,
        reason: str = "",
        help_text: str | None = None,
    ) -> None:
        """A finding at a place of the file. Messages begin in lower case, or with a value in quotes or backticks.

        `help_text` is what to do about it, the rule's own advice where it isn't given.
        """
        advice = rule.fix if help_text is None else help_text
        if rule.lowerable:
            advice = _ALLOW.sub(rf'\g<0> (`allow: {{{rule.id}: "why"}}`)', advice, count=1)
        source = self.fleet.source_map
        line, column = source.locate(path)
        text = message[:1].upper() + message[1:]
        self._findings.add(
            Finding(
                rule.id,
                severity,
                at,
                dotted(path),
                text,
                advice,
                rule.source,
                source.file,
                line,
                column,
                reason,
            )
        )


AllowanceHit = tuple[Rule, str, FilePath, str]
"""Rule, address (empty for the fleet), place in the file, message."""


@dataclass(frozen=True, slots=True)
class _Allowance:
    rule: str
    address: str
    path: FilePath
    position: tuple[int, int]


class Allowances:
    """All `allow` keys of a fleet. `reason` is asked per finding; `hits` at the end."""

    def __init__(self, fleet: Fleet, rules: Mapping[str, Rule]) -> None:
        self._fleet = fleet
        self._rules = rules
        self._declared = [*self._declarations()]
        self._used: set[tuple[str, tuple[int, int]]] = set()

    def reason(self, rule: Rule, entry: Entry | None) -> str:
        """Why the finding of this rule about this entry may be lowered; empty where it may not."""
        if not self._declared or not rule.lowerable:
            return ""
        for allow, path in self._holders(entry):
            reason = allow.get(rule.id)
            if reason:
                self._used.add((rule.id, self._fleet.source_map.locate((*path, "allow", rule.id))))
                return reason
        return ""

    def hits(self) -> Iterator[AllowanceHit]:
        """What is wrong with the allowances themselves, each line of the file once."""
        seen: set[tuple[str, tuple[int, int]]] = set()
        for allowance in self._declared:
            key = (allowance.rule, allowance.position)
            if key in seen:
                continue
            seen.add(key)
            rule = self._rules.get(allowance.rule)
            if rule is None:
                close = difflib.get_close_matches(allowance.rule, list(self._rules), n=1)
                meant = f"; did you mean {close[0]}?" if close else ""
                yield _UNUSABLE, allowance.address, allowance.path, f"there is no rule {allowance.rule}{meant}"
            elif not rule.lowerable:
                whose = "is a promise of mmeplan's own" if rule.basis == "own" else "restates a constraint of the API"
                message = f"`{rule.id}` {whose}: it can't be lowered, its findings stay as they are"
                yield _UNUSABLE, allowance.address, allowance.path, message
            elif key not in self._used and rule.stage == "static":
                yield _IDLE, allowance.address, allowance.path, f"`{rule.id}` finds nothing here"

    def _holders(self, entry: Entry | None) -> Iterator[tuple[Mapping[str, str], FilePath]]:
        """The `allow` mappings that hold for an entry, the closest first."""
        if entry is not None:
            yield entry.allow, entry.path
            endpoint = self._fleet.endpoints.get(entry.name)
            if endpoint is not None and endpoint.config is entry:
                yield endpoint.allow, endpoint.path
        yield self._fleet.allow, ()

    def _declarations(self) -> Iterator[_Allowance]:
        yield from self._of(self._fleet.allow, "", ())
        for section in (self._fleet.models, self._fleet.endpoint_configs, self._fleet.endpoints):
            for entry in section.values():
                yield from self._of(entry.allow, address(entry.kind, entry.name), entry.path)
                if isinstance(entry.config, Entry):
                    inline = entry.config
                    yield from self._of(inline.allow, address(inline.kind, inline.name), inline.path)

    def _of(self, allow: Mapping[str, str], at: str, path: FilePath) -> Iterator[_Allowance]:
        for rule in allow:
            place = (*path, "allow", rule)
            yield _Allowance(rule, at, place, self._fleet.source_map.locate(place))


def place(resource: Resource, path: ApiPath) -> FilePath:
    """Where a path of a resource's request stands in the file: with the keys that the file has in its stead."""
    entry = resource.entry
    if path[:1] == ("tags",):
        return (*entry.path, *path)
    if path == (kind_named(resource.kind).name_member,):
        return (*entry.path, "name") if entry.pinned_name is not None else entry.path
    if len(path) == 3 and path[0] in KEYED and path[2] == "VariantName":
        path = path[:-1]
    if path == ("EndpointConfigName",) and entry.config is not None:
        return (*entry.path, "config")
    if path and path[-1] in REFERENCES and path[0] in KEYED:
        logical = REFERENCES[str(path[-1])]
        if logical in written_at(entry, path[:-1]):
            path = (*path[:-1], logical)
    return file_path(entry.path, path)
