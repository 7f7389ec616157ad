"""Guards: right before a write its object is read again, and the world decides what happens.

Already as wanted → the step is done without a call, which is why resuming needs no bookkeeping. As the plan saw it →
the call is made. Anything else → the step stops. SageMaker has no conditional writes for updates, so a window of one
call remains; verify catches what falls into it. For creates the service itself is the guard: names are unique.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from mmeplan.apply.references import References
from mmeplan.aws.failures import Failure, classify
from mmeplan.aws.lifecycle import BUSY, CREATING, DELETABLE, DELETING, IN_SERVICE, SYSTEM_UPDATING, UPDATABLE
from mmeplan.errors import CloudError
from mmeplan.live import ARN_MEMBERS, NAME_MEMBERS, Answer, Reader
from mmeplan.plan import Step
from mmeplan.resources.identity import DIGEST_TAG, FLEET_TAG

_DESCRIBE = {"model": "DescribeModel", "endpoint_config": "DescribeEndpointConfig", "endpoint": "DescribeEndpoint"}
KIND_OF = {
    "CreateModel": "model",
    "DeleteModel": "model",
    "CreateEndpointConfig": "endpoint_config",
    "DeleteEndpointConfig": "endpoint_config",
    "CreateEndpoint": "endpoint",
    "UpdateEndpoint": "endpoint",
    "UpdateEndpointWeightsAndCapacities": "endpoint",
    "DeleteEndpoint": "endpoint",
    "DescribeEndpoint": "endpoint",
}


@dataclass(frozen=True, slots=True)
class Decision:
    """What a guard decided.

    `call`: make it. `done`: nothing to do. `join`: SageMaker is at it already; only wait. `blocked`: the endpoint is
    busy; look again later; `others` says that somebody else keeps it busy. `keep`: a delete that must not be made.
    `fail`: stop this step.
    """

    verdict: Literal["call", "done", "join", "blocked", "keep", "fail"]
    detail: str = ""
    others: bool = False


CALL = Decision("call")


def guard(step: Step, reader: Reader, references: References) -> Decision:
    """Decide about a step from what is live right now. Raises CloudError where that can't be read."""
    if step.operation in ("CreateModel", "CreateEndpointConfig"):
        return CALL  # the name is unique: the service refuses a second one
    if step.operation == "CreateEndpoint":
        return _before_create_endpoint(step, reader) if step.guard.get("wait_until_gone") else CALL
    if step.operation == "DescribeEndpoint":
        return Decision("join")
    if step.operation in ("AddTags", "DeleteTags"):
        return _before_tags(step, reader)
    if step.operation in ("DeleteModel", "DeleteEndpointConfig"):
        return _before_delete(step, reader, references)
    return _before_endpoint_write(step, reader)


def after_exists(step: Step, reader: Reader) -> Decision:
    """A create was refused because the name exists: is it what we wanted, or somebody else's?"""
    kind = KIND_OF[step.operation]
    described = read(reader, kind, str(step.params[NAME_MEMBERS[kind]]))
    if described is None:
        return Decision("blocked", "the service says it exists, and that it doesn't")
    if kind == "endpoint":
        return _existing_endpoint(step, described, reader)
    tags = tags_of(reader, described[ARN_MEMBERS[kind]])
    if tags.get(DIGEST_TAG) == step.guard.get("digest"):
        return Decision("done", "exists with this content already")
    name = step.params[NAME_MEMBERS[kind]]
    return Decision(
        "fail", f"{name} exists and its tags don't say that it has this content; look who made it, then plan again"
    )


def _existing_endpoint(step: Step, described: Answer, reader: Reader) -> Decision:
    status = described.get("EndpointStatus")
    if status == DELETING:
        return Decision("blocked", "an endpoint of this name is still being deleted", others=True)
    if described.get("EndpointConfigName") == step.guard.get("config") and status in (CREATING, IN_SERVICE):
        if tags_of(reader, described["EndpointArn"]).get(FLEET_TAG) == step.guard["owned_by"]:
            return Decision("join", "is being created already")
        return Decision("fail", "somebody else made an endpoint of this name since the plan was made; plan again")
    return Decision("fail", f"an endpoint of this name exists ({status}) since the plan was made; plan again")


def read(reader: Reader, kind: str, name: str) -> Answer | None:
    """Describe one object; None where it doesn't exist. Raises CloudError."""
    try:
        return reader.read(_DESCRIBE[kind], {NAME_MEMBERS[kind]: name})
    except CloudError as error:
        if classify(error.code, error.message, error.status) is Failure.NOT_FOUND:
            return None
        raise


def tags_of(reader: Reader, arn: str) -> dict[str, str]:
    """All tags of an ARN. Raises CloudError."""
    answer = reader.read("ListTags", {"ResourceArn": arn})
    tags = list(answer.get("Tags") or ())
    while answer.get("NextToken"):
        answer = reader.read("ListTags", {"ResourceArn": arn, "NextToken": answer["NextToken"]})
        tags += answer.get("Tags") or ()
    return {tag["Key"]: tag.get("Value", "") for tag in tags}


def _before_create_endpoint(step: Step, reader: Reader) -> Decision:
    described = read(reader, "endpoint", str(step.guard["absent"]))
    return CALL if described is None else _existing_endpoint(step, described, reader)


def _before_tags(step: Step, reader: Reader) -> Decision:
    wanted_config = step.guard.get("config")
    if wanted_config:  # what is written down is true only while the endpoint runs this
        described = read(reader, "endpoint", str(step.guard["name"])) or {}
        in_force = described.get("EndpointConfigName")
        if in_force != wanted_config:
            text = f"the endpoint {step.guard['name']} runs {in_force or 'nothing'} by now, not {wanted_config}"
            return Decision("fail", f"{text}: somebody else changed it, or another apply; plan again")
    now = tags_of(reader, str(step.params["ResourceArn"]))
    owner, wanted_owner = now.get(FLEET_TAG), step.guard.get("owned_by")
    if wanted_owner and owner != wanted_owner and not _forgotten(step, now):
        return Decision("fail", f"it no longer carries the tag {FLEET_TAG}={wanted_owner}; somebody took it over")
    if not wanted_owner and owner is not None and owner != _value(step, FLEET_TAG):
        return Decision("fail", f"it belongs to the fleet {owner!r} by now")
    if step.operation == "AddTags":
        missing = [tag for tag in step.params["Tags"] if now.get(tag["Key"]) != tag["Value"]]
        return CALL if missing else Decision("done", "the tags are as wanted already")
    return CALL if any(key in now for key in step.params["TagKeys"]) else Decision("done", "the tags are gone already")


def _forgotten(step: Step, now: Mapping[str, str]) -> bool:
    """A `forget` that was interrupted has removed the ownership tag before the others."""
    return step.operation == "DeleteTags" and FLEET_TAG in step.params["TagKeys"] and FLEET_TAG not in now


def _value(step: Step, key: str) -> str | None:
    return next((tag["Value"] for tag in step.params.get("Tags", ()) if tag["Key"] == key), None)


def _before_delete(step: Step, reader: Reader, references: References) -> Decision:
    kind = KIND_OF[step.operation]
    name = str(step.params[NAME_MEMBERS[kind]])
    described = read(reader, kind, name)
    if described is None:
        return Decision("done", "is gone already")
    if tags_of(reader, described[ARN_MEMBERS[kind]]).get(FLEET_TAG) != step.guard["owned_by"]:
        return Decision("keep", f"{name} doesn't carry this fleet's tag any more")
    user = references.user_of(kind, name, step.guard.get("stand_ins", ()))
    return Decision("keep", f"{name} is still used by the endpoint {user}") if user else CALL


def _before_endpoint_write(step: Step, reader: Reader) -> Decision:
    name = str(step.guard["endpoint"])
    described = read(reader, "endpoint", name)
    if described is None:
        return (
            Decision("done", "is gone already")
            if step.operation == "DeleteEndpoint"
            else Decision("fail", f"the endpoint {name} is gone")
        )
    status = str(described.get("EndpointStatus"))
    if step.operation == "DeleteEndpoint":
        decision = _before_delete_endpoint(step, described, status)
    elif step.operation == "UpdateEndpoint":
        decision = _before_update(step, described, status)
    else:
        decision = _before_scale(step, described, status)
    if decision.verdict != "call":
        return decision
    owner = tags_of(reader, described["EndpointArn"]).get(FLEET_TAG)
    if owner != step.guard["owned_by"]:
        return Decision("fail", f"the endpoint {name} doesn't carry this fleet's tag any more; it is left alone")
    return CALL


def _before_delete_endpoint(step: Step, described: Answer, status: str) -> Decision:
    planned = step.guard.get("created_at")
    if planned and described.get("CreationTime") != planned:
        return Decision("fail", "somebody made this endpoint anew since the plan was made; plan again")
    if status == DELETING:
        return Decision("join", "is being deleted already")
    if status in DELETABLE:
        return CALL
    return Decision("blocked", f"is {status}; deleted once that is over", others=True)


def _before_update(step: Step, described: Answer, status: str) -> Decision:
    wanted, in_force = step.params["EndpointConfigName"], described.get("EndpointConfigName")
    pending = (described.get("PendingDeploymentSummary") or {}).get("EndpointConfigName")
    if status in BUSY:
        if pending == wanted and status != SYSTEM_UPDATING:
            return Decision("join", "the update is under way already")
        return Decision("blocked", f"is {status}; updated once that is over", others=True)
    if status not in UPDATABLE:
        return Decision(
            "fail", f"the endpoint is {status} ({described.get('FailureReason') or 'no reason given'}); plan again"
        )
    if in_force == wanted:
        if desires_met(step.guard.get("desired", ()), described):
            return Decision("done", f"runs {wanted} already")
        return CALL  # somebody's update was under way and came to nothing: counts or weights aren't the file's
    if step.guard.get("pending") == wanted:
        why = described.get("FailureReason") or "SageMaker gave no reason"
        text = f"SageMaker rolled the update of {described['EndpointName']} to {wanted}, which was under way, back"
        return Decision("fail", f"{text} ({why}); it serves by {in_force}. Plan again")
    if in_force in (step.guard["config"], step.guard.get("pending")):
        return CALL  # as the plan saw it, or as the update that it saw under way has left it
    seen = step.guard["config"]
    text = f"the endpoint runs {in_force}, neither what the plan saw ({seen}) nor what it wants; plan again"
    return Decision("fail", text)


def _before_scale(step: Step, described: Answer, status: str) -> Decision:
    pending = (described.get("PendingDeploymentSummary") or {}).get("EndpointConfigName")
    if status in BUSY and pending == step.guard["config"] != described.get("EndpointConfigName"):
        return Decision("blocked", f"is {status}; changed once that is over", others=True)
    if described.get("EndpointConfigName") != step.guard["config"]:
        return Decision(
            "fail",
            f"the endpoint runs {described.get('EndpointConfigName')} by now, not {step.guard['config']}; plan again",
        )
    wanted = step.params["DesiredWeightsAndCapacities"]
    as_wanted = desires_met(wanted, described)
    if status in BUSY:
        if as_wanted and status != SYSTEM_UPDATING:
            return Decision("join", "the change is under way already")
        return Decision("blocked", f"is {status}; changed once that is over", others=True)
    if status not in UPDATABLE:
        return Decision("fail", f"the endpoint is {status}; plan again")
    if as_wanted:
        return Decision("done", "is as wanted already")
    before = [{"VariantName": name, **values} for name, values in step.guard.get("before", {}).items()]
    if desires_met([*before, *told(step.guard.get("holds", ()), described)], described):
        return CALL
    return Decision("fail", "counts or weights were changed since the plan was made; plan again")


def told(wanted: Iterable[Mapping[str, Any]], described: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """What is wanted, without weights and counts that Describe doesn't tell of a variant that is there."""
    summaries = {summary.get("VariantName"): summary for summary in described.get("ProductionVariants") or ()}
    for item in wanted:
        now = summaries.get(item["VariantName"], item)
        told = ("VariantName", "ServerlessUpdateConfig", *now)
        yield {member: value for member, value in item.items() if member in told}


def desires_met(wanted: list[Mapping[str, Any]] | Any, described: Mapping[str, Any]) -> bool:
    """Whether DescribeEndpoint's Desired values are these (weights compared as float32)."""
    from mmeplan.resources.canonical import same_number

    summaries = {summary.get("VariantName"): summary for summary in described.get("ProductionVariants") or ()}
    for item in wanted:
        now = summaries.get(item["VariantName"])
        if now is None:
            return False
        for member, live_member in (
            ("DesiredWeight", "DesiredWeight"),
            ("DesiredInstanceCount", "DesiredInstanceCount"),
        ):
            if member in item and same_number(float(item[member])) != same_number(float(now.get(live_member) or 0)):
                return False
        serverless = now.get("DesiredServerlessConfig") or {}
        if any(serverless.get(key) != value for key, value in item.get("ServerlessUpdateConfig", {}).items()):
            return False
    return True
