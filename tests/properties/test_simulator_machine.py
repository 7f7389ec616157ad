"""The simulated SageMaker against the reference model, call by call: legality, statuses, config in force, counts,
weights, what is retained, deployments, tags and paging. `test_machine_planted_bugs` proves that it finds bugs.
"""

from __future__ import annotations

import json
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from mmeplan.simulator import Request, Response, Simulator
from tests.properties import sagemaker_model as reference
from tests.properties.sagemaker_model import ARN, SERVING, Config, Endpoint, missing, taken

ROLE = "arn:aws:iam::123456789012:role/x"
IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/x"
EPOCH_S = 1767225600
HALF = {"Type": "CAPACITY_PERCENT", "Value": 50}

NAMES = st.sampled_from(["a", "a", "a", "a", "b", "b", "b", "B"])
SELDOM = st.sampled_from([False, False, False, True])
"""Deletions end everything that rests on what they delete: rare ones let lives grow old."""
WAITS = st.sampled_from([0, 0, 700])
"""Seconds to wait after a call that sets something in motion: long enough for it to end, half of the time."""
WEIGHTS = st.sampled_from([0.0, 0.5, 1.0, 7.0])
VALUES = st.tuples(st.integers(1, 9), WEIGHTS)
FLEETS = st.one_of(
    st.fixed_dictionaries({"main": VALUES}),
    st.fixed_dictionaries({"main": VALUES}),
    st.fixed_dictionaries({"main": VALUES, "next": VALUES}),
)
EXCLUDED = st.sampled_from(
    [
        (),
        (),
        ("DesiredInstanceCount",),
        ("DesiredWeight",),
        ("DesiredInstanceCount", "DesiredWeight"),
        ("DataCaptureConfig",),
    ]
)


def blue_green(kind: str, wait: int, termination: int, **size: Any) -> dict[str, Any]:
    routing = {"Type": kind, "WaitIntervalInSeconds": wait, **size}
    return {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": routing, "TerminationWaitInSeconds": termination}}


DEPLOYMENTS = st.sampled_from(
    [
        *(None, None, None, blue_green("ALL_AT_ONCE", 0, 60), blue_green("CANARY", 60, 30, CanarySize=HALF)),
        blue_green("LINEAR", 45, 0, LinearStepSize=HALF),
        {"RollingUpdatePolicy": {"MaximumBatchSize": HALF, "WaitIntervalInSeconds": 30}},
    ]
)
TIMES = st.sampled_from([1, 29, 30, 59, 60, 61, 119, 180, 210, 240, 400, 700])
KINDS = st.sampled_from(["model", "endpoint-config", "endpoint"])


class SageMaker(RuleBasedStateMachine):
    """Rules are calls; the invariants compare everything that can be read."""

    def __init__(self) -> None:
        super().__init__()
        self.sim = Simulator.open()
        self.now = 0.0
        self.models: dict[str, str] = {}
        self.configs: dict[str, Config] = {}
        self.endpoints: dict[str, Endpoint] = {}
        self.tags: dict[str, dict[str, str]] = {}

    def teardown(self) -> None:
        self.sim.close()

    def call(self, operation: str, **members: Any) -> tuple[str, dict[str, Any]]:
        headers = {"X-Amz-Target": f"SageMaker.{operation}"}
        answer = self.sim.respond(Request("POST", "/", headers, json.dumps(members).encode()))
        body = json.loads(answer.body or b"{}")
        return ("" if answer.status == 200 else body["message"]), body

    @initialize(settled=SELDOM.map(lambda seldom: not seldom))
    def begin(self, settled: bool) -> None:
        """Most lives begin with an endpoint in service: what is deep lies nearer."""
        if settled:
            self.create_model("a")
            self.create_config("a", "a", {"main": (2, 1.0)})
            self.create_config("b", "a", {"main": (3, 7.0)})
            self.create_endpoint("a", "a", deployment=None, fails=False, wait=180)

    @rule(seconds=TIMES)
    def time_passes(self, seconds: int) -> None:
        self.sim.clock.sleep(seconds)
        self.now += seconds
        for key, endpoint in list(self.endpoints.items()):
            endpoint.settle(self.now)
            if endpoint.status == "gone":
                del self.endpoints[key]
                self.tags.pop(f"endpoint/{endpoint.name}")

    # -- what isn't simulated ----------------------------------------------------------------------------------------

    def signed(self, service: str, method: str, path: str, body: bytes, target: str = "") -> Response:
        """A call in the scope of a service."""
        credential = f"Credential=AKID/20260101/us-east-1/{service}/aws4_request"
        headers = {"Authorization": f"AWS4-HMAC-SHA256 {credential}, SignedHeaders=host, Signature=0"}
        headers |= {"X-Amz-Target": target} if target else {}
        return self.sim.respond(Request(method, f"http://127.0.0.1{path}", headers, body))

    @rule(name=NAMES, scope=st.sampled_from(["lookoutequipment", "sagemaker"]), own=st.booleans())
    def another_services_call_touches_no_model(self, name: str, scope: str, own: bool) -> None:
        target = "AWSLookoutEquipmentFrontendService" if own or scope == "sagemaker" else "SageMaker"
        answer = self.signed(scope, "POST", "/", json.dumps({"ModelName": name}).encode(), f"{target}.DeleteModel")
        assert answer.status == 400
        assert json.loads(answer.body)["__type"] == "UnknownOperationException"
        said, _ = self.call("DescribeModel", ModelName=name)
        assert said == ("" if name.lower() in self.models else missing("model", name))

    @rule(name=NAMES, asked=st.sampled_from(["legal-hold", "acl", "retention", "annotation&annotationName=a", "x"]))
    def what_s3_has_not_here_touches_no_object(self, name: str, asked: str) -> None:
        assert self.signed("s3", "PUT", f"/bucket/{name}", b"1").status == 200
        assert self.signed("s3", "PUT", f"/bucket/{name}?{asked}", b"<X/>").status == 501
        assert self.signed("s3", "GET", f"/bucket/{name}", b"").body == b"1"

    @rule(name=NAMES, tags=st.dictionaries(st.sampled_from("xyz"), st.text("pq", max_size=2)))
    def a_bucket_has_the_tags_of_the_last_call(self, name: str, tags: dict[str, str]) -> None:
        assert self.signed("s3", "PUT", f"/tagged/{name}", b"1").status == 200
        pairs = "".join(f"<Tag><Key>{key}</Key><Value>{value}</Value></Tag>" for key, value in sorted(tags.items()))
        told = f"<TagSet>{pairs}</TagSet>".encode()
        assert self.signed("s3", "PUT", "/tagged?tagging", b"<Tagging>" + told + b"</Tagging>").status == 204
        answer = self.signed("s3", "GET", "/tagged?tagging", b"")
        assert (told in answer.body) if tags else (b"NoSuchTagSet" in answer.body)
        assert b"<Tag>" not in self.signed("s3", "GET", f"/tagged/{name}?tagging", b"").body

    # -- models and configs ------------------------------------------------------------------------------------------

    @rule(name=NAMES)
    def create_model(self, name: str) -> None:
        said, _ = self.call("CreateModel", ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer={"Image": IMAGE})
        known = self.models.get(name.lower())
        assert said == (taken("model", known) if known else "")
        if not known:
            self.models[name.lower()] = name
            self.tags[f"model/{name}"] = {}

    @rule(name=NAMES, really=SELDOM)
    def delete_model(self, name: str, really: bool) -> None:
        if not really:
            return
        said, _ = self.call("DeleteModel", ModelName=name)
        known = self.models.pop(name.lower(), None)
        assert said == ("" if known else missing("model", name))
        self.tags.pop(f"model/{known}", None)

    @rule(name=NAMES, model=NAMES, fleet=FLEETS)
    def create_config(self, name: str, model: str, fleet: reference.Fleet) -> None:
        variants = [
            {
                "VariantName": variant,
                "ModelName": model,
                "InstanceType": "ml.m5.large",
                "InitialInstanceCount": count,
                "InitialVariantWeight": weight,
            }
            for variant, (count, weight) in fleet.items()
        ]
        said, _ = self.call("CreateEndpointConfig", EndpointConfigName=name, ProductionVariants=variants)
        known = self.configs.get(name.lower())
        if known:
            assert said == taken("endpoint-config", known.name)
        elif model.lower() not in self.models:
            assert said == missing("model", model)
        else:
            assert said == ""
            self.configs[name.lower()] = Config(name, dict(fleet), model)
            self.tags[f"endpoint-config/{name}"] = {}

    @rule(name=NAMES, really=SELDOM)
    def delete_config(self, name: str, really: bool) -> None:
        if not really:
            return
        said, _ = self.call("DeleteEndpointConfig", EndpointConfigName=name)
        known = self.configs.pop(name.lower(), None)
        assert said == ("" if known else missing("endpoint-config", name))
        self.tags.pop(f"endpoint-config/{known.name}" if known else "", None)

    # -- endpoints -----------------------------------------------------------------------------------------------------

    def unusable(self, config: str) -> str:
        """Why a config can't be rolled out, if it can't."""
        known = self.configs.get(config.lower())
        if known is None:
            return missing("endpoint-config", config)
        return "" if known.model.lower() in self.models else missing("model", known.model)

    @rule(name=NAMES, config=NAMES, deployment=DEPLOYMENTS, fails=SELDOM, wait=WAITS)
    def create_endpoint(self, name: str, config: str, deployment: Any, fails: bool, wait: int) -> None:
        known, used = self.endpoints.get(name.lower()), self.configs.get(config.lower())
        expected = taken("endpoint", known.name) if known else "" if used else missing("endpoint-config", config)
        expected = expected or self.misfit(deployment, used) or self.unusable(config)
        if fails and not expected:
            self.sim.faults.fail_create(name, "broken")
        more = {"DeploymentConfig": deployment} if deployment else {}
        said, _ = self.call("CreateEndpoint", EndpointName=name, EndpointConfigName=config, **more)
        assert said == expected
        if not said:
            made = Endpoint(name, self.configs[config.lower()].name, self.now, self.now, deployment=deployment)
            reference.create(made, self.configs[config.lower()], "broken" if fails else "", self.now)
            self.endpoints[name.lower()] = made
            self.tags[f"endpoint/{name}"] = {}
            self.time_passes(wait)

    def misfit(self, deployment: Any, config: Config | None, live: Config | None = None) -> str:
        """Why a deployment isn't for these configs, if it isn't."""
        if config and "RollingUpdatePolicy" in (deployment or {}) and len(config.fleet) > 1:
            return "RollingUpdatePolicy is not supported for endpoints with multiple production variants."
        if config and live and reference.is_gradual(deployment) and config.fleet.keys() != live.fleet.keys():
            return (
                "The new endpoint configuration must have the same variant names as the old endpoint configuration for "
                "a canary, linear or rolling deployment."
            )
        return ""

    def refusal(self, name: str, permitted: tuple[str, ...] = ("InService",)) -> str:
        known = self.endpoints.get(name.lower())
        if known is None:
            return missing("endpoint", name)
        if known.status in permitted:
            return ""
        return f'Cannot update in-progress endpoint "{ARN}:endpoint/{known.name}".'

    @rule(
        name=NAMES,
        config=NAMES,
        fails=st.sampled_from(["", "", "", "update", "update and rollback"]),
        retain=st.sampled_from([None, False, True, True]),
        excluded=EXCLUDED,
        deployment=DEPLOYMENTS,
        again=st.booleans(),
        wait=WAITS,
    )
    def update_endpoint(
        self,
        name: str,
        config: str,
        fails: str,
        retain: bool | None,
        excluded: tuple[str, ...],
        deployment: Any,
        again: bool,
        wait: int,
    ) -> None:
        expected, chosen, live = self.refusal(name), deployment, self.endpoints.get(name.lower())
        if not expected and live:
            chosen = live.deployment if deployment is None and again else deployment
            expected = "" if config.lower() in self.configs else missing("endpoint-config", config)
            gone = "" if live.config.lower() in self.configs else missing("endpoint-config", live.config)
            expected = expected or gone or self.unusable(config)
            ran = Config(live.config, live.desired, "")
            expected = expected or self.misfit(chosen, self.configs.get(config.lower()), ran)
        if fails and not expected:
            self.sim.faults.fail_update(name, "no capacity")
            if "rollback" in fails:
                self.sim.faults.fail_rollback(name, "no way back")
        members: dict[str, Any] = {"EndpointName": name, "EndpointConfigName": config}
        members |= {} if retain is None else {"RetainAllVariantProperties": retain}
        members |= {"DeploymentConfig": deployment} if deployment else {}
        members |= {"RetainDeploymentConfig": True} if again else {}
        members["ExcludeRetainedVariantProperties"] = [{"VariantPropertyType": kind} for kind in excluded]
        said, _ = self.call("UpdateEndpoint", **members)
        assert said == expected
        if not said and live:
            used = self.configs[config.lower()]
            fleet = reference.retained(used, live.desired, bool(retain), excluded)
            stuck = "no way back" if "rollback" in fails else ""
            reference.update(live, used, chosen, fleet, "no capacity" if fails else "", stuck, self.now)
            self.time_passes(wait)

    @rule(
        name=NAMES,
        variant=st.sampled_from(["main", "main", "next"]),
        count=st.none() | st.integers(0, 9),
        weight=st.none() | st.sampled_from([0.0, 2.0, 8.0]),
        fails=SELDOM,
        wait=WAITS,
    )
    def rescale(self, name: str, variant: str, count: int | None, weight: float | None, fails: bool, wait: int) -> None:
        desired: dict[str, Any] = {"VariantName": variant}
        desired |= {} if count is None else {"DesiredInstanceCount": count}
        desired |= {} if weight is None else {"DesiredWeight": weight}
        expected, live = self.refusal(name), self.endpoints.get(name.lower())
        if not expected and live and variant not in live.desired:
            where = f'endpoint configuration "{live.config}"'
            expected = f'The variant name(s) "{variant}" is/are not present within {where}.'
        if fails and not expected:
            self.sim.faults.fail_scaling(name, "no instances")
        operation = "UpdateEndpointWeightsAndCapacities"
        said, _ = self.call(operation, EndpointName=name, DesiredWeightsAndCapacities=[desired])
        assert said == expected
        if not said and live:
            was = live.desired[variant]
            wanted = {variant: (was[0] if count is None else count, was[1] if weight is None else weight)}
            reference.rescale(live, wanted, "no instances" if fails else "", self.now)
            self.time_passes(wait)

    @rule(values=VALUES, config=NAMES, retain=st.booleans(), excluded=EXCLUDED)
    def rescale_then_update(self, values: Any, config: str, retain: bool, excluded: tuple[str, ...]) -> None:
        """What is retained shows only where an update follows a re-scaling, and both come to their end."""
        self.rescale("a", "main", *values, fails=False, wait=60)
        self.update_endpoint("a", config, "", retain, excluded, None, again=False, wait=240)

    @rule(name=NAMES)
    def the_service_maintains(self, name: str) -> None:
        live = self.endpoints.get(name.lower())
        if live and live.status == "InService":
            self.sim.system_update(name, 60, region="us-east-1")
            live.begin("SystemUpdating", self.now, 60, reference.end("InService"))

    @rule(name=NAMES, really=SELDOM)
    def delete_endpoint(self, name: str, really: bool) -> None:
        if not really and self.refusal(name) == "":
            return  # one in service lives on, mostly
        said, _ = self.call("DeleteEndpoint", EndpointName=name)
        assert said == self.refusal(name, ("InService", "Failed", "UpdateRollbackFailed"))
        if not said:
            live = self.endpoints[name.lower()]
            live.begin("Deleting", self.now, reference.DELETING, reference.end("gone"))

    @rule(name=st.sampled_from(["a", "b", "B"]))
    def invoke(self, name: str) -> None:
        request = Request("POST", f"/endpoints/{name}/invocations", {}, b"x")
        live = self.endpoints.get(name.lower())
        serves = live is not None and live.name == name and live.status in SERVING
        weighs = live is not None and sum(weight for _, weight in (live.current or {}).values()) > 0
        if live is None or live.status != "Updating" or not live.pending:  # else the new fleet's weights matter too
            assert self.sim.respond(request).status == (400 if not serves else 200 if weighs else 503)

    # -- tags --------------------------------------------------------------------------------------------------------

    @rule(kind=KINDS, name=NAMES, tags=st.dictionaries(st.sampled_from("xyz"), st.text("pq", max_size=2), min_size=1))
    def add_tags(self, kind: str, name: str, tags: dict[str, str]) -> None:
        sent = [{"Key": key, "Value": value} for key, value in tags.items()]
        self.change_tags(kind, name, "AddTags", tags, Tags=sent)

    @rule(kind=KINDS, name=NAMES, key=st.sampled_from("xyz"))
    def delete_tag(self, kind: str, name: str, key: str) -> None:
        self.change_tags(kind, name, "DeleteTags", {key: None}, TagKeys=[key])

    def change_tags(self, kind: str, name: str, operation: str, change: Any, **members: Any) -> None:
        holders: dict[str, Any] = {"model": self.models, "endpoint-config": self.configs, "endpoint": self.endpoints}
        found = holders[kind].get(name.lower())
        known = getattr(found, "name", found)
        said, _ = self.call(operation, ResourceArn=f"{ARN}:{kind}/{name}", **members)
        assert said == ("" if known else missing(kind, name))
        if known:
            tags = self.tags[f"{kind}/{known}"] | change
            self.tags[f"{kind}/{known}"] = {key: value for key, value in tags.items() if value is not None}

    # -- paging ------------------------------------------------------------------------------------------------------

    @rule(size=st.integers(1, 2), really=SELDOM)
    def a_token_survives_the_deletion_of_the_next_item(self, size: int, really: bool) -> None:
        newest = list(reversed(self.models.values()))
        _, first = self.call("ListModels", MaxResults=size)
        assert [item["ModelName"] for item in first["Models"]] == newest[:size]
        assert ("NextToken" in first) == (len(newest) > size)
        if len(newest) > size and really:
            self.delete_model(newest[size], really=True)
            _, second = self.call("ListModels", MaxResults=100, NextToken=first["NextToken"])
            assert [item["ModelName"] for item in second["Models"]] == newest[size + 1 :]

    @rule(
        status=st.sampled_from(["InService", "Failed", "Updating", "Creating"]), text=st.sampled_from(["a", "B", "g"])
    )
    def lists_are_filtered(self, status: str, text: str) -> None:
        found = [e for e in self.endpoints.values() if e.status == status and text.lower() in e.name.lower()]
        _, shown = self.call("ListEndpoints", StatusEquals=status, NameContains=text, SortBy="CreationTime")
        assert [item["EndpointName"] for item in shown["Endpoints"]] == [e.name for e in reversed(found)]
        after = [e.name for e in self.endpoints.values() if e.modified > self.now - 60]
        moment = EPOCH_S + self.now - 60
        _, shown = self.call("ListEndpoints", LastModifiedTimeAfter=moment, SortOrder="Ascending")
        assert [item["EndpointName"] for item in shown["Endpoints"]] == after

    # -- what can be read ----------------------------------------------------------------------------------------------

    @invariant()
    def endpoints_are_as_documented(self) -> None:
        for expected in self.endpoints.values():
            _, shown = self.call("DescribeEndpoint", EndpointName=expected.name)
            assert (shown["EndpointStatus"], shown["EndpointConfigName"]) == (expected.status, expected.config)
            assert shown.get("FailureReason", "") == expected.reason
            assert shown.get("LastDeploymentConfig") == expected.deployment
            assert shown.get("PendingDeploymentSummary", {}).get("EndpointConfigName", "") == expected.pending
            assert shown["LastModifiedTime"] - EPOCH_S == expected.modified
            variants = {variant["VariantName"]: variant for variant in shown.get("ProductionVariants", ())}
            if expected.current is None or expected.mixed:
                assert bool(variants) == (expected.current is not None)
                continue
            current = {n: (v["CurrentInstanceCount"], v["CurrentWeight"]) for n, v in variants.items()}
            desired = {n: (v["DesiredInstanceCount"], v["DesiredWeight"]) for n, v in variants.items()}
            assert (current, desired) == (expected.current, expected.desired)
            if expected.status == "InService":
                now = self.sim.traffic(expected.name, region="us-east-1")
                serving = sum(count for count, _ in expected.current.values())
                assert (now.old.share, now.old.serving, now.new.running) == (1.0, serving, 0)

    @invariant()
    def lists_hold_everything_once_in_pages_of_two(self) -> None:
        for operation, member, name, expected in (
            ("ListModels", "Models", "ModelName", set(self.models.values())),
            ("ListEndpointConfigs", "EndpointConfigs", "EndpointConfigName", {c.name for c in self.configs.values()}),
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
TestSageMaker.settings = settings(max_examples=150, stateful_step_count=40)
