"""STS: whose credentials these are, and the sessions of roles that are assumed.

In: a caller, a role, a token. Out: credentials that belong to the role's account, and end. No signature is verified:
neither that of a request nor that of a token. What a token says is held against the account's OpenID Connect providers
and the role's trust policy, in the order in which STS does. A role that isn't declared may be assumed by every caller
with credentials, as roles aren't looked up elsewhere either; with a token it may not.

Sources: STS API Reference, "AssumeRole", "AssumeRoleWithWebIdentity"; IAM User Guide, "Available keys for AWS OIDC
federation". Messages as captured: mozilla-iam/mozilla-aws-cli#127, awslabs/aws-orbit-workbench#771,
aws-actions/configure-aws-credentials#1309; those of claims that are missing are ours.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from mmeplan.aws.partitions import partition_of
from mmeplan.simulator import iam, trust
from mmeplan.simulator.call import Call, seconds
from mmeplan.simulator.protocols import EC2, QUERY, Protocol
from mmeplan.simulator.records import Records
from mmeplan.simulator.s3_wire import S3_REST
from mmeplan.simulator.wire import Caller, Request, ServiceError

Json = dict[str, Any]

USER: Final = "simulated"
SESSION = "sts_session"
CHAINED_S: Final = 3600
"""The longest session of a role that is assumed by a session, in seconds. Source: AssumeRole, DurationSeconds."""


def get_caller_identity(call: Call, _request: Json) -> Json:
    """GetCallerIdentity."""
    user_id = "AIDASIMULATED0000000"
    if call.caller:
        role, session = call.caller.split("/")[-2:]
        user_id = f"{iam.role_id(call.account, role)}:{session}"
    return {"UserId": user_id, "Account": call.account, "Arn": _arn(call)}


def _arn(call: Call) -> str:
    return call.caller or f"arn:{partition_of(call.region)}:iam::{call.account}:user/{USER}"


def assume_role(call: Call, request: Json) -> Json:
    """AssumeRole."""
    _, account, name = _wanted(request)
    role = call.records.get(iam.ROLE, account, "", name)
    if role:
        context = {"sts:externalid": [request["ExternalId"]]} if "ExternalId" in request else {}
        policy = trust.statements(role["AssumeRolePolicyDocument"])
        if not trust.allows(policy, "AWS", _names(call), "sts:AssumeRole", context):
            action = f"sts:AssumeRole on resource: {request['RoleArn']}"
            raise ServiceError("AccessDenied", f"User: {_arn(call)} is not authorized to perform: {action}", 403)
    if call.caller and request.get("DurationSeconds", 0) > CHAINED_S:
        limit = "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining"
        raise ServiceError("ValidationError", limit)
    return _session(call, request, role)


def _names(call: Call) -> set[str]:
    """Every name by which a trust policy may mean the caller."""
    partition = partition_of(call.region)
    names = {_arn(call), call.account, f"arn:{partition}:iam::{call.account}:root"}
    if call.caller:
        names.add(f"arn:{partition}:iam::{call.account}:role/{call.caller.split('/')[-2]}")
    return names


def assume_role_with_web_identity(call: Call, request: Json) -> Json:
    """AssumeRoleWithWebIdentity. The call isn't signed: its account is the role's."""
    partition, account, name = _wanted(request)
    claims = _claims(request["WebIdentityToken"])
    issuer, now = claims["iss"], call.now_us // 1_000_000
    provider = iam.provider_arn(partition, account, issuer)
    audiences = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
    known = call.records.get(iam.PROVIDER, account, "", provider)
    if known is None:
        raise _invalid(f"No OpenIDConnect provider found in your account for {issuer}")
    if not set(known).intersection(audiences):
        raise _invalid("Incorrect token audience")
    if claims["exp"] <= now:
        told = f"current date/time {now} must be before the expiration date/time {claims['exp']}"
        raise ServiceError("ExpiredTokenException", f"Token expired: {told}")
    keys = issuer.removeprefix("https://").lower()
    context = {f"{keys}:aud": audiences, f"{keys}:sub": [claims["sub"]]}
    role = call.records.get(iam.ROLE, account, "", name)
    policy = trust.statements(role["AssumeRolePolicyDocument"]) if role else []
    if not trust.allows(policy, "Federated", {provider}, "sts:AssumeRoleWithWebIdentity", context):
        raise ServiceError("AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity", 403)
    answer = _session(call, request, role)
    return {**answer, "SubjectFromWebIdentityToken": claims["sub"], "Audience": audiences[0], "Provider": provider}


def _claims(token: str) -> Json:
    """What a JSON Web Token says, its signature unseen. Raises ServiceError InvalidIdentityToken."""
    parts = token.split(".")
    try:
        _, claims = (json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))) for part in parts[:2])
    except (ValueError, RecursionError):
        claims = None
    if len(parts) != 3 or not isinstance(claims, dict):
        raise _invalid("The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)")
    for name, kinds in {"iss": str, "aud": (str, list), "sub": str, "exp": int}.items():
        if not isinstance(claims.get(name), kinds):  # type: ignore[arg-type]
            raise _invalid(f"Missing a required claim: {name}")
    return claims


def _invalid(message: str) -> ServiceError:
    return ServiceError("InvalidIdentityToken", message)


def _wanted(request: Json) -> tuple[str, str, str]:
    """Partition, account and name of the role that is asked for."""
    found = iam.role_of(request["RoleArn"])
    if found is None:
        raise ServiceError("ValidationError", f"{request['RoleArn']} is invalid")
    return found


def _session(call: Call, request: Json, role: Mapping[str, Any] | None) -> Json:
    """Credentials of a role, and their end kept: who shows them later is known by them."""
    duration_s = request.get("DurationSeconds", iam.SESSION_S)
    if role and duration_s > role["MaxSessionDuration"]:
        limit = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
        raise ServiceError("ValidationError", limit)
    partition, account, name = _wanted(request)
    session, ends_us = request["RoleSessionName"], call.now_us + duration_s * 1_000_000
    arn = f"arn:{partition}:sts::{account}:assumed-role/{name}/{session}"
    drawn = hashlib.sha256(f"{call.request_id} {call.now_us} {arn}".encode()).hexdigest()
    key, token = f"ASIA{drawn[:16].upper()}", f"SIMULATED{drawn}"
    call.records.put(SESSION, "", "", key, {"account": account, "arn": arn, "token": token, "ends_us": ends_us})
    return {
        "Credentials": {
            "AccessKeyId": key,
            "SecretAccessKey": drawn[16:56],
            "SessionToken": token,
            "Expiration": seconds(ends_us),
        },
        "AssumedRoleUser": {"AssumedRoleId": f"{iam.role_id(account, name)}:{session}", "Arn": arn},
    }


def known(records: Records, who: Caller, request: Request, protocol: Protocol, now_us: int) -> Caller:
    """The caller, in the account and by the name of the session whose credentials are shown.

    Credentials that no session has are the account's own, as any are. Raises ServiceError where the session has ended,
    or its token is another: in the words of S3, of EC2, or of the query protocol or another one's services. Sources of
    EC2's: aws-sdk-java issue 1443, aws-sdk-go pull request 253; the EC2 API's "Error codes".
    """
    session = records.get(SESSION, "", "", who.key) if who.key.startswith("ASIA") else None
    if session is None:
        return who
    token = request.header("x-amz-security-token") or request.query("X-Amz-Security-Token")
    if token != session["token"]:
        if protocol is EC2:
            raise ServiceError("AuthFailure", "AWS was not able to validate the provided access credentials", 401)
        code = {S3_REST: "InvalidToken", QUERY: "InvalidClientTokenId"}.get(protocol, "UnrecognizedClientException")
        raise ServiceError(code, "The security token included in the request is invalid.", 403)
    if session["ends_us"] <= now_us:
        if protocol is S3_REST:
            raise ServiceError("ExpiredToken", "The provided token has expired.")
        if protocol is EC2:
            raise ServiceError("RequestExpired", "Request has expired.")
        code = "ExpiredToken" if protocol is QUERY else "ExpiredTokenException"
        raise ServiceError(code, "The security token included in the request is expired", 403)
    return replace(who, account=session["account"], arn=session["arn"])
