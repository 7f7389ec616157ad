"""Exchanges of a client with a simulated world: recorded as data, and asked again of another world.

A request keeps what decides its answer; an answer what clients read. Asked again, each at the moment that it was asked
at, everything that was answered must still be answered; more may be.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mmeplan.simulator import Request, Simulator
from mmeplan.simulator.settings import Settings
from mmeplan.simulator.wire import Response

STORED = Path(__file__).parent / "exchanges"
KEPT = re.compile(r"authorization|content-(type|encoding|md5)|range|if-|transfer-encoding|smithy-protocol|x-amz", re.I)
NOT_KEPT = re.compile(r"x-amz-(date|user-agent|security-token)|x-amzn-(query-mode|trace-id)", re.I)
SIGNATURE = re.compile(r"Signature=[0-9a-f]+")


def recording(sim: Simulator, into: list[dict[str, Any]]) -> Callable[[Request], Response]:
    """A `respond` that keeps what is asked and answered."""
    respond, reset = sim.respond, sim.reset

    def kept_reset() -> None:
        into.append({"at_us": sim.store.now_us(), "reset": True})
        reset()

    sim.reset = kept_reset  # type: ignore[method-assign]

    def kept(request: Request) -> Response:
        at_us = sim.store.now_us()
        answer = respond(request)
        headers = {
            name: SIGNATURE.sub("Signature=0", value)
            for name, value in request.headers.items()
            if KEPT.match(name) and not NOT_KEPT.match(name)
        }
        asked = {"method": request.method, "url": request.url, "headers": headers, "body": text(request.body)}
        into.append({"at_us": at_us, **asked, "status": answer.status, "answer": text(answer.body)})
        return answer

    return kept


def text(body: bytes) -> Any:
    """A body as JSON data where it is nothing but JSON, as text where it is that, else in base64."""
    try:
        decoded = body.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(body).decode()}
    try:
        found = json.loads(decoded)
    except ValueError:
        return decoded
    return {"json": found} if isinstance(found, dict) and decoded == decoded.strip() else decoded


def raw(body: Any) -> bytes:
    """The bytes of which `text` made this."""
    if isinstance(body, dict):
        return base64.b64decode(body["base64"]) if "base64" in body else json.dumps(body["json"]).encode()
    return str(body).encode()


def departures(exchanges: list[dict[str, Any]], settings: Settings | None = None) -> list[str]:
    """How another world's answers depart from the stored ones; empty where each holds all that was answered."""
    found = []
    with Simulator.open(settings=settings) as sim:
        for number, one in enumerate(exchanges):
            if "reset" in one:
                sim.reset()
                continue
            sim.clock.sleep(max(0, one["at_us"] - sim.store.now_us()) / 1_000_000)
            answer = sim.respond(Request(one["method"], one["url"], one["headers"], raw(one["body"])))
            what = f"{number} {one['method']} {one['url']} {one['headers'].get('X-Amz-Target', '')}"
            if answer.status != one["status"]:
                found.append(f"{what}: {answer.status} {text(answer.body)}, not {one['status']} {one['answer']}")
            elif lacks(text(answer.body), one["answer"]):
                found.append(f"{what}: {text(answer.body)}, not {one['answer']}")
    return found


def lacks(answer: Any, stored: Any) -> bool:
    """Whether anything that was stored isn't answered. Of XML the root is looked at: other tests know the rest."""
    if isinstance(stored, dict):
        return not isinstance(answer, dict) or any(lacks(answer.get(key), value) for key, value in stored.items())
    if isinstance(stored, list):
        same = isinstance(answer, list) and len(answer) == len(stored)
        return not same or any(map(lacks, answer, stored))
    if isinstance(stored, str) and stored.startswith("<"):
        roots = [re.findall(r"<(\w+)", value)[:1] for value in (str(answer), stored)]
        return roots[0] != roots[1]
    return bool(answer != stored)
