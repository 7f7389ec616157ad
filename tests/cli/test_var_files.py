"""`--var-file` through the commands: plans, what to type next, saved plans, and outputs that would overwrite one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mmeplan.plan import Plan
from tests.cli.running import mmeplan

FLEET = """\
version: 1
fleet: scores
account: "123456789012"
region: eu-west-1
variables: {tag: "1", count: 1, token: ""}
models:
  scorer:
    execution_role_arn: arn:aws:iam::123456789012:role/serving
    primary_container:
      image: "123456789012.dkr.ecr.eu-west-1.amazonaws.com/scorer:{{ tag }}"
      environment: {SETTING: "{{ token }}"}
endpoints:
  scores:
    config:
      production_variants:
        main: {model: scorer, instance_type: ml.m5.large, initial_instance_count: "{{ count }}"}
"""
FILES = "--var-file build.json --var-file 'the stage.yaml'"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "fleet.yaml").write_text(FLEET)
    (tmp_path / "build.json").write_text('{"tag": "1.10", "count": 2, "token": "hush"}')
    (tmp_path / "the stage.yaml").write_text("count: 3\n")
    return tmp_path


def test_what_is_typed_next_has_the_files(folder: Path) -> None:
    planned = mmeplan(f"plan --local {FILES} --var count=4", folder)

    assert planned.code == 0, planned.stderr
    assert "4 × ml.m5.large" in planned.stdout
    told = " ".join(planned.stdout.split())
    assert told.endswith(f"Next: mmeplan apply fleet.yaml {FILES} --var 'count=***' --local")


def test_a_saved_plan_keeps_the_values_and_is_applied_without_the_files(folder: Path) -> None:
    assert mmeplan(f"plan --local {FILES} --out plan.json", folder).code == 0
    saved = Plan.read(str(folder / "plan.json"))
    assert [(file.path, file.values) for file in saved.options.variable_files] == [
        ("build.json", {"tag": "1.10", "count": 2, "token": "hush"}),
        ("the stage.yaml", {"count": 3}),
    ]
    refused = mmeplan("apply plan.json --local --yes --var-file build.json", folder)
    assert refused.code == 1
    assert "belong to `mmeplan plan`" in refused.stderr

    (folder / "build.json").unlink()
    assert mmeplan("apply plan.json --local --yes", folder).code == 0
    assert "no changes" in mmeplan("plan --local --var tag=1.10 --var count=3 --var token=hush", folder).stdout.lower()


def test_a_rendering_masks_the_texts_of_the_files(folder: Path) -> None:
    shown = mmeplan(f"plan --local {FILES} --format json", folder).stdout

    assert "hush" not in shown
    assert json.loads(shown)["options"]["variable_files"][1]["values"] == {"count": 3}


def test_a_plan_without_such_files_has_no_member_for_them(folder: Path) -> None:
    assert "variable_files" not in json.loads(mmeplan("plan --local --format json", folder).stdout)["options"]


def test_an_output_never_overwrites_one(folder: Path) -> None:
    refused = mmeplan("plan --local --var-file build.json --out build.json", folder)

    assert refused.code == 1
    assert "hush" in (folder / "build.json").read_text()


@pytest.mark.parametrize(
    "command", ["validate", "plan --local", "drift --local", "status --local", "graph", "destroy --local"]
)
def test_commands_that_read_a_fleet_refuse_a_name_that_is_not_declared(folder: Path, command: str) -> None:
    (folder / "typo.json").write_text('{"cuont": 2}')
    refused = mmeplan(f"{command} --var-file typo.json", folder)

    assert refused.code == 1
    assert "'cuont' of --var-file typo.json: the file declares no such variable; did you mean count?" in refused.stderr
