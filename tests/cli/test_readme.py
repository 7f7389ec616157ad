"""What the README shows is what happens."""

from __future__ import annotations

import re
import shutil
from functools import cache
from pathlib import Path

import pytest

from mmeplan.cli.app import COMMANDS
from mmeplan.spec import load_text
from tests.cli.running import mmeplan

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"


@pytest.fixture(autouse=True)
def _eighty_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


def test_the_plan_in_the_readme_is_the_plan_of_the_example(tmp_path: Path, accept: bool) -> None:
    shutil.copytree(ROOT / "examples" / "ab-variants", tmp_path / "examples" / "ab-variants")
    fleet = tmp_path / "examples" / "ab-variants" / "fleet.yaml"
    path = "examples/ab-variants/fleet.yaml"
    assert mmeplan(f"apply --local --yes {path}", tmp_path).code == 0
    fleet.write_text(fleet.read_text().replace("ml.m5.xlarge", "ml.m5.2xlarge"))
    shown = mmeplan(f"plan --local {path}", tmp_path).stdout
    text = README.read_text()
    before, rest = text.split("<!-- plan -->\n")
    after = rest.split("<!-- end of plan -->")[1]
    wanted = f"{before}<!-- plan -->\n```text\n{shown}```\n<!-- end of plan -->{after}"
    if accept:
        README.write_text(wanted)
    assert README.read_text() == wanted


def test_the_fleet_in_the_readme_is_valid(tmp_path: Path) -> None:
    block = re.search(r"```yaml\n(.*?)```", README.read_text(), re.DOTALL)
    assert block
    (tmp_path / "fleet.yaml").write_text(block[1])
    assert load_text(block[1].encode()).name == "house-prices"
    assert mmeplan("validate", tmp_path).stdout.strip() == "No findings."


def test_the_readme_names_every_command() -> None:
    text = README.read_text()
    assert [name for name in COMMANDS if f"`mmeplan {name}" not in text and f"`{name}`" not in text] == []


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives a page's headings: lower case, dashes for spaces, a number for a second one."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    found: set[str] = set()
    for heading in re.findall(r"^#+ +(.*)$", text, re.MULTILINE):
        shown = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        name = re.sub(r"[^\w\- ]", "", shown.lower()).replace(" ", "-")
        found.add(next(one for one in (name, *(f"{name}-{n}" for n in range(1, 100))) if one not in found))
    return found


@cache
def leads_nowhere(target: Path, anchor: str) -> bool:
    return not target.exists() or (target.suffix == ".md" and anchor != "" and anchor not in anchors(target))


def test_every_link_in_the_docs_leads_somewhere() -> None:
    folders = [ROOT / "docs", ROOT / "examples", ROOT / "specs"]
    pages = [*ROOT.glob("*.md"), *(page for folder in folders for page in folder.rglob("*.md"))]
    links = [
        (page, *link.partition("#")[::2])
        for page in pages
        for link in re.findall(r"\]\(([^)\s]+)[^)]*\)", page.read_text())
        if "://" not in link
    ]
    assert [link for link in links if leads_nowhere(link[0].parent / link[1] if link[1] else link[0], link[2])] == []


def test_a_question_has_a_short_answer_and_a_link() -> None:
    answers = (ROOT / "docs" / "questions.md").read_text().split("\n## ")[1:]
    assert len(answers) == 14
    assert [text for text in answers if len(text.strip().splitlines()) > 5 or "](" not in text] == []
