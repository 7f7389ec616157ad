"""The simulated SageMaker against a small reference model, call by call: legality, statuses, counts, tags, paging.

The model is written from the documented state machine alone: it knows when things happen, not how they are stored.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from mmeplan.simulator import Request, Simulator

ARN = "arn:aws:sagemaker:us-east-1:123456789012"
ROLE = "arn:aws:iam::123456789012:role/x"
IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/x"
NAMES = st.sampled_from(["a", "a", "a", "b", "b", "B", "longer-name"])
KINDS = st.sampled_from(["model", "endpoint"])
KEYS = st.sampled_from("xyz")
NOUNS = {"model": "model", "endpoint-config": "endpoint configuration", "endpoint": "endpoint"}
LASTS = {"Creating": 180, "Updating": 240, "Scaling": 60, "Deleting": 60}


@dataclass
class Endpoint:
    """What the documentation says of an endpoint."""

    name: str
    config: str
    count: int
    weight: float
    status: str
    until: float
    then: dict[str, Any] = field(default_factory=dict)
    reason: str = ""


class SageMaker(RuleBasedStateMachine):
    """Rules are calls; the invariants compare everything that can be read."""

    def __init__(self) -> None:
        super().__init__()
        self.sim = Simulator.open()
        self.now = 0.0
        self.models: dict[str, str] = {}
        self.configs: dict[str, tuple[str, str, int, float]] = {}
        self.endpoints: dict[str, Endpoint] = {}
        self.tags: dict[str, dict[str, str]] = {}
        self.failing: dict[str, int] = {}

    def teardown(self) -> None:
        self.sim.close()

    def call(self, operation: str, **members: Any) -> tuple[str, dict[str, Any]]:
        headers = {"X-Amz-Target": f"SageMaker.{operation}"}
        answer = self.sim.respond(Request("POST", "/", headers, json.dumps(members).encode()))
        body = json.loads(answer.body or b"{}")
        return ("" if answer.status == 200 else body["message"]), body

    @staticmethod
    def missing(kind: str, name: str) -> str:
        return f'Could not find {NOUNS[kind]} "{ARN}:{kind}/{name}".'

    @staticmethod
    def taken(kind: str, name: str) -> str:
        return f'Cannot create already existing {NOUNS[kind]} "{ARN}:{kind}/{name}".'

    @initialize(settled=st.booleans())
    def begin(self, settled: bool) -> None:
        """Half of the lives begin with an endpoint in service: what is deep lies nearer."""
        if settled:
            self.create_model("a")
            self.create_config("a", "a", 2, 1.0)
            self.create_config("b", "a", 3, 7.0)
            self.create_endpoint("a", "a", fails=False)
            self.time_passes(180)

    # -- time ------------------------------------------------------------------------------------------------------

    @rule(seconds=st.sampled_from([1, 29, 59, 60, 61, 119, 180, 240, 400]))
    def time_passes(self, seconds: int) -> None:
        self.sim.clock.sleep(seconds)
        self.now += seconds
        for key, endpoint in list(self.endpoints.items()):
            if endpoint.until <= self.now:
                if endpoint.status == "Deleting":
                    del self.endpoints[key]
                    self.tags.pop(f"endpoint/{endpoint.name}")
                    continue
                for member, value in endpoint.then.items():
                    setattr(endpoint, member, value)
                endpoint.then, endpoint.until = {}, float("inf")

    # -- models and configs ------------------------------------------------------------------------------------------

    @rule(name=NAMES)
    def create_model(self, name: str) -> None:
        said, _ = self.call("CreateModel", ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer={"Image": IMAGE})
        known = self.models.get(name.lower())
        assert said == (self.taken("model", known) if known else "")
        if not known:
            self.models[name.lower()] = name
            self.tags[f"model/{name}"] = {}

    @rule(name=NAMES)
    def delete_model(self, name: str) -> None:
        said, _ = self.call("DeleteModel", ModelName=name)
        known = self.models.pop(name.lower(), None)
        assert said == ("" if known else self.missing("model", name))
        self.tags.pop(f"model/{known}", None)

    @rule(name=NAMES, model=NAMES, count=st.integers(1, 9), weight=st.sampled_from([0.0, 0.5, 1.0, 7.0]))
    def create_config(self, name: str, model: str, count: int, weight: float) -> None:
        variant = {"VariantName": "main", "ModelName": model, "InstanceType": "ml.m5.large"}
        variant |= {"InitialInstanceCount": count, "InitialVariantWeight": weight}
        said, _ = self.call("CreateEndpointConfig", EndpointConfigName=name, ProductionVariants=[variant])
        known = self.configs.get(name.lower())
        if known:
            assert said == self.taken("endpoint-config", known[0])
        elif model.lower() not in self.models:
            assert said == self.missing("model", model)
        else:
            assert said == ""
            self.configs[name.lower()] = (name, model, count, weight)

    @rule(name=NAMES)
    def delete_config(self, name: str) -> None:
        said, _ = self.call("DeleteEndpointConfig", EndpointConfigName=name)
        assert said == ("" if self.configs.pop(name.lower(), None) else self.missing("endpoint-config", name))

    # -- endpoints -----------------------------------------------------------------------------------------------------

    def unusable(self, config: str) -> str:
        """Why a config can't be rolled out, if it can't."""
        known = self.configs.get(config.lower())
        if known is None:
            return self.missing("endpoint-config", config)
        return "" if known[1].lower() in self.models else self.missing("model", known[1])

    @rule(name=NAMES, config=NAMES, fails=st.booleans())
    def create_endpoint(self, name: str, config: str, fails: bool) -> None:
        known = self.endpoints.get(name.lower())
        expected = self.taken("endpoint", known.name) if known else self.unusable(config)
        if fails and not expected:
            self.sim.faults.fail_create(name, "broken")
        said, _ = self.call("CreateEndpoint", EndpointName=name, EndpointConfigName=config)
        assert said == expected
        if not said:
            shown, _, count, weight = self.configs[config.lower()]
            then = {"status": "Failed", "reason": "broken"} if fails else {"status": "InService"}
            made = Endpoint(name, shown, count, weight, "Creating", self.now + LASTS["Creating"], then)
            self.endpoints[name.lower()] = made
            self.tags[f"endpoint/{name}"] = {}

    def refusal(self, name: str, permitted: tuple[str, ...] = ("InService",)) -> str:
        known = self.endpoints.get(name.lower())
        if known is None:
            return self.missing("endpoint", name)
        if known.status in permitted:
            return ""
        return f'Cannot update in-progress endpoint "{ARN}:endpoint/{known.name}".'

    @rule(name=NAMES, config=NAMES, fails=st.booleans(), retain=st.booleans())
    def update_endpoint(self, name: str, config: str, fails: bool, retain: bool) -> None:
        expected = self.refusal(name)
        if not expected:
            live = self.endpoints[name.lower()]
            gone = "" if live.config.lower() in self.configs else self.missing("endpoint-config", live.config)
            first = "" if config.lower() in self.configs else self.missing("endpoint-config", config)
            expected = first or gone or self.unusable(config)
        if fails and not expected:
            self.sim.faults.fail_update(name, "no capacity")
        members = {"EndpointName": name, "EndpointConfigName": config, "RetainAllVariantProperties": retain}
        said, _ = self.call("UpdateEndpoint", **members)
        assert said == expected
        if not said:
            live = self.endpoints[name.lower()]
            shown, _, count, weight = self.configs[config.lower()]
            then: dict[str, Any] = {"status": "InService"}
            if fails:
                then["reason"] = "no capacity"
            else:
                then["config"] = shown
                then |= {} if retain else {"count": count, "weight": weight}
            live.status, live.reason, live.then, live.until = "Updating", "", then, self.now + LASTS["Updating"]

    @rule(name=NAMES, count=st.integers(1, 9), weight=st.sampled_from([0.0, 2.0, 8.0]))
    def rescale(self, name: str, count: int, weight: float) -> None:
        desired = [{"VariantName": "main", "DesiredInstanceCount": count, "DesiredWeight": weight}]
        said, _ = self.call(
            "UpdateEndpointWeightsAndCapacities", EndpointName=name, DesiredWeightsAndCapacities=desired
        )
        assert said == self.refusal(name)
        if not said:
            live = self.endpoints[name.lower()]
            live.status, live.reason, live.until = "Updating", "", self.now + LASTS["Scaling"]
            live.then = {"status": "InService", "count": count, "weight": weight}

    @rule(name=NAMES)
    def delete_endpoint(self, name: str) -> None:
        said, _ = self.call("DeleteEndpoint", EndpointName=name)
        assert said == self.refusal(name, ("InService", "Failed"))
        if not said:
            live = self.endpoints[name.lower()]
            live.status, live.until, live.then = "Deleting", self.now + LASTS["Deleting"], {}

    # -- tags --------------------------------------------------------------------------------------------------------

    @rule(
        kind=st.sampled_from(["model", "endpoint"]),
        name=NAMES,
        key=st.sampled_from("xyz"),
        value=st.text("pq", max_size=2),
    )
    def add_tag(self, kind: str, name: str, key: str, value: str) -> None:
        self.change_tags(kind, name, "AddTags", {key: value}, Tags=[{"Key": key, "Value": value}])

    @rule(kind=KINDS, name=NAMES, key=KEYS)
    def delete_tag(self, kind: str, name: str, key: str) -> None:
        self.change_tags(kind, name, "DeleteTags", {key: None}, TagKeys=[key])

    def change_tags(self, kind: str, name: str, operation: str, change: dict[str, str | None], **members: Any) -> None:
        known = (
            self.models.get(name.lower())
            if kind == "model"
            else getattr(self.endpoints.get(name.lower()), "name", None)
        )
        said, _ = self.call(operation, ResourceArn=f"{ARN}:{kind}/{name}", **members)
        assert said == ("" if known else self.missing(kind, name))
        if known:
            tags = self.tags[f"{kind}/{known}"]
            for key, value in change.items():
                tags.pop(key, None)
                if value is not None:
                    tags[key] = value

    # -- what can be read ----------------------------------------------------------------------------------------------

    @invariant()
    def endpoints_are_as_documented(self) -> None:
        for expected in self.endpoints.values():
            _, shown = self.call("DescribeEndpoint", EndpointName=expected.name)
            assert (shown["EndpointStatus"], shown["EndpointConfigName"]) == (expected.status, expected.config)
            assert shown.get("FailureReason", "") == expected.reason
            if expected.status == "InService":
                variant = shown["ProductionVariants"][0]
                assert (variant["CurrentInstanceCount"], variant["CurrentWeight"]) == (expected.count, expected.weight)
                now = self.sim.traffic(expected.name, region="us-east-1")
                assert (now.old.share, now.old.serving, now.new.running) == (1.0, expected.count, 0)

    @invariant()
    def lists_hold_everything_once_in_pages_of_two(self) -> None:
        for operation, member, name, expected in (
            ("ListModels", "Models", "ModelName", set(self.models.values())),
            ("ListEndpointConfigs", "EndpointConfigs", "EndpointConfigName", {c[0] for c in self.configs.values()}),
            ("ListEndpoints", "Endpoints", "EndpointName", {e.name for e in self.endpoints.values()}),
        ):
            seen: list[str] = []
            token: dict[str, str] = {}
            while True:
                _, page = self.call(operation, MaxResults=2, SortBy="Name", SortOrder="Ascending", **token)
                seen += [item[name] for item in page[member]]
                if "NextToken" not in page:
                    break
                token = {"NextToken": page["NextToken"]}
            assert seen == sorted(expected, key=str.lower)

    @invariant()
    def tags_are_what_was_set(self) -> None:
        for resource, expected in self.tags.items():
            _, shown = self.call("ListTags", ResourceArn=f"{ARN}:{resource}")
            assert {tag["Key"]: tag["Value"] for tag in shown["Tags"]} == expected


TestSageMaker = SageMaker.TestCase
TestSageMaker.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
