"""What the README shows is what happens."""

from __future__ import annotations

import re
import shutil
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


def test_every_link_in_the_docs_leads_somewhere() -> None:
    pages = [
        README,
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "examples").rglob("*.md"),
        *(ROOT / "specs").rglob("*.md"),
    ]
    broken = []
    for page in pages:
        for link in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text()):
            if "://" not in link and not (page.parent / link).exists():
                broken.append(f"{page.relative_to(ROOT)}: {link}")
    assert broken == []
