"""Two thousand seeds, and what holds for the machinery that lives them: `python -m tests.simulation` runs more.

A range of seeds is one test, so that xdist spreads them.
"""

from __future__ import annotations

import json

import pytest

from mmeplan import graph, rules
from mmeplan.spec import load_text
from tests.simulation.seeds.command import Report, main, run_range
from tests.simulation.seeds.drawing import draw
from tests.simulation.seeds.drawing_fleets import draw_fleets
from tests.simulation.seeds.judging import judged, written
from tests.simulation.seeds.living import live
from tests.simulation.seeds.oracle import endpoints
from tests.simulation.seeds.random_source import RandomSource

SEEDS, RANGE = 2000, 100


def lived(low: int, high: int) -> Report:
    return run_range((low, high))


@pytest.mark.parametrize("low", range(0, SEEDS, RANGE))
def test_no_law_is_broken(low: int) -> None:
    assert lived(low, low + RANGE).violations == []


def test_a_seed_is_the_same_life_each_time() -> None:
    for seed in (3, 4, 50):
        assert draw(seed) == draw(seed)
        assert live(draw(seed)) == live(draw(seed))


def test_the_drawing_never_changes_with_python() -> None:
    rng = RandomSource(1)
    assert [rng.between(0, 999) for _ in range(4)] == [134, 847, 763, 255]
    assert rng.pick("abc") == "b"
    assert rng.some("abcdef", 2, 4) == ["a", "d", "e"]


def test_both_doors_lead_to_the_same_life() -> None:
    """What boto3 makes of the simulator's answers is what the direct door makes of them."""
    for seed in range(60, 72):
        scenario = draw(seed)
        scenario.pop("tag_page", None)  # the direct door's own
        through_boto3 = judged({**scenario, "stack": "boto3"})
        assert judged({**scenario, "stack": "direct"}) == through_boto3


def test_the_drawn_fleets_are_ones_that_no_rule_refuses() -> None:
    for seed in range(60):
        for text in (*draw_fleets(RandomSource(seed)), *(act["fleet"] for act in draw(seed)["acts"])):
            loaded = load_text(json.dumps(text).encode())
            found = rules.check(loaded, graph.compile(loaded))
            assert not [finding for finding in found if finding.severity == "error"], text


def test_the_seeds_do_what_they_are_for() -> None:
    """Every kind of trouble comes, and more often than now and then."""
    counts = lived(2000, 2150).counts
    assert not [kind for kind in ("applies with a lock", "locked out", "unlocked", "rollbacks") if not counts[kind]], (
        counts
    )
    assert not [kind for kind in ("autoscaled", "edited files", "neighbours") if not counts[kind]], counts
    kinds = ("applies", "complete", "incomplete", "refused", "died", "stale", "two at once", "rolled back", "others")
    assert not [kind for kind in kinds if counts[kind] < 10], counts


def test_the_drawing_has_every_kind_of_endpoint() -> None:
    texts = [written(draw(seed)) for seed in range(40)]
    words = ("MultiModel", "containers:", "serverless_config", "async_inference_config", "capacity: autoscaled")
    words += ("type: CANARY", "type: LINEAR", "rolling_update_policy", "endpoint_configs:", "renamed_from")
    words += ("on_remove", "protect: true", "replace_salt", "hidden:", "lower_arns")
    words += ("targets:", "replace:", "rollback:", "adopt: true", "do: register")
    assert not [word for word in words if not any(word in text for text in texts)]
    assert max(len(endpoints(act["fleet"])) for seed in range(40) for act in draw(seed)["acts"]) == 4


def test_the_drawing_has_every_shape() -> None:
    drawn = [draw(seed) for seed in range(400)]
    texts = [json.dumps(scenario) for scenario in drawn]
    words = ('"instance_pools"', '"model_override"', '"TABLE"', '"tag_page"', '"listed"', '"autoscaler"', '"folder"')
    words += ('"edit_file"', '"fleet": "g"', '"delete_idle"', '"adopt": true', '"retain": 4')
    often = {word: sum(word in text for text in texts) for word in words}
    assert not [word for word, times in often.items() if times < 5], often
    salted = [entry for one in drawn for act in one["acts"] for entry in act["fleet"]["models"].values()]
    assert {entry.get("replace_salt") for entry in salted} >= {None, "1", "2", "3"}
    assert max(len(one["acts"]) for one in drawn) > 31
    assert max(len(act["fleet"]["models"]) for one in drawn for act in one["acts"]) > 50


def test_the_command_says_what_it_did(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--seeds", "3", "--start", "7", "--no-files"]) == 0
    assert "3 seeds from 7" in capsys.readouterr().out


def test_the_command_tells_a_life_step_by_step(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--replay", "3"]) == 0
    out = capsys.readouterr().out
    assert "called   CreateEndpoint:" in out
    assert out.endswith("no invariant was broken\n")
