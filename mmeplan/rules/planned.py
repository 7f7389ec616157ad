"""What plan-stage rules look at: each endpoint of the fleet beside what is live and what the plan does to it.

In: the fleet's graph, a snapshot and the plan made of both; all plain data. Out: `PlannedFleet`. `PlanRule` is the kind
of rule that looks at it. A rule that needs to know more than Describe says of the fleet's own objects and of those that
it refers to has no place here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mmeplan.diff import Action, declared_changes
from mmeplan.diff.inputs import Inputs
from mmeplan.graph import Graph
from mmeplan.kinds import kind_named
from mmeplan.kinds.resource import Resource
from mmeplan.live import LiveEndpoint, LiveEndpointConfig, LiveObject, Snapshot
from mmeplan.plan import Change
from mmeplan.plan.document import Plan
from mmeplan.plan.step import Step
from mmeplan.rules.calling import Called, called
from mmeplan.rules.facts import Endpoint, FleetFacts, gather
from mmeplan.rules.rule import FleetHit, Rule, Stage


class PlanRule(Rule):
    """A rule of stage `plan`.

    `before` is the fleet file that was applied before the examples `bad` and `good` are planned, empty where nothing is
    live. `seen` are members of the live endpoint's Describe answer, `tagged` are all its tags, and `absent` (kind,
    name) of objects that aren't there, that the example needs and that no fleet file can bring about.
    """

    stage: Stage = "plan"
    before: str = ""
    seen: Mapping[str, Any] = {}
    tagged: Mapping[str, str] | None = None
    absent: tuple[tuple[str, str], ...] = ()

    def planned(self, fleet: PlannedFleet) -> Iterator[FleetHit]:
        """Look at what is live and what is planned."""
        return iter(())


@dataclass(frozen=True, slots=True)
class PlannedEndpoint:
    """An endpoint of the fleet; `live` and `live_config` are None where they don't exist, or can't be read.

    `update` is the plan's UpdateEndpoint for it, None where there is none.
    """

    endpoint: Endpoint
    change: Change | None
    live: LiveEndpoint | None
    live_config: LiveEndpointConfig | None
    update: Step | None

    @property
    def gradual(self) -> bool:
        """Whether the file asks for an update in more than one step."""
        return self.endpoint.deployment is not None and self.endpoint.deployment.gradual

    def live_variants(self) -> set[str]:
        """The names of the live production variants."""
        return {variant.name for variant in self.live.variants} if self.live else set()

    def live_counts(self) -> dict[str, int]:
        """The instances that each live production variant should have."""
        variants = self.live.variants if self.live else ()
        return {variant.name: variant.desired_count for variant in variants if variant.desired_count is not None}

    def live_is_serverless(self) -> bool:
        """Whether the config in force has a serverless variant."""
        return self.live_config is not None and self.live_config.is_serverless


@dataclass(frozen=True, slots=True)
class PlannedFleet:
    """Everything that a plan was made from, linked. `adopted` are the live objects that it takes under management."""

    facts: FleetFacts
    snapshot: Snapshot
    endpoints: tuple[PlannedEndpoint, ...]
    inputs: Inputs
    adopted: tuple[tuple[Resource, LiveObject], ...] = ()
    changes: tuple[Change, ...] = ()

    def called(self, at: PlannedEndpoint) -> tuple[Called, Called] | None:
        """How callers reach an endpoint now, and after a plan that brings another fleet up; None where none comes up.

        Also None where the config in force can't be read.
        """
        comes_up = at.change is not None and at.change.effect in ("traffic_shift", "outage")
        if not comes_up or at.live_config is None or at.endpoint.config is None:
            return None
        now = self.inputs.live_content(at.live_config)
        return called(self.inputs, now, live=True), called(self.inputs, at.endpoint.config.resource.content, live=False)

    def made_anew(self) -> Iterator[tuple[Change, Resource, LiveObject]]:
        """What is part of others, is live and is created again, because what it is part of is taken off for a swap."""
        for change in self.changes:
            resource = self.inputs.graph.resources.get(change.address)
            live = self.snapshot.get(change.kind, change.live_name) if change.live_name else None
            is_part = change.action is Action.CREATE and kind_named(change.kind).listings is not None
            if is_part and resource is not None and live is not None and live.is_present:
                yield change, resource, live

    def swaps(self) -> Iterator[tuple[PlannedEndpoint, Step]]:
        """The endpoints that the plan updates to another config, each with its UpdateEndpoint."""
        return ((at, at.update) for at in self.endpoints if at.update is not None)


def gather_plan(graph: Graph, snapshot: Snapshot, plan: Plan) -> PlannedFleet:
    """The facts of a plan."""
    facts = gather(graph)
    changes = declared_changes(graph, plan.changes)
    updates = {step.address: step for step in plan.steps if step.operation == "UpdateEndpoint"}
    made = []
    for address, endpoint in facts.endpoints.items():
        change = changes.get(address)
        live = snapshot.endpoint((change.live_name if change else "") or endpoint.resource.physical_name)
        live = live if live is not None and live.is_present else None
        config = snapshot.endpoint_config(live.config) if live else None
        config = config if config is not None and config.is_present else None
        made.append(PlannedEndpoint(endpoint, change, live, config, updates.get(address)))
    adopted = [
        (graph.resources[change.address], seen)
        for change in plan.changes
        if change.adopts and change.address in graph.resources
        if (seen := snapshot.get(change.kind, change.live_name or change.name)) is not None
    ]
    return PlannedFleet(facts, snapshot, tuple(made), Inputs(graph, snapshot), tuple(adopted), plan.changes)
