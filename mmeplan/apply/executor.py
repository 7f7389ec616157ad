"""apply: carry out a plan's steps, a ready queue over their graph.

    ready → guard (read again) → call → wait → done
                │ as wanted already ──────────┘
                └ differs from both → failed, and its descendants are skipped

No waves: whatever is ready runs, at most `parallelism` endpoints under way at once, one poller for all of them. Calls
are made one after the other: they take milliseconds, rollouts take minutes. Deletes of models and configs come last.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal

from mmeplan.apply.current import CurrentState
from mmeplan.apply.events import Cause, Event, EventKind, Observer, Outcome, StepResult
from mmeplan.apply.references import References
from mmeplan.apply.retrying import WRITES
from mmeplan.apply.transfers import Transfers
from mmeplan.apply.waits import ROLLED_BACK, Waiting, judge, poll
from mmeplan.aws.failures import NOT_VALID, Failure, failure_of
from mmeplan.errors import CloudError
from mmeplan.kinds import is_delete, kind_of_operation
from mmeplan.live import Clock, Reader, Writer
from mmeplan.plan import Plan
from mmeplan.plan.document import DEFAULT_PARALLELISM, POLL_INTERVAL_S, POLL_JITTER
from mmeplan.plan.step import CALL, AsSeen, Decision, EndpointNameIsFree, NameIsFree, PutBack, Step, Wait

End = Literal["done", "failed", "skipped", "kept"]
_EVENTS: Final[dict[End, EventKind]] = {"done": "done", "kept": "skipped", "failed": "failed", "skipped": "skipped"}


class Executor:
    """One run of one plan."""

    def __init__(
        self,
        plan: Plan,
        reader: Reader,
        writer: Writer,
        clock: Clock,
        observer: Observer,
        *,
        parallelism: int = DEFAULT_PARALLELISM,
        fail_fast: bool = False,
        clean: bool = False,
        wait_for_others: bool = True,
        poll_interval_s: float = POLL_INTERVAL_S,
        stopping: Callable[[], bool] = lambda: False,
        transfers: int = 1,
    ) -> None:
        self.plan = plan
        self.reader = reader
        self.writer = writer
        self.clock = clock
        self.observer = observer
        self.parallelism = max(1, parallelism)
        self.fail_fast = fail_fast
        self.clean = clean
        self.wait_for_others = wait_for_others
        self.poll_interval_s = poll_interval_s
        self.stopping = stopping
        self.references = References(reader, clock)
        self.current = CurrentState(reader, self.references)
        folder = Path(plan.source[0].path).parent if plan.source else Path()
        self.transfers = Transfers(reader, writer, clock, folder, at_once=transfers, stopping=stopping)
        self.ends: dict[str, tuple[End, str]] = {}
        self.causes: dict[str, Cause] = {}  # step id → what its failure comes from, where that has to be mended
        self.waits: dict[str, Waiting] = {}
        self.blocked_since: dict[str, float] = {}  # step id → when it first found its endpoint busy
        self.dependents: dict[str, list[int]] = {}
        self.missing: list[int] = []
        self.ready: list[int] = []
        self.last: list[int] = []  # deletes of models and configs, once everything else has ended
        self.cleaning: list[Step] = []  # what goes at the very end, because its update was rolled back
        self.interrupted = False
        self.rolled_back: set[str] = set()
        self.cleaned: set[str] = set()  # names of what was deleted again because its update was rolled back
        self.aside: list[tuple[Step, End, str]] = []  # how such calls ended, where that has to be told

    def run(self) -> Outcome:
        """Carry out the steps. Never raises for what happens to a step; KeyboardInterrupt passes through."""
        self._index()
        while True:
            self._start_ready()
            if self.waits:
                self.clock.sleep(self.poll_interval_s * (1 + self.clock.uniform(0, POLL_JITTER)))
                self._poll()
            elif self.last and not self.ready and not self._stopped():
                self.ready, self.last = self.last, []
                self.references.forget()
            elif self._given_up():
                pass  # what follows however it ends is ready now
            else:
                break  # nothing is under way, so that nothing is ready, or nothing more is to be begun
        self._clean_up()
        return self._outcome()

    # --- the queue ----------------------------------------------------------------------------------------------------

    def _index(self) -> None:
        position = {step.id: index for index, step in enumerate(self.plan.steps)}
        self.missing = [0] * len(self.plan.steps)
        for index, step in enumerate(self.plan.steps):
            for needed in step.after:
                if needed in position:
                    self.dependents.setdefault(needed, []).append(index)
                    self.missing[index] += 1
        for index, count in enumerate(self.missing):
            if count == 0:
                self._enqueue(index)

    def _enqueue(self, index: int) -> None:
        heapq.heappush(self.last if self.plan.steps[index].comes_last else self.ready, index)

    def _stopped(self) -> bool:
        return self.stopping() or (self.fail_fast and any(end == "failed" for end, _ in self.ends.values()))

    def _start_ready(self) -> None:
        while self.ready and len(self.waits) < self.parallelism:
            if self._stopped():
                due = [index for index in self.ready if self.plan.steps[index].puts_back]
                if not due:
                    return
                self.ready = [min(due), *(index for index in self.ready if index != min(due))]
                first = self.ready.pop(0)
                heapq.heapify(self.ready)
            else:
                first = heapq.heappop(self.ready)
            self._start(self.plan.steps[first])

    def _given_up(self) -> bool:
        """Once nothing more is begun: what wasn't is skipped, where something follows it however it ends."""
        left = [step for step in self.plan.steps if step.id not in self.ends]
        awaited = {needed for step in left if step.anyway for needed in step.after}
        given_up = [step for step in left if step.id in awaited and not step.anyway] if self._stopped() else []
        self.interrupted |= bool(given_up) and self.stopping()
        for step in given_up:
            self._end(step, "skipped", self._why_not_begun)
        return bool(given_up)

    @property
    def _why_not_begun(self) -> str:
        return "interrupted" if self.stopping() else "stopped after a failure (--fail-fast)"

    # --- one step -----------------------------------------------------------------------------------------------------

    def _start(self, step: Step) -> None:
        self._tell("started", step)
        try:
            decision = self._guarded(step)
            if step.is_gathered:
                decision = self._call(step)
        except CloudError as error:
            self.causes[step.id] = cause_of(error)
            self._end(step, "failed", str(error))
            return
        self._follow(step, decision)

    def _follow(self, step: Step, decision: Decision) -> None:
        if decision.verdict == "call":
            decision = self._call(step)
        if decision.verdict == "done":
            self._end(step, "done", decision.detail)
        elif decision.verdict == "keep":
            self._end(step, "kept", decision.detail)
        elif decision.verdict == "fail" or step.wait is None:  # what is joined or blocked has a wait
            self._end(step, "failed", decision.detail)
        else:
            self._wait(step, step.wait, decision)

    def _guarded(self, step: Step) -> Decision:
        return step.guard.check(self.current) if step.guard else Decision("join") if step.wait else CALL

    def _wait(self, step: Step, wait: Wait, decision: Decision) -> None:
        if decision.others and not self.wait_for_others:
            text = f"the endpoint {decision.detail.partition(';')[0]}, and --no-wait-for-others was asked for: "
            self._end(step, "failed", text + "the next apply goes on when that is over")
            return
        since = self.clock.monotonic()
        if decision.verdict == "blocked":
            since = self.blocked_since.setdefault(step.id, since)  # one patience for all the times it is blocked
            waited_s = self.clock.monotonic() - since
            if waited_s > wait.timeout_s:
                self._end(step, "failed", f"still refused after {waited_s / 60:.0f} minutes: {decision.detail}")
                return
        self.waits[step.id] = Waiting(step, wait, since, blocked=decision.verdict == "blocked")
        if decision.detail:
            self._tell("polled", step, decision.detail)

    def _call(self, step: Step) -> Decision:
        """Make the call, again where that is safe; what an error answer means is decided in `aws.failures`."""
        attempts: dict[Failure, int] = {}
        if step.is_gathered:  # raises CloudError
            self._tell("called", step)
            return self.transfers.carry_out(step, lambda text: self._tell("polled", step, text))
        while True:
            try:
                self._tell("called", step)
                self.writer.write(step.operation, step.params)
            except CloudError as error:
                decision = self._after_error(step, error, attempts)
                if decision.verdict != "call":
                    return decision
                continue
            kind = kind_of_operation(step.operation)
            if kind is not None and kind.is_swapped:
                self.references.forget()
            waits = step.wait is not None and kind is not None and kind.is_swapped  # others wait for their turn only
            return Decision("join") if waits else Decision("done")

    def _after_error(self, step: Step, error: CloudError, attempts: dict[Failure, int]) -> Decision:
        meaning = failure_of(error)
        try:
            if meaning is Failure.EXISTS and isinstance(step.guard, (NameIsFree, EndpointNameIsFree, AsSeen, PutBack)):
                decision = step.guard.after_exists(self.current)
                if decision.verdict != "blocked" or step.wait:
                    return decision
                meaning = Failure.NOT_FOUND  # it exists and can't be read yet: as after a create of our own
            if meaning is Failure.BUSY and step.wait:
                return Decision("blocked", error.message, others=True)
            if meaning is Failure.NOT_FOUND and is_delete(step.operation):
                return Decision("done", "is gone already")
            attempts[meaning] = attempts.get(meaning, 0) + 1
            backoff = WRITES.get(meaning)
            if backoff is None or attempts[meaning] >= backoff.attempts:
                self.causes[step.id] = cause_of(error)
                return Decision("fail", _given_up(error, meaning))
            self._tell("retried", step, str(error))
            self.clock.sleep(backoff.pause_s(self.clock, attempts[meaning]))
            self.references.forget()
            return self._guarded(step)  # it may have had its effect, and somebody else may have written meanwhile
        except CloudError as unreadable:
            self.causes[step.id] = cause_of(unreadable)
            return Decision("fail", f"{error}; and then {unreadable}")

    def _end(self, step: Step, end: End, detail: str = "") -> None:
        """Note how a step ended; what needs it becomes ready, or is skipped with all that needs that in turn."""
        ending: list[tuple[Step, End, str]] = [(step, end, detail)]
        while ending:
            step, end, detail = ending.pop()
            if step.id in self.ends:
                continue
            self.waits.pop(step.id, None)
            self.ends[step.id] = (end, detail)
            self._tell(_EVENTS[end], step, detail)
            needing = self.dependents.get(step.id, ())
            if end in ("failed", "skipped"):
                why = f"{step.id} {'failed' if end == 'failed' else 'was skipped'}"
                ending += [
                    (self.plan.steps[index], "skipped", why)
                    for index in reversed(needing)
                    if not self.plan.steps[index].anyway
                ]
                needing = [index for index in needing if self.plan.steps[index].anyway]
            for index in needing:
                self.missing[index] -= 1
                if self.missing[index] == 0 and self.plan.steps[index].id not in self.ends:
                    self._enqueue(index)

    # --- waiting ------------------------------------------------------------------------------------------------------

    def _poll(self) -> None:
        try:
            seen = poll(self.reader, self.waits.values())
        except CloudError as error:
            for wait in self.waits.values():
                self._tell("polled", wait.step, f"could not look: {error}")
            seen = {}
        now = self.clock.monotonic()
        for wait in list(self.waits.values()):
            verdict = judge(wait, seen.get(wait.endpoint), now)
            if verdict.state == "waiting":
                self._tell("polled", wait.step, verdict.detail, verdict.status, verdict.phase)
            elif verdict.status == ROLLED_BACK:
                self.causes[wait.step.id] = verdict.cause
                self._end(wait.step, "failed", verdict.detail + self._follow_up(wait.step))
            elif verdict.state == "failed":
                self.causes[wait.step.id] = verdict.cause
                self._end(wait.step, "failed", verdict.detail)
            elif wait.blocked:
                self._unblock(wait.step)
            else:
                self._end(wait.step, "done", verdict.detail)

    def _unblock(self, step: Step) -> None:
        """The endpoint accepts writes again: the guard decides anew."""
        del self.waits[step.id]
        if self._stopped() and not step.puts_back:
            return  # it was never called; `_outcome` says that it was skipped
        try:
            self._follow(step, self._guarded(step))
        except CloudError as error:
            self.causes[step.id] = cause_of(error)
            self._end(step, "failed", str(error))

    # --- after a rollback ---------------------------------------------------------------------------------------------

    def _follow_up(self, step: Step) -> str:
        """Make the calls that the plan has for a rolled-back update; what goes is put off to the end. Returns words."""
        if not step.on_rollback:
            return ""
        self.rolled_back.add(step.id)
        words = ""
        for call in step.on_rollback:
            if call.on_request:
                self.cleaning.append(call)
            else:
                end, detail = self._beside(call)
                words += "" if end == "done" else f". That could not be marked on the endpoint: {detail}"
        kept = "is deleted" if self.clean and self.cleaning else "is kept so that you can look at it"
        return f"{words}. It serves as before; {step.params['EndpointConfigName']} {kept}"

    def _clean_up(self) -> None:
        """Delete what was made for updates that were rolled back, where that was asked for and nothing else uses it."""
        if not self.clean or not self.cleaning or self.stopping():
            return
        self.references.forget()
        for step in self.cleaning:
            end, detail = self._beside(step)
            if end == "done":
                self.cleaned.update(map(str, step.params.values()))
            else:
                self.aside.append((step, end, detail))

    def _beside(self, step: Step) -> tuple[End, str]:
        """One guarded call that is no step of the queue."""
        self._tell("started", step)
        try:
            decision = self._guarded(step)
            if decision.verdict == "call":
                decision = self._call(step)
        except CloudError as error:
            self.causes[step.id] = cause_of(error)
            decision = Decision("fail", str(error))
        ends: dict[str, End] = {"done": "done", "keep": "kept"}
        end = ends.get(decision.verdict, "failed")
        self._tell(_EVENTS[end], step, decision.detail)
        return end, decision.detail

    # --- the end ------------------------------------------------------------------------------------------------------

    def _outcome(self) -> Outcome:
        interrupted = self.interrupted or (self.stopping() and len(self.ends) < len(self.plan.steps))
        for step in self.plan.steps:
            if step.id not in self.ends:
                why = "interrupted" if interrupted else "stopped after a failure (--fail-fast)"
                self.ends[step.id] = ("skipped", why)
                self._tell("skipped", step, why)

        def ended(end: End) -> tuple[StepResult, ...]:
            steps = [(step, *self.ends[step.id]) for step in self.plan.steps]
            return tuple(
                StepResult(step.id, step.address, why, step.id in self.rolled_back, self._cause(step, ended))
                for step, ended, why in (*steps, *self.aside)
                if ended == end
            )

        return Outcome(ended("done"), ended("failed"), ended("skipped"), ended("kept"), interrupted)

    def _cause(self, step: Step, end: End) -> Cause:
        """What its failure comes from; nothing for a step that ended otherwise."""
        return self.causes.get(step.id, "") if end == "failed" else ""

    def _tell(self, kind: EventKind, step: Step, detail: str = "", status: str = "", phase: str = "") -> None:
        now = self.clock.now().isoformat()
        self.observer(Event(now, kind, step.id, step.address, step.operation, detail, status, phase))


def _given_up(error: CloudError, meaning: Failure) -> str:
    if meaning is Failure.NOT_FOUND:
        return f"{error} It was there before: somebody deleted it, or another apply did. Plan again"
    return str(error)


_CAUSES: Final[dict[Failure, Cause]] = {
    Failure.INVALID: "request",
    Failure.LIMIT: "limit",
    Failure.DENIED: "permission",
    Failure.PROPAGATING: "access",
}


def cause_of(error: CloudError) -> Cause:
    """What an error comes from, where it will recur until that is mended."""
    if error.code in NOT_VALID or error.code == "NoCredentials":
        return "credentials"
    return _CAUSES.get(failure_of(error), "")
