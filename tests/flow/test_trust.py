"""The trust policies of docs/roles.md, evaluated with the subjects that GitHub, GitLab and Bitbucket write."""

from __future__ import annotations

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from mmeplan.simulator import Simulator
from tests.contract.doors import Door
from tests.flow.pipelines import APPLY, CLIENTS, GITHUB, PLAN, SERVER, WORKSPACE, declare, policies, token

GITLAB = "gitlab.example.com"
CASES = [
    (GITHUB, "repo:OWNER/REPO:pull_request", "plan"),
    (GITHUB, "repo:OWNER/REPO:ref:refs/heads/main", "plan"),
    (GITHUB, "repo:OWNER/REPO:ref:refs/heads/gh-readonly-queue/main/pr-7-0a1b", "plan"),
    (GITHUB, "repo:OWNER/REPO:environment:production", "apply"),
    (GITHUB, "repo:OWNER/REPO:ref:refs/heads/feature", ""),
    (GITHUB, "repo:OWNER/REPO:environment:production-2", ""),
    (GITHUB, "repo:OWNER/REPO-2:pull_request", ""),
    (GITHUB, "repo:EVIL/REPO:pull_request", ""),
    (GITHUB, "repo:EVIL/REPO:environment:production", ""),
    (SERVER, "repo:OWNER/REPO:pull_request", "plan"),
    (SERVER, "repo:OWNER/REPO:environment:production", "apply"),
    (SERVER, "repo:EVIL/REPO:environment:production", ""),
    (GITLAB, "project_path:GROUP/PROJECT:ref_type:branch:ref:feature/x", "plan"),
    (GITLAB, "project_path:GROUP/PROJECT:ref_type:branch:ref:main", "plan apply"),
    (GITLAB, "project_path:GROUP/PROJECT:ref_type:tag:ref:main", ""),
    (GITLAB, "project_path:EVIL/PROJECT:ref_type:branch:ref:main", ""),
    (GITLAB, "project_path:GROUP/PROJECT-2:ref_type:branch:ref:main", ""),
    (WORKSPACE, "{REPOSITORY_UUID}:{STEP}", "plan"),
    (WORKSPACE, "{REPOSITORY_UUID}:{ENVIRONMENT_UUID}:{STEP}", "plan apply"),
    (WORKSPACE, "{REPOSITORY_UUID}:{OTHER_ENVIRONMENT}:{STEP}", "plan"),
    (WORKSPACE, "{OTHER}:{ENVIRONMENT_UUID}:{STEP}", ""),
]


def test_the_page_has_both_roles_of_every_service() -> None:
    assert set(policies()) == {(issuer, role) for issuer in CLIENTS for role in ("plan", "apply")}


@pytest.mark.parametrize(("issuer", "subject", "roles"), CASES)
def test_a_role_is_given_to_whom_the_page_says_and_to_nobody_else(issuer: str, subject: str, roles: str) -> None:
    with Simulator.open() as sim:
        declare(Door(sim=sim).client("iam"), issuer)
        sts = boto3.client("sts", region_name="eu-west-1", config=Config(signature_version=UNSIGNED))
        sts.meta.events.register("before-send.*", sim.before_send)

        def given(arn: str, audience: str = "") -> bool:
            try:
                sts.assume_role_with_web_identity(
                    RoleArn=arn, RoleSessionName="job", WebIdentityToken=token(issuer, subject, audience)
                )
            except ClientError as refusal:
                if refusal.response["Error"]["Code"] not in ("AccessDenied", "InvalidIdentityToken"):
                    raise
                return False
            return True

        assert [name for name, arn in (("plan", PLAN), ("apply", APPLY)) if given(arn)] == roles.split()
        assert not given(PLAN, "https://another.example.com")
        assert not given(APPLY, "https://another.example.com")


def test_the_required_checks_page_names_the_subjects_of_the_plan_role() -> None:
    """The queue's page quotes the policy's condition: both say the same."""
    from tests.flow.runner import ROOT

    policy = policies()[GITHUB, "plan"]
    text = (ROOT / "docs" / "required-checks.md").read_text()
    for subject in policy["Statement"][0]["Condition"]["StringLike"][f"{GITHUB}:sub"]:
        assert subject in text
