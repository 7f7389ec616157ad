"""The good and bad examples of rules: complete fleet files, put together from the few lines that matter.

In: fragments, each the lines of one place of the file. Out: a fleet file as text, whose other keys are an ordinary
fleet of one model and one endpoint. The texts end up on the rules' pages and in tests/rules, which load and check every
one of them.
"""

from __future__ import annotations

from textwrap import dedent, indent
from typing import Final

ROLE: Final = "arn:aws:iam::123456789012:role/sagemaker"
IMAGE: Final = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/ranker:1.4"

ALARMS: Final = "auto_rollback_configuration: {alarms: [{alarm_name: ranker-5xx}]}"
CANARY: Final = "{type: CANARY, canary_size: {type: CAPACITY_PERCENT, value: 25}, wait_interval_in_seconds: 300}"
ALL_AT_ONCE: Final = "{type: ALL_AT_ONCE, wait_interval_in_seconds: 0}"
BIGGER: Final = "instance_type: ml.m5.2xlarge"
PREPARE: Final = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/prepare:1"
PREDICT: Final = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/predict:1"

CANARY_UPDATE: Final = """
    deployment_config:
      blue_green_update_policy:
        traffic_routing_configuration:
          type: CANARY  # here
          canary_size: {type: CAPACITY_PERCENT, value: 50}
          wait_interval_in_seconds: 300
      auto_rollback_configuration: {alarms: [{alarm_name: ranker-5xx}]}
"""
"""Lines of an endpoint that is updated by a canary, found at its type."""

ALL_AT_ONCE_UPDATE: Final = """
    deployment_config:
      blue_green_update_policy:
        traffic_routing_configuration: {type: ALL_AT_ONCE, wait_interval_in_seconds: 0}
"""
"""Lines of an endpoint that is updated all at once."""

_FLEET: Final = {"version": "1", "fleet": "example", "account": '"123456789012"', "region": "eu-west-1"}
_MODEL: Final = {"execution_role_arn": ROLE}
_CONTAINER: Final = {"image": IMAGE, "model_data_url": "s3://acme-models/ranker.tar.gz"}
_VARIANT: Final = {"model": "ranker", "instance_type": "ml.m5.xlarge", "initial_instance_count": "2"}
_MULTI_MODEL: Final = {"image": IMAGE, "mode": "MultiModel", "model_data_url": "s3://acme-models/ranker/"}
_SERVERLESS: Final = {"model": "ranker", "serverless_config": "{memory_size_in_mb: 2048, max_concurrency: 20}"}


def fleet_file(
    *,
    fleet: str = "",
    models: str = "",
    model: str = "",
    container: str = "",
    containers: str = "",
    multi_model: bool = False,
    variant: str = "",
    variants: str = "",
    serverless: bool = False,
    config: str = "",
    endpoint: str = "",
    without: tuple[str, ...] = (),
) -> str:
    """A fleet file around these lines.

    `model`, `container`, `variant`, `config`, `endpoint` and `fleet` are lines *inside* the thing; a key written there
    replaces the ordinary one, and `without` leaves ordinary ones out. `models`, `containers` and `variants` replace
    the whole content of that key. `multi_model` and `serverless` choose the ordinary container and variant.
    """
    lines = _inside(_FLEET, fleet, without)
    lines += "models:\n"
    if models:
        lines += indent(_text(models), "  ")
    else:
        lines += "  ranker:\n" + indent(_inside(_MODEL, model, without), "    ")
        if containers:
            lines += "    containers:\n" + indent(_text(containers), "      ")
        elif "primary_container" not in without:
            ordinary = _MULTI_MODEL if multi_model else _CONTAINER
            lines += "    primary_container:\n" + indent(_inside(ordinary, container, without), "      ")
    lines += "endpoints:\n  ranker:\n"
    lines += indent(_text(endpoint), "    ") if endpoint else ""
    if "config" in without:
        return lines
    lines += "    config:\n" + (indent(_text(config), "      ") if config else "")
    if "production_variants" in without:
        return lines
    lines += "      production_variants:\n"
    if variants:
        return lines + indent(_text(variants), "        ")
    ordinary = _SERVERLESS if serverless else _VARIANT
    return lines + "        main:\n" + indent(_inside(ordinary, variant, without), "          ")


def blue_green(routing: str, *, rest: str = "", deployment: str = ALARMS, **fragments: str) -> str:
    """An example whose endpoint is updated blue/green with this routing."""
    lines = ["deployment_config:", "  blue_green_update_policy:", f"    traffic_routing_configuration: {routing}"]
    lines += [f"    {line}" for line in rest.splitlines()]
    lines += [f"  {line}" for line in deployment.splitlines()]
    return fleet_file(endpoint="\n".join(lines), **fragments)  # type: ignore[arg-type]


def rolling(policy: str, **fragments: str) -> str:
    """An example whose endpoint is updated in batches."""
    return fleet_file(
        endpoint=f"deployment_config:\n  rolling_update_policy: {policy}\n  {ALARMS}",
        **fragments,  # type: ignore[arg-type]
    )


def _text(lines: str) -> str:
    return dedent(lines).strip("\n") + "\n"


def _inside(ordinary: dict[str, str], lines: str, without: tuple[str, ...]) -> str:
    own = _text(lines) if lines else ""
    written = {line.split(":")[0] for line in own.splitlines()}
    kept = [f"{key}: {value}\n" for key, value in ordinary.items() if key not in written and key not in without]
    return "".join(kept) + own
