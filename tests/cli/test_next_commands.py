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
    planned = mmeplan(f"plan --local {options} --show-environment", tmp_path)
    assert planned.code == 0
    command = next_of(planned.stdout)
    assert set(shlex.split(options)) <= set(shlex.split(command))
    applied = mmeplan(f"{command} -y", tmp_path)
    assert (applied.code, "second look proves it" in applied.stdout) == (0, True), applied.stdout + applied.stderr


def test_a_value_with_spaces_is_quoted() -> None:
    words = ("mmeplan", "apply", "my fleet.yaml", "--var", "note=two words")
    command = Command(words[1:3], variables={"note": "two words"})
    assert shlex.split(command.unmasked()) == list(words)
    assert shlex.split(str(command)) == [*words[:-1], "note=***"]


SECRET = "hunter2 and more"


def test_no_output_tells_the_value_of_a_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary"))
    monkeypatch.setenv("GITHUB_OUTPUT", str(tmp_path / "outputs"))
    (tmp_path / "fleet.yaml").write_text(FLEET.replace('tags: {note: "{{ note }}"}', ""))
    (tmp_path / "summary").write_text("")
    options = f"--local -v --var {shlex.quote(f'note={SECRET}')}"
    shown: dict[str, str] = {}
    for form in ("text", "json", "markdown", "html", "github"):
        done = mmeplan(f"plan {options} --format {form} --write html={form}.html", tmp_path)
        assert done.code == 0, done.stderr
        shown[form] = done.stdout + done.stderr
        assert "note" in shown[form], form
    assert json.loads(shown["json"][: shown["json"].rindex("}") + 1])["options"]["variables"] == {"note": "***"}
    assert mmeplan(f"plan {options} --out plan.json", tmp_path).code == 0
    assert json.loads((tmp_path / "plan.json").read_text())["options"]["variables"] == {"note": SECRET}
    for command in ("show plan.json", "apply plan.json --local-db .mmeplan/local.db -y"):
        done = mmeplan(command, tmp_path)
        assert done.code == 0, done.stderr
        shown[command] = done.stdout + done.stderr
    for words in ("drift", "status", "destroy -y"):
        done = mmeplan(f"{words} {options}", tmp_path)
        shown[words] = done.stdout + done.stderr
    files = [path for path in tmp_path.rglob("*") if path.is_file() and path.name != "plan.json"]
    shown |= {path.name: path.read_text(errors="replace") for path in files}
    assert [where for where, text in shown.items() if "hunter2" in text] == []


def test_the_value_of_a_variable_is_told_where_it_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "fleet.yaml").write_text(FLEET)
    planned = mmeplan(f"plan --local --var {shlex.quote(f'note={SECRET}')} --show-environment", tmp_path)
    assert shlex.quote(f"note={SECRET}") in next_of(planned.stdout)


def test_what_stands_for_a_value_is_none(tmp_path: Path) -> None:
    (tmp_path / "fleet.yaml").write_text(FLEET)
    copied = mmeplan("plan --local --var 'note=***'", tmp_path)
    assert copied.code == 1
    assert "note=***: write the variable's value, which is never shown" in copied.stderr


def test_a_path_is_quoted_in_every_command_that_is_shown(tmp_path: Path) -> None:
    name = "my $(id) fleet.yaml"
    (tmp_path / name).write_text(FLEET)
    quoted = shlex.quote(name)
    assert f"mmeplan apply {quoted}" in " ".join(mmeplan(f"plan --local {quoted}", tmp_path).stdout.split())
    assert mmeplan(f"plan --local {quoted} --out 'my plan.json'", tmp_path).code == 0
    assert "mmeplan apply 'my plan.json'" in mmeplan("show 'my plan.json'", tmp_path).stdout
    refused = mmeplan("plan --local 'my plan.json'", tmp_path)
    assert "mmeplan show 'my plan.json' shows it" in " ".join(refused.stderr.split())
    assert "mmeplan plan --local 'my start.yaml'" in mmeplan("init 'my start.yaml'", tmp_path).stdout


def test_a_generation_says_for_programs_whether_it_has_served(tmp_path: Path) -> None:
    (tmp_path / "fleet.yaml").write_text(FLEET)
    assert mmeplan("apply --local -y", tmp_path).code == 0
    (tmp_path / "fleet.yaml").write_text(FLEET.replace("ranker:1", "ranker:2"))
    assert mmeplan("apply --local -y", tmp_path).code == 0
    [row] = json.loads(mmeplan("status --local --format json", tmp_path).stdout)
    assert [kept["served"] for kept in row["kept"]] == [True]
