"""Random fleets and the edits that people make to them, as Hypothesis strategies. A life is a list of fleets."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import strategies as st

from tests.simulation.world import Fleet, config, fleet, model, serverless, variant

MODELS = ("m0", "m1", "m2")
TYPES = ("ml.m5.large", "ml.m5.xlarge", "ml.c5.large")
WEIGHTS = (None, 0.1, 1, 2.5)
VARIANTS = ("a", "b", "c")
EDITS = (
    *("instance_type", "count", "weight", "model_of", "capacity", "add_variant", "remove_variant", "hosting"),
    *("image", "environment", "tags", "endpoint_tags", "retain", "add", "remove", "rename", "pin", "share", "unshare"),
)

Draft = dict[str, Any]


def _pick(draw: Any, options: Any) -> Any:
    return draw(st.sampled_from(list(options)))


def _variant(draw: Any, models: Any) -> Draft:
    return {
        "model": _pick(draw, models),
        "type": _pick(draw, TYPES),
        "count": draw(st.integers(1, 3)),
        "weight": _pick(draw, WEIGHTS),
        "autoscaled": False,
    }


def _endpoint(draw: Any, models: Any, number: int) -> Draft:
    names = draw(st.lists(st.sampled_from(VARIANTS), min_size=1, max_size=2, unique=True))
    return {
        "number": number,
        "name": f"e{number}",
        "variants": {name: _variant(draw, models) for name in names},
        "serverless": draw(st.booleans()),
        "shared": draw(st.booleans()),
        "pinned": None,
        "renamed_from": None,
        "tags": {},
    }


def _draft(draw: Any) -> Draft:
    models = draw(st.lists(st.sampled_from(MODELS), min_size=1, max_size=2, unique=True))
    made: Draft = {
        "models": {name: {"image": "1", "environment": None, "pinned": draw(st.booleans())} for name in models},
        "endpoints": [_endpoint(draw, models, number) for number in range(draw(st.integers(1, 3)))],
        "retain": draw(st.integers(0, 2)),
        "tags": {},
        "next": 3,
    }
    return made


def _edit(draw: Any, draft: Draft) -> None:
    """One edit, where it applies."""
    edit = _pick(draw, EDITS)
    some = _pick(draw, draft["endpoints"]) if draft["endpoints"] else None
    of_fleet = {
        "retain": ("retain", st.integers(0, 2)),
        "tags": ("tags", st.sampled_from([{}, {"t": "1"}, {"t": "2"}])),
    }
    if edit in of_fleet:
        member, strategy = of_fleet[edit]
        draft[member] = draw(strategy)
    elif edit in ("image", "environment"):
        draft["models"][_pick(draw, draft["models"])][edit] = _pick(draw, ("1", "2", "3"))
    elif edit == "add":
        draft["endpoints"].append(_endpoint(draw, list(draft["models"]), draft["next"]))
        draft["next"] += 1
    elif some is None:
        return
    elif edit == "remove":
        draft["endpoints"].remove(some)
    elif edit == "rename":
        if not some["shared"] and some["renamed_from"] is None:
            some["renamed_from"], some["pinned"] = some["name"], some["pinned"] or some["name"]
            some["name"] = f"r{draft['next']}"
            draft["next"] += 1
    else:
        _edit_endpoint(draw, draft, some, edit)


def _edit_endpoint(draw: Any, draft: Draft, some: Draft, edit: str) -> None:
    name = _pick(draw, some["variants"])
    chosen = some["variants"][name]
    if edit == "instance_type":
        chosen["type"] = _pick(draw, TYPES)
    elif edit == "count":
        chosen["count"] = draw(st.integers(1, 3))
    elif edit == "weight":
        chosen["weight"] = _pick(draw, WEIGHTS)
    elif edit == "model_of":
        chosen["model"] = _pick(draw, draft["models"])
    elif edit == "capacity":
        chosen["autoscaled"] = not chosen["autoscaled"]
    elif edit == "endpoint_tags":
        some["tags"] = _pick(draw, ({}, {"o": "1"}))
    elif edit == "add_variant":
        some["variants"].setdefault(_pick(draw, VARIANTS), _variant(draw, list(draft["models"])))
    elif edit == "remove_variant" and len(some["variants"]) > 1:
        del some["variants"][name]
    elif edit in ("share", "unshare") and some["renamed_from"] is None:
        some["shared"] = edit == "share"
    elif edit == "hosting":
        some["serverless"] = not some["serverless"]
    elif edit == "pin":
        some["pinned"] = some["pinned"] or f"p{some['number']}"


def _written(draft: Draft) -> Fleet:
    """The draft as a fleet file. A pinned model's name follows its content, as it must."""
    models = {}
    for name, found in draft["models"].items():
        pin = {"name": f"{name}-pin-{found['image']}-{found['environment']}"} if found["pinned"] else {}
        environment = {"LEVEL": found["environment"]} if found["environment"] else None
        models[name] = model(found["image"], environment=environment, **pin)
    endpoints, shared = {}, {}
    for found in draft["endpoints"]:
        is_serverless = found["serverless"] and len(found["variants"]) == 1  # SageMaker takes no more of those
        variants = {name: _written_variant(item, is_serverless) for name, item in found["variants"].items()}
        entry: Draft = {"config": config(**variants)}
        if found["shared"]:
            # Endpoints whose configs are the same share one.
            same = next((name for name, other in shared.items() if other == entry["config"]), f"s{found['number']}")
            shared[same], entry["config"] = entry["config"], same
        entry |= {key: found[key] for key in ("renamed_from", "tags") if found[key]}
        entry |= {"name": found["pinned"]} if found["pinned"] else {}
        endpoints[found["name"]] = entry
    return fleet(
        endpoints, models=models, endpoint_configs=shared, retain=draft["retain"], defaults={"tags": draft["tags"]}
    )


def _written_variant(item: Draft, is_serverless: bool) -> Fleet:
    weight = {} if item["weight"] is None else {"initial_variant_weight": item["weight"]}
    if is_serverless:
        return serverless(item["model"], item["count"] + 1, **weight)
    owner = {"capacity": "autoscaled"} if item["autoscaled"] else {}
    return variant(item["model"], item["type"], item["count"], **weight, **owner)


@st.composite
def lives(draw: Any, edits: int = 4) -> list[Fleet]:
    """A fleet, and what it becomes edit by edit."""
    draft = _draft(draw)
    life = [_written(draft)]
    for _ in range(draw(st.integers(1, edits))):
        for endpoint in draft["endpoints"]:
            endpoint["renamed_from"] = None  # it was applied: the next person removes the line
        for _ in range(draw(st.integers(1, 2))):
            _edit(draw, draft)
        life.append(_written(copy.deepcopy(draft)))
    return life
