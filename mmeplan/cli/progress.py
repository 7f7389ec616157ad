"""Progress on stderr: of reads, and of an apply: a live line per running endpoint on a terminal, else plain lines."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from mmeplan.cli.door import document, tell
from mmeplan.plan import Plan
from mmeplan.render import clean

if TYPE_CHECKING:
    from mmeplan.apply import Event, Observer
    from mmeplan.live import Clock, Progress

MAX_LIVE_LINES = 15
MANY_READS = 20  # more than this many at once take long enough to be counted


def reading() -> Progress | None:
    """A counter for reads that take a while, on a terminal; its line goes away again."""
    return _count if sys.stderr.isatty() else None


def _count(done: int, of: int) -> None:
    if of > MANY_READS and (done % 10 == 0 or done == of):
        text = f"reading what is live: {done:,} of {of:,}" if done < of else ""
        click.echo(f"\r\x1b[2K{text}", nl=False, err=True)


@contextmanager
def display(plan: Plan, clock: Clock, *, color: bool) -> Iterator[Observer]:
    """An observer that shows events while the context is open."""
    if sys.stderr.isatty() and color:
        with _live(plan, clock) as observer:
            yield observer
    else:
        yield PlainLines(clock)


def json_line(event: Event) -> None:
    """An event as a JSON line on stdout, at once. Where nobody reads any more the apply goes on without it."""
    document(json.dumps(event.encode()))


class Durations:
    """How long each object took, in seconds by its address: from its first call to the last end of a step."""

    def __init__(self) -> None:
        self._began: dict[str, datetime] = {}
        self.seconds: dict[str, float] = {}

    def __call__(self, event: Event) -> None:
        at = datetime.fromisoformat(event.at)
        if event.kind in ("called", "polled"):
            self._began.setdefault(event.address, at)
        elif event.address in self._began:
            self.seconds[event.address] = (at - self._began[event.address]).total_seconds()


class PlainLines:
    """One line for each thing that happens; a poll only where its status or phase is new."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._began_s = clock.monotonic()
        self._last: dict[str, tuple[str, str]] = {}

    def __call__(self, event: Event) -> None:
        if event.kind in ("began", "started", "called", "ended"):
            return
        if event.kind == "polled":
            seen = (event.status, event.phase or event.detail)
            if self._last.get(event.step) == seen:
                return
            self._last[event.step] = seen
        tell(f"{_elapsed(self._clock, self._began_s):>8}  {sentence(event)}")


@contextmanager
def _live(plan: Plan, clock: Clock) -> Iterator[Observer]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    console = Console(stderr=True, highlight=False)
    columns = (TextColumn("{task.description}", markup=False), BarColumn(bar_width=24), MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        overall = progress.add_task("applying", total=len(plan.steps))
        yield _Live(progress, overall, console, clock)


class _Live:
    """The overall bar, a line for each endpoint under way, and a printed line for each end."""

    def __init__(self, progress: Any, overall: Any, console: Any, clock: Clock) -> None:
        self._progress = progress
        self._overall = overall
        self._console = console
        self._tasks: dict[str, Any] = {}
        self._clock = clock
        self._began_s: dict[str, float] = {}

    def __call__(self, event: Event) -> None:
        if event.kind == "polled":
            self._show(event)
        elif event.kind in ("done", "failed", "skipped"):
            task = self._tasks.pop(event.step, None)
            if task is not None:
                self._progress.remove_task(task)
            if "#rolled-back" not in event.step:  # a call that follows a rollback is no step of the plan
                self._progress.advance(self._overall)
            self._print(event)
        elif event.kind == "retried":
            self._print(event)

    def _show(self, event: Event) -> None:
        began_s = self._began_s.setdefault(event.step, self._clock.monotonic())
        elapsed = _elapsed(self._clock, began_s)
        text = clean(f"{event.address}  {event.status}  {event.phase or event.detail}  {elapsed}")
        if event.step in self._tasks:
            self._progress.update(self._tasks[event.step], description=text)
        elif len(self._tasks) < MAX_LIVE_LINES:
            self._tasks[event.step] = self._progress.add_task(text, total=None)

    def _print(self, event: Event) -> None:
        from rich.text import Text

        style = {"done": "green", "failed": "bold red"}.get(event.kind, "yellow")
        self._console.print(Text(sentence(event), style=style))


def sentence(event: Event) -> str:
    """One event as a line: a sign, the address, the call, and what there is to say."""
    sign = {"done": "✓", "failed": "✗", "skipped": "-", "retried": "↻", "polled": "…"}.get(event.kind, " ")
    words = [sign, event.address, event.operation]
    if event.status:
        words.append(event.status)
    said = (event.phase or event.detail).removeprefix(f"{event.status}: ")
    if said:
        words.append(f"({said})")
    return clean(" ".join(words))


def _elapsed(clock: Clock, began_s: float) -> str:
    seconds = int(clock.monotonic() - began_s)
    return f"{seconds // 60}m{seconds % 60:02d}s"
