"""DescribeEndpoint: an endpoint's document as the service shows it.

In: the stored endpoint and the time. Out: the answer. Pure but for `describe_endpoint`, which fetches the endpoint.
Source: botocore DescribeEndpointOutput; docs/sagemaker.md, "DescribeEndpoint".
"""

from __future__ import annotations

from typing import Any, Final

from mmeplan.aws.lifecycle import DELETING, ROLLING_BACK, UPDATING
from mmeplan.simulator import quotas, rollout
from mmeplan.simulator.call import Call, seconds
from mmeplan.simulator.names import ENDPOINT
from mmeplan.simulator.store import Stored

Json = dict[str, Any]

_OF_THE_CONFIG: Final = ("AsyncInferenceConfig", "ExplainerConfig", "MetricsConfig", "CrossRegionTrafficConfig")
_PENDING_ONLY: Final = ("InstanceType", "AcceleratorType")
_NOT_PENDING: Final = ("CapacityReservationConfig",)


def describe_endpoint(call: Call, request: Json) -> Json:
    """DescribeEndpoint."""
    endpoint = call.existing(ENDPOINT, request["EndpointName"])
    answer = shown(endpoint, call.now_us)
    quotas.shown_reservations(call, endpoint, answer.get("ProductionVariants", []))
    return answer


def shown(endpoint: Stored, now_us: int) -> Json:
    """The Describe answer. While Creating there are no ProductionVariants yet, only pending ones."""
    body, config = endpoint.body, endpoint.body["config"]
    answer: Json = {
        "EndpointName": endpoint.name,
        "EndpointArn": endpoint.arn,
        "EndpointConfigName": body["config_name"],
        "EndpointStatus": endpoint.status,
        "CreationTime": seconds(endpoint.created_us),
        "LastModifiedTime": seconds(endpoint.modified_us),
        "ProductionVariants": _in_force(endpoint, _mixed(body) if body.get("mixed") else body["variants"]),
        "ShadowProductionVariants": _in_force(endpoint, body["shadows"]),
        "DataCaptureConfig": _capture(config.get("DataCaptureConfig")),
        "FailureReason": (body["failure_reason"] or "")[:1024],
        "LastDeploymentConfig": body["last_deployment"],
        "PendingDeploymentSummary": _pending(body["pending"], now_us),
    }
    answer |= {member: config[member] for member in _OF_THE_CONFIG if member in config}
    return {member: value for member, value in answer.items() if value not in (None, "", [])}


def _in_force(endpoint: Stored, variants: list[Json] | None) -> list[Json]:
    """The fleet in force. While re-scaling, rolling back or deleting, each variant says so itself."""
    return [variant | _status(endpoint, variant) for variant in variants or ()]


def _mixed(body: Json) -> list[Json]:
    """The variant of an UpdateRollbackFailed endpoint: instances and images of both fleets, and what was desired.

    Source: botocore EndpointStatus: "in service with a mix of the old and new endpoint configurations". A rolling
    deployment has one production variant, of the same name in both.
    """
    both = body["mixed"]
    new = {variant["VariantName"]: variant for variant in body["mixed_fleet"]["variants"]}
    made = []
    for variant in body["variants"]:
        images = [*variant.get("DeployedImages", ()), *new.get(variant["VariantName"], {}).get("DeployedImages", ())]
        running = int(both[2]) + int(both[5])
        once = {image["ResolvedImage"]: image for image in reversed(images)}
        entry = variant | {"CurrentInstanceCount": running, "DeployedImages": [*reversed(once.values())]}
        made.append({member: value for member, value in entry.items() if value != []})
    return made


def _status(endpoint: Stored, variant: Json) -> Json:
    if endpoint.status == DELETING:
        status, message = "Deleting", "Terminating the variant's capacity."
    elif endpoint.status in (UPDATING, ROLLING_BACK) and endpoint.body["pending"] is None:
        status, message = "Updating", _scaling(variant)
    else:
        return {}
    entry = {"Status": status, "StatusMessage": message, "StartTime": seconds(endpoint.modified_us)}
    return {"VariantStatus": [entry]}


def _scaling(variant: Json) -> str:
    current, desired = variant.get("CurrentInstanceCount"), variant.get("DesiredInstanceCount")
    if current != desired:
        direction = "out" if (desired or 0) > (current or 0) else "in"
        return f"Scaling {direction} desired instance count to {desired}."
    return "Updating the variant's weight and capacity."


def _capture(config: Json | None) -> Json | None:
    """DataCaptureConfigSummary, all of whose members are required by its shape."""
    if config is None:
        return None
    return {
        "EnableCapture": config["EnableCapture"],
        "CaptureStatus": "Started" if config["EnableCapture"] else "Stopped",
        "CurrentSamplingPercentage": config["InitialSamplingPercentage"],
        "DestinationS3Uri": config["DestinationS3Uri"],
        "KmsKeyId": config.get("KmsKeyId", ""),
    }


def _pending(pending: Json | None, now_us: int) -> Json | None:
    if pending is None:
        return None
    config = pending["config"]
    summary = {
        "EndpointConfigName": pending["config_name"],
        "StartTime": seconds(pending["started_us"]),
        "ProductionVariants": _new_fleet(pending, "variants", config["ProductionVariants"], now_us),
        "ShadowProductionVariants": _new_fleet(pending, "shadows", config.get("ShadowProductionVariants", []), now_us),
    }
    return {member: value for member, value in summary.items() if value != []}


def _new_fleet(pending: Json, part: str, variants: list[Json], now_us: int) -> list[Json]:
    """The summaries of the new fleet: without capacity until it is launched, then with all of it."""
    phase = rollout.phase_at(pending["phases"], now_us)
    status = {
        "Status": phase["status"],
        "StatusMessage": phase["message"],
        "StartTime": seconds(phase["from_us"]),
    }
    fleet = []
    for summary, variant in zip(pending[part], variants, strict=True):
        entry = {member: value for member, value in summary.items() if member not in _NOT_PENDING}
        entry |= {member: variant[member] for member in _PENDING_ONLY if member in variant}
        if phase["status"] != "Creating" and "DesiredInstanceCount" in entry:
            running = round(entry["DesiredInstanceCount"] * phase["new"][1] + 0.499_999)
            entry["CurrentInstanceCount"] = min(entry["DesiredInstanceCount"], running)
        fleet.append(entry | {"VariantStatus": [status]})
    return fleet
