"""Gates, policies, capacity, permissions and speculative plans as a user meets them; and the policies for conftest."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from mmeplan import plan
from tests.cli.running import mmeplan

EXAMPLE = Path(__file__).parents[2] / "examples" / "policies"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "policies"
    shutil.copytree(EXAMPLE, made, ignore=shutil.ignore_patterns(".mmeplan"))
    return made


def edit(folder: Path, old: str, new: str) -> None:
    path = folder / "fleet.yaml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def test_a_policy_that_is_broken_refuses_with_exit_3(folder: Path) -> None:
    edit(folder, "initial_instance_count: 2", "initial_instance_count: 1")
    result = mmeplan("plan --local", folder)
    assert result.code == 3
    assert "policy/endpoints-have-two-instances" in result.stdout
    assert "endpoint/ranker: an endpoint that" in " ".join(result.stdout.split())
    assert mmeplan("apply --local --yes", folder).code == 3


def test_a_policy_that_does_not_compile_is_shown_with_a_caret(folder: Path) -> None:
    edit(folder, "plan.summary.update <= 20", "plan.sumary.update <=")
    result = mmeplan("validate", folder)
    assert result.code == 1
    assert "fleet.yaml:2" in result.stderr
    assert "the expression doesn't compile" in result.stderr


def test_beyond_the_quota_is_refused_before_anything_starts(folder: Path) -> None:
    assert mmeplan("apply --local --yes", folder).code == 0
    edit(folder, "initial_instance_count: 2", "initial_instance_count: 7")
    edit(folder, "ranker:2026.11", "ranker:2026.12")
    result = mmeplan("plan --local", folder)
    assert result.code == 3
    assert "GATE-09  the rollout has up to 9 × ml.m5.xlarge at once" in " ".join(result.stdout.split("\n    "))
    assert "ml.m5.xlarge  2    9 !   7      8 (quotas.yaml)" in result.stdout


def test_a_wrong_max_change_is_told(folder: Path) -> None:
    result = mmeplan("plan --local --max-change many", folder)
    assert result.code != 0
    assert "expected a percentage such as 30%" in result.stderr


def test_a_saved_plan_is_applied_with_no_more_than_it_was_made_for(folder: Path) -> None:
    assert mmeplan("plan --local --parallelism 2 --out plan.json", folder).code == 0
    assert json.loads((folder / "plan.json").read_text())["capacity"]["parallelism"] == 2
    result = mmeplan("apply --local --yes --parallelism 3 plan.json", folder)
    assert result.code == 1
    assert "the plan was made for --parallelism 2" in result.stderr
    assert mmeplan("apply --local --yes --parallelism 1 plan.json", folder).code == 0


def test_the_policy_for_iam_is_json_alone(folder: Path) -> None:
    result = mmeplan("plan --local --iam", folder)
    assert result.code == 0
    policy = json.loads(result.stdout)
    assert policy["Version"] == "2012-10-17"
    assert "sagemaker:CreateEndpoint" in {action for each in policy["Statement"] for action in each["Action"]}


def test_a_plan_from_a_snapshot_says_first_that_it_is_speculative(folder: Path) -> None:
    assert mmeplan("snapshot --local --out live.json", folder).code == 0
    result = mmeplan("plan --snapshot live.json --out plan.json", folder)
    assert result.code == 0
    assert result.stdout.startswith("SPECULATIVE: made from a saved snapshot, to be read. It can't be applied.\n")
    document = json.loads((folder / "plan.json").read_text())
    assert (document["applyable"], document["options"]["speculative"]) == (False, True)
    assert mmeplan("apply --local --yes plan.json", folder).code in (3, 4)


def test_the_policies_for_conftest(folder: Path) -> None:
    conftest = shutil.which("conftest")
    if conftest is None:
        pytest.skip("conftest isn't installed: https://www.conftest.dev/install")
    command = [conftest, "test", "plan.json", "--policy", "rego", "--output", "json"]

    def told() -> tuple[int, str]:
        (folder / "plan.json").write_text(mmeplan("plan --local --format json", folder).stdout)
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        return done.returncode, done.stdout

    assert told()[0] == 0
    assert mmeplan("apply --local --yes", folder).code == 0
    edit(folder, "      auto_rollback_configuration: {alarms: [{alarm_name: ranker-5xx}]}\n", "")
    edit(folder, "ranker:2026.11", "ranker:2026.12")
    code, text = told()
    assert code == 1
    assert "no alarm watches it" in text


def test_the_policies_of_the_page_compile_and_hold_for_the_example(folder: Path) -> None:
    page = (EXAMPLE.parents[1] / "docs" / "policies.md").read_text()
    (block,) = re.findall(r"```yaml\n(policies:\n.*?)```", page, re.DOTALL)
    before, _, rest = (folder / "fleet.yaml").read_text().partition("policies:\n")
    (folder / "fleet.yaml").write_text(before + block + "\ndefaults:\n" + rest.partition("defaults:\n")[2])
    assert mmeplan("plan --local", folder).code == 0


def test_the_policies_for_conftest_read_what_the_document_has(folder: Path) -> None:
    """Without conftest at least this is proved: every member that the Rego names is one of the document's."""
    result = mmeplan("plan --local --format json", folder)
    document = json.loads(result.stdout)
    change, step, row = document["changes"][0], document["steps"][0], document["capacity"]["types"][0]
    assert {"kind", "actions", "address", "explanation"} <= set(change)
    assert {"operation", "address", "params"} <= set(step)
    assert {"instance_type", "peak", "quota"} <= set(row)
    assert plan.decode({**document, "masked": False}).capacity is not None
