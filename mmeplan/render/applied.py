"""How an apply ended, as a comment of the pull request that was merged: what was done, how long it took, what is left.

In: the plan, the outcome as plain data, durations. Out: Markdown within GitHub's limit for a comment. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from mmeplan.plan import Change
from mmeplan.render import report
from mmeplan.render.door import ShownPlan, masks
from mmeplan.render.markup import code, fitting, marker, prose, row
from mmeplan.render.status import OutcomeView, mended_first
from mmeplan.render.values import counted

ABOUT: Final = "apply"
"""The member `about` of the marker: beside it a plan's own comment of the same deployment stays."""
_ROOM: Final = 10_000  # characters of a list


@masks
def applied_markdown(plan: ShownPlan, outcome: OutcomeView, took_s: Mapping[str, float], *, run: str = "") -> str:
    """How an apply of the plan ended. `took_s` are seconds by address; `run` is the address of the CI run."""
    parts = [_head(plan, _verdict(outcome)), _endpoints(plan, outcome, took_s)]
    lists = (
        ("Failed", outcome.failed),
        ("Skipped", outcome.skipped),
        ("Kept, because something still needs it", outcome.kept),
        ("Not as planned", tuple((sentence, "") for sentence in outcome.unverified)),
    )
    for title, rows in lists:
        lines = [f"- {code(step) if why else prose(step)}{f': {prose(why)}' if why else ''}" for step, why in rows]
        parts.append("\n".join([f"### {title}", "", *fitting(lines, _ROOM)]) if lines else "")
    if outcome.failed or outcome.skipped or outcome.unverified:
        parts.append(" ".join([*map(prose, mended_first(outcome)), _ONWARD]))
    return _whole([*parts, _footer(plan, run)])


@masks
def not_applied_markdown(plan: ShownPlan, reasons: Sequence[str], *, run: str = "") -> str:
    """Why nothing was written: `reasons` are sentences."""
    lines = [f"> - {prose(reason)}" for reason in reasons]
    parts = [_head(plan, "not applied; nothing was written"), "\n".join(["> [!CAUTION]", *fitting(lines, _ROOM)])]
    return _whole([*parts, _ANEW, _footer(plan, run)])


_ANEW: Final = "Re-run all jobs of the workflow: it plans anew, and asks anew."
_ONWARD: Final = (
    "Re-run the failed job to go on: a saved plan goes on from what is live. Where that says that the plan is stale, "
    "re-run all jobs: they plan anew, and ask anew."
)


def _whole(parts: Sequence[str]) -> str:
    return "\n\n".join(part for part in parts if part) + "\n"


def _head(plan: ShownPlan, verdict: str) -> str:
    path = plan.source[0].path if plan.source else ""
    about = marker(plan.fleet, plan.environment, path=path, region=plan.region, account=plan.account, about=ABOUT)
    environment = f" ({code(plan.environment)})" if plan.environment else ""
    title = f"## {code(plan.fleet)}{environment}: {verdict}"
    return f"{about}\n\n{title}\n\nAccount {code(plan.account)} · {code(plan.region)}"


def _verdict(outcome: OutcomeView) -> str:
    done = counted(outcome.done, "step")
    if not (outcome.failed or outcome.skipped or outcome.unverified):
        return f"applied; {done} done, and a second look proves it"
    word = "interrupted" if outcome.interrupted else "apply incomplete"
    return f"{word}; {done} done, {len(outcome.failed):,} failed, {len(outcome.skipped):,} skipped"


def _endpoints(plan: ShownPlan, outcome: OutcomeView, took_s: Mapping[str, float]) -> str:
    addresses = {step.id: step.address for step in plan.steps}
    ends = {addresses.get(step, ""): "skipped" for step, _ in outcome.skipped}
    ends |= {addresses.get(step, ""): "**failed**" for step, _ in outcome.failed}

    def line(change: Change) -> str:
        did = ", ".join(prose(phrase.text) for phrase in report.actions_of(change))
        took = took_text(took_s[change.address]) if change.address in took_s else ""
        traffic = prose(report.requests_of(change).text)
        return row(code(change.address), did, traffic, ends.get(change.address, "done"), took)

    rows = [line(change) for change in plan.changes if change.is_swapped and not change.is_noop]
    heads = [row("Endpoint", "Action", "Traffic", "Ended", "Took"), row("---", "---", "---", "---", "--:")]
    return "\n".join([*heads, *fitting(rows, _ROOM)]) if rows else ""


def took_text(seconds: float) -> str:
    """A duration in one or two units: `42 s`, `14 min`, `2 h 5 min`."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"


def _footer(plan: ShownPlan, run: str) -> str:
    parts = [f"Plan {code(report.short_id(plan))}", f"mmeplan {code(plan.tool_version)}"]
    parts += [f'<a href="{run}">the run</a>'] if run else []
    return f"---\n\n<sub>{' · '.join(parts)}</sub>"
