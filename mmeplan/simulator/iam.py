"""IAM, as far as it says who may assume a role: roles with their trust policies, and OpenID Connect providers.

In: requests. Out: what was declared. No permission is evaluated anywhere in the simulated world, so that
SimulatePrincipalPolicy allows everything to a role that is there. IAM is global: its objects belong to the account.

Sources: IAM API Reference, "GetRole", "CreateOpenIDConnectProvider", "SimulatePrincipalPolicy".
"""

from __future__ import annotations

import hashlib
import re
from typing import Any, Final
from urllib.parse import quote

from mmeplan.aws.partitions import partition_of
from mmeplan.simulator import trust
from mmeplan.simulator.call import Call, seconds
from mmeplan.simulator.wire import ServiceError

Json = dict[str, Any]

ROLE, PROVIDER = "iam_role", "oidc_provider"
SESSION_S: Final = 3600
"""MaxSessionDuration of a role that names none, in seconds. Source: CreateRole."""

_ROLE_ARN: Final = re.compile(r"arn:(aws[a-z-]*):iam::(\d{12}):role/(?:.*/)?([\w+=,.@-]+)", re.ASCII)


def create_role(call: Call, request: Json) -> Json:
    """CreateRole."""
    name, path = request["RoleName"], request.get("Path", "/")
    if call.records.get(ROLE, call.account, "", name):
        raise ServiceError("EntityAlreadyExists", f"Role with name {name} already exists.", 409)
    trust.statements(request["AssumeRolePolicyDocument"])
    role = {
        "Path": path,
        "RoleName": name,
        "RoleId": role_id(call.account, name),
        "Arn": f"arn:{partition_of(call.region)}:iam::{call.account}:role{path}{name}",
        "CreateDate": seconds(call.now_us),
        "AssumeRolePolicyDocument": request["AssumeRolePolicyDocument"],
        "MaxSessionDuration": request.get("MaxSessionDuration", SESSION_S),
        **({"Description": request["Description"]} if "Description" in request else {}),
    }
    call.records.put(ROLE, call.account, "", name, role)
    return {"Role": _shown(role)}


def get_role(call: Call, request: Json) -> Json:
    """GetRole."""
    name = request["RoleName"]
    role = call.records.get(ROLE, call.account, "", name)
    if role is None:
        raise ServiceError("NoSuchEntity", f"The role with name {name} cannot be found.", 404)
    return {"Role": _shown(role)}


def _shown(role: Json) -> Json:
    """As the service shows it: the policy is URL-encoded (RFC 3986)."""
    return {**role, "AssumeRolePolicyDocument": quote(role["AssumeRolePolicyDocument"], safe="")}


def create_provider(call: Call, request: Json) -> Json:
    """CreateOpenIDConnectProvider."""
    arn = provider_arn(partition_of(call.region), call.account, request["Url"])
    if not request["Url"].startswith("https://"):
        raise ServiceError("InvalidInput", "The provider's URL must begin with https://.")
    if call.records.get(PROVIDER, call.account, "", arn) is not None:
        raise ServiceError("EntityAlreadyExists", f"Provider with url {request['Url']} already exists.", 409)
    call.records.put(PROVIDER, call.account, "", arn, request.get("ClientIDList", []))
    return {"OpenIDConnectProviderArn": arn}


def provider_arn(partition: str, account: str, issuer: str) -> str:
    """The ARN of an account's provider for the tokens of an issuer."""
    return f"arn:{partition}:iam::{account}:oidc-provider/{issuer.removeprefix('https://')}"


def simulate_principal_policy(call: Call, request: Json) -> Json:
    """SimulatePrincipalPolicy: everything is allowed, to a role that is there."""
    source = request["PolicySourceArn"]
    _, account, name = role_of(source) or ("", "", "")
    if account != call.account or not call.records.get(ROLE, account, "", name):
        raise ServiceError("NoSuchEntity", f"The entity {source} cannot be found.", 404)
    results = [
        {
            "EvalActionName": action,
            "EvalResourceName": resource,
            "EvalDecision": "allowed",
            "MatchedStatements": [],
            "MissingContextValues": [],
        }
        for action in request["ActionNames"]
        for resource in request.get("ResourceArns") or ["*"]
    ]
    return {"EvaluationResults": results, "IsTruncated": False}


def role_of(arn: str) -> tuple[str, str, str] | None:
    """Partition, account and name of the role of an ARN; None where it isn't one of a role."""
    found = _ROLE_ARN.fullmatch(arn)
    return (found[1], found[2], found[3]) if found else None


def role_id(account: str, name: str) -> str:
    """The unique id of a role, made up."""
    return f"AROA{hashlib.sha256(f'{account}/{name}'.encode()).hexdigest()[:17].upper()}"
