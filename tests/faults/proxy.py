"""A proxy between boto3 and the simulated SageMaker: it refuses, cuts, delays and garbles, by chance and by seed.

It sees whole HTTP requests and answers. Lists come in pages of one, so that there are tokens that can expire.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from mmeplan.simulator import Response, Simulator
from mmeplan.simulator.faults import ConnectionCut
from mmeplan.simulator.in_process import send
from mmeplan.simulator.wire import Request

JSON: Final = {"Content-Type": "application/x-amz-json-1.1"}
HTML: Final = b"<html><body>Sign in to the network</body></html>"
PAGE_MEMBERS: Final = {"GetResources": "ResourcesPerPage"}

Trouble = Callable[["Proxy", Request, str], Response]


def refusal(code: str, message: str, status: int = 400) -> Response:
    return Response(status, JSON, json.dumps({"__type": code, "message": message}).encode())


def denied(proxy: Proxy, request: Request, operation: str) -> Response:
    return refusal("AccessDeniedException", f"User: x is not authorized to perform: sagemaker:{operation}")


def throttled(proxy: Proxy, request: Request, operation: str) -> Response:
    return refusal("ThrottlingException", "Rate exceeded")


def storm(proxy: Proxy, request: Request, operation: str) -> Response:
    proxy.lasting, proxy.left = throttled, proxy.chance.randrange(2, 12)
    return throttled(proxy, request, operation)


def fails_before(proxy: Proxy, request: Request, operation: str) -> Response:
    return refusal("InternalFailure", "oops", proxy.chance.choice((500, 502, 503)))


def fails_after(proxy: Proxy, request: Request, operation: str) -> Response:
    proxy.simulator.respond(request)
    return fails_before(proxy, request, operation)


def cut_before(proxy: Proxy, request: Request, operation: str) -> Response:
    raise ConnectionCut(operation, "before")


def cut_after(proxy: Proxy, request: Request, operation: str) -> Response:
    proxy.simulator.respond(request)
    raise ConnectionCut(operation, "after")


def outage(proxy: Proxy, request: Request, operation: str) -> Response:
    proxy.lasting, proxy.left = cut_before, proxy.chance.randrange(2, 12)
    return cut_before(proxy, request, operation)


def expired_token(proxy: Proxy, request: Request, operation: str) -> Response:
    if b'Token": "' in request.body or b'Token":"' in request.body:
        return refusal("ValidationException", "The pagination token has expired.")
    return proxy.simulator.respond(request)


def expired_credentials(proxy: Proxy, request: Request, operation: str) -> Response:
    proxy.lasting, proxy.left = expired_credentials, 10_000
    return refusal("ExpiredTokenException", "The security token included in the request is expired")


def clock_step(proxy: Proxy, request: Request, operation: str) -> Response:
    proxy.stepped += timedelta(hours=proxy.chance.choice((-1, 1)))
    return proxy.simulator.respond(request)


def unknown_status(proxy: Proxy, request: Request, operation: str) -> Response:
    return proxy.garbled(request, lambda answer: {**answer, "EndpointStatus": "Dreaming"})


def unknown_members(proxy: Proxy, request: Request, operation: str) -> Response:
    def more(value: Any) -> Any:
        if isinstance(value, dict):
            return {**{key: more(item) for key, item in value.items()}, "NewMember": {"Of": [1, None, "x"]}}
        return [more(item) for item in value] if isinstance(value, list) else value

    return proxy.garbled(request, more)


def wrong_shape(proxy: Proxy, request: Request, operation: str) -> Response:
    answer = proxy.simulator.respond(request)
    half = answer.body[: len(answer.body) // 2]
    bodies = (HTML, b"null", b"[1]", b"5", b"\xff\xfe", half, b'{"Endpoints": 5, "Tags": 5}')
    return replace(answer, status=200, body=proxy.chance.choice(bodies))


def wrong_member(proxy: Proxy, request: Request, operation: str) -> Response:
    """One member, at any depth, is gone or of another type."""

    def wrong(answer: dict[str, Any]) -> Any:
        holder: Any = answer
        while True:
            if not holder:
                return answer
            key = proxy.chance.choice(sorted(holder)) if isinstance(holder, dict) else 0
            if isinstance(holder[key], (dict, list)) and proxy.chance.random() < 0.6:
                holder = holder[key]
                continue
            if isinstance(holder, dict) and proxy.chance.random() < 0.4:
                del holder[key]
            else:
                holder[key] = proxy.chance.choice((None, 5, "x", [], {}, [1], 1e300, True))
            return answer

    return proxy.garbled(request, wrong)


def endless_list(proxy: Proxy, request: Request, operation: str) -> Response:
    token = "PaginationToken" if operation == "GetResources" else "NextToken"
    if not operation.startswith(("List", "GetResources")):
        return proxy.simulator.respond(request)
    proxy.lasting, proxy.left = endless_list, 10
    bare = {key: value for key, value in json.loads(request.body).items() if key != token}
    first = replace(request, body=json.dumps(bare).encode())
    return proxy.garbled(first, lambda answer: {**answer, token: "again"})


TROUBLES: Final[tuple[Trouble, ...]] = (
    *(denied, throttled, storm, fails_before, fails_after, cut_before, cut_after, outage, expired_token),
    *(expired_credentials, clock_step, unknown_status, unknown_members, wrong_shape, wrong_member, endless_list),
)


class Proxy:
    """What stands between one world and its engine. `left` calls more meet the trouble that lasts."""

    def __init__(self, simulator: Simulator, chance: random.Random, only: tuple[Trouble, ...] = TROUBLES) -> None:
        self.simulator = simulator
        self.chance = chance
        self.troubles = only
        self.each = chance.choice((0.02, 0.08, 0.25))  # part of the calls that meet trouble
        self.calm = True
        self.lasting: Trouble | None = None
        self.left = 0
        self.stepped = timedelta()
        self.met: Counter[str] = Counter()
        self.calls = 0

    def before_send(self, request: Any, **_: Any) -> Any:
        """In the place of the simulator's own door."""
        return send(self.respond, request)

    def respond(self, request: Request) -> Response:
        operation = request.header("x-amz-target").rpartition(".")[2]
        self.calls += 1
        if self.calm:
            return self.simulator.respond(request)
        if operation.startswith(("List", "GetResources")) and operation != "ListTags":  # whose pages hold 50 or more
            asked = {**json.loads(request.body), PAGE_MEMBERS.get(operation, "MaxResults"): 1}
            request = replace(request, body=json.dumps(asked).encode())
        trouble = self._trouble()
        if trouble is None:
            return self.simulator.respond(request)
        self.met[trouble.__name__] += 1
        return trouble(self, request, operation)

    def _trouble(self) -> Trouble | None:
        if self.left:
            self.left -= 1
            return self.lasting
        return self.chance.choice(self.troubles) if self.chance.random() < self.each else None

    def garbled(self, request: Request, change: Callable[[dict[str, Any]], Any]) -> Response:
        """The simulator's answer, changed where it is JSON and no refusal."""
        answer = self.simulator.respond(request)
        if answer.status != 200 or not answer.body.startswith(b"{"):
            return answer
        return replace(answer, body=json.dumps(change(json.loads(answer.body))).encode())
