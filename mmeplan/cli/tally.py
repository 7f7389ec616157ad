"""Where an apply is: how many of its steps have ended, how long it runs, and about how long the rest takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mmeplan.plan import Plan
from mmeplan.plan.duration import Estimator, Span

if TYPE_CHECKING:
    from mmeplan.apply import Event
    from mmeplan.live import Clock

_ENDS: Final = ("done", "failed", "skipped")
_RECKONED: Final = 50  # times that the rest of a large plan is reckoned anew, beside once at the beginning
_FEW: Final = 500  # steps up to which it is reckoned whenever it is asked for


class Tally:
    """Counts the events of one apply. `parallelism` and `look_s` (seconds between two looks) are the apply's."""

    def __init__(self, plan: Plan, clock: Clock, *, parallelism: int, look_s: float) -> None:
        self.steps = frozenset(step.id for step in plan.steps)
        self._estimator = Estimator(plan, parallelism, look_s)
        self._clock = clock
        self.began_s = clock.monotonic()
        self._ended: set[str] = set()
        self._since: dict[str, float] = {}  # id of a step that runs → when that was first seen
        self._reckoned: tuple[Span, float, int] | None = None  # the rest, when that was, and how many had ended

    def __call__(self, event: Event) -> None:
        if event.step not in self.steps:
            return  # the whole apply, or a call that follows a rollback: no step of the plan
        if event.kind in _ENDS:
            self._since.pop(event.step, None)
            self._ended.add(event.step)
        elif event.kind == "called":
            self._since[event.step] = self._clock.monotonic()
        elif event.kind == "polled":
            self._since.setdefault(event.step, self._clock.monotonic())

    @property
    def done(self) -> int:
        """How many steps have ended, well or not."""
        return len(self._ended)

    @property
    def is_over(self) -> bool:
        """Whether all of them have ended: what is left is the second look."""
        return len(self._ended) == len(self.steps)

    @property
    def text(self) -> str:
        """`3/17`, always as wide as `17/17`."""
        of = f"{len(self.steps):,}"
        return f"{self.done:>{len(of)},}/{of}"

    def left(self, now_s: float) -> Span:
        """About how long the rest takes from this moment of the monotonic clock. Reckoned now and then: a plan may have
        thousands of steps."""
        if self._reckoned is not None:
            span, at_s, done = self._reckoned
            if len(self.steps) > _FEW and self.done - done < len(self.steps) // _RECKONED:
                return span.less(now_s - at_s)
        running = {at: now_s - since_s for at, since_s in self._since.items()}
        takes = self._estimator.left(self._ended, running).takes
        self._reckoned = takes, now_s, self.done
        return takes
