"""`mmeplan doctor` asks IAM's simulation for just what `plan --iam` lists; what it can't know is no denial."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from mmeplan.doctor.allowed import permissions
from mmeplan.errors import CloudError, ConnectionFailedError
from mmeplan.rules.policies import SIMULATED

ROLE = "arn:aws:iam::123456789012:role/deploy"
SESSION = "arn:aws:sts::123456789012:assumed-role/deploy/ci"
CONFIGS = [f"arn:aws:sagemaker:eu-west-1:123456789012:endpoint-config/c-{n}" for n in range(SIMULATED + 3)]
POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {"Sid": "ReadInventory", "Effect": "Allow", "Action": ["sagemaker:ListModels"], "Resource": ["*"]},
        {
            "Sid": "DeleteOwn",
            "Effect": "Allow",
            "Action": ["sagemaker:DeleteEndpointConfig"],
            "Resource": CONFIGS,
            "Condition": {"StringEquals": {"aws:ResourceTag/mmeplan:fleet": "shop"}},
        },
        {
            "Sid": "PassRoles",
            "Effect": "Allow",
            "Action": ["iam:PassRole"],
            "Resource": ["arn:aws:iam::123456789012:role/serving"],
            "Condition": {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}},
        },
    ],
}
Decided = Callable[[str, str], Mapping[str, Any]]


def allowed(_action: str, _arn: str) -> Mapping[str, Any]:
    return {"EvalDecision": "allowed"}


class Iam:
    """A reader behind which IAM answers in pages of 40 results, one a call and action, as it does since 2026."""

    def __init__(self, decided: Decided = allowed, **failures: CloudError) -> None:
        self.decided, self.failures = decided, failures
        self.asked: list[Mapping[str, Any]] = []
        self.role = ROLE

    def read(self, operation: str, params: Mapping[str, Any]) -> dict[str, Any]:
        if operation in self.failures:
            raise self.failures[operation]
        if operation == "GetRole":
            return {"Role": {"Arn": self.role}}
        assert operation == "SimulatePrincipalPolicy"
        first = int(params.get("Marker") or 0)
        if not first:
            self.asked.append(params)
        wanted = [(action, arn) for action in params["ActionNames"] for arn in params["ResourceArns"]]
        results = []
        for action, arn in wanted[first : first + 40]:
            decided = dict(self.decided(action, arn))
            part = {"EvalResourceName": arn, "EvalResourceDecision": decided.pop("EvalDecision"), **decided}
            results.append(
                {
                    "EvalActionName": action,
                    "EvalResourceName": "*",
                    "EvalDecision": part["EvalResourceDecision"],
                    "ResourceSpecificResults": [part],
                }
            )
        more = first + 40 < len(wanted)
        return {"EvaluationResults": results, "IsTruncated": more, **({"Marker": str(first + 40)} if more else {})}

    def gather(self, calls: Sequence[tuple[str, Mapping[str, Any]]], progress: Any = None) -> list[Any]:
        raise AssertionError("not in here")


def denied(code: str = "AccessDenied") -> CloudError:
    return CloudError("SimulatePrincipalPolicy", code, "no", status=403)


def test_just_the_statements_of_the_policy_are_asked_with_the_values_of_their_conditions() -> None:
    iam = Iam()
    row = permissions(POLICY, SESSION, iam)
    assert (row.state, "all of the 3 actions" in row.said, ROLE in row.said) == ("ok", True, True)
    assert [params["PolicySourceArn"] for params in iam.asked] == [ROLE] * 4
    assert [len(params["ResourceArns"]) for params in iam.asked] == [1, SIMULATED, 3, 1]
    asked = {(a, r) for params in iam.asked for a in params["ActionNames"] for r in params["ResourceArns"]}
    assert asked == {(a, r) for s in POLICY["Statement"] for a in s["Action"] for r in s["Resource"]}  # type: ignore[index]
    contexts = [params.get("ContextEntries") for params in iam.asked]
    fleet = {
        "ContextKeyName": "aws:ResourceTag/mmeplan:fleet",
        "ContextKeyValues": ["shop"],
        "ContextKeyType": "string",
    }
    assert contexts[:3] == [None, [fleet], [fleet]]
    assert contexts[3][0]["ContextKeyValues"] == ["sagemaker.amazonaws.com"]  # type: ignore[index]


@pytest.mark.parametrize("last", [CONFIGS[0], CONFIGS[-1], CONFIGS[45]], ids=["first", "second call", "second page"])
def test_one_denial_anywhere_is_an_error_with_its_action_and_object(last: str) -> None:
    row = permissions(POLICY, ROLE, Iam(lambda _, arn: {"EvalDecision": "implicitDeny" if arn == last else "allowed"}))
    assert row.state == "error"
    assert f"1 of 3 actions are refused to {ROLE}: sagemaker:DeleteEndpointConfig on {last}" in row.said
    assert row.next == "mmeplan plan --iam"


WHYS: dict[str, tuple[Mapping[str, Any], str]] = {
    "denied": ({"EvalDecision": "explicitDeny"}, "iam:PassRole on arn:aws:iam::123456789012:role/serving (a policy"),
    "organization": (
        {"EvalDecision": "implicitDeny", "OrganizationsDecisionDetail": {"AllowedByOrganizations": False}},
        "(by a service control policy)",
    ),
    "boundary": (
        {
            "EvalDecision": "implicitDeny",
            "PermissionsBoundaryDecisionDetail": {"AllowedByPermissionsBoundary": False},
        },
        "(by the permissions boundary)",
    ),
}


@pytest.mark.parametrize("why", WHYS)
def test_what_denies_it_is_named(why: str) -> None:
    decided, said = WHYS[why]
    row = permissions(POLICY, ROLE, Iam(lambda action, _: decided if action == "iam:PassRole" else allowed("", "")))
    assert (row.state, said in row.said) == ("error", True), row.said


def test_what_policies_ask_for_and_nobody_knows_is_a_warning_not_a_denial() -> None:
    untold = {"EvalDecision": "implicitDeny", "MissingContextValues": ["aws:SourceIp"]}
    row = permissions(POLICY, ROLE, Iam(lambda action, _: untold if "List" in action else allowed("", "")))
    assert (row.state, "sagemaker:ListModels" in row.said, "aws:SourceIp" in row.said) == ("warning", True, True)
    mixed = permissions(POLICY, ROLE, Iam(lambda a, _: untold if "List" in a else {"EvalDecision": "implicitDeny"}))
    assert (mixed.state, "ListModels" in mixed.said) == ("error", False)


def test_an_action_without_an_answer_is_unknown() -> None:
    iam = Iam()
    iam.read = lambda *_: {"EvaluationResults": []}  # type: ignore[method-assign, assignment]
    assert permissions(POLICY, ROLE, iam).state == "warning"


@pytest.mark.parametrize("operation", ["SimulatePrincipalPolicy"])
def test_a_simulation_that_is_denied_is_not_taken_for_a_lack_of_permissions(operation: str) -> None:
    row = permissions(POLICY, SESSION, Iam(**{operation: denied()}), listing="mmeplan plan f.yaml --iam")
    assert (row.state, f"may not call iam:{operation}" in row.said) == ("skipped", True)
    assert row.next == "mmeplan plan f.yaml --iam"


def test_the_path_of_a_role_is_asked_for_and_without_it_the_plain_role_is_tried() -> None:
    iam = Iam()
    iam.role = "arn:aws:iam::123456789012:role/aws-reserved/sso.amazonaws.com/deploy"
    permissions(POLICY, SESSION, iam)
    assert {params["PolicySourceArn"] for params in iam.asked} == {iam.role}
    blind = Iam(GetRole=CloudError("GetRole", "AccessDenied", "no", status=403))
    assert permissions(POLICY, SESSION, blind).state == "ok"
    assert {params["PolicySourceArn"] for params in blind.asked} == {ROLE}
    unknown = Iam(GetRole=denied(), SimulatePrincipalPolicy=CloudError("SimulatePrincipalPolicy", "NoSuchEntity", "no"))
    row = permissions(POLICY, SESSION, unknown)
    assert (row.state, "allow iam:GetRole" in row.said) == ("skipped", True)


@pytest.mark.parametrize(
    "caller",
    [
        "arn:aws:iam::123456789012:root",
        "arn:aws:sts::123456789012:federated-user/ann",
    ],
)
def test_whom_iam_cannot_simulate_is_not_asked_about(caller: str) -> None:
    iam = Iam()
    row = permissions(POLICY, caller, iam)
    assert (row.state, iam.asked, caller in row.said) == ("skipped", [], True)


def test_a_user_is_simulated_as_it_is_and_a_partition_is_kept() -> None:
    iam = Iam()
    user = "arn:aws-cn:iam::123456789012:user/team/ann"
    assert permissions(POLICY, user, iam).state == "ok"
    assert {params["PolicySourceArn"] for params in iam.asked} == {user}
    blind = Iam(GetRole=denied())
    permissions(POLICY, "arn:aws-us-gov:sts::123456789012:assumed-role/deploy/ci", blind)
    assert blind.asked[0]["PolicySourceArn"] == "arn:aws-us-gov:iam::123456789012:role/deploy"


def test_many_denials_are_counted_and_few_are_named() -> None:
    statement = {"Action": [f"sagemaker:A{n}" for n in range(20)], "Resource": ["*"]}
    row = permissions({"Statement": [statement]}, ROLE, Iam(lambda *_: {"EvalDecision": "implicitDeny"}))
    assert "20 of 20 actions" in row.said
    assert "and 14 more actions" in row.said


def test_no_answer_is_raised_for_the_caller_to_tell() -> None:
    with pytest.raises(ConnectionFailedError):
        permissions(POLICY, ROLE, Iam(SimulatePrincipalPolicy=ConnectionFailedError("SimulatePrincipalPolicy", "gone")))
