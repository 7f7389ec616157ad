"""From a seed to a scenario: fleet and edits, what others do, what fails, where the process dies.

A scenario is plain data, complete before anything runs, so that it can be replayed, written down and made smaller:

    what            the violation that it shows (in a scenario file)
    seed            of the simulated world's own random source (jitter, how long something stays hidden)
    stack           direct, or boto3: the whole in-process stack
    tag_page        how many tags a page of ListTags has; absent: fifty
    listed          whether what a listing and its tags can tell is not described, however few objects there are
    lower_arns      whether ARNs come in lower case
    hidden          [low, high] reads for which a new model or config can't be found yet; absent: none
    alarms          names of alarms that exist
    others          what others did before us, see `others.py`
    acts            the edits, one after the other. Of each:
        fleet           the fleet file
        allow_outage    whether the person says --allow-outage for every endpoint; `retry`: --retry-rolled-back
        parallelism, fail_fast, clean, saved       options; `saved`: `plan --out`, then `apply FILE`
        targets, replace    addresses of --target and --replace
        rollback        {endpoint, to}: the act is `mmeplan rollback ENDPOINT --to TO`, of this file, and no apply
        before, between, meanwhile          what others do before the plan, between a saved plan and its apply, and
                                            right before the n-th write: [n, external change]
        faults          [kind, arguments] for the simulator's faults
        dies            [n, before|after]: the process dies at its n-th write
        stops           Ctrl-C at the n-th event
        folder          the file is one of a folder, with tables beside it (`folder.py`)
        autoscaler      the seed of the random source by which counts of autoscaled variants move at any moment
        second          {fleet, chance}: another apply at the same time, whose turns are drawn with this seed
        lock            --lock, also of `second`; `lock_timeout` of it: minutes that it waits
        later           seconds that pass before the next act
    ends            fixpoint, or destroy: what the fleet comes to
"""

from __future__ import annotations

from typing import Any

from tests.simulation.seeds.drawing_fleets import draw_fleets
from tests.simulation.seeds.drawing_requests import with_requests
from tests.simulation.seeds.drawing_shapes import with_shapes
from tests.simulation.seeds.random_source import RandomSource

STACK_EVERY = 50  # one seed in so many goes through the whole boto3 stack

WRITES = (
    *("CreateModel", "CreateEndpointConfig", "CreateEndpoint", "UpdateEndpoint", "UpdateEndpoint"),
    *("UpdateEndpointWeightsAndCapacities", "DeleteEndpoint", "DeleteEndpointConfig", "DeleteModel"),
    *("AddTags", "DeleteTags"),
)
READS = ("DescribeModel", "DescribeEndpointConfig", "DescribeEndpoint", "ListTags", "GetResources", "ListEndpoints")
LOCKING = ("PutObject", "PutObject", "GetObject", "DeleteObject")
FAULTS = (
    *("throttle", "cut", "cut", "error", "fail_create", "fail_update", "fail_update", "fail_scaling", "trip_alarm"),
    *("trip_alarm", "slow", "throttle_read", "cut_read", "fail_rollback", "refuse"),
)
EXTERNAL_CHANGES = (
    *("scale", "scale", "scale", "swap", "swap", "delete_endpoint", "delete_config", "delete_model", "tag", "untag"),
    *("use_config", "use_config", "claim", "patch", "alarm"),
)

Scenario = dict[str, Any]
ExternalChange = dict[str, Any]


def draw(seed: int) -> Scenario:
    """The scenario of a seed."""
    rng = RandomSource(seed)
    fleets = draw_fleets(rng)
    calm = rng.flip(0.15)  # nothing goes wrong: an edit, an apply, an edit
    scenario: Scenario = {"seed": seed, "stack": "boto3" if seed % STACK_EVERY == 0 else "direct"}
    if rng.flip(0.1):
        scenario["lower_arns"] = True
    if not calm and rng.flip(0.2):
        scenario["hidden"] = [rng.between(0, 1), rng.between(1, 4)]
    if rng.flip(0.5):
        scenario["alarms"] = [f"alarm-{number}" for number in range(4)]
    scenario["others"] = _others(rng)
    locked = rng.flip(0.08)  # a team that says --lock
    acts = [_act(rng, fleets, number, calm, locked) for number in range(len(fleets))]
    scenario |= {"acts": acts, "ends": "destroy" if rng.flip(0.4) else "fixpoint"}
    return with_shapes(seed, with_requests(seed, scenario))


def _others(rng: RandomSource) -> list[ExternalChange]:
    """Another team's resources, some of them with names like ours."""
    made: list[ExternalChange] = []
    if rng.flip(0.7):
        made.append({"do": "create", "name": rng.pick(("theirs", "e0-theirs", "e", "m0")), "count": 2})
    if rng.flip(0.1):
        made.append({"do": "claim", "name": rng.pick(("e1", "e2", "e4", "p4"))})
    return made


def _act(rng: RandomSource, fleets: list[Any], number: int, calm: bool, locked: bool) -> Scenario:
    fleet = fleets[number]
    names = _endpoint_names(fleets[: number + 1])
    act: Scenario = {"fleet": fleet, "allow_outage": rng.flip(0.8)}
    if rng.flip(0.4):
        act["retry"] = True
    if rng.flip(0.3):
        act["parallelism"] = rng.pick((1, 1, 2, 3))
    if locked:
        act["lock"] = True
    if calm:
        return act
    if rng.flip(0.1):
        act["fail_fast"] = True
    if rng.flip(0.1):
        act["clean"] = True
    if rng.flip(0.2):
        act["saved"] = True
        if rng.flip(0.5):
            act["between"] = [_deed(rng, names)]
    if rng.flip(0.35):
        act["before"] = [_deed(rng, names) for _ in range(rng.between(1, 2))]
    if rng.flip(0.2):
        act["meanwhile"] = [[rng.between(1, 6), _race(rng, fleet, names)]]
    if rng.flip(0.5):
        act["faults"] = [_fault(rng, names) for _ in range(rng.between(1, 3))]
    if rng.flip(0.3):
        act["dies"] = [rng.between(1, 9), rng.pick(("before", "after"))]
    elif rng.flip(0.08):
        act["stops"] = rng.between(1, 20)
    if rng.flip(0.2 if locked else 0.07):
        other = rng.pick((fleet, fleet, fleets[max(0, number - 1)]))
        act["second"] = {"fleet": other, "chance": rng.between(0, 1_000_000)}
    if rng.flip(0.1):
        act["before"] = [*act.get("before", ()), {"do": "borrow", "name": "", "slowly": True}]
    if locked:
        _lock_troubles(rng, act)
    if rng.flip(0.5):
        act["later"] = rng.pick((5, 45, 200, 1000, 100_000))
    return act


def _lock_troubles(rng: RandomSource, act: Scenario) -> None:
    """The second apply has the same lock, and waits for it or not; S3 fails; a person unlocks what is alive."""
    if "second" in act:
        act["second"]["lock"] = True
        if rng.flip(0.5):
            act["second"]["lock_timeout"] = rng.pick((1, 20, 60))
    if rng.flip(0.15):
        when = rng.pick(("before", "after"))
        cut = ["cut", {"operation": rng.pick(LOCKING), "when": when, "count": rng.pick((1, 2, 6))}]
        act["faults"] = [*act.get("faults", ()), cut]
    if rng.flip(0.08):
        act["meanwhile"] = [*act.get("meanwhile", ()), [rng.between(1, 3), {"do": "unlock"}]]


def _race(rng: RandomSource, fleet: Any, names: list[str]) -> ExternalChange:
    """What somebody else does right before a write of ours: what hurts most then, or anything."""
    name = rng.pick(_endpoint_names([fleet]))
    races: tuple[ExternalChange, ...] = (
        {"do": "claim", "name": name},
        {"do": "forge", "name": ""},
        {"do": "swap", "name": name, "to": "older", "slowly": True},
        _deed(rng, names),
        _deed(rng, names),
    )
    return rng.pick(races)


def _endpoint_names(fleets: list[Any]) -> list[str]:
    """Physical names that endpoints have had so far."""
    names = {
        entry.get("name") or entry.get("renamed_from") or name
        for fleet in fleets
        for name, entry in fleet["endpoints"].items()
    }
    return sorted(names) or ["e0"]


def _deed(rng: RandomSource, names: list[str]) -> ExternalChange:
    """Something that somebody else does, in the console."""
    what = rng.pick(EXTERNAL_CHANGES)
    external: ExternalChange = {"do": what, "name": rng.pick(names)}
    if what == "scale":
        external |= {"variant": rng.between(0, 1), **rng.pick(({"count": rng.between(1, 6)}, {"weight": 0.5}))}
    elif what == "swap":
        external["to"] = rng.pick(("theirs", "older", "older"))
    elif what == "tag":
        external["tags"] = rng.pick(({"seen": "1"}, {"team": "9"}))
    elif what == "untag":
        external["keys"] = [rng.pick(("mmeplan:fleet", "mmeplan:digest", "mmeplan:address", "team"))]
    elif what == "use_config":
        external = {"do": what, "name": rng.pick(names), "of": rng.pick(("now", "older")), "by": "user"}
    elif what == "claim":
        external["name"] = rng.pick((*names, "r5", "p5"))
    elif what == "patch":
        external["seconds"] = rng.pick((60, 600))
    elif what == "alarm":
        external = {"do": what, "name": f"alarm-{rng.between(0, 3)}", "state": rng.pick(("ALARM", "OK"))}
    return external


def _fault(rng: RandomSource, names: list[str]) -> list[Any]:
    """One fault as [kind, arguments], with the names of `mmeplan.simulator.Faults`."""
    kind = rng.pick(FAULTS)
    name = rng.pick(names)
    if kind == "throttle":
        return [kind, {"operation": rng.pick(WRITES), "count": rng.pick((1, 2, 5, 9))}]
    if kind == "cut":
        when = rng.pick(("before", "after"))
        return [kind, {"operation": rng.pick(WRITES), "when": when, "count": rng.pick((1, 1, 2, 6))}]
    if kind == "error":
        failure = {"code": "InternalFailure", "message": "oops", "status": 500}
        return [kind, {"operation": rng.pick(WRITES), "count": rng.pick((1, 2, 6)), **failure}]
    if kind == "refuse":
        denied = {"code": "AccessDeniedException", "message": "User is not authorized"}
        return ["error", {"operation": rng.pick((*WRITES, *READS)), "count": rng.pick((1, 3)), **denied}]
    if kind == "throttle_read":
        return ["throttle", {"operation": rng.pick(READS), "count": rng.pick((1, 3, 8))}]
    if kind == "cut_read":
        return ["cut", {"operation": rng.pick(READS), "when": "before", "count": rng.pick((1, 3, 8))}]
    if kind == "slow":
        return [kind, {"endpoint_name": name, "seconds": rng.pick((100, 1000, 10_000))}]
    if kind == "trip_alarm":
        phase = rng.pick(("Creating", "ActivatingTraffic", "Baking"))
        return [kind, {"endpoint_name": name, "phase": phase, "occurrence": rng.between(1, 2)}]
    return [kind, {"endpoint_name": name, "reason": f"{kind} of the seed", "count": rng.pick((1, 1, 2))}]
