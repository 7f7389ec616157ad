"""The simulated SageMaker: one world, one core behind every door.

In: `Request`s. Out: `Response`s, or the exception of a fault. Each request, in this order: due transitions settle;
faults have their say; the input is held against its shape; the operation runs in one transaction; it is noted.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from mmeplan.aws import shapes
from mmeplan.aws.constraints import Violation, validation_message, violations
from mmeplan.simulator import blobs, identity, in_process, records, routing, s3_inputs, services
from mmeplan.simulator.call import Call, Operation
from mmeplan.simulator.clock import EPOCH_US, VirtualClock, instant, microseconds
from mmeplan.simulator.faults import ConnectionCut, Faults, Foreign, SimulatedCrash
from mmeplan.simulator.history import Event
from mmeplan.simulator.memory import Runtime
from mmeplan.simulator.protocols import unconvertible
from mmeplan.simulator.records import Records
from mmeplan.simulator.services import Service
from mmeplan.simulator.settings import Settings
from mmeplan.simulator.store import Store
from mmeplan.simulator.transitions import settle
from mmeplan.simulator.wire import DEFAULT_REGION, Caller, Request, Response, ServiceError, caller
from mmeplan.simulator.world import World

if TYPE_CHECKING:
    from botocore.awsrequest import AWSResponse

Json = dict[str, Any]


class Simulator(World):
    """One simulated world: its store, its clock, its faults, its history. Safe to call from several threads."""

    def __init__(self, store: Store, account: str, settings: Settings) -> None:
        """Use `open`."""
        self.settings = settings
        self.account = account
        self.clock = VirtualClock(store)
        self.faults = Faults(services.WRITES, self.clock.uniform)
        self.records = Records(store)
        self._runtime = Runtime(store)
        self._store = store
        self._history: deque[Event] = deque(maxlen=settings.history_limit)
        self._requests = 0

    @classmethod
    def open(
        cls,
        path: str | Path = ":memory:",
        *,
        seed: int = 0,
        account: str = "123456789012",
        settings: Settings | None = None,
        start: datetime | None = None,
    ) -> Simulator:
        """Open the world in the SQLite file `path`, or an empty one in memory.

        `seed` starts the generator of a new world; an existing file goes on with its own. `account` is the account of
        every caller whose access key id isn't twelve digits. `start` is the first moment of a new world (2026-01-01
        where none is given); an existing one is moved on to it, unless it is later there already. Raises StoreError
        for a file that can't be used, ValueError for a `start` without a time zone.
        """
        if start is not None and start.tzinfo is None:
            raise ValueError(f"{start!r} has no time zone")
        start_us = EPOCH_US if start is None else microseconds(start)
        store = Store(path, start_us=start_us, seed=seed, schema=records.SCHEMA + blobs.SCHEMA)
        if start is not None:
            with store.told(), store.lock, store.writing():
                store.advance(max(0, start_us - store.now_us()))
        return cls(store, account, settings or Settings())

    @property
    def store(self) -> Store:
        """Where this world lives."""
        return self._store

    def close(self) -> None:
        """Close the store. The world in memory ends with it."""
        with self._store.lock:
            self._store.close()

    def __enter__(self) -> Simulator:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def before_send(self, request: Any, **_: Any) -> AWSResponse:
        """The in-process door: register it for botocore's `before-send.*` event.

        Raises botocore's ConnectionClosedError where a fault cuts the connection, and SimulatedCrash as it is.
        """
        return in_process.send(self.respond, request)

    def respond(self, request: Request) -> Response:
        """Answer one request. Raises ConnectionCut or SimulatedCrash where such a fault was asked for."""
        with self._store.lock, self._store.told():
            self._requests += 1
            request_id = f"{self._requests:08x}-0000-4000-8000-000000000000"
            who = caller(request, self.account)
            service, name = routing.route(request, who)
            operation = service.operations.get(name)
            try:
                who = identity.known(self.records, who, request, service.protocol, self._store.now_us())
                if operation is None:
                    raise routing.unknown_operation(service, name)
                decoded = partial(service.protocol.decode, service.name, name, request)
                answer = self._answer(service, name, operation, who, decoded, request_id)
                reply = service.protocol.answer(service.name, name, answer, request_id)
            except ServiceError as refusal:
                reply = service.protocol.error(refusal, request_id)
                if operation is None:
                    self._note("call", who, name, "", refusal.code, refusal.message)
            headers = {"x-amzn-RequestId": request_id, "Content-Length": str(len(reply.body)), **reply.headers}
            if reply.body or service is not services.S3:  # S3 names no type of what has no body
                headers.setdefault("Content-Type", service.protocol.content_type)
            return Response(reply.status, headers, reply.body)

    def call(self, name: str, request: Json, *, region: str = DEFAULT_REGION) -> Json:
        """The direct door: one call of the simulator's account as plain data, without a wire.

        For those who make very many calls: everything but the protocol is as behind the other doors. The request is
        not changed, timestamps in the answer are seconds since 1970, and the answer may be kept and changed. Raises
        ServiceError where the service refuses, ConnectionCut or SimulatedCrash where such a fault was asked for, and
        ValueError for an operation that no service has.
        """
        service = services.BY_OPERATION.get(name)
        if service is None:
            raise ValueError(f"the simulator has no operation {name!r}")
        with self._store.lock, self._store.told():
            self._requests += 1
            request_id = f"{self._requests:08x}-0000-4000-8000-000000000000"
            who = Caller(self.account, region, service.name)
            operation = service.operations[name]
            copied = _copied if operation.writes else dict
            return self._answer(service, name, operation, who, lambda: copied(request), request_id) or {}

    def _answer(
        self,
        service: Service,
        name: str,
        operation: Operation,
        who: Caller,
        decoded: Callable[[], Json],
        request_id: str,
    ) -> Json | None:
        """Carry out a call with its faults, and note it. Raises ServiceError, ConnectionCut or SimulatedCrash."""
        subject, refusal, answer = "", None, None
        crash, cut = self.faults.count_write(name), self.faults.take_cut(name)
        for foreign in self.faults.take_foreign(name):
            self._write_of_another(foreign, who)
        try:
            request = decoded()
            subject = str(request.get(operation.subject, ""))
            if "before" not in (crash, cut):
                injected = self.faults.take_error(name)
                if injected:
                    raise injected
                answer = self._run(operation, who, valid(service, name, request, who.account), request_id)
        except ServiceError as error:
            refusal = error
        if crash:
            self._note("fault", who, name, subject, f"crash {crash}")
            raise SimulatedCrash(name, crash)
        if cut:
            self._note("fault", who, name, subject, f"cut {cut}")
            raise ConnectionCut(name, cut)
        if refusal:
            self._note("call", who, name, subject, refusal.code, refusal.message)
            raise refusal
        if service is not services.RUNTIME:  # invocations are counted, see `invocations`: they would drown the rest
            self._note("call", who, name, subject, "200")
        return answer

    def _write_of_another(self, foreign: Foreign, who: Caller) -> None:
        """Somebody else's write, valid or not, in the caller's account and region."""
        service = next(service for service in services.SERVICES if foreign.operation in service.operations)
        operation, outcome = service.operations[foreign.operation], "200"
        request = dict(foreign.request)
        try:
            self._run(operation, who, valid(service, foreign.operation, request, who.account))
        except ServiceError as refusal:
            outcome = refusal.code
        subject = str(request.get(operation.subject, ""))
        self._note("fault", who, foreign.operation, subject, f"foreign write {outcome}")

    def _run(self, operation: Operation, who: Caller, request: Json, request_id: str = "") -> Json | None:
        """Settle what is due, then the operation."""
        call = self._call(who.account, who.region, request_id)
        call.caller = who.arn
        now_us = call.now_us
        if operation.writes:
            return self._write(call, operation, request)
        if self._store.next_due(who.account, who.region, now_us):
            with self._store.writing():
                settle(call)
            self._history.extend(call.events)
        return operation.run(call, request)

    def _write(self, call: Call, operation: Operation, request: Json) -> Json | None:
        """One transaction. What settled stays, and is noted, even where the operation then refuses."""
        refusal: ServiceError | None = None
        answer: Json | None = None
        with self._store.writing():
            call.now_us = self._store.now_us()  # again: another process may have slept before this lock was had
            settle(call)
            if call.events:
                try:
                    with self._store.step():
                        answer = operation.run(call, request)
                except ServiceError as error:
                    refusal = error
            else:
                answer = operation.run(call, request)
        self._history.extend(call.events)
        if refusal:
            raise refusal
        return answer

    def _note(
        self,
        kind: Literal["call", "fault"],
        who: Caller,
        operation: str,
        subject: str,
        outcome: str,
        detail: str = "",
    ) -> None:
        at = instant(self._store.now_us())
        self._history.append(Event(at, kind, who.account, who.region, operation, subject, outcome, detail))


def _copied(value: Any) -> Any:
    """A copy of plain data."""
    if isinstance(value, dict):
        return {key: _copied(item) for key, item in value.items()}
    return [_copied(item) for item in value] if isinstance(value, (list, tuple)) else value


def valid(service: Service, operation: str, request: Json, account: str) -> Json:
    """The request without members that its shape doesn't have: the service ignores those.

    Raises ServiceError with the service's sentences where the request breaks its shape's constraints.
    """
    if service is services.S3:  # its inputs are spread over path, query, headers and XML, and its errors are its own
        s3_inputs.refuse(operation, request, account)
        return request
    model = shapes.service(service.name)
    shape = model.input_shape(operation)
    found = violations(model, shape, request) if shape else []
    if not found:
        return request
    broken = [violation for violation in found if violation.constraint != "unknown"]
    for violation in broken:
        if violation.constraint == "type":
            raise unconvertible(violation.value, model.shapes[violation.shape]["type"])
    if broken:
        raise ServiceError(service.invalid, validation_message(broken))
    for violation in found:
        _remove(request, violation)
    return request


def _remove(request: Json, unknown: Violation) -> None:
    holder: Any = request
    for part in unknown.path[:-1]:
        holder = holder[part]
    del holder[unknown.path[-1]]
