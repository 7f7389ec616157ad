"""Environment values in what a service says: error texts and failure reasons are shown with `(masked)` in their place.

In: requests and answers that hold environments, as they come by. Out: texts without those values. A value that stands
outside the environments as well (a name, an image, a bucket) is shown there anyway, and stays; so does what is too
short, or too common, to be a secret.
"""

from __future__ import annotations

import html
import json
import re
import threading
from collections.abc import Iterable, Mapping
from typing import Any, Final

MASK: Final = "(masked)"
SHORTEST: Final = 4  # characters of a value that is masked
EVIDENT: Final = 8  # characters that are masked wherever they stand, also at the beginning of a value that was cut off
_COMMON: Final = frozenset({"true", "false", "none", "null"})


class Veil:
    """What is known of environment values. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._unread: list[Iterable[Any]] = []
        self._secret: set[str] = set()
        self._open: set[str] = set()

    def learn(self, documents: Iterable[Any]) -> None:
        """Keep requests or answers in mind. They are read when there is a text to be masked, and not before."""
        with self._lock:
            self._unread.append(documents)

    def text(self, said: str) -> str:
        """The text with each known value masked."""
        with self._lock:
            for documents in self._unread:
                for document in documents:
                    self._read(document, inside=False)
            self._unread.clear()
            values = [value for value in self._secret if value not in self._open]
        for value in sorted(values, key=len, reverse=True):
            for form in _forms(value):
                said = _without(form, said)
        return said

    def answer(self, answer: dict[str, Any]) -> dict[str, Any]:
        """An answer whose failure reason, if it has one, is masked."""
        reason = answer.get("FailureReason")
        return {**answer, "FailureReason": self.text(reason)} if isinstance(reason, str) else answer

    def _read(self, value: Any, *, inside: bool) -> None:
        if isinstance(value, str):
            is_secret = inside and len(value) >= SHORTEST and value.lower() not in _COMMON
            (self._secret if is_secret else self._open).add(value)
        elif isinstance(value, Mapping):
            for key, item in value.items():
                self._read(item, inside=inside or key == "Environment")
        elif isinstance(value, (list, tuple)):
            for item in value:
                self._read(item, inside=inside)


def _forms(value: str) -> set[str]:
    """The value as services write it: as it is, inside JSON, Python's quotes, or HTML."""
    return {value, json.dumps(value)[1:-1], repr(value)[1:-1], html.escape(value)}


def _without(value: str, said: str) -> str:
    if len(value) < EVIDENT:
        return re.sub(rf"(?<![A-Za-z0-9]){re.escape(value)}(?![A-Za-z0-9])", MASK, said)
    at = said.find(value[:EVIDENT])
    while at >= 0:
        end = at + EVIDENT
        while end < len(said) and end - at < len(value) and said[end] == value[end - at]:
            end += 1
        said = said[:at] + MASK + said[end:]
        at = said.find(value[:EVIDENT], at + len(MASK))
    return said
