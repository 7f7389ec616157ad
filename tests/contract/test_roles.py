"""STS, IAM and CloudWatch Logs through boto3: roles that are declared, sessions that end, tokens that are refused."""

from __future__ import annotations

import base64
import json
from typing import Any

import boto3
import pytest

from mmeplan.simulator import Simulator
from tests.contract.doors import REGION, Door, error_of

START = 1_767_225_600
HOST = "gitlab.example.com"
ISSUER, SUBJECT = f"https://{HOST}", "project_path:acme/fleets:ref_type:branch:ref:main"
ROLE = "arn:aws:iam::123456789012:role/mmeplan-apply"


def trust(condition: dict[str, Any], issuer: str = HOST, **more: Any) -> dict[str, Any]:
    principal = {"Federated": f"arn:aws:iam::123456789012:oidc-provider/{issuer}"}
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRoleWithWebIdentity"}
    return {"Version": "2012-10-17", "Statement": [{**statement, "Condition": condition, **more}]}


EXACT = trust({"StringEquals": {f"{HOST}:aud": ISSUER, f"{HOST}:sub": SUBJECT}})


def token(**claims: Any) -> str:
    """A JSON Web Token that nobody signed. Claims that are None are left out."""
    stated = {"iss": ISSUER, "aud": ISSUER, "sub": SUBJECT, "exp": START + 300, **claims}
    parts = ({"alg": "none"}, {name: value for name, value in stated.items() if value is not None})
    return ".".join([*(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts), ""])


def declare(door: Door, policy: dict[str, Any] = EXACT, issuer: str = ISSUER) -> None:
    """An identity provider, and a role with this trust policy."""
    iam = door.client("iam")
    iam.create_open_id_connect_provider(Url=issuer, ClientIDList=[ISSUER])
    iam.create_role(RoleName="mmeplan-apply", AssumeRolePolicyDocument=json.dumps(policy))


def assume(door: Door, **claims: Any) -> Any:
    sts = door.client("sts")
    return sts.assume_role_with_web_identity(
        RoleArn=ROLE, RoleSessionName="job-7", WebIdentityToken=token(**claims), DurationSeconds=900
    )


def with_session(door: Door, answer: Any, service: str, **more: Any) -> Any:
    session = answer["Credentials"]
    made = boto3.client(
        service,
        region_name=REGION,
        aws_access_key_id=session["AccessKeyId"],
        aws_secret_access_key=session["SecretAccessKey"],
        aws_session_token=session["SessionToken"],
        endpoint_url=door.url or None,
        **more,
    )
    if not door.url and door.sim:
        made.meta.events.register("before-send.*", door.sim.before_send)
    return made


# --- STS --------------------------------------------------------------------------------------------------------------


def test_a_session_belongs_to_the_account_of_its_role_and_ends(door: Door) -> None:
    other = "arn:aws:iam::222222222222:role/team/reader"
    answer = door.client("sts").assume_role(RoleArn=other, RoleSessionName="ann", DurationSeconds=900)
    assert answer["Credentials"]["Expiration"].timestamp() == START + 900
    assert answer["AssumedRoleUser"]["Arn"] == "arn:aws:sts::222222222222:assumed-role/reader/ann"
    who = with_session(door, answer, "sts").get_caller_identity()
    assert (who["Account"], who["Arn"]) == ("222222222222", answer["AssumedRoleUser"]["Arn"])
    sagemaker = with_session(door, answer, "sagemaker")
    container = {"Image": "222222222222.dkr.ecr.eu-west-1.amazonaws.com/a:1"}
    sagemaker.create_model(
        ModelName="theirs", ExecutionRoleArn="arn:aws:iam::222222222222:role/x", PrimaryContainer=container
    )
    assert door.client().list_models()["Models"] == []
    assert [model["ModelName"] for model in door.client(key="222222222222").list_models()["Models"]] == ["theirs"]
    door.advance(899)
    assert len(sagemaker.list_models()["Models"]) == 1
    door.advance(1)
    gone = "The security token included in the request is expired"
    assert error_of(sagemaker.list_models) == ("ExpiredTokenException", gone, 403)
    topic = "arn:aws:sns:eu-west-1:222222222222:t"
    for service, call in (("sts", "get_caller_identity"), ("sns", "get_topic_attributes")):
        members = {"TopicArn": topic} if service == "sns" else {}
        assert error_of(getattr(with_session(door, answer, service), call), **members) == ("ExpiredToken", gone, 403)
    assert error_of(with_session(door, answer, "ec2").describe_subnets) == (
        "RequestExpired",
        "Request has expired.",
        400,
    )
    s3 = with_session(door, answer, "s3")
    assert error_of(s3.list_buckets) == ("ExpiredToken", "The provided token has expired.", 400)


def test_a_provider_without_clients_is_made_once(door: Door) -> None:
    iam = door.client("iam")
    iam.create_open_id_connect_provider(Url=ISSUER)
    said = ("EntityAlreadyExists", f"Provider with url {ISSUER} already exists.", 409)
    assert error_of(iam.create_open_id_connect_provider, Url=ISSUER) == said


def test_a_session_is_its_token_too(door: Door) -> None:
    answer = door.client("sts").assume_role(RoleArn=ROLE, RoleSessionName="ann")
    answer["Credentials"]["SessionToken"] = "another"
    refused = error_of(with_session(door, answer, "sagemaker").list_models)
    invalid = "The security token included in the request is invalid."
    assert refused == ("UnrecognizedClientException", invalid, 403)
    assert error_of(with_session(door, answer, "iam").get_role, RoleName="x") == ("InvalidClientTokenId", invalid, 403)
    assert error_of(with_session(door, answer, "s3").list_buckets) == ("InvalidToken", invalid, 403)
    assert error_of(with_session(door, answer, "ec2").describe_subnets)[::2] == ("AuthFailure", 401)


@pytest.mark.parametrize(
    ("principal", "condition", "allowed"),
    [
        ("arn:aws:iam::123456789012:root", {}, True),
        ("123456789012", {}, True),
        ("arn:aws:iam::123456789012:user/simulated", {}, True),
        ("arn:aws:iam::333333333333:root", {}, False),
        ("arn:aws:iam::123456789012:user/other", {}, False),
        ("*", {"StringEquals": {"sts:ExternalId": "x1"}}, False),
    ],
)
def test_a_declared_role_is_assumed_by_those_it_trusts(
    door: Door, principal: str, condition: dict[str, Any], allowed: bool
) -> None:
    statement = {"Effect": "Allow", "Principal": {"AWS": principal}, "Action": "sts:AssumeRole", "Condition": condition}
    door.client("iam").create_role(
        RoleName="mmeplan-apply", AssumeRolePolicyDocument=json.dumps({"Statement": [statement]})
    )
    sts = door.client("sts")
    if allowed:
        assert sts.assume_role(RoleArn=ROLE, RoleSessionName="ann")["Credentials"]["AccessKeyId"].startswith("ASIA")
        return
    who = "arn:aws:iam::123456789012:user/simulated"
    told = f"User: {who} is not authorized to perform: sts:AssumeRole on resource: {ROLE}"
    assert error_of(sts.assume_role, RoleArn=ROLE, RoleSessionName="ann") == ("AccessDenied", told, 403)
    if condition:
        assert sts.assume_role(RoleArn=ROLE, RoleSessionName="ann", ExternalId="x1")


def test_a_session_assumes_the_next_role_for_an_hour_at_most(door: Door) -> None:
    statement = {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::222222222222:role/reader"}}
    statement["Action"] = "sts:AssumeRole"  # type: ignore[assignment]
    door.client("iam").create_role(
        RoleName="mmeplan-apply",
        AssumeRolePolicyDocument=json.dumps({"Statement": statement}),
        MaxSessionDuration=7200,
    )
    first = door.client("sts").assume_role(RoleArn="arn:aws:iam::222222222222:role/reader", RoleSessionName="ann")
    sts = with_session(door, first, "sts")
    assert sts.assume_role(RoleArn=ROLE, RoleSessionName="ann")["Credentials"]
    code, message, _ = error_of(sts.assume_role, RoleArn=ROLE, RoleSessionName="ann", DurationSeconds=7200)
    assert (code, "role chaining" in message) == ("ValidationError", True)
    own = door.client("sts", key="222222222222")
    assert error_of(own.assume_role, RoleArn=ROLE, RoleSessionName="ann", DurationSeconds=7200)[0] == "AccessDenied"


def test_no_session_is_longer_than_its_role_says(door: Door) -> None:
    declare(door)
    code, message, _ = error_of(
        door.client("sts").assume_role_with_web_identity,
        RoleArn=ROLE,
        RoleSessionName="xy",
        WebIdentityToken=token(),
        DurationSeconds=3601,
    )
    told = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
    assert (code, message) == ("ValidationError", told)


@pytest.mark.parametrize("region", ["eu-west-1", "us-gov-west-1", "cn-north-1"])
def test_sts_answers_at_its_regional_addresses(region: str) -> None:
    """As clients call it that name the address themselves: in-process, where no DNS is asked."""
    suffix = "com.cn" if region.startswith("cn-") else "com"
    with Simulator.open() as sim:
        session = boto3.Session(aws_access_key_id="any", aws_secret_access_key="any", region_name=region)
        session.events.register("before-send.*", sim.before_send)
        sts = session.client("sts", endpoint_url=f"https://sts.{region}.amazonaws.{suffix}")
        assert sts.get_caller_identity()["Account"] == "123456789012"
        partition = {"us-gov-west-1": "aws-us-gov", "cn-north-1": "aws-cn"}.get(region, "aws")
        assert sts.get_caller_identity()["Arn"].startswith(f"arn:{partition}:iam::")


# --- web identity -----------------------------------------------------------------------------------------------------


def test_a_token_that_the_role_trusts_gives_credentials(door: Door) -> None:
    declare(door)
    answer = assume(door)
    assert (answer["SubjectFromWebIdentityToken"], answer["Audience"]) == (SUBJECT, ISSUER)
    assert answer["Provider"] == f"arn:aws:iam::123456789012:oidc-provider/{HOST}"
    who = with_session(door, answer, "sts").get_caller_identity()
    assert who["Arn"] == "arn:aws:sts::123456789012:assumed-role/mmeplan-apply/job-7"


DENIED = ("AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity", 403)


@pytest.mark.parametrize(
    ("claims", "refused"),
    [
        ({"sub": "project_path:acme/fleets:ref_type:branch:ref:evil"}, DENIED),
        ({"sub": SUBJECT.upper()}, DENIED),
        ({"aud": "https://other.example.com"}, ("InvalidIdentityToken", "Incorrect token audience", 400)),
        ({"aud": ["https://other.example.com"]}, ("InvalidIdentityToken", "Incorrect token audience", 400)),
        (
            {"iss": "https://evil.example.com"},
            (
                "InvalidIdentityToken",
                "No OpenIDConnect provider found in your account for https://evil.example.com",
                400,
            ),
        ),
        (
            {"exp": START},
            (
                "ExpiredTokenException",
                f"Token expired: current date/time {START} must be before the expiration date/time {START}",
                400,
            ),
        ),
        ({"exp": None}, ("InvalidIdentityToken", "Missing a required claim: exp", 400)),
        ({"sub": None}, ("InvalidIdentityToken", "Missing a required claim: sub", 400)),
    ],
)
def test_a_token_that_is_not_trusted_is_refused(door: Door, claims: dict[str, Any], refused: tuple[str, ...]) -> None:
    declare(door)
    assert error_of(lambda: assume(door, **claims)) == refused


@pytest.mark.parametrize("text", ["none.of.this", "onlyonepart", "ab.c", f"{token()}x.y", "e30.W10."])
def test_what_is_no_token_is_refused(door: Door, text: str) -> None:
    declare(door)
    sts = door.client("sts")
    call = {"RoleArn": ROLE, "RoleSessionName": "xy", "WebIdentityToken": text}
    assert error_of(sts.assume_role_with_web_identity, **call)[0] == "InvalidIdentityToken"


def test_a_role_that_is_not_declared_trusts_nobody(door: Door) -> None:
    door.client("iam").create_open_id_connect_provider(Url=ISSUER, ClientIDList=[ISSUER])
    assert error_of(lambda: assume(door)) == DENIED


@pytest.mark.parametrize(
    ("policy", "allowed"),
    [
        (trust({"StringLike": {f"{HOST}:sub": "project_path:acme/fleets:ref_type:branch:ref:*"}}), True),
        (trust({"StringLike": {f"{HOST}:sub": "project_path:acme/*:ref:mai?"}}), True),
        (trust({"StringLike": {f"{HOST}:sub": "project_path:acme/fleets"}}), False),
        (trust({"StringLike": {f"{HOST}:sub": "*:ref:[m]ain"}}), False),
        (trust({"StringLike": {f"{HOST}:sub": ["x", "*"]}}), True),
        (trust({"StringEquals": {f"{HOST}:SUB": SUBJECT}}), True),
        (trust({"StringEquals": {f"{HOST}:sub": "project_path:acme/fleets:*"}}), False),
        (trust({"StringEqualsIgnoreCase": {f"{HOST}:sub": SUBJECT.upper()}}), True),
        (trust({"StringNotEquals": {f"{HOST}:sub": SUBJECT}}), False),
        (trust({"StringNotLike": {f"{HOST}:sub": "*:ref:main"}}), False),
        (trust({"StringEquals": {f"{HOST}:environment": "production"}}), False),
        (trust({"StringEqualsIfExists": {f"{HOST}:environment": "production"}}), True),
        (trust({"ForAnyValue:StringEquals": {f"{HOST}:aud": ["x", ISSUER]}}), True),
        (trust({"StringEquals": {"token.actions.githubusercontent.com:sub": SUBJECT}}), False),
        (trust({}, issuer="other.example.com"), False),
        (trust({}, Action="sts:AssumeRole"), False),
        (trust({}, Action=["sts:TagSession", "sts:AssumeRoleWith*"]), True),
        ({"Statement": [*trust({})["Statement"], *trust({}, Effect="Deny")["Statement"]]}, False),
    ],
)
def test_trust_policies_are_read_as_iam_reads_them(door: Door, policy: dict[str, Any], allowed: bool) -> None:
    declare(door, policy)
    if allowed:
        assert assume(door)["Credentials"]
    else:
        assert error_of(lambda: assume(door)) == DENIED


def test_unsigned_calls_need_no_credentials(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK's own chain: a token file and a role, and nothing else."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "token").write_text(token())
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(tmp_path / "token"))
    monkeypatch.setenv("AWS_ROLE_ARN", ROLE)
    with Simulator.open() as sim:
        declare(Door(sim=sim))
        for region in ("eu-west-1", "us-gov-west-1"):
            session = boto3.Session(region_name=region)
            session.events.register("before-send.*", sim.before_send)
            # botocore compares with the machine's clock, and the world stands at 2026-01-01
            answer = session.client("sts").assume_role_with_web_identity(
                RoleArn=ROLE, RoleSessionName="xy", WebIdentityToken=token()
            )
            assert answer["Credentials"]["SessionToken"]


# --- IAM --------------------------------------------------------------------------------------------------------------


def test_a_role_is_read_as_it_was_declared(door: Door) -> None:
    iam = door.client("iam")
    policy = trust({"StringLike": {f"{HOST}:sub": "a%2Fb+*"}})
    made = iam.create_role(RoleName="r", Path="/team/", Description="d", AssumeRolePolicyDocument=json.dumps(policy))
    role = iam.get_role(RoleName="r")["Role"]
    assert role == made["Role"]
    assert (role["Arn"], role["Path"]) == ("arn:aws:iam::123456789012:role/team/r", "/team/")
    assert role["AssumeRolePolicyDocument"] == policy
    assert role["MaxSessionDuration"] == 3600
    assert error_of(iam.get_role, RoleName="x") == (
        "NoSuchEntity",
        "The role with name x cannot be found.",
        404,
    )
    taken = error_of(iam.create_role, RoleName="r", AssumeRolePolicyDocument=json.dumps(EXACT))
    assert taken == ("EntityAlreadyExists", "Role with name r already exists.", 409)
    assert error_of(door.client("iam", key="222222222222").get_role, RoleName="r")[0] == "NoSuchEntity"


@pytest.mark.parametrize(
    "document",
    [
        "{",
        "[]",
        '{"Statement": []}',
        '{"Statement": [{"Effect": "Perhaps"}]}',
        json.dumps(trust({"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}})),
        json.dumps(trust({"StringEquals": {f"{HOST}:sub": 7}})),
        json.dumps({"Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole"}]}),
    ],
)
def test_a_policy_that_can_not_be_evaluated_is_refused(door: Door, document: str) -> None:
    refused = error_of(door.client("iam").create_role, RoleName="r", AssumeRolePolicyDocument=document)
    assert (refused[0], refused[2]) == ("MalformedPolicyDocument", 400)


def test_the_simulation_allows_what_the_world_allows(door: Door) -> None:
    declare(door)
    iam = door.client("iam")
    asked = {"ActionNames": ["s3:GetObject", "s3:PutObject"], "ResourceArns": ["arn:aws:s3:::a/*", "arn:aws:s3:::b/*"]}
    answer = iam.simulate_principal_policy(PolicySourceArn=ROLE, **asked)
    assert [
        (one["EvalActionName"], one["EvalResourceName"], one["EvalDecision"]) for one in answer["EvaluationResults"]
    ] == [(action, resource, "allowed") for action in asked["ActionNames"] for resource in asked["ResourceArns"]]
    assert answer["IsTruncated"] is False
    missing = error_of(iam.simulate_principal_policy, PolicySourceArn=ROLE + "x", ActionNames=["s3:GetObject"])
    assert (missing[0], missing[2]) == ("NoSuchEntity", 404)


# --- CloudWatch Logs --------------------------------------------------------------------------------------------------


def test_there_is_no_log_group(door: Door) -> None:
    logs = door.client("logs")
    refused = error_of(logs.filter_log_events, logGroupName="/aws/sagemaker/Endpoints/e")
    assert refused == ("ResourceNotFoundException", "The specified log group does not exist.", 400)
