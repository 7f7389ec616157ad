"""Invariants that hold in every life, found by Hypothesis.

`World` checks them at every call and every plan: nothing but planned steps is written, no live endpoint loses its
config or models, nothing of others is touched, the order of the file has no meaning. Here lives are drawn.
"""

from __future__ import annotations

from hypothesis import HealthCheck, given, note, settings

from tests.simulation.fleets import lives
from tests.simulation.world import Fleet, World, fleet

ROBUST = settings(derandomize=True, suppress_health_check=list(HealthCheck))


def everywhere(text: Fleet) -> tuple[str, ...]:
    """Every endpoint's outage allowed: these lives change names and hosting at will."""
    return tuple(f"endpoint/{name}" for name in text["endpoints"])


@settings(ROBUST, max_examples=40)
@given(lives())
def test_every_apply_completes_and_the_plan_after_it_is_empty(life: list[Fleet]) -> None:
    with World() as world:
        world.foreign_endpoint()
        for text in life:
            note(f"{text}")
            world.live_through(text, allow_outage=everywhere(text))
            assert world.names("endpoint") == sorted(["theirs", *(_physical(text))])
        world.live_through(fleet(models={}))
        assert [world.names(kind) for kind in ("model", "endpoint-config", "endpoint")] == [["theirs"]] * 3


def _physical(text: Fleet) -> list[str]:
    return [entry.get("name") or entry.get("renamed_from") or name for name, entry in text["endpoints"].items()]
