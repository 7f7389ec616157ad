"""The calls that set an endpoint in motion: create, update, re-scale, delete.

In: validated requests. Out: answers, and an endpoint's document with what is under way and when it ends; what happens
at that moment is in `transitions`. Which status permits which call: docs/sagemaker.md, the legality matrix.

An endpoint's document:
    config_name, config     the config in force: its name and its Describe answer, kept after the config is deleted
    variants, shadows       the fleet in force, as summaries; absent until it has been launched once
    failure_reason          of the last thing that failed; cleared by the next call that sets the endpoint in motion
    last_deployment         the DeploymentConfig that LastDeploymentConfig shows
    pending                 the new config, fleet, phases and ending of a create or update; null otherwise
"""

from __future__ import annotations

from typing import Any

from mmeplan.aws.lifecycle import CREATING, DELETABLE, DELETING, UPDATABLE, UPDATING
from mmeplan.simulator import deployment, fleet, names, normalise, refusals
from mmeplan.simulator.call import Call, seconds
from mmeplan.simulator.names import ENDPOINT, ENDPOINT_CONFIG, MODEL
from mmeplan.simulator.store import Stored

Json = dict[str, Any]


def create_endpoint(call: Call, request: Json) -> Json:
    """CreateEndpoint: Creating, then InService or Failed. A DeploymentConfig is only kept, to be retained later."""
    name = request["EndpointName"]
    refusals.refuse(refusals.CREATE_ENDPOINT, request)
    call.refuse_existing(ENDPOINT, name)
    config = call.depended_on(ENDPOINT_CONFIG, request["EndpointConfigName"])
    pending = _pending(call, config, None, call.settings.creating_s)
    pending["failure"] = call.faults.take_create_failure(name)
    body = {
        "config_name": config.name,
        "config": config.body,
        "variants": None,
        "shadows": None,
        "failure_reason": None,
        "last_deployment": request.get("DeploymentConfig"),
        "pending": pending,
    }
    arn = call.new(ENDPOINT, name, body, request, status=CREATING, due_us=pending["phases"][-1]["until_us"])
    call.transition(name, "", CREATING)
    return {"EndpointArn": arn}


def update_endpoint(call: Call, request: Json) -> Json:
    """UpdateEndpoint: Updating on the old config, then InService on the new one, or on the old one with a reason.

    Both the new config and the one in force must exist. The config in force may be named again: an ordinary update.
    """
    refusals.refuse(refusals.UPDATE_ENDPOINT, request)
    endpoint = call.existing(ENDPOINT, request["EndpointName"])
    if endpoint.status not in UPDATABLE:
        raise names.in_progress(endpoint.arn)
    config = call.depended_on(ENDPOINT_CONFIG, request["EndpointConfigName"])
    call.existing(ENDPOINT_CONFIG, endpoint.body["config_name"])
    for sentence in refusals.to_serverless(endpoint.body["variants"], config.body):
        raise names.invalid(sentence)
    chosen = request.get("DeploymentConfig")
    if chosen is None and request.get("RetainDeploymentConfig"):
        chosen = endpoint.body["last_deployment"]
    pending = _pending(call, config, chosen, call.settings.updating_s, _retaining(request, endpoint))
    pending["failure"] = call.faults.take_update_failure(endpoint.name)
    endpoint.body |= {"pending": pending, "failure_reason": None}
    _set_in_motion(call, endpoint, UPDATING, pending["phases"][-1]["until_us"])
    return {"EndpointArn": endpoint.arn}


def _retaining(request: Json, endpoint: Stored) -> tuple[list[Json], list[str]] | None:
    """The live fleet and the properties not to keep of it; None where nothing is retained (the default)."""
    if not request.get("RetainAllVariantProperties"):
        return None
    excluded = [item["VariantPropertyType"] for item in request.get("ExcludeRetainedVariantProperties", ())]
    return [*endpoint.body["variants"], *(endpoint.body["shadows"] or ())], excluded


def _pending(
    call: Call,
    config: Stored,
    chosen: Json | None,
    launching_s: float,
    retaining: tuple[list[Json], list[str]] | None = None,
) -> Json:
    """What is under way: the new fleet of this config, and the timeline of its deployment."""
    variants = _launched(call, config.body["ProductionVariants"])
    shadows = _launched(call, config.body.get("ShadowProductionVariants", ()))
    if retaining:
        variants, shadows = fleet.retaining(variants, *retaining), fleet.retaining(shadows, *retaining)
    phases, start_us = [], call.now_us
    for phase in deployment.phases(chosen, fleet.counts(variants), launching_s):
        until_us = start_us + round(phase.seconds * 1_000_000)
        phases.append({"status": phase.status, "message": phase.message, "from_us": start_us, "until_us": until_us})
        start_us = until_us
    return {
        "config_name": config.name,
        "config": config.body,
        "variants": variants,
        "shadows": shadows,
        "started_us": call.now_us,
        "phases": phases,
        "deployment": chosen,
        "failure": None,
    }


def _launched(call: Call, variants: list[Json]) -> list[Json]:
    def images(model_name: str) -> list[str]:
        model = call.existing(MODEL, model_name)
        return [container["Image"] for container in refusals.containers(model.body) if "Image" in container]

    return fleet.launched(variants, images, seconds(call.now_us))


def update_weights_and_capacities(call: Call, request: Json) -> Json:
    """UpdateEndpointWeightsAndCapacities: Updating, then Current = Desired. The config isn't touched."""
    refusals.refuse(refusals.UPDATE_WEIGHTS, request)
    endpoint = call.existing(ENDPOINT, request["EndpointName"])
    if endpoint.status not in UPDATABLE:
        raise names.in_progress(endpoint.arn)
    body = endpoint.body
    live = [*body["variants"], *(body["shadows"] or ())]
    for sentence in refusals.desired_variants(request, live, body["config_name"]):
        raise names.invalid(sentence)
    wanted = {desired["VariantName"]: _rounded(desired) for desired in request["DesiredWeightsAndCapacities"]}
    body |= {
        "variants": fleet.rescaled(body["variants"], wanted),
        "shadows": fleet.rescaled(body["shadows"] or (), wanted),
        "failure_reason": None,
    }
    _set_in_motion(call, endpoint, UPDATING, call.now_us + round(call.settings.scaling_s * 1_000_000))
    return {"EndpointArn": endpoint.arn}


def _rounded(desired: Json) -> Json:
    if "DesiredWeight" not in desired:
        return desired
    return desired | {"DesiredWeight": normalise.float32(desired["DesiredWeight"])}


def delete_endpoint(call: Call, request: Json) -> None:
    """DeleteEndpoint: Deleting, then gone. Its config and models stay."""
    endpoint = call.existing(ENDPOINT, request["EndpointName"])
    if endpoint.status not in DELETABLE:
        raise names.in_progress(endpoint.arn)
    _set_in_motion(call, endpoint, DELETING, call.now_us + round(call.settings.deleting_s * 1_000_000))


def _set_in_motion(call: Call, endpoint: Stored, status: str, due_us: int) -> None:
    call.transition(endpoint.name, endpoint.status, status)
    endpoint.status, endpoint.modified_us, endpoint.due_us = status, call.now_us, due_us
    call.store.update(endpoint)
