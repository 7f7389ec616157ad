"""Golden cases: a file and a snapshot give this plan, and the stored plan gives these pages. `--accept` rewrites both.

The pages are rendered from plan.json as it is stored, never from the plan in memory. report.txt is what the page for a
browser says (`projecting`); in the few cases in which it shows something of its own, plan.html is that page whole,
without its style sheet and its script, which are the same in all of them and are looked at in tests/browser.
"""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from mmeplan import live, plan, render
from mmeplan.plan import Options, Plan
from mmeplan.planning import Desired, planned_from
from mmeplan.spec import load_text
from tests.golden.projecting import projection
from tests.golden.situations import SITUATIONS, file_of, snapshot_text

HERE = Path(__file__).parent
COMMAND = "mmeplan apply plan.json"
WHOLE_PAGES = ("canary", "drift", "findings", "hostile_names", "mixed")
"""A rollout in stages; sections of their own; names that mean something to HTML; every effect, quotas and what goes."""
OURS = re.compile(r"(<style>|<script>).*?(</style>|</script>)|sha256-[A-Za-z0-9+/]+=*", re.DOTALL)


def check(path: Path, made: str, accept: bool) -> None:
    """The file holds this text, or is made to."""
    if accept:
        path.write_text(made)
    assert path.read_text() == made


def planned(folder: Path) -> Plan:
    """The plan of a case, made as the command makes it; of no version of mmeplan in particular."""
    options = json.loads((folder / "options.json").read_text()) if (folder / "options.json").exists() else {}
    snapshot = live.decode(json.loads((folder / "snapshot.json").read_text()))
    fleet = load_text((folder / "fleet.yaml").read_bytes())
    chosen = Options(**{key: tuple(value) if isinstance(value, list) else value for key, value in options.items()})
    desired = Desired.of(fleet)  # some cases are of files that rules refuse
    made = planned_from(desired, snapshot, chosen).plan
    return replace(made, tool_version="0", commit="0123456789abcdef0123456789abcdef01234567")


def text_of(made: Plan) -> str:
    stream = io.StringIO()
    plan.write(made, stream)
    return stream.getvalue()


@pytest.fixture(params=sorted(SITUATIONS))
def folder(request: pytest.FixtureRequest) -> Path:
    return HERE / str(request.param)


def stored(folder: Path) -> Plan:
    return plan.read((folder / "plan.json").read_text(), "plan.json")


def test_the_inputs_give_the_plan(folder: Path, accept: bool) -> None:
    check(folder / "plan.json", text_of(planned(folder)), accept)


def test_the_stored_plan_gives_the_text(folder: Path, accept: bool) -> None:
    made = stored(folder)
    command = COMMAND if made.applyable else ""
    check(folder / "plan.txt", render.text(made, width=100, next_command=command), accept)


def test_the_stored_plan_gives_the_comment(folder: Path, accept: bool) -> None:
    made = stored(folder)
    check(folder / "plan.md", render.markdown(made, next_command=COMMAND if made.applyable else ""), accept)


def report(folder: Path) -> str:
    made = stored(folder)
    return render.html(made, next_command=COMMAND if made.applyable else "")


@pytest.mark.parametrize("name", sorted(set(SITUATIONS) - set(WHOLE_PAGES)))
def test_the_stored_plan_gives_what_the_report_says(name: str, accept: bool) -> None:
    check(HERE / name / "report.txt", projection(report(HERE / name)), accept)


@pytest.mark.parametrize("name", WHOLE_PAGES)
def test_the_stored_plan_gives_the_page(name: str, accept: bool) -> None:
    page = OURS.sub(lambda found: (found[1] or "") + "…" + (found[2] or ""), report(HERE / name))
    check(HERE / name / "plan.html", page, accept)


def test_every_situation_has_its_page_whole_or_in_lines() -> None:
    whole, lines = ({path.parent.name for path in HERE.glob(f"*/{name}")} for name in ("plan.html", "report.txt"))
    assert (whole, lines) == (set(WHOLE_PAGES), set(SITUATIONS) - whole)


def test_the_inputs_are_what_the_simulator_says(folder: Path) -> None:
    """`python -m tests.golden.situations` writes them; nobody edits them by hand."""
    situation = SITUATIONS[folder.name]
    assert (folder / "fleet.yaml").read_text() == file_of(situation)
    assert (folder / "snapshot.json").read_text() == snapshot_text(situation)


def test_there_are_at_least_twenty_five_cases_and_no_other_folder() -> None:
    folders = {path.name for path in HERE.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert folders == set(SITUATIONS)
    assert len(folders) >= 25
