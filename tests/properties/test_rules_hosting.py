"""Laws of the rules over every kind of hosting: what is valid has no error, what is just beyond a bound has the right
one, and what the simulated SageMaker refuses by the request alone, `check` has found.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmeplan import graph, rules, spec
from mmeplan.aws.shapes import service
from mmeplan.errors import InputError
from mmeplan.kinds import kind_named
from mmeplan.plan import Finding
from mmeplan.simulator import Request, Simulator
from tests.properties.hosting import KINDS, Fleet, skeleton, valid_fleets
from tests.properties.test_rules import fleets
from tests.rules.combinations import MATRIX, canary, data_capture, rolling, vpc


def compiled(fleet: Fleet | bytes) -> tuple[spec.Fleet, graph.Graph]:
    loaded = spec.load_text(fleet if isinstance(fleet, bytes) else json.dumps(fleet).encode())
    return loaded, graph.compile(loaded)


def errors_of(fleet: Fleet) -> list[Finding]:
    return [finding for finding in rules.check(*compiled(fleet)) if finding.severity == "error"]


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(KINDS).flatmap(valid_fleets))
def test_a_valid_fleet_of_any_kind_has_no_error(fleet: Fleet) -> None:
    assert errors_of(fleet) == []


# --- just beyond the bounds -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Bound:
    """A place of a valid fleet, the shape that bounds it, and the rule that says so. `item` makes the n-th entry."""

    rule: str
    kind: str
    place: str
    shape: str
    prepare: Callable[[Fleet], None] = lambda _: None
    item: Callable[[int], Any] = str

    def __str__(self) -> str:
        return f"{self.rule}-{self.place.rpartition('.')[2]}"

    def beyond(self) -> list[Any]:
        """Values just outside of what botocore's shape allows."""
        shape = service().shapes[self.shape]
        least, most = shape.get("min"), shape.get("max")
        if "enum" in shape:
            return [f"{shape['enum'][0]}x", shape["enum"][-1].swapcase()]
        if shape["type"] in ("integer", "float", "long"):
            return [
                bound
                for bound in (None if least is None else least - 1, None if most is None else most + 1)
                if bound is not None
            ]
        sizes = [
            size for size in ((least or 0) - 1, None if most is None else most + 1) if size is not None and size >= 0
        ]
        if shape["type"] == "string":
            return ["x" * size for size in sizes]
        if shape["type"] == "map":
            return [dict(self.item(number) for number in range(size)) for size in sizes]
        return [[self.item(number) for number in range(size)] for size in sizes]


ROLE = "models.ranker.execution_role_arn"
BOX = "models.ranker.primary_container"
CONFIG = "endpoints.ranker.config"
MAIN = f"{CONFIG}.production_variants.main"
CAPTURE = f"{CONFIG}.data_capture_config"
ROUTING = "endpoints.ranker.deployment_config.blue_green_update_policy"
ALARMS = "endpoints.ranker.deployment_config.auto_rollback_configuration.alarms"

BOUNDS = [
    Bound("NAM-01", "single", "models.ranker.name", "ModelName"),
    Bound("NAM-02", "single", f"{CONFIG}.name", "EndpointConfigName"),
    Bound("NAM-03", "single", "endpoints.ranker.name", "EndpointName"),
    Bound("NAM-05", "direct", "models.ranker.containers.0.container_hostname", "ContainerHostname"),
    Bound("TAG-02", "single", "endpoints.ranker.tags.team", "TagValue"),
    Bound("ARN-01", "single", ROLE, "RoleArn"),
    Bound("KMS-01", "single", f"{CONFIG}.kms_key_id", "KmsKeyId"),
    Bound(
        "MDL-02",
        "pipeline",
        "models.ranker.containers",
        "ContainerDefinitionList",
        item=lambda n: {"image": f"e/{n}:1"},
    ),
    Bound("MDL-05", "single", f"{BOX}.image", "ContainerImage"),
    Bound("MDL-12", "single", f"{BOX}.environment", "EnvironmentMap", item=lambda n: (f"K{n}", "v")),
    Bound("MDL-14", "single", f"{BOX}.environment.KEY", "EnvironmentValue"),
    Bound("MDL-18", "single", f"{BOX}.model_data_url", "Url"),
    Bound("MDL-29", "single", f"{BOX}.mode", "ContainerMode"),
    Bound("MDL-31", "single", "models.ranker.vpc_config.subnets", "Subnets", vpc, lambda n: f"subnet-{n}"),
    Bound(
        "MDL-31",
        "single",
        "models.ranker.vpc_config.security_group_ids",
        "VpcSecurityGroupIds",
        vpc,
        lambda n: f"sg-{n}",
    ),
    Bound("MME-06", "multi-model", f"{BOX}.multi_model_config.model_cache_setting", "ModelCacheSetting"),
    Bound("PIP-03", "direct", "models.ranker.inference_execution_config.mode", "InferenceExecutionMode"),
    Bound("CFG-06", "single", f"{MAIN}.instance_type", "ProductionVariantInstanceType"),
    Bound("CFG-08", "single", f"{MAIN}.initial_instance_count", "InitialTaskCount"),
    Bound("CFG-10", "single", f"{MAIN}.initial_variant_weight", "VariantWeight"),
    Bound("CFG-15", "single", f"{MAIN}.volume_size_in_gb", "ProductionVariantVolumeSizeInGB"),
    Bound(
        "CFG-19",
        "single",
        f"{MAIN}.model_data_download_timeout_in_seconds",
        "ProductionVariantModelDataDownloadTimeoutInSeconds",
    ),
    Bound(
        "CFG-20",
        "single",
        f"{MAIN}.container_startup_health_check_timeout_in_seconds",
        "ProductionVariantContainerStartupHealthCheckTimeoutInSeconds",
    ),
    Bound("CFG-23", "single", f"{MAIN}.inference_ami_version", "ProductionVariantInferenceAmiVersion"),
    Bound("CFG-26", "single", f"{MAIN}.routing_config.routing_strategy", "RoutingStrategy"),
    Bound("SLS-01", "serverless", f"{MAIN}.serverless_config.memory_size_in_mb", "ServerlessMemorySizeInMB"),
    Bound("SLS-02", "serverless", f"{MAIN}.serverless_config.max_concurrency", "ServerlessMaxConcurrency"),
    Bound(
        "SLS-03", "serverless", f"{MAIN}.serverless_config.provisioned_concurrency", "ServerlessProvisionedConcurrency"
    ),
    Bound(
        "ASY-03",
        "async",
        f"{CONFIG}.async_inference_config.client_config.max_concurrent_invocations_per_instance",
        "MaxConcurrentInvocationsPerInstance",
    ),
    Bound("CAP-02", "single", f"{CAPTURE}.initial_sampling_percentage", "SamplingPercentage", data_capture),
    Bound(
        "CAP-04",
        "single",
        f"{CAPTURE}.capture_options",
        "CaptureOptionList",
        data_capture,
        lambda _: {"capture_mode": "Input"},
    ),
    Bound("DEP-05", "single", f"{ROUTING}.traffic_routing_configuration.canary_size.type", "CapacitySizeType", canary),
    Bound(
        "DEP-05", "single", f"{ROUTING}.traffic_routing_configuration.canary_size.value", "CapacitySizeValue", canary
    ),
    Bound("DEP-08", "single", f"{ROUTING}.termination_wait_in_seconds", "TerminationWaitInSeconds", canary),
    Bound(
        "DEP-09",
        "single",
        f"{ROUTING}.maximum_execution_timeout_in_seconds",
        "MaximumExecutionTimeoutInSeconds",
        canary,
    ),
    Bound(
        "DEP-12",
        "single",
        "endpoints.ranker.deployment_config.rolling_update_policy.wait_interval_in_seconds",
        "WaitIntervalInSeconds",
        rolling,
    ),
    Bound("DEP-15", "single", ALARMS, "AlarmList", canary, lambda n: {"alarm_name": f"a{n}"}),
    Bound("DEP-15", "single", f"{ALARMS}.0.alarm_name", "AlarmName", canary),
    Bound(
        "CFG-33",
        "component",
        f"{MAIN}.managed_instance_scaling.max_instance_count",
        "ManagedInstanceScalingMaxInstanceCount",
    ),
]


def put(fleet: Fleet, place: str, value: Any) -> None:
    """Set the value at a dotted place, making the mappings on the way."""
    *parents, last = place.split(".")
    holder: Any = fleet
    for part in parents:
        holder = holder[int(part)] if part.isdigit() else holder.setdefault(part, {})
    holder[last] = value


@pytest.mark.parametrize("bound", BOUNDS, ids=str)
def test_a_value_just_beyond_its_bound_is_found_at_its_place_by_the_right_rule(bound: Bound) -> None:
    values = bound.beyond()
    assert values
    for value in values:
        fleet = skeleton(bound.kind)
        bound.prepare(fleet)
        put(fleet, bound.place, value)
        found = errors_of(fleet)

        assert bound.rule in {finding.rule for finding in found}, (value, found)


@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_a_bound_broken_anywhere_in_a_valid_fleet_is_found(data: st.DataObject) -> None:
    bound = data.draw(st.sampled_from(BOUNDS))
    fleet = data.draw(valid_fleets(bound.kind))
    bound.prepare(fleet)
    put(fleet, bound.place, data.draw(st.sampled_from(bound.beyond())))

    assert bound.rule in {finding.rule for finding in errors_of(fleet)}


@pytest.mark.parametrize(
    ("rule", "prepare", "place", "good", "bad"),
    [
        ("DEP-06", canary, f"{ROUTING}.traffic_routing_configuration.canary_size.value", 50, 51),
        (
            "DEP-13",
            rolling,
            "endpoints.ranker.deployment_config.rolling_update_policy.maximum_batch_size.value",
            50,
            51,
        ),
        ("DEP-13", rolling, "endpoints.ranker.deployment_config.rolling_update_policy.maximum_batch_size.value", 5, 4),
        ("DEP-10", canary, f"{ROUTING}.maximum_execution_timeout_in_seconds", 601, 300),
        ("CFG-34", lambda _: None, f"{CONFIG}.metrics_config.metric_publish_frequency_in_seconds", 300, 301),
        ("MDL-15", lambda _: None, f"{BOX}.environment", {f"K{n:02}": "x" * 1021 for n in range(32)}, None),
    ],
)
def test_a_documented_bound_that_no_shape_has_is_exact(
    rule: str, prepare: Callable[[Fleet], None], place: str, good: Any, bad: Any
) -> None:
    fleet = skeleton("single")
    prepare(fleet)
    put(fleet, place, good)
    assert rule not in {finding.rule for finding in errors_of(fleet)}

    put(fleet, place, bad if bad is not None else {**good, "K": "x"})
    assert rule in {finding.rule for finding in errors_of(fleet)}


# --- beside the simulated SageMaker -----------------------------------------------------------------------------------


def refusals(desired: graph.Graph) -> dict[str, str]:
    """Address → why the simulated SageMaker refuses to create it, of those that rest on nothing that is missing."""
    refused: dict[str, str] = {}
    with Simulator.open() as simulator:
        for address in desired.order():
            resource = desired.resources[address]
            rests_on = [reference.address for reference in resource.references]
            if any(at is None or at in refused for at in rests_on):
                refused[address] = ""  # another's fault
                continue
            answer = simulator.respond(create(resource.kind, without_nulls(resource.request)))
            if answer.status >= 300:
                told = json.loads(answer.body)
                refused[address] = str(told.get("message") or told.get("Message"))
            simulator.clock.sleep(3600)  # what is part of an endpoint needs it in service
    return {address: why for address, why in refused.items() if why}


def create(kind: str, body: Any) -> Request:
    found = kind_named(kind)
    target = {"sagemaker": "SageMaker", "application-autoscaling": "AnyScaleFrontendService"}[found.service]
    scope = f"AKIDEXAMPLE/20260101/eu-west-1/{found.service}/aws4_request"
    headers = {
        "X-Amz-Target": f"{target}.{found.create_operation}",
        "Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0",
    }
    return Request("POST", "https://api.sagemaker.eu-west-1.amazonaws.com/", headers, json.dumps(body).encode())


def without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_nulls(inner) for key, inner in value.items() if inner is not None}
    return [without_nulls(item) for item in value] if isinstance(value, list) else value


def assert_found(fleet: Fleet | bytes) -> int:
    """Whatever the simulated SageMaker refuses has an error that points to it or into it, or names it; how many."""
    loaded, desired = compiled(fleet)
    errors = [finding for finding in rules.check(loaded, desired) if finding.severity == "error"]
    refused = refusals(desired)
    places = {at: spec.dotted(desired.resources[at].entry.path) for at in refused}
    found = {
        at
        for at, place in places.items()
        if any(at == e.address or at in e.message.split() or e.path.startswith(f"{place}.") for e in errors)
    }
    assert refused.keys() <= found, {address: why for address, why in refused.items() if address not in found}
    return len(refused)


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(fleets())
def test_what_the_simulator_refuses_of_an_arbitrary_fleet_is_an_error(content: Fleet) -> None:
    try:
        compiled(content)
    except InputError:
        return  # refused before rules are asked
    assert_found(content)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(KINDS).flatmap(valid_fleets))
def test_the_simulator_takes_every_valid_fleet(fleet: Fleet) -> None:
    assert refusals(compiled(fleet)[1]) == {}


@pytest.mark.parametrize("bound", BOUNDS, ids=str)
def test_what_the_simulator_refuses_beyond_a_bound_is_an_error(bound: Bound) -> None:
    for value in bound.beyond():
        fleet = skeleton(bound.kind)
        bound.prepare(fleet)
        put(fleet, bound.place, copy.deepcopy(value))
        assert_found(fleet)


WARNED = {
    "PIP-05": "documented for several containers only: whether SageMaker refuses it for one, nobody says",
    "REG-01": "its region is none that AWS has, and so not the simulated account's",
}
"""Rules that warn of what the simulated SageMaker refuses, and why they don't call it an error."""


def test_what_the_simulator_refuses_of_the_matrix_and_of_bad_examples_is_an_error() -> None:
    examples = [rule.bad.encode() for rule in rules.all_rules() if rule.bad and rule.id not in WARNED]

    assert sum(assert_found(text) for text in [*(cell.of() for cell in MATRIX), *examples]) > 50
