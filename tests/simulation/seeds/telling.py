"""A life told step by step, for a person who wants to know what happened."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.simulation.seeds import living
from tests.simulation.seeds.drawing import draw
from tests.simulation.seeds.hand import Hand
from tests.simulation.seeds.judging import judged, read, written


class _ToldHand(Hand):
    def observe(self, event: Any) -> None:
        super().observe(event)
        if event.kind != "polled":
            print(f"    {event.at[:19]} {event.kind:8} {event.step} {event.detail}".rstrip())


class _ToldLife(living.Life):
    hand_of = _ToldHand

    def act(self, act: Mapping[str, Any]) -> None:
        print("--- an edit, and an apply")
        super().act(act)

    def external(self, external: Mapping[str, Any]) -> None:
        super().external(external)
        print(f"    {self.account.sim.clock.now().isoformat()[:19]} others   {dict(external)}")


def tell(what: str) -> str:
    """Live through a seed, or a scenario file, and tell it. Returns the violation, "" for none."""
    scenario = draw(int(what)) if what.isdigit() else read(Path(what))
    print(written(scenario))
    former, living.Life = living.Life, _ToldLife  # type: ignore[misc]
    try:
        return judged(scenario)[0]
    finally:
        living.Life = former  # type: ignore[misc]
