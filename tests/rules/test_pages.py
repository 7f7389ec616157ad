"""The checked-in pages of the rules are those that the rules generate."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mmeplan import rules
from mmeplan.rules import pages
from mmeplan.rules.__main__ import main

ROOT = Path(__file__).parents[2]


def test_the_checked_in_pages_are_fresh() -> None:
    assert pages.stale(ROOT) == [], "python -m mmeplan.rules --write"


def test_every_rule_is_linked_from_the_index() -> None:
    index = (ROOT / pages.PAGES / "index.md").read_text(encoding="utf-8")

    assert [rule.id for rule in rules.all_rules() if f"[{rule.id}]({rule.id}.md)" not in index] == []


def test_the_json_index_lists_every_rule_with_its_severity() -> None:
    listed = json.loads((ROOT / pages.INDEX).read_text(encoding="utf-8"))

    assert [(entry["id"], entry["severity"], entry["lowerable"]) for entry in listed] == [
        (rule.id, rule.severity, rule.lowerable) for rule in rules.all_rules()
    ]


def test_writing_makes_everything_fresh_and_removes_pages_of_rules_that_are_gone(tmp_path: Path) -> None:
    (tmp_path / pages.PAGES).mkdir(parents=True)
    (tmp_path / pages.PAGES / "OLD-01.md").write_text("gone")

    assert main(["--write", str(tmp_path)]) == 0
    assert main(["--check", str(tmp_path)]) == 0
    assert not (tmp_path / pages.PAGES / "OLD-01.md").exists()


def test_checking_names_the_stale_file_and_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["--write", str(tmp_path)])
    (tmp_path / pages.PAGES / "CFG-06.md").write_text("by hand")

    assert main(["--check", str(tmp_path)]) == 1
    assert capsys.readouterr().out == "docs/rules/CFG-06.md\n"
