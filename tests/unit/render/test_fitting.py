"""Markdown cut to a length: within it, in whole lines, with nothing left open."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from mmeplan.render.markup import NOTICE, fitted, length

LINES = st.sampled_from(
    [
        "```diff",
        "```",
        "````",
        "~~~",
        "<details>",
        "</details>",
        "<details><summary>a</summary>",
        "+ x" * 30,
        "",
        "🚀" * 40,
    ]
)


def left_open(text: str) -> tuple[str, int]:
    """The fence that a reader is in at the end, and how many folds are open: a second reading of the rules."""
    fence, folds = "", 0
    for line in text.split("\n"):
        opening = re.match(r" {0,3}(`{3,}|~{3,})(.*)$", line)
        if fence:
            if opening and opening[1].startswith(fence) and opening[1][0] == fence[0] and not opening[2].strip():
                fence = ""
        elif opening and not (opening[1][0] == "`" and "`" in opening[2]):
            fence = opening[1]
        else:
            folds = max(0, folds + line.count("<details") - line.count("</details"))
    return fence, folds


@given(st.lists(LINES, min_size=30, max_size=60), st.integers(1_000, 1_200))
def test_a_cut_text_fits_and_leaves_nothing_open(lines: list[str], room: int) -> None:
    text = "\n".join(lines)
    made = fitted(text, room)
    assert length(made) <= room
    if length(text) <= room:
        assert made == text
        return
    assert made.endswith(f"\n{NOTICE}\n")
    assert left_open(made) == ("", 0)


def test_a_cut_closes_what_it_is_in_the_middle_of() -> None:
    text = "\n".join(["# a", "<details>", "", "````diff", *["+ x```"] * 1_000, "````", "", "</details>"])
    made = fitted(text, 1_000)
    assert made.endswith(f"+ x```\n````\n\n</details>\n\n{NOTICE}\n")
    assert made.startswith("# a\n<details>\n")
    assert 900 < length(made) <= 1_000


def test_one_endless_line_is_left_out() -> None:
    assert fitted("x" * 100_000, 1_000) == f"\n{NOTICE}\n"
