"""One life, one word: fine, or the invariant that did not hold. And the files in which scenarios are kept."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Any

import yaml

from tests.simulation.seeds.drawing import Scenario
from tests.simulation.seeds.living import Lived, live
from tests.simulation.world import Broken

SCENARIOS = Path(__file__).resolve().parent.parent / "scenarios"


def judged(scenario: Scenario) -> tuple[str, Lived | None]:
    """What is wrong ("" where nothing is), and what the life was made of where it came to its end.

    An exception that the engine did not mean to raise is wrong too: `crash: …`.
    """
    try:
        return "", live(scenario)
    except Broken as broken:
        return str(broken), None
    except Exception as error:  # noqa: BLE001 - whatever it is, it is a find
        frame = traceback.extract_tb(error.__traceback__)[-1]
        return f"crash: {type(error).__name__} in {Path(frame.filename).name}, {frame.name}: {error}", None


def violation(scenario: Scenario) -> str:
    """What is wrong; "" where nothing is."""
    return judged(scenario)[0]


def written(scenario: Scenario) -> str:
    """A scenario as YAML: what it shows first, then the world, then act by act."""
    first = ("what", "why", "seed", "stack")
    ordered = {key: scenario[key] for key in first if key in scenario}
    ordered |= {key: value for key, value in scenario.items() if key not in first}
    return yaml.dump(ordered, Dumper=_Dumper, sort_keys=False, width=110, allow_unicode=True)


def read(path: Path) -> Any:
    """A scenario from its file."""
    return yaml.safe_load(path.read_text(encoding="utf-8"))


class _Dumper(yaml.SafeDumper):
    """Without anchors and aliases: a fleet that stands there twice is written twice."""

    def ignore_aliases(self, _data: Any) -> bool:
        return True
