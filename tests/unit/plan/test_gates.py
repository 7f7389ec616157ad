"""Gates refuse with the id of the rule that refuses, and with an id of their own where the promise is mmeplan's."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from mmeplan.diff import Action, Change, Effect, Outage, Refusal
from mmeplan.plan import Options
from mmeplan.plan.gates import gate_findings, max_change
from mmeplan.rules.not_checked import NOT_CHECKED
from tests.simulation.world import Fleet, World, config, fleet, one, serverless, variant

ROWS = {row.id for reason in NOT_CHECKED for row in reason.rows}


@pytest.fixture
def world() -> Iterator[World]:
    with World() as made:
        yield made


def found(world: World, change: Change, **options: tuple[str, ...]) -> list[str]:
    graph = world.compile(one())
    return [finding.rule for finding in gate_findings(graph, world.observe(graph), (change,), Options(**options))]


def change(kind: str, refused: Refusal | None = None, refusal: str = "", outage: Outage | None = None) -> Change:
    effect: Effect = "outage" if outage else "none"
    action = Action.REFUSE if refused else Action.DELETE_THEN_CREATE
    about = (f"{kind}/ranker", kind, action, "failed", effect, "ranker", "because")
    return Change(*about, refused=refused, refusal=refusal, outage=outage)


@pytest.mark.parametrize(
    ("kind", "refused", "rule"),
    [
        ("endpoint", Refusal.CONFLICT, "DEL-10"),
        ("model", Refusal.CONFLICT, "DEL-10"),
        ("endpoint_config", Refusal.CONFLICT, "DEL-10"),
        ("model", Refusal.CONTENT, "MDL-40"),
        ("endpoint_config", Refusal.CONTENT, "CFG-38"),
        ("endpoint", Refusal.UNRECOVERABLE, "EP-08"),
        ("endpoint", Refusal.PROTECTED, "GATE-03"),
        ("endpoint", Refusal.ROLLED_BACK, "GATE-03"),
        ("endpoint", Refusal.CONTENT, "GATE-03"),
    ],
)
def test_a_refusal_has_the_id_of_the_rule_behind_it(world: World, kind: str, refused: Refusal, rule: str) -> None:
    assert found(world, change(kind, refused, "no; do something else")) == [rule]


@pytest.mark.parametrize(
    ("why", "rule"),
    [(Outage.HOSTING, "SLS-12"), (Outage.ASYNC, "ASY-13"), (Outage.RENAMED, "DEL-08"), (Outage.FAILED, "EP-06")],
)
def test_an_outage_has_the_id_of_the_rule_behind_it_and_can_be_allowed(world: World, why: Outage, rule: str) -> None:
    outage = change("endpoint", outage=why)

    assert found(world, outage) == [rule]
    assert found(world, outage, allow_outage=("endpoint/ranker",)) == []


def test_ids_that_gates_take_from_the_catalogue_are_listed_where_it_says_what_no_rule_checks() -> None:
    assert {"DEL-10", "MDL-40", "CFG-38", "EP-08", "SLS-12", "ASY-13", "DEL-08", "EP-06"} <= ROWS


def many(live: int, gone: int) -> tuple[Fleet, Fleet]:
    def side(numbers: range) -> Fleet:
        return fleet({f"e{n:02}": {"config": config(main=variant())} for n in numbers}, retain=0)

    return side(range(live)), side(range(gone, live))


@pytest.mark.parametrize(
    ("live", "gone", "option", "refused"),
    [
        (10, 3, "", False),
        (10, 4, "", True),
        (9, 9, "", False),
        (10, 4, "40%", False),
        (10, 4, "39.9%", True),
        (10, 4, "4", False),
        (10, 4, "3", True),
        (2, 1, "0", True),
        (2, 1, "0%", True),
        (2, 2, "100%", False),
    ],
)
def test_the_blast_radius_is_bounded(world: World, live: int, gone: int, option: str, refused: bool) -> None:
    before, after = many(live, gone)
    world.live_through(before)
    made = world.plan(after, max_change=option)
    assert [finding.rule for finding in made.findings] == (["GATE-08"] if refused else [])
    assert made.applyable is not refused
    if refused:
        assert f"{gone} of {live} endpoints would be deleted or recreated" in made.findings[0].message
        assert made.findings[0].help.endswith(f"--max-change {gone}")
        assert world.plan(after, max_change=str(gone)).applyable


def test_destroy_is_asked_for_by_name_and_not_bounded(world: World) -> None:
    before, _ = many(12, 0)
    world.live_through(before)
    assert world.engine.destroy(world.desired(fleet(models={}))).applyable


def test_a_recreation_counts_as_a_deletion(world: World) -> None:
    world.live_through(fleet({"r": {"config": config(main=variant())}}))
    after = fleet({"r": {"config": config(main=serverless())}})
    made = world.plan(after, allow_outage=("endpoint/r",), max_change="0")
    assert [finding.rule for finding in made.findings] == ["GATE-08"]


@pytest.mark.parametrize("text", ["x", "%", "-1", "1.5", "101%", "1e2", "٣", "5 %", "nan%"])
def test_a_wrong_limit_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=re.escape(repr(text))):
        max_change(text)
