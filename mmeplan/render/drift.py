"""What was changed behind mmeplan's back, as text and as JSON: the output of `drift`.

In: a `DriftReport`. Out: text. The last line agrees with the exit code.
"""

from __future__ import annotations

import json
from itertools import groupby

from mmeplan.plan.drifting import DriftReport, FoundDrift, drift_document
from mmeplan.render.blocks import Node
from mmeplan.render.layout import rendered
from mmeplan.render.report import title
from mmeplan.render.values import FieldGroup, counted, field_groups, place


def drift_text(
    report: DriftReport, *, width: int = 80, color: bool = False, next_commands: tuple[tuple[str, str], ...] = ()
) -> str:
    """The report, an object a block. `next_commands` are (what to type, what it does), shown where there is drift."""
    by_object = groupby(report.drift, key=lambda item: (item.address, item.name))
    objects = [_object(list(found), report.account) for _, found in by_object]
    return rendered(
        "drift.txt.j2",
        width=width,
        color=color,
        title=title(report),
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


def _object(found: list[FoundDrift], account: str) -> tuple[Node, list[tuple[str, tuple[FieldGroup, ...]]]]:
    first = found[0]
    name = "" if first.name == first.address.partition("/")[2] else first.name
    node = Node("!", "warning", first.address, name, "dim", place(first.location))
    return node, [(item.explanation, field_groups(item.fields, account)) for item in found]


def _summary(report: DriftReport, objects: int) -> str:
    if report.unreadable and not report.drift:
        return "Not everything could be read, so nothing can be said about drift."
    if not report.drift:
        return "No drift: what is live is what was applied last."
    text = f"Drift: {counted(len(report.drift), 'change')} on {counted(objects, 'object')} behind mmeplan's back."
    return f"{text} Not everything could be read; there may be more." if report.unreadable else text
