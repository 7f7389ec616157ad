"""The plan as Bitbucket shows it: Markdown without any tag."""

from __future__ import annotations

from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from mmeplan import render
from mmeplan.plan import Plan
from mmeplan.render.bitbucket import without_html

CASES = sorted(path.parent for path in (Path(__file__).parents[2] / "golden").glob("*/plan.json"))
READER = MarkdownIt("commonmark", {"html": True}).enable("table")


def html_in(text: str) -> list[str]:
    """The HTML that a reader of Markdown finds."""
    tokens = READER.parse(text)
    return [
        token.content
        for top in tokens
        for token in (top, *(top.children or ()))
        if token.type in ("html_block", "html_inline")
    ]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_no_tag_is_left_and_no_detail_is_lost(case: Path) -> None:
    plan = Plan.read(case / "plan.json")
    github, page = (render.OUTPUTS[name](plan) for name in ("markdown", "bitbucket"))
    assert html_in(page) == []
    assert "[!" not in page
    fences = [[token.content for token in READER.parse(text) if token.type == "fence"] for text in (github, page)]
    assert fences[0] == fences[1]
    assert page.count("#### ") == github.count("<summary>")
    assert not page.startswith("<!--")


def test_what_stands_in_code_is_left_as_it_is() -> None:
    text = "a `<sub>` <sub>b</sub>\n\n````diff\n<details>\n```\n> [!NOTE]\n````\n> [!NOTE]\n> c\n"
    assert without_html(text) == ("a `<sub>` b\n\n````diff\n<details>\n```\n> [!NOTE]\n````\n> **Note**\n>\n> c\n")
