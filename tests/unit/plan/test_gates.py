"""Gates refuse with the id of the rule that refuses, and with an id of their own where the promise is mmeplan's."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace

import pytest

from mmeplan.diff import Action, Change, Effect, Outage, Refusal
from mmeplan.graph import compile as compile_graph
from mmeplan.live import live_object
from mmeplan.plan import Options
from mmeplan.plan.capacity import Overrun
from mmeplan.plan.document import InstanceCapacity
from mmeplan.plan.gates import capacity_findings, gate_findings, max_change
from mmeplan.rules.not_checked import NOT_CHECKED
from mmeplan.spec import load_text
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


@pytest.mark.parametrize(
    ("after", "fits", "alone", "message", "advice"),
    [
        (
            9,
            0,
            12,
            "after this plan the fleet has 9 × ml.m5.large, and the quota for endpoints is 8 (the file)",
            "ask for",
        ),
        (8, 2, 10, "the rollout has up to 12 × ml.m5.large at once", "--parallelism 2 would do; a quota of 12"),
        (
            8,
            0,
            10,
            "the rollout has up to 12 × ml.m5.large",
            "one endpoint at a time needs a quota of 10; a quota of 12",
        ),
        (8, 0, 12, "the rollout has up to 12 × ml.m5.large", "a quota of 12 would do as it is planned"),
    ],
)
def test_a_type_beyond_its_quota_is_refused_with_what_would_do(
    world: World, after: int, fits: int, alone: int, message: str, advice: str
) -> None:
    row = InstanceCapacity("ml.m5.large", 6, after, 12, 8, "the file")
    (finding,) = capacity_findings(world.compile(one()), (Overrun(row, fits, alone),))
    assert (finding.rule, finding.severity) == ("GATE-09", "error")
    assert finding.message.startswith(message)
    assert finding.help.startswith(advice)


MINE, THEIRS = "123456789012", "999999999999"


@pytest.mark.parametrize(
    ("bound", "seen", "rules"),
    [
        ({"account": MINE}, {"account": MINE}, []),
        ({"account": MINE}, {"account": THEIRS}, ["GATE-01"]),
        ({"account": MINE}, {"account": ""}, []),  # a snapshot that doesn't say whose it is
        ({}, {"account": THEIRS}, []),
        ({"region": "eu-west-1"}, {"region": "eu-west-1"}, []),
        ({"region": "eu-west-1"}, {"region": "eu-central-1"}, ["GATE-02"]),
        ({"region": "eu-west-1"}, {"region": ""}, []),
        ({}, {"region": "eu-central-1"}, []),
        ({"account": MINE, "region": "eu-west-1"}, {"account": THEIRS, "region": "x"}, ["GATE-01", "GATE-02"]),
    ],
)
def test_a_file_that_is_bound_to_an_account_or_region_is_for_no_other(
    world: World, bound: dict[str, str], seen: dict[str, str], rules: list[str]
) -> None:
    unbound = {key: value for key, value in one().items() if key not in ("account", "region")}
    graph = compile_graph(load_text(json.dumps({**unbound, **bound}).encode()))
    snapshot = replace(world.observe(graph), **seen)
    findings = list(gate_findings(graph, snapshot, (), Options()))
    assert [(finding.rule, finding.severity) for finding in findings] == [(rule, "error") for rule in rules]
    assert [finding.path for finding in findings] == list(bound)[: len(rules)]


@pytest.mark.parametrize(
    ("kind", "effect", "protect", "rules"),
    [
        ("endpoint", "outage", True, ["GATE-04", "GATE-05"]),
        ("endpoint", "outage", False, ["GATE-04"]),
        ("endpoint", "delete", True, ["GATE-05"]),
        ("endpoint", "delete", False, []),
        ("endpoint", "traffic_shift", True, []),
        ("endpoint", "create", True, []),
        ("endpoint_config", "delete", True, []),  # the endpoint is what `protect` protects
    ],
)
def test_what_is_protected_is_neither_deleted_nor_made_anew(
    world: World, kind: str, effect: Effect, protect: bool, rules: list[str]
) -> None:
    graph = world.compile(one(protect=protect))
    gone = Change(f"{kind}/ranker", kind, Action.DELETE_THEN_CREATE, "failed", effect, "ranker", "because")
    findings = list(gate_findings(graph, world.observe(graph), (gone,), Options()))
    assert [finding.rule for finding in findings] == rules
    guarded = [finding for finding in findings if finding.rule == "GATE-05"]
    assert all(finding.line and "recreate it" in finding.message for finding in guarded)


def test_what_can_not_be_read_is_told_and_only_the_unreadable_object_refuses(world: World) -> None:
    graph = world.compile(one())
    unreadable = live_object("endpoint", "ranker", "unreadable", error="denied: DescribeEndpoint")
    seen = world.observe(graph)
    snapshot = replace(seen, objects={**seen.objects, "endpoint": {"ranker": unreadable}}, inventory_error="denied")
    findings = list(gate_findings(graph, snapshot, (), Options()))
    assert [(finding.rule, finding.severity) for finding in findings] == [("GATE-06", "error"), ("GATE-07", "warning")]
    assert "endpoint ranker: denied: DescribeEndpoint" in findings[0].message
    assert "nothing can be removed: denied" in findings[1].message
    assert list(gate_findings(graph, seen, (), Options())) == []


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
        (10, 6, "", True),
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
        limit = {"": "30 %", "39.9%": "39.9 %", "0%": "0 %"}.get(option, option)
        text = f"{gone} of {live} endpoints would be deleted or recreated, and at most {limit} may be: endpoint/e00"
        assert made.findings[0].message.startswith(text)
        assert made.findings[0].message.endswith(", …") is (gone > 5)
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
