"""Draws what people ask mmeplan for beside an apply of the file: --target, --replace, `rollback`, `adopt: true`.

In: a seed and its scenario. Out: the scenario, with such requests in three lives of ten. Their random source is
their own, so that all other lives stay as they are.
"""

from __future__ import annotations

from typing import Any

from tests.simulation.seeds.random_source import RandomSource

Scenario = dict[str, Any]

_STREAM = 1 << 40  # far beyond any seed: the stream of these draws


def with_requests(seed: int, scenario: Scenario) -> Scenario:
    """The scenario with what is asked for in it."""
    rng = RandomSource(seed + _STREAM)
    if not rng.flip(0.3):
        return scenario
    acts: list[Scenario] = []
    for act in scenario["acts"]:
        if rng.flip(0.15):
            act["targets"] = [rng.pick(_addresses(act["fleet"]))]
        if rng.flip(0.15):
            act["replace"] = [rng.pick(_addresses(act["fleet"]))]
        if rng.flip(0.1):
            act["before"] = [*act.get("before", ()), _registration(rng, act["fleet"])]
        acts.append(act)
        if rng.flip(0.25):
            acts.append(_rollback(rng, act))
    others = scenario["others"]
    if rng.flip(0.25):
        others = [*others, *_adopt(rng, acts)]
    return {**scenario, "others": others, "acts": acts}


def _addresses(fleet: Any) -> list[str]:
    """Every address of a fleet file; a file without entries has one that isn't there."""
    made = [f"model/{name}" for name in fleet["models"]]
    for name, entry in fleet["endpoints"].items():
        config = entry["config"]
        made += [f"endpoint/{name}", f"endpoint_config/{config if isinstance(config, str) else name}"]
    return made or ["endpoint/nothing"]


def _registration(rng: RandomSource, fleet: Any) -> Scenario:
    """Somebody registers a variant with Application Auto Scaling: its type can't change, its count may."""
    names = [entry.get("name") or entry.get("renamed_from") or name for name, entry in fleet["endpoints"].items()]
    low = rng.between(1, 3)
    bounds = {"least": low, "most": rng.between(low, 6)}
    return {"do": "register", "name": rng.pick(names or ["e0"]), "variant": rng.between(0, 1), **bounds}


def _rollback(rng: RandomSource, act: Scenario) -> Scenario:
    """`mmeplan rollback` of an endpoint, right after an apply; whatever makes it fail, and another apply beside it."""
    names = list(act["fleet"]["endpoints"]) or ["e0"]
    asked = {"endpoint": rng.pick(names), "to": rng.pick((1, 1, 1, 2))}
    made: Scenario = {"fleet": act["fleet"], "allow_outage": act["allow_outage"], "rollback": asked}
    made |= {key: act[key] for key in ("lock", "retry", "clean") if key in act}
    if rng.flip(0.15):
        made["saved"] = True
    if rng.flip(0.2):
        made["dies"] = [rng.between(1, 3), rng.pick(("before", "after"))]
    if rng.flip(0.2):
        failing = {"endpoint_name": rng.pick(names), "reason": "a rollback of the seed", "count": 1}
        made["faults"] = [["fail_update", failing]]
    if rng.flip(0.1):
        made["second"] = {"fleet": act["fleet"], "chance": rng.between(0, 1_000_000)}
        made["second"] |= {"lock": True} if "lock" in act else {}
    if rng.flip(0.3):
        made["later"] = rng.pick((5, 200, 100_000))
    return made


def _adopt(rng: RandomSource, acts: list[Scenario]) -> list[Scenario]:
    """An endpoint that was there before mmeplan, and that the file takes over at some point. What others made then."""
    name = rng.pick([name for act in acts for name in act["fleet"]["endpoints"]] or ["e0"])
    first = rng.between(0, len(acts) - 1)
    for fleet in [fleet for act in acts[first:] for fleet in _fleets(act)]:
        if name in fleet["endpoints"]:
            entry = fleet["endpoints"][name]
            fleet["endpoints"] = {**fleet["endpoints"], name: {**entry, "adopt": True}}
    return [{"do": "claim", "name": name}]


def _fleets(act: Scenario) -> list[Any]:
    """The files of an act. Several acts may have one and the same."""
    return [act["fleet"], *([act["second"]["fleet"]] if "second" in act else [])]
