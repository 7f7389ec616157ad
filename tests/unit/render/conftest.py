"""Fleets as text and live sides made from fleets, so that a situation reads as `plan(after, live=applied(before))`."""

import copy
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from mmeplan import graph, plan
from mmeplan.live import Snapshot, decode
from mmeplan.spec import load_text

REGION, ACCOUNT = "eu-west-1", "123456789012"
WORDS = {"model": "model", "endpoint_config": "endpoint-config", "endpoint": "endpoint"}
MEMBERS = {
    "model": ("ModelName", "ModelArn"),
    "endpoint_config": ("EndpointConfigName", "EndpointConfigArn"),
    "endpoint": ("EndpointName", "EndpointArn"),
}


class Live:
    """A live side that can be edited: `objects` is the snapshot document's member of that name."""

    def __init__(self, fleet: str) -> None:
        self.fleet = fleet
        self.objects: dict[str, dict[str, Any]] = {kind: {} for kind in MEMBERS}
        self.inventory_error = ""

    def apply(self, text: str) -> "Live":
        """Everything that the fleet file declares, as it is after an apply, beside what there was."""
        compiled = graph.compile(load_text(text.encode()))
        for resource in (compiled.resources[at] for at in compiled.order()):
            describe = self._describe(resource.kind, copy.deepcopy(resource.request))
            self.objects[resource.kind][resource.physical_name] = {
                "status": "present",
                "describe": describe,
                "tags": dict(resource.tags),
            }
        return self

    def _describe(self, kind: str, request: dict[str, Any]) -> dict[str, Any]:
        name_member, arn_member = MEMBERS[kind]
        request[arn_member] = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:{WORDS[kind]}/{request[name_member]}"
        request["CreationTime"] = "2026-01-01T00:00:00+00:00"
        if kind != "endpoint":
            return request
        config = self.objects["endpoint_config"][request["EndpointConfigName"]]["describe"]
        request["EndpointStatus"] = "InService"
        request["ProductionVariants"] = [self._summary(variant) for variant in config["ProductionVariants"]]
        if "DeploymentConfig" in request:
            request["LastDeploymentConfig"] = request.pop("DeploymentConfig")
        return request

    def _summary(self, variant: dict[str, Any]) -> dict[str, Any]:
        made = {"VariantName": variant["VariantName"], "DesiredWeight": variant.get("InitialVariantWeight", 1)}
        if "InitialInstanceCount" in variant:
            made["DesiredInstanceCount"] = made["CurrentInstanceCount"] = variant["InitialInstanceCount"]
        return made

    def endpoint(self, name: str) -> dict[str, Any]:
        """The Describe answer of an endpoint, to edit."""
        described: dict[str, Any] = self.objects["endpoint"][name]["describe"]
        return described

    def unreadable(self, kind: str, name: str, error: str) -> "Live":
        """Make one object unreadable."""
        self.objects[kind][name] = {"status": "unreadable", "error": error}
        return self

    def snapshot(self) -> Snapshot:
        """The live side as `observe` would have seen it."""
        return decode(
            {
                "format_version": "1.0",
                "observed_at": "2026-01-02T00:00:00+00:00",
                "account": ACCOUNT,
                "region": REGION,
                "fleet": self.fleet,
                "inventory_error": self.inventory_error,
                "objects": self.objects,
            }
        )


@pytest.fixture
def live() -> Callable[..., Live]:
    """`live(text, …)`: a live side on which these fleet files were applied, one after the other."""

    def made(*texts: str, fleet: str = "prices") -> Live:
        side = Live(fleet)
        for text in texts:
            side.apply(text)
        return side

    return made


@pytest.fixture
def plan_of() -> Callable[..., plan.Plan]:
    """`plan_of(text, live, allow_outage=[…], findings=[…])`: the plan from a live side to a fleet file."""

    def made(text: str, side: Live | None = None, findings: Iterable[plan.Finding] = (), **options: Any) -> plan.Plan:
        compiled = graph.compile(load_text(text.encode()))
        chosen = plan.Options(**{key: tuple(v) if isinstance(v, list) else v for key, v in options.items()})
        snapshot = (side or Live(compiled.fleet.name)).snapshot()
        at = "2026-01-02T00:00:00+00:00"
        return plan.build(compiled, snapshot, created_at=at, findings=tuple(findings), options=chosen)

    return made
