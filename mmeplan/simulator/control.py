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
    POST /_mmeplan/system-update  {"endpoint": "e", "seconds": 600, "region": "eu-west-1"}
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from mmeplan.simulator import fault_list
from mmeplan.simulator.core import Simulator
from mmeplan.simulator.wire import DEFAULT_REGION, Request, Response, ServiceError

Json = dict[str, Any]
Action = Callable[[Simulator, Json, Any], Json]

PREFIXES: Final = ("/_mmeplan/", "/moto-api/")


def is_control(url: str) -> bool:
    """Whether the request is for this door. No bucket's name begins with an underscore."""
    return url.startswith(PREFIXES)


def respond(sim: Simulator, request: Request) -> Response:
    """Answer one request of the control door."""
    parts = urlsplit(request.url)
    action = _ACTIONS.get((request.method, parts.path))
    try:
        if action is None:
            return _response(404, {"error": f"the control has no {request.method} {parts.path}"})
        body = json.loads(request.body) if request.body.strip() else {}
        return _response(200, action(sim, dict(parse_qsl(parts.query)), body))
    except ServiceError as refusal:
        return _response(refusal.status, {"error": refusal.message})
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        return _response(400, {"error": f"{type(error).__name__}: {error}"})


def _response(status: int, answer: Json) -> Response:
    body = json.dumps(answer).encode()
    return Response(status, {"Content-Type": "application/json", "Content-Length": str(len(body))}, body)


def _reset(sim: Simulator, _query: Json, _body: Any) -> Json:
    sim.reset()
    return {"status": "ok"}


def _clock(sim: Simulator, _query: Json, _body: Any) -> Json:
    return {"now": sim.clock.now().isoformat()}


def _advance(sim: Simulator, query: Json, body: Any) -> Json:
    sim.clock.sleep(float(body["advance"]))
    return _clock(sim, query, body)


def _ask_faults(sim: Simulator, _query: Json, body: Any) -> Json:
    return {"asked": fault_list.ask(sim.faults, body)}


def _forget_faults(sim: Simulator, _query: Json, _body: Any) -> Json:
    sim.faults.reset()
    return {"status": "ok"}


def _state(sim: Simulator, query: Json, _body: Any) -> Json:
    if "endpoint" not in query:
        return {"now": sim.clock.now().isoformat(), "endpoints": sim.state()}
    at = datetime.fromisoformat(query["at"].replace(" ", "+")) if "at" in query else None
    if at is not None and at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    found = sim.traffic(query["endpoint"], at, region=query.get("region", DEFAULT_REGION))
    return {"at": found.at.isoformat(), "old": asdict(found.old), "new": asdict(found.new)}


def _history(sim: Simulator, query: Json, _body: Any) -> Json:
    events = sim.history()[int(query.get("after", 0)) :]
    return {"events": [{**asdict(event), "at": event.at.isoformat()} for event in events]}


def _quota(sim: Simulator, _query: Json, body: Any) -> Json:
    name, value = (body["quota"], body["value"]) if "quota" in body else (body["instance_type"], body["instances"])
    sim.set_quota(str(name), int(value), region=body.get("region", DEFAULT_REGION))
    return {"status": "ok"}


def _system_update(sim: Simulator, _query: Json, body: Any) -> Json:
    sim.system_update(body["endpoint"], float(body["seconds"]), region=body.get("region", DEFAULT_REGION))
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
    ("POST", "/_mmeplan/system-update"): _system_update,
}
