"""One spelling for requests that mean the same: what digests are taken over and what the diff compares.

In: a Create request, or a Describe answer. Out: plain data in which documented defaults, nulls and empty containers are
left out (but for structures whose presence says something), lists of named things are keyed by name, lists without a
meaningful order are sorted, and floats are float32.

Everything here goes by member *names*, not by botocore's shapes, because digests are a contract: an upgrade of botocore
must not roll anybody's fleet. Sources of the rules: docs/sagemaker.md, "What Describe returns that was not sent".
"""

from __future__ import annotations

import struct
from typing import Any, Final

from mmeplan.aws.variants import KEYED

Canonical = dict[str, Any]

UNORDERED: Final = frozenset(
    {
        "Alarms",
        "CaptureOptions",
        "CsvContentTypes",
        "ExcludeRetainedVariantProperties",
        "IncludeInferenceResponseIn",
        "JsonContentTypes",
        "SecurityGroupIds",
        "Subnets",
    }
)
"""Lists whose order has no meaning."""

BY_NAME: Final = {"AdditionalModelDataSources": "ChannelName"}
"""Lists of structures whose order has no meaning, because each has a name of its own; sorted by it.

Source: botocore, AdditionalModelDataSource, "ChannelName": the folder under which the container finds the source.
"""

DEFAULTS: Final[dict[tuple[str, str], Any]] = {
    # (member that holds the structure, member): the API's documented default. "" is the request itself.
    ("", "EnableNetworkIsolation"): False,
    ("PrimaryContainer", "Mode"): "SingleModel",
    ("Containers", "Mode"): "SingleModel",
    ("ImageConfig", "RepositoryAccessMode"): "Platform",
    ("MultiModelConfig", "ModelCacheSetting"): "Enabled",
    ("InferenceExecutionConfig", "Mode"): "Serial",
    ("ProductionVariants", "InitialVariantWeight"): 1,
    ("ShadowProductionVariants", "InitialVariantWeight"): 1,
    ("ProductionVariants", "EnableSSMAccess"): False,
    ("ShadowProductionVariants", "EnableSSMAccess"): False,
    ("ScaleInPolicy", "MaximumStepSize"): 1,
    ("ScaleInPolicy", "CooldownInMinutes"): 20,
    ("DataCaptureConfig", "EnableCapture"): True,
    ("InferenceConfig", "MaxPayloadInMB"): 6,
    ("ShapBaselineConfig", "MimeType"): "text/csv",
    ("ShapConfig", "UseLogit"): False,
    ("MetricsConfig", "EnableEnhancedMetrics"): False,
    ("MetricsConfig", "MetricPublishFrequencyInSeconds"): 60,
    ("BlueGreenUpdatePolicy", "TerminationWaitInSeconds"): 0,
}

REQUIRED: Final = {
    "AsyncInferenceConfig": "OutputConfig",
    "ClarifyExplainerConfig": "ShapConfig",
    "ShapConfig": "ShapBaselineConfig",
}
"""Structure → the structure that the API requires in it, and that may be empty.

By it the outer one is present: an endpoint with `AsyncInferenceConfig: {OutputConfig: {}}` is asynchronous. An answer
that leaves the inner one out means the same. Source: botocore, `required` of AsyncInferenceConfig,
ClarifyExplainerConfig, ClarifyShapConfig. Digests of earlier releases left them out, as `first_form` does.
"""

_OPAQUE: Final = frozenset({"Environment"})
"""Maps whose keys are the user's own: nothing in them is a member name, and an empty text is a value."""


def canonical(request: dict[str, Any]) -> Canonical:
    """The canonical form of a request or of a Describe answer that was projected onto one."""
    return _structure(request, "")


def first_form(content: Canonical) -> Canonical:
    """A canonical form without empty structures: what digests of version 1 were taken over."""
    form = {}
    for member, inner in content.items():
        kept = first_form(inner) if isinstance(inner, dict) and member not in _OPAQUE else inner
        if kept or not isinstance(inner, dict):
            form[member] = kept
    return form


def same_number(value: float) -> int | float:
    """A number as the service keeps it: float32, and an integer where it is one (`1.0` ≡ `1`)."""
    try:
        rounded = float(struct.unpack("<f", struct.pack("<f", value))[0])
    except OverflowError:
        return value
    return int(rounded) if rounded.is_integer() else rounded


def short_number(value: float) -> int | float:
    """The shortest decimal number that the service keeps as the same float32: 0.1 for 0.10000000149011612.

    For what is shown and sent; digests are taken over `same_number`.
    """
    for digits in range(1, 18):  # nine for a float32; more where a number is beyond it
        short = float(f"{value:.{digits}g}")
        if same_number(short) == same_number(value):
            return int(short) if short.is_integer() else short
    return value


def _structure(value: dict[str, Any], holder: str) -> Canonical:
    """The canonical form; what is canonical already is shared, not copied."""
    made: Canonical = {}
    same = True
    for member, inner in value.items():
        if inner is None or inner == "":
            continue
        if member in _OPAQUE and isinstance(inner, dict):
            kept = {key: text for key, text in inner.items() if text is not None} if None in inner.values() else inner
        else:
            kept = _value(inner, member)
        if kept is None or (isinstance(kept, (dict, list)) and not kept and REQUIRED.get(holder) != member):
            continue
        default = DEFAULTS.get((holder, member))
        if default is not None and default == kept and isinstance(default, bool) == isinstance(kept, bool):
            continue
        made[member] = kept
        same = same and kept is inner
    required = REQUIRED.get(holder)
    if required is not None and required not in made:
        made[required], same = _structure({}, required), False
    if same and len(made) == len(value) and "ModelDataSource" not in made:
        return value
    return _one_artifact_form(made) if "ModelDataSource" in made else made


def _value(value: Any, member: str) -> Any:
    if member in KEYED and isinstance(value, (list, tuple, dict)):
        return _keyed(value, member)
    if isinstance(value, dict):
        return _structure(value, member)
    if isinstance(value, (list, tuple)):
        items = [_structure(item, member) if isinstance(item, dict) else _value(item, "") for item in value]
        if member in BY_NAME:
            items.sort(key=lambda item: str(item.get(BY_NAME[member], "")) if isinstance(item, dict) else "")
        return _set(items) if member in UNORDERED else items
    if isinstance(value, float):
        return same_number(value)
    return value


def _keyed(items: Any, member: str) -> Canonical:
    """Items by their name; what is keyed already (a canonical form) stays so."""
    if isinstance(items, dict):
        return {name: _structure(items[name] or {}, member) for name in sorted(items)}
    made = {}
    for item in items:
        inner = dict(_structure(item, member))
        made[str(inner.pop(KEYED[member], ""))] = inner
    return dict(sorted(made.items()))


def _set(items: list[Any]) -> list[Any]:
    """A list whose order has no meaning: sorted, each item once."""
    return [item for _, item in sorted({_sort_key(item): item for item in items}.items())]


def _sort_key(item: Any) -> str:
    return item if isinstance(item, str) else repr(sorted(item.items()) if isinstance(item, dict) else item)


def _one_artifact_form(container: Canonical) -> Canonical:
    """`ModelDataUrl` and its mirror in `ModelDataSource` are one: Describe returns both for either."""
    source = container["ModelDataSource"].get("S3DataSource", {})
    plain = {"S3Uri", "S3DataType", "CompressionType"}
    mirrors = set(source) == plain and source["S3DataType"] == "S3Object" and source["CompressionType"] == "Gzip"
    if mirrors and container.get("ModelDataUrl", source["S3Uri"]) == source["S3Uri"]:
        rest = {member: value for member, value in container.items() if member != "ModelDataSource"}
        return {**rest, "ModelDataUrl": source["S3Uri"]}
    return container
