"""Valid fleets of every kind of hosting, for properties of the rules: drawn, and never the same twice."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from mmeplan.aws.instances import has_local_nvme
from mmeplan.aws.shapes import service
from tests.rules.combinations import base, canary, data_capture, linear, shadow, two_variants, vpc

Fleet = dict[str, Any]

KINDS = ("single", "multi-model", "pipeline", "direct", "serverless", "async", "shadow", "component")
TYPES = [
    kind
    for kind in service().shapes["ProductionVariantInstanceType"]["enum"]
    if not kind.startswith("ml.inf1.") and not has_local_nvme(kind)
]
NAMES = st.from_regex(r"[a-zA-Z0-9](-?[a-zA-Z0-9]){0,20}", fullmatch=True)
TEXTS = st.text(st.characters(codec="ascii", categories=("L", "N")), max_size=40)


def skeleton(kind: str) -> Fleet:
    """An ordinary fleet of a kind."""
    if kind in ("single", "multi-model", "pipeline", "serverless", "async"):
        return base(kind)  # type: ignore[arg-type]
    fleet = base("pipeline" if kind == "direct" else "single")
    if kind == "shadow":
        shadow(fleet)
    elif kind == "direct":
        fleet["models"]["ranker"]["inference_execution_config"] = {"mode": "Direct"}
        for number, container in enumerate(fleet["models"]["ranker"]["containers"]):
            container["container_hostname"] = f"part-{number}"
    elif kind == "component":
        config = fleet["endpoints"]["ranker"]["config"]
        config["execution_role_arn"] = fleet["models"].pop("ranker")["execution_role_arn"]
        config["production_variants"]["main"].pop("model")
    return fleet


@st.composite
def valid_fleets(draw: st.DrawFn, kind: str) -> Fleet:
    """A valid fleet of a kind: names, types, counts, weights, environments, tags, and the features that go with it."""
    fleet = skeleton(kind)
    endpoint = fleet["endpoints"]["ranker"]
    config = endpoint["config"]
    for variant in config["production_variants"].values():
        _vary_variant(draw, variant, kind)
    if kind != "component":
        _vary_model(draw, fleet["models"]["ranker"], kind)
    if draw(st.booleans()):
        endpoint["name"] = draw(NAMES)
    endpoint["tags"] = draw(
        st.dictionaries(TEXTS.filter(lambda key: key and key[:4].lower() != "aws:"), TEXTS, max_size=5)
    )
    if kind in ("single", "pipeline") and draw(st.booleans()):
        two_variants(fleet)
        config["production_variants"]["next"]["initial_variant_weight"] = draw(st.sampled_from((0.5, 1, 90)))
    if kind == "single" and draw(st.booleans()):
        data_capture(fleet)
    if kind in ("single", "pipeline", "async", "shadow") and draw(st.booleans()):
        draw(st.sampled_from((canary, linear)))(fleet)
    return fleet


def _vary_variant(draw: st.DrawFn, variant: Fleet, kind: str) -> None:
    if kind == "serverless":
        most = draw(st.integers(1, 200))
        serverless = {"memory_size_in_mb": 1024 * draw(st.integers(1, 6)), "max_concurrency": most}
        if draw(st.booleans()):
            serverless["provisioned_concurrency"] = draw(st.integers(1, most))
        variant["serverless_config"] = serverless
        return
    variant["instance_type"] = draw(st.sampled_from(TYPES))
    variant["initial_instance_count"] = 2 * draw(st.integers(1, 50))
    if draw(st.booleans()):
        variant["initial_variant_weight"] = draw(st.sampled_from((0.25, 1, 2, 99.5)))
    if draw(st.booleans()):
        variant["volume_size_in_gb"] = draw(st.integers(1, 512))
    if draw(st.booleans()):
        variant["container_startup_health_check_timeout_in_seconds"] = draw(st.integers(60, 3600))


def _vary_model(draw: st.DrawFn, model: Fleet, kind: str) -> None:
    containers = model.get("containers") or [model["primary_container"]]
    keys = st.from_regex(r"[A-Z_][A-Z0-9_]{0,20}", fullmatch=True)
    for container in containers:
        container["environment"] = draw(st.dictionaries(keys, TEXTS, max_size=6))
    if kind == "multi-model" and draw(st.booleans()):
        setting = draw(st.sampled_from(("Enabled", "Disabled")))
        containers[0]["multi_model_config"] = {"model_cache_setting": setting}
    if kind != "serverless" and draw(st.booleans()):
        model["enable_network_isolation"] = draw(st.booleans())
    if kind != "serverless" and draw(st.booleans()):
        vpc({"models": {"ranker": model}})
