"""`options`: how the fleet is looked at where neither the command line nor a variable MMEPLAN_… says it.

In: a fleet file. Out: what its block `options` says. A command wants that before it loads the fleet, so the block is
found without reading the rest. Whoever proposes a change of the file writes it, too: nothing in it gives consent,
widens what is done, or chooses credentials or an endpoint.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from mmeplan.errors import InputError
from mmeplan.spec.document import MAX_BYTES, parse_document

COLORS: Final = ("auto", "always", "never")
FORMATS: Final = ("text", "json", "markdown", "html")
MOST_PARALLEL: Final = 100
_BLOCK: Final = re.compile(r"^[\"']?options[\"']?[ ]*:[^\n]*(?:\n(?:[ \t#][^\n]*)?(?=\n|\Z))*", re.MULTILINE)
_TEXTS: Final = ("environment", "lock")
_CHOICES: Final = {"color": COLORS, "format": FORMATS}


def options_of(path: str) -> Mapping[str, Any]:
    """The options of a fleet file: {"environment": "staging", "parallelism": 4}. Empty where it says none that are
    right; the load of the file tells what is wrong.
    """
    try:
        if not Path(path).is_file():  # a pipe is read once
            return {}
        with Path(path).open("rb") as stream:
            said = options_in(stream.read(MAX_BYTES).decode("utf-8-sig"), path)
    except (OSError, ValueError):
        return {}
    return dict(_said(said)) if isinstance(said, dict) and not problem_of(said) else {}


def options_in(text: str, file: str) -> Any:
    """The value of the block `options` in a file's text; None where there is none that can be read by itself."""
    found = _BLOCK.search(text)
    try:
        value = parse_document(file, found[0]).value if found else None
    except (InputError, RecursionError):
        return None
    return value.get("options") if isinstance(value, dict) else None


def _said(options: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    return ((key, value) for key, value in options.items() if value is not None)


def problem_of(said: Mapping[str, Any]) -> tuple[str, str] | None:
    """The first key of `options` whose value is wrong, and what was expected."""
    for key, value in _said(said):
        if key in _TEXTS and not isinstance(value, str):
            return key, "expected a string"
        if key in _CHOICES and value not in _CHOICES[key]:
            return key, f"expected {', '.join(_CHOICES[key])}"
        if key == "parallelism" and not (type(value) is int and 1 <= value <= MOST_PARALLEL):
            return key, f"expected a number from 1 to {MOST_PARALLEL}"
        if key not in (*_TEXTS, *_CHOICES, "parallelism"):
            return key, "unknown key"
    return None
