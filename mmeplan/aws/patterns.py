"""The patterns of the service models, which are Java's, as Python matches them.

In: a shape's pattern (java.util.regex). Out: a matcher of whole values. Called by `constraints` only.
What the two languages read differently and the models use is translated here: surrogate pairs, `\\z`, POSIX classes
such as `\\p{Print}`, ASCII `\\w`, `\\d` and `\\s`, and the dot, which in Java stops at five line ends.
Source: the documentation of java.util.regex.Pattern.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

_POSIX: Final = {
    "Lower": "a-z",
    "Upper": "A-Z",
    "ASCII": r"\x00-\x7F",
    "Alpha": "A-Za-z",
    "Digit": "0-9",
    "Alnum": "A-Za-z0-9",
    "Punct": r"!-/:-@\[-`{-~",
    "Graph": "!-~",
    "Print": " -~",
    "Blank": r" \t",
    "Cntrl": r"\x00-\x1F\x7F",
    "XDigit": "0-9A-Fa-f",
    "Space": r" \t\n\x0B\f\r",
}
"""What `\\p{…}` means by these names in Java: ASCII, whatever the text. Other names are Unicode's categories."""
_SHORT: Final = {"w": "A-Za-z0-9_", "d": "0-9", "s": r" \t\n\x0B\f\r"}
_NOT_SHORT: Final = {
    "W": r"\x00-/:-@\[-\^`{-\U0010FFFF",
    "D": r"\x00-/:-\U0010FFFF",
    "S": r"\x00-\x08\x0E-\x1F!-\U0010FFFF",
}
"""The same negated, as members of a class: what isn't ASCII is no word, no digit and no space."""
_DOT: Final = r"[^\n\r\u0085\u2028\u2029]"
_ASTRAL: Final = (r"\uD800\uDC00-\uDBFF\uDFFF", r"\U00010000-\U0010FFFF")
"""In UTF-16 the characters beyond 16 bits are pairs; Python's strings hold them whole."""
_TOKEN = re.compile(r"\\[pP](?:\{(?P<name>\w+)\}|(?P<letter>\w))|\\(?P<escaped>.)|(?P<plain>.)", re.DOTALL)


def full_match(pattern: str) -> Callable[[str], Any]:
    """A matcher for a pattern, which the service holds against the whole value. Raises re.error for a broken one."""
    text = _python(pattern.replace(*_ASTRAL))
    if r"\p{" in text or r"\P{" in text:  # Unicode's categories, which `re` doesn't know
        import regex

        return regex.compile(text).fullmatch
    return re.compile(text).fullmatch


def _python(pattern: str) -> str:
    made: list[str] = []
    in_class = False
    for token in _TOKEN.finditer(pattern):
        name, escaped, plain = token["name"] or token["letter"], token["escaped"], token["plain"]
        if name:
            made.append(_category(name, in_class, negated=token[0].startswith(r"\P")))
        elif escaped:
            made.append(_escape(escaped, in_class))
        elif plain == "." and not in_class:
            made.append(_DOT)
        else:
            in_class = (in_class or plain == "[") and plain != "]"
            made.append(plain)
    return "".join(made)


def _category(name: str, in_class: bool, *, negated: bool) -> str:
    """`\\p{name}`. A negated POSIX class within a class stays out: no model has one, and `re` can't say it."""
    members = _POSIX.get(name)
    if members is None or (in_class and negated):
        return rf"\{'P' if negated else 'p'}{{{name}}}"
    return members if in_class else f"[{'^' * negated}{members}]"


def _escape(escaped: str, in_class: bool) -> str:
    if escaped == "z":
        return r"\Z"
    members = _SHORT.get(escaped) or _NOT_SHORT.get(escaped)
    if members is None:
        return "\\" + escaped
    return members if in_class else f"[{members}]"
