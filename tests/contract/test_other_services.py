"""Calls of services and operations that aren't simulated: refused by name, at once, in words that their clients read.

Nothing that they name is touched, though it stands in the world under the name that they use.
"""

from __future__ import annotations

import gzip
import json
import re
import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import botocore.parsers
import pytest
from botocore.exceptions import ClientError

from mmeplan.aws import shapes
from mmeplan.cloud.clock import SystemClock
from mmeplan.simulator import Request, Simulator, routing, services
from tests.cli.running import mmeplan
from tests.contract.doors import REGION, Door, create, error_of, http

ROOT = Path(__file__).parents[2]
NAME = "aaa"
REFUSED = {"UnknownOperationException", "InvalidAction", "NotImplemented"}


@cache
def models() -> dict[str, dict[str, Any]]:
    """Every service of the installed botocore: the metadata and the operations of its newest model."""
    found = {}
    for folder in sorted((shapes.botocore_folder() / "data").iterdir()):
        versions = sorted(folder.glob("*/service-2.json*"))
        if versions:
            raw = versions[-1].read_bytes()
            model = json.loads(gzip.decompress(raw) if versions[-1].suffix == ".gz" else raw)
            found[folder.name] = {part: model[part] for part in ("metadata", "operations")}
    return found


def signing(metadata: dict[str, Any]) -> str:
    return str(metadata.get("signingName") or metadata["endpointPrefix"])


def furnished(sim: Simulator) -> str:
    """A world where everything has the name that the calls use. Returns its dump."""
    door = Door(sim=sim)
    sm, s3 = door.client(), door.client("s3")
    create(sm, NAME)
    sm.create_model(ModelName=NAME, ExecutionRoleArn="arn:aws:iam::123456789012:role/r", PrimaryContainer=IMAGED)
    s3.create_bucket(Bucket=NAME, CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_object(Bucket="with-objects", Key=NAME, Body=b"1")
    door.close()
    return sim.dump()


IMAGED = {"Image": "763104351884.dkr.ecr.eu-west-1.amazonaws.com/pytorch-inference:2.1-cpu"}
BODY = json.dumps(dict.fromkeys(("ModelName", "EndpointName", "EndpointConfigName", "ResourceArn"), NAME)).encode()


def written(protocol: str, metadata: dict[str, Any], name: str, operation: dict[str, Any]) -> Request:
    """The operation's request as its protocol writes it, for what is called NAME."""
    scope = f"AKID/20260101/{REGION}/{signing(metadata)}/aws4_request"
    headers = {"Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"}
    method, path, body = "POST", "/", BODY
    if protocol == "json":
        headers["X-Amz-Target"] = f"{metadata['targetPrefix']}.{name}"
    elif protocol in ("query", "ec2"):
        headers["Content-Type"] = "application/x-www-form-urlencoded; charset=utf-8"
        body = f"Action={name}&Version={metadata['apiVersion']}&ModelName={NAME}".encode()
    elif protocol == "smithy-rpc-v2-cbor":
        headers["smithy-protocol"] = "rpc-v2-cbor"
        path = f"/service/{metadata['targetPrefix']}/operation/{name}"
    else:
        method = operation["http"]["method"]
        path = re.sub(r"\{[^}]+\}", NAME, operation["http"]["requestUri"])
    return Request(method, f"http://127.0.0.1:5010{path}", headers, body)


def test_calls_of_every_service_of_botocore_that_is_not_simulated_are_refused_and_change_nothing() -> None:
    """The first operation of each, and those that are named as an operation here, in each of its protocols."""
    simulated = {service.name for service in services.SERVICES}
    asked, wrong = 0, []
    with Simulator.open() as sim:
        before = furnished(sim)
        for service, model in models().items():
            if service in simulated:
                continue
            metadata, operations = model["metadata"], model["operations"]
            chosen = [next(iter(operations)), *(name for name in operations if name in services.BY_OPERATION)]
            if signing(metadata) in {service.signing for service in services.SERVICES}:
                chosen = list(operations)
            for protocol in metadata.get("protocols") or [metadata["protocol"]]:
                parser = botocore.parsers.create_parser(protocol)
                for name in chosen:
                    answer = sim.respond(written(protocol, metadata, name, operations[name]))
                    headers = {key.lower(): value for key, value in answer.headers.items()}
                    received = {"status_code": answer.status, "headers": headers, "body": answer.body}
                    parsed = parser.parse(received, None)
                    asked += 1
                    if (
                        operations[name]["http"]["method"] != "HEAD"
                        and parsed.get("Error", {}).get("Code") not in REFUSED
                    ):
                        wrong.append((service, protocol, name, parsed))
                    if answer.status not in (400, 501):
                        wrong.append((service, protocol, name, answer.status))
        assert wrong == []
        assert asked > 450
        assert sim.dump() == before


@pytest.mark.parametrize(
    ("service", "call", "members", "code"),
    [
        ("lookoutequipment", "delete_model", {"ModelName": NAME}, "UnknownOperationException"),
        ("machinelearning", "describe_tags", {"ResourceId": NAME, "ResourceType": "BatchPrediction"}, None),
        ("ec2", "describe_instances", {}, "InvalidAction"),
        ("sns", "list_topics", {}, "InvalidAction"),
        ("rds", "describe_db_instances", {}, "InvalidAction"),
        ("s3", "list_directory_buckets", {}, "NotImplemented"),
        ("cloudfront", "list_distributions", {}, "NotImplemented"),
        ("route53", "list_hosted_zones", {}, "NotImplemented"),
        ("lambda", "list_functions", {}, "UnknownOperationException"),
        ("eventbridgev2", "list_event_buses", {}, "UnknownOperationException"),
        ("dynamodb", "list_tables", {}, "UnknownOperationException"),
        (
            "sagemaker-featurestore-runtime",
            "get_record",
            {"FeatureGroupName": NAME, "RecordIdentifierValueAsString": "1"},
            None,
        ),
    ],
)
def test_a_client_of_another_service_reads_its_refusal_after_one_call(
    door: Door, service: str, call: str, members: dict[str, Any], code: str | None
) -> None:
    before = door.sim.dump()
    client = door.client(service, retries={"mode": "legacy"})
    assert error_of(getattr(client, call), **members)[0] == (code or "UnknownOperationException")
    assert len(door.sim.history()) == 1
    assert door.sim.dump() == before


def test_the_scope_of_the_signature_and_the_target_have_to_agree(sim_and_dump: tuple[Simulator, str]) -> None:
    sim, before = sim_and_dump
    for scope, target in (
        ("lookoutequipment", "AWSLookoutEquipmentFrontendService.DeleteModel"),
        ("sagemaker", "AWSLookoutEquipmentFrontendService.DeleteModel"),
        ("lookoutequipment", "SageMaker.DeleteModel"),
        ("s3", "SageMaker.DeleteModel"),
        ("", "AWSLookoutEquipmentFrontendService.DeleteModel"),
        ("sagemaker", "DeleteModel"),
        ("sagemaker", "SageMaker.Other.DeleteModel"),
    ):
        credential = f"Credential=A/20260101/{REGION}/{scope}/aws4_request" if scope else ""
        headers = {"Authorization": f"AWS4-HMAC-SHA256 {credential}, Signature=0", "X-Amz-Target": target}
        answer = sim.respond(Request("POST", "http://127.0.0.1/", headers, BODY))
        assert (answer.status, json.loads(answer.body)["__type"]) == (400, "UnknownOperationException")
        assert "DeleteModel" in json.loads(answer.body)["message"]
    assert sim.dump() == before


@pytest.fixture
def sim_and_dump() -> Iterator[tuple[Simulator, str]]:
    with Simulator.open() as sim:
        yield sim, furnished(sim)


def test_the_table_of_services_says_what_botocore_says() -> None:
    known = models()
    for service in services.SERVICES:
        metadata = known[service.name]["metadata"]
        assert service.signing == signing(metadata)
        assert service.target == metadata.get("targetPrefix", "")
        assert service.queried is bool({"query", "ec2"} & {*metadata.get("protocols", ()), metadata["protocol"]})
    in_xml = {signing(model["metadata"]) for model in known.values() if model["metadata"]["protocol"] == "rest-xml"}
    assert in_xml <= routing.REST_XML | {"s3"}
    assert [name for name, model in known.items() if model["metadata"]["protocol"] == "ec2"] == ["ec2"]


def test_a_refusal_is_not_tried_again_by_any_retry_mode(door: Door) -> None:
    for mode in ("legacy", "standard", "adaptive"):
        door.sim.reset()
        client = door.client("ec2", retries={"mode": mode, "max_attempts": 5})
        with pytest.raises(ClientError):
            client.describe_instances()
        assert len(door.sim.history()) == 1


def test_validate_online_waits_for_nothing_that_is_not_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What the server doesn't have is asked once: no pause comes between two tries."""
    slept: list[float] = []
    monkeypatch.setattr(SystemClock, "sleep", lambda _, seconds: slept.append(seconds))
    for service, operation in ((services.S3, "GetBucketEncryption"), (services.IAM, "SimulatePrincipalPolicy")):
        monkeypatch.delitem(service.operations, operation)
    shutil.copytree(ROOT / "examples" / "async", tmp_path, dirs_exist_ok=True)
    with Simulator.open() as sim, http(sim) as door:
        for name, value in (
            ("AWS_ENDPOINT_URL", door.url),
            ("AWS_ACCESS_KEY_ID", "any"),
            ("AWS_SECRET_ACCESS_KEY", "any"),
        ):
            monkeypatch.setenv(name, value)
        said = mmeplan("validate --online", tmp_path)
        refused = {event.outcome for event in sim.history()} & REFUSED
    assert "Not checked" in said.stdout
    assert refused == {"NotImplemented", "InvalidAction"}
    assert slept == []
