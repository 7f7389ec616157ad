"""Which features go with which kind of hosting, as data: the developer guide's feature matrix, with later corrections.

Each cell says what becomes of the combination, and which rule says so. `Cell.of` builds the fleet. Beside the cells of
the matrix stand those that its footnotes add: local NVMe, guardrails, one variant for rolling updates.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

Fleet = dict[str, Any]
Kind = Literal["single", "multi-model", "pipeline", "serverless", "async"]
Verdict = Literal["supported", "refused", "degraded", "open"]
"""`refused`: an error. `degraded` and `open` (the documents leave it blank or contradict one another): a warning, or
nothing where there is nothing to say."""

KINDS: tuple[Kind, ...] = ("single", "multi-model", "pipeline", "serverless", "async")
ECR = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
PACKAGE = "arn:aws:sagemaker:eu-west-1:985815980388:model-package/ranker-0f1e2d3c"
TRITON = "763104351884.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-tritonserver:23.08-py3"
SOURCE = {"s3_data_source": {"s3_uri": "s3://acme/r/", "s3_data_type": "S3Prefix", "compression_type": "None"}}


def base(kind: Kind) -> Fleet:
    """A fleet of one ordinary endpoint of a kind."""
    container: Fleet = {"image": f"{ECR}/ranker:1.4", "model_data_url": "s3://acme-models/ranker.tar.gz"}
    model: Fleet = {"execution_role_arn": "arn:aws:iam::123456789012:role/sagemaker", "primary_container": container}
    variant: Fleet = {"model": "ranker", "instance_type": "ml.m5.xlarge", "initial_instance_count": 4}
    config: Fleet = {"production_variants": {"main": variant}}
    if kind == "multi-model":
        container |= {"mode": "MultiModel", "model_data_url": "s3://acme-models/ranker/"}
    elif kind == "pipeline":
        model["containers"] = [{"image": f"{ECR}/prepare:1"}, model.pop("primary_container")]
    elif kind == "serverless":
        config["production_variants"]["main"] = {
            "model": "ranker",
            "serverless_config": {"memory_size_in_mb": 2048, "max_concurrency": 20},
        }
    elif kind == "async":
        config["async_inference_config"] = {"output_config": {"s3_output_path": "s3://acme/out"}}
    return {
        "version": 1,
        "fleet": "example",
        "account": "123456789012",
        "region": "eu-west-1",
        "models": {"ranker": model},
        "endpoints": {"ranker": {"config": config}},
    }


# --- features: each changes a fleet ---------------------------------------------------------------------------------


def _model(fleet: Fleet) -> Fleet:
    model: Fleet = fleet["models"]["ranker"]
    return model


def _container(fleet: Fleet) -> Fleet:
    """The container that holds the model."""
    model = _model(fleet)
    container: Fleet = model["containers"][-1] if "containers" in model else model["primary_container"]
    return container


def _config(fleet: Fleet) -> Fleet:
    config: Fleet = fleet["endpoints"]["ranker"]["config"]
    return config


def _variant(fleet: Fleet) -> Fleet:
    variant: Fleet = _config(fleet)["production_variants"]["main"]
    return variant


def two_variants(fleet: Fleet) -> None:
    _config(fleet)["production_variants"]["next"] = copy.deepcopy(_variant(fleet))


def shadow(fleet: Fleet) -> None:
    _config(fleet)["shadow_production_variants"] = {"candidate": copy.deepcopy(_variant(fleet))}


def _deployment(policy: Fleet) -> Callable[[Fleet], None]:
    def change(fleet: Fleet) -> None:
        alarms = {"alarms": [{"alarm_name": "ranker-5xx"}]}
        fleet["endpoints"]["ranker"]["deployment_config"] = {
            **copy.deepcopy(policy),
            "auto_rollback_configuration": alarms,
        }

    return change


_HALF = {"type": "CAPACITY_PERCENT", "value": 50}


def _routed(**routing: Any) -> Callable[[Fleet], None]:
    whole = {**routing, "wait_interval_in_seconds": 300}
    return _deployment({"blue_green_update_policy": {"traffic_routing_configuration": whole}})


canary = _routed(type="CANARY", canary_size=_HALF)
linear = _routed(type="LINEAR", linear_step_size=_HALF)
rolling = _deployment({"rolling_update_policy": {"maximum_batch_size": _HALF, "wait_interval_in_seconds": 60}})


def data_capture(fleet: Fleet) -> None:
    _config(fleet)["data_capture_config"] = {
        "initial_sampling_percentage": 20,
        "destination_s3_uri": "s3://acme/capture",
        "capture_options": [{"capture_mode": "Input"}],
    }


def instance_autoscaling(fleet: Fleet) -> None:
    _variant(fleet).update(capacity="autoscaled", initial_instance_count=2)


def vpc(fleet: Fleet) -> None:
    _model(fleet)["vpc_config"] = {"security_group_ids": ["sg-1"], "subnets": ["subnet-1", "subnet-2"]}


def isolation(fleet: Fleet) -> None:
    _model(fleet)["enable_network_isolation"] = True


def key(fleet: Fleet) -> None:
    _config(fleet)["kms_key_id"] = "alias/ranker"


def volume(fleet: Fleet) -> None:
    _variant(fleet)["volume_size_in_gb"] = 256


def _on(instance_type: str, image: str = "") -> Callable[[Fleet], None]:
    def change(fleet: Fleet) -> None:
        _variant(fleet)["instance_type"] = instance_type
        if image:
            _container(fleet)["image"] = image

    return change


gpu = _on("ml.g5.xlarge", TRITON)
inf1 = _on("ml.inf1.xlarge")


def _both(*changes: Callable[[Fleet], None]) -> Callable[[Fleet], None]:
    def change(fleet: Fleet) -> None:
        for one in changes:
            one(fleet)

    return change


def marketplace(fleet: Fleet) -> None:
    container = _container(fleet)
    container.pop("image")
    if container.get("mode") != "MultiModel":
        container.pop("model_data_url")
    container["model_package_name"] = PACKAGE
    isolation(fleet)


def data_source(fleet: Fleet) -> None:
    container = _container(fleet)
    container.pop("model_data_url")
    container["model_data_source"] = copy.deepcopy(SOURCE)


@dataclass(frozen=True)
class Cell:
    """One combination: what becomes of it, and the rules that say so (all others of their severity are silent)."""

    feature: str
    kind: Kind
    verdict: Verdict
    rules: frozenset[str]
    change: Callable[[Fleet], None]

    def of(self) -> bytes:
        """The fleet file of this combination."""
        fleet = base(self.kind)
        self.change(fleet)
        return json.dumps(fleet).encode()

    def __str__(self) -> str:
        return f"{self.feature}-{self.kind}"


_VERDICTS: dict[str, Verdict] = {"✓": "supported", "✗": "refused", "~": "degraded", "?": "open"}


def _row(feature: str, change: Callable[[Fleet], None], *cells: str) -> list[Cell]:
    made = []
    for kind, cell in zip(KINDS, cells, strict=True):
        sign, *rules = cell.split()
        made.append(Cell(feature, kind, _VERDICTS[sign], frozenset(rules), change))
    return made


# feature, how, then: single, multi-model, pipeline, serverless, async
MATRIX: list[Cell] = [
    *_row("nothing else", lambda _: None, "✓", "✓", "✓", "✓", "✓"),
    *_row("two variants", two_variants, "✓", "?", "✓", "✗ SLS-05", "✗ ASY-08"),
    *_row("shadow variant", shadow, "✓", "✗ MME-12", "✗ PIP-09", "✗ SHD-02", "✗ SHD-03"),
    *_row("canary", canary, "✓", "? MME-19", "✓", "~ SLS-14", "✓"),
    *_row("linear", linear, "✓", "? MME-19", "✓", "~ SLS-14", "✓"),
    *_row("rolling", rolling, "✓", "? MME-19", "✓", "✗ DEP-25", "✓"),
    *_row(
        "rolling of two", _both(rolling, two_variants), *["✗ DEP-26"] * 3, "✗ DEP-25 DEP-26 SLS-05", "✗ DEP-26 ASY-08"
    ),
    *_row("data capture", data_capture, "✓", "? MME-13", "? PIP-10", "✗ SLS-06", "✗ ASY-07"),
    *_row("instance autoscaling", instance_autoscaling, "✓", "✓", "✓", "✗ SLS-04", "✓"),
    *_row("vpc", vpc, "✓", "✓", "✓", "✗ SLS-07", "✓"),
    *_row("network isolation", isolation, "✓", "✓", "✓", "✗ SLS-08", "✓"),
    *_row("key", key, "✓", "✓", "✓", "~ SLS-17", "✓"),
    *_row("key on NVMe", _both(key, gpu), *["✗ CFG-18"] * 3, "✗ CFG-18 SLS-04", "✗ CFG-18"),
    *_row("volume size", volume, "✓", "✓", "✓", "✗ SLS-04", "✓"),
    *_row("volume size on NVMe", _both(volume, gpu), *["✗ CFG-16"] * 3, "✗ CFG-16 SLS-04", "✗ CFG-16"),
    *_row("gpu", gpu, "✓", "✓", "✓", "✗ SLS-04", "✓"),
    *_row("inf1", inf1, "✓", "✗ MME-16", "?", "✗ SLS-04", "✗ ASY-10"),
    *_row("canary on inf1", _both(inf1, canary), "~ DEP-24", "✗ MME-16", "~ DEP-24", "✗ SLS-04", "✗ ASY-10"),
    *_row("marketplace", marketplace, "✓", "✗ MME-17", "?", "✗ SLS-08 SLS-10", "✗ ASY-09"),
    *_row(
        "canary of marketplace",
        _both(marketplace, canary),
        "~ DEP-24",
        "✗ MME-17",
        "~ DEP-24",
        "✗ SLS-08 SLS-10",
        "✗ ASY-09",
    ),
    *_row("model data source", data_source, "✓", "✗ MME-07", "✓", "✗ MDL-27", "✓"),
]
