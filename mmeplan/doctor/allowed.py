"""What the caller may do, as IAM's simulation says: exactly the actions that the fleet's plan and its apply need.

In: a policy as `plan --iam` prints it, who calls, a reader. Out: a `CheckRow`. What a denied read can't tell is no
error. Sources: IAM API Reference, "SimulatePrincipalPolicy" (evaluates identity-based policies, boundaries and service
control policies; neither session policies nor resource-based ones) and "EvaluationResult"; IAM User Guide, "IAM
identifiers" and "Amazon Resource Names of assumed roles" (the session's ARN has the role's name without its path).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from mmeplan.aws.failures import Failure, failure_of
from mmeplan.errors import CloudError
from mmeplan.live import Answer, Reader, pages
from mmeplan.render import CheckRow
from mmeplan.rules.policies import SIMULATED, decisions

NAME: Final = "permissions"
_SESSION: Final = re.compile(r"arn:([a-z-]+):sts::(\d{12}):assumed-role/([^/]+)/.+")
_MOST: Final = 6  # actions that are named where the caller may not do them
_TYPES: Final = {"StringEquals": "string", "Bool": "boolean", "ForAnyValue:StringEquals": "stringList"}


@dataclass
class _Found:
    """What simulations said: (action, ARN) → why not; and what they could not tell, with the keys it lacks."""

    denied: dict[str, list[tuple[str, str]]] = field(default_factory=lambda: defaultdict(list))
    untold: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    asked: set[tuple[str, str]] = field(default_factory=set)


class _UnknownPrincipalError(Exception):
    """Nobody whom IAM could simulate; the text says why."""


def permissions(
    policy: Mapping[str, Any], caller: str, reader: Reader, *, assumed: str = "", listing: str = "mmeplan plan --iam"
) -> CheckRow:
    """Whether the caller (an ARN) may do all that the policy allows. `assumed` says what the policy was made of, if it
    isn't what is live; `listing` prints the policy.

    Raises CloudError where the simulation fails for another reason than that nobody may ask for it.
    """
    try:
        principal = _principal(caller, reader)
        found = _simulated(policy, principal, reader)
    except _UnknownPrincipalError as unknown:
        return CheckRow(NAME, "skipped", str(unknown), listing)
    except CloudError as error:
        if failure_of(error) is Failure.DENIED:
            said = f"{caller} may not call iam:{error.operation}, which would tell what it may do; the command below"
            return CheckRow(NAME, "skipped", f"{said} lists what is needed", listing)
        if error.code == "NoSuchEntity":
            path = "; if its role has a path, allow iam:GetRole, which tells it" if ":assumed-role/" in caller else ""
            said = f"IAM knows no {principal}, so it can't say what {caller} may do{path}"
            return CheckRow(NAME, "skipped", said, listing)
        raise
    return _row(found, principal, assumed, listing)


def _row(found: _Found, principal: str, assumed: str, listing: str) -> CheckRow:
    beside = f" ({assumed})" if assumed else ""
    actions = len({action for action, _ in found.asked})
    if found.denied:
        named = [_denial(action, whys) for action, whys in sorted(found.denied.items())]
        more = f"; and {len(named) - _MOST} more actions" if len(named) > _MOST else ""
        text = f"{len(named)} of {actions} actions are refused to {principal}{beside}: "
        return CheckRow(NAME, "error", text + "; ".join(named[:_MOST]) + more, listing)
    if found.untold:
        keys = sorted({key for keys in found.untold.values() for key in keys})
        asks = f", for its policies ask for {', '.join(keys)}" if keys else ""
        text = f"IAM can't tell whether {principal} may {', '.join(sorted(found.untold))}{asks}{beside}"
        return CheckRow(NAME, "warning", text, listing)
    said = f"{principal} may do all of the {actions} actions that plan and apply need{beside}; a session's own policy "
    return CheckRow(NAME, "ok", f"{said}isn't seen by IAM's simulation")


def _denial(action: str, whys: Sequence[tuple[str, str]]) -> str:
    arn, why = whys[0]
    more = f" and {len(whys) - 1} more" if len(whys) > 1 else ""
    return f"{action}{'' if arn == '*' else f' on {arn}'}{more}{why}"


def _principal(caller: str, reader: Reader) -> str:
    """The user or role whose policies count. Raises _UnknownPrincipalError, CloudError."""
    if caller.endswith(":root"):
        raise _UnknownPrincipalError(f"{caller} may do everything that its organization leaves it; use a role instead")
    session = _SESSION.fullmatch(caller)
    if session is None:
        if ":iam::" in caller:
            return caller
        raise _UnknownPrincipalError(f"IAM doesn't simulate {caller}, which is neither a user nor a role")
    partition, account, name = session.groups()
    try:
        return str(reader.read("GetRole", {"RoleName": name})["Role"]["Arn"])
    except CloudError as error:
        if failure_of(error) is not Failure.DENIED and error.code != "NoSuchEntity":
            raise
    return f"arn:{partition}:iam::{account}:role/{name}"  # right where the role has no path


def _simulated(policy: Mapping[str, Any], principal: str, reader: Reader) -> _Found:
    found = _Found()
    for statement in policy["Statement"]:
        arns = list(statement["Resource"])
        for first in range(0, len(arns), SIMULATED):
            asked = {
                "PolicySourceArn": principal,
                "ActionNames": list(statement["Action"]),
                "ResourceArns": arns[first : first + SIMULATED],
                **_context(statement.get("Condition", {})),
            }
            results = [
                result
                for page in pages(reader, "SimulatePrincipalPolicy", asked, "Marker")
                for result in page.get("EvaluationResults") or ()
            ]
            _note(found, asked, results)
    return found


def _context(condition: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The values that a call has for the keys of a statement's condition."""
    entries = [
        {
            "ContextKeyName": key,
            "ContextKeyValues": list(value) if isinstance(value, (list, tuple)) else [value],
            "ContextKeyType": _TYPES[operator],
        }
        for operator, wanted in condition.items()
        for key, value in wanted.items()
    ]
    return {"ContextEntries": entries} if entries else {}


def _note(found: _Found, asked: Mapping[str, Any], results: Sequence[Answer]) -> None:
    whys = dict(_whys(results))
    for action in asked["ActionNames"]:
        told = decisions({"EvaluationResults": [one for one in results if one.get("EvalActionName") == action]})
        for arn in asked["ResourceArns"]:
            found.asked.add((action, arn))
            decision = told["decisions"].get(arn, {}).get(action)
            if decision == "allowed":
                continue
            if decision is None or (decision == "implicitDeny" and told["lacking"]):
                found.untold[action] |= set(told["lacking"])
            else:
                denied = " (a policy denies it)" if decision == "explicitDeny" else ""
                found.denied[action].append((arn, whys.get(action, denied)))


def _whys(results: Sequence[Answer]) -> Iterator[tuple[str, str]]:
    """Action → what besides the identity's own policies forbids it."""
    for result in results:
        for part in (result, *(result.get("ResourceSpecificResults") or ())):
            if (part.get("OrganizationsDecisionDetail") or {}).get("AllowedByOrganizations") is False:
                yield str(result.get("EvalActionName")), " (by a service control policy)"
            elif (part.get("PermissionsBoundaryDecisionDetail") or {}).get("AllowedByPermissionsBoundary") is False:
                yield str(result.get("EvalActionName")), " (by the permissions boundary)"
