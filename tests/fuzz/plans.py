"""Damaged plans: read, shown, held against a simulated account, and carried out where nothing speaks against it.

Every other one has the digest of what it holds by then, as somebody would take it who forges it. Whatever it is, it
ends as a refusal, or as an apply that makes no call which the plan doesn't show.
"""

from __future__ import annotations

import atexit
import json
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from mmeplan import InputError, PlanRefused, StalePlanError, render
from mmeplan.errors import CloudError
from mmeplan.plan import read
from tests.fuzz.damage import damaged
from tests.simulation.forgeries import Document, sealed
from tests.simulation.test_forged_plans import Account

STORED = sorted((Path(__file__).parents[1] / "golden").glob("*/plan.json"))


class Recorded:
    """A port of writes through which nothing goes: every call is noted, and refused or said to have been made."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Any]] = []
        self.refuses = True

    def write(self, operation: str, params: Any) -> dict[str, Any]:
        self.calls.append((operation, params))
        if self.refuses:
            raise CloudError(operation, "ValidationException", "no")
        return {}


@cache
def account() -> Account:
    folder = tempfile.TemporaryDirectory()
    atexit.register(folder.cleanup)
    made = Account(Path(folder.name), 0)
    made.engine._writer = Recorded()
    return made


@cache
def stored(path: Path) -> Document:
    return json.loads(path.read_text())  # type: ignore[no-any-return]


def one(seed: int) -> str:
    random = Random(seed)
    if random.random() < 0.3:
        document, applies = stored(random.choice(STORED)), False
    else:
        document, applies = account().saved, True
    if applies and random.random() < 0.5:
        document = {**document, "source": [{**document["source"][0], "path": "gone.yaml"}]}
    beneath = "steps" if random.random() < 0.4 else ""
    made, text = damaged(document, random, beneath)
    if made is not None and (beneath or random.random() < 0.5):
        with suppress(KeyError, TypeError, AttributeError, ValueError, RecursionError):  # there may be no such digest
            text = json.dumps(sealed(made))
    return _ends(text, random, applies=applies)


def _ends(text: str, random: Random, *, applies: bool) -> str:
    try:
        plan = read(text, "plan.json")
    except InputError as error:
        return "not read: " + error.problems[0].message.partition(":")[0][:26]
    render.text(plan, width=80)
    if random.random() < 0.1:
        for output in (render.markdown, render.html, render.json_text):
            output(plan)
    if not applies:
        return "shown"
    engine, writes = account().engine, account().engine._writer
    assert isinstance(writes, Recorded)
    writes.calls.clear()
    writes.refuses = random.random() < 0.8
    try:
        outcome = engine.apply(plan)
    except PlanRefused as error:
        assert not writes.calls
        return f"refused: {error.message}"
    except (StalePlanError, InputError):
        assert not writes.calls
        return "stale"
    assert not outcome.complete
    shown = list(plan.calls)
    assert all(call in shown for call in writes.calls)
    return "carried out as shown"
