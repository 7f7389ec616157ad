"""Values that the installed botocore may be too old for: a new instance type, a new value of an enumeration.

In: a value that an enumeration lacks, and the values that it has. Out: whether it may be newer, or is a misspelling.
botocore's enumerations are those of the day on which it was released; the service knows more, and botocore sends what
it doesn't know.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from importlib.metadata import version
from typing import Final

_TYPE: Final = re.compile(
    r"ml\.[a-z]{1,5}[0-9]+[a-z0-9]*(?:-[a-z0-9]+)*\.(?:nano|micro|small|medium|large|[0-9]{0,3}xlarge|metal(?:-[0-9]+xl)?)"
)
_STYLES: Final = (re.compile(r"[A-Z][A-Z0-9_]+"), re.compile(r"[A-Z][a-zA-Z0-9]+"), re.compile(r"[a-z][a-z0-9-]+"))
_CLOSE: Final = 0.6


def botocore_version() -> str:
    """The version of the installed botocore."""
    return version("botocore")


def may_be_newer(value: str, known: Sequence[str]) -> bool:
    """Whether a value that isn't known is written as one that AWS has added since, and not as one that is misspelt.

    It may where it has the form of an instance type; where it is a known value with other numbers; and where it is a
    word in the style of the others that resembles none of them.
    """
    if all(name.startswith("ml.") for name in known):
        return _TYPE.fullmatch(value) is not None
    if re.sub(r"[0-9]+", "0", value) in {re.sub(r"[0-9]+", "0", name) for name in known}:
        return True
    folded = [name.casefold() for name in known]
    alike = any(value.casefold() in name or name in value.casefold() for name in folded)
    if alike or difflib.get_close_matches(value.casefold(), folded, n=1, cutoff=_CLOSE):
        return False
    return any(style.fullmatch(value) and all(map(style.fullmatch, known)) for style in _STYLES)
