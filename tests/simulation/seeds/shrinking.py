"""Makes a scenario that breaks an invariant smaller, part by part, as long as it still breaks the same invariant.

In: a scenario and the invariant (the word before the colon of the violation). Out: a scenario that a person can read.
Greedy: acts go first, then endpoints, then faults, external changes and options, then what the fleet files say.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

from tests.simulation.seeds.drawing import Scenario
from tests.simulation.seeds.drawing_shapes import models_in
from tests.simulation.seeds.judging import violation

MOST_TRIES = 600

Smaller = Callable[[Scenario], Iterator[Scenario]]


def invariant_of(what: str) -> str:
    """`capacity: the endpoint …` → `capacity`."""
    return what.partition(":")[0]


def shrink(scenario: Scenario, what: str, tries: int = MOST_TRIES) -> Scenario:
    """The smallest scenario found that breaks the same invariant, with what it then says under `what`."""
    invariant = invariant_of(what)
    best = {**scenario, "what": what}
    changed = True
    while changed and tries > 0:
        changed = False
        for smaller in _smaller(best):
            tries -= 1
            found = violation(smaller)
            if found and invariant_of(found) == invariant:
                best, changed = {**smaller, "what": found}, True
                break
            if tries <= 0:
                break
    return best


def _smaller(scenario: Scenario) -> Iterator[Scenario]:
    for ways in (_without_acts, _simpler_world, _without_endpoints, _without_troubles, _simpler_files):
        yield from ways(scenario)


def _without_acts(scenario: Scenario) -> Iterator[Scenario]:
    for number in range(len(scenario["acts"])):
        yield {**scenario, "acts": [act for place, act in enumerate(scenario["acts"]) if place != number]}
    if scenario["ends"] == "destroy":
        yield {**scenario, "ends": "fixpoint"}


def _simpler_world(scenario: Scenario) -> Iterator[Scenario]:
    for key in ("lower_arns", "hidden", "alarms", "tag_page", "listed"):
        if key in scenario:
            yield {other: value for other, value in scenario.items() if other != key}
    if scenario["stack"] == "boto3":
        yield {**scenario, "stack": "direct"}
    for number in range(len(scenario["others"])):
        yield {**scenario, "others": [external for place, external in enumerate(scenario["others"]) if place != number]}


def _without_endpoints(scenario: Scenario) -> Iterator[Scenario]:
    names = dict.fromkeys(name for act in scenario["acts"] for name in act["fleet"]["endpoints"])
    for name in names:
        smaller = copy.deepcopy(scenario)
        for act in smaller["acts"]:
            for fleet in (act["fleet"], *([act["second"]["fleet"]] if "second" in act else [])):
                fleet["endpoints"].pop(name, None)
                _drop_unused(fleet)
        yield smaller


def _drop_unused(fleet: dict[str, Any]) -> None:
    """Shared configs and models that nothing refers to any more."""
    configs = [entry["config"] for entry in fleet["endpoints"].values()]
    shared = {name: item for name, item in fleet.get("endpoint_configs", {}).items() if name in configs}
    fleet["endpoint_configs"] = shared
    if not shared:
        del fleet["endpoint_configs"]
    inline = [config for config in configs if not isinstance(config, str)]
    used = {name for config in (*inline, *shared.values()) for name in models_in(config)}
    fleet["models"] = {name: item for name, item in fleet["models"].items() if name in used}


def _without_troubles(scenario: Scenario) -> Iterator[Scenario]:
    for number, act in enumerate(scenario["acts"]):
        for key in [key for key in act if key not in ("fleet", "allow_outage")]:
            yield _with_act(scenario, number, {other: value for other, value in act.items() if other != key})
        for key in ("before", "between", "meanwhile", "faults"):
            items = act.get(key, [])
            for place in range(len(items) if len(items) > 1 else 0):
                yield _with_act(scenario, number, {**act, key: [i for at, i in enumerate(items) if at != place]})
        if not act["allow_outage"]:
            yield _with_act(scenario, number, {**act, "allow_outage": True})


def _with_act(scenario: Scenario, number: int, act: Scenario) -> Scenario:
    return {**scenario, "acts": [act if place == number else a for place, a in enumerate(scenario["acts"])]}


_PLAIN = ("tags", "deployment_config", "on_remove", "protect", "renamed_from", "name", "replace_salt")
_PLAIN_VARIANT = ("initial_variant_weight", "capacity")


def _simpler_files(scenario: Scenario) -> Iterator[Scenario]:
    """Without one key in every fleet file at once: what is left is what matters."""
    for key in ("defaults", "retain"):
        yield from _where_changed(scenario, lambda fleet, key=key: fleet.pop(key, None))
    names = dict.fromkeys(name for act in scenario["acts"] for name in act["fleet"]["endpoints"])
    for name in names:
        for key in _PLAIN:
            yield from _where_changed(
                scenario, lambda fleet, name=name, key=key: fleet["endpoints"].get(name, {}).pop(key, None)
            )
        variants = dict.fromkeys(v for config in _configs(scenario, name) for v in config["production_variants"])
        for variant in variants:
            yield from _without_variant(scenario, name, variant)
            for key in _PLAIN_VARIANT:
                yield from _without_variant(scenario, name, variant, key)


def _where_changed(scenario: Scenario, change: Callable[[Any], Any]) -> Iterator[Scenario]:
    smaller = copy.deepcopy(scenario)
    for act in smaller["acts"]:
        change(act["fleet"])
        act["fleet"].setdefault("retain", 1)
    if smaller != scenario:
        yield smaller


def _configs(scenario: Scenario, name: str) -> list[Any]:
    entries = [act["fleet"]["endpoints"].get(name) for act in scenario["acts"]]
    return [entry["config"] for entry in entries if entry and not isinstance(entry["config"], str)]


def _without_variant(scenario: Scenario, name: str, variant: str, key: str = "") -> Iterator[Scenario]:
    smaller = copy.deepcopy(scenario)
    for config in _configs(smaller, name):
        variants = config["production_variants"]
        if key:
            variants.get(variant, {}).pop(key, None)
        elif len(variants) > 1:
            variants.pop(variant, None)
    for act in smaller["acts"]:
        _drop_unused(act["fleet"])
    if smaller != scenario:
        yield smaller
