"""The details that real clients depend on, one test for each of the twelve of docs/simulator.md."""

from __future__ import annotations

import http.client
import io
import json
import signal
import socket
import threading
import time
import urllib.error
import urllib.request
from contextlib import closing
from typing import Any

import pytest

from mmeplan.simulator import Settings, Simulator
from mmeplan.simulator.server import Server
from tests.contract.doors import ARN, IMAGE, ROLE, VARIANT, Door, create, error_of, served
from tests.contract.doors import http as over_http

CANARY = {
    "BlueGreenUpdatePolicy": {
        "TrafficRoutingConfiguration": {
            "Type": "CANARY",
            "WaitIntervalInSeconds": 300,
            "CanarySize": {"Type": "INSTANCE_COUNT", "Value": 1},
        },
        "TerminationWaitInSeconds": 120,
    }
}


def test_01_serve_prints_one_line_ends_on_sigterm_and_resets(tmp_path: Any) -> None:
    with served("--db", str(tmp_path / "world.db"), "--speed", "1") as one:
        assert one.line == f"serving {one.door.url}\n"
        client = one.door.client()
        client.create_model(ModelName="m", ExecutionRoleArn=ROLE, PrimaryContainer={"Image": IMAGE})
        assert one.door.control("POST", "/moto-api/reset") == {"status": "ok"}
        assert client.list_models()["Models"] == []
        assert one.stop(signal.SIGTERM) == (0, "")


def test_02_one_port_serves_every_protocol_and_answers_nonsense_in_json(door: Door) -> None:
    create(door.client())
    door.advance(180)
    assert door.client("sts", key="111122223333").get_caller_identity()["Account"] == "111122223333"
    assert door.client("sts").get_caller_identity()["Arn"].startswith("arn:aws:iam::123456789012:")
    assert door.client("sagemaker-runtime").invoke_endpoint(EndpointName="e", Body=b"x")["Body"].read() == b"x"
    door.client("s3").put_object(Bucket="bucket", Key="k", Body=b"1")
    assert door.client(region="us-west-2").list_endpoints()["Endpoints"] == []
    if door.url:
        for path in ("/", "/favicon.ico", "/_mmeplan/nothing"):
            with pytest.raises(urllib.error.HTTPError) as refusal:
                urllib.request.urlopen(door.url + path, timeout=5)
            assert "json" in refusal.value.headers["Content-Type"]
            assert json.loads(refusal.value.read())


def test_03_times_and_durations_are_virtual_and_as_stated(door: Door) -> None:
    client = door.client()
    create(client)
    made = client.describe_endpoint(EndpointName="e")
    assert made["CreationTime"].year == 2026
    door.advance(119)
    assert client.describe_endpoint(EndpointName="e")["EndpointStatus"] == "Creating"
    door.advance(600 - 119)
    assert client.describe_endpoint(EndpointName="e")["EndpointStatus"] == "InService"
    client.update_endpoint(EndpointName="e", EndpointConfigName="c", DeploymentConfig=CANARY)
    started = client.describe_endpoint(EndpointName="e")["PendingDeploymentSummary"]["StartTime"]
    door.advance(3600)
    ended = client.describe_endpoint(EndpointName="e")
    assert (ended["LastModifiedTime"] - started).total_seconds() >= 420
    client.delete_endpoint(EndpointName="e")
    door.advance(59)
    assert client.describe_endpoint(EndpointName="e")["EndpointStatus"] == "Deleting"


def test_04_error_texts_are_the_services_with_arns_in_double_quotes(door: Door) -> None:
    client = door.client()
    assert error_of(client.delete_model, ModelName="Gone")[1] == f'Could not find model "{ARN}:model/Gone".'
    create(client)
    busy = ("ValidationException", f'Cannot update in-progress endpoint "{ARN}:endpoint/e".', 400)
    assert error_of(client.delete_endpoint, EndpointName="e") == busy
    assert error_of(client.update_endpoint, EndpointName="e", EndpointConfigName="c") == busy
    desired = [{"VariantName": "main", "DesiredWeight": 1}]
    rescale = client.update_endpoint_weights_and_capacities
    assert error_of(rescale, EndpointName="e", DesiredWeightsAndCapacities=desired) == busy


def test_04_arns_keep_the_letter_case_unless_told_otherwise() -> None:
    for lower, name in ((False, "Ranker"), (True, "ranker")):
        with Simulator.open(settings=Settings(lower_case_arns=lower)) as sim:
            client = Door(sim=sim).client()
            made = client.create_model(ModelName="Ranker", ExecutionRoleArn=ROLE, PrimaryContainer={"Image": IMAGE})
            assert made["ModelArn"] == f"{ARN}:model/{name}"
            described = client.describe_model(ModelName="Ranker")
            assert (described["ModelName"], described["ModelArn"]) == ("Ranker", made["ModelArn"])
            client.add_tags(ResourceArn=made["ModelArn"], Tags=[{"Key": "a", "Value": "b"}])


@pytest.mark.parametrize("operation", ["describe_endpoint", "delete_endpoint", "update_endpoint"])
def test_05_shape_constraints_hold_on_every_operation(door: Door, operation: str) -> None:
    client = door.client(parameter_validation=False)
    more = {"EndpointConfigName": "c"} if operation == "update_endpoint" else {}
    _, message, _ = error_of(getattr(client, operation), EndpointName="a_b", **more)
    assert message.startswith("1 validation error detected: Value 'a_b' at 'endpointName' failed to satisfy constraint")
    code, message, _ = error_of(client.list_models, MaxResults=101)
    assert (code, message) == (
        "ValidationException",
        "1 validation error detected: Value '101' at 'maxResults' failed to satisfy constraint: "
        "Member must have value less than or equal to 100",
    )


def test_06_describe_leaves_out_what_is_unset_and_fills_in_the_defaults(door: Door) -> None:
    client = door.client()
    container = {"Image": IMAGE, "ModelDataUrl": "s3://bucket/m.tar.gz"}
    client.create_model(ModelName="m", ExecutionRoleArn=ROLE, PrimaryContainer=container)
    model = client.describe_model(ModelName="m")
    mirrored = {"S3Uri": "s3://bucket/m.tar.gz", "S3DataType": "S3Object", "CompressionType": "Gzip"}
    assert model["PrimaryContainer"] == {
        **container,
        "Mode": "SingleModel",
        "Environment": {},
        "ModelDataSource": {"S3DataSource": mirrored},
    }
    assert model["EnableNetworkIsolation"] is False
    assert "VpcConfig" not in model
    client.create_endpoint_config(EndpointConfigName="c", ProductionVariants=[VARIANT])
    config = client.describe_endpoint_config(EndpointConfigName="c")
    assert config["ProductionVariants"] == [{**VARIANT, "InitialVariantWeight": 1.0}]
    client.create_endpoint(EndpointName="e", EndpointConfigName="c")
    creating = client.describe_endpoint(EndpointName="e")
    assert creating["PendingDeploymentSummary"]["EndpointConfigName"] == "c"
    door.advance(180)
    client.update_endpoint(EndpointName="e", EndpointConfigName="c", DeploymentConfig=CANARY)
    door.advance(3600)
    live = client.describe_endpoint(EndpointName="e")
    assert live["LastDeploymentConfig"] == CANARY
    image = live["ProductionVariants"][0]["DeployedImages"][0]
    assert image["SpecifiedImage"] == IMAGE
    assert "@sha256:" in image["ResolvedImage"]
    assert not [key for key, value in live.items() if value in ([], {}, None, "")]


def test_07_what_is_in_use_may_be_deleted_and_the_next_update_fails(door: Door) -> None:
    client = door.client()
    create(client)
    door.advance(180)
    client.create_endpoint_config(EndpointConfigName="c2", ProductionVariants=[VARIANT])
    client.delete_endpoint_config(EndpointConfigName="c")
    client.delete_model(ModelName="m")
    _, message, _ = error_of(client.update_endpoint, EndpointName="e", EndpointConfigName="c2")
    assert message.startswith("Could not find ")
    client.create_model(ModelName="m", ExecutionRoleArn=ROLE, PrimaryContainer={"Image": IMAGE})
    _, message, _ = error_of(client.update_endpoint, EndpointName="e", EndpointConfigName="c2")
    assert message == f'Could not find endpoint configuration "{ARN}:endpoint-config/c".'


def test_08_names_collide_without_regard_to_case_and_invocations_want_the_exact_one(door: Door) -> None:
    client = door.client()
    create(client, "Ranker")
    _, message, _ = error_of(client.create_endpoint, EndpointName="RANKER", EndpointConfigName="c")
    assert message == f'Cannot create already existing endpoint "{ARN}:endpoint/Ranker".'
    door.advance(180)
    runtime = door.client("sagemaker-runtime")
    assert runtime.invoke_endpoint(EndpointName="Ranker", Body=b"x")["Body"].read() == b"x"
    assert error_of(runtime.invoke_endpoint, EndpointName="ranker", Body=b"")[0] == "ValidationError"


def test_09_lists_show_the_newest_first_and_tokens_survive_deletions(door: Door) -> None:
    client = door.client()
    for name in "abcde":
        client.create_model(ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer={"Image": IMAGE})
        door.advance(1)
    first = client.list_models(MaxResults=2)
    assert [model["ModelName"] for model in first["Models"]] == ["e", "d"]
    client.delete_model(ModelName="d")
    client.delete_model(ModelName="c")
    second = client.list_models(MaxResults=2, NextToken=first["NextToken"])
    assert [model["ModelName"] for model in second["Models"]] == ["b", "a"]


def test_10_s3_holds_artifacts(door: Door) -> None:
    s3 = door.client("s3")
    s3.put_object(Bucket="bucket", Key="all/a.tar.gz", Body=io.BytesIO(b"12345"), IfNoneMatch="*")
    assert error_of(s3.put_object, Bucket="bucket", Key="all/a.tar.gz", Body=b"2", IfNoneMatch="*")[2] == 412
    for number in range(5):
        s3.put_object(Bucket="bucket", Key=f"all/sub{number}/x", Body=b"1")
    paginator = s3.get_paginator("list_objects_v2")
    pages = list(paginator.paginate(Bucket="bucket", Prefix="all/", Delimiter="/", PaginationConfig={"PageSize": 2}))
    assert [item["Prefix"] for page in pages for item in page.get("CommonPrefixes", [])] == [
        f"all/sub{number}/" for number in range(5)
    ]
    assert [item["Key"] for page in pages for item in page.get("Contents", [])] == ["all/a.tar.gz"]
    old = s3.get_paginator("list_objects").paginate(Bucket="bucket", PaginationConfig={"PageSize": 4})
    assert len([item for page in old for item in page["Contents"]]) == 6
    s3.upload_fileobj(io.BytesIO(b"z" * 9_000_000), "bucket", "big")
    got = io.BytesIO()
    s3.download_fileobj("bucket", "big", got)
    assert got.getvalue() == b"z" * 9_000_000


def test_10_expect_100_continue_is_answered() -> None:
    with Simulator.open() as sim, over_http(sim) as door:
        host, port = door.url.removeprefix("http://").split(":")
        scope = "any/20260101/eu-west-1/s3/aws4_request"
        with socket.create_connection((host, int(port)), timeout=5) as wire:
            head = (
                f"PUT /bucket/k HTTP/1.1\r\nHost: {host}\r\nContent-Length: 4\r\nExpect: 100-continue\r\n"
                f"Authorization: AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0\r\n\r\n"
            )
            wire.sendall(head.encode())
            assert wire.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
            wire.sendall(b"body")
            assert wire.recv(4096).startswith(b"HTTP/1.1 200 ")
        assert door.client("s3").get_object(Bucket="bucket", Key="k")["Body"].read() == b"body"


def test_11_the_runtime_names_its_variant_and_errs_in_its_own_codes(door: Door) -> None:
    client = door.client()
    create(client)
    door.advance(180)
    runtime = door.client("sagemaker-runtime")
    answer = runtime.invoke_endpoint(EndpointName="e", Body=b"")
    assert answer["Body"].read() == b""
    assert answer["ResponseMetadata"]["HTTPHeaders"]["x-amzn-invoked-production-variant"] == "main"
    code, message, status = error_of(runtime.invoke_endpoint, EndpointName="e", Body=b"", TargetModel="m.tar.gz")
    assert (code, status) == ("ValidationError", 400)
    assert message == "Endpoint e is not a multi-model endpoint and does not support target model header."


def test_11_a_model_that_is_loading_is_not_ready() -> None:
    with Simulator.open(settings=Settings(model_loading_s=120)) as sim:
        door = Door(sim=sim)
        client = door.client()
        container = {"Image": IMAGE, "Mode": "MultiModel", "ModelDataUrl": "s3://bucket/all/"}
        client.create_model(ModelName="m", ExecutionRoleArn=ROLE, PrimaryContainer=container)
        client.create_endpoint_config(EndpointConfigName="c", ProductionVariants=[VARIANT])
        client.create_endpoint(EndpointName="e", EndpointConfigName="c")
        sim.clock.sleep(180)
        invoke = door.client("sagemaker-runtime").invoke_endpoint
        refusal = error_of(invoke, EndpointName="e", Body=b"", TargetModel="a.tar.gz")
        assert (refusal[0], refusal[2]) == ("ModelNotReadyException", 429)
        sim.clock.sleep(120)
        assert invoke(EndpointName="e", Body=b"x", TargetModel="a.tar.gz")["Body"].read() == b"x"


def test_12_quotas_are_generous_and_nothing_is_looked_up_unless_told_to(door: Door) -> None:
    client = door.client()
    container = {"Image": IMAGE, "Mode": "MultiModel", "ModelDataUrl": "s3://nowhere/empty/"}
    client.create_model(ModelName="m", ExecutionRoleArn=ROLE.replace("serving", "gone"), PrimaryContainer=container)
    variant = VARIANT | {"InitialInstanceCount": 40}
    client.create_endpoint_config(EndpointConfigName="c", ProductionVariants=[variant], KmsKeyId="alias/gone")
    client.create_endpoint(EndpointName="e", EndpointConfigName="c")


def test_12_images_labels_and_prefixes_are_looked_up_where_told_to() -> None:
    told = Settings(refuse_empty_prefix=True, images=frozenset({IMAGE, "x"}), multi_model_images=frozenset({IMAGE}))
    with Simulator.open(settings=told) as sim:
        door = Door(sim=sim)
        client = door.client()

        def refused(**container: Any) -> str:
            members = {"ModelName": "m", "ExecutionRoleArn": ROLE, "PrimaryContainer": container}
            return error_of(client.create_model, **members)[1]

        url = {"Mode": "MultiModel", "ModelDataUrl": "s3://bucket/all/"}
        assert refused(Image=IMAGE + "x") == f"Requested image {IMAGE}x not found."
        assert refused(Image=IMAGE, **url).startswith("Could not access model data at s3://bucket/all/. Please ensure ")
        door.client("s3").put_object(Bucket="bucket", Key="all/m.tar.gz", Body=b"1")
        hosted = {**url, "ModelDataUrl": "https://bucket.s3.eu-west-1.amazonaws.com/none/"}
        assert refused(Image=IMAGE, **hosted).startswith("Could not access model data at https://bucket.s3.eu-west-1")
        client.create_model(ModelName="m", ExecutionRoleArn=ROLE, PrimaryContainer={"Image": IMAGE, **url})
        https = {**url, "ModelDataUrl": "https://s3-eu-west-1.amazonaws.com/bucket/all/"}
        client.create_model(ModelName="n", ExecutionRoleArn=ROLE, PrimaryContainer={"Image": IMAGE, **https})
    with Simulator.open(settings=Settings(multi_model_images=frozenset())) as sim:
        refusal = error_of(
            Door(sim=sim).client().create_model,
            ModelName="m",
            ExecutionRoleArn=ROLE,
            PrimaryContainer={"Image": IMAGE, **url},
        )
        assert refusal[1] == (
            f"Your Ecr Image {IMAGE} does not contain required com.amazonaws.sagemaker.capabilities.multi-models=true "
            "Docker label(s)."
        )


# -- the HTTP door itself --------------------------------------------------------------------------------------------


def raw(door: Door, text: bytes) -> bytes:
    host, port = door.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=5) as wire:
        wire.sendall(text)
        wire.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: wire.recv(65536), b""))


@pytest.mark.parametrize(
    ("text", "status"),
    [
        (b"nonsense\r\n\r\n", b"400"),
        (b"GET / HTTP/2.0\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n", b"413"),
        (b"POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n", b"413"),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\n", b"413"),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nfffffffff\r\n", b"413"),
        (b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 300 + b"\r\n", b"431"),
        (b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\n{x}", b"400"),
    ],
)
def test_a_request_that_cannot_be_read_gets_a_json_error_and_the_server_lives_on(text: bytes, status: bytes) -> None:
    with Simulator.open() as sim, over_http(sim) as door:
        answer = raw(door, text)
        head, _, body = answer.partition(b"\r\n\r\n")
        assert head.split()[1] == status
        assert json.loads(body)
        assert door.client().list_models()["Models"] == []


@pytest.mark.parametrize("length", [b"Content-Length: 9", b"Transfer-Encoding: chunked"])
def test_a_body_that_ends_early_has_no_effect_and_the_server_lives_on(length: bytes) -> None:
    with Simulator.open() as sim, over_http(sim) as door:
        body = b"9\r\n{}" if b"chunked" in length else b"{}"
        target = b"X-Amz-Target: SageMaker.ListModels\r\n"
        assert raw(door, b"POST / HTTP/1.1\r\n" + target + length + b"\r\n\r\n" + body) == b""
        assert door.client().list_models()["Models"] == []


def test_a_chunked_body_may_end_with_trailers() -> None:
    with Simulator.open() as sim, over_http(sim) as door:
        head = b"POST / HTTP/1.1\r\nX-Amz-Target: SageMaker.ListModels\r\nTransfer-Encoding: chunked\r\n\r\n"
        body = b"2\r\n{}\r\n0\r\nX-Amz-Trailer: x\r\nX-Other: y\r\n\r\n"
        assert raw(door, (head + body) * 2).count(b'{"Models":[]}') == 2


@pytest.mark.skipif(not socket.has_ipv6, reason="this machine has no IPv6")
def test_a_server_listens_on_ipv6_and_its_url_has_brackets() -> None:
    with Simulator.open() as sim:
        try:
            server = Server(sim, host="::1")
        except OSError:
            pytest.skip("this machine has no ::1")
        server.start()
        try:
            assert server.url == f"http://[::1]:{server.server_address[1]}"
            with closing(socket.create_connection(server.server_address[:2], timeout=5)) as connection:
                connection.sendall(b"GET /_mmeplan/clock HTTP/1.0\r\n\r\n")
                assert connection.recv(1000).startswith(b"HTTP/1.1 200")
        finally:
            server.stop()


def test_a_connection_that_ends_badly_is_no_news_and_a_fault_of_the_simulator_is(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with Simulator.open() as sim:
        server = Server(sim)
        for error, told in ((ConnectionResetError("gone"), False), (KeyError("a bug"), True)):
            try:
                raise error
            except Exception:  # noqa: BLE001
                server.handle_error(None, ("127.0.0.1", 1))
            assert (type(error).__name__ in capsys.readouterr().err) is told
        server.stop()


def test_a_server_that_was_never_started_is_ended_at_once() -> None:
    with Simulator.open() as sim:
        server = Server(sim)
        ending = threading.Thread(target=server.stop, daemon=True)
        ending.start()
        ending.join(5)
        assert not ending.is_alive()


def test_empty_lines_between_two_requests_mean_nothing() -> None:
    with Simulator.open() as sim, over_http(sim) as door:
        asked = b"POST / HTTP/1.1\r\nX-Amz-Target: SageMaker.ListModels\r\nContent-Length: 2\r\n\r\n{}"
        assert raw(door, b"\r\n" + asked + b"\r\n\n" + asked).count(b'{"Models":[]}') == 2


def test_chunked_bodies_and_several_requests_on_one_connection_are_read() -> None:
    with Simulator.open() as sim, over_http(sim) as door:
        connection = http.client.HTTPConnection(door.url.removeprefix("http://"), timeout=5)
        for _ in range(3):
            body = iter([b'{"MaxRes', b'ults": 5}'])
            connection.request("POST", "/", body, {"X-Amz-Target": "SageMaker.ListModels"}, encode_chunked=True)
            answer = connection.getresponse()
            assert (answer.status, json.loads(answer.read())) == (200, {"Models": []})
        connection.close()


def test_a_cut_connection_is_cut_on_the_wire_before_or_after_the_effect() -> None:
    from botocore.exceptions import ConnectionClosedError

    with Simulator.open() as sim, over_http(sim) as door:
        client = door.client()
        door.control("POST", "/_mmeplan/faults", [{"fault": "cut", "operation": "CreateModel", "when": "after"}])
        members = {"ModelName": "m", "ExecutionRoleArn": ROLE, "PrimaryContainer": {"Image": IMAGE}}
        with pytest.raises(ConnectionClosedError):
            client.create_model(**members)
        assert len(client.list_models()["Models"]) == 1


def test_a_fault_of_5xx_reaches_the_client_as_such() -> None:
    with Simulator.open() as sim, over_http(sim) as door:
        fault = {"fault": "error", "operation": "ListModels", "code": "InternalFailure", "message": "x", "status": 500}
        door.control("POST", "/_mmeplan/faults", [fault])
        assert error_of(door.client().list_models) == ("InternalFailure", "x", 500)
        assert door.client().list_models()["Models"] == []


def test_time_runs_at_the_speed_and_stands_still_at_zero() -> None:
    with Simulator.open() as sim, over_http(sim, speed=100_000) as door:
        create(door.client())
        deadline = time.monotonic() + 60
        while door.client().describe_endpoint(EndpointName="e")["EndpointStatus"] == "Creating":
            assert time.monotonic() < deadline
    with Simulator.open() as sim, over_http(sim, speed=0) as door:
        before = door.control("GET", "/_mmeplan/clock")
        time.sleep(0.02)
        assert door.control("GET", "/_mmeplan/clock") == before


def test_serve_takes_faults_from_a_file_and_warns_beyond_loopback(tmp_path: Any) -> None:
    faults = tmp_path / "faults.yaml"
    faults.write_text("faults:\n  - {fault: throttle, operation: ListModels}\n")
    with served("--faults", str(faults), "--host", "0.0.0.0", "--speed", "0") as one:
        door = Door(one.door.url.replace("0.0.0.0", "127.0.0.1"))
        assert error_of(door.client().list_models)[0] == "ThrottlingException"
        assert door.client().list_models()["Models"] == []
        code, said = one.stop(signal.SIGINT)
        assert code == 0
        assert said.startswith("warning: 0.0.0.0 is beyond this machine")


def test_serve_says_what_is_wrong_with_a_faults_file_or_a_port(tmp_path: Any) -> None:
    from click.testing import CliRunner

    from mmeplan.cli.serve import command
    from mmeplan.errors import InputError

    bad = tmp_path / "faults.yaml"
    bad.write_text("- {fault: fire}\n")
    taken = socket.create_server(("127.0.0.1", 0))
    for options in (
        ["--faults", str(bad)],
        ["--faults", str(tmp_path / "none")],
        ["--port", str(taken.getsockname()[1])],
    ):
        result = CliRunner().invoke(command, options)
        assert isinstance(result.exception, InputError)
        assert result.exception.problems[0].message
    taken.close()


def test_the_environment_alone_leads_a_client_to_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    import boto3

    with Simulator.open() as sim, over_http(sim) as door:
        monkeypatch.setenv("AWS_ENDPOINT_URL", door.url)
        session = boto3.session.Session(aws_access_key_id="a", aws_secret_access_key="b", region_name="eu-west-1")
        sagemaker, s3 = session.client("sagemaker"), session.client("s3")
        assert sagemaker.list_models()["Models"] == []
        s3.put_object(Bucket="bucket", Key="k", Body=b"1")
        assert [event.operation for event in sim.history()] == ["ListModels", "PutObject"]
        sagemaker.close()
        s3.close()
