"""Every operation of every simulated service, as botocore's serializers write it: whole, or refused by name.

An operation that isn't in the table changes nothing, in a world where everything that it names is there.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any
from urllib.parse import urlencode

import botocore.loaders
import botocore.parsers
import pytest
from botocore.awsrequest import prepare_request_dict
from botocore.model import ServiceModel, Shape
from botocore.serialize import create_serializer

from mmeplan.simulator import Request, Simulator, routing, s3_operations
from mmeplan.simulator.services import SERVICES, Service
from tests.contract.test_other_services import REFUSED, furnished

REGION = "eu-west-1"
FULL, EMPTY = "with-objects", "aaa"


@cache
def model_of(service: str) -> ServiceModel:
    """A model of a loader of its own: S3's clients take the bucket out of the paths of the one that they share."""
    return ServiceModel(botocore.loaders.create_loader().load_service_model(service, "service-2"), service)


def least(shape: Shape, bucket: str, seen: tuple[str, ...] = ()) -> Any:
    """The least input that names what is there: required members alone."""
    kind = shape.type_name
    if kind == "structure":
        inside = (*seen, shape.name)
        members = [name for name in shape.required_members if shape.members[name].name not in seen]
        return {name: bucket if name == "Bucket" else least(shape.members[name], bucket, inside) for name in members}
    if kind == "list":
        return [least(shape.member, bucket, seen)] if shape.member.name not in seen else []
    if kind == "map":
        return {"aaa": least(shape.value, bucket, seen)}
    if getattr(shape, "enum", None):
        return shape.enum[0]
    plain = {"boolean": True, "blob": b"aaa", "timestamp": "2026-01-01T00:00:00Z", "float": 1.0, "double": 1.0}
    if kind in ("integer", "long"):
        return max(1, int(shape.metadata.get("min", 1)))
    return plain.get(kind, "a" * max(3, min(int(shape.metadata.get("min", 3)), 100)))


def names(service: Service) -> list[str]:
    """The service's operations, but for one that S3 Express has under the path of ListBuckets."""
    return [name for name in model_of(service.name).operation_names if name not in s3_operations.ELSEWHERE]


def protocols(service: Service) -> list[str]:
    spoken = model_of(service.name).metadata.get("protocols") or [model_of(service.name).metadata["protocol"]]
    return [protocol for protocol in spoken if protocol != "smithy-rpc-v2-cbor"]


def written(service: Service, name: str, protocol: str, bucket: str) -> Request:
    operation = model_of(service.name).operation_model(name)
    members = least(operation.input_shape, bucket) if operation.input_shape else {}
    made = create_serializer(protocol, include_validation=False).serialize_to_request(members, operation)
    scope = f"AKID/20260101/{REGION}/{service.signing}/aws4_request"
    headers = {"Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"}
    headers |= {key: str(value) for key, value in made["headers"].items()}
    prepare_request_dict(made, "http://127.0.0.1:5010")
    body = made["body"]
    if isinstance(body, dict):
        body = urlencode(body)
    return Request(made["method"], made["url"], headers, body.encode() if isinstance(body, str) else bytes(body))


@pytest.fixture
def sim() -> Iterator[Simulator]:
    with Simulator.open() as simulator:
        furnished(simulator)
        yield simulator


def swept(sim: Simulator, service: Service) -> tuple[int, list[Any]]:
    """How many operations were called, and what of their answers isn't as it must be."""
    called, wrong = 0, []
    for protocol in protocols(service):
        parser = botocore.parsers.create_parser(protocol)
        for name in names(service):
            for bucket in (FULL, EMPTY) if service.name == "s3" else ("",):
                if name in service.operations and service.operations[name].writes:
                    continue  # what they do is other tests' affair
                before = sim.dump()
                answer = sim.respond(written(service, name, protocol, bucket))
                called += 1
                headers = {key.lower(): value for key, value in answer.headers.items()}
                received = {"status_code": answer.status, "headers": headers, "body": answer.body}
                parsed = parser.parse(received, model_of(service.name).operation_model(name).output_shape)
                noted = sim.history()[-1].operation if service.name != "sagemaker-runtime" else name
                if sim.dump() != before or answer.status not in (200, 400, 404, 501):
                    wrong.append((name, "changed something", answer.status, answer.body[:200]))
                if name not in service.operations:
                    error = parsed.get("Error", {"Code": "", "Message": ""})
                    named = name in error["Message"] or alias(service, name, error["Message"])
                    if error["Code"] not in REFUSED or not named:
                        wrong.append((name, "isn't refused by name", answer.status, answer.body[:200]))
                elif noted != name:
                    wrong.append((name, "runs as", noted))
    return called, wrong


def alias(service: Service, name: str, message: str) -> bool:
    """S3 has two names for some operations, which no request tells apart, and those of other endpoints."""
    if service.name != "s3":
        return False
    http = model_of("s3").operation_model(name).http
    return (
        any(
            other in message
            for other in model_of("s3").operation_names
            if model_of("s3").operation_model(other).http == http
        )
        or name == "WriteGetObjectResponse"
    )


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_every_operation_is_whole_or_refused_by_name(sim: Simulator, service: Service) -> None:
    called, wrong = swept(sim, service)
    assert wrong == []
    reads = sum(not operation.writes for operation in service.operations.values())
    assert called >= reads + len(names(service)) - len(service.operations)


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_every_operation_is_routed_to_its_own_name(service: Service) -> None:
    for protocol in protocols(service):
        for name in names(service):
            request = written(service, name, protocol, EMPTY)
            caller = routing.Caller("1" * 12, REGION, service.signing)
            found, operation = routing.route(request, caller)
            assert found.name == service.name
            assert operation == name or alias(service, name, operation)


def test_the_sweep_finds_an_s3_that_runs_operations_as_others(sim: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Told by method and path alone, as if parameters didn't matter."""

    def told(method: str, level: str) -> list[s3_operations.Accepted]:
        return [s3_operations.accepted()[PLAIN[level][method]]] if method in PLAIN[level] else []

    monkeypatch.setattr(s3_operations, "_told", told)
    monkeypatch.setattr(s3_operations.Accepted, "foreign", lambda *_: ("", ""))
    s3 = next(service for service in SERVICES if service.name == "s3")
    assert {what for _, what, *_ in swept(sim, s3)[1]} == {"changed something", "isn't refused by name", "runs as"}


PLAIN = {
    "": {"GET": "ListBuckets"},
    "bucket": {"PUT": "CreateBucket", "HEAD": "HeadBucket", "DELETE": "DeleteBucket", "GET": "ListObjects"},
    "key": {"PUT": "PutObject", "GET": "GetObject", "HEAD": "HeadObject", "DELETE": "DeleteObject"},
}
