"""A plan, a drift report and the generations of endpoints as short text: what tables of decisions compare.

Names that end in a digest are written `NAME#1`, `NAME#2`, … in the order in which they came to be, so that a table can
be read; what is as it should be is left out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator

from mmeplan.diff import Generation
from mmeplan.plan import DriftReport, Plan

_NAME = re.compile(r"([A-Za-z0-9][A-Za-z0-9-]*)-([0-9a-f]{8})(?![0-9a-f-])")
_LONG = re.compile(r"\b([0-9a-f]{4})[0-9a-f]{12,}\b")
_MASK = re.compile(r"\(masked, [0-9a-f]{8}\)")
_SHORT = re.compile(r"(?<![#0-9a-f])\b[0-9a-f]{8}\b")


class Labels:
    """Names with digests → names with numbers."""

    def __init__(self, names: Iterable[str]) -> None:
        self.known: dict[str, dict[str, int]] = {}
        for name in names:
            self(name)

    def __call__(self, text: str) -> str:
        named = _LONG.sub(r"\1…", _NAME.sub(self._label, _MASK.sub("(masked)", text)))
        return _SHORT.sub(self._short, named)

    def _label(self, found: re.Match[str]) -> str:
        numbers = self.known.setdefault(found[1], {})
        return f"{found[1]}#{numbers.setdefault(found[2], len(numbers) + 1)}"

    def _short(self, found: re.Match[str]) -> str:
        """A digest alone (`mmeplan:served`), under the name that it is known by."""
        names = [f"{name}#{numbers[found[0]]}" for name, numbers in self.known.items() if found[0] in numbers]
        return names[0] if names else found[0]


def _shown(value: object) -> str:
    return json.dumps(value, sort_keys=True) if isinstance(value, (dict, list)) else repr(value)


def told(made: Plan) -> Iterator[str]:
    """What is planned, a line for each thing to know."""
    for change in made.changes:
        quiet = change.is_noop and change.reason == "same" and change.explanation == "unchanged"
        if quiet and not change.notes and change.live_name == change.name:
            continue
        name = change.name if change.live_name == change.name else f"{change.live_name or '-'} → {change.name}"
        actions = ", ".join(change.actions)
        yield f"{change.address} [{name}] {actions}; {change.reason}; {change.effect}: {change.explanation}"
        yield from (f"  {field.field}: {_shown(field.before)} → {_shown(field.after)}" for field in change.fields)
        yield from (f"  because of {at}" for at in change.causes)
        yield from (f"  + {key}={value}" for key, value in change.tags_added.items())
        yield from (f"  - {key}" for key in change.tags_removed)
        yield from (f"  note: {note}" for note in change.notes)
        if change.refusal:
            yield f"  refused: {change.refusal}"
    yield from (f"kept for {at}: {', '.join(names)}" for at, names in made.kept.items() if names)
    for drift in made.drift:
        yield f"drift of {drift.address}: {drift.explanation}"
        yield from (f"  {field.field}: {_shown(field.before)} → {_shown(field.after)}" for field in drift.fields)


def told_drift(report: DriftReport) -> Iterator[str]:
    """What `mmeplan drift` finds."""
    for found in report.drift:
        yield f"hand: {found.address} [{found.name}] {found.what}: {found.explanation}"
        yield from (f"  {field.field}: {_shown(field.before)} → {_shown(field.after)}" for field in found.fields)
    yield from (f"hand note: {note.address}: {note.text}" for note in report.notes)


def told_generations(at: str, found: Iterable[Generation]) -> Iterator[str]:
    """What an endpoint may go back to; not where that is nothing but what it runs."""
    found = tuple(found)
    if len(found) <= 1 and not any(one.missing or one.left or one.back for one in found):
        return
    for one in found:
        missing = f", without {', '.join(one.missing)}" if one.missing else ""
        yield f"generation {one.back} of {at}: {one.name} ({one.digest}){', left' if one.left else ''}{missing}"
