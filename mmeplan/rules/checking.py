"""check: `Fleet` and `Graph` → `Finding`s; and, with `Snapshot` and `Plan`, those of the rules of stage `plan`.

    facts ← graph;  shapes of every request, then each rule on the subjects that concern it  → hits → findings

A rule that crashes becomes a finding about the rule (RULE-00). Everything that rules have in common happens here: which
subjects they see, where a path stands in the file, `allow`, order. The findings of stage `plan` belong into the plan,
which is refused where one of them is an error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any, Generic, TypeVar

from mmeplan.graph import Graph
from mmeplan.kinds import kind_named
from mmeplan.kinds.resource import ApiPath, Resource
from mmeplan.live import Snapshot
from mmeplan.plan.document import Plan
from mmeplan.plan.finding import Finding
from mmeplan.rules.facts import FleetFacts, gather
from mmeplan.rules.planned import PlanRule, gather_plan
from mmeplan.rules.recording import Record
from mmeplan.rules.rule import Hit, Rule
from mmeplan.rules.walking import UNNAMED, Walk
from mmeplan.spec import FilePath, Fleet

Subject = TypeVar("Subject")


def check(fleet: Fleet, graph: Graph, rules: Sequence[Rule], broken: Sequence[str] = ()) -> list[Finding]:
    """The findings of these rules, unique, sorted by line, column, rule and address.

    `broken` are the messages of packages whose rules could not be loaded.
    """
    record = Record(fleet, rules)
    for message in broken:
        record.broken(message)
    _Check(graph, record).run()
    return record.findings()


def check_plan(fleet: Fleet, graph: Graph, snapshot: Snapshot, plan: Plan, rules: Sequence[Rule]) -> list[Finding]:
    """The findings of those of these rules that are of stage `plan`, unique, in the order of the file."""
    record = Record(fleet, rules)
    planned = gather_plan(graph, snapshot, plan)
    for rule in _of_stage_plan(tuple(rules)):
        try:
            for resource, path, message in rule.planned(planned):
                record.hit(rule, resource, path, message)
        except Exception as error:  # noqa: BLE001 - a crash of a rule is a finding about the rule
            record.crashed(rule, None, error)
    planned.facts.unlink()
    return record.findings()


@lru_cache(maxsize=4)
def _of_stage_plan(rules: tuple[Rule, ...]) -> tuple[PlanRule, ...]:
    """Those that look at a plan; asked once for a set of rules."""
    return tuple(rule for rule in rules if isinstance(rule, PlanRule))


class _Look(Generic[Subject]):
    """The rules that look at one kind of subject, and for each set of members those that concern it.

    Ten thousand variants come in a handful of different sets of members, so that choosing costs one lookup.
    """

    def __init__(self, rules: Iterable[Rule], name: str) -> None:
        self._rules = [
            (frozenset(rule.members), rule, getattr(rule, name))
            for rule in rules
            if getattr(type(rule), name) is not getattr(Rule, name)
        ]
        self._chosen: dict[frozenset[str], list[tuple[Rule, Callable[[Subject], Iterator[Hit]]]]] = {}

    def at(self, members: Iterable[str]) -> list[tuple[Rule, Callable[[Subject], Iterator[Hit]]]]:
        """The rules, each with its look, for a subject that has these members."""
        key = frozenset(members)
        if key not in self._chosen:
            self._chosen[key] = [(rule, look) for wants, rule, look in self._rules if not wants or wants & key]
        return self._chosen[key]


class _Check:
    """One run."""

    def __init__(self, graph: Graph, record: Record) -> None:
        self.graph = graph
        self.record = record
        self.rules = record.rules
        self.shapes: set[tuple[str, str, ApiPath]] = set()
        """Rules and places at which the request shapes were broken."""

    def run(self) -> None:
        self._walk_shapes()
        facts = gather(self.graph)
        self._look_at_parts(facts)
        self._look_at_the_file()
        self._look_at_fleet(facts)
        for rule, at, path, message in self.record.allowances.hits():
            self.record.add(rule, rule.severity, at, path, message)
        facts.unlink()

    def _walk_shapes(self) -> None:
        walk = Walk()
        described = (r for r in self.graph.resources.values() if not kind_named(r.kind).is_gathered)
        for resource in described:
            try:
                for rule_id, path, message, advice in walk.hits(resource):
                    rule = self.rules.get(rule_id, self.rules[UNNAMED])
                    self.shapes.add((rule.id, resource.address, path))
                    self.record.hit(rule, resource, path, message, advice or None)
            except Exception as error:  # noqa: BLE001 - a crash of the walk is a finding
                self.record.crashed(self.rules[UNNAMED], resource, error)

    def _look_at_parts(self, facts: FleetFacts) -> None:
        rules = self.rules.values()
        at_model: _Look[Any] = _Look(rules, "model")
        at_container: _Look[Any] = _Look(rules, "container")
        for model in facts.models.values():
            self._look(at_model, model, model.request, model.resource)
            for container in model.containers:
                self._look(at_container, container, container.spec, model.resource)
        at_config: _Look[Any] = _Look(rules, "config")
        at_variant: _Look[Any] = _Look(rules, "variant")
        for config in facts.configs.values():
            self._look(at_config, config, config.request, config.resource)
            for variant in config.variants:
                self._look(at_variant, variant, variant.spec, config.resource)
        at_endpoint: _Look[Any] = _Look(rules, "endpoint")
        for endpoint in facts.endpoints.values():
            members = {*endpoint.request, *endpoint.resource.update_options}
            self._look(at_endpoint, endpoint, members, endpoint.resource)

    def _look(self, looks: _Look[Subject], subject: Subject, members: Iterable[str], resource: Resource) -> None:
        for rule, look in looks.at(members):
            try:
                for path, message in look(subject):
                    if (rule.id, resource.address, path) not in self.shapes:  # else the API's own words say it
                        self.record.hit(rule, resource, path, message)
            except Exception as error:  # noqa: BLE001 - a crash of a rule is a finding about the rule
                self.record.crashed(rule, resource, error)

    def _look_at_the_file(self) -> None:
        """What is no resource: the head of the file, and its `for_each` entries."""
        fleet, rules = self.record.fleet, self.rules.values()
        at_head: _Look[Any] = _Look(rules, "head")
        at_expansion: _Look[Any] = _Look(rules, "expansion")
        looks: list[tuple[Any, Any, str, FilePath]] = [(look, fleet, "", ()) for look in at_head.at(())]
        looks += [(look, entry, entry.address, entry.path) for entry in fleet.for_each for look in at_expansion.at(())]
        for (rule, look), subject, address, place in looks:
            try:
                for path, message in look(subject):
                    self.record.hit_file(rule, address, (*place, *path), message)
            except Exception as error:  # noqa: BLE001 - a crash of a rule is a finding about the rule
                self.record.crashed(rule, None, error)

    def _look_at_fleet(self, facts: FleetFacts) -> None:
        for rule in self.rules.values():
            try:
                for resource, path, message in rule.fleet(facts):
                    self.record.hit(rule, resource, path, message)
            except Exception as error:  # noqa: BLE001 - a crash of a rule is a finding about the rule
                self.record.crashed(rule, None, error)
