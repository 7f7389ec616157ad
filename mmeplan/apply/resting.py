"""Endpoints that are looked at until nothing is under way on them, whoever began it. Reads only.

In: the names of endpoints. Out: a `Rested` for each: at rest, ended badly, or still under way when the time was up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from mmeplan.apply.events import Event
from mmeplan.apply.retrying import DENIED_POLLS
from mmeplan.apply.waits import poll
from mmeplan.aws.lifecycle import BUSY, IN_SERVICE, ROLLING_BACK, UPDATING
from mmeplan.errors import CloudError
from mmeplan.live import Clock, LiveEndpoint, Reader, observe_endpoints
from mmeplan.plan.document import POLL_INTERVAL_S, POLL_JITTER


@dataclass(frozen=True, slots=True)
class Rested:
    """How the wait for an endpoint ended. `detail` is a sentence, of one at rest only where SageMaker gives a reason.

    `rest`: InService, and nothing is pending. `failed`: Failed, rolled back, gone, or not to be seen any more.
    `waiting`: still under way when the time was up.
    """

    address: str
    name: str
    state: Literal["rest", "failed", "waiting"]
    status: str = ""
    detail: str = ""


@dataclass
class _Look:
    """An endpoint that is looked at, as `waits.Polled`. `status` is its last one, empty before the first look.

    `wanted` is the config that an update under way was seen to lead to. `unread` counts looks in a row that failed.
    """

    address: str
    endpoint: str  # its name
    status: str = ""
    phase: str = ""
    seen_busy: bool = False
    wanted: str = ""
    went_back: bool = False
    unread: int = 0

    @property
    def expected(self) -> str:
        """The status in which a listing would show that the wait goes on."""
        return self.status if self.status in BUSY else UPDATING

    def judge(self, live: LiveEndpoint | None) -> Rested | None:
        """How the wait ended; None where it goes on. `live` is None where a listing showed that it is still busy."""
        if live is None:
            self.went_back |= self.status == ROLLING_BACK
            return None
        if live.status == "unreadable":
            self.unread += 1
            end = self._failed(f"it can't be looked at ({live.error})")
            return end if self.unread >= DENIED_POLLS else None
        self.unread = 0
        if live.status == "absent":
            gone = "it is gone: somebody deleted it" if self.status else "there is no such endpoint"
            return self._failed(gone)
        before, self.status, self.phase = self.status, live.endpoint_status, live.phase
        self.went_back |= self.status == ROLLING_BACK
        self.wanted = live.pending_config or self.wanted
        if self.status in BUSY or live.has_pending_deployment:
            self.seen_busy = True
            return None
        reason = live.failure_reason or "SageMaker gave no reason"
        if self.status != IN_SERVICE:
            return self._failed(reason)
        if self.wanted not in ("", live.config):
            return self._failed(f"it was being updated to {self.wanted}, and runs {live.config}: {reason}")
        if self.went_back or (before == UPDATING and not self.wanted and live.failure_reason):
            return self._failed(f"SageMaker went back to the former weights or counts: {reason}")
        return Rested(self.address, self.endpoint, "rest", self.status, live.failure_reason)

    def _failed(self, detail: str) -> Rested:
        return Rested(self.address, self.endpoint, "failed", self.status, detail)


def until_rest(
    reader: Reader,
    clock: Clock,
    names: Mapping[str, str],
    *,
    timeout_s: float | None = None,
    poll_interval_s: float = POLL_INTERVAL_S,
    observer: Callable[[Event], None] = lambda _: None,
) -> tuple[Rested, ...]:
    """Look at endpoints, name by address, until each is at rest or has ended badly, or the time is up.

    `observer` gets a `polled` event for each that is still under way at a look. Raises CloudError where not even the
    caller's identity can be read.
    """
    reader.read("GetCallerIdentity", {})
    began_s = clock.monotonic()
    looks = [_Look(address, name) for address, name in names.items()]
    ended: dict[str, Rested] = {}
    seen: Mapping[str, LiveEndpoint | None] = observe_endpoints(reader, names.values())
    while True:
        for look in looks:
            if (end := look.judge(seen[look.endpoint]) if look.endpoint in seen else None) is not None:
                ended[look.address] = end
        looks = [look for look in looks if look.address not in ended]
        for look in looks:
            now = clock.now().isoformat()
            observer(Event(now, "polled", look.address, look.address, "wait", "", look.status, look.phase))
        left_s = float("inf") if timeout_s is None else began_s + timeout_s - clock.monotonic()
        if not looks or left_s <= 0:
            break
        clock.sleep(min(left_s, poll_interval_s * (1 + clock.uniform(0, POLL_JITTER))))
        try:
            seen = poll(reader, looks)
        except CloudError:  # a listing that failed: the next look may work
            seen = {}
    for look in looks:
        ended[look.address] = Rested(look.address, look.endpoint, "waiting", look.status, look.phase)
    return tuple(ended[address] for address in names)
