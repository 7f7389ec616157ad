"""What a report says, a line for each thing: enough to compare a page by, without the layout that all pages share.

The page is read by html5lib, which stops at any parse error. A line is an element with text of its own, a row of a
table, an item of a list, a fold or a curve of the graph: its name, class and anchors, and its text. Signs and badges
are told with their class, what was and what will be with `del` and `ins`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import html5lib

_LINES: Final = {
    "title",
    "h1",
    "h2",
    "h3",
    "h4",
    "p",
    "li",
    "tr",
    "caption",
    "summary",
    "div",
    "dl",
    "a",
    "path",
    "details",
}
_SAME_EVERYWHERE: Final = {"style", "script", "nav", "button", "label", "thead", "colgroup", "rect"}
_SHOWN: Final = ("id", "class", "href", "open", "data-effect", "data-start", "data-end")
_SVG: Final = "{http://www.w3.org/2000/svg}"


def projection(page: str) -> str:
    """The lines of a page. Raises html5lib's ParseError for a page that isn't well-formed."""
    root = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(page)
    return "".join(f"{line}\n" for line in _lines(root.find("body")))


def _lines(element: Any) -> Iterator[str]:
    for child in element:
        name = _name(child)
        if name in _SAME_EVERYWHERE or child.get("class") in ("key", "tools", "skip"):
            continue
        words = " ".join(" ".join(_words(child)).split())
        if name in _LINES and (words or name in ("path", "details")):
            shown = "".join(f" {key}={child.get(key)}" for key in _SHOWN if child.get(key) is not None)
            yield f"{name}{shown}: {words}".removesuffix(": ")
        yield from _lines(child)


def _words(element: Any) -> Iterator[str]:
    """The text in an element without that of the lines in it."""
    yield element.text or ""
    for child in element:
        name, classes = _name(child), str(child.get("class") or "")
        if name not in _LINES | _SAME_EVERYWHERE:
            if name in ("td", "dd"):
                yield "|"
            elif name in ("del", "ins") or classes.startswith(("sign", "badge", "severity", "box")):
                yield f"<{classes or name}>"
            yield from _words(child)
        yield child.tail or ""


def _name(element: Any) -> str:
    return str(element.tag).removeprefix(_SVG)
