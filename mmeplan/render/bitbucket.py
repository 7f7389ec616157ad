"""The plan as Markdown without HTML, for Bitbucket, which shows tags as text.

In: a shown plan. Out: the Markdown of a comment, in which folds are headings, alerts bold words, and the hidden marker
is gone. What users wrote holds no tag: `markup` writes it as entities, or as code, which is left as it is.

Source: Bitbucket Cloud, "Markdown syntax guide": HTML isn't supported.
"""

from __future__ import annotations

import re
from typing import Final

from mmeplan.render.door import Output, PageOptions, ShownPlan
from mmeplan.render.markdown import markdown
from mmeplan.render.markup import fence_after

_TAG: Final = re.compile(r"</?(?:br|code|details|span|sub)\s*/?>")
_FOLD: Final = re.compile(r"<summary>(.*)</summary>")
_ALERT: Final = re.compile(r"> \[!([A-Z]+)\]")
_CODE: Final = re.compile(r"(`[^`]+`)")


@Output
def bitbucket(plan: ShownPlan, options: PageOptions) -> str:
    """The plan as Markdown without any tag."""
    _, _, page = markdown.renderer(plan, options).partition("\n\n")
    return without_html(page)


def without_html(text: str) -> str:
    """Markdown of ours without its tags. Lines in fences and code spans stay as they are."""
    lines, fence = [], ""
    for line in text.splitlines():
        opened = fence_after(fence, line)
        lines.append(line if fence or opened else _plain(line))
        fence = opened
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n") + "\n"


def _plain(line: str) -> str:
    alert = _ALERT.fullmatch(line)
    if alert:
        return f"> **{alert[1].capitalize()}**\n>"
    line = _FOLD.sub(lambda found: f"#### {found[1]}", line)
    parts = _CODE.split(line)  # the code spans are the odd ones
    parts[::2] = [_TAG.sub("", part) for part in parts[::2]]
    return "".join(parts)
