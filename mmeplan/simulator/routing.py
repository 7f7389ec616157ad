"""Which service and which operation a request is for: by the signature's scope and by what the request names.

In: a request and whose it is. Out: the `Service` and the operation's name. A service or an operation that the simulator
doesn't have is a `Service` without that operation, in the protocol that the request is written in, so that its client
can read the refusal. Source: botocore, `signingName`, `targetPrefix` and `protocol` of each service's metadata.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

from mmeplan.aws import shapes
from mmeplan.simulator import s3_wire
from mmeplan.simulator.protocols import CBOR, EC2, JSON, QUERY, XML, Protocol, form
from mmeplan.simulator.services import RUNTIME, S3, SERVICES, Service
from mmeplan.simulator.wire import Caller, Request, ServiceError

REST_XML: Final = frozenset({"cloudfront", "route53", "s3express"})
"""Signing names of the services whose REST calls are answered in XML; those of all others are answered in JSON."""

S3_CONTROL: Final = "/v20180820/"
"""Where the paths of S3 Control begin, whose signatures have S3's scope."""

_BY_TARGET: Final = {service.target: service for service in SERVICES if service.target}
_QUERIED: Final = [service for service in SERVICES if service.queried]
_RPC = re.compile(r"/service/([^/]+)/operation/([^/]+)")


def route(request: Request, caller: Caller) -> tuple[Service, str]:
    """The service and the operation of a request; the operation may be one that the service doesn't have.

    JSON services say both in `X-Amz-Target`; the query protocol says its `Action` in the body or the URL; the runtime
    and S3 are told by the path. Whatever they say has to fit the signature's scope; an unsigned request has none.
    """
    target = request.header("x-amz-target")
    if target:
        prefix, _, operation = target.rpartition(".")
        return _if_signed_for(_BY_TARGET.get(prefix), caller, prefix, JSON), operation or target
    path = urlsplit(request.url).path
    if request.header("smithy-protocol") == "rpc-v2-cbor":
        named = _RPC.fullmatch(path)
        prefix, operation = named.groups() if named else ("", "")
        return _elsewhere(caller.service or prefix, CBOR), operation
    if caller.service == "s3":
        if path.startswith(S3_CONTROL):
            return _elsewhere("s3control", XML), f"{request.method} {path}"
        return S3, s3_wire.operation(request)
    if caller.service in (RUNTIME.signing, ""):
        operation = _rest_operation(RUNTIME.name, request.method, path)
        if operation:
            return RUNTIME, operation
    action = form(request).get("Action", "") if b"Action=" in request.body or "Action=" in request.url else ""
    if action:
        found = [service for service in _QUERIED if caller.service == service.signing or not caller.service]
        known = next((service for service in found if action in service.operations), found[0] if found else None)
        if known:
            return replace(known, protocol=EC2 if known.signing == "ec2" else QUERY), action
        return _elsewhere(caller.service, EC2 if caller.service == "ec2" else QUERY), action
    protocol = XML if caller.service in REST_XML else JSON
    return _elsewhere(caller.service, protocol), f"{request.method} {path}"


def _if_signed_for(service: Service | None, caller: Caller, named: str, protocol: Protocol) -> Service:
    if service and caller.service in (service.signing, ""):
        return service
    return _elsewhere(caller.service or named, protocol)


def _elsewhere(name: str, protocol: Protocol) -> Service:
    """A service that has no operations here."""
    return Service(name or "service", protocol, {}, signing=name)


@lru_cache(maxsize=8)
def _paths(service: str) -> list[tuple[str, re.Pattern[str], str]]:
    """Method, path and name of each operation of a REST service whose paths differ."""
    found = []
    for name, operation in shapes.service(service).operations.items():
        path = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(operation["http"]["requestUri"]))
        found.append((operation["http"]["method"], re.compile(path), name))
    return found


def _rest_operation(service: str, method: str, path: str) -> str:
    return next((name for verb, places, name in _paths(service) if verb == method and places.fullmatch(path)), "")


def unknown_operation(service: Service, operation: str) -> ServiceError:
    """The answer to an operation that the simulator doesn't have: never one that a client tries again."""
    message = f"The simulated {service.name} has no operation {operation or '(none given)'}."
    if service.protocol in (S3.protocol, XML):
        return ServiceError("NotImplemented", message, 501)
    code = "InvalidAction" if service.protocol in (QUERY, EC2) else "UnknownOperationException"
    return ServiceError(code, message)
