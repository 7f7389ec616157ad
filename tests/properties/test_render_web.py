"""Laws of the renderings that other programs show: a comment of GitHub's and a page in a browser.

Whatever a plan holds, nobody is pinged, nothing is linked or run that isn't ours, and the comment is never too long.
The Markdown is read by markdown-it (CommonMark with tables), the page by html5lib, which stops at any parse error.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections import Counter
from dataclasses import replace
from html import unescape
from typing import Any

import html5lib
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from mmeplan import render
from mmeplan.plan import Plan
from mmeplan.render.findings import DOCS
from mmeplan.render.markdown import BUDGET, SMALLEST
from mmeplan.render.markup import code, code_tag, fence, length, prose
from mmeplan.render.style import clean, shorten
from tests.properties.plans import SLOW, anything, plans, texts

PARSER = MarkdownIt("commonmark").enable("table")
OUR_TAGS = re.compile(
    r"</?(?:code|summary|details|sub)>|<br>|<span>|</span>|<!-- mmeplan:fleet=[\w.~%-]*;environment=[\w.~%;=-]* -->"
    r"|<!-- mmeplan-plan:id=[0-9a-f]*;worst=[a-z_]*;drift=\d+ -->"
)
MADE_LATER = re.compile(r"@\w|#\w|\bgh-\d|://|www\.|:[\w+-]+:|\$\S", re.IGNORECASE)
"""What GitHub makes of text after Markdown: mentions, references to issues, links, emoji, formulas."""
SOFT = "\u200b"


def shown(token: Token) -> str:
    """The text of an inline token, code included, tags not."""
    return "".join(child.content for child in token.children or () if child.type in ("text", "code_inline"))


def inline(markdown: str) -> Token:
    """The one paragraph that a text must stay."""
    tokens = PARSER.parse(f"x {markdown} x")
    assert [token.type for token in tokens] == ["paragraph_open", "inline", "paragraph_close"]
    return tokens[1]


def plain(token: Token) -> str:
    """The text of a token without code, where GitHub looks for mentions and references."""
    told, inside = "", 0
    for child in token.children or ():
        if child.type == "html_inline":
            assert OUR_TAGS.fullmatch(child.content), child.content
            inside += {"<code>": 1, "</code>": -1}.get(child.content, 0)
            told += " " if "span" in child.content else ""
        elif child.type == "text" and not inside:
            told += child.content
    return told


@SLOW
@given(anything)
def test_prose_shows_the_text_and_means_nothing_else(text: str) -> None:
    token = inline(prose(text))
    quoted = re.sub(r"`([^`]+)`", r"\1", shorten(clean(text), 600))
    assert shown(token).replace(SOFT, "") == f"x {quoted} x".rstrip("\n")
    assert {child.type for child in token.children or ()} <= {"text", "html_inline"}
    assert not MADE_LATER.search(plain(token))


@SLOW
@given(anything)
def test_code_shows_the_text_and_means_nothing_else(text: str) -> None:
    for made in (code(text), code_tag(text)):
        token = inline(made)
        assert shown(token) == f"x {shorten(clean(text), 300)} x"
        assert {child.type for child in token.children or ()} <= {"text", "html_inline", "code_inline"}
        assert plain(token).split() == ["x", "x"]


@SLOW
@given(anything, anything)
def test_a_cell_stays_one_cell(first: str, second: str) -> None:
    for made in (code, code_tag, prose):
        table = f"| a | b |\n| --- | --- |\n| x{made(first)} | {made(second)}x |\n"
        assert Counter(token.type for token in PARSER.parse(table))["td_open"] == 2


@SLOW
@given(st.lists(anything, max_size=4))
def test_a_fence_ends_where_it_should(lines: list[str]) -> None:
    cleaned = [f"+ {clean(line)}" for line in lines]
    [token] = PARSER.parse(fence(cleaned))
    assert (token.type, token.info) == ("fence", "diff")
    assert token.content == "".join(f"{line}\n" for line in cleaned)


@SLOW
@given(anything, anything)
def test_a_marker_is_one_comment_and_its_own(fleet: str, environment: str) -> None:
    made = render.marker(fleet, environment)
    assert OUR_TAGS.fullmatch(made)
    assert made.count("--") == 2
    assert render.marker(fleet, "") != render.marker(fleet, "prod") != render.marker(f"{fleet}x", "prod")


# --- a comment --------------------------------------------------------------------------------------------------------


def assert_is_a_tame_comment(markdown: str) -> None:
    tokens = PARSER.parse(markdown)
    opened: Counter[str] = Counter()
    cells: list[int] = []
    for token in tokens:
        if token.type == "html_block":
            assert not re.sub(r"<code>.*?</code>", "", token.content).count("<script")
            for tag in re.findall(r"<[!/A-Za-z][^>]*>", token.content):
                assert OUR_TAGS.fullmatch(tag), tag
            outside = re.sub(r"<code>.*?</code>|<!--.*?-->|</?[a-z]+>", " ", token.content)
            assert not MADE_LATER.search(unescape(outside)), outside
            opened.update(re.findall(r"</?\w+>", token.content))
        elif token.type == "inline":
            assert not MADE_LATER.search(plain(token)), plain(token)
            opened.update(child.content for child in token.children or () if child.type == "html_inline")
            for child in token.children or ():
                assert child.type not in ("image", "em_open", "s_open") or "_Left out" in token.content
                assert child.type != "link_open" or str(child.attrs["href"]).startswith(DOCS)
        elif token.type == "tr_open":
            cells.append(0)
        elif token.type in ("td_open", "th_open"):
            cells[-1] += 1
        elif token.type == "fence":
            assert token.info == "diff"
            assert all(char.isprintable() or char == "\n" for char in token.content)
    for tag in ("details", "summary", "code", "sub", "span"):
        assert opened[f"<{tag}>"] == opened[f"</{tag}>"], tag
    assert set(cells) <= {5}
    assert all(char.isprintable() or char == "\n" for char in markdown)


@SLOW
@given(plans(), anything, texts)
def test_a_comment_is_tame_and_short_enough(plan: Plan, command: str, stale: tuple[str, ...]) -> None:
    markdown = render.markdown(plan, next_command=command, stale=stale)
    assert markdown.startswith(render.marker(plan.fleet, plan.environment).removesuffix(" -->"))
    assert length(markdown) <= BUDGET
    assert_is_a_tame_comment(markdown)


def enlarged(plan: Plan, times: int, padding: str) -> Plan:
    """The plan with everything that it has many times, under names of their own."""
    return replace(
        plan,
        changes=tuple(
            replace(change, address=f"{change.address}{padding}{number}", fields=change.fields * 5)
            for number in range(times)
            for change in plan.changes
        ),
        findings=tuple(
            replace(finding, message=f"{finding.message}{padding}{number}")
            for number in range(times)
            for finding in plan.findings
        ),
        drift=plan.drift * times,
        capacity=plan.capacity and replace(plan.capacity, types=plan.capacity.types * times),
    )


@settings(SLOW, max_examples=40)
@given(plans(), st.sampled_from((30, 200, 700)), st.sampled_from(("-", "|" * 60, "日本" * 40, "🚢" * 50)))
@pytest.mark.parametrize("budget", [BUDGET, SMALLEST])
def test_a_comment_fits_whatever_the_size_of_the_plan(budget: int, plan: Plan, times: int, padding: str) -> None:
    markdown = render.markdown(enlarged(plan, times, padding), budget=budget)
    assert length(markdown) <= budget
    assert_is_a_tame_comment(markdown)


# --- a page -----------------------------------------------------------------------------------------------------------

TAGS = """
a b body button caption code col colgroup dd del details div dl dt footer g h1 h2 h3 h4 head header html input ins
label li line main meta nav ol p path rect script section span strong style summary svg table tbody td text th thead
title tr ul
"""
SVG = "{http://www.w3.org/2000/svg}"


def document(page: str) -> Any:
    """The page's tree. Raises for any parse error that HTML knows."""
    return html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(page)


def sha(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


@settings(SLOW, max_examples=80)
@given(plans(), anything, texts)
def test_a_page_is_well_formed_and_holds_nothing_but_ours(plan: Plan, command: str, stale: tuple[str, ...]) -> None:
    page = render.html(plan, next_command=command, stale=stale)
    root = document(page)
    elements = list(root.iter())
    named = [element for element in elements if isinstance(element.tag, str)]
    assert {element.tag.removeprefix(SVG) for element in named} <= set(TAGS.split())
    ids = [element.get("id") for element in named if element.get("id")]
    assert len(ids) == len(set(ids))
    for element in named:
        for name, value in element.items():
            assert not str(name).startswith("on"), name
            assert name not in ("style", "src", "srcset", "action", "xlink:href")
            if name == "href":
                assert value.startswith(DOCS) or value.removeprefix("#") in ids, value
    [script] = [element.text for element in named if element.tag == "script"]
    [style] = [element.text for element in named if element.tag == "style"]
    [policy] = [element.get("content") for element in named if element.get("http-equiv") == "Content-Security-Policy"]
    assert policy.startswith(f"default-src 'none'; style-src {sha(style)}; script-src {sha(script)};")
    assert "unsafe" not in policy
    outside = page.replace(style, "").replace(script, "")
    assert all(char.isprintable() or char == "\n" for char in outside)


@settings(SLOW, max_examples=40)
@given(plans())
def test_a_page_has_one_heading_of_the_first_order_and_names_for_its_landmarks(plan: Plan) -> None:
    root = document(render.html(plan))
    assert len(list(root.iter("h1"))) == len(list(root.iter("main"))) == 1
    ids = {element.get("id") for element in root.iter() if isinstance(element.tag, str)}
    for section in root.iter("section"):
        assert section.get("aria-label") or section.get("aria-labelledby") in ids
