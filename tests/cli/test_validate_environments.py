"""`mmeplan validate` looks at every environment of a file, and tells what it finds once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.running import Result, mmeplan

FLEET = """\
version: 1
fleet: shop
account: "123456789012"
region: eu-west-1
variables:
  type: ml.m5.large
  tag: "1"
  capture:
environments:
ENVIRONMENTS
models:
  ranker:
    execution_role_arn: arn:aws:iam::123456789012:role/sagemaker
    primary_container: {image: "123456789012.dkr.ecr.eu-west-1.amazonaws.com/ranker:{{ tag }}"}
endpoints:
  ranker:
    config:
      data_capture_config: "{{ capture }}"
      production_variants:
        main: {model: ranker, instance_type: "{{ type }}", initial_instance_count: 2}
"""


def validated(folder: Path, *environments: str, options: str = "", replaced: tuple[str, str] = ("", "")) -> Result:
    text = FLEET.replace("ENVIRONMENTS", "\n".join(f"  {line}" for line in environments))
    (folder / "fleet.yaml").write_text(text.replace(*replaced) if replaced[0] else text)
    return mmeplan(f"validate {options}", folder)


def found(result: Result) -> dict[tuple[str, str], Any]:
    return {(row["rule"], row["message"]): row["environments"] for row in json.loads(result.stdout)}


def test_an_error_of_one_environment_is_found_without_choosing_it(tmp_path: Path) -> None:
    result = validated(tmp_path, "dev: {}", "prod: {variables: {type: m5.large}}")
    assert result.code == 3
    assert "did you\n    mean ml.m5.large? (only in prod)" in result.stdout
    assert result.stdout.count("CFG-06") == 1


def test_what_all_environments_share_is_told_once_and_of_no_environment(tmp_path: Path) -> None:
    result = validated(tmp_path, "dev: {}", "prod: {}", replaced=("ml.m5.large", "m5.large"))
    assert result.stdout.count("CFG-06") == 1
    assert "only in" not in result.stdout


@pytest.mark.parametrize("format_", ["text", "json", "sarif", "github"])
def test_every_format_says_in_which_environments(tmp_path: Path, format_: str) -> None:
    lines = ("dev: {}", "stage: {variables: {type: m5.large}}", "prod: {variables: {type: m5.large}}")
    result = validated(tmp_path, *lines, options=f"--format {format_}")
    assert result.code == 3
    if format_ == "json":
        (environments,) = found(result).values()
        assert environments == ["stage", "prod"]
    else:
        assert "(only in stage, prod)" in result.stdout.replace("\n    ", " ")


def test_json_has_the_environments_apart_from_the_message(tmp_path: Path) -> None:
    result = validated(tmp_path, "dev: {}", "prod: {}", options="--format json", replaced=("ml.m5.large", "m5.large"))
    ((rule, message),) = found(result)
    assert (rule, found(result)[rule, message]) == ("CFG-06", ["", "dev", "prod"])


def test_a_chosen_environment_is_the_only_one(tmp_path: Path) -> None:
    lines = ("dev: {}", "prod: {variables: {type: m5.large}}")
    assert validated(tmp_path, *lines, options="-e dev").stdout == "No findings.\n"
    assert "only in" not in validated(tmp_path, *lines, options="-e prod").stdout


def test_what_keeps_one_environment_from_being_read_hides_no_other(tmp_path: Path) -> None:
    lines = ("dev: {variables: {type: [a]}}", "prod: {variables: {type: m5.large}}")
    result = validated(tmp_path, *lines)
    assert result.code == 1
    assert "expected a string, got a list (only in dev)" in result.stderr
    assert "(only in prod)" in result.stdout


def test_an_environment_whose_variables_have_no_value_is_a_note_that_names_them(tmp_path: Path) -> None:
    lines = ("dev: {}", "prod: {variables: {tag: }}")
    result = validated(tmp_path, *lines)
    assert (result.code, result.stderr) == (0, "")
    assert "fleet.yaml:11:3  note  INPUT  the environment prod can't be checked: tag has no value" in result.stdout
    assert "--var tag=VALUE gives it one" in result.stdout
    assert "data_capture_config" not in result.stdout  # null is what is meant there
    assert validated(tmp_path, *lines, options="--var tag=7").stdout == "No findings.\n"


def test_a_value_that_is_missing_as_a_whole_is_the_same_note(tmp_path: Path) -> None:
    whole = ('instance_type: "{{ type }}"', 'instance_type: "{{ type }}", volume_size_in_gb: 0')
    result = validated(tmp_path, "prod: {variables: {type: }}", options="-e prod", replaced=whole)
    assert "the environment prod isn't checked in full: type has no value" in result.stdout
    assert "`instance_type`" not in result.stdout
    assert "`volume_size_in_gb`" in result.stdout


def test_other_mistakes_of_such_an_environment_are_told_all_the_same(tmp_path: Path) -> None:
    result = validated(tmp_path, "prod: {variables: {tag: , type: 3}}")
    assert result.code == 1
    assert "expected a string, got the integer 3" in result.stderr
    assert "null can't stand" not in result.stderr


@pytest.mark.parametrize("name", ["ranker-{{ environment }}", "ranker-{{ account }}"])
def test_a_file_that_only_environments_complete_says_nothing_of_itself(tmp_path: Path, name: str) -> None:
    text = FLEET.replace('account: "123456789012"\n', "")
    text = text.replace("  ranker:\n    config", f'  "{name}":\n    for_each: [x]\n    config')
    (tmp_path / "fleet.yaml").write_text(text.replace("ENVIRONMENTS", '  prod: {account: "123456789012"}'))
    result = mmeplan("validate", tmp_path)
    assert (result.code, result.stdout) == (0, "No findings.\n")


def test_without_environments_a_name_that_only_one_would_give_is_an_error(tmp_path: Path) -> None:
    text = FLEET.replace("environments:\nENVIRONMENTS\n", "").replace("{{ tag }}", "{{ environment }}")
    (tmp_path / "fleet.yaml").write_text(text)
    assert "'environment' is undefined" in mmeplan("validate", tmp_path).stderr


@pytest.mark.parametrize(("environment", "code"), [("prod: {}", 0), ("prod: {variables: {tag: }}", 3)])
def test_strict_fails_for_what_could_not_be_checked(tmp_path: Path, environment: str, code: int) -> None:
    assert validated(tmp_path, environment, options="--strict").code == code


def test_strict_fails_for_warnings_and_not_for_what_is_allowed(tmp_path: Path) -> None:
    single = ("initial_instance_count: 2", "initial_instance_count: 1")
    assert validated(tmp_path, "prod: {}", replaced=single).code == 0
    assert validated(tmp_path, "prod: {}", options="--strict", replaced=single).code == 3
    allowed = ("variables:\n", "allow: {CFG-09: for the test}\nvariables:\n")
    text = (tmp_path / "fleet.yaml").read_text().replace(*allowed, 1)
    (tmp_path / "fleet.yaml").write_text(text)
    assert mmeplan("validate --strict", tmp_path).code == 0
