"""The report: what its parts say, that colours can be told from one another, and that its checks can fail."""

import importlib
import re
from dataclasses import replace
from typing import Any

import pytest

from mmeplan import render
from mmeplan.plan import Plan, VariantTraffic
from mmeplan.plan.document import Capacity, InstanceCapacity
from mmeplan.render.capacity import chart_rows
from mmeplan.render.graph import MOST_BOXES, picture
from mmeplan.render.html import FULL_CARDS, asset, page
from mmeplan.render.relations import Relations
from mmeplan.render.traffic import MOST_STAGES, Stage, stages
from tests.properties.test_render_web import document
from tests.unit.render.test_text import EMPTY, FLEET, SERVERLESS, SWAPPED, shared


def swap(plan_of: Any, live: Any, rollout: str = "", instances: int = 4) -> Any:
    made: Plan = plan_of(SWAPPED, live(FLEET))
    change = next(change for change in made.changes if change.kind == "endpoint")
    traffic = (VariantTraffic("main", "1", "1", instances, instances, "ml.m5.large"),)
    return replace(change, rollout=rollout or change.rollout, traffic=traffic)


def size(kind: str, value: int) -> dict[str, Any]:
    return {"Type": kind, "Value": value}


def routed(kind: str, **more: Any) -> dict[str, Any]:
    routing = {"Type": kind, "WaitIntervalInSeconds": 300, **more}
    policy = {"TrafficRoutingConfiguration": routing, "TerminationWaitInSeconds": 90}
    return {"DeploymentConfig": {"BlueGreenUpdatePolicy": policy}}


BEFORE, AFTER = Stage("before", 1, 0, "the new fleet is prepared"), Stage("after", 0, 1)


def test_a_canary_has_three_stages(plan_of: Any, live: Any) -> None:
    made = stages(swap(plan_of, live), routed("CANARY", CanarySize=size("CAPACITY_PERCENT", 25)))
    assert made == (
        BEFORE,
        Stage("canary", 0.75, 0.25, "bakes 5 min"),
        Stage("the rest", 0, 1, "old fleet stays 90 s"),
        AFTER,
    )
    assert made[1].shares == "old 75 %, new 25 %"


def test_a_canary_of_an_instance_is_its_part_of_the_fleet(plan_of: Any, live: Any) -> None:
    made = stages(swap(plan_of, live, instances=8), routed("CANARY", CanarySize=size("INSTANCE_COUNT", 2)))
    assert made[1].new == 0.25


def test_linear_steps_end_with_everything(plan_of: Any, live: Any) -> None:
    made = stages(swap(plan_of, live), routed("LINEAR", LinearStepSize=size("CAPACITY_PERCENT", 40)))
    assert [round(stage.new, 2) for stage in made] == [0, 0.4, 0.8, 1, 1]
    assert [stage.hold for stage in made[1:4]] == ["bakes 5 min", "bakes 5 min", "old fleet stays 90 s"]


def test_many_steps_are_told_by_a_few(plan_of: Any, live: Any) -> None:
    made = stages(swap(plan_of, live), routed("LINEAR", LinearStepSize=size("CAPACITY_PERCENT", 2)))
    assert len(made) == MOST_STAGES
    assert made[-3].name == "41 more steps"
    assert [stage.new for stage in made] == sorted(stage.new for stage in made)
    assert (made[0], made[-1]) == (BEFORE, AFTER)


def test_a_rolling_update_has_batches(plan_of: Any, live: Any) -> None:
    rolling = {"MaximumBatchSize": size("INSTANCE_COUNT", 1), "WaitIntervalInSeconds": 60}
    made = stages(swap(plan_of, live), {"DeploymentConfig": {"RollingUpdatePolicy": rolling}})
    assert [(stage.name, stage.new) for stage in made[1:-1]] == [(f"batch {n}", n / 4) for n in (1, 2, 3, 4)]


def test_guardrails_that_do_not_apply_are_not_drawn(plan_of: Any, live: Any) -> None:
    change = swap(plan_of, live, rollout="blue/green, all at once")
    made = stages(change, routed("CANARY", CanarySize=size("CAPACITY_PERCENT", 25)))
    assert [stage.name for stage in made] == ["before", "all at once", "after"]


def test_an_outage_has_a_stage_in_which_nothing_answers(plan_of: Any, live: Any) -> None:
    made: Plan = plan_of(SERVERLESS, live(FLEET))
    change = next(change for change in made.changes if change.kind == "endpoint")
    assert [stage.shares for stage in stages(change, {})] == ["old 100 %", "nothing answers", "new 100 %"]
    gone: Plan = plan_of(EMPTY, live(FLEET))
    change = next(change for change in gone.changes if change.kind == "endpoint")
    assert [stage.shares for stage in stages(change, {})] == ["old 100 %", "nothing answers"]


# --- the graph --------------------------------------------------------------------------------------------------------


def test_every_box_has_its_place_and_curves_join_columns(plan_of: Any, live: Any) -> None:
    made: Plan = plan_of(shared(("a", "b", "c"), "ranker:1.8"), live(shared(("a", "b", "c"))))
    drawn = picture(made, Relations(made), {"endpoint/a": "c0"})
    assert drawn is not None
    boxes = {box.key: box for box in drawn.boxes}
    assert len({(box.x, box.y) for box in drawn.boxes}) == len(boxes) == 7
    assert {(c.start, c.end) for c in drawn.curves} == {
        *((f"endpoint/{name}", f"endpoint_config/{name}") for name in "abc"),
        *((f"endpoint_config/{name}", "model/common") for name in "abc"),
    }
    assert all(boxes[curve.start].x < boxes[curve.end].x for curve in drawn.curves)
    assert boxes["endpoint/a"].href == "c0"
    assert drawn.height > max(box.y for box in drawn.boxes)


def test_a_plan_of_an_older_format_has_a_graph_by_names(plan_of: Any, live: Any) -> None:
    made: Plan = plan_of(SWAPPED, live(FLEET))
    older = replace(made, changes=tuple(replace(change, references=()) for change in made.changes))
    drawn, bare = (picture(plan, Relations(plan), {}) for plan in (made, older))
    assert drawn is not None
    assert bare is not None
    assert drawn.curves == bare.curves
    assert len(drawn.curves) == 2


def test_what_goes_is_drawn_with_what_it_needed(plan_of: Any, live: Any) -> None:
    made: Plan = plan_of(EMPTY, live(FLEET))
    drawn = picture(made, Relations(made), {})
    assert drawn is not None
    assert {box.state for box in drawn.boxes} == {"delete"}
    assert ("endpoint/ranker", "endpoint_config/ranker") in {(curve.start, curve.end) for curve in drawn.curves}


def test_thousands_of_boxes_become_a_few(plan_of: Any, live: Any) -> None:
    names = tuple(f"tenant-{index:04d}" for index in range(2_000))
    made: Plan = plan_of(shared(names, "ranker:1.8"), live(shared(names)))
    drawn = picture(made, Relations(made), {})
    assert drawn is not None
    assert len(drawn.boxes) <= MOST_BOXES
    assert "1,976 endpoints" in {box.label for box in drawn.boxes}
    assert drawn.words == "2,000 endpoints, 2,000 endpoint configs and 1 model; 4,001 of them change"


def test_a_plan_without_endpoints_has_no_graph(plan_of: Any) -> None:
    made: Plan = plan_of(EMPTY)
    assert picture(made, Relations(made), {}) is None


# --- the rest ---------------------------------------------------------------------------------------------------------


def test_bars_are_as_long_as_their_numbers() -> None:
    rows = (
        InstanceCapacity("ml.m5.large", 2, 4, 8, 10, "fleet.yaml:9"),
        InstanceCapacity("ml.c5.large", 1, 2, 2, 1),
        InstanceCapacity("ml.p4d.24xlarge", 0, 1, 1, 5_000),
    )
    over, most, least = chart_rows(Capacity(10, rows))
    assert (over.item.name, over.over) == ("ml.c5.large", True)
    assert (most.now_bar, most.after_bar, most.peak_bar, most.quota_at) == (20, 40, 80, 100)
    assert least.quota_at is None, "far to the right, it would flatten everything else"
    assert least.quota == "5,000"


def test_beyond_a_number_an_endpoint_is_one_line(plan_of: Any, live: Any) -> None:
    names = tuple(f"tenant-{index:03d}" for index in range(FULL_CARDS + 7))
    made = page(plan_of(shared(names, "ranker:1.8", unlike=True), live(shared(names))))
    assert (len(made["cards"]), len(made["lines"])) == (FULL_CARDS, 7)
    assert made["filters"] == (("traffic_shift", "traffic shifts", FULL_CARDS + 7),)
    assert made["loose"] == (), "what the lines account for is not told twice"


def test_a_page_has_no_comment_no_handler_and_no_address_to_load(plan_of: Any, live: Any) -> None:
    text = render.html(plan_of(SWAPPED, live(FLEET)))
    assert "<!--" not in text
    assert not re.search(r"\son\w+=|\sstyle=|\ssrc=|@import|url\(", text)


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


COLOURS = {
    name: (light, dark)
    for name, light, dark in re.findall(r"--(\w[\w-]*): light-dark\((#\w{6}), (#\w{6})\)", asset("page.css"))
}
PAIRS = [
    *((text, ground) for text in ("text", "dim") for ground in ("page", "panel", "sunk")),
    *((text, ground) for text in ("link", "green", "blue", "amber", "red") for ground in ("page", "panel")),
    *((text, f"{text}-soft") for text in ("green", "blue", "amber", "red")),
    *(("text", f"{soft}-soft") for soft in ("green", "blue", "amber", "red")),
]


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(("text", "ground"), PAIRS)
def test_text_can_be_read_on_its_ground(text: str, ground: str, theme: int) -> None:
    """WCAG 2.2, success criterion 1.4.3: at least 4.5 to 1."""
    bright, dull = sorted((luminance(COLOURS[name][theme]) for name in (text, ground)), reverse=True)
    assert (bright + 0.05) / (dull + 0.05) >= 4.5


def test_without_escaping_the_check_of_a_page_fails(plan_of: Any, live: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted bug: autoescape off. html5lib stops, or an element is there that isn't ours."""
    fleet = SWAPPED.replace("ranker:1.8", "<x-evil>:1.8")
    assert "x-evil" not in {element.tag for element in document(render.html(plan_of(fleet, live(FLEET)))).iter()}
    module = importlib.import_module("mmeplan.render.html")
    plain = module._environment().overlay(autoescape=False)
    monkeypatch.setattr(module, "_environment", lambda: plain)
    try:
        tags = {element.tag for element in document(render.html(plan_of(fleet, live(FLEET)))).iter()}
    except Exception:  # noqa: BLE001 - any parse error is what was wanted
        return
    assert "x-evil" in tags
