"""What an endpoint remembers of its past fits into its tags; and the instant account says what the simulator says."""

from __future__ import annotations

import pytest

from mmeplan.identity import SERVED_TAG
from tests.simulation.decisions import LARGE, MODEL_2, SMALL, TAGGED_CONFIG, Fleet, e, f, main, pools, s, shared, v
from tests.simulation.instant import Account
from tests.simulation.telling import Labels, told
from tests.simulation.world import World, config, model

LONGEST = 256  # characters of a tag's value


def test_the_record_of_who_has_served_holds_the_newest_and_fits_into_a_tag() -> None:
    account = Account()
    names: list[str] = []
    for number in range(31):
        account.applies(e(main(volume_size_in_gb=10 + number)))
        names.insert(0, account.runs("e")[-8:])
        written = account.things["endpoint", "e"].tags[SERVED_TAG]
        assert len(written) <= LONGEST
        assert written.split() == names[:28]


def test_going_to_and_fro_writes_each_down_once() -> None:
    account = Account()
    for file in (SMALL, LARGE, SMALL, LARGE, SMALL):
        account.applies(file)
    written = account.things["endpoint", "e"].tags[SERVED_TAG].split()
    assert written == [name[-8:] for name in account.names("endpoint-config")]


LIVES: list[tuple[Fleet, ...]] = [
    (SMALL, LARGE, SMALL),
    (SMALL, MODEL_2, e(main(count=5), models={"m": model("2")})),
    (e({"main": s(5)}), e({"main": s(9)}), e({"main": s(memory=4096)})),
    (shared(names="ex"), shared(main("xlarge"), "ex"), f({"e": {"config": config(**main())}})),
    (e({"main": pools("m", "n")}, models={"m": model(), "n": model("2")}), e(models={"m": model()}), f(models={})),
    (e({"a": v(capacity="autoscaled"), "b": v()}), e({"a": v("xlarge", capacity="autoscaled"), "b": v()})),
    (TAGGED_CONFIG, f({"new": {**TAGGED_CONFIG["endpoints"]["e"], "renamed_from": "e"}})),
]


@pytest.mark.parametrize("files", LIVES)
def test_the_simulator_and_the_instant_account_lead_to_the_same_plans(files: tuple[Fleet, ...]) -> None:
    account = Account()
    with World() as world:
        for file in files:
            one, other = world.plan(file), account.plan(file)
            assert list(map(Labels([]), told(one))) == list(map(Labels([]), told(other)))
            assert [(step.operation, step.params) for step in one.steps] == [
                (step.operation, step.params) for step in other.steps
            ]
            world.apply(one)
            account.applies(file)
