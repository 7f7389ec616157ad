"""The control door: what a test does to a served world, and asks of it, over HTTP.

In: requests under `/_mmeplan/` (and `/moto-api/reset`, so that tools made for moto can drive it). Out: JSON.

    POST /_mmeplan/reset                           empty everything
    GET  /_mmeplan/clock                           {"now": …}
    POST /_mmeplan/clock      {"advance": 90}      advance virtual time by so many seconds
    POST /_mmeplan/faults     [{"fault": …}, …]    ask for faults;  DELETE forgets them
    GET  /_mmeplan/state                           endpoints, who serves now, how often they were invoked
    GET  /_mmeplan/state?endpoint=e&region=r&at=…  both fleets of one endpoint at a moment (ISO 8601)
    GET  /_mmeplan/history?after=n                 what happened, without the first n events
    POST /_mmeplan/quota      {"instance_type": "ml.m5.large", "instances": 4, "region": "eu-west-1"}, or
                              {"quota": "Maximum number of serverless endpoints", "value": 4, "region": "eu-west-1"}
    POST /_mmeplan/declare?region=r  {"images": […], …}    what else the account has there
    POST /_mmeplan/system-update  {"endpoint": "e", "seconds": 600, "region": "eu-west-1"}
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Final, TypeVar
from urllib.parse import parse_qsl, urlsplit

from mmeplan.simulator import fault_list
from mmeplan.simulator.core import Simulator
from mmeplan.simulator.wire import DEFAULT_REGION, Request, Response, ServiceError

Json = dict[str, Any]
Action = Callable[[Simulator, Json, Any], Json]

Member = TypeVar("Member", str, int, float)
MAX_SECONDS: Final = 10**10  # also of every other number: three centuries
_KINDS: Final[dict[type, str]] = {str: "text", int: "whole number", float: "number"}

PREFIXES: Final = ("/_mmeplan/", "/moto-api/")


def is_control(url: str) -> bool:
    """Whether the request is for this door. No bucket's name begins with an underscore."""
    return url.startswith(PREFIXES)


def respond(sim: Simulator, request: Request) -> Response:
    """Answer one request of the control door."""
    try:
        parts = urlsplit(request.url)
        action = _ACTIONS.get((request.method, parts.path))
        if action is None:
            return _response(404, {"error": f"the control has no {request.method} {parts.path}"})
        return _response(200, action(sim, dict(parse_qsl(parts.query)), _body(request)))
    except ServiceError as refusal:
        return _response(refusal.status, {"error": refusal.message})
    except ValueError as error:
        return _response(400, {"error": str(error)})
    except (TypeError, LookupError, ArithmeticError, AttributeError, RecursionError) as error:
        return _response(400, {"error": f"the request can't be read: {type(error).__name__}: {error}"})


def _body(request: Request) -> Any:
    if not request.body.strip():
        return {}
    try:
        return json.loads(request.body)
    except (ValueError, RecursionError):
        raise ValueError("the body is not JSON") from None


def _member(body: Any, name: str, kind: type[Member]) -> Member:
    """A member of the body. Raises ValueError where it isn't there, or isn't of the kind."""
    value = body.get(name) if isinstance(body, dict) else None
    if kind is float and isinstance(value, int) and not isinstance(value, bool) and abs(value) <= MAX_SECONDS:
        value = float(value)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise ValueError(f"the body must be a JSON object whose {name!r} is a {_KINDS[kind]}")  # noqa: TRY004  (it is data, not code)
    if isinstance(value, (int, float)) and not abs(value) <= MAX_SECONDS:
        raise ValueError(f"{name!r} must be at most {MAX_SECONDS:,}")
    return value


def _region(body: Any) -> str:
    return _member(body, "region", str) if "region" in body else DEFAULT_REGION


def _response(status: int, answer: Json) -> Response:
    body = json.dumps(answer).encode()
    return Response(status, {"Content-Type": "application/json", "Content-Length": str(len(body))}, body)


def _reset(sim: Simulator, _query: Json, _body: Any) -> Json:
    sim.reset()
    return {"status": "ok"}


def _clock(sim: Simulator, _query: Json, _body: Any) -> Json:
    return {"now": sim.clock.now().isoformat()}


def _advance(sim: Simulator, query: Json, body: Any) -> Json:
    sim.clock.sleep(_member(body, "advance", float))
    return _clock(sim, query, body)


def _ask_faults(sim: Simulator, _query: Json, body: Any) -> Json:
    return {"asked": fault_list.ask(sim.faults, body)}


def _forget_faults(sim: Simulator, _query: Json, _body: Any) -> Json:
    sim.faults.reset()
    return {"status": "ok"}


def _state(sim: Simulator, query: Json, _body: Any) -> Json:
    if "endpoint" not in query:
        return {"now": sim.clock.now().isoformat(), "endpoints": sim.state()}
    try:
        at = datetime.fromisoformat(query["at"].replace(" ", "+")) if "at" in query else None
        at = at.replace(tzinfo=at.tzinfo or UTC).astimezone(UTC) if at is not None else None
    except (ValueError, OverflowError):
        raise ValueError("'at' must be a moment such as 2026-01-01T00:00:00Z") from None
    found = sim.traffic(query["endpoint"], at, region=query.get("region", DEFAULT_REGION))
    return {"at": found.at.isoformat(), "old": asdict(found.old), "new": asdict(found.new)}


def _history(sim: Simulator, query: Json, _body: Any) -> Json:
    after = str(query.get("after", 0))
    if not (after.isascii() and after.isdigit() and len(after) < 16):
        raise ValueError("'after' must be the number of events that are known")
    events = sim.history()[int(after) :]
    return {"events": [{**asdict(event), "at": event.at.isoformat()} for event in events]}


def _quota(sim: Simulator, _query: Json, body: Any) -> Json:
    members = ("quota", "value") if isinstance(body, dict) and "quota" in body else ("instance_type", "instances")
    name, value = _member(body, members[0], str), _member(body, members[1], int)
    sim.set_quota(name, value, region=_region(body))
    return {"status": "ok"}


def _system_update(sim: Simulator, _query: Json, body: Any) -> Json:
    endpoint, seconds = _member(body, "endpoint", str), _member(body, "seconds", float)
    sim.system_update(endpoint, seconds, region=_region(body))
    return {"status": "ok"}


def _declare(sim: Simulator, query: Json, body: Any) -> Json:
    sim.declare(body, region=query.get("region", DEFAULT_REGION))
    return {"status": "ok"}


_ACTIONS: Final[dict[tuple[str, str], Action]] = {
    ("POST", "/_mmeplan/reset"): _reset,
    ("POST", "/moto-api/reset"): _reset,
    ("GET", "/_mmeplan/clock"): _clock,
    ("POST", "/_mmeplan/clock"): _advance,
    ("POST", "/_mmeplan/faults"): _ask_faults,
    ("DELETE", "/_mmeplan/faults"): _forget_faults,
    ("GET", "/_mmeplan/state"): _state,
    ("GET", "/_mmeplan/history"): _history,
    ("POST", "/_mmeplan/quota"): _quota,
    ("POST", "/_mmeplan/declare"): _declare,
    ("POST", "/_mmeplan/system-update"): _system_update,
}
