"""The plan that was reviewed beside the one of now: equal or not, and in what.

In: two plans as Markdown, the one as it stands under a pull request. Out: a word, and Markdown for a step's summary.
Pure. Two plans are equal where their ids are: an id is a digest of what a plan does.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import Final, Literal

from mmeplan.render.markup import code, fence, prose
from mmeplan.render.style import clean

_ID: Final = re.compile(r"^<sub>Plan `([0-9a-f]{12,})`", re.MULTILINE)
_HIDDEN: Final = re.compile(r"<!-- mmeplan\S*:\S+ -->")
_MOST_LINES: Final = 200  # of a difference


@dataclass(frozen=True, slots=True)
class Comparison:
    """`word`: equal, differs, or unknown. `sentence` is for a log, `markdown` for people."""

    word: Literal["equal", "differs", "unknown"]
    sentence: str
    markdown: str


def compared(reviewed: str, now: str, where: str) -> Comparison:
    """A plan that was reviewed, and the one that is about to be applied. `where` is the address of the former."""
    was, found = (_ID.findall(text)[-1:] for text in (reviewed, now))
    if not (was and found):
        return unknown(f"{where} holds no plan" if found else "there is no plan")
    if was == found:
        said = f"this is the plan {was[0]} that was reviewed"
        return Comparison("equal", f"{said}: {where}", f"> [!NOTE]\n> **Equal**: {said}: {_link(where)}\n")
    said = f"the plan that was reviewed is {was[0]}, this one is {found[0]}"
    unlike = fence(_unlike(reviewed, now))
    told = f"> [!WARNING]\n> **Differs**: {said}. It stands in {_link(where)}\n\n`-` reviewed, `+` now:\n\n{unlike}\n"
    return Comparison("differs", f"{said}: {where}", told)


def unknown(why: str) -> Comparison:
    """It can't be said; `why` is a sentence."""
    said = f"it isn't known which plan was reviewed: {why}"
    return Comparison("unknown", said, f"> [!WARNING]\n> {prose(said[:1].upper() + said[1:])}.\n")


def _link(address: str) -> str:
    return f"<{address}>" if re.fullmatch(r"https?://[!-;=?-~]+", address) else code(address)


def _unlike(reviewed: str, now: str) -> list[str]:
    before, after = _lines(reviewed), _lines(now)
    lines = [
        line for line in difflib.unified_diff(before, after, n=0, lineterm="") if line[:2] not in ("--", "++", "@@")
    ]
    rest = len(lines) - _MOST_LINES
    return [*map(clean, lines[:_MOST_LINES]), *([f"… and {rest:,} more lines"] if rest > 0 else [])]


def _lines(text: str) -> list[str]:
    """What a plan says, without its hidden lines and its footer."""
    lines = [line.rstrip() for line in text.strip().splitlines()]
    ends = [number for number, line in enumerate(lines) if line.startswith("<sub>Plan `")]
    said = lines[: ends[-1]] if ends else lines
    return [line for line in said if line not in ("", "---") and not _HIDDEN.fullmatch(line)]
