"""The one line that ends every rendering of a plan. It says the same as the exit code, because both read the plan.

Called by `text` and by the commands.
"""

from __future__ import annotations

from collections import Counter

from mmeplan.plan.document import Plan
from mmeplan.render.style import clean, shorten_left
from mmeplan.render.values import FILE_ROOM, counted


def summary_line(plan: Plan) -> str:
    """`Plan: 1 to create, 1 to update, 0 to delete; traffic shifts on 1 endpoint.`"""
    if plan.refused:
        errors = sum(finding.severity == "error" for finding in plan.findings)
        return f"Refused: {counted(errors, 'error')}. Nothing can be applied."
    if not plan.has_changes:
        return _no_changes(plan)
    counts = plan.summary
    head = "Speculative plan" if plan.options.speculative else "Destroy plan" if plan.options.destroy else "Plan"
    told = f"{head}: {counts.create:,} to create, {counts.update:,} to update, {counts.delete:,} to delete"
    traffic = traffic_words(plan)
    return "; ".join([told, *([traffic] if traffic else [])]) + "."


def verdict(plan: Plan, about: str) -> str:
    """The same as a headline, the worst first: `prices: OUTAGE on 1 endpoint; 1 to create, …`."""
    errors = sum(finding.severity == "error" for finding in plan.findings)
    if errors:
        return f"Refused: {about}, {counted(errors, 'error')}"
    if not plan.has_changes:
        return f"No changes{'' if plan.complete and not plan.errored else ' found'}: {about}"
    counts = plan.summary
    head = "Speculative plan for " if plan.options.speculative else "Destroy plan for " if plan.options.destroy else ""
    numbers = (("create", counts.create), ("update", counts.update), ("delete", counts.delete))
    told = ", ".join(f"{number:,} to {word}" for word, number in numbers if number)
    return f"{head}{about}: {'; '.join(part for part in (traffic_words(plan), told) if part)}"


def _no_changes(plan: Plan) -> str:
    if plan.errored or not plan.complete:
        looked_at = "Not everything could be read" if plan.errored else "Only the targets were looked at"
        return f"No changes found. {looked_at}."
    file = shorten_left(plan.source[0].path, FILE_ROOM) if plan.source else "the fleet file"
    return f"No changes. What is live is what {clean(file)} says."


def traffic_words(plan: Plan) -> str:
    """What happens to requests, worst first; empty where nothing does."""
    effects = Counter[str](change.effect for change in plan.changes if change.kind == "endpoint" and not change.refusal)
    words = (
        ("outage", "OUTAGE on {}"),
        ("delete", "{} gone for good"),
        ("traffic_shift", "traffic shifts on {}"),
        ("in_place", "{} changed in place"),
    )
    return ", ".join(text.format(counted(effects[effect], "endpoint")) for effect, text in words if effects[effect])
