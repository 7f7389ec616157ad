"""The door: whatever renders gets a plan with masked environment values, unless they are asked for by name."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest

from mmeplan import render
from mmeplan.plan import Plan
from mmeplan.render import github
from mmeplan.render.door import Output, PageOptions, ShownPlan, masks
from tests.unit.render.test_text import FLEET, SWAPPED

PACKAGE = Path(render.__file__).parents[1]
SECRET = "hunter2"


@pytest.fixture
def secretive(plan_of: Any, live: Any) -> Plan:
    """A plan with environment values in its fields and its steps."""
    made: Plan = plan_of(SWAPPED, live(FLEET))
    assert SECRET in repr(made.changes)
    return made


def test_a_renderer_that_forgets_about_secrets_tells_none(secretive: Plan) -> None:
    @Output
    def careless(plan: ShownPlan, options: PageOptions) -> str:
        return f"{plan!r} {options}"

    assert SECRET not in careless(secretive)
    assert "hunter3" not in careless(secretive)
    assert SECRET in careless(secretive, show_environment=True), "the test looks where values are"


def test_a_function_behind_the_door_gets_a_masked_plan(secretive: Plan) -> None:
    assert SECRET not in masks(repr)(secretive)
    assert SECRET in repr(secretive)


@pytest.mark.parametrize("name", render.OUTPUTS)
def test_every_output_masks_and_shows_values_only_by_name(name: str, secretive: Plan) -> None:
    assert SECRET not in render.OUTPUTS[name](secretive)
    tells_values = name != "gitlab"  # three counts
    assert (SECRET in render.OUTPUTS[name](secretive, show_environment=True)) is tells_values


def test_what_a_workflow_is_told_is_masked(secretive: Plan) -> None:
    told = [repr(github.outputs(secretive)), github.plan_log(secretive, ""), github.step_summary(secretive, 10**6)]
    assert "TOKEN" in told[-1]
    assert SECRET not in "".join(told)


def imports(path: Path) -> set[str]:
    """`module.name` of everything that a module imports from somewhere."""
    nodes = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom)]
    return {f"{node.module}.{alias.name}" for node in nodes for alias in node.names}


def test_the_door_alone_knows_plans_that_are_not_masked() -> None:
    plans = {"mmeplan.plan.Plan", "mmeplan.plan.document.Plan"}
    assert {path.name for path in (PACKAGE / "render").glob("*.py") if imports(path) & plans} == {"door.py"}


def test_there_is_one_masking_and_it_is_used_at_the_door_by_policies_and_by_the_drift_report() -> None:
    modules = {str(path.relative_to(PACKAGE)): path for path in PACKAGE.rglob("*.py")}
    users = {name for name, path in modules.items() if any(".plan.masking." in item for item in imports(path))}
    assert users == {"render/door.py", "plan/policies.py", "plan/drifting.py"}
    masks_are_written = re.compile(r'f"\(masked, ')
    assert {name for name, path in modules.items() if masks_are_written.search(path.read_text())} == {"masks.py"}
