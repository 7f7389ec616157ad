"""Fleets above the size from which objects are listed rather than described: what was changed is found all the same."""

from __future__ import annotations

from typing import Any

import pytest

from mmeplan.diff import Inputs, generations_of, rollback_graph
from mmeplan.live import LIST_ABOVE
from mmeplan.plan import Options, build
from tests.simulation.decisions import Fleet, f, v
from tests.simulation.instant import Account, compiled
from tests.simulation.world import config, model

MANY = range(LIST_ABOVE + 1)


def many(**endpoints: Fleet) -> Fleet:
    """A fleet with more models and shared configs than are described one by one."""
    configs = {f"c{number}": config(main=v(count=number + 1)) for number in MANY}
    spare = {f"m{number}": model(str(number)) for number in MANY}
    return f(endpoints, models={"m": model(), **spare}, endpoint_configs=configs)


BEFORE = many(e={"config": "c0"}, x={"config": "c0"}, y={"config": config(main=v(of="m3"))})


@pytest.mark.parametrize(
    ("at", "entry"),
    [
        ("x", {"config": "c1"}),
        ("x", {"config": config(main=v("xlarge"))}),
        ("y", {"config": config(main=v(of="m2"))}),
        ("y", {"config": "c0"}),
    ],
)
def test_an_endpoint_that_leaves_what_stays_declared_is_changed(at: str, entry: dict[str, Any]) -> None:
    account = Account(BEFORE)
    after = {**BEFORE, "endpoints": {**BEFORE["endpoints"], at: entry}}
    seen = account.seen(compiled(after))
    assert any(live.by_digest for live in seen.present("model"))
    assert any(live.by_digest for live in seen.present("endpoint_config"))
    change = next(found for found in account.plan(after).changes if found.address == f"endpoint/{at}")
    assert change.effect == ("in_place" if entry == {"config": "c1"} else "traffic_shift")
    assert account.plan(BEFORE).steps == ()
    account.applies(after)
    assert account.plan(after).steps == ()


def test_a_rollback_swaps() -> None:
    after = {**BEFORE, "endpoints": {**BEFORE["endpoints"], "y": {"config": config(main=v("xlarge", of="m3"))}}}
    account = Account(BEFORE, after)
    graph = compiled(after)
    seen = account.seen(graph)
    old = next(one.name for one in generations_of(Inputs(graph, seen), "endpoint/y") if one.back == 1)
    back = rollback_graph(graph, seen, "endpoint/y", old)
    made = build(back, seen, created_at="", options=Options(targets=("endpoint/y",), rollback=old))
    swaps = [step.params["EndpointConfigName"] for step in made.steps if step.operation == "UpdateEndpoint"]
    assert swaps == [old]
    assert "production_variants.main.instance_type" in {field.field for field in made.changes[0].fields}


def test_where_listing_is_denied_everything_is_described() -> None:
    account = Account(BEFORE)
    account.denied |= {"ListModels", "ListEndpointConfigs"}
    seen = account.seen(compiled(BEFORE))
    for kind in ("model", "endpoint_config"):
        assert len([*seen.present(kind)]) > len(MANY)
        assert not any(live.by_digest for live in seen.present(kind))
    assert account.plan(BEFORE).steps == ()
    assert not seen.inventory_error
