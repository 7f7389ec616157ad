"""Laws of `check`: it never raises, and it finds whatever botocore itself would refuse to send."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.validate import ParamValidator
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmeplan import graph, rules, spec
from mmeplan.errors import InputError
from mmeplan.kinds import kind_named
from mmeplan.spec.surface import Node, fleet_surface

TEXTS = (
    "",
    "x",
    "main_variant",
    "ranker",
    "s3://acme/ranker/",
    "s3://acme/ranker.tar.gz",
    "123456789012.dkr.ecr.us-east-1.amazonaws.com/x:1",
    "docker.io/x",
    "arn:aws:iam::210987654321:role/x",
    "arn:aws:sagemaker:eu-west-1:985815980388:model-package/x",
    "ml.g5.xlarge",
    "ml.inf1.xlarge",
    "ml.t2.medium",
    "MultiModel",
    "Vpc",
    "Gzip",
    "S3Prefix",
    "Direct",
    "CANARY",
    "LINEAR",
    "CAPACITY_PERCENT",
    "INSTANCE_COUNT",
    "InputAndOutput",
    "DataCaptureConfig",
    "y" * 300,
)
NUMBERS = (-1, 0, 1, 2, 60, 100, 101, 3600, 10**6)
SKIPPED = ("for_each", "renamed_from", "endpoint_config_name", "allow")


@lru_cache(maxsize=1)
def botocore_model() -> ServiceModel:
    return ServiceModel(Loader().load_service_model("sagemaker", "service-2"))


def botocore_refuses(operation: str, request: dict[str, Any]) -> bool:
    shape = botocore_model().operation_model(operation).input_shape
    return bool(ParamValidator().validate(without_nulls(request), shape).has_errors())


def without_nulls(value: Any) -> Any:
    """Null and absent are one in fleet.yaml (docs/fleet-yaml.md)."""
    if isinstance(value, dict):
        return {key: without_nulls(inner) for key, inner in value.items() if inner is not None}
    return [without_nulls(item) for item in value] if isinstance(value, list) else value


def values(node: Node, draw: st.DrawFn, depth: int = 0) -> Any:
    """A value of the right type for this place of the language, otherwise anything."""
    if node.kind in ("object", "either"):
        keys = [key for key in node.keys if key not in SKIPPED]
        most = 3 if depth > 1 else 6
        chosen = draw(st.lists(st.sampled_from(keys), unique=True, max_size=most)) if keys else []
        wanted = [key for key in (*node.required, *chosen) if key not in SKIPPED]
        return {key: values(node.keys[key], draw, depth + 1) for key in wanted if draw(st.integers(0, 9)) or depth == 0}
    assert node.item is not None or node.kind not in ("named", "map", "list")
    if node.kind in ("named", "map"):
        names = draw(st.lists(st.sampled_from(("one", "two", "three_3")), unique=True, max_size=2))
        return {name: values(node.item, draw, depth + 1) for name in names}  # type: ignore[arg-type]
    if node.kind == "list":
        return [values(node.item, draw, depth + 1) for _ in range(draw(st.integers(0, 2)))]  # type: ignore[arg-type]
    if node.kind == "integer":
        return draw(st.sampled_from(NUMBERS))
    if node.kind == "number":
        return draw(st.sampled_from((0, 0.5, 1, -1, 1e30)))
    if node.kind == "boolean":
        return draw(st.booleans())
    return draw(st.sampled_from(node.choices or TEXTS))


def referring(value: Any, models: list[str]) -> Any:
    """The value with every logical reference pointing to a model that there is."""
    if isinstance(value, dict):
        made = {key: referring(inner, models) for key, inner in value.items()}
        for key in ("model", "model_override"):
            if key in made:
                made[key] = models[len(str(made[key])) % len(models)]
        return made
    return [referring(item, models) for item in value] if isinstance(value, list) else value


@st.composite
def fleets(draw: st.DrawFn) -> dict[str, Any]:
    """A fleet file's content whose types and references are right, and nothing else need be."""
    surface = fleet_surface()

    def entry(section: str) -> Any:
        item = surface.keys[section].item
        assert item is not None
        return referring(values(item, draw), ["ranker", "searcher"])

    endpoints = {name: entry("endpoints") for name in draw(st.sampled_from((["a"], ["a", "b"])))}
    for endpoint in endpoints.values():
        endpoint.setdefault("config", "shared")
        if isinstance(endpoint["config"], dict):
            endpoint["config"].setdefault("production_variants", {"one": {"model": "ranker"}})
    return {
        "version": 1,
        "fleet": "any",
        "account": "123456789012",
        "region": draw(st.sampled_from(("eu-west-1", "cn-north-1"))),
        "allow": draw(st.dictionaries(st.sampled_from(("CFG-09", "CFG-06", "ALW-02", "no")), st.just("reason"))),
        "models": {"ranker": entry("models"), "searcher": entry("models")},
        "endpoint_configs": {"shared": entry("endpoint_configs")},
        "endpoints": endpoints,
    }


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(fleets())
def test_check_never_raises_no_rule_crashes_and_what_botocore_refuses_is_an_error(content: dict[str, Any]) -> None:
    try:
        fleet = spec.load_text(json.dumps(content).encode())
        compiled = graph.compile(fleet)
    except InputError:
        return  # refused before rules are asked

    found = rules.check(fleet, compiled)

    assert [finding.message for finding in found if finding.rule == "RULE-00"] == []
    assert found == sorted(found, key=lambda f: (f.line, f.column, f.rule, f.address, f.message))
    assert len(set(found)) == len(found)
    errors = {finding.address for finding in found if finding.severity == "error"}
    for resource in compiled.resources.values():
        if botocore_refuses(kind_named(resource.kind).create_operation, resource.request):
            assert resource.address in errors


VALID: dict[str, Any] = {
    "version": 1,
    "fleet": "valid",
    "region": "eu-west-1",
    "models": {
        "ranker": {
            "execution_role_arn": "arn:aws:iam::123456789012:role/sagemaker",
            "vpc_config": {"security_group_ids": ["sg-1"], "subnets": ["subnet-1", "subnet-2"]},
            "primary_container": {
                "image": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/ranker:1",
                "image_config": {"repository_access_mode": "Platform"},
                "model_data_source": {
                    "s3_data_source": {"s3_uri": "s3://acme/x/", "s3_data_type": "S3Prefix", "compression_type": "None"}
                },
            },
        }
    },
    "endpoints": {
        "ranker": {
            "config": {
                "production_variants": {
                    "main": {
                        "model": "ranker",
                        "instance_type": "ml.m5.xlarge",
                        "initial_instance_count": 2,
                        "volume_size_in_gb": 10,
                        "routing_config": {"routing_strategy": "RANDOM"},
                        "core_dump_config": {"destination_s3_uri": "s3://acme/dumps"},
                    }
                },
                "data_capture_config": {
                    "initial_sampling_percentage": 20,
                    "destination_s3_uri": "s3://acme/capture",
                    "capture_options": [{"capture_mode": "Input"}],
                },
            },
            "deployment_config": {
                "blue_green_update_policy": {
                    "traffic_routing_configuration": {
                        "type": "CANARY",
                        "canary_size": {"type": "CAPACITY_PERCENT", "value": 50},
                        "wait_interval_in_seconds": 300,
                    },
                    "maximum_execution_timeout_in_seconds": 3600,
                },
                "auto_rollback_configuration": {"alarms": [{"alarm_name": "ranker-5xx"}]},
            },
        }
    },
}


def paths(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Every place in a document."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(inner for key, item in items for inner in paths(item, (*path, key)))]


def changed(path: tuple[str | int, ...], replacement: Any) -> dict[str, Any]:
    """VALID with another value at the path, or without it (replacement is an ellipsis)."""
    made: dict[str, Any] = json.loads(json.dumps(VALID))
    holder: Any = made
    for part in path[:-1]:
        holder = holder[part]
    if replacement is ...:
        del holder[path[-1]]
    else:
        holder[path[-1]] = replacement
    return made


@settings(max_examples=400)
@given(
    st.sampled_from([path for path in paths(VALID) if path[:1] in (("models",), ("endpoints",)) and len(path) > 2]),
    st.sampled_from((..., None, "", "x", [], {}, -1, 0, 1.5, True, "z" * 3000)),
)
def test_whatever_makes_a_valid_request_one_that_botocore_refuses_is_refused_by_load_or_found_by_check(
    path: tuple[str | int, ...], replacement: Any
) -> None:
    try:
        fleet = spec.load_text(json.dumps(changed(path, replacement)).encode())
        compiled = graph.compile(fleet)
    except InputError:
        return

    errors = {finding.address for finding in rules.check(fleet, compiled) if finding.severity == "error"}

    refused = {
        resource.address
        for resource in compiled.resources.values()
        if botocore_refuses(kind_named(resource.kind).create_operation, resource.request)
    }
    assert refused <= errors


def test_the_valid_fleet_that_is_mutated_has_no_findings() -> None:
    fleet = spec.load_text(json.dumps(VALID).encode())

    assert rules.check(fleet, graph.compile(fleet)) == []
