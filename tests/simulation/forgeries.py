"""Forged plans: a plan that mmeplan saved, and what somebody changed in it who can take a digest as well as we can."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from mmeplan.canonical import canonical
from mmeplan.identity import digest
from mmeplan.plan.encoding import _document_id, _document_seal
from tests.simulation.world import Fleet, config, fleet, model, variant

Document = dict[str, Any]
Forge = Callable[[Document], None]

SECRET = "a-secret-value"
MANY = 52
"""Endpoints beside those that the forgeries are about, so that objects are listed instead of described."""


def before(many: int = 0) -> Fleet:
    """What was applied: an endpoint that will be swapped, one to be scaled, one that will go, and one to stay."""
    endpoints = {
        "ranker": {"config": config(main=variant()), "tags": {"team": "a"}},
        "scaled": {"config": config(main=variant("calm"))},
        "gone": {"config": config(main=variant("calm", count=1))},
        "calm": {"config": "shared"},
        **{f"calm{number}": {"config": "shared"} for number in range(many)},
    }
    models = {"ranker": model("1", environment={"TOKEN": "old"}), "calm": model("9")}
    shared = {"shared": config(main=variant("calm", count=1))}
    return fleet(endpoints, models=models, endpoint_configs=shared, retain=0)


def after(many: int = 0) -> Fleet:
    """The file that the plan is made of."""
    made = before(many)
    made["models"]["ranker"] = model("2", environment={"TOKEN": SECRET})
    made["endpoints"]["ranker"]["tags"] = {"team": "b"}
    made["endpoints"]["scaled"] = {"config": config(main=variant("calm", count=3))}
    made["endpoints"]["fresh"] = {"config": config(main=variant(count=1))}
    del made["endpoints"]["gone"]
    return made


def sealed(document: Document) -> Document:
    """The document with the `plan_id` of its content."""
    document["plan_id"] = _document_id(document)
    document["seal"] = _document_seal(document)
    return document


def step(document: Document, start: str) -> Document:
    """The first step whose id begins so."""
    found: Document = next(each for each in document["steps"] if each["id"].startswith(start))
    return found


def change(document: Document, at: str, action: str = "") -> Document:
    """The first change of that address, with that word among its actions."""
    changes = (each for each in document["changes"] if each["address"] == at)
    found: Document = next(each for each in changes if not action or action in each["actions"])
    return found


def added(document: Document, operation: str, address: str, params: Document, guard: Document, wait: Document) -> None:
    made = {"id": f"{operation}:{address}", "address": address, "operation": operation, "params": params}
    document["steps"].append({**made, "after": [], "guard": guard, "wait": wait, "effect": "none", "on_rollback": []})


def tag(call: Document, key: str, value: str | None) -> None:
    """Set a tag of a call's parameters, or take it away."""
    tags = [each for each in call["params"]["Tags"] if each["Key"] != key]
    call["params"]["Tags"] = tags + ([{"Key": key, "Value": value}] if value is not None else [])


OURS = {"owned_by": "f"}
GONE = {"until": "gone", "timeout_s": 1800}


def _delete(name: str, owner: str = "f") -> Forge:
    def forge(document: Document) -> None:
        guard = {"endpoint": name, "owned_by": owner, "created_at": "2026-01-01T00:00:00+00:00"}
        wait = {"endpoint": name, **GONE}
        added(document, "DeleteEndpoint", f"endpoint/{name}", {"EndpointName": name}, guard, wait)

    return forge


def _delete_model(document: Document) -> None:
    name = change(document, "model/calm")["name"]
    added(document, "DeleteModel", "model/calm", {"ModelName": name}, {**OURS, "unreferenced": name}, {})


def _set(*path: Any, to: Any) -> Forge:
    """Set a member: of the first step or change whose id or address is named, or of the document."""

    def forge(document: Document) -> None:
        found: Any = document
        for part in path[:-1]:
            if isinstance(part, str) and ":" in part:
                found = step(document, part)
            elif isinstance(part, str) and "/" in part:
                found = change(document, part)
            else:
                found = found[part]
        found[path[-1]] = to

    return forge


def _drop(start: str) -> Forge:
    def forge(document: Document) -> None:
        gone = step(document, start)
        document["steps"].remove(gone)
        for each in document["steps"]:
            each["after"] = [needed for needed in each["after"] if needed != gone["id"]]

    return forge


def _tag(start: str, key: str, value: str | None) -> Forge:
    return lambda document: tag(step(document, start), key, value)


def _arn(start: str, old: str, new: str) -> Forge:
    def forge(document: Document) -> None:
        params = step(document, start)["params"]
        params["ResourceArn"] = params["ResourceArn"].replace(old, new)

    return forge


def _hidden_delete(document: Document) -> None:
    """The change says that nothing happens, and its step stays."""
    gone = change(document, "endpoint/gone")
    gone.update(actions=["no-op"], effect="none", reason="same")
    document["summary"]["delete"] -= 1
    document["summary"]["noop"] += 1


def _image_and_digest(document: Document) -> None:
    made = step(document, "CreateModel:model/ranker")
    made["params"]["PrimaryContainer"]["Image"] = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/evil:1"
    tag(made, "mmeplan:digest", "0" * 64)
    made["guard"]["digest"] = "0" * 64


def _rollback_deletes(document: Document) -> None:
    calls = step(document, "UpdateEndpoint:endpoint/ranker")["on_rollback"]
    calls.append({"operation": "DeleteEndpointConfig", "params": {"EndpointConfigName": "shared"}, "clean": True})


def _rollback_deletes_a_model(document: Document) -> None:
    name = change(document, "model/calm")["name"]
    calls = step(document, "UpdateEndpoint:endpoint/ranker")["on_rollback"]
    calls.append({"operation": "DeleteModel", "params": {"ModelName": name}, "clean": True})


def _rollback_deletes_the_endpoint(document: Document) -> None:
    calls = step(document, "UpdateEndpoint:endpoint/ranker")["on_rollback"]
    calls.append({"operation": "DeleteEndpoint", "params": {"EndpointName": "calm"}})


def _rollback_tags(document: Document) -> None:
    call = step(document, "UpdateEndpoint:endpoint/ranker")["on_rollback"][0]
    call["params"]["Tags"] = [{"Key": "mmeplan:fleet", "Value": "theirs"}]


def _rolled_back_at_once(document: Document) -> None:
    document["steps"][0]["on_rollback"] = [{"operation": "DeleteEndpoint", "params": {"EndpointName": "calm"}}]


def _speculative(document: Document) -> None:
    document["options"]["speculative"] = True


def _refused(document: Document) -> None:
    document["findings"].append(
        {"rule": "GATE-05", "severity": "error", "address": "", "path": "", "message": "no", "help": ""}
    )


def _moved_to_another_fleet(document: Document) -> None:
    tagged = change(document, "endpoint/ranker")
    tagged["tags_added"]["mmeplan:fleet"] = "theirs"
    tag(step(document, "AddTags:endpoint/ranker"), "mmeplan:fleet", "theirs")


def _twice(document: Document) -> None:
    document["steps"].append({**step(document, "CreateEndpoint:endpoint/fresh"), "id": "again"})


def _circle(document: Document) -> None:
    first, second = step(document, "CreateModel:"), step(document, "UpdateEndpoint:")
    first["after"] = [second["id"]]


def _renamed(document: Document) -> None:
    """Another name in the call than in the change."""
    step(document, "CreateEndpoint:endpoint/fresh")["params"]["EndpointName"] = "calm"


def _another_digest_in_the_name(document: Document) -> None:
    """The name is changed wherever it stands, and the digest isn't."""
    old = step(document, "CreateModel:model/ranker")["params"]["ModelName"]
    new = f"ranker-{'0' * 8}"
    made, named = step(document, "CreateModel:model/ranker"), change(document, "model/ranker", "create")
    made["params"]["ModelName"] = made["guard"]["absent"] = named["name"] = new
    prints = document["snapshot"]["fingerprints"]
    prints[f"model/{new}"] = prints.pop(f"model/{old}")


def _no_fingerprint_of_one(document: Document) -> None:
    del document["snapshot"]["fingerprints"]["endpoint/gone"]


CONTRADICTIONS: dict[str, tuple[Forge, str]] = {
    "a delete is smuggled in": (_delete("calm"), "no change of endpoint/calm says that DeleteEndpoint is called"),
    "a delete of another fleet's endpoint": (_delete("theirs", "other"), "no change of endpoint/theirs"),
    "a delete of a model that is used": (_delete_model, "no change of model/calm says that DeleteModel"),
    "a delete that its change hides": (_hidden_delete, "no change of endpoint/gone says that DeleteEndpoint"),
    "another object is deleted than the change says": (
        _set("DeleteEndpoint:endpoint/gone", "params", to={"EndpointName": "calm"}),
        "DeleteEndpoint is called for calm",
    ),
    "the guard of a delete names another fleet": (
        _set("DeleteEndpoint:endpoint/gone", "guard", "owned_by", to="theirs"),
        "must be the fleet 'theirs', and the plan is of the fleet 'f'",
    ),
    "the guard of a delete is gone": (_set("DeleteEndpoint:endpoint/gone", "guard", to={}), "must be nobody's"),
    "the guard of a delete doesn't know when it was made": (
        _set("DeleteEndpoint:endpoint/gone", "guard", "created_at", to=""),
        "which endpoint of that name was seen",
    ),
    "the guard of a swap names an environment": (
        _set("UpdateEndpoint:endpoint/ranker", "guard", "environment", to="prod"),
        "the environment 'prod' of the fleet 'f'",
    ),
    "the guard of a swap knows no config": (
        _set("UpdateEndpoint:endpoint/ranker", "guard", "config", to=""),
        "which config the endpoint must run",
    ),
    "the guard of tags is gone": (_set("AddTags:endpoint/ranker", "guard", to={}), "its guard is of"),
    "nobody waits for a delete": (_set("DeleteEndpoint:endpoint/gone", "wait", to={}), "doesn't wait until"),
    "a wait for another config": (
        _set("UpdateEndpoint:endpoint/ranker", "wait", "config", to="shared"),
        "waits for the config shared",
    ),
    "a wait for another endpoint": (
        _set("UpdateEndpoint:endpoint/ranker", "wait", "endpoint", to="calm"),
        "waits for the endpoint calm, and is about ranker",
    ),
    "another image": (
        _set("CreateModel:model/ranker", "params", "PrimaryContainer", "Image", to="evil:1"),
        "is not what its tag mmeplan:digest says",
    ),
    "another role": (
        _set("CreateModel:model/ranker", "params", "ExecutionRoleArn", to="arn:aws:iam::666666666666:role/evil"),
        "is not what its tag mmeplan:digest says",
    ),
    "another image, another digest": (_image_and_digest, "is not what its tag mmeplan:digest says"),
    "another instance type": (
        _set(
            "CreateEndpointConfig:endpoint_config/fresh", "params", "ProductionVariants", 0, "InstanceType", to="ml.p4"
        ),
        "is not what its tag mmeplan:digest says",
    ),
    "a salt": (_set("CreateModel:model/ranker", "guard", "salt", to="x"), "is not what its tag mmeplan:digest says"),
    "a digest in the guard alone": (
        _set("CreateModel:model/ranker", "guard", "digest", to="0" * 64),
        "guard has another digest",
    ),
    "a name that says another digest": (_another_digest_in_the_name, "is not that of a digest"),
    "another name in the call": (_renamed, "no change of endpoint/fresh says that CreateEndpoint is called for calm"),
    "an endpoint of another config": (
        _set("CreateEndpoint:endpoint/fresh", "params", "EndpointConfigName", to="shared"),
        "another config than the one that the endpoint is created with",
    ),
    "tags of another fleet": (
        _tag("CreateModel:model/ranker", "mmeplan:fleet", "theirs"),
        "doesn't carry the tags of the fleet 'f'",
    ),
    "no tags of a fleet": (_tag("CreateModel:model/ranker", "mmeplan:fleet", None), "doesn't carry the tags of"),
    "an address of something else": (
        _tag("CreateModel:model/ranker", "mmeplan:address", "model/calm"),
        "is tagged as 'model/calm'",
    ),
    "a tag that nobody asked for": (
        _tag("CreateModel:model/ranker", "cost-center", "theirs"),
        "its tag mmeplan:tags isn't that of its other tags",
    ),
    "an adoption of what is ours": (_moved_to_another_fleet, "would make it another deployment's"),
    "a tag that no change names": (
        _tag("AddTags:endpoint/ranker", "mmeplan:protect", "true"),
        "no change says that it sets or removes the tags mmeplan:protect",
    ),
    "the ARN of another account": (
        _arn("AddTags:endpoint/ranker", "123456789012", "666666666666"),
        "is in the account 666666666666",
    ),
    "the ARN of another region": (
        _arn("AddTags:endpoint/ranker", "eu-west-1", "us-east-1"),
        "is in the region us-east-1",
    ),
    "the ARN of another endpoint": (_arn("AddTags:endpoint/ranker", "endpoint/ranker", "endpoint/calm"), "AddTags"),
    "no fingerprints": (_set("snapshot", "fingerprints", to={}), "has no fingerprint of the endpoint calm"),
    "one fingerprint less": (_no_fingerprint_of_one, "has no fingerprint of the endpoint gone"),
    "a summary that says no deletes": (_set("summary", "delete", to=0), "its summary says 0 for 'delete'"),
    "a summary of a mild effect": (_set("summary", "worst_effect", to="none"), "its summary says 'none'"),
    "an effect that is milder": (
        _set("endpoint/gone", "effect", to="none"),
        "has the effect 'delete', and it says 'none'",
    ),
    "a speculative plan that is applyable": (_speculative, "it says that it is applyable"),
    "a refused plan that is applyable": (_refused, "it says that it is applyable"),
    "a plan that says it is complete": (
        _set("options", "targets", to=["endpoint/ranker"]),
        "it says that it is complete",
    ),
    "instances counted for another parallelism": (_set("options", "parallelism", to=50), "another parallelism"),
    "a peak that is hidden": (_set("capacity", "types", 0, "peak", to=0), "a peak that is lower"),
    "a rollback that deletes another config": (_rollback_deletes, "would delete shared"),
    "a rollback that deletes another model": (_rollback_deletes_a_model, "which isn't made for it"),
    "a rollback that deletes an endpoint": (_rollback_deletes_the_endpoint, "is followed by DeleteEndpoint"),
    "a rollback that gives the endpoint away": (_rollback_tags, "are not its mark"),
    "a rollback that isn't marked": (
        _set("UpdateEndpoint:endpoint/ranker", "on_rollback", to=[]),
        "would not be marked",
    ),
    "a rollback of what is no update": (_rolled_back_at_once, "it is no update of an endpoint"),
    "a create left out": (_drop("CreateModel:model/ranker"), "no step is CreateModel of ranker-"),
    "a delete left out": (_drop("DeleteEndpoint:endpoint/gone"), "no step is DeleteEndpoint of gone"),
    "a swap left out": (_drop("UpdateEndpoint:endpoint/ranker"), "no step is UpdateEndpoint of ranker"),
    "tags left out": (_drop("AddTags:endpoint/ranker"), "no step sets or removes the tags"),
    "a step twice": (_twice, "two of its steps are CreateEndpoint of fresh"),
    "a swap before its config is there": (
        _set("UpdateEndpoint:endpoint/ranker", "after", to=[]),
        "doesn't wait until the endpoint config",
    ),
    "steps that wait for each other": (_circle, "which stands behind it"),
    "a step that waits for nothing": (
        _set("UpdateEndpoint:endpoint/ranker", "after", to=["CreateModel:model/nowhere"]),
        "waits for CreateModel:model/nowhere, which isn't there",
    ),
    "a file elsewhere": (
        lambda document: document["source"].append({"path": "/etc/shadow", "sha256": "0" * 64}),
        "isn't the path of a file from the folder of",
    ),
    "no file": (_set("source", to=[]), "doesn't say of which file it is"),
}
"""What is forged → how, and what is said of it. Each is seen in the plan alone."""


# --- what only a plan of the same file tells --------------------------------------------------------------------------


def _with_content(document: Document, start: str, alter: Callable[[Document], None]) -> None:
    """Other content of a model that is created, with its digest, its name and everything that refers to it."""
    made = step(document, start)
    old_name, old = made["params"]["ModelName"], made["guard"]["digest"]
    alter(made["params"])
    content = {key: value for key, value in made["params"].items() if key not in ("ModelName", "Tags")}
    new = digest("model", canonical(content))
    _replaced(document, {old: new, old_name: f"ranker-{new[:8]}"})
    for each in document["steps"]:  # the configs refer to it by name: their digests and names follow
        if each["operation"] == "CreateEndpointConfig":
            name, was = each["params"]["EndpointConfigName"], each["guard"]["digest"]
            content = {key: value for key, value in each["params"].items() if key not in ("EndpointConfigName", "Tags")}
            now = digest("endpoint_config", canonical(content))
            _replaced(document, {was: now, name: f"{name.rpartition('-')[0]}-{now[:8]}"})


def _replaced(document: Document, texts: dict[str, str]) -> None:
    text = json.dumps(document)
    for old, new in texts.items():
        text = text.replace(old, new)
    document.clear()
    document.update(json.loads(text))


def _well_forged_image(document: Document) -> None:
    def alter(params: Document) -> None:
        params["PrimaryContainer"]["Image"] = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/evil:1"

    _with_content(document, "CreateModel:model/ranker", alter)


def _well_forged_environment(document: Document) -> None:
    def alter(params: Document) -> None:
        params["PrimaryContainer"]["Environment"]["TOKEN"] = "another-secret-value"

    _with_content(document, "CreateModel:model/ranker", alter)


def _whole_delete(document: Document) -> None:
    """A change that says so, its step, and the summary."""
    calm, gone = change(document, "endpoint/calm"), change(document, "endpoint/gone")
    calm.update({key: gone[key] for key in ("actions", "effect", "reason", "explanation")}, live_name="calm")
    document["summary"]["delete"] += 1
    document["summary"]["noop"] -= 1
    _delete("calm")(document)


def _less(document: Document) -> None:
    """An endpoint is left out altogether."""
    for member in ("steps", "changes"):
        document[member] = [each for each in document[member] if each["address"] != "endpoint/fresh"]
    document["summary"]["create"] -= 1


def _field(document: Document) -> None:
    change(document, "model/ranker", "create")["fields"] = []


def _count(document: Document) -> None:
    scaled = step(document, "UpdateEndpointWeightsAndCapacities:endpoint/scaled")
    scaled["params"]["DesiredWeightsAndCapacities"][0]["DesiredInstanceCount"] = 90


def _retains(document: Document) -> None:
    step(document, "UpdateEndpoint:endpoint/ranker")["params"]["RetainAllVariantProperties"] = True


def _no_placeholders(document: Document) -> None:
    step(document, "DeleteModel:model/ranker")["guard"]["once"] = [["calm", "00000000"]]


DEPARTURES: dict[str, tuple[Forge, str]] = {
    "another image with its digest and name": (_well_forged_image, "and a plan of the same file"),
    "another environment value with its digest": (_well_forged_environment, "and a plan of the same file"),
    "a delete with its change and summary": (_whole_delete, "the endpoint calm: the plan says"),
    "an endpoint left out with its change": (_less, "the endpoint fresh: the plan doesn't name it"),
    "fields that hide what differs": (_field, "differ in fields"),
    "another count": (_count, "DesiredInstanceCount, and a plan of the same file says 3"),
    "a swap that keeps counts": (_retains, "RetainAllVariantProperties"),
    "a guard that nothing passes": (_no_placeholders, "guard.once"),
}
"""The same of forgeries that don't contradict themselves."""
