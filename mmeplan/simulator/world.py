"""What a test may ask of a simulated world, and do to it, beside calling its services.

In: names and moments. Out: plain data. The base of `Simulator`, which answers the calls; the control door uses it too.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from typing import Any

from mmeplan.simulator import declared, endpoints, quotas, runtime, traffic
from mmeplan.simulator.call import Call
from mmeplan.simulator.clock import VirtualClock
from mmeplan.simulator.faults import Faults
from mmeplan.simulator.history import Event
from mmeplan.simulator.memory import Invocation, Runtime
from mmeplan.simulator.names import ENDPOINT
from mmeplan.simulator.records import Records
from mmeplan.simulator.settings import Settings
from mmeplan.simulator.store import Store
from mmeplan.simulator.traffic import Traffic
from mmeplan.simulator.transitions import settle
from mmeplan.simulator.wire import DEFAULT_REGION

Json = dict[str, Any]


class World:
    """A simulated world's own state. Methods that take `region` mean the simulator's account in that region."""

    account: str
    settings: Settings
    clock: VirtualClock
    faults: Faults
    records: Records
    _store: Store
    _runtime: Runtime
    _history: deque[Event]

    def _call(self, account: str, region: str, request_id: str = "") -> Call:
        """The context of a call that comes now."""
        now_us = self._store.now_us()
        return Call(
            *(self._store, self.settings, self.faults, account, region, now_us, self.records, self._runtime),
            request_id,
        )

    def _settled(self, region: str) -> Call:
        """The context of a look at the world as it is now."""
        call = self._call(self.account, region)
        if self._store.next_due(call.account, call.region, call.now_us):
            with self._store.writing():
                settle(call)
            self._history.extend(call.events)
        return call

    # -- looking -------------------------------------------------------------------------------------------------

    def history(self) -> list[Event]:
        """What this process saw happen, oldest first: calls, transitions, faults. Invocations are only counted."""
        with self._store.lock:
            return list(self._history)

    def dump(self) -> str:
        """The store's whole content as SQL text, for comparing two worlds."""
        return self._store.dump()

    def traffic(self, endpoint_name: str, at: datetime | None = None, *, region: str = DEFAULT_REGION) -> Traffic:
        """Share and capacity of the endpoint's old and new fleet at a moment: now, in its past, or as foreseen.

        All zero before the endpoint was made and after it was deleted. Raises ValueError for a moment without a zone.
        """
        if at is not None and at.tzinfo is None:
            raise ValueError(f"{at!r} has no time zone")
        with self._store.lock:
            call = self._settled(region)
            at_us = call.now_us if at is None else round(at.timestamp() * 1_000_000)
            return traffic.at(self.records, call.account, call.region, endpoint_name, at_us)

    def invocations(self, endpoint_name: str, *, region: str = DEFAULT_REGION) -> Counter[str]:
        """How often each variant was invoked by this process, shadow variants by their copies. Exact letter case."""
        with self._store.lock:
            return Counter(self._runtime.counts.get((self.account, region, endpoint_name), Counter()))

    def loaded_models(self, endpoint_name: str, variant: str, *, region: str = DEFAULT_REGION) -> list[list[str]]:
        """The models in the memory of each instance of a multi-model variant of the fleet in force."""
        with self._store.lock:
            endpoint = self._settled(region).existing(ENDPOINT, endpoint_name)
            fleet_id = str(endpoint.body["fleet_id"])
            return self._runtime.models.names((self.account, region, endpoint.name, fleet_id, variant))

    def state(self) -> list[Json]:
        """Every endpoint of the simulator's account: status, configs and who serves now. Oldest first."""
        with self._store.lock:
            regions = self._store.regions(self.account)
            return [entry for region in regions for entry in self._state(region)]

    def _state(self, region: str) -> list[Json]:
        call = self._settled(region)
        scope = call.scope(ENDPOINT)
        found = self._store.page(scope, column="seq", descending=False, after=None, filters=(), limit=-1)
        entries = []
        for endpoint in found:
            now = traffic.at(self.records, call.account, region, endpoint.name, call.now_us)
            pending = endpoint.body["pending"]
            entries.append(
                {
                    "region": region,
                    "endpoint": endpoint.name,
                    "status": endpoint.status,
                    "config": endpoint.body["config_name"],
                    "pending_config": pending["config_name"] if pending else None,
                    "old": asdict(now.old),
                    "new": asdict(now.new),
                    "invocations": dict(self.invocations(endpoint.name, region=region)),
                }
            )
        return entries

    # -- doing ---------------------------------------------------------------------------------------------------

    def invoke(
        self,
        endpoint_name: str,
        body: bytes = b"",
        *,
        target_model: str = "",
        target_variant: str = "",
        region: str = DEFAULT_REGION,
    ) -> Invocation:
        """InvokeEndpoint without HTTP, for many of them. Raises ServiceError as the call would be refused."""
        request: Json = {"EndpointName": endpoint_name, "Body": body}
        if target_model:
            request["TargetModel"] = target_model
        if target_variant:
            request["TargetVariant"] = target_variant
        with self._store.lock:
            return runtime.invoke(self._settled(region), request)

    def draw_variants(self, endpoint_name: str, count: int, *, region: str = DEFAULT_REGION) -> Counter[str]:
        """`count` invocations at this moment, counted by variant: the choice by weight and nothing else."""
        with self._store.lock:
            call = self._settled(region)
            scope = (call.account, region, endpoint_name)
            table = self._runtime.table(*scope, call.now_us)
            return Counter(self._runtime.choose(table, scope)[1]["VariantName"] for _ in range(count))

    def answer_invocations(self, answer: Callable[[Invocation, bytes], bytes] | None) -> None:
        """Let invocations be answered by this function instead of with their own body; None goes back to that."""
        self._runtime.answering = answer

    def system_update(self, endpoint_name: str, seconds: float, *, region: str = DEFAULT_REGION) -> None:
        """The service's own maintenance of an InService endpoint: SystemUpdating for so many seconds."""
        with self._store.lock, self._store.writing():
            call = self._call(self.account, region)
            settle(call)
            endpoints.system_update(call, endpoint_name, seconds)
            self._history.extend(call.events)

    def set_quota(self, name: str, value: int, *, region: str = DEFAULT_REGION) -> None:
        """How much the account's endpoints may have: of an instance type, or of a quota of `quotas.SERVERLESS`.

        By the ARN of a capacity reservation, how many instances it holds. Raises ValueError for another name, or a
        negative value.
        """
        if name not in quotas.names() and not quotas.is_reservation(name):
            raise ValueError(f"{name!r} is neither an instance type nor one of {', '.join(quotas.SERVERLESS)}")
        if value < 0:
            raise ValueError(f"a quota must be 0 or more, not {value}")
        with self._store.lock, self._store.writing():
            self.records.put("quota", self.account, region, name, value)

    def declare(self, document: Any, *, region: str = DEFAULT_REGION) -> None:
        """What else the account has in a region, as in examples/simulator/account.yaml: images, keys, subnets, ….

        Each kind takes the place of what was declared of it before. Raises ValueError for what can't be read.
        """
        with self._store.lock, self._store.writing():
            declared.declare(self.records, self.account, region, document)

    def reset(self) -> None:
        """Empty everything: objects, faults, history, counters. Time and chance begin anew."""
        with self._store.lock:
            self._store.empty()
            self.faults.reset()
            self._runtime.clear()
            self._history.clear()
