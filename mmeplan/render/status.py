"""What the fleet's endpoints are doing, as a table (`status`), and how an apply ended.

In: `StatusRow`s, one line for each variant where the terminal is wide enough; otherwise the variants stand beneath
their endpoint. Or an `OutcomeView`: what was done, what failed and why, what is left, and what to type next. Out: text;
its last line agrees with the exit code.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from mmeplan.plan.duration import Span
from mmeplan.render.duration import left_words
from mmeplan.render.layout import Layout
from mmeplan.render.style import clean, columns, finished, padded, paint, shorten, widths_of, wrapped
from mmeplan.render.values import counted

HEADINGS: Final = ("ENDPOINT", "STATUS", "CONFIG IN FORCE", "VARIANT", "TYPE", "COUNT", "SHARE", "NOTE")
_GOOD: Final = ("InService",)
_BAD: Final = ("Failed", "OutOfService", "UpdateRollbackFailed", "missing", "unreadable")
_STATUS_ROOM: Final = 24  # columns that the longest status takes beside a long address


@dataclass(frozen=True, slots=True)
class PoolStatus:
    """One instance pool of a variant as it runs: its instance type, and how many instances it has."""

    instance_type: str
    current_count: int


@dataclass(frozen=True, slots=True)
class VariantStatus:
    """One variant as it runs: `large  ml.m5.xlarge  2/2  66.7 %`. `count` is `current/desired`, empty if serverless.
    Of instance pools `instance_type` is empty, and `pools` are those that SageMaker counts.

    The members after `share` are for programs: None, or empty, where SageMaker doesn't say. `traffic` is the share of
    the requests, 0 to 1. `models` are names, several where instance pools have models of their own.
    """

    name: str
    instance_type: str = ""
    count: str = ""
    share: str = ""
    current_count: int | None = None
    desired_count: int | None = None
    current_weight: float | None = None
    desired_weight: float | None = None
    traffic: float | None = None
    current_serverless: Mapping[str, Any] | None = None
    desired_serverless: Mapping[str, Any] | None = None
    models: tuple[str, ...] = ()
    autoscaled: bool = False
    pools: tuple[PoolStatus, ...] = ()

    @property
    def hosted_on(self) -> str:
        """The instance type, or `1 × ml.m5.large, 1 × ml.m5.xlarge` of instance pools: those that have any."""
        running = [f"{pool.current_count} × {pool.instance_type}" for pool in self.pools if pool.current_count]
        return self.instance_type or ", ".join(running) or ("instance pools" if self.pools else "")


@dataclass(frozen=True, slots=True)
class ObjectStatus:
    """A config or a model by its physical name. `exists` is None where it wasn't looked for, `served` where nobody
    knows whether this generation has served the endpoint (and for what is no generation).
    """

    name: str
    arn: str = ""
    created_at: str = ""
    exists: bool | None = None
    models: tuple[str, ...] = ()
    served: bool | None = None


@dataclass(frozen=True, slots=True)
class PhaseStatus:
    """What a variant is doing, in SageMaker's words (botocore ProductionVariantStatus): `status`, `message`, and since
    when, ISO 8601. `age` is how long that is, as text. `config` is the one that the variant is of.
    """

    variant: str
    config: str
    status: str
    message: str = ""
    since: str = ""
    age: str = ""

    @property
    def words(self) -> str:
        """`main: Baking, Baking for 600 seconds … (for 4 min)`."""
        said = f"{self.variant}: {self.status}" + (f", {self.message.rstrip('.')}" if self.message else "")
        return f"{said} (for {self.age})" if self.age else said


@dataclass(frozen=True, slots=True)
class StatusRow:
    """One endpoint. `config` is the physical name of the config in force; `failure` is SageMaker's reason, if any.

    `generations` are the superseded configs that a rollback can lead to, newest first, in words. The members after it
    are for programs: the ARN, times in ISO 8601, the config that an update under way leads to, the config in force and
    the models that it names as objects, and the generations as objects. `phases` are what the variants are doing, those
    that an update under way brings up first; `deploying_since` is when that began. `url` is where clients send their
    requests. `under_way_since` is when a create, update or delete under way began, `under_way_for` how long ago that is
    as text, and `least_left_s` to `most_left_s` is about how many seconds it still takes: None where nobody knows.
    """

    address: str
    name: str
    status: str
    config: str = ""
    variants: tuple[VariantStatus, ...] = ()
    note: str = ""
    failure: str = ""
    generations: tuple[str, ...] = ()
    arn: str = ""
    created_at: str = ""
    modified_at: str = ""
    pending_config: str = ""
    shadow_variants: tuple[VariantStatus, ...] = ()
    config_in_force: ObjectStatus | None = None
    models: tuple[ObjectStatus, ...] = ()
    kept: tuple[ObjectStatus, ...] = ()
    phases: tuple[PhaseStatus, ...] = ()
    deploying_since: str = ""
    url: str = ""
    under_way_since: str = ""
    under_way_for: str = ""
    least_left_s: int | None = None
    most_left_s: int | None = None

    @property
    def left(self) -> Span | None:
        """About how long what is under way still takes; None where nobody knows."""
        if self.least_left_s is None or self.most_left_s is None:
            return None
        return Span(self.least_left_s, self.most_left_s)

    @property
    def under_way(self) -> str:
        """`under way for 4 min, 6 to 9 min left`; empty where it is at rest."""
        if not self.under_way_for:
            return ""
        left = f", {left_words(self.left)}" if self.left is not None else ""
        age = f" for {self.under_way_for}" if self.under_way_for != "0 min" else ""
        return f"under way{age}{left}"


def status_text(rows: Sequence[StatusRow], *, width: int = 80, color: bool = False, urls: bool = False) -> str:
    """The table, endpoints in the order given; with `urls` where each is invoked."""
    if not rows:
        return "No endpoints.\n"
    layout = Layout(width, color)
    cells = [[[clean(cell) for cell in line] for line in _cells(row)] for row in rows]
    widths = widths_of([HEADINGS, *(line for lines in cells for line in lines)])
    if sum(widths) + 2 * (len(widths) - 1) > layout.room:
        return finished("\n\n".join("\n".join(_narrow(layout, row, urls=urls)) for row in rows))
    table = [str(layout.paint("  ".join(map(padded, HEADINGS, widths)).rstrip(), "bold"))]
    for row, lines in zip(rows, cells, strict=True):
        for address, status, *others in lines:
            coloured = layout.paint(status, _style_of(status)) + " " * (widths[1] - columns(status))
            parts = (padded(address, widths[0]), coloured, *map(padded, others, widths[2:]))
            table.append("  ".join(parts).rstrip())
        table += _remarks(layout, row, urls=urls)
    return finished("\n".join(table))


def _cells(row: StatusRow) -> list[tuple[str, ...]]:
    """The lines of an endpoint; all but the first leave out what is the same for all its variants."""
    title = row.address if row.name in ("", row.address.partition("/")[2]) else f"{row.address} ({row.name})"
    heads = [(title, row.status, row.config, row.note), *[("", "", "", "")] * (len(row.variants) - 1)]
    return [
        (*head, item.name, item.hosted_on, item.count, item.share, note)
        for (*head, note), item in zip(heads, row.variants or (VariantStatus(""),), strict=True)
    ]


def _narrow(layout: Layout, row: StatusRow, *, urls: bool) -> Iterator[str]:
    title, *_ = _cells(row)[0]
    labels = ((shorten(title, layout.edge - _STATUS_ROOM), "bold"), (row.status, _style_of(row.status)))
    yield layout.labelled(labels, row.config, 2)
    if row.note:
        yield layout.flow(row.note, 2, "dim")
    if row.variants:
        yield layout.table([(v.name, v.hosted_on, v.count, v.share) for v in row.variants], 4)
    yield from _remarks(layout, row, urls=urls)


def _style_of(status: str) -> str:
    return "good" if status in _GOOD else "danger" if status in _BAD else "update"


def _remarks(layout: Layout, row: StatusRow, *, urls: bool) -> Iterator[str]:
    if urls and row.url:
        yield f"  {clean(row.url)}"  # never broken, so that it can be copied
    if row.under_way:
        yield layout.flow(row.under_way, 2, "update", 2)
    for phase in row.phases:
        yield layout.flow(phase.words, 2, "update", 2)
    if row.failure:
        yield layout.flow(f"reason: {row.failure}", 2, "danger", 2)
    if row.generations:
        yield layout.flow(f"kept for a rollback: {', '.join(row.generations)}", 2, "dim", 2)


def age_text(now: datetime, then: str) -> str:
    """How long ago an ISO 8601 moment was, in one unit: `40 min`, `7 h`, `3 d`."""
    minutes = max(0, int((now - datetime.fromisoformat(then)).total_seconds() // 60)) if then else 0
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // (24 * 60)} d"


# --- how an apply ended -----------------------------------------------------------------------------------------------

Rows = tuple[tuple[str, str], ...]
MOST_ROWS: Final = 50


@dataclass(frozen=True, slots=True)
class OutcomeView:
    """An outcome as plain data: (step, why) pairs; `done` is a count. `causes` are those of what failed, as words."""

    done: int
    failed: Rows = ()
    skipped: Rows = ()
    kept: Rows = ()
    unverified: tuple[str, ...] = ()
    interrupted: bool = False
    causes: tuple[str, ...] = ()


_MENDED_FIRST: Final[Mapping[str, str]] = {
    "stuck": "No call of mmeplan's ends this: look at the endpoint in the console first, and decide.",
    "credentials": "Sign in again first.",
    "permission": "Grant the action that was denied first; `mmeplan plan --iam` lists all that are needed.",
    "limit": "Ask for a higher quota first, or choose fewer instances or another type.",
    "access": "See to the role and the object that the message names first.",
    "request": "SageMaker refuses what is asked for: change the fleet file first.",
    "failed": "Mend what the reason says first; the next apply deletes the Failed endpoint and creates it.",
    "rolled_back": "What was rolled back isn't tried again unasked: mend the cause or change the file first.",
}
"""Cause → what to do before anything is typed, the most pressing first."""


def mended_first(outcome: OutcomeView) -> list[str]:
    """What to do before the next apply, by what failed; the most pressing first."""
    return [advice for cause, advice in _MENDED_FIRST.items() if cause in outcome.causes]


def outcome_text(outcome: OutcomeView, *, width: int = 80, color: bool = False, next_command: str = "") -> str:
    """The end of an apply. `next_command` is shown where something is left to do."""
    parts = (
        ("Failed:", outcome.failed, "danger"),
        ("Skipped:", outcome.skipped, "warning"),
        ("Kept, because something still needs it:", outcome.kept, "warning"),
        ("Not as planned:", tuple((sentence, "") for sentence in outcome.unverified), "danger"),
    )
    lines = [line for title, rows, style in parts if rows for line in _section(title, rows, style, width, color)]
    lines += _summary(outcome, width, color, next_command)
    if next_command and (outcome.failed or outcome.skipped or outcome.unverified or outcome.interrupted):
        lines.append(f"Next: {next_command}")
    return finished("\n".join(lines))


def _section(title: str, rows: Sequence[tuple[str, str]], style: str, width: int, color: bool) -> list[str]:
    lines = [str(paint(title, style, color))]
    for step, why in rows[:MOST_ROWS]:
        sentence = f"{step}: {why}" if why else step
        lines += [("  " if index == 0 else "    ") + line for index, line in enumerate(wrapped(sentence, width - 4))]
    if len(rows) > MOST_ROWS:
        lines.append(f"  … and {len(rows) - MOST_ROWS:,} more")
    return [*lines, ""]


def _summary(outcome: OutcomeView, width: int, color: bool, next_command: str) -> list[str]:
    done = counted(outcome.done, "step")
    if not (outcome.failed or outcome.skipped or outcome.unverified):
        return [str(paint(f"Apply complete: {done} done, and a second look proves it.", "good", color))]
    word = "Interrupted" if outcome.interrupted else "Apply incomplete"
    parts = [f"{done} done", f"{len(outcome.failed):,} failed", f"{len(outcome.skipped):,} skipped"]
    onward = " ".join(mended_first(outcome)) or ("" if next_command else "Run it again to go on from here.")
    said = f"{word}: {', '.join(parts)}. {onward}".rstrip()
    return [str(paint(line, "danger", color)) for line in wrapped(said, width)]
