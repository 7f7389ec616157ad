"""Draws a fleet and the edits made to it. In: a random source. Out: fleet files as plain data, one per edit.

A draft is what the drawing thinks in; `written` makes the fleet file of it. The oracle never sees a draft.
"""

from __future__ import annotations

import copy
import hashlib
import json
from typing import Any

from tests.simulation.seeds.random_source import RandomSource

ROLE = "arn:aws:iam::123456789012:role/serving"
IMAGE = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/ranker:"
TYPES = ("ml.m5.large", "ml.m5.xlarge", "ml.c5.large")
WEIGHTS = (None, None, 0.1, 1, 2.5, 3)
VARIANTS = ("a", "b", "c")
HOSTINGS = ("single", "single", "single", "serverless", "async", "multi", "pipeline")
ROLLOUTS = ("none", "none", "none", "all_at_once", "canary", "linear", "rolling")
RETAINS = (0, 1, 1, 1, 2)

EDITS = (
    *("image", "image", "image", "instance_type", "instance_type", "count", "count", "weight", "environment"),
    *("capacity", "add_variant", "remove_variant", "rename_variant", "model_of", "hosting", "rollout", "revert"),
    *("add", "remove", "rename", "move", "tags", "endpoint_tags", "retain", "on_remove", "protect", "share", "unshare"),
    *("pin_config", "salt"),
)

Draft = dict[str, Any]
Fleet = dict[str, Any]


def draw_fleets(rng: RandomSource) -> list[Fleet]:
    """A fleet file, and what it becomes edit by edit: three to six of them."""
    draft = _draft(rng)
    drafts, fleets = [copy.deepcopy(draft)], [written(draft)]
    for _ in range(rng.pick((2, 2, 2, 3, 3, 4, 5))):
        for endpoint in draft["endpoints"]:
            endpoint["renamed_from"] = None  # it was applied: the next person takes the line away
        for _ in range(rng.between(1, 2)):
            draft = _edited(rng, draft, drafts)
        drafts.append(copy.deepcopy(draft))
        fleets.append(written(draft))
    return fleets


def _draft(rng: RandomSource) -> Draft:
    models = {f"m{number}": _model(rng) for number in range(rng.between(1, 3))}
    made: Draft = {"models": models, "retain": rng.pick(RETAINS), "tags": {}, "next": 4, "endpoints": []}
    for number in range(rng.pick((1, 1, 2, 2, 3, 4))):
        made["endpoints"].append(_endpoint(rng, made, number))
    return made


def _model(rng: RandomSource) -> Draft:
    return {"image": "1", "environment": None, "pinned": rng.flip(0.1), "retained": False}


def _variant(rng: RandomSource, models: list[str]) -> Draft:
    return {
        "model": rng.pick(models),
        "type": rng.pick(TYPES),
        "count": rng.between(1, 4),
        "weight": rng.pick(WEIGHTS),
        "autoscaled": rng.flip(0.2),
    }


def _endpoint(rng: RandomSource, draft: Draft, number: int) -> Draft:
    hosting = rng.pick(HOSTINGS)
    names = rng.some(VARIANTS, 1, 1 if hosting in ("serverless", "async") else 2)
    models = list(draft["models"])
    return {
        "number": number,
        "name": f"e{number}" if rng.flip(0.8) else f"e{number}-theirs-not",
        "hosting": hosting,
        "variants": {name: _variant(rng, models) for name in names},
        "rollout": rng.pick(ROLLOUTS),
        "shared": rng.flip(0.2),
        "pinned": None,
        "pinned_config": rng.flip(0.1),
        "renamed_from": None,
        "tags": {},
        "on_remove": None,
        "protect": False,
        "salt": None,
    }


# --- edits ----------------------------------------------------------------------------------------------------------


def _edited(rng: RandomSource, draft: Draft, before: list[Draft]) -> Draft:
    """The draft after one edit, where it applies."""
    edit = rng.pick(EDITS)
    some = rng.pick(draft["endpoints"]) if draft["endpoints"] else None
    model = draft["models"][rng.pick(list(draft["models"]))]
    if edit == "revert":
        reverted = copy.deepcopy(rng.pick(before))
        return {**reverted, "next": draft["next"]}
    if edit == "retain":
        draft["retain"] = rng.pick(RETAINS)
    elif edit == "tags":
        draft["tags"] = rng.pick(({}, {"team": "1"}, {"team": "2"}))
    elif edit in ("image", "environment"):
        model[edit] = rng.pick(("1", "2", "3"))
    elif edit == "add" and len(draft["endpoints"]) < 4:
        draft["endpoints"].append(_endpoint(rng, draft, draft["next"]))
        draft["next"] += 1
    elif some is not None:
        _edit_endpoint(rng, draft, some, edit)
    return draft


def _edit_endpoint(rng: RandomSource, draft: Draft, some: Draft, edit: str) -> None:
    if edit == "remove":
        if not some["protect"]:
            draft["endpoints"].remove(some)
    elif edit in ("rename", "move"):
        _rename(draft, some, edit)
    elif edit in ("share", "unshare"):
        some["shared"] = edit == "share"
    elif edit == "hosting":
        some["hosting"] = rng.pick(HOSTINGS)
        if some["hosting"] in ("serverless", "async"):
            some["variants"] = dict(list(some["variants"].items())[:1])
    elif edit == "rollout":
        some["rollout"] = rng.pick(ROLLOUTS)
    elif edit == "endpoint_tags":
        some["tags"] = rng.pick(({}, {"owner": "x"}, {"owner": "y"}))
    elif edit == "on_remove":
        some["on_remove"] = rng.pick((None, "retain"))
    elif edit == "protect":
        some["protect"] = not some["protect"]
    elif edit == "pin_config":
        some["pinned_config"] = not some["pinned_config"]
    elif edit == "salt":
        some["salt"] = rng.pick((None, "1", "2"))
    else:
        _edit_variant(rng, draft, some, edit)


def _rename(draft: Draft, some: Draft, edit: str) -> None:
    """`rename` keeps the endpoint that clients call; `move` gives it another name, which is an outage."""
    number, draft["next"] = draft["next"], draft["next"] + 1
    if edit == "move":
        some["pinned"] = f"p{number}"
    elif not some["shared"] and some["renamed_from"] is None:
        some["renamed_from"], some["pinned"] = some["name"], some["pinned"] or some["name"]
        some["name"] = f"r{number}"


def _edit_variant(rng: RandomSource, draft: Draft, some: Draft, edit: str) -> None:
    name = rng.pick(list(some["variants"]))
    chosen = some["variants"][name]
    single = some["hosting"] in ("serverless", "async")
    if edit == "instance_type":
        chosen["type"] = rng.pick(TYPES)
    elif edit == "count":
        chosen["count"] = rng.between(1, 4)
    elif edit == "weight":
        chosen["weight"] = rng.pick(WEIGHTS)
    elif edit == "model_of":
        chosen["model"] = rng.pick(list(draft["models"]))
    elif edit == "capacity":
        chosen["autoscaled"] = not chosen["autoscaled"]
    elif edit == "add_variant" and not single:
        some["variants"].setdefault(rng.pick(VARIANTS), _variant(rng, list(draft["models"])))
    elif edit == "remove_variant" and len(some["variants"]) > 1:
        del some["variants"][name]
    elif edit == "rename_variant" and "d" not in some["variants"]:
        some["variants"]["d"] = some["variants"].pop(name)


# --- the fleet file --------------------------------------------------------------------------------------------------


def written(draft: Draft) -> Fleet:
    """The draft as a fleet file."""
    endpoints: Fleet = {}
    shared: Fleet = {}
    models: Fleet = {}
    for found in draft["endpoints"]:
        models |= _written_models(draft, found)
        config = _written_config(found)
        if found["pinned_config"]:
            config["name"] = f"c{found['number']}-{_digest([config, _written_models(draft, found)])}"
        entry: Draft = {"config": config}
        if found["shared"]:
            same = next((name for name, other in shared.items() if other == config), f"s{found['number']}")
            shared[same], entry["config"] = config, same
        entry |= {key: found[key] for key in ("renamed_from", "tags", "on_remove", "protect") if found[key]}
        entry |= {"name": found["pinned"]} if found["pinned"] else {}
        rollout = _written_rollout(found)
        entry |= {"deployment_config": rollout} if rollout else {}
        endpoints[found["name"]] = entry
    made = {"version": 1, "fleet": "f", "retain": draft["retain"], "models": models, "endpoints": endpoints}
    made |= {"endpoint_configs": shared} if shared else {}
    return made | ({"defaults": {"tags": dict(draft["tags"])}} if draft["tags"] else {})


def _digest(content: Any) -> str:
    """A pinned name must follow its content; this is how the people of these fleets do it."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:6]


def _model_name(name: str, hosting: str) -> str:
    return {"multi": f"{name}-multi", "pipeline": f"{name}-pipeline"}.get(hosting, name)


def _written_models(draft: Draft, found: Draft) -> Fleet:
    """The models of an endpoint, in the form that its hosting asks for. A pinned name follows its content."""
    made = {}
    for variant in found["variants"].values():
        name, hosting = variant["model"], found["hosting"]
        model = draft["models"][name]
        container: Draft = {"image": IMAGE + model["image"]}
        if model["environment"]:
            container["environment"] = {"LEVEL": model["environment"]}
        entry: Draft = {"execution_role_arn": ROLE, "primary_container": container}
        if hosting == "multi":
            container |= {"mode": "MultiModel", "model_data_url": f"s3://models/{name}/"}
        elif hosting == "pipeline":
            first = {"image": IMAGE + "first", "container_hostname": "first"}
            del entry["primary_container"]
            entry["containers"] = [first, {**container, "container_hostname": "second"}]
        elif model["pinned"]:
            entry["name"] = f"{name}-pin-{model['image']}-{model['environment']}"
        made[_model_name(name, hosting)] = entry
    return made


def _written_config(found: Draft) -> Fleet:
    hosting = found["hosting"]
    config: Fleet = {"production_variants": {n: _written_variant(v, hosting) for n, v in found["variants"].items()}}
    if hosting == "async":
        config["async_inference_config"] = {"output_config": {"s3_output_path": f"s3://answers/{found['name']}/"}}
    if found["salt"]:
        config["replace_salt"] = found["salt"]
    return config


def _written_variant(item: Draft, hosting: str) -> Fleet:
    made: Fleet = {"model": _model_name(item["model"], hosting)}
    if item["weight"] is not None:
        made["initial_variant_weight"] = item["weight"]
    if hosting == "serverless":
        return {**made, "serverless_config": {"memory_size_in_mb": 2048, "max_concurrency": item["count"] + 1}}
    made |= {"instance_type": item["type"], "initial_instance_count": item["count"]}
    return made | ({"capacity": "autoscaled"} if item["autoscaled"] else {})


def _written_rollout(found: Draft) -> Fleet:
    """Guardrails, with an alarm of the endpoint's own."""
    kind = found["rollout"]
    if kind == "none" or found["hosting"] == "serverless" or (kind == "rolling" and len(found["variants"]) > 1):
        return {}
    alarms = {"auto_rollback_configuration": {"alarms": [{"alarm_name": f"alarm-{found['number']}"}]}}
    half = {"type": "CAPACITY_PERCENT", "value": 50}
    if kind == "rolling":
        return {"rolling_update_policy": {"maximum_batch_size": half, "wait_interval_in_seconds": 120}, **alarms}
    routing: Fleet = {"type": kind.upper(), "wait_interval_in_seconds": 120}
    if kind == "canary":
        routing["canary_size"] = half
    elif kind == "linear":
        routing["linear_step_size"] = half
    else:
        routing["wait_interval_in_seconds"] = 0
    policy = {"traffic_routing_configuration": routing, "termination_wait_in_seconds": 60}
    return {"blue_green_update_policy": policy, **alarms}
