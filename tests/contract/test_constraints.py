"""Every constraint of every input shape: the value at its bound is accepted, the one beyond refused as AWS words it.

Each operation is driven in every protocol that its service speaks. The JSON bodies are written here; the query
protocol's forms, the runtime's headers and S3's headers, parameters and XML are written by botocore's serializers.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree

import botocore.loaders
import pytest
from botocore.serialize import create_serializer

from mmeplan.aws.shapes import service
from mmeplan.simulator import Request, Simulator, core
from mmeplan.simulator.services import SERVICES
from tests.contract.shape_cases import Case, Constraint, Maker, constraints_of

JSON_TARGETS = {
    "sagemaker": "SageMaker",
    "resourcegroupstaggingapi": "ResourceGroupsTaggingAPI_20170126",
    "cloudwatch": "GraniteServiceVersion20100801",
    "application-autoscaling": "AnyScaleFrontendService",
    "service-quotas": "ServiceQuotasV20190624",
    "logs": "Logs_20140328",
    "ecr": "AmazonEC2ContainerRegistry_V20150921",
    "kms": "TrentService",
    "pricing": "AWSPriceListService",
}
SCOPES = {"resourcegroupstaggingapi": "tagging", "cloudwatch": "monitoring", "service-quotas": "servicequotas"}
CODES = {
    "sagemaker": "ValidationException",
    "resourcegroupstaggingapi": "InvalidParameterException",
    "cloudwatch": "ValidationError",
    "application-autoscaling": "ValidationException",
    "service-quotas": "IllegalArgumentException",
    "sagemaker-runtime": "ValidationError",
    "sts": "ValidationError",
    "iam": "ValidationError",
    "logs": "InvalidParameterException",
    "ecr": "InvalidParameterException",
    "ec2": "InvalidParameterValue",
    "kms": "ValidationException",
    "pricing": "InvalidParameterException",
    "sns": "InvalidParameter",
}
PROTOCOLS = {
    "sts": ("query",),
    "iam": ("query",),
    "ec2": ("ec2",),
    "sns": ("query",),
    "cloudwatch": ("json", "query"),
    "sagemaker-runtime": ("rest-json",),
    "s3": ("rest-xml",),
}
S3_WORDS = {
    "StorageClass": ("InvalidStorageClass", "The storage class you specified is not valid"),
    "ServerSideEncryption": ("InvalidEncryptionAlgorithmError", "The encryption request you specified is not valid."),
    "ChecksumAlgorithm": ("InvalidRequest", "Checksum algorithm provided is unsupported. Please try again with any"),
    "CopySource": ("InvalidArgument", "Copy Source must mention the source bucket and key: sourcebucket/sourcekey"),
    "MetadataDirective": ("InvalidArgument", "Unknown metadata directive."),
    "TaggingDirective": ("InvalidArgument", "Unknown tagging directive."),
    "ObjectLockMode": ("InvalidArgument", "Unknown wormMode directive."),
    "ObjectLockLegalHoldStatus": ("InvalidArgument", "Legal Hold must be either of 'ON' or 'OFF'"),
    "EncodingType": ("InvalidArgument", "Invalid Encoding Method specified in Request"),
    "MaxBuckets": ("InvalidArgument", "Argument max-buckets must be an integer between 1 and 10000"),
    "LocationConstraint": ("InvalidLocationConstraint", "The specified location-constraint is not valid"),
    "Delete": ("MissingRequestBodyError", "Request Body is empty"),
    "Tagging": ("MissingRequestBodyError", "Request Body is empty"),
}
MALFORMED = (
    "MalformedXML",
    "The XML you provided was not well-formed or did not validate against our published schema",
)
BODIES = ("Delete", "CreateBucketConfiguration", "MultipartUpload", "Tagging")


@dataclass(frozen=True)
class Way:
    """An operation in one of the protocols of its service."""

    service: str
    operation: str
    protocol: str

    def __str__(self) -> str:
        return f"{self.service}-{self.operation}-{self.protocol}"


WAYS = [
    Way(each.name, operation, protocol)
    for each in SERVICES
    for operation in each.operations
    for protocol in PROTOCOLS.get(each.name, ("json",))
]


def unsendable(way: Way, case: Case) -> str:
    """Why a case can't be said on the wire of a protocol; empty where it can."""
    constraint = case.constraint
    if way.protocol in ("query", "ec2") and has_empty(case.request):
        return "a form has no words for a list or structure without members"
    if constraint.kind == "required" and way.protocol.startswith("rest") and len(constraint.path) == 1:
        member = str(constraint.path[0])
        place = service(way.service).shapes[service(way.service).input_shape(way.operation) or ""]["members"][member]
        if place.get("location") == "uri":
            return "a path without it is another path"
        if place.get("location") in ("querystring", "header"):
            return "without it the request is another operation"
        if member == "Body":
            return "a request without a body has an empty one"
    if way.service == "s3" and constraint.path == ("Key",) and case.refused:
        return "a path without a key is a bucket's"
    return ""


def has_empty(value: Any) -> bool:
    """Whether a list or structure without members is anywhere inside a request."""
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(item in ([], {}) or has_empty(item) for item in inside)


NOTHING_BREAKS = {r"[\S\s]*", r"[\s\S]*"}
"""Patterns that every text matches."""
NOTHING_AT_IT = {"CsvContentTypes", "JsonContentTypes"}
"""Lists whose members' pattern wants more characters than the shortest length."""


@lru_cache(maxsize=16)
def maker(name: str) -> Maker:
    return Maker(service(name))


@lru_cache(maxsize=512)
def cases(name: str, operation: str) -> tuple[Case, ...]:
    return tuple(maker(name).cases(operation))


@lru_cache(maxsize=16)
def botocore_model(name: str) -> Any:
    from botocore.model import ServiceModel

    # of a loader of its own: S3's clients take the bucket out of the paths of the model that they share
    return ServiceModel(botocore.loaders.create_loader().load_service_model(name, "service-2"), name)


def request_of(way: Way, members: Any) -> Request:
    scope = SCOPES.get(way.service, way.service.removesuffix("-runtime"))
    region = "us-east-1" if way.operation == "CreateBucket" else "eu-west-1"  # whose address makes buckets everywhere
    signed = f"AWS4-HMAC-SHA256 Credential=any/20260101/{region}/{scope}/aws4_request, SignedHeaders=host"
    headers = {"Authorization": signed}
    if way.protocol == "json":
        headers["X-Amz-Target"] = f"{JSON_TARGETS[way.service]}.{way.operation}"
        return Request("POST", "http://127.0.0.1/", headers, json.dumps(members).encode())
    made = create_serializer(way.protocol, include_validation=False).serialize_to_request(
        members, botocore_model(way.service).operation_model(way.operation)
    )
    body = urlencode(made["body"]) if isinstance(made["body"], dict) else made["body"]
    body = body.encode() if isinstance(body, str) else body
    query = urlencode(made["query_string"]) if isinstance(made["query_string"], dict) else made["query_string"]
    joined = f"{made['url_path']}{'&' if '?' in made['url_path'] else '?'}{query}" if query else made["url_path"]
    headers |= {name: str(value) for name, value in made["headers"].items()}
    return Request(
        made["method"], "http://127.0.0.1" + joined, headers, body.encode() if isinstance(body, str) else body
    )


def said(sim: Simulator, request: Request) -> tuple[str, str]:
    """Code and message of the answer; empty where it is no error."""
    answer = sim.respond(request)
    if answer.status < 300:
        return "", ""
    if answer.body[:1] == b"<":
        tree = ElementTree.fromstring(answer.body)
        texts = {node.tag.rpartition("}")[2]: node.text or "" for node in tree.iter()}
        return texts["Code"], texts["Message"]
    found = json.loads(answer.body or b"{}")
    code = found.get("__type") or answer.headers.get("x-amzn-ErrorType", "")
    return code, found.get("message") or found.get("Message", "")


def expected(way: Way, case: Case) -> tuple[str, str]:
    """The code, and what the message must hold."""
    if way.service != "s3":
        return CODES[way.service], f"at '{case.where}' failed to satisfy constraint: {case.sentence}"
    member, top = str(case.constraint.path[-1]), str(case.constraint.path[0])
    if member in S3_WORDS:
        return S3_WORDS[member]
    if top in BODIES:
        return MALFORMED
    place = service("s3").shapes[service("s3").input_shape(way.operation) or ""]["members"][top]
    return "InvalidArgument", f"The value of {place['locationName']} is not valid."


def is_as_expected(way: Way, case: Case, code: str, message: str) -> bool:
    """Whether an answer says of the value at the case's place what it must, or says nothing of it where it is right."""
    wanted, words = expected(way, case)
    if case.refused:
        return code == wanted and words in message
    if case.right and way.service != "s3":
        return f"at '{case.where}' failed to satisfy constraint" not in message
    return code != wanted or words not in message


@pytest.fixture(scope="module")
def sim() -> Iterator[Simulator]:
    with Simulator.open() as simulator:
        yield simulator


def misfits(sim: Simulator, way: Way) -> list[tuple[Any, ...]]:
    """The cases of an operation that are answered otherwise than they must be."""
    wrong = []
    for case in cases(way.service, way.operation):
        if not unsendable(way, case):
            code, message = said(sim, request_of(way, case.request))
            if not is_as_expected(way, case, code, message):
                wrong.append((str(case.constraint), case.refused, expected(way, case), code, message[:300]))
    return wrong


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_every_constraint_is_enforced_at_its_bound_and_in_the_services_words(sim: Simulator, way: Way) -> None:
    assert misfits(sim, way)[:5] == []


@pytest.mark.parametrize(
    ("way", "forgotten"),
    [
        (Way("sagemaker", "UpdateEndpoint", "json"), "max_length"),
        (Way("sagemaker", "CreateModel", "json"), "enum"),
        (Way("cloudwatch", "SetAlarmState", "query"), "enum"),
        (Way("sagemaker-runtime", "InvokeEndpoint", "rest-json"), "pattern"),
        (Way("s3", "CreateBucket", "rest-xml"), "all of S3's"),
        (Way("sagemaker", "DescribeEndpoint", "json"), "where the bound is"),
    ],
    ids=str,
)
def test_the_check_above_would_notice(
    sim: Simulator, way: Way, forgotten: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = core.violations

    def planted(model: Any, shape: str, request: Any) -> Any:
        if forgotten == "where the bound is" and "EndpointName" in request:
            request = {**request, "EndpointName": request["EndpointName"] + "x"}
        return [found for found in honest(model, shape, request) if found.constraint != forgotten]

    assert misfits(sim, way) == []
    monkeypatch.setattr(core, "violations", planted)
    monkeypatch.setattr(core.s3_inputs, "refuse", lambda *_: None)
    assert misfits(sim, way)


def test_no_constraint_of_any_operation_is_left_out() -> None:
    """By another walk over the shapes: each constraint has a value that is accepted and one that is refused."""
    missing, total = [], 0
    for each in SERVICES:
        model = service(each.name)
        for operation in each.operations:
            made = cases(each.name, operation)
            refused = {case.constraint for case in made if case.refused}
            accepted = {case.constraint for case in made if not case.refused}
            for constraint in constraints_of(model, operation):
                total += 1
                if constraint not in refused and not never_broken(model, constraint):
                    missing.append(f"{each.name} {constraint}: nothing beyond it")
                exempt = constraint.kind == "required" or NOTHING_AT_IT & {*constraint.path}
                if constraint not in accepted and not exempt:
                    missing.append(f"{each.name} {constraint}: nothing at it")
    assert missing == []
    assert total > 1100


def never_broken(model: Any, constraint: Constraint) -> bool:
    """Whether every text satisfies a pattern."""
    name = model.input_shape(constraint.operation)
    for part in constraint.path:
        name = (
            maker(model.name).below(model.shapes[name], part) if part != "<key>" else model.shapes[name]["key"]["shape"]
        )
    return constraint.kind == "pattern" and model.shapes[name]["pattern"] in NOTHING_BREAKS


def test_only_what_the_wire_cannot_say_is_not_sent() -> None:
    left_out = {
        (way.service, str(case.constraint.path[0]), unsendable(way, case))
        for way in WAYS
        for case in cases(way.service, way.operation)
        if unsendable(way, case)
    }
    no_form = "a form has no words for a list or structure without members"
    assert left_out == {
        ("cloudwatch", "Metrics", no_form),
        ("iam", "PolicyExclusionList", no_form),
        ("iam", "ContextProvider", no_form),
        ("sts", "ProvidedContexts", no_form),
        ("cloudwatch", "ActionConfiguration", no_form),
        ("cloudwatch", "EvaluationCriteria", no_form),
        ("cloudwatch", "WarmUpConfiguration", no_form),
        ("sagemaker-runtime", "EndpointName", "a path without it is another path"),
        ("sagemaker-runtime", "Body", "a request without a body has an empty one"),
        ("s3", "Bucket", "a path without it is another path"),
        ("s3", "Key", "a path without it is another path"),
        ("s3", "Key", "a path without a key is a bucket's"),
        ("s3", "UploadId", "without it the request is another operation"),
        ("s3", "PartNumber", "without it the request is another operation"),
        ("s3", "CopySource", "without it the request is another operation"),
        ("s3", "ObjectAttributes", "without it the request is another operation"),
    }


# -- values of the wrong type ------------------------------------------------------------------------------------------

WRONG_TYPES = {
    "string": (3, "NUMBER_VALUE can not be converted to a String"),
    "integer": ("x", "STRING_VALUE can not be converted to an Integer"),
    "long": ("x", "STRING_VALUE can not be converted to a Long"),
    "float": (True, "TRUE_VALUE can not be converted to a Float"),
    "double": ([], "Start of list found where not expected"),
    "boolean": ("x", "STRING_VALUE can not be converted to a Boolean"),
    "timestamp": ({}, "Start of structure or map found where not expected."),
    "list": (3, "Expected list or null"),
    "structure": ("x", "Expected null"),
    "map": ([], "Start of list found where not expected"),
}


@pytest.mark.parametrize("way", [way for way in WAYS if way.protocol == "json"], ids=str)
def test_a_value_of_the_wrong_type_cannot_be_read_anywhere(sim: Simulator, way: Way) -> None:
    made, wrong = maker(way.service), []
    top = made.model.input_shape(way.operation)
    assert top
    for path, name in made.places(top, (), ()):
        if path[-1] == "<key>":
            continue
        value, words = WRONG_TYPES[made.model.shapes[name]["type"]]
        answer = said(sim, request_of(way, made.placed(made.valid(top), top, path, value)))
        wrong += [] if answer == ("SerializationException", words) else [(path, words, answer)]
    assert wrong[:5] == []
