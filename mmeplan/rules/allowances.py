"""`allow: {RULE-ID: reason}` of the fleet and its entries: which finding it lowers, and what is wrong with it.

In: the fleet and which rules there are. Out: a reason per finding, and the hits of ALW-01 and ALW-02. An inline config
inherits its endpoint's `allow`; the fleet's holds everywhere. One line of the file that many entries share (`defaults`,
`for_each`) is one allowance: it matches something as soon as it does so for one of them. Called by `rules.checking`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from mmeplan.resources.identity import address
from mmeplan.rules.examples import fleet_file
from mmeplan.rules.rule import Rule
from mmeplan.spec import Entry, FilePath, Fleet


class UnusableAllowance(Rule):
    id = "ALW-01"
    title = "An `allow` names a rule that exists and that can be lowered"
    severity = "warning"
    basis = "own"
    source = "docs/fleet-yaml.md, keys that are mmeplan's own: allow"
    why = (
        "Rules that restate the API's own constraints can't be lowered: SageMaker would refuse the request "
        "all the same. "
        "An id that doesn't exist lowers nothing, so the reason beside it protects nobody."
    )
    fix = "Correct the id, or remove the line and fix what the rule finds."
    bad = fleet_file(endpoint='allow: {DEP-99: "agreed with the platform team"}  # here')
    good = fleet_file(
        endpoint='allow: {CFG-09: "a test endpoint; downtime is fine"}',
        variant="initial_instance_count: 1",
    )


class IdleAllowance(Rule):
    id = "ALW-02"
    title = "An `allow` matches a finding"
    severity = "warning"
    basis = "own"
    source = "docs/fleet-yaml.md, keys that are mmeplan's own: allow"
    why = (
        "An exception that excuses nothing today silently excuses whatever comes along tomorrow. Rules that look at "
        "what is live are left out: what they find comes and goes."
    )
    fix = "Remove the line: the rule finds nothing here any more."
    bad = fleet_file(endpoint='allow: {CFG-09: "one instance is enough"}  # here')
    good = fleet_file(
        endpoint='allow: {CFG-09: "one instance is enough"}',
        variant="initial_instance_count: 1",
    )


RULES: Final = (UnusableAllowance(), IdleAllowance())

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
        unusable, idle = RULES
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
                yield unusable, allowance.address, allowance.path, f"there is no rule {allowance.rule}{meant}"
            elif not rule.lowerable:
                whose = "is about `allow` itself" if rule.basis == "own" else "restates a constraint of the API"
                message = f"`{rule.id}` {whose}: it can't be lowered, its findings stay as they are"
                yield unusable, allowance.address, allowance.path, message
            elif key not in self._used and rule.stage == "static":
                yield idle, allowance.address, allowance.path, f"`{rule.id}` finds nothing here"

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
