"""Who serves at an instant: the traffic's share and the instances of the old and of the new fleet.

In: an endpoint's document, and the points kept of its past. Out: `Traffic`. Pure but for `keep` and `at`, which write
and read the points. Called by `transitions` (keep), `Simulator.traffic` and the control door.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from mmeplan.aws.lifecycle import CREATING, FAILED
from mmeplan.simulator import fleet
from mmeplan.simulator.clock import instant
from mmeplan.simulator.records import Records
from mmeplan.simulator.store import Stored

Json = dict[str, Any]
Point = list[Any]

KEPT_POINTS: Final = 500
"""Moments of an endpoint's past that are kept: about a hundred updates."""


@dataclass(frozen=True, slots=True)
class FleetTraffic:
    """One fleet at an instant: its share of the traffic, the instances that serve, and those that run (are billed)."""

    share: float
    serving: int
    running: int


@dataclass(frozen=True, slots=True)
class Traffic:
    """Both fleets at an instant. Outside an update the fleet in force is `old` and there is no `new` one."""

    at: datetime
    old: FleetTraffic
    new: FleetTraffic


def points(endpoint: Stored, from_us: int) -> list[Point]:
    """The endpoint's traffic from a moment on, as points [from_us, share, serving, running (old), … (new)]."""
    old, pending = _instances(endpoint.body["variants"]), endpoint.body["pending"]
    serves = endpoint.status not in (CREATING, FAILED)
    if endpoint.body.get("mixed"):
        return [[from_us, *endpoint.body["mixed"]]]
    if pending is None:
        return [[from_us, float(serves), old * serves, old * serves, 0.0, 0, 0]]
    new = sum(fleet.counts(pending["variants"]))
    made: list[Point] = []
    for phase in pending["phases"]:
        if phase["until_us"] > from_us:
            start = max(from_us, phase["from_us"])
            made.append([start, *split(phase, old, new, serves=serves)])
    return made


def split(phase: Json, old: int, new: int, *, serves: bool) -> Point:
    """A phase's parts as instances: rounded up, since a part of an instance is a whole one."""
    before = [(1 - phase["share"]) * serves, *(_part(part, old) * serves for part in phase["old"])]
    return [*before, phase["share"], *(_part(part, new) for part in phase["new"])]


def _part(part: float, whole: int) -> int:
    return int(-(-round(part * whole * 1_000_000) // 1_000_000))


def _instances(variants: list[Json] | None) -> int:
    return sum(variant.get("CurrentInstanceCount", 0) for variant in variants or ())


def keep(records: Records, endpoint: Stored, from_us: int, *, gone: bool = False) -> None:
    """Keep the endpoint's traffic from this moment on, in the place of what was foreseen for it."""
    scope = ("timeline", endpoint.account, endpoint.region)
    past = (records.get(*scope, endpoint.name.lower()) or {"points": []})["points"]
    past = [point for point in past if point[0] < from_us]
    now = [[from_us, 0.0, 0, 0, 0.0, 0, 0]] if gone else points(endpoint, from_us)
    records.put(*scope, endpoint.name.lower(), {"points": (past + now)[-KEPT_POINTS:]})


def at(records: Records, account: str, region: str, name: str, at_us: int) -> Traffic:
    """The endpoint's traffic at a moment; none before it was made and after it was deleted."""
    known = (records.get("timeline", account, region, name.lower()) or {"points": []})["points"]
    place = bisect_right([point[0] for point in known], at_us)
    found = known[place - 1][1:] if place else [0.0, 0, 0, 0.0, 0, 0]
    return Traffic(instant(at_us), FleetTraffic(*found[:3]), FleetTraffic(*found[3:]))
