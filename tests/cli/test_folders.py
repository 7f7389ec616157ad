"""A fleet in a folder, its tables beside it and below: commands from above read, name and watch the right files."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from tests.cli.running import mmeplan

FLEET = """\
version: 1
fleet: tenants
region: eu-west-1
account: "123456789012"
quotas: {file: limits.yaml}
models:
  m-{{ each.key }}:
    for_each: {file: tables/tenants.csv}
    execution_role_arn: arn:aws:iam::123456789012:role/sagemaker-execution
    containers:
    - {image: "123456789012.dkr.ecr.eu-west-1.amazonaws.com/features:1", environment: {KEY: "secret-{{ each.key }}"}}
    - {image: "123456789012.dkr.ecr.eu-west-1.amazonaws.com/forecast:1", environment: {KEY: other-secret}}
endpoints:
  "{{ each.key }}":
    for_each: {file: tables/tenants.csv}
    config:
      production_variants:
        main:
          model: "m-{{ each.key }}"
          instance_type: ml.m5.large
          initial_instance_count: "{{ each.value.count }}"
"""
TABLE, OTHER_TABLE = "name,count\nacme,1\nglobex,2\n", "name,count\nacme,1\nglobex,3\n"
FILES = {
    "fleets/prod/fleet.yaml": FLEET,
    "fleets/prod/tables/tenants.csv": TABLE,
    "fleets/prod/limits.yaml": "ml.m5.large: 20\n",
    "tables/tenants.csv": "name,count\nsomebody,9\n",  # beside the shell, not beside the fleet
    "limits.yaml": "ml.m5.large: 1\n",
}
AT = "fleets/prod/fleet.yaml"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def saved(folder: Path) -> dict[str, str]:
    """The sources of a plan that was made from above, path → digest."""
    assert mmeplan(f"plan {AT} --local --out plan.json", folder).code == 0
    document = json.loads((folder / "plan.json").read_text())
    return {source["path"]: source["sha256"] for source in document["source"]}


def test_the_tables_are_those_beside_the_fleet(folder: Path) -> None:
    digest = {name: hashlib.sha256(text.encode()).hexdigest() for name, text in FILES.items()}
    assert saved(folder) == {
        AT: digest[AT],
        "limits.yaml": digest["fleets/prod/limits.yaml"],
        "tables/tenants.csv": digest["fleets/prod/tables/tenants.csv"],
    }
    changes = json.loads((folder / "plan.json").read_text())["changes"]
    assert {change["address"] for change in changes if change["kind"] == "endpoint"} == {
        "endpoint/acme",
        "endpoint/globex",
    }


@pytest.mark.parametrize(
    ("name", "text", "stale"),
    [
        ("fleets/prod/tables/tenants.csv", OTHER_TABLE, "tables/tenants.csv has changed"),
        ("fleets/prod/limits.yaml", "ml.m5.large: 21\n", "limits.yaml has changed"),
        (AT, FLEET.replace("ml.m5.large", "ml.m5.xlarge"), f"{AT} has changed"),
        ("tables/tenants.csv", TABLE, ""),
        ("limits.yaml", "", ""),
        ("fleets/prod/tables/tenants.csv", TABLE, ""),
    ],
)
def test_a_plan_is_stale_when_a_file_that_it_was_made_from_changes_and_only_then(
    folder: Path, name: str, text: str, stale: str
) -> None:
    saved(folder)
    (folder / name).write_text(text)
    result = mmeplan("apply --local --yes plan.json", folder)
    assert result.code == (4 if stale else 0)
    assert stale in result.stderr


def test_a_masked_snapshot_of_pipelines_holds_no_value_and_plans_like_the_account(folder: Path) -> None:
    assert mmeplan(f"apply {AT} --local --yes", folder).code == 0
    assert "secret" in mmeplan(f"snapshot {AT} --local", folder).stdout
    shown = mmeplan(f"snapshot {AT} --local --masked", folder)
    assert (shown.code, shown.stdout.count("(masked, ")) == (0, 4)
    assert "secret" not in shown.stdout
    (folder / "live.json").write_text(shown.stdout)
    assert mmeplan(f"plan {AT} --snapshot live.json --detailed-exitcode", folder).code == 0
    assert mmeplan(f"drift {AT} --snapshot live.json", folder).code == 0
    (folder / AT).write_text(FLEET.replace("other-secret", "new-value"))
    result = mmeplan(f"plan {AT} --snapshot live.json --detailed-exitcode --format json", folder)
    assert result.code == 2
    actions = {change["address"]: change["actions"] for change in json.loads(result.stdout)["changes"]}
    assert actions["model/m-acme"] == ["create"]
    assert "secret" not in result.stdout
