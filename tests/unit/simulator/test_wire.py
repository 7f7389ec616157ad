"""Requests at the door: whose they are, which operation they mean, and what unreadable ones are told."""

from __future__ import annotations

import json

import pytest

from mmeplan.simulator import Request
from mmeplan.simulator.wire import Caller, caller

DEFAULT = "123456789012"


def signed(scope: str) -> Request:
    return Request("POST", "http://127.0.0.1:1/", {"authorization": f"AWS4-HMAC-SHA256 Credential={scope}, Sig=0"})


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (signed("AKID/20260101/eu-west-1/sagemaker/aws4_request"), Caller(DEFAULT, "eu-west-1", "sagemaker", "AKID")),
        (
            signed("111122223333/20260101/us-gov-west-1/sts/aws4_request"),
            Caller("111122223333", "us-gov-west-1", "sts", "111122223333"),
        ),
        (
            Request("POST", "https://api.sagemaker.eu-west-1.amazonaws.com/", {}),
            Caller(DEFAULT, "eu-west-1", "sagemaker"),
        ),
        (Request("POST", "https://tagging.cn-north-1.amazonaws.com.cn/", {}), Caller(DEFAULT, "cn-north-1", "tagging")),
        (Request("POST", "https://sts.amazonaws.com/", {}), Caller(DEFAULT, "us-east-1", "sts")),
        (Request("POST", "/", {"Host": "sts.us-west-2.amazonaws.com:443"}), Caller(DEFAULT, "us-west-2", "sts")),
        (Request("POST", "http://127.0.0.1:8080/", {}), Caller(DEFAULT, "us-east-1", "")),
    ],
)
def test_account_region_and_service_come_from_the_scope_and_else_from_the_host(request_, expected):
    assert caller(request_, DEFAULT) == expected


@pytest.mark.parametrize("target", ["SageMaker.CreateTrainingJob", "Other.Thing", "SageMaker", ""])
def test_an_unknown_operation_is_a_json_error_with_a_code(sim, target):
    response = sim.respond(Request("POST", "http://127.0.0.1:1/", {"X-Amz-Target": target}, b"{}"))
    assert response.status == 400
    assert json.loads(response.body)["__type"] == "UnknownOperationException"
    assert response.headers["Content-Type"] == "application/x-amz-json-1.1"
    assert sim.history()[-1].outcome == "UnknownOperationException"


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"MaxResults": NaN}', b"\xff", b"[" * 100_000])
def test_a_body_that_is_no_json_object_is_refused_as_such(world, body):
    with pytest.raises(Exception, match="SerializationException"):
        world.send(world.request("ListModels", body))


def test_an_unsigned_request_is_answered(sim):
    request = Request(
        "POST", "https://api.sagemaker.eu-west-1.amazonaws.com/", {"x-amz-target": "SageMaker.ListModels"}
    )
    response = sim.respond(request)
    assert json.loads(response.body) == {"Models": []}
    assert response.headers["x-amzn-RequestId"] == "00000001-0000-4000-8000-000000000000"
    assert response.headers["Content-Length"] == str(len(response.body))


def test_sts_answers_in_xml_and_so_do_its_errors(sim):
    url = "https://sts.eu-west-1.amazonaws.com/"
    identity = sim.respond(Request("POST", url, {}, b"Action=GetCallerIdentity&Version=2011-06-15"))
    assert b"<Account>123456789012</Account>" in identity.body
    unknown = sim.respond(Request("POST", url, {}, b"Action=GetFederationToken"))
    assert (unknown.status, b"<Code>InvalidAction</Code>" in unknown.body) == (400, True)
