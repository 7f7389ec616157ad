"""The ports of a stored snapshot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NoReturn

from mmeplan.errors import MmeplanError
from mmeplan.live.ports import Call, Progress
from mmeplan.live.snapshot import Snapshot


class Unconnected:
    """The ports of a stored snapshot: there is nobody to ask, and its time is the time."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def now(self) -> datetime:
        return datetime.fromisoformat(self._snapshot.observed_at)

    def monotonic(self) -> float:
        return 0.0

    def read(self, operation: str, params: Mapping[str, Any]) -> NoReturn:
        raise MmeplanError(f"{operation}: a stored snapshot can't be asked", hint="Engine.aws() or Engine.simulated()")

    def gather(self, calls: Sequence[Call], progress: Progress | None = None) -> NoReturn:
        self.read(calls[0][0] if calls else "gather", {})

    write = read

    def sleep(self, seconds: float) -> None:
        """Nothing is waited for."""

    def uniform(self, low: float, high: float) -> float:
        return low
