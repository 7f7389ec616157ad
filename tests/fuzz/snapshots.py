"""Damaged snapshots: read, planned from, and looked at in every way that a stored one can be."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from mmeplan import Engine, InputError, MmeplanError, live, load
from mmeplan.planning import Desired
from mmeplan.spec import Fleet
from tests.fuzz.damage import damaged

CASES = sorted(path.parent for path in (Path(__file__).parents[1] / "golden").glob("*/snapshot.json"))


@cache
def case(folder: Path) -> tuple[Fleet, dict[str, Any]]:
    return load(folder / "fleet.yaml"), json.loads((folder / "snapshot.json").read_text())


def one(seed: int) -> str:
    random = Random(seed)
    fleet, document = case(random.choice(CASES))
    _, text = damaged(document, random)
    try:
        snapshot = live.read(text, "live.json")
    except InputError as error:
        return "not read: " + error.problems[0].message.partition(":")[0][:26]
    engine, desired = Engine.stored(snapshot), Desired.unchecked(fleet)
    ends = {_end(look) for look in _looks(engine, desired)}
    return "planned from" if "" in ends else f"refused: {min(ends)}"


def _looks(engine: Engine, desired: Desired) -> Iterator[Callable[[], object]]:
    """Everything that a stored snapshot is for."""
    yield lambda: engine.plan(desired).text()
    yield lambda: engine.plan(desired).json()
    yield lambda: engine.status(desired)
    yield lambda: engine.drift(desired).text()
    yield lambda: engine.drift(desired).json()
    yield lambda: engine.drift(desired).mended()
    yield lambda: engine.import_(globs=["*"])
    yield lambda: engine.destroy(desired).text()
    for endpoint in desired.graph.of_kind("endpoint"):
        yield lambda name=endpoint.name: engine.rollback(desired, name)  # type: ignore[misc]


def _end(look: Callable[[], object]) -> str:
    """The kind of refusal; empty for none."""
    try:
        look()
    except MmeplanError as error:
        return type(error).__name__
    return ""
