"""Draws the shapes that a plain fleet lacks, over the fleets and acts of a seed.

In: a seed and its scenario. Out: the scenario, in half of the lives with some of these shapes:

    pipelines   models of several containers, each with an environment
    pools       instance pools in the place of an instance type, with models of their own
    tags        more user tags than a page of ListTags holds; values may be empty
    counts      another count, or concurrency, in each edit
    autoscaler  counts of autoscaled variants move at any moment: while planned, while applied, while verified
    listed      nothing is described that a listing and its tags can tell
    salts       `replace_salt` on models
    folder      the file reads its entries from tables beside it, which somebody edits between plan and apply
    neighbours  another fleet in the same account, with equal models and configs
    past        several configs of an endpoint's past, to which people go back, and of which others delete some
    many        so many objects that they are listed for that alone
    long        one endpoint with more generations than a tag can hold

Their random source is their own, so that all other lives stay as they are.
"""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Iterator
from typing import Any

from tests.simulation.seeds.drawing_fleets import IMAGE, ROLE, TYPES
from tests.simulation.seeds.random_source import RandomSource

Scenario = dict[str, Any]
Fleet = dict[str, Any]

NEIGHBOUR, NEIGHBOUR_ENVIRONMENT = "g", "staging"
SPARE = 52  # entries that no endpoint needs: more than the engine describes one by one

_STREAM = 3142 << 40  # far beyond any seed; one in which the seeds of rare planted bugs keep the lives that they had
_GENERATIONS = (31, 36)


def with_shapes(seed: int, scenario: Scenario) -> Scenario:
    """The scenario with the shapes of its seed."""
    rng = RandomSource(seed + _STREAM)
    if not rng.flip(0.5):
        return scenario
    if rng.flip(0.01):
        return _long(rng, scenario)
    shaped, stages = _copied(scenario)
    for draw in (_pipelines, _pools, _counts, _salts, _tags):
        if rng.flip(0.3):
            draw(rng, stages)
    if rng.flip(0.012):
        _many(rng, stages)
    if any("tags" in fleet.get("defaults", {}) for fleet in stages) and shaped["stack"] == "direct":
        shaped["tag_page"] = rng.pick((1, 3, 10))
    if rng.flip(0.3):
        shaped["listed"] = True
    for draw_acts in (_autoscaler, _neighbours, _past, _folder, _automation):
        if rng.flip(0.25):
            draw_acts(rng, shaped, stages)
    for fleet in stages:
        _rename_pins(fleet)
    return shaped


def _copied(scenario: Scenario) -> tuple[Scenario, list[Fleet]]:
    """A scenario whose fleets may be changed, and these fleets in their order. What was one file stays one file."""
    copies: dict[int, Fleet] = {}

    def own(fleet: Fleet) -> Fleet:
        return copies.setdefault(id(fleet), copy.deepcopy(fleet))

    acts = []
    for act in scenario["acts"]:
        changed = {**act, "fleet": own(act["fleet"])}
        if "second" in act:
            changed["second"] = {**act["second"], "fleet": own(act["second"]["fleet"])}
        acts.append(changed)
    return {**scenario, "acts": acts}, list(copies.values())


# --- what stands in the files -----------------------------------------------------------------------------------------


def configs_of(fleet: Fleet) -> list[Fleet]:
    """Every config of a file, inline or shared."""
    inline = [entry["config"] for entry in fleet["endpoints"].values() if not isinstance(entry["config"], str)]
    return [*inline, *fleet.get("endpoint_configs", {}).values()]


def _variants(fleet: Fleet) -> Iterator[tuple[str, Fleet]]:
    for config in configs_of(fleet):
        yield from config["production_variants"].items()


def _free_models(stages: list[Fleet]) -> list[str]:
    """Models whose content may change under their entry: no pinned name says what is in them."""
    pinned = {name for fleet in stages for name, entry in fleet["models"].items() if "name" in entry}
    return [name for name in dict.fromkeys(n for fleet in stages for n in fleet["models"]) if name not in pinned]


def _single(stages: list[Fleet]) -> set[str]:
    """Models of endpoints that can't host several containers: serverless and asynchronous ones."""
    found = set()
    for config in (config for fleet in stages for config in configs_of(fleet)):
        variants = config["production_variants"].values()
        if "async_inference_config" in config or any("serverless_config" in variant for variant in variants):
            found |= {variant["model"] for variant in variants}
    return found


def _pipelines(rng: RandomSource, stages: list[Fleet]) -> None:
    single = _single(stages)
    for name in _free_models(stages):
        if name.endswith("-multi") or name in single or not (name.endswith("-pipeline") or rng.flip(0.4)):
            continue
        level = rng.pick(("1", "2", "3"))
        for fleet in stages:
            level = rng.pick(("1", "2", "3")) if rng.flip(0.4) else level
            if name in fleet["models"]:
                entry = fleet["models"][name]
                last = entry.pop("primary_container", None)
                first = {"image": IMAGE + "first", "container_hostname": "first"}
                entry.setdefault("containers", [first, {**(last or {}), "container_hostname": "second"}])
                entry["containers"][0]["environment"] = {"LEVEL": level, "TABLE": "prices"}


def _pools(rng: RandomSource, stages: list[Fleet]) -> None:
    pooled, overridden = rng.some("abcd", 1, 3), rng.flip(0.5)
    for fleet in stages:
        for name, variant in _variants(fleet):
            if name not in pooled or "instance_type" not in variant:
                continue
            kind = variant.pop("instance_type")
            second = {"instance_type": TYPES[(TYPES.index(kind) + 1) % len(TYPES)], "priority": 2}
            plain = [model for model, entry in fleet["models"].items() if "primary_container" in entry]
            plain = [model for model in plain if "-" not in model]
            if overridden and variant["model"] in plain:
                second["model_override"] = rng.pick(plain)
            variant["instance_pools"] = [{"instance_type": kind, "priority": 1}, second]


def _counts(rng: RandomSource, stages: list[Fleet]) -> None:
    for number, fleet in enumerate(stages):
        for _, variant in _variants(fleet):
            if "serverless_config" in variant:
                serverless = {**variant["serverless_config"], "max_concurrency": rng.between(2, 9)}
                variant["serverless_config"] = serverless
            else:
                variant["initial_instance_count"] = 1 + (number + rng.between(0, 1)) % 5


def _salts(rng: RandomSource, stages: list[Fleet]) -> None:
    for name in _free_models(stages):
        salt = rng.pick((None, "1"))
        for fleet in stages:
            salt = rng.pick((None, "1", "2", "3")) if rng.flip(0.5) else salt
            if name in fleet["models"] and salt:
                fleet["models"][name]["replace_salt"] = salt


def _tags(rng: RandomSource, stages: list[Fleet]) -> None:
    """Keys before and after mmeplan's own, of which there are eight at most."""
    count = rng.pick((4, 12, 30))
    for fleet in stages:
        if rng.flip(0.5):
            count = rng.pick((4, 12, 30))
        tags = {f"{'a' if number % 2 else 'z'}-{number}": rng.pick(("", "1", "2")) for number in range(count)}
        fleet["defaults"] = {"tags": {**fleet.get("defaults", {}).get("tags", {}), **tags}}


def _many(rng: RandomSource, stages: list[Fleet]) -> None:
    """Models and configs that nothing needs yet: they are made as well."""
    image = "1"
    for fleet in stages:
        image = rng.pick(("1", "1", "2"))
        for number in range(SPARE):
            spare = {"execution_role_arn": ROLE, "primary_container": {"image": IMAGE + image}}
            variant = {"model": f"spare-{number}", "instance_type": TYPES[0], "initial_instance_count": 1}
            fleet["models"][f"spare-{number}"] = {**spare, "replace_salt": str(number)}
            config = {"production_variants": {"a": variant}}
            fleet["endpoint_configs"] = {**fleet.get("endpoint_configs", {}), f"spare-{number}": config}


def _rename_pins(fleet: Fleet) -> None:
    """A pinned config's name follows its content and that of its models, as it did before they were changed."""
    for config in configs_of(fleet):
        if "name" in config:
            content = {key: value for key, value in config.items() if key != "name"}
            models = {name: fleet["models"][name] for name in models_in(content)}
            text = json.dumps([content, models], sort_keys=True)
            config["name"] = f"{config['name'].partition('-')[0]}-{hashlib.sha256(text.encode()).hexdigest()[:6]}"


def models_in(config: Fleet) -> list[str]:
    """The entries of the models that a config of the file names, instance pools included."""
    names = []
    for variant in config["production_variants"].values():
        names += [variant["model"], *(p["model_override"] for p in variant.get("instance_pools", ()) if len(p) > 2)]
    return list(dict.fromkeys(names))


# --- what happens -----------------------------------------------------------------------------------------------------


def _autoscaler(rng: RandomSource, scenario: Scenario, stages: list[Fleet]) -> None:
    scaled = rng.some("abcd", 2, 4)
    for fleet in stages:
        for name, variant in _variants(fleet):
            if name in scaled and "serverless_config" not in variant:
                variant["capacity"] = "autoscaled"
    for act in scenario["acts"]:
        if rng.flip(0.7):
            act["autoscaler"] = rng.between(0, 1_000_000)


def _neighbours(rng: RandomSource, scenario: Scenario, stages: list[Fleet]) -> None:
    """Another fleet with entries like ours, or this fleet in another environment; later it is emptied.

    Some of our models are to be adopted; some of the other environment's endpoints are handed to ours.
    """
    apart = rng.flip(0.5)
    if apart:
        for fleet in stages:
            fleet |= {"environments": {"prod": {}, NEIGHBOUR_ENVIRONMENT: {}}, "variables": {"in": "prod"}}
    if rng.flip(0.5):
        for fleet in stages:
            fleet["models"] = {name: {**entry, "adopt": True} for name, entry in fleet["models"].items()}
    for act in scenario["acts"]:
        if rng.flip(0.5):
            theirs = _neighbour(rng.pick(stages), empty=rng.flip(0.25))
            changes: list[dict[str, Any]] = [{"do": "fleet", "fleet": theirs}]
            if apart:
                theirs |= {"fleet": "f", "variables": {"in": NEIGHBOUR_ENVIRONMENT}}
                if rng.flip(0.2):
                    changes.append({"do": "hand_over", "fleet": theirs, "to": "prod"})
            act["before"] = [*changes, *act.get("before", ())]


def _neighbour(fleet: Fleet, *, empty: bool) -> Fleet:
    made = copy.deepcopy({**fleet, "fleet": NEIGHBOUR})
    endpoints = made["endpoints"]
    made["endpoints"] = {}
    if empty:
        made["models"] = {}
        made.pop("endpoint_configs", None)
        return made
    for entry in [*made["models"].values(), *made.get("endpoint_configs", {}).values()]:
        entry.pop("adopt", None)
    for name, entry in list(endpoints.items())[:2]:
        kept = {key: entry[key] for key in ("config", "tags") if key in entry}
        made["endpoints"][f"{NEIGHBOUR}-{name}"] = kept
    return made


def _automation(rng: RandomSource, scenario: Scenario, stages: list[Fleet]) -> None:
    for fleet in stages:
        fleet["ignore_tags"] = {"keys": ["awsApplication"], "prefixes": ["cost:"]}
    for act in scenario["acts"]:
        if rng.flip(0.7):
            act["before"] = [*act.get("before", ()), {"do": "automation", "name": ""}]


def _past(rng: RandomSource, scenario: Scenario, stages: list[Fleet]) -> None:
    retain = rng.between(2, 4)
    for fleet in stages:
        fleet["retain"] = retain
    acts = []
    for act in scenario["acts"]:
        if rng.flip(0.2):
            act["before"] = [*act.get("before", ()), {"do": "delete_idle", "name": ""}]
        acts.append(act)
        names = list(act["fleet"]["endpoints"])
        if names and "rollback" not in act and rng.flip(0.4):
            back = {"endpoint": rng.pick(names), "to": rng.between(1, 3)}
            acts.append({"fleet": act["fleet"], "allow_outage": act["allow_outage"], "rollback": back})
    scenario["acts"] = acts


def _folder(rng: RandomSource, scenario: Scenario, stages: list[Fleet]) -> None:
    del stages
    for act in scenario["acts"]:
        if "rollback" in act or "second" in act or not rng.flip(0.7):
            continue
        act["folder"] = True
        if rng.flip(0.3):
            act["saved"] = True
            act["between"] = [*act.get("between", ()), {"do": "edit_file", "file": rng.between(0, 5)}]


def _long(rng: RandomSource, scenario: Scenario) -> Scenario:
    """One endpoint, a new image in each edit, and now and then a way back."""
    retain, acts = rng.pick((1, 5, 40)), []
    for number in range(rng.between(*_GENERATIONS)):
        container = {"image": f"{IMAGE}{number}", "environment": {"LEVEL": str(number % 3)}}
        variant = {"model": "m0", "instance_type": rng.pick(TYPES), "initial_instance_count": 1 + number % 4}
        fleet = {
            "version": 1,
            "fleet": "f",
            "retain": retain,
            "models": {"m0": {"execution_role_arn": ROLE, "primary_container": container}},
            "endpoints": {"e0": {"config": {"production_variants": {"a": variant}}}},
        }
        acts.append({"fleet": fleet, "allow_outage": True, "later": 45})
        if number and rng.flip(0.1):
            back = {"endpoint": "e0", "to": rng.pick((1, 2, min(number, 29)))}
            acts.append({"fleet": fleet, "allow_outage": True, "rollback": back})
    return {"seed": scenario["seed"], "stack": "direct", "others": [], "acts": acts, "ends": scenario["ends"]}
