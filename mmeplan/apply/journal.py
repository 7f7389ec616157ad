"""The journal: every event of an apply as a JSON line, written before and after each call.

For people; the engine never reads it.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TextIO

from mmeplan.apply.events import Event


class Journal:
    """Appends events to `FOLDER/PLAN-TIME.jsonl`, mode 0600.

    A folder that can't be written, or a disk that is full, is not worth failing for.
    """

    def __init__(self, folder: Path, plan_id: str, started_at: str) -> None:
        stamp = "".join(character for character in started_at[:19] if character.isdigit())
        self.path = folder / f"{plan_id.removeprefix('sha256:')[:12]}-{stamp}.jsonl"
        self._stream: TextIO | None = None

    def __enter__(self) -> Journal:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(self.path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
            self._stream = os.fdopen(handle, "a", encoding="utf-8")
        except OSError:
            self._stream = None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._stream is not None:
            with suppress(OSError):
                self._stream.close()

    def __call__(self, event: Event) -> None:
        """Write one event, at once, so that a crash loses nothing."""
        if self._stream is not None:
            try:
                self._stream.write(json.dumps(event.encode()) + "\n")
                self._stream.flush()
            except OSError:  # a full disk must not stop an apply half-way
                with suppress(OSError):
                    self._stream.close()
                self._stream = None
