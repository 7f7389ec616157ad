"""Whatever comes back for a call is an answer of its shape, or a CloudError. No answer is a traceback."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from botocore.session import Session

from mmeplan.cloud.answers import _PROMISED, unfit
from mmeplan.cloud.aws import _SERVICES, Cloud, Door
from mmeplan.errors import CloudError, ConnectionFailedError
from mmeplan.live import READS, pages
from mmeplan.simulator import Response
from mmeplan.simulator.in_process import send
from tests.unit.apply.cloud import Clock

SAGEMAKER = (
    *("CreateModel", "CreateEndpointConfig", "CreateEndpoint", "UpdateEndpoint", "UpdateEndpointWeightsAndCapacities"),
    *("DeleteEndpoint", "DeleteEndpointConfig", "DeleteModel", "AddTags", "DeleteTags", "ListTags", "ListModels"),
    *("DescribeModel", "DescribeEndpointConfig", "DescribeEndpoint", "ListEndpoints", "ListEndpointConfigs"),
)
OPERATIONS = {**dict.fromkeys(SAGEMAKER, "sagemaker"), **_SERVICES}
HTML = b"<html>sign in to the network</html>"
BODIES = (HTML, b"<!DOCTYPE html>", b"null", b"[1]", b"5", b'"x"', b"{", b"\xff\xfe", b"[" * 5000, b'{"a":' * 5000)


class Anything:
    """A cloud behind which every call is answered with the same bytes."""

    def __init__(self) -> None:
        self.response = Response(200, {}, b"")
        door = Door(lambda request, **_: send(lambda _: self.response, request), "123456789012")
        self.cloud = Cloud(Clock(), region="eu-west-1", door=door)
        self.models: dict[str, Any] = {}

    def model(self, operation: str) -> Any:
        service = OPERATIONS[operation]
        if service not in self.models:
            self.models[service] = Session().get_service_model(service)
        return self.models[service].operation_model(operation)

    def ask(self, operation: str, body: bytes, status: int = 200) -> Any:
        """The answer. Anything but an answer or a CloudError is raised as it is."""
        self.response = Response(status, {"Content-Type": "application/json"}, body)
        shape = self.model(operation).input_shape
        return self.cloud._call(operation, made(shape, None) if shape else {})


def made(shape: Any, chance: random.Random | None, depth: int = 0) -> Any:
    """A value of a shape, its required members and some of the others."""
    kind = shape.type_name
    if kind == "structure":
        others = [name for name in shape.members if name not in shape.required_members and chance and depth < 3]
        names = [
            *shape.required_members,
            *_PROMISED.get(shape.name, ()),
            *(name for name in others if chance and chance.random() < 0.5),
        ]
        return {name: made(shape.members[name], chance, depth + 1) for name in names}
    if kind == "list":
        return [made(shape.member, chance, depth + 1) for _ in range(max(1, shape.metadata.get("min", 1)))]
    if kind == "map":
        return {"key": made(shape.value, chance, depth + 1)}
    if getattr(shape, "enum", None):
        return shape.enum[0]
    least = shape.metadata.get("min", 1)
    values = {
        "integer": least,
        "long": least,
        "float": 1.5,
        "double": 1.5,
        "boolean": True,
        "timestamp": 1,
        "blob": b"x",
    }
    return values.get(kind, "x" * max(3, int(least)))


@pytest.fixture(scope="module")
def anything() -> Anything:
    return Anything()


@pytest.mark.parametrize("operation", OPERATIONS)
def test_what_is_no_answer_is_an_error_of_the_call_whatever_its_status(anything: Anything, operation: str) -> None:
    streams = anything.model(operation).has_streaming_output
    for body in BODIES:
        for status in (200, 400, 403, 500, 503):
            try:
                anything.ask(operation, body, status)
            except CloudError:
                pass
            else:
                xml = anything.model(operation).service_model.resolved_protocol != "json"
                assert status == 200
                assert streams or (xml and body not in BODIES[:2]), (operation, body[:20])


def mutations(answer: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """The answer with another type at each of its places in turn, and without each of its members."""
    if at:
        for other in (None, 5, 1e300, "x", True, [], {}, [1], {"x": 1}):
            yield at, other
    items = answer.items() if isinstance(answer, Mapping) else enumerate(answer) if isinstance(answer, list) else ()
    for key, item in items:
        yield from mutations(item, (*at, key))


def changed(answer: Any, at: tuple[Any, ...], value: Any) -> Any:
    copy = json.loads(json.dumps(answer))
    holder = copy
    for key in at[:-1]:
        holder = holder[key]
    holder[at[-1]] = value
    return copy


JSON_READS = [name for name in SAGEMAKER if name.startswith(READS)] + ["GetResources"]


@pytest.mark.parametrize("operation", JSON_READS)
def test_an_answer_with_a_member_of_another_type_is_an_error_or_has_the_type(
    anything: Anything, operation: str
) -> None:
    shape = anything.model(operation).output_shape
    answer = made(shape, random.Random(operation))
    refused = 0
    assert anything.ask(operation, json.dumps(answer).encode())
    for at, other in mutations(answer):
        try:
            anything.ask(operation, json.dumps(changed(answer, at, other)).encode())
        except ConnectionFailedError:
            refused += 1
    assert refused > 20


def test_what_a_shape_does_not_know_yet_is_no_fault(anything: Anything) -> None:
    answer = made(anything.model("DescribeEndpoint").output_shape, random.Random(1))
    answer |= {"EndpointStatus": "Dreaming", "NewMember": {"of": ["any", 5]}}
    assert anything.ask("DescribeEndpoint", json.dumps(answer).encode())["EndpointStatus"] == "Dreaming"


def test_the_place_that_is_wrong_is_told_and_no_value(anything: Anything) -> None:
    shape = anything.model("DescribeModel").output_shape
    answer: dict[str, Any] = {"ModelName": "m", "ModelArn": "a", "Containers": [{"Environment": {"KEY": 5}}]}
    assert unfit(shape, {**answer, "CreationTime": 5}) == "Containers[0].Environment[…] is no string"
    assert unfit(shape, {"ModelName": "m", "ModelArn": "a"}) == "CreationTime is missing"
    secret = json.dumps({**answer, "ModelArn": 7, "PrimaryContainer": {"Environment": {"KEY": "hunter2-hunter2"}}})
    with pytest.raises(ConnectionFailedError) as refused:
        anything.ask("DescribeModel", secret.encode())
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("tokens", [["a", "a"], ["a", "b", "a"], ["a", "b", "c", "b"]])
def test_a_listing_that_leads_back_to_a_page_ends_with_an_error(tokens: list[str]) -> None:
    class Reader:
        def __init__(self) -> None:
            self.left = list(tokens)

        def read(self, operation: str, params: Any) -> Any:
            return {"Tags": [], "NextToken": self.left.pop(0)}

    with pytest.raises(CloudError, match="NextToken came twice"):
        list(pages(Reader(), "ListTags", {}))  # type: ignore[arg-type]


@pytest.mark.parametrize("fault", [TypeError, RuntimeError, AssertionError, KeyError])
def test_a_fault_of_the_in_process_service_is_not_taken_for_an_answer(fault: type[Exception]) -> None:
    def broken(**_: Any) -> Any:
        raise fault("planted")

    cloud = Cloud(Clock(), region="eu-west-1", door=Door(broken, "123456789012"))
    with pytest.raises(fault, match="planted"):
        cloud.read("ListModels", {})
