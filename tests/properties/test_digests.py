"""Laws of digests: order, defaults, empties and tags don't matter; every other change of a value does."""

from __future__ import annotations

import copy
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmeplan.canonical import DEFAULTS, UNORDERED, canonical
from mmeplan.identity import DIGEST_CHARS, digest, physical_name

LAW = settings(max_examples=150, derandomize=True, database=None)

MODEL: dict[str, Any] = {
    "Containers": [
        {
            "Image": "a",
            "Mode": "MultiModel",
            "ModelDataUrl": "s3://b/k/",
            "MultiModelConfig": {"ModelCacheSetting": "Disabled"},
            "ImageConfig": {"RepositoryAccessMode": "Vpc"},
            "Environment": {"A": "1", "B": "2"},
        },
        {"Image": "b", "ContainerHostname": "h"},
    ],
    "InferenceExecutionConfig": {"Mode": "Direct"},
    "ExecutionRoleArn": "arn",
    "EnableNetworkIsolation": True,
    "VpcConfig": {"Subnets": ["s1", "s2"], "SecurityGroupIds": ["g1"]},
}
CONFIG: dict[str, Any] = {
    "ProductionVariants": [
        {
            "VariantName": "v",
            "ModelName": "m",
            "InitialInstanceCount": 3,
            "InitialVariantWeight": 2.5,
            "EnableSSMAccess": True,
            "ManagedInstanceScaling": {"ScaleInPolicy": {"MaximumStepSize": 2, "CooldownInMinutes": 30}},
        },
        {"VariantName": "w", "ModelName": "n", "ServerlessConfig": {"MemorySizeInMB": 1024, "MaxConcurrency": 4}},
    ],
    "ShadowProductionVariants": [{"VariantName": "s", "ModelName": "m", "InitialVariantWeight": 2}],
    "DataCaptureConfig": {
        "InitialSamplingPercentage": 20,
        "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
        "CaptureContentTypeHeader": {"CsvContentTypes": ["text/csv", "text/plain"], "JsonContentTypes": ["a/json"]},
    },
    "AsyncInferenceConfig": {"OutputConfig": {"NotificationConfig": {"IncludeInferenceResponseIn": ["A", "B"]}}},
    "KmsKeyId": "k",
}
REQUESTS = {"model": MODEL, "endpoint_config": CONFIG}
kinds = st.sampled_from(sorted(REQUESTS))


def digest_of(kind: str, request: dict[str, Any]) -> str:
    return digest(kind, canonical(request))


def reordered(value: Any, chance: random.Random, member: str = "") -> Any:
    """The same request with every order that has no meaning changed."""
    if isinstance(value, dict):
        items = list(value.items())
        chance.shuffle(items)
        return {key: reordered(inner, chance, key) for key, inner in items}
    if isinstance(value, list):
        items = [reordered(item, chance) for item in value]
        if member in UNORDERED or member.endswith("ProductionVariants"):
            chance.shuffle(items)
        return items
    return value


def structures_of(value: Any, holder: str = "") -> list[tuple[str, dict[str, Any]]]:
    """(member that holds it, structure) for every structure but environments."""
    if isinstance(value, dict):
        inner = [pair for key, item in value.items() if key != "Environment" for pair in structures_of(item, key)]
        return [(holder, value), *inner]
    return [pair for item in value for pair in structures_of(item, holder)] if isinstance(value, list) else []


def leaves_of(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    return [path] if pairs is None else [leaf for key, inner in pairs for leaf in leaves_of(inner, (*path, key))]


@given(kinds, st.randoms(use_true_random=False))
@LAW
def test_order_without_meaning_does_not_matter(kind: str, chance: random.Random) -> None:
    assert digest_of(kind, reordered(REQUESTS[kind], chance)) == digest_of(kind, REQUESTS[kind])


@given(kinds, st.randoms(use_true_random=False))
@LAW
def test_defaults_and_empties_do_not_matter(kind: str, chance: random.Random) -> None:
    request = copy.deepcopy(REQUESTS[kind])
    for holder, structure in structures_of(request):
        for (of, member), default in DEFAULTS.items():
            if of == holder and member not in structure and chance.random() < 0.5:
                structure[member] = default
        if chance.random() < 0.5:
            structure["Extra"] = chance.choice([None, "", [], {}, {"Inner": None}])
    assert digest_of(kind, request) == digest_of(kind, REQUESTS[kind])


@pytest.mark.parametrize("kind", sorted(REQUESTS))
def test_every_other_change_of_a_value_changes_the_digest(kind: str) -> None:
    plain = digest_of(kind, REQUESTS[kind])
    seen = {plain}
    leaves = leaves_of(REQUESTS[kind])
    assert len(leaves) > 10
    for path in leaves:
        request = copy.deepcopy(REQUESTS[kind])
        holder: Any = request
        for part in path[:-1]:
            holder = holder[part]
        old = holder[path[-1]]
        holder[path[-1]] = not old if isinstance(old, bool) else old + 1 if isinstance(old, (int, float)) else old + "x"
        made = digest_of(kind, request)
        assert made not in seen, path
        seen.add(made)
        if isinstance(holder, dict) and path[-1] != "VariantName":
            del holder[path[-1]]
            assert digest_of(kind, request) != plain, path


@given(st.permutations(range(2)))
@LAW
def test_the_order_of_containers_matters(order: list[int]) -> None:
    request = {**MODEL, "Containers": [MODEL["Containers"][index] for index in order]}
    assert (digest_of("model", request) == digest_of("model", MODEL)) == (order == [0, 1])


@given(kinds, st.none() | st.text(), st.none() | st.text())
@LAW
def test_salts_and_kinds_are_part_of_the_digest(kind: str, one: str | None, other: str | None) -> None:
    content = canonical(REQUESTS[kind])
    assert (digest(kind, content, one) == digest(kind, content, other)) == (one == other)
    assert digest("model", content) != digest("endpoint_config", content)


@given(st.from_regex(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,199}", fullmatch=True), st.text("0123456789abcdef", min_size=64))
@LAW
def test_a_physical_name_fits_the_api_and_ends_in_the_digest(name: str, content_digest: str) -> None:
    made = physical_name(name, content_digest)
    assert len(made) <= 63
    assert made.endswith("-" + content_digest[:DIGEST_CHARS])
    base = made[: -DIGEST_CHARS - 1]
    assert name.startswith(base)
    assert not base.endswith("-")
