"""Instances of whole lives: what the simulated SageMaker has in use at any call is never more than the plan's peak, and
a plan that says it fits a quota is carried out under that quota."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from mmeplan import plan
from mmeplan.plan import capacity as capacity_module
from mmeplan.plan.document import Capacity
from tests.simulation.world import ACCOUNT, REGION, Fleet, World, config, fleet, model, serverless, variant

PHASES = (Phase.explicit, Phase.generate)  # a life is short, and its shrinking long
LIFE = settings(max_examples=40, derandomize=True, database=None, phases=PHASES)
TYPES = ("ml.m5.large", "ml.m5.xlarge")
POLICIES: tuple[dict[str, Any] | None, ...] = (
    None,
    {
        "blue_green_update_policy": {
            "traffic_routing_configuration": {
                "type": "CANARY",
                "canary_size": {"type": "CAPACITY_PERCENT", "value": 25},
                "wait_interval_in_seconds": 60,
            },
            "termination_wait_in_seconds": 60,
        }
    },
    {
        "blue_green_update_policy": {
            "traffic_routing_configuration": {
                "type": "LINEAR",
                "linear_step_size": {"type": "CAPACITY_PERCENT", "value": 50},
                "wait_interval_in_seconds": 120,
            }
        }
    },
    {
        "rolling_update_policy": {
            "maximum_batch_size": {"type": "CAPACITY_PERCENT", "value": 50},
            "wait_interval_in_seconds": 60,
        }
    },
    {
        "rolling_update_policy": {
            "maximum_batch_size": {"type": "INSTANCE_COUNT", "value": 1},
            "wait_interval_in_seconds": 0,
        }
    },
)


@st.composite
def fleets(draw: st.DrawFn) -> tuple[Fleet, Fleet]:
    """A fleet, and what it is edited into: images, types, counts, hosting, endpoints that come and go."""
    sides: list[dict[str, Fleet]] = [{}, {}]
    for number in range(draw(st.integers(1, 5))):
        policy = draw(st.sampled_from(POLICIES))
        for side in sides:
            if draw(st.integers(0, 4)):
                main = variant(instance_type=draw(st.sampled_from(TYPES)), count=draw(st.integers(1, 4)))
                main = draw(st.sampled_from((main, main, main, serverless())))
                if draw(st.integers(0, 5)) == 0 and "instance_type" in main:
                    main["capacity"] = "autoscaled"
                side[f"e{number}"] = {"config": config(main=main)}
                if policy and "serverless_config" not in main:
                    side[f"e{number}"]["deployment_config"] = policy
    image = draw(st.sampled_from(("1", "2")))
    return fleet(sides[0]), fleet(sides[1], models={"ranker": model(image)}, retain=draw(st.integers(0, 1)))


class Meter:
    """Reads what is in use, of each type, whenever the engine tells something."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.most = dict.fromkeys(TYPES, 0)
        world.events = self  # type: ignore[assignment]

    def append(self, _event: Any) -> None:
        self.look()

    def look(self) -> None:
        for kind in TYPES:
            self.most[kind] = max(self.most[kind], self.world.sim.records.used(ACCOUNT, REGION, kind))


def outages(text: Fleet) -> tuple[str, ...]:
    return tuple(f"endpoint/{name}" for name in text["endpoints"])


def peaks(capacity: Capacity | None) -> dict[str, int]:
    assert capacity is not None
    return dict.fromkeys(TYPES, 0) | {row.instance_type: row.peak for row in capacity.types}


@given(fleets(), st.integers(1, 3), st.sampled_from((None, "e0", "e1")), st.booleans())
@LIFE
def test_no_more_instances_than_the_peak_are_ever_in_use(
    edit: tuple[Fleet, Fleet], parallelism: int, failing: str | None, slow: bool
) -> None:
    before, after = edit
    with World() as world:
        world.live_through(before)
        made = world.plan(after, parallelism=parallelism, allow_outage=outages(after), max_change="100%")
        if failing:
            world.sim.faults.fail_update(failing, "alarm")
        if slow:
            world.sim.faults.slow("e0", 3600)
        meter = Meter(world)
        meter.look()
        assert {row.instance_type: row.now for row in made.capacity.types} == {
            row.instance_type: meter.most[row.instance_type] for row in made.capacity.types
        }
        outcome = world.apply(made, parallelism=parallelism)
        meter.look()
        known = peaks(made.capacity)
        assert all(meter.most[kind] <= known[kind] for kind in TYPES), (meter.most, known)
        if outcome.complete:
            world.sim.clock.sleep(7200)
            world.does("ListEndpoints")
            now = {kind: world.sim.records.used(ACCOUNT, REGION, kind) for kind in TYPES}
            assert now == dict.fromkeys(TYPES, 0) | {row.instance_type: row.after for row in made.capacity.types}


def crowded(quota: int | None, *counts: tuple[int, int]) -> tuple[Fleet, Fleet]:
    """Endpoints by (count before, count after), all of them swapped."""

    def side(index: int, image: str) -> Fleet:
        endpoints = {f"e{n}": {"config": config(main=variant(count=pair[index]))} for n, pair in enumerate(counts)}
        quotas = {} if quota is None else {"quotas": {"ml.m5.large": quota}}
        return fleet(endpoints, models={"ranker": model(image)}, **quotas)

    return side(0, "1"), side(1, "2")


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(1, 3)), min_size=1, max_size=5), st.integers(0, 8))
@LIFE
def test_a_plan_that_fits_its_quota_is_carried_out_under_it(counts: list[tuple[int, int]], room: int) -> None:
    quota = sum(before for before, _ in counts) + room
    before, after = crowded(quota, *counts)
    with World() as world:
        world.live_through({**before, "quotas": None})
        world.sim.set_quota("ml.m5.large", quota, region=REGION)
        made = world.plan(after)
        if not made.applyable:
            assert [finding.rule for finding in made.findings] == ["GATE-09"]
            return
        meter = Meter(world)
        assert world.apply(made).complete
        assert meter.most["ml.m5.large"] <= peaks(made.capacity)["ml.m5.large"] <= quota


def test_the_peak_is_attained() -> None:
    """Three swaps of 2 → 2, two at a time: 6 + 2 + 2; all at once: 12."""
    before, after = crowded(None, (2, 2), (2, 2), (2, 2))
    for parallelism, most in ((1, 8), (2, 10), (3, 12), (10, 12)):
        with World() as world:
            world.live_through(before)
            made = world.plan(after, parallelism=parallelism)
            meter = Meter(world)
            world.apply(made, parallelism=parallelism)
            assert (peaks(made.capacity)["ml.m5.large"], meter.most["ml.m5.large"]) == (most, most)


def test_what_a_swap_retains_and_the_file_makes_larger_grows_before_it() -> None:
    """The new fleet comes up whole; the few instances more of the old one are in the plan's peak."""

    def side(count: int, kind: str) -> Fleet:
        auto = variant(count=2, instance_type=kind, capacity="autoscaled")
        return fleet({"e0": {"config": config(auto=auto, fixed=variant(count=count))}})

    with World() as world:
        world.live_through(side(1, "ml.m5.large"))
        made = world.plan(side(4, "ml.m5.xlarge"))
        calls = [step.operation for step in made.steps if step.operation.startswith("UpdateEndpoint")]
        assert calls == ["UpdateEndpointWeightsAndCapacities", "UpdateEndpoint"]
        meter = Meter(world)
        assert world.apply(made).complete
        assert peaks(made.capacity) == meter.most == {"ml.m5.large": 10, "ml.m5.xlarge": 2}


def test_endpoints_wait_for_one_another_where_the_quota_asks_for_it() -> None:
    before, after = crowded(9, (2, 2), (1, 3), (3, 1))
    with World() as world:
        world.live_through({**before, "quotas": None})
        world.sim.set_quota("ml.m5.large", 9, region=REGION)
        made = world.plan(after)
        assert made.applyable
        waits = {s.address: [at for at in s.after if "UpdateE" in at] for s in made.steps if "UpdateE" in s.id}
        first = "UpdateEndpoint:endpoint/e2"  # it gives back two
        assert waits == {"endpoint/e2": [], "endpoint/e0": [], "endpoint/e1": [first]}
        assert world.apply(made).complete
        assert world.plan(after).steps == ()


def test_what_fits_in_no_order_is_refused_and_told_what_would() -> None:
    before, after = crowded(8, (2, 2), (4, 4))
    with World() as world:
        world.live_through({**before, "quotas": None})
        made = world.plan(after)
        (finding,) = made.findings
        assert (finding.rule, finding.severity, made.applyable, finding.line > 0) == ("GATE-09", "error", False, True)
        assert "up to 12 × ml.m5.large at once" in finding.message
        assert finding.help.startswith(
            "one endpoint at a time needs a quota of 10; a quota of 12 would do as it is planned"
        )
        made = world.plan({**after, "quotas": {"ml.m5.large": 5}})
        assert made.findings[0].message.startswith("after this plan the fleet has 6 × ml.m5.large")
        made = world.plan({**after, "quotas": {"ml.m5.large": 6}})  # what is left fits, to the instance
        assert made.findings[0].message.startswith("the rollout has up to 12 × ml.m5.large at once")
        made = world.plan({**before, "quotas": {"ml.m5.large": 1}})
        assert not made.refused  # it is beyond its quota already, and this plan adds nothing


@pytest.mark.parametrize(
    ("quota", "counts"), [(8, ((2, 2), (4, 4))), (8, ((2, 2), (2, 2))), (12, ((2, 2), (2, 2), (4, 4))), (5, ((2, 4),))]
)
def test_each_number_that_a_refusal_names_leads_to_a_plan_that_is_carried_out(
    quota: int, counts: tuple[tuple[int, int], ...]
) -> None:
    before, after = crowded(quota, *counts)

    def carried_out(most: int, parallelism: int) -> bool:
        with World() as world:
            world.live_through({**before, "quotas": None})
            world.sim.set_quota("ml.m5.large", most, region=REGION)
            made = world.plan({**after, "quotas": {"ml.m5.large": most}}, parallelism=parallelism)
            return made.applyable and world.apply(made).complete

    with World() as world:
        world.live_through({**before, "quotas": None})
        advice = "; ".join(finding.help for finding in world.plan(after, parallelism=10).findings)
    fits = re.search(r"--parallelism (\d+) would do", advice)
    alone = re.search(r"one endpoint at a time needs a quota of (\d+)", advice)
    whole = re.search(r"a quota of (\d+)", advice.rpartition(" at a time needs ")[2].partition("; ")[2] or advice)
    assert bool(advice) is (whole is not None)
    assert not fits or carried_out(quota, int(fits[1]))
    assert not alone or carried_out(int(alone[1]), 1)
    assert not whole or carried_out(int(whole[1]), 10)


def test_deletions_are_never_moved_to_the_front() -> None:
    """Their room would be enough; what is deleted is deleted last all the same, and the plan says what is needed."""
    before, after = crowded(4, (2, 2), (2, 2))
    del after["endpoints"]["e1"]
    with World() as world:
        world.live_through({**before, "quotas": None})
        assert [finding.rule for finding in world.plan(after).findings] == ["GATE-09"]
        assert not world.plan({**after, "quotas": {"ml.m5.large": 6}}).refused


def no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capacity_module, "_waiting", lambda steps, order: tuple(steps))


def file_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capacity_module, "_has_room", lambda move, room: True)


def old_fleet_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = capacity_module.Counting.jobs

    def jobs(self: Any, steps: Any) -> Any:
        return [replace(job, running=job.after) for job in honest(self, steps)]

    monkeypatch.setattr(capacity_module.Counting, "jobs", jobs)


@pytest.mark.parametrize("plant", [no_waits, file_order, old_fleet_forgotten])
def test_a_planted_bug_goes_beyond_the_quota(plant: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch)
    before, after = crowded(8, (2, 2), (1, 3), (3, 1))
    with World() as world:
        world.live_through({**before, "quotas": None})
        world.sim.set_quota("ml.m5.large", 8, region=REGION)
        made = world.plan(after)
        meter = Meter(world)
        assert not (
            world.apply(made).complete and meter.most["ml.m5.large"] <= peaks(made.capacity)["ml.m5.large"] <= 8
        )


def test_the_document_has_the_capacity() -> None:
    before, after = crowded(40, (2, 2))
    with World() as world:
        world.live_through(before)
        (row,) = plan.encode(world.plan(after))["capacity"]["types"]
        told = {"quota": 40, "quota_source": "fleet.yaml"}
        assert row == {"instance_type": "ml.m5.large", "now": 2, "after": 2, "peak": 4, **told}
