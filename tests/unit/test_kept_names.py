"""Names that programs, tags and files out there hold: none goes away or is spelled otherwise, whatever is reworded.

tests/unit/kept_names.json lists them. What is new comes to it by `pytest tests/unit/test_kept_names.py --accept`, which
takes nothing out: who takes a name out does so by hand, with a version of the format that it belongs to.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import click
import pytest

from mmeplan import identity
from mmeplan.cli.app import app
from mmeplan.diff import Action, Effect, Outage, Reason, Refusal
from mmeplan.kinds import kinds

ROOT = Path(__file__).parents[2]
KEPT = Path(__file__).with_name("kept_names.json")


def members(schema: Any) -> Iterator[str]:
    """The member names of a JSON Schema, at any depth."""
    if isinstance(schema, dict):
        properties = schema.get("properties")
        yield from properties if isinstance(properties, dict) else ()
        for value in schema.values():
            yield from members(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from members(value)


def of_specs(name: str) -> set[str]:
    """The members of a document."""
    return set(members(json.loads((ROOT / "specs" / name).read_text(encoding="utf-8"))))


def options(command: click.Command, path: str = "") -> Iterator[str]:
    """`plan --out` for every option of every command."""
    for parameter in command.params:
        yield from (f"{path} {name}".strip() for name in parameter.opts if name.startswith("--"))
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            yield from options(inner, f"{path} {name}".strip())


def names() -> dict[str, list[str]]:
    """What there is now."""
    rules = json.loads((ROOT / "specs" / "rules.json").read_text(encoding="utf-8"))
    found = {
        "tags": {value for name, value in vars(identity).items() if name.endswith("_TAG")},
        "kinds": {kind.name for kind in kinds()},
        "sections": {kind.section for kind in kinds() if kind.section},
        "actions": {str(action) for action in Action},
        "reasons": set(get_args(Reason)),
        "effects": set(get_args(Effect)),
        "refusals": {refusal.value for refusal in Refusal},
        "outages": {outage.value for outage in Outage},
        "rules": {rule["id"] for rule in rules},
        "members of a plan": of_specs("plan.schema.json"),
        "members of an event": of_specs("events.schema.json"),
        "members of a drift report": of_specs("drift.schema.json"),
        "members of a report": of_specs("report.schema.json"),
        "options": set(options(app)),
    }
    return {what: sorted(found[what]) for what in sorted(found)}


def test_no_name_goes_away(request: pytest.FixtureRequest) -> None:
    now = names()
    kept = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.exists() else {}
    if request.config.getoption("--accept"):
        kept = {what: sorted({*kept.get(what, ()), *now[what]}) for what in now}
        KEPT.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    gone = {what: sorted(set(listed) - set(now.get(what, ()))) for what, listed in kept.items()}
    assert {what: listed for what, listed in gone.items() if listed} == {}
    assert set(kept) == set(now)


def test_the_list_is_not_empty() -> None:
    kept = json.loads(KEPT.read_text(encoding="utf-8"))
    assert {"mmeplan:stand-in", "mmeplan:went-back"} <= set(kept["tags"])
    assert all(len(listed) > 2 for listed in kept.values())
