"""What once left the wrong plan under a pull request, or none and a green check, with the action's own steps.

A typing mistake, a policy, a fork, a change that is taken back stand in test_pull_request.py, a cancelled run in
test_cancelled.py, a re-run after a half-failed apply in test_apply.py, thirty fleets in test_many_fleets.py, which
jobs run in a merge queue in test_required_check.py.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.cli.running import mmeplan
from tests.flow.fake_github import FakeGitHub, Forced
from tests.flow.runner import Ended
from tests.flow.test_pull_request import BIGGER, BOT, FLEET, Repository, git, github, repository, somebody_scales

__all__ = ["github", "repository"]

COMMENTS = "/repos/acme/fleets/issues/7/comments"


def bodies(github: FakeGitHub) -> list[str]:
    return [item["body"] for item in github.comments[7]]


# --- two regions ------------------------------------------------------------------------------------------------------

EVERYWHERE = FLEET.replace("ecr.eu-west-1.", "ecr.{{ region }}.")


def in_region(repository: Repository, branch: str, region: str, event: str = "pull_request", **inputs: str) -> Ended:
    return repository.act(branch, event, args=f"{repository.aws}\n--region={region}", **inputs)


def test_two_regions_of_a_fleet_are_two_comments(repository: Repository, github: FakeGitHub) -> None:
    """Jobs of one matrix: one run, one attempt. The marker tells them apart, so that neither needs a key."""
    repository.commit(EVERYWHERE.replace("ml.m5.large", "ml.m5.xlarge"), "Everywhere")
    for told in ("created: ", "unchanged: "):
        for region in ("eu-west-1", "us-east-1"):
            ended = in_region(repository, "bigger", region)
            assert ended.code == 0, ended.log
            assert told in ended.log
            repository.runs -= 1
    here, there = bodies(github)
    assert (";region=eu-west-1;" in here, ";region=us-east-1;" in there) == (True, True)
    assert ("worst=traffic_shift;" in here, "worst=create;" in there) == (True, True)
    repository.runs += 1
    repository.commit(EVERYWHERE.replace("initial_instance_count: 2", "initial_instance_count: 3"), "More")
    assert in_region(repository, "bigger", "us-east-1").code == 0
    assert bodies(github)[0] == here, "the plan of the other region isn't overwritten"
    assert "3" in bodies(github)[1]


def test_a_calm_night_in_one_region_closes_no_issue_of_another(repository: Repository, github: FakeGitHub) -> None:
    git(repository.origin, "switch", "-q", "main")
    repository.commit(EVERYWHERE, "Everywhere")
    assert mmeplan(f"apply --yes --region us-east-1 {repository.aws}", repository.checkout("main", "there")).code == 0
    somebody_scales(repository)
    for region in ("eu-west-1", "us-east-1"):
        ended = in_region(repository, "main", region, "schedule", command="drift", issue="Drift in prices")
        assert ended.code == 0, ended.log
    (issue,) = github.issues
    assert (issue["state"], ended.outputs["drift"]) == ("open", "0")
    assert "region=eu-west-1" in issue["body"]


# --- plans of older pushes --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ['"prices-{{ environment }}"', "'prices-prod'"], ids=["templated", "quoted"])
def test_the_comment_of_a_fleet_is_found_where_its_file_is_broken(
    repository: Repository, github: FakeGitHub, name: str
) -> None:
    """Nobody can say then what the fleet is called."""
    other = BIGGER.replace("endpoints:\n  ranker:", "endpoints:\n  other:")
    good = other.replace("fleet: prices", f"fleet: {name}") + "environments: {prod: {}}\n"
    repository.commit(good, "Another name")
    assert repository.act("bigger", environment="prod").code == 0
    assert "ml.m5.xlarge" in repository.comment
    assert "fleet=prices-prod;environment=prod;" in repository.comment
    repository.commit(good.replace("instance_type", "instance_tipe"), "A mistake")
    assert repository.act("bigger", environment="prod").code == 1
    assert "there is no plan" in repository.comment
    repository.commit(good.replace("endpoints:", "endpoints: ["), "No YAML")
    assert repository.act("bigger", environment="prod").code == 1
    assert "there is no plan" in repository.comment


def test_a_fleet_that_is_deleted_says_that_its_endpoints_live_on(repository: Repository, github: FakeGitHub) -> None:
    repository.commit(BIGGER, "Bigger instances")
    assert repository.act("bigger").code == 0
    git(repository.origin, "rm", "-q", "fleet.yaml")
    git(repository.origin, "commit", "-q", "-m", "No fleet")
    files = repository.act("bigger", command="files", changed_since="origin/main", args="")
    assert files.outputs["fleets"] == "[]"
    assert "fleet.yaml is deleted; its endpoints live on" in files.log
    withdrawn = repository.act("bigger", command="withdraw", due=files.outputs["fleets"], args="")
    assert withdrawn.code == 0, withdrawn.log
    assert "its endpoints live on" in repository.comment
    assert "git restore --source=BASE -- fleet.yaml && mmeplan destroy fleet.yaml" in repository.comment
    assert "ml.m5.xlarge" not in repository.comment
    repository.commit(BIGGER, "There again")
    assert repository.act("bigger").code == 0
    plan, note = bodies(github)
    assert "ml.m5.xlarge" in plan
    assert note.startswith("The plan has got worse: ")


def test_a_run_of_an_older_push_that_ends_late_leaves_the_plan_of_the_newer_one(
    repository: Repository, github: FakeGitHub
) -> None:
    repository.commit(BIGGER, "Bigger instances")
    git(repository.origin, "branch", "older")
    repository.commit(FLEET.replace("initial_instance_count: 2", "initial_instance_count: 3"), "More, not bigger")
    repository.runs = 8
    assert repository.act("bigger").code == 0
    newer = repository.comment
    repository.runs = 7
    late = repository.act("older")
    assert late.code == 0, late.log
    assert "kept: " in late.log
    assert "a newer run has written it" in late.log
    assert repository.comment == newer
    again = repository.act("bigger", comment_key="")
    assert "unchanged: " in again.log


# --- GitHub's limits --------------------------------------------------------------------------------------------------

SECONDARY = "You have exceeded a secondary rate limit and have been temporarily blocked from content creation."


def limited(status: int, **headers: str) -> Forced:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Forced("POST", COMMENTS, status, {"message": SECONDARY}, named)


def test_a_limit_that_ends_soon_is_waited_for(repository: Repository, github: FakeGitHub) -> None:
    github.forced += [limited(403, retry_after="0"), limited(429, retry_after="0")]
    ended = repository.act("bigger")
    assert ended.code == 0, ended.log
    assert "created: " in ended.log


@pytest.mark.parametrize("token", ["", "ghs_of_a_fork"], ids=["own", "fork"])
def test_a_limit_that_lasts_is_red_and_no_refusal(repository: Repository, github: FakeGitHub, token: str) -> None:
    """Red in a fork's request, too: only what GitHub denies is let pass there."""
    github.user("ghs_of_a_fork", BOT, bot=True)
    github.forced.append(limited(403, retry_after="7000"))
    ended = repository.act("bigger", **({"token": token} if token else {}))
    assert ended.code == 1, ended.log
    assert "GitHub asks to wait 117 min" in " ".join(ended.log.split())
    assert "run the job again later" in " ".join(ended.log.split())
    assert "conversation is locked" not in ended.log
    assert "what stands there is older" in ended.summary
    assert ended.outputs["exit"] == "0", "the plan itself is good"


# --- merge queue ------------------------------------------------------------------------------------------------------


def test_an_entry_of_a_queue_is_planned_and_writes_nothing(repository: Repository, github: FakeGitHub) -> None:
    repository.commit(BIGGER, "Bigger instances")
    runner = repository.runner("bigger", "merge_group")
    queued: dict[str, Any] = {"head_ref": f"refs/heads/gh-readonly-queue/main/pr-7-{'a' * 40}", "base_sha": "b" * 40}
    runner.event = {"merge_group": queued}
    ended = runner.act(("Install mmeplan",), args=repository.aws)
    assert (ended.code, ended.outputs["exit"]) == (0, "2"), ended.log
    assert ended.ran == ["Run mmeplan", "Tell how it ended"]
    assert "ml.m5.xlarge" in ended.summary
    assert github.requests == []
    broken = repository.runner("bigger", "merge_group")
    broken.event = {"merge_group": queued}
    assert broken.act(("Install mmeplan",), args=f"{repository.aws}\n--max-chnage=20%").code == 1
    assert json.loads(json.dumps(github.comments)) == {}
