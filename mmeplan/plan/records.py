"""What a swap writes down on its endpoint: who has served it, and, where SageMaker rolls the swap back, that it did.

In: the graph, the snapshot, and the generations that stay. Out: tag values and the calls that follow a rollback, for
`steps`. The tags themselves: `resources.memory`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from mmeplan.aws.lifecycle import CREATING, FAILED
from mmeplan.diff import Change
from mmeplan.graph import Graph
from mmeplan.live import NAME_MEMBERS, LiveObject, Snapshot
from mmeplan.resources import Resource
from mmeplan.resources.identity import DIGEST_CHARS, FLEET_TAG, ROLLED_BACK_TAG, SERVED_TAG
from mmeplan.resources.memory import served, served_text, short_digest

DELETE: Mapping[str, str] = {
    "model": "DeleteModel",
    "endpoint_config": "DeleteEndpointConfig",
    "endpoint": "DeleteEndpoint",
}


class Records:
    """`kept` maps an endpoint's address to its superseded configs that stay, newest first."""

    def __init__(self, graph: Graph, snapshot: Snapshot, kept: Mapping[str, tuple[str, ...]]) -> None:
        self.graph = graph
        self.snapshot = snapshot
        self.kept = kept

    def served_text(self, endpoint: Resource, live: LiveObject | None, *, swaps: bool = True) -> str:
        """The record once the plan is done: the config that is swapped to, the one that is left, those before."""
        record = [self._digest_of(str(endpoint.request.get("EndpointConfigName", "")))] if swaps else []
        named = self._digest_of(str(live.describe.get("EndpointConfigName", ""))) if live is not None else ""
        known = served(live.tags) if live is not None else None
        if live is not None and live.describe.get("EndpointStatus") in (CREATING, FAILED):
            known = known and tuple(one for one in known if one != named)  # by that one it never came up
        else:
            record.append(named)
        if known is None:
            known = tuple(self._digest_of(name) for name in self.kept.get(endpoint.address, ()))
        return served_text((*record, *known))

    def at_adoption(self, endpoint: Resource, live: LiveObject | None) -> dict[str, str]:
        """The tag for an endpoint that is adopted and has none. Mostly it is empty: no config of ours has served it."""
        if live is None or served(live.tags) is not None:
            return {}
        return {SERVED_TAG: self.served_text(endpoint, live, swaps=False)}

    def overdue_text(self, live: LiveObject) -> str:
        """The record that lacks the config in force, with it; empty where nothing is missing.

        It is missing where an apply stopped right after the swap to it, and would be lost with the next swap.
        """
        known, digest = served(live.tags), self._digest_of(str(live.describe.get("EndpointConfigName", "")))
        return "" if known is None or not digest or digest in known else served_text((digest, *known))

    def on_rollback(
        self, change: Change, endpoint: Resource, live: LiveObject | None, *, made: Mapping[str, str]
    ) -> tuple[Mapping[str, Any], ...]:
        """What follows where SageMaker rolls the update back: a mark, and on request what was made for it goes.

        `made` are the addresses whose objects this plan creates.
        """
        if live is None:
            return ()
        wanted = endpoint.request["EndpointConfigName"]
        mark = {"ResourceArn": change.arn, "Tags": [{"Key": ROLLED_BACK_TAG, "Value": wanted}]}
        calls: list[Mapping[str, Any]] = [{"operation": "AddTags", "params": mark}]
        at = endpoint.config
        if at is not None and (at in made or self._never_served(change, live, self.graph.resources[at])):
            calls.append(_cleaning("endpoint_config", wanted))
            models = [self.graph.resources[one] for one in self.graph.resources[at].dependencies() if one in made]
            calls += [_cleaning("model", model.physical_name) for model in models]
        return tuple(calls)

    def _never_served(self, change: Change, live: LiveObject, config: Resource) -> bool:
        """Whether this is another try of a config that never came to serve the endpoint."""
        known = served(live.tags)
        return change.reason == "rolled_back" and known is not None and config.digest[:DIGEST_CHARS] not in known

    def _digest_of(self, config_name: str) -> str:
        """The short digest of a config of the fleet, declared or live; empty for any other."""
        declared = self._declared.get(config_name)
        if declared is not None:
            return declared
        live = self.snapshot.get("endpoint_config", config_name)
        owned = live is not None and (live.tags or {}).get(FLEET_TAG) == self.graph.fleet.name
        return short_digest(live.tags) if live is not None and owned else ""

    @cached_property
    def _declared(self) -> Mapping[str, str]:
        return {r.physical_name: r.digest[:DIGEST_CHARS] for r in self.graph.of_kind("endpoint_config")}


def _cleaning(kind: str, name: str) -> Mapping[str, Any]:
    return {"operation": DELETE[kind], "params": {NAME_MEMBERS[kind]: name}, "clean": True}
