"""Faults as data: the entries of a faults file and of the HTTP control, as calls of `Faults`.

In: a list of entries such as `{"fault": "throttle", "operation": "DescribeEndpoint", "count": 3}`. Out: the faults are
asked for, all of them or none. The names and members are those of the methods of `Faults`.
"""

from __future__ import annotations

import inspect
from typing import Any, Final

from mmeplan.simulator.faults import Faults

KINDS: Final = (
    *("fail_create", "fail_update", "fail_rollback", "fail_scaling", "trip_alarm", "slow", "no_capacity"),
    *("error", "throttle", "cut", "hide", "crash_at", "foreign_write"),
)


def ask(faults: Faults, entries: Any) -> int:
    """Ask for every fault of the list; how many. Raises ValueError with the bad entry's place, and asks none."""
    if isinstance(entries, dict):
        entries = entries.get("faults")
    if not isinstance(entries, list):
        raise ValueError("expected a list of faults, or `faults:` with one")  # noqa: TRY004  (it is data, not code)
    rehearsal = faults.like()
    for position, entry in enumerate(entries, 1):
        _ask(rehearsal, entry, position)
    for position, entry in enumerate(entries, 1):
        _ask(faults, entry, position)
    return len(entries)


def _ask(faults: Faults, entry: Any, position: int) -> None:
    if not isinstance(entry, dict) or entry.get("fault") not in KINDS:
        raise ValueError(f"entry {position}: `fault` must be one of {', '.join(KINDS)}")
    members = {name: value for name, value in entry.items() if name != "fault"}
    if isinstance(members.get("reads"), list):
        members["reads"] = tuple(members["reads"])
    method = getattr(faults, str(entry["fault"]))
    try:
        inspect.signature(method).bind(**members)
        method(**members)
    except (TypeError, ValueError) as error:
        raise ValueError(f"entry {position} ({entry['fault']}): {error}") from None
