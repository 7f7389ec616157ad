"""User text inside Markdown that GitHub, GitLab and Bitbucket render: code, prose, fences, and how long it all is.

In: any text, hostile ones included. Out: Markdown that shows the text and means nothing else: no tag, no link, no
mention, no reference to an issue, no emoji, no table cell of its own. `fitted` cuts Markdown that is too long, the last
resort: renderers keep to a budget.

Sources: GitHub Flavored Markdown Spec 0.29 (code spans, entities, tables, autolinks); github.com/github/cmark-gfm #181
and github/markup #1168 (mentions and issue references are made after Markdown, from text outside of code: neither a
backslash nor an entity stops them, a zero-width space does); GitHub Docs, "Writing mathematical expressions" ($).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final
from urllib.parse import quote

from mmeplan.render.style import clean, shorten

CODE_ROOM: Final = 300  # columns of one name, place or value; what AWS allows is shorter
PROSE_ROOM: Final = 600  # columns of one sentence
NOTICE: Final = "_This text is longer than GitHub takes and was cut here. The job's log or files have the whole._"
_MORE_ROOM: Final = 60  # characters of the line that counts what is left out

_SOFT: Final = "&#8203;"  # a zero-width space: what stands on its two sides is no longer one word
_PLAIN_CODE: Final = re.compile(r"[^`|\\\s](?:[^`|\\]*[^`|\\\s])?")
_ENTITIES: Final = {char: f"&#{ord(char)};" for char in "\\`*[]<>&|~"}
_IN_TAG: Final = re.compile(
    r"[\\`*\[\]<>&|~$@#!\"']|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|:(?=//)|(?<![A-Za-z0-9])[wW](?=[wW]{2}\.)"
)
"""What means something to Markdown although it stands in a tag. As entities they are text whatever stands round them:
CommonMark Spec, "Entity and numeric character references"."""
_QUOTED: Final = re.compile(r"`([^`]+)`")
_PROSE: Final = re.compile(
    r"(?P<entity>[\\`*\[\]<>&|~])"
    r"|(?P<underscore>(?<![A-Za-z0-9])_|_(?![A-Za-z0-9]))"
    r"|(?P<mention>[@#])"
    r"|(?P<dollar>\$)"
    r"|(?P<scheme>://)"
    r"|(?P<host>(?i:www)(?=\.))"
    r"|(?P<issue>(?i:gh)(?=-\d))"
    r"|(?P<emoji>:(?=[A-Za-z0-9_+-]+:))"
)


def code(text: object) -> str:
    """The text as inline code, in backticks where nothing in it has a meaning there; for Markdown, tables included."""
    cleaned = shorten(clean(text), CODE_ROOM)
    return f"`{cleaned}`" if _PLAIN_CODE.fullmatch(cleaned) else code_tag(cleaned)


def code_tag(text: object) -> str:
    """The text as inline code, as a tag: for Markdown and for the HTML that Markdown lets through (`<summary>`)."""
    cleaned = shorten(clean(text), CODE_ROOM)
    return f"<code>{_IN_TAG.sub(lambda found: f'&#{ord(found[0])};', cleaned)}</code>"


def prose(text: object) -> str:
    """A sentence that may hold names of users: all of it is text, what stands between backticks is code.

    For Markdown, tables and `<summary>`. It must not begin a line, where a `-` or a `1.` would begin a list.
    """
    parts = quoted_parts(shorten(clean(text), PROSE_ROOM))
    return "".join(code_tag(part) if is_code else _PROSE.sub(_neutral, part) for part, is_code in parts)


def quoted_parts(text: str) -> list[tuple[str, bool]]:
    """The text in parts, each with whether it stood between two backticks: (`Set `, False), (`capacity`, True), …"""
    pieces = _QUOTED.split(text)
    return [(piece, bool(index % 2)) for index, piece in enumerate(pieces) if piece]


def _neutral(found: re.Match[str]) -> str:
    char = found[0]
    match found.lastgroup:
        case "entity":
            return _ENTITIES[char]
        case "underscore":
            return "&#95;"
        case "dollar":
            return "<span>$</span>"
        case "scheme":
            return f":{_SOFT}//"
        case _:
            return char + _SOFT


def fence(lines: list[str], language: str = "diff") -> str:
    """Lines in a fence that is longer than any run of backticks in them. The lines are cleaned already."""
    longest = max((len(run) for line in lines for run in re.findall(r"`+", line)), default=0)
    ticks = "`" * max(3, longest + 1)
    return "\n".join([ticks + language, *lines, ticks])


def row(*cells: str) -> str:
    """A row of a table; the cells are Markdown already."""
    return f"| {' | '.join(cell or ' ' for cell in cells)} |"


def marker(
    fleet: str, environment: str, *, path: str = "", region: str = "", account: str = "", about: str = ""
) -> str:
    """The hidden line by which a comment is found again: `<!-- mmeplan:fleet=prices;environment=prod;path=… -->`.

    `path` is the fleet file's; `about` says that it is no plan's. What isn't known is left out. Values are
    percent-encoded, two hyphens in a row included, so that no name ends the comment or looks like another.
    """
    known = {"path": path, "region": region, "account": account, "about": about}
    members = {"fleet": fleet, "environment": environment, **{name: value for name, value in known.items() if value}}
    return f"<!-- mmeplan:{';'.join(f'{name}={_quoted(value)}' for name, value in members.items())} -->"


_NO_HEX: Final = re.compile(r"^sha256:|[^0-9a-f]")
_NO_WORD: Final = re.compile(r"[^a-z_]")


def content_line(plan_id: str, worst: str, drift: int) -> str:
    """The hidden line that says what a plan does: its id, its worst effect, how many endpoints have drifted.

    `worst` is an effect, or `unchanged`, `refused`, `error` (there is no plan).
    """
    return f"<!-- mmeplan-plan:id={_NO_HEX.sub('', plan_id)};worst={_NO_WORD.sub('', worst)};drift={drift} -->"


def _quoted(name: str) -> str:
    return quote(name, safe="", errors="backslashreplace").replace("--", "-%2D")


def length(text: str) -> int:
    """How long GitHub may say that a text is: in UTF-16 units, the longest of the ways in which "characters" are told.

    It is at least the number of code points, and three times it is at least the number of bytes: within 65,536 of these
    a comment is within GitHub's 262,144 bytes too.
    """
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def fitting(lines: Iterable[str], room: int) -> Iterator[str]:
    """The lines of a list that fit into so many characters, and a line that says how many there are besides."""
    left, rest = room - _MORE_ROOM, 0
    for line in lines:
        left -= length(line) + 3
        if rest or left < 0:
            rest += 1
        else:
            yield line
    if rest:
        yield f"- … and {rest:,} more"


_FENCE: Final = re.compile(r" {0,3}(`{3,}|~{3,})(.*)")
_TAG: Final = re.compile(r"<(/?)details\b", re.IGNORECASE)


def fitted(text: str, room: int) -> str:
    """Markdown, cut at a line where it is longer than `room`, counted in UTF-16 units; `room` is 1,000 at least.

    Fences and folds are closed, and a line says that something is missing.
    """
    if length(text) <= room:
        return text
    kept: list[str] = []
    fence, folds = "", 0
    left = room - length(NOTICE) - 4
    for line in text.splitlines():
        opened, depth = fence_after(fence, line), folds
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


def fence_after(fence: str, line: str) -> str:
    """The fence that is open after a line; empty where none is. Source: CommonMark Spec, "Fenced code blocks"."""
    found = _FENCE.fullmatch(line)
    if found is None:
        return fence
    run, rest = found[1], found[2]
    if not fence:
        return "" if run[0] == "`" and "`" in rest else run
    return "" if run[0] == fence[0] and len(run) >= len(fence) and not rest.strip() else fence
