"""Markdown cut to a length without breaking what it is in the middle of. The last resort: renderers keep to a budget.

In: any Markdown. Out: at most so many characters, whole lines, fences and folds closed, and a line that says so.
Called by `mmeplan comment` for texts that aren't ours or that were made for another limit. Pure.
"""

from __future__ import annotations

import re
from typing import Final

from mmeplan.render.markup import length

NOTICE: Final = "_This text is longer than GitHub takes and was cut here. The job's log or files have the whole._"

_FENCE: Final = re.compile(r" {0,3}(`{3,}|~{3,})(.*)")
_TAG: Final = re.compile(r"<(/?)details\b", re.IGNORECASE)


def fitted(text: str, room: int) -> str:
    """The text, cut at a line where it is longer than `room`, counted in UTF-16 units. `room` is 1,000 at least."""
    if length(text) <= room:
        return text
    kept: list[str] = []
    fence, folds = "", 0
    left = room - length(NOTICE) - 4
    for line in text.splitlines():
        opened, depth = _fence_after(fence, line), folds
        if not fence:
            depth += sum(-1 if found[1] else 1 for found in _TAG.finditer(line))
        closing = length(opened) + 1 + max(depth, 0) * len("</details>\n")
        if length(line) + 1 + closing > left:
            break
        kept.append(line)
        left -= length(line) + 1
        fence, folds = opened, max(depth, 0)
    kept += [fence] if fence else []
    kept += [""] + ["</details>"] * folds if folds else []
    return "\n".join([*kept, "", NOTICE]) + "\n"


def _fence_after(fence: str, line: str) -> str:
    """The fence that is open after a line; empty where none is. CommonMark Spec, "Fenced code blocks"."""
    found = _FENCE.fullmatch(line)
    if found is None:
        return fence
    run, rest = found[1], found[2]
    if not fence:
        return "" if run[0] == "`" and "`" in rest else run
    return "" if run[0] == fence[0] and len(run) >= len(fence) and not rest.strip() else fence
