"""The ports that one apply is given: the cloud and the clock, watched, interrupted and killed as the scenario says.

Before each write: the invariants; then what others do right then; then, perhaps, a crash. After each: they again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from mmeplan.apply import FleetLock
from mmeplan.live import Answer, Call, Progress
from mmeplan.plan import Plan
from mmeplan.simulator import SimulatedCrash
from tests.simulation.seeds.account import ACCOUNT, REGION, Account
from tests.simulation.seeds.locks import CALLS, Locks
from tests.simulation.seeds.random_source import RandomSource
from tests.simulation.seeds.watching import Watch
from tests.simulation.world import Broken

Turn = Callable[[], None]

AUTOSCALED = 0.06  # of the moments at which an autoscaler may move a count


class Hand:
    """Reader, Writer and Clock of one process. `turn` lets another process have its turn, where there is one."""

    region = REGION

    def __init__(
        self,
        account: Account,
        watch: Watch,
        cloud: Any,
        act: Mapping[str, Any],
        external: Callable[[Any], None],
        turn: Turn,
    ) -> None:
        self.account = account
        self.watch = watch
        self.s3 = cloud
        self.locks: Locks | None = None  # of the life, where it has any
        self.lock: FleetLock | None = None  # that this process holds
        self.cloud = cloud
        self.act = act
        self.external = external
        self.turn = turn
        self.planned: frozenset[tuple[str, str]] = frozenset()  # the steps of what is being applied
        self.name = f"apply {id(self)}"
        self.writes = 0
        self.looked_us: dict[str, tuple[int, int]] = {}  # name → when its guard looked last, and `slept_us` by then
        self.slept_us = 0  # how long this process has slept so far
        self.events = 0
        self.scaler = RandomSource(act["autoscaler"]) if "autoscaler" in act else None

    def begin(self, plan: Plan) -> None:
        """From now on this plan is applied: its steps, and no other calls."""
        self.planned = frozenset((operation, text_of(params)) for operation, params in plan.calls)

    # --- reader and writer ----------------------------------------------------------------------------------------

    def read(self, operation: str, params: Mapping[str, Any]) -> Answer:
        self.turn()
        self._autoscale()
        if operation.startswith("Describe"):
            self.looked_us |= dict.fromkeys(map(str, params.values()), (self.account.now_us(), self.slept_us))
        answer: Answer = (self.s3 if operation in CALLS else self.cloud).read(operation, params)
        return answer

    def gather(self, calls: Sequence[Call], progress: Progress | None = None) -> list[Answer | Exception]:
        if calls:
            self.turn()
            self._autoscale()
        answers: list[Answer | Exception] = self.cloud.gather(calls, progress)
        return answers

    def write(self, operation: str, params: Mapping[str, Any]) -> Answer:
        if operation in CALLS:
            self.turn()
            kept: Answer = self.s3.write(operation, params)
            return kept
        if self.locks is not None and self.lock is not None:
            self.locks.before_write(self.lock)
        self.turn()
        self.writes += 1
        if (operation, text_of(params)) not in self.planned:
            raise Broken(f"steps: {operation} {text_of(params)} was called and not planned")
        self.watch.look("time")
        looked_us, slept_us = self.looked_us.get(str(next(iter(params.values()))), (0, self.slept_us))
        self.watch.before_write(operation, params, self.name, looked_us, self.slept_us - slept_us)
        for number, external in self.act.get("meanwhile", ()):
            if number == self.writes:
                self.external({**external, "operation": operation, "params": dict(params)})
        self._die(operation, "before")
        began_us = self.account.now_us()
        try:
            answer: Answer = self.cloud.write(operation, params)
        finally:
            self.watch.look(self.name)
            if operation == "CreateModel" and not self.act.get("replace") and "rollback" not in self.act:
                self.watch.made_model(params, self.act["fleet"], began_us)
        self._die(operation, "after")
        return answer

    def _autoscale(self) -> None:
        """An autoscaler may move a count at any moment."""
        if self.scaler is not None and self.scaler.flip(AUTOSCALED):
            self.external({"do": "autoscale", "fleet": self.act["fleet"], "chance": self.scaler.between(0, 1_000_000)})

    def _die(self, operation: str, when: Any) -> None:
        if self.act.get("dies") == [self.writes, when]:
            raise SimulatedCrash(operation, when)

    # --- clock ----------------------------------------------------------------------------------------------------

    def now(self) -> datetime:
        return self.account.sim.clock.now()

    def monotonic(self) -> float:
        return self.account.sim.clock.monotonic()

    def sleep(self, seconds: float) -> None:
        self.turn()
        self._autoscale()
        self.slept_us += int(seconds * 1e6)
        self.account.sim.clock.sleep(seconds)
        if self.account.sim.store.next_due(ACCOUNT, REGION, self.account.now_us()):
            self.watch.look("time")

    def uniform(self, low: float, high: float) -> float:
        return self.account.sim.clock.uniform(low, high)

    # --- the person at the keyboard -------------------------------------------------------------------------------

    def observe(self, _event: Any) -> None:
        """Counts events: Ctrl-C comes at one of them."""
        self.events += 1

    def stopping(self) -> bool:
        return bool(0 < self.act.get("stops", 0) <= self.events)


def text_of(params: Any) -> str:
    """A request as text, to compare it word for word."""
    return json.dumps(params, sort_keys=True, default=list)
