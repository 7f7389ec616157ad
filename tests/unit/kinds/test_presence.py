"""Structures whose presence says something stay in the canonical form; empty ones that say nothing don't."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import botocore.session
import pytest

from mmeplan.canonical import BY_NAME, DEFAULTS, REQUIRED, canonical, first_form
from mmeplan.identity import digest, digests

EMPTY_IS_ABSENT: Final = {
    ("", "PrimaryContainer"): "CreateModel refuses a container without an image or a package",
    ("", "AsyncInferenceConfig"): "botocore requires OutputConfig in it",
    ("", "ExplainerConfig"): "names no explainer",
    ("", "DeploymentConfig"): "all at once, as without it",
    ("", "MetricsConfig"): "its two members have defaults",
    ("PrimaryContainer", "ModelDataSource"): "names no source",
    ("PrimaryContainer", "MultiModelConfig"): "ModelCacheSetting has a default",
    ("PrimaryContainer", "ContainerMetricsConfig"): "asks for nothing",
    ("Containers", "ModelDataSource"): "names no source",
    ("Containers", "MultiModelConfig"): "ModelCacheSetting has a default",
    ("Containers", "ContainerMetricsConfig"): "asks for nothing",
    ("ProductionVariants", "ManagedInstanceScaling"): "Status is what enables it",
    ("ShadowProductionVariants", "ManagedInstanceScaling"): "Status is what enables it",
    ("RoutingConfig", "PrefixAwareRoutingConfig"): "RoutingStrategy is what chooses it",
    ("ProductionVariants", "CapacityReservationConfig"): "states no preference",
    ("ShadowProductionVariants", "CapacityReservationConfig"): "states no preference",
    ("DataCaptureConfig", "CaptureContentTypeHeader"): "names no content type",
    ("AsyncInferenceConfig", "ClientConfig"): "its member has a default",
    ("OutputConfig", "NotificationConfig"): "names no topic",
    ("ExplainerConfig", "ClarifyExplainerConfig"): "botocore requires ShapConfig in it",
    ("ClarifyExplainerConfig", "InferenceConfig"): "its members have defaults",
    ("DeploymentConfig", "AutoRollbackConfiguration"): "names no alarm",
}
"""(Structure, member) → why an empty one and none are the same request, or can't be one."""


def _empty(shape: Any) -> Any:
    """The smallest value of a structure: its required members, each as small; None where one can't be empty."""
    if shape.type_name == "structure":
        inner = {member: _empty(shape.members[member]) for member in shape.required_members}
        return None if None in inner.values() else inner
    return {} if shape.type_name == "map" else None


def _structures(shape: Any, holder: str, path: tuple[str, ...]) -> Iterator[tuple[str, str, tuple[str, ...], Any]]:
    """(Holder, member, path, smallest value) of every structure below a shape that may be all but empty."""
    if shape.type_name == "list":
        yield from _structures(shape.member, holder, path)
    elif shape.type_name == "structure":
        for member, inner in shape.members.items():
            if inner.type_name == "structure" and _empty(inner) is not None:
                yield holder, member, (*path, member), _empty(inner)
            yield from _structures(inner, member, (*path, member))


_MODEL: Final = botocore.session.get_session().get_service_model("sagemaker")
_FOUND: Final = [
    found
    for operation in ("CreateModel", "CreateEndpointConfig", "CreateEndpoint")
    for found in _structures(_MODEL.operation_model(operation).input_shape, "", ())
]


def _request(path: tuple[str, ...], value: Any) -> dict[str, Any]:
    """A request in which that member of every list item and structure on the way is present."""
    inner = value
    for member in reversed(path):
        named = {"VariantName": "v"} if member.endswith("Variants") else {}
        inner = {member: [{**inner, **named}] if member in ("Containers",) or named else inner}
    return dict(inner)


@pytest.mark.parametrize(("holder", "member", "path", "value"), _FOUND, ids=[".".join(found[2]) for found in _FOUND])
def test_a_structure_that_may_be_empty_is_told_from_none_or_there_is_a_reason(
    holder: str, member: str, path: tuple[str, ...], value: Any
) -> None:
    present = canonical(_request(path, value))
    absent = canonical(_request(path[:-1], {}) if path[:-1] else {})
    is_required = REQUIRED.get(holder) == member  # the outer one alone says it
    says_something = value != {} and not is_required
    assert (present != absent) is says_something
    assert says_something or is_required or (holder, member) in EMPTY_IS_ABSENT


def _leaves(shape: Any, holder: str, path: tuple[str, ...]) -> Iterator[tuple[str, tuple[str, ...], Any]]:
    """(Holder, path, shape) of every member below a shape that isn't a structure itself."""
    if shape.type_name == "list":
        yield from _leaves(shape.member, holder, path)
        return
    for member, inner in shape.members.items():
        of_structures = inner.type_name == "list" and inner.member.type_name == "structure"
        if inner.type_name == "structure" or of_structures:
            yield from _leaves(inner, member, (*path, member))
        elif member != "VariantName":  # a variant is keyed by it
            yield holder, (*path, member), inner


def _values(shape: Any) -> list[Any]:
    """Different values of a member, those that look like nothing among them."""
    if shape.type_name == "list":
        return [[value] for value in _values(shape.member)]
    of_type: dict[str, list[Any]] = {
        "string": list(shape.enum)[:3] if getattr(shape, "enum", None) else ["a", "b"],
        "integer": [0, 1, 2],
        "float": [0.0, 0.5, 1.0],
        "boolean": [True, False],
        "map": [{"key": "a"}, {"key": ""}, {"other": "a"}],
    }
    return of_type[shape.type_name]


_LEAVES: Final = [
    leaf
    for operation in ("CreateModel", "CreateEndpointConfig", "CreateEndpoint")
    for leaf in _leaves(_MODEL.operation_model(operation).input_shape, "", ())
    if "Tags" not in leaf[1]
]


@pytest.mark.parametrize(("holder", "path", "shape"), _LEAVES, ids=[".".join(path) for _, path, _ in _LEAVES])
def test_every_value_of_every_member_is_told_from_every_other_and_from_none(
    holder: str, path: tuple[str, ...], shape: Any
) -> None:
    """But for documented defaults, which are what the service does with none."""
    digests_of = {"none": digest("any", canonical(_request(path[:-1], {}) if path[:-1] else {}))}
    for value in _values(shape):
        if DEFAULTS.get((holder, path[-1])) != value or isinstance(value, bool) is not isinstance(
            DEFAULTS.get((holder, path[-1])), bool
        ):
            digests_of[repr(value)] = digest("any", canonical(_request(path, value)))
    assert len(set(digests_of.values())) == len(digests_of) > 1


ASYNC: Final = {"AsyncInferenceConfig": {"OutputConfig": {}}}
CLARIFY: Final = {"ExplainerConfig": {"ClarifyExplainerConfig": {"ShapConfig": {"ShapBaselineConfig": {}}}}}


def test_asynchronous_explained_and_plain_endpoints_have_three_digests() -> None:
    plain = {"ProductionVariants": [{"VariantName": "v", "ModelName": "m"}]}
    contents = [canonical({**plain, **more}) for more in ({}, ASYNC, CLARIFY)]
    assert len({digest("endpoint_config", content) for content in contents}) == 3


def test_an_answer_without_the_required_structure_means_the_empty_one() -> None:
    assert canonical({"AsyncInferenceConfig": {}}) == canonical(ASYNC) == ASYNC
    assert canonical({"ExplainerConfig": {"ClarifyExplainerConfig": {}}}) == canonical(CLARIFY) == CLARIFY
    assert canonical({"ExplainerConfig": {}}) == canonical({"AsyncInferenceConfig": None}) == {}


def test_the_digest_of_an_earlier_release_is_accepted_for_what_it_left_out() -> None:
    content = canonical({"ProductionVariants": [{"VariantName": "v", "ModelName": "m"}], **ASYNC})
    earlier = {"ProductionVariants": {"v": {"ModelName": "m"}}}
    assert first_form(content) == earlier
    assert digests("endpoint_config", content) == (
        digest("endpoint_config", content),
        digest("endpoint_config", earlier),
    )
    assert digests("endpoint_config", earlier) == (digest("endpoint_config", earlier),)


def test_empty_environment_values_stay_in_the_first_form() -> None:
    assert first_form({"PrimaryContainer": {"Environment": {"A": ""}}}) == {
        "PrimaryContainer": {"Environment": {"A": ""}}
    }


def test_the_order_of_named_sources_has_no_meaning() -> None:
    def model(*channels: str) -> dict[str, Any]:
        sources = [{"ChannelName": channel, "S3DataSource": {"S3Uri": f"s3://b/{channel}/"}} for channel in channels]
        return canonical({"PrimaryContainer": {"Image": "i", "AdditionalModelDataSources": sources}})

    assert model("a", "b") == model("b", "a")
    assert digest("model", model("a", "b")) == digest("model", model("b", "a"))
    assert model("a", "b") != model("a", "c")


def test_the_lists_of_named_structures_in_the_shapes_are_known() -> None:
    """A new list of structures with a name in each is to be decided on: has its order a meaning?"""
    named = set()

    def walk(shape: Any, member: str) -> None:
        if shape.type_name == "list":
            inner = shape.member
            if inner.type_name == "structure" and any(name.endswith("Name") for name in inner.required_members):
                named.add(member)
            walk(inner, member)
        elif shape.type_name == "structure":
            for name, inner in shape.members.items():
                walk(inner, name)

    for operation in ("CreateModel", "CreateEndpointConfig", "CreateEndpoint"):
        walk(_MODEL.operation_model(operation).input_shape, "")
    assert named == {"ProductionVariants", "ShadowProductionVariants", *BY_NAME}
