"""The command that is printed as the next one does what was shown: it brings the plan's own options along."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from mmeplan.errors import Command
from tests.cli.running import mmeplan

FLEET = """\
version: 1
fleet: shop
region: eu-west-1
variables: {note: none}
defaults:
  model: {execution_role_arn: "arn:aws:iam::123456789012:role/sagemaker"}
models:
  ranker: {primary_container: {image: "123456789012.dkr.ecr.eu-west-1.amazonaws.com/ranker:1"}}
endpoints:
  ranker:
    tags: {note: "{{ note }}"}
    config:
      production_variants:
        main: {model: ranker, instance_type: ml.m5.xlarge, initial_instance_count: 2}
"""
ASYNC = "      async_inference_config: {output_config: {s3_output_path: s3://acme/out}}\n"


def next_of(text: str) -> str:
    """What stands after `Next:`, without the word mmeplan."""
    lines = text[text.index("Next: mmeplan ") :].splitlines()
    command = [lines[0].removeprefix("Next: mmeplan ")]
    for line in lines[1:]:
        if not line.startswith("      "):
            break
        command.append(line.strip())
    return " ".join(command)


@pytest.mark.parametrize(
    "options",
    [
        "--allow-outage endpoint/ranker",
        "--allow-outage endpoint/ranker --target endpoint/ranker",
        "--allow-outage endpoint/ranker --parallelism 3",
        "--allow-outage endpoint/ranker --var 'note=two words'",
    ],
)
def test_the_next_command_of_a_plan_carries_out_that_plan(tmp_path: Path, options: str) -> None:
    (tmp_path / "fleet.yaml").write_text(FLEET + ASYNC)
    assert mmeplan("apply --local -y", tmp_path).code == 0
    (tmp_path / "fleet.yaml").write_text(FLEET)
    planned = mmeplan(f"plan --local {options}", tmp_path)
    assert planned.code == 0
    command = next_of(planned.stdout)
    assert set(shlex.split(options)) <= set(shlex.split(command))
    applied = mmeplan(f"{command} -y", tmp_path)
    assert (applied.code, "second look proves it" in applied.stdout) == (0, True), applied.stdout + applied.stderr


def test_a_value_with_spaces_is_quoted() -> None:
    words = ("mmeplan", "apply", "my fleet.yaml", "--var", "note=two words")
    assert shlex.split(str(Command(words[1:3], variables={"note": "two words"}))) == list(words)


def test_a_generation_says_for_programs_whether_it_has_served(tmp_path: Path) -> None:
    (tmp_path / "fleet.yaml").write_text(FLEET)
    assert mmeplan("apply --local -y", tmp_path).code == 0
    (tmp_path / "fleet.yaml").write_text(FLEET.replace("ranker:1", "ranker:2"))
    assert mmeplan("apply --local -y", tmp_path).code == 0
    [row] = json.loads(mmeplan("status --local --format json", tmp_path).stdout)
    assert [kept["served"] for kept in row["kept"]] == [True]
