"""What was changed behind mmeplan's back, as text and as JSON: the output of `drift`.

In: a `DriftReport`. Out: text. The last line agrees with the exit code.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import groupby

from mmeplan.plan.drifting import DriftReport, FoundDrift, drift_document
from mmeplan.render.layout import rendered
from mmeplan.render.values import FieldGroup, counted, field_groups, place


@dataclass(frozen=True, slots=True)
class _Object:
    """One object, and all that was done to it."""

    address: str
    place: str
    name: str
    things: tuple[tuple[str, tuple[FieldGroup, ...]], ...]


def drift_text(
    report: DriftReport, *, width: int = 80, color: bool = False, next_commands: tuple[tuple[str, str], ...] = ()
) -> str:
    """The report, an object a block. `next_commands` are (what to type, what it does), shown where there is drift."""
    environment = f" ({report.environment})" if report.environment else ""
    objects = [_object(list(of_one)) for _, of_one in groupby(report.drift, key=lambda one: (one.address, one.name))]
    return rendered(
        "drift.txt.j2",
        width=width,
        color=color,
        title=f"fleet {report.fleet}{environment} · account {report.account} · {report.region}",
        objects=objects,
        notes=report.notes,
        unreadable=report.unreadable,
        summary=_summary(report, len(objects)),
        style="danger" if report.unreadable else "update" if report.drift else "good",
        next_commands=next_commands if report.drift else (),
    )


def drift_json(report: DriftReport) -> str:
    """The JSON document of specs/drift.schema.json."""
    return json.dumps(drift_document(report), indent=2, ensure_ascii=False) + "\n"


def _object(found: list[FoundDrift]) -> _Object:
    first = found[0]
    shown = "" if first.name == first.address.partition("/")[2] else first.name
    things = tuple((one.explanation, field_groups(one.fields)) for one in found)
    return _Object(first.address, place(first.location), shown, things)


def _summary(report: DriftReport, objects: int) -> str:
    if report.unreadable and not report.drift:
        return "Not everything could be read, so nothing can be said about drift."
    if not report.drift:
        return "No drift: what is live is what was applied last."
    text = f"Drift: {counted(len(report.drift), 'change')} on {counted(objects, 'object')} behind mmeplan's back."
    return f"{text} Not everything could be read; there may be more." if report.unreadable else text
