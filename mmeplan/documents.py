"""JSON documents that somebody hands over: read within bounds, or refused with the place of what is wrong.

In: the bytes or the text of a file. Out: plain data that everything downstream can bear: no deeper than `MOST_DEPTH`,
numbers of at most 64 bits, texts that are Unicode. What the members of a document must be, the document's own module
says.
"""

from __future__ import annotations

import json
import math
import os
import re
import stat
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final, NoReturn

from mmeplan.errors import InputError, Problem

MOST_BYTES: Final = 256 * 1024 * 1024  # a plan of 50,000 endpoints has a third of it
MOST_DEPTH: Final = 100  # a plan has 15
_SHOWN: Final = 10  # problems that are told one by one
_MOST_INTEGER: Final = 2**63 - 1
_HALF: Final = re.compile("[\ud800-\udfff]")

Place = Sequence[str | int]


class DamagedError(ValueError):
    """What is wrong with a document. `place` is where: the keys and indices (from 0) that lead there."""

    def __init__(self, message: str, place: Place = ()) -> None:
        super().__init__(f"{place_text(place)}: {message}" if place else message)


def place_text(place: Place) -> str:
    """A place as people write it: `steps[3].params.Tags[0].Key`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place)
    return text.removeprefix(".")


def parsed(text: str) -> Any:
    """The JSON value of a text. Raises DamagedError."""
    try:
        value = json.loads(text, parse_constant=_no_number, parse_float=_number)
    except RecursionError:
        raise DamagedError(f"it is nested deeper than {MOST_DEPTH} levels") from None
    except json.JSONDecodeError as error:
        raise DamagedError(str(error)) from None
    except ValueError as error:  # more digits than int() takes, or one of the two below
        raise error if isinstance(error, DamagedError) else DamagedError("a number has too many digits") from None
    flaw = _flaw(value, 0)
    if flaw is not None:
        raise DamagedError(flaw[0], tuple(reversed(flaw[1])))
    return value


def read_regular(path: Path, most: int = MOST_BYTES) -> bytes:
    """The content of a regular file of at most `most` bytes; a pipe, a device or a folder is not read.

    Raises OSError; DamagedError for what is no regular file, or longer.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except ValueError:  # a NUL in the path
        raise DamagedError("is no path of a file") from None
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise DamagedError("is not a regular file")
    with os.fdopen(handle, "rb") as stream:
        content = stream.read(most + 1)
    if len(content) > most:
        raise DamagedError(f"is longer than {most:,} bytes")
    return content


def refusal(messages: Sequence[str], file: str, hint: str, before: str = "") -> InputError:
    """One error for all that is wrong with a document, each after the words `before`; of many, for the first ones."""
    shown = [*messages[:_SHOWN]]
    if len(messages) > _SHOWN:
        shown[-1] = f"{len(messages) - _SHOWN + 1} more like these"
    return InputError([Problem(f"{before}{message}", file, hint=hint) for message in shown])


def _no_number(name: str) -> NoReturn:
    raise DamagedError(f"{name} is not a number of JSON")


def _number(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise DamagedError(f"{text[:20]} is beyond every number")
    return value


def _flaw(value: Any, depth: int) -> tuple[str, list[str | int]] | None:
    """(what, place from the inside out) of the first thing that can't be borne."""
    if isinstance(value, str):
        return ("half of a surrogate pair is no text", []) if not value.isascii() and _HALF.search(value) else None
    if isinstance(value, int):
        return ("a number has too many digits", []) if abs(value) > _MOST_INTEGER else None
    items: Iterable[tuple[str | int, Any]]
    if isinstance(value, dict):
        if any(not key.isascii() and _HALF.search(key) for key in value):
            return "half of a surrogate pair in a key is no text", []
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    else:
        return None
    if depth >= MOST_DEPTH:
        return f"it is nested deeper than {MOST_DEPTH} levels", []
    for key, item in items:
        flaw = _flaw(item, depth + 1)
        if flaw is not None:
            flaw[1].append(key)
            return flaw
    return None
