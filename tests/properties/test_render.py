"""Laws of the renderers: whatever a plan holds, its text fits, is tame, tells no secret, and needs no memory."""

import json
import re
import unicodedata
from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmeplan import render
from mmeplan.errors import Problem
from mmeplan.plan import Finding, Options, Plan, PlannedChange, PlannedField, Step, Summary, decode, encode
from mmeplan.plan.document import Location, Observed, PlannedDrift, SourceFile, VariantTraffic, with_id
from mmeplan.plan.masking import masked, masked_document

COLOURS = re.compile(r"\x1b\[[0-9;]*m")
SLOW = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])

SAMPLES = (
    "ml.m5.xlarge",
    "a b  c",
    "\x1b[31mred\x1b[0m",
    "\x9b2J",
    "line\nline",
    "\u202eevil\u2066",
    "日本語" * 30,
    "x" * 300,
    "",
)
anything = st.one_of(st.sampled_from(SAMPLES), st.text(max_size=40))
names = st.one_of(st.sampled_from(("ranker", "shop", "a" * 63)), anything)
secrets = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=12, max_size=20).map(lambda text: f"SECRET{text}")
values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), anything),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(anything, inner, max_size=3)),
    max_leaves=4,
)
plain_fields = st.builds(
    PlannedField,
    st.one_of(st.sampled_from(("production_variants.large.instance_type", "containers[0].image", "x")), anything),
    values,
    values,
    st.integers(0, 99_999),
)
secret_fields = st.builds(
    PlannedField,
    st.sampled_from(
        (
            "primary_container.environment.TOKEN",
            "containers[1].environment.A.B",
            "production_variants.a.model_name.primary_container.environment.K",
        )
    ),
    st.one_of(st.none(), secrets),
    st.one_of(st.none(), secrets),
    st.integers(0, 99_999),
)
lists_with_secrets = st.builds(
    lambda secret: PlannedField("containers", None, [{"Image": "i", "Environment": {"K": secret}}]), secrets
)
fields = st.lists(st.one_of(plain_fields, secret_fields, lists_with_secrets), max_size=4).map(tuple)
actions = st.sampled_from(
    (
        ("create",),
        ("update",),
        ("delete",),
        ("read",),
        ("no-op",),
        ("forget",),
        ("adopt",),
        ("delete", "create"),
        ("create", "delete"),
        ("adopt", "update"),
    )
)
effects = st.sampled_from(("none", "create", "in_place", "traffic_shift", "delete", "outage"))
reasons = st.sampled_from(
    ("same", "new", "content_changed", "dependency_changed", "reused", "failed", "unreadable", "superseded")
)
shares = st.sampled_from(("", "0", "1", "2/3", "66.67%", "1/100000"))
traffic = st.builds(VariantTraffic, names, shares, shares, st.integers(0, 99), st.integers(0, 99), names)
locations = st.builds(Location, st.one_of(st.just("fleet.yaml"), anything), st.integers(0, 99_999), st.integers(0, 99))
texts = st.lists(anything, max_size=2).map(tuple)
tags = st.dictionaries(anything, anything, max_size=3)


@st.composite
def changes(draw: st.DrawFn) -> PlannedChange:
    kind = draw(st.sampled_from(("endpoint", "endpoint_config", "model")))
    return PlannedChange(
        address=f"{kind}/{draw(names)}",
        kind=kind,
        actions=draw(actions),
        reason=draw(reasons),
        effect=draw(effects),
        name=draw(names),
        explanation=draw(anything),
        live_name=draw(names),
        location=draw(locations),
        fields=draw(fields),
        causes=draw(st.sampled_from(((), ("model/ranker",), ("endpoint_config/ranker", "model/shop")))),
        tags_added=draw(tags),
        tags_removed=draw(texts),
        notes=draw(texts),
        rollout=draw(anything),
        traffic=tuple(draw(st.lists(traffic, max_size=3))),
        refusal=draw(st.one_of(st.just(""), anything)),
    )


@st.composite
def steps(draw: st.DrawFn) -> Step:
    name, environment = draw(names), draw(st.dictionaries(anything, secrets, max_size=2))
    container = {"Image": draw(anything), "ModelDataUrl": draw(anything), "Environment": environment}
    params: dict[str, Any] = {"ModelName": name, "PrimaryContainer": container}
    if draw(st.booleans()):
        params = {"ModelName": name, "Containers": [container, {"Image": draw(anything)}]}
    return Step(f"CreateModel:model/{name}", f"model/{name}", "CreateModel", params)


findings = st.builds(
    Finding,
    anything,
    st.sampled_from(("error", "warning", "note")),
    names,
    anything,
    anything,
    anything,
    anything,
    names,
)


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    many = draw(st.lists(changes(), max_size=5))
    return with_id(
        Plan(
            tool_version="0",
            created_at="2026-01-01T00:00:00+00:00",
            fleet=draw(names),
            environment=draw(anything),
            account="123456789012",
            region="eu-west-1",
            source=(SourceFile(draw(anything), "0"),),
            options=Options(targets=draw(texts), speculative=draw(st.booleans())),
            snapshot=Observed("2026-01-01T00:00:00+00:00", "0", {}),
            summary=Summary(create=draw(st.integers(0, 9))),
            changes=tuple(many),
            steps=tuple(draw(st.lists(steps(), max_size=3))),
            drift=tuple(PlannedDrift(f"endpoint/{draw(names)}", draw(anything), draw(fields)) for _ in many[:1]),
            findings=tuple(draw(st.lists(findings, max_size=3))),
            kept={change.address: draw(texts) for change in many[:1]},
            complete=draw(st.booleans()),
            applyable=True,
            errored=draw(st.booleans()),
        )
    )


def columns(line: str) -> int:
    return sum(
        0 if unicodedata.category(char) in ("Mn", "Me") else 2 if unicodedata.east_asian_width(char) in "WF" else 1
        for char in line
    )


def assert_is_tame(text: str, width: int) -> None:
    """It fits, and holds nothing that a terminal would obey."""
    for line in text.split("\n"):
        assert columns(line) <= width
        assert line == line.rstrip()
        assert all(char.isprintable() for char in line)


@SLOW
@given(plans(), st.sampled_from((80, 97, 140)), anything, texts)
def test_a_page_fits_and_holds_nothing_that_a_terminal_obeys(
    plan: Plan, width: int, command: str, stale: tuple[str, ...]
) -> None:
    page = render.text(plan, width=width, next_command=command, stale=stale, show_environment=True)
    assert_is_tame(page, width)
    painted = render.text(plan, width=width, next_command=command, stale=stale, show_environment=True, color=True)
    assert COLOURS.sub("", painted) == page


@SLOW
@given(plans())
def test_a_rendering_is_the_same_from_a_file(plan: Plan) -> None:
    again = decode(json.loads(json.dumps(encode(plan))))
    assert render.text(again) == render.text(plan)
    assert render.text(again, show_environment=True) == render.text(plan, show_environment=True)
    assert render.json_text(again) == render.json_text(plan)
    assert render.summary_line(again) == render.summary_line(plan)


@SLOW
@given(plans())
def test_no_rendering_tells_an_environment_value(plan: Plan) -> None:
    assert "SECRET" not in render.text(plan, width=400)
    assert "SECRET" not in render.json_text(plan)
    assert masked_document(plan)["masked"] is True


@SLOW
@given(plans())
def test_masking_changes_environment_values_and_nothing_else(plan: Plan) -> None:
    made = masked(plan)
    assert _without_environment(encode(made)) == _without_environment(encode(plan))
    assert masked(plan) == made
    bare = replace(plan, changes=(), drift=(), steps=())
    assert masked(bare) == bare


def _without_environment(value: Any) -> Any:
    if isinstance(value, dict):
        if "environment" in str(value.get("field", "")):
            return {**value, "before": value["before"] is None, "after": value["after"] is None}
        return {key: None if key == "Environment" else _without_environment(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_environment(item) for item in value]
    return value


@SLOW
@given(plans())
def test_the_summary_refuses_exactly_when_the_plan_does(plan: Plan) -> None:
    line = render.summary_line(plan)
    assert line.startswith("Refused: ") is plan.refused
    assert line.startswith("No changes") is (not plan.refused and not plan.has_changes)


@SLOW
@given(st.lists(findings, max_size=4), anything)
def test_findings_fit_and_are_tame(found: list[Finding], source: str) -> None:
    placed = [replace(item, file="fleet.yaml", line=7, column=number * 9 + 1) for number, item in enumerate(found)]
    assert_is_tame(render.findings_text(placed, width=80, excerpt=lambda line: source), 80)


@SLOW
@given(anything, anything, anything, st.integers(0, 50))
def test_problems_hold_nothing_that_a_terminal_obeys(message: str, path: str, source: str, column: int) -> None:
    text = render.problems_text([Problem(message, "fleet.yaml", 3, column, path, source_line=source)])
    assert all(char.isprintable() for char in text.replace("\n", ""))


@SLOW
@given(st.lists(st.tuples(names, anything, st.sampled_from(("model", "endpoint"))), max_size=4), names, names)
def test_graphs_have_one_statement_a_line_whatever_the_names(
    nodes: list[tuple[str, str, str]], start: str, end: str
) -> None:
    known = {address for address, _, _ in nodes} | {start, end}
    flowchart = render.mermaid(nodes, [(start, end)])
    digraph = render.dot(nodes, [(start, end)])
    assert len(flowchart.splitlines()) == 1 + len(known) + 1
    assert len(digraph.splitlines()) == 3 + len(known) + 1 + 1
    for line in digraph.splitlines()[3:-1]:
        assert re.fullmatch(
            r'  ("(?:[^"\\]|\\.)*") (\[label="(?:[^"\\]|\\.)*", shape=\w+\]|-> "(?:[^"\\]|\\.)*");', line
        )


@SLOW
@given(names, anything, anything, st.sampled_from((80, 140)))
def test_a_status_table_fits(name: str, note: str, failure: str, width: int) -> None:
    variant = render.VariantStatus(note, "ml.m5.xlarge", "2/2", "66.7 %")
    row = render.StatusRow(f"endpoint/{name}", name, "Failed", note, (variant, variant), note, failure)
    assert_is_tame(render.status_text([row], width=width), width)
