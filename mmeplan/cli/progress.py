"""Progress on stderr: of reads, and of an apply: a live line per running endpoint on a terminal, else plain lines."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from mmeplan.cli.door import document, tell
from mmeplan.cli.tally import Tally
from mmeplan.plan import Plan
from mmeplan.plan.duration import Span
from mmeplan.render import clean
from mmeplan.render.duration import left_words
from mmeplan.render.style import columns, shorten, wrapped

if TYPE_CHECKING:
    from mmeplan.apply import Event, Observer
    from mmeplan.live import Clock, Progress

MAX_LIVE_LINES = 15
_SHARE = re.compile(r"(\d{1,3}) % of ")  # how the progress of what is written in bytes begins
_EVERY = 5  # per cent, after which plain lines tell again
_CELLS = 20  # columns of a bar of bytes
_LEAST_BAR, _MOST_BAR, _LEAST_WORDS = 8, 40, 12  # columns
MANY_READS = 20  # more than this many at once take long enough to be counted


def reading() -> Progress | None:
    """A counter for reads that take a while, on a terminal; its line goes away again."""
    return _count if sys.stderr.isatty() else None


def _count(done: int, of: int) -> None:
    if of > MANY_READS and (done % 10 == 0 or done == of):
        text = f"reading what is live: {done:,} of {of:,}" if done < of else ""
        click.echo(f"\r\x1b[2K{text}", nl=False, err=True)


@contextmanager
def display(plan: Plan, clock: Clock, *, parallelism: int, look_s: float, color: bool) -> Iterator[Observer]:
    """An observer that shows events while the context is open."""
    tally = Tally(plan, clock, parallelism=parallelism, look_s=look_s)
    if sys.stderr.isatty() and color:
        with live_lines(tally, clock) as observer:
            yield observer
    else:
        yield PlainLines(clock, tally)


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
    """One line for each thing that happens; a poll only where its status or phase is new.

    With a tally the line says how many steps have ended, and beside what is waited for, how long the rest takes. `left`
    is that of single endpoints, by address and status, where there is no tally.
    """

    def __init__(
        self, clock: Clock, tally: Tally | None = None, left: Mapping[tuple[str, str], Span] | None = None
    ) -> None:
        self._clock = clock
        self._began_s = clock.monotonic()
        self._tally = tally
        self._own = left or {}
        self._last: dict[str, tuple[str, str]] = {}

    def __call__(self, event: Event) -> None:
        if self._tally is not None:
            self._tally(event)
        if event.kind in ("began", "started", "called", "ended"):
            return
        if event.kind == "polled":
            share = _SHARE.match(event.detail)
            seen = (event.status, event.phase or (str(int(share[1]) // _EVERY) if share else event.detail))
            if self._last.get(event.step) == seen:
                return
            self._last[event.step] = seen
        now_s = self._clock.monotonic()
        line = f"{_elapsed(now_s - self._began_s):>8}  "
        if self._tally is not None:
            line += f"{self._tally.text}  "
        line += sentence(event)
        if event.kind == "polled" and (left := self._left(event, now_s)):
            line += f"  {left}"
        tell(line)

    def _left(self, event: Event, now_s: float) -> str:
        if self._tally is not None:
            return left_words(self._tally.left(now_s))
        own = self._own.get((event.address, event.status))
        return left_words(own.less(now_s - self._began_s)) if own is not None else ""


@contextmanager
def live_lines(tally: Tally, clock: Clock) -> Iterator[LiveLines]:
    """The display of a terminal, while the context is open: redrawn several times a second, gone at the end."""
    from rich.console import Console
    from rich.live import Live

    console = Console(stderr=True, highlight=False)
    shown = LiveLines(tally, console, clock)
    with Live(
        get_renderable=shown.picture, console=console, transient=True, vertical_overflow="crop", refresh_per_second=4
    ):
        yield shown


class LiveLines:
    """What is under way on a terminal: a line for each endpoint, the bar beneath, and above a line for each end."""

    def __init__(self, tally: Tally, console: Any, clock: Clock) -> None:
        self._tally = tally
        self._console = console
        self._clock = clock
        self._now_s = clock.monotonic()
        self._under_way: dict[str, tuple[float, Event]] = {}  # step → since when, and the last look at it
        self._left = left_words(tally.left(self._now_s))

    def __call__(self, event: Event) -> None:
        self._now_s = self._clock.monotonic()
        before = self._tally.done
        self._tally(event)
        if event.kind == "polled":
            since_s, _ = self._under_way.get(event.step, (self._now_s, event))
            self._under_way = {**self._under_way, event.step: (since_s, event)}
        elif event.kind in ("done", "failed", "skipped"):
            self._under_way = {at: seen for at, seen in self._under_way.items() if at != event.step}
            self._print(event)
        elif event.kind == "retried":
            self._print(event)
        if event.kind == "polled" or self._tally.done != before:
            self._left = "" if self._tally.is_over else left_words(self._tally.left(self._now_s))

    def picture(self) -> Any:
        """The lines as they are now: none wider than the terminal, none wrapped."""
        from rich.console import Group
        from rich.text import Text

        width, now_s = self._console.width, self._now()
        under_way = list(self._under_way.values())
        room = max(1, min(MAX_LIVE_LINES, self._console.height - 3))
        lines = [_under_way_line(event, now_s - since_s, width) for since_s, event in under_way[:room]]
        if len(under_way) > room:
            lines.append(f"… and {len(under_way) - room:,} more")
        texts = [Text(line, no_wrap=True, overflow="crop") for line in lines]
        return Group(*texts, self._bar(width, now_s))

    def _now(self) -> float:
        """The real clock goes on between two looks; the virtual one is the apply's alone."""
        from mmeplan.cloud.clock import SystemClock

        return self._clock.monotonic() if isinstance(self._clock, SystemClock) else self._now_s

    def _bar(self, width: int, now_s: float) -> Any:
        from rich.progress_bar import ProgressBar
        from rich.table import Table

        words = [self._tally.text, _elapsed(now_s - self._tally.began_s), *([self._left] if self._left else [])]
        cells: list[Any] = list(words)
        room = width - sum(len(word) + 2 for word in words) - len("applying") - 3
        if room >= _LEAST_BAR:
            of = len(self._tally.steps) or 1
            cells.insert(0, ProgressBar(of, self._tally.done, width=min(_MOST_BAR, room)))
        row = Table.grid(padding=(0, 2, 0, 0))
        for _ in range(len(cells) + 1):
            row.add_column(no_wrap=True, overflow="crop")
        row.add_row("applying", *cells)
        return row

    def _print(self, event: Event) -> None:
        from rich.text import Text

        style = {"done": "green", "failed": "bold red"}.get(event.kind, "yellow")
        lines = "\n  ".join(wrapped(sentence(event), self._console.width - 2))
        self._console.print(Text(lines, style=style))


def _under_way_line(event: Event, seconds: float, width: int) -> str:
    """One endpoint: address, status, how long it has been waited for, and its phase, as far as there is room."""
    share = _SHARE.match(event.detail)
    filled = int(share[1]) * _CELLS // 100 if share else 0
    status = event.status or ("━" * filled + "╌" * (_CELLS - filled) if share else "…")
    head = f"{shorten(event.address, max(10, width - len(status) - 12))}  {status}  {_elapsed(seconds)}"
    said = clean((event.phase or event.detail).removeprefix(f"{event.status}: "))
    room = width - columns(head) - 3
    if columns(said) > room:
        said = f"{wrapped(said, room - 1)[0]}…" if room > _LEAST_WORDS else ""
    return f"{head}  {said}".rstrip()


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


def _elapsed(elapsed_s: float) -> str:
    """`4m12s`, `1h04m12s`."""
    minutes, seconds = divmod(int(elapsed_s), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02d}m{seconds:02d}s" if hours else f"{minutes}m{seconds:02d}s"
