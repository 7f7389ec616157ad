"""The calls that set an endpoint in motion: create, update, re-scale, delete.

In: validated requests. Out: answers, and an endpoint's document with what is under way and when it ends; what happens
at that moment is in `transitions`. Which status permits which call: docs/sagemaker.md, the legality matrix.

An endpoint's document:
    config_name, config     the config in force: its name and its Describe answer, kept after the config is deleted
    variants, shadows       the fleet in force, as summaries; absent until it has been launched once
    failure_reason          of the last thing that failed; cleared by the next call that sets the endpoint in motion
    last_deployment         the DeploymentConfig that LastDeploymentConfig shows
    pending                 what is under way (see `rollout`); null otherwise
    former                  while re-scaling that will fail: the fleet to go back to, and the reason
    hosting, fleet_id       how each variant hosts models, and since when this fleet exists, for the runtime
    mixed                   after UpdateRollbackFailed: the traffic of both fleets, which stays
"""

from __future__ import annotations

from typing import Any, Final

from mmeplan.aws.lifecycle import CREATING, DELETABLE, DELETING, FAILED, SYSTEM_UPDATING, UPDATABLE, UPDATING
from mmeplan.simulator import (
    alarms,
    components,
    coupling,
    deployment,
    fleet,
    names,
    normalise,
    quotas,
    refusals,
    rollout,
    traffic,
)
from mmeplan.simulator.call import Call, seconds
from mmeplan.simulator.names import ENDPOINT, ENDPOINT_CONFIG, MODEL
from mmeplan.simulator.refusals import Asked
from mmeplan.simulator.store import Stored

Json = dict[str, Any]

INSUFFICIENT: Final = "Unable to provision requested ML compute capacity due to InsufficientInstanceCapacity error."
"""FailureReason, observed: https://github.com/aws/deep-learning-containers/pull/6673."""


def create_endpoint(call: Call, request: Json) -> Json:
    """CreateEndpoint: Creating, then InService or Failed. A DeploymentConfig is only kept, to be retained later."""
    name = request["EndpointName"]
    refusals.refuse(refusals.CREATE_ENDPOINT, Asked(request))
    call.refuse_existing(ENDPOINT, name)
    config = call.depended_on(ENDPOINT_CONFIG, request["EndpointConfigName"])
    deployed = request.get("DeploymentConfig")
    refusals.refuse(refusals.CREATE_ENDPOINT_ON, Asked(request, config=config.body, deployment=deployed))
    pending = _pending(call, config, None, call.settings.creating_s, activating_s=0)
    body = {
        "config_name": config.name,
        "config": config.body,
        "variants": None,
        "shadows": None,
        "failure_reason": None,
        "last_deployment": deployed,
        "pending": pending,
        "hosting": {},
        "fleet_id": 0,
    }
    made = Stored(
        *(0, ENDPOINT, call.account, call.region, name, "", call.now_us, call.now_us, CREATING, None, body, None)
    )
    quotas.refuse_beyond(call, made)
    rollout.slow_down(pending, call.faults.take_slow_s(name))
    pending["failure"] = _failure(call, made, call.faults.take_create_failure(name), pending)
    due_us = rollout.due_us(pending)
    arn = call.new(ENDPOINT, name, body, request, status=CREATING, due_us=due_us)
    quotas.note(call, made)
    traffic.keep(call.records, made, call.now_us)
    call.transition(name, "", CREATING)
    return {"EndpointArn": arn}


def update_endpoint(call: Call, request: Json) -> Json:
    """UpdateEndpoint: Updating on the old config, then InService on the new one, or on the old one with a reason.

    Both the new config and the one in force must exist. The config in force may be named again: an ordinary update.
    """
    refusals.refuse(refusals.UPDATE_ENDPOINT, Asked(request))
    endpoint = call.existing(ENDPOINT, request["EndpointName"])
    if endpoint.status not in UPDATABLE:
        raise names.in_progress(endpoint.arn)
    config = call.depended_on(ENDPOINT_CONFIG, request["EndpointConfigName"])
    call.existing(ENDPOINT_CONFIG, endpoint.body["config_name"])
    chosen = request.get("DeploymentConfig")
    if chosen is None and request.get("RetainDeploymentConfig"):
        chosen = endpoint.body["last_deployment"]
    pending = _pending(
        call,
        config,
        chosen,
        call.settings.updating_s,
        activating_s=call.settings.activating_s,
        retaining=_retaining(request, endpoint),
    )
    asked = Asked(
        request,
        config=config.body,
        in_force=endpoint.body["config"],
        live=endpoint.body["variants"],
        coming=pending["variants"],
        deployment=chosen,
        carried_out=pending["in_force"],
    )
    refusals.refuse(refusals.UPDATE_ENDPOINT_TO, asked)
    coupling.refuse_changed_type(call, endpoint, config.body)
    endpoint.body |= {"pending": pending, "failure_reason": None}
    quotas.refuse_beyond(call, endpoint)
    rollout.slow_down(pending, call.faults.take_slow_s(endpoint.name))
    _stops(call, endpoint, pending)
    _set_in_motion(call, endpoint, UPDATING, rollout.due_us(pending))
    return {"EndpointArn": endpoint.arn}


def _stops(call: Call, endpoint: Stored, pending: Json) -> None:
    """Whether and when this update turns back: what fails, what trips, what takes too long, whichever comes first."""
    stops: list[rollout.Stop] = []
    reason = _failure(call, endpoint, call.faults.take_update_failure(endpoint.name), pending)
    if reason is not None:
        stops.append((pending["phases"][0]["until_us"], reason, ""))
    pending["stranded"] = call.faults.take_rollback_failure(endpoint.name)
    watched = deployment.alarms(pending["in_force"])
    trip = call.faults.take_trip(endpoint.name)
    phase = rollout.phase_named(pending["phases"], trip.status, trip.occurrence) if trip and watched else None
    if trip and phase:
        alarm = trip.alarm or watched[0]
        stops.append(((phase["from_us"] + phase["until_us"]) // 2, alarms.reason(alarm), alarm))
    stops += [(call.now_us, alarms.reason(name), name) for name in watched if alarms.is_alarming(call, name)]
    limit_s = deployment.timeout_s(pending["in_force"])
    if limit_s is not None:
        words = f"The deployment exceeded MaximumExecutionTimeoutInSeconds ({limit_s:.0f})."
        stops.append((call.now_us + round(limit_s * 1_000_000), words, ""))
    rollout.stop_at_first(pending, stops)
    if reason is not None and pending["stop"] is None:  # a fleet that is launched in no time fails in no time
        pending["failure"] = reason


def _failure(call: Call, endpoint: Stored, asked: str | None, coming: Json) -> str | None:
    """Why what is under way fails: as was asked for (an empty reason is one), or for want of capacity.

    `coming` is the fleet that it leads to, with its config.
    """
    if asked is not None:
        return asked
    never: str | None = coming.get("fails")
    if never is not None:
        return never
    fleet_to_come = [*coming["variants"], *(coming["shadows"] or ())]
    if fleet.short_of(fleet_to_come, list(refusals.variants(coming["config"])), call.faults.lacking):
        return INSUFFICIENT
    return quotas.full_reservation(call, endpoint)


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
    *,
    activating_s: float,
    retaining: tuple[list[Json], list[str]] | None = None,
) -> Json:
    """What is under way: the new fleet of this config, and the timeline of its deployment."""
    hosting = hosted(call, config.body)
    variants = _launched(call, config.body["ProductionVariants"], hosting)
    shadows = _launched(call, config.body.get("ShadowProductionVariants", ()), hosting)
    if retaining:
        variants, shadows = fleet.retaining(variants, *retaining), fleet.retaining(shadows, *retaining)
    serverless = any("ServerlessConfig" in variant for variant in config.body["ProductionVariants"])
    unbaked = any(variant.get("InstanceType", "").startswith("ml.inf1.") for variant in refusals.variants(config.body))
    carried_out = deployment.in_force(chosen, serverless=serverless, unbaked=unbaked)
    activating_s = min(activating_s, launching_s)
    counts, weights = fleet.counts(variants), [float(each.get("DesiredWeight", 1)) for each in variants]
    phases = deployment.phases(carried_out, counts, launching_s - activating_s, activating_s, weights)
    return {
        "config_name": config.name,
        "config": config.body,
        "variants": variants,
        "shadows": shadows,
        "hosting": hosting,
        "started_us": call.now_us,
        "phases": rollout.timeline(phases, call.now_us),
        "deployment": chosen,
        "in_force": carried_out,
        "stop": None,
        "returning": False,
        "fails": _never(call, config.body),
        "failure": None,
        "stranded": None,
    }


def _never(call: Call, config: Json) -> str | None:
    """Why a fleet of this config never comes up; None where it does."""
    reason = refusals.first(refusals.LAUNCHING, Asked({}, call.account, call.region, config=config))
    for variant in refusals.variants(config):
        for model in refusals.models_of(variant):
            reason = reason or refusals.first(refusals.HOSTING, Asked(call.existing(MODEL, model).body))
    return reason


def hosted(call: Call, config: Json) -> Json:
    """How each variant hosts its model: images, a multi-model container's prefix and cache setting, and the names by
    which containers are called directly.
    """
    hosting: Json = {}
    for variant in refusals.variants(config):
        if "ModelName" not in variant:
            continue
        described = call.existing(MODEL, variant["ModelName"]).body
        made = refusals.containers(described)
        entry: Json = {"images": [container["Image"] for container in made if "Image" in container]}
        for container in made:
            if container["Mode"] == "MultiModel":
                cached = container.get("MultiModelConfig", {}).get("ModelCacheSetting", "Enabled") == "Enabled"
                entry |= {"prefix": container.get("ModelDataUrl", ""), "cached": cached}
        if described.get("InferenceExecutionConfig", {}).get("Mode") == "Direct":
            entry["direct"] = [container["ContainerHostname"] for container in made if "ContainerHostname" in container]
        hosting[variant["VariantName"]] = entry
    return hosting


def _launched(call: Call, variants: list[Json], hosting: Json) -> list[Json]:
    images = {
        variant["ModelName"]: hosting[variant["VariantName"]]["images"]
        for variant in variants
        if "ModelName" in variant
    }
    return fleet.launched(variants, images.__getitem__, seconds(call.now_us))


def update_weights_and_capacities(call: Call, request: Json) -> Json:
    """UpdateEndpointWeightsAndCapacities: Updating, then Current = Desired. The config isn't touched."""
    refusals.refuse(refusals.UPDATE_WEIGHTS, Asked(request))
    endpoint = call.existing(ENDPOINT, request["EndpointName"])
    if endpoint.status not in UPDATABLE:
        raise names.in_progress(endpoint.arn)
    body = endpoint.body
    live = [*body["variants"], *(body["shadows"] or ())]
    asked = Asked(request, config={"EndpointConfigName": body["config_name"]}, live=live)
    refusals.refuse(refusals.UPDATE_WEIGHTS_OF, asked)
    wanted = {desired["VariantName"]: _rounded(desired) for desired in request["DesiredWeightsAndCapacities"]}
    rescale(call, endpoint, wanted)
    return {"EndpointArn": endpoint.arn}


def rescale(call: Call, endpoint: Stored, wanted: Json) -> None:
    """Set a re-scaling in motion: asked for by a caller, or by autoscaling."""
    body = endpoint.body
    former = {part: body[part] for part in ("variants", "shadows")}
    body |= {
        "variants": fleet.rescaled(body["variants"], wanted),
        "shadows": fleet.rescaled(body["shadows"] or (), wanted),
        "failure_reason": None,
    }
    quotas.refuse_beyond(call, endpoint)
    reason = _failure(call, endpoint, call.faults.take_scaling_failure(endpoint.name), body)
    if reason is not None:
        body["former"] = {**former, "reason": reason}
    scaling_s = call.settings.scaling_s + call.faults.take_slow_s(endpoint.name)
    _set_in_motion(call, endpoint, UPDATING, call.now_us + round(scaling_s * 1_000_000))


def _rounded(desired: Json) -> Json:
    if "DesiredWeight" not in desired:
        return desired
    return desired | {"DesiredWeight": normalise.float32(desired["DesiredWeight"])}


def delete_endpoint(call: Call, request: Json) -> None:
    """DeleteEndpoint: Deleting, then gone. Its config and models stay."""
    endpoint = call.existing(ENDPOINT, request["EndpointName"])
    if endpoint.status not in DELETABLE:
        raise names.in_progress(endpoint.arn)
    components.refuse_deletion(call, endpoint)
    coupling.forget(call, endpoint.name)
    deleting_s = call.settings.deleting_s + call.faults.take_slow_s(endpoint.name)
    _set_in_motion(call, endpoint, DELETING, call.now_us + round(deleting_s * 1_000_000))


def system_update(call: Call, name: str, seconds_long: float) -> None:
    """The service's own maintenance: SystemUpdating, then InService. Nobody can call for it; the control does.

    Source: botocore EndpointStatus: "cannot be updated or deleted or re-scaled until it has completed".
    """
    endpoint = call.existing(ENDPOINT, name)
    if endpoint.status not in UPDATABLE:
        raise names.in_progress(endpoint.arn)
    _set_in_motion(call, endpoint, SYSTEM_UPDATING, call.now_us + round(seconds_long * 1_000_000))


def _set_in_motion(call: Call, endpoint: Stored, status: str, due_us: int) -> None:
    runs_nothing = endpoint.status == FAILED  # it is being deleted now, and had nothing in use before
    call.transition(endpoint.name, endpoint.status, status)
    endpoint.status, endpoint.modified_us, endpoint.due_us = status, call.now_us, due_us
    call.store.update(endpoint)
    quotas.note(call, endpoint, free=runs_nothing)
    traffic.keep(call.records, endpoint, call.now_us)
