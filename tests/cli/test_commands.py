"""The commands as a user meets them: what goes where, exit codes, saved plans, status, start-up."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from mmeplan.cloud.clock import SystemClock
from mmeplan.simulator import Simulator
from tests.cli.running import mmeplan
from tests.contract.doors import http

STARTER_SECRET = "not-for-everyone"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the starter fleet."""
    assert mmeplan("init", tmp_path).code == 0
    path = tmp_path / "fleet.yaml"
    path.write_text(path.read_text().replace("LOG_LEVEL: info", f"LOG_LEVEL: {STARTER_SECRET}"))
    return tmp_path


def test_the_starter_is_valid_without_a_single_warning(tmp_path: Path) -> None:
    mmeplan("init", tmp_path)
    result = mmeplan("validate", tmp_path)
    assert (result.code, result.stdout.strip()) == (0, "No findings.")


def test_the_starter_lives_a_whole_life(folder: Path) -> None:
    assert mmeplan("plan --local --detailed-exitcode", folder).code == 2
    assert mmeplan("apply --local --yes", folder).code == 0
    status = mmeplan("status --local", folder)
    assert "InService" in status.stdout
    assert mmeplan("plan --local --detailed-exitcode", folder).code == 0
    assert mmeplan("plan --local --detailed-exitcode -e staging", folder).code == 2
    assert mmeplan("destroy --local --yes", folder).code == 0
    assert "absent" in mmeplan("status --local", folder).stdout


def test_a_saved_plan_is_private_and_applies(folder: Path) -> None:
    assert mmeplan("plan --local --out plan.json", folder).code == 0
    assert stat.S_IMODE((folder / "plan.json").stat().st_mode) == 0o600
    assert STARTER_SECRET in (folder / "plan.json").read_text()
    assert mmeplan("show plan.json", folder).code == 0
    assert mmeplan("apply --local --yes plan.json", folder).code == 0


def test_no_rendering_shows_environment_values_unless_asked(folder: Path) -> None:
    mmeplan("plan --local --out plan.json", folder)
    for command in ("plan --local", "plan --local --format json", "show plan.json", "show --format json plan.json"):
        assert STARTER_SECRET not in mmeplan(command, folder).stdout, command
        assert STARTER_SECRET in mmeplan(f"{command} --show-environment", folder).stdout + _text_is_brief(command)
    applied = mmeplan("apply --local --yes", folder)
    assert STARTER_SECRET not in applied.stdout + applied.stderr
    journal = "".join(path.read_text() for path in (folder / ".mmeplan" / "journal").iterdir())
    assert STARTER_SECRET not in journal


def _text_is_brief(command: str) -> str:
    """A text plan doesn't spell out the environment of something new."""
    return "" if "json" in command else STARTER_SECRET


def test_a_changed_environment_value_is_seen_to_change_and_still_masked(folder: Path) -> None:
    mmeplan("apply --local --yes", folder)
    path = folder / "fleet.yaml"
    path.write_text(path.read_text().replace(STARTER_SECRET, "another-secret"))
    shown = mmeplan("plan --local", folder).stdout
    assert "another-secret" not in shown
    assert STARTER_SECRET not in shown
    assert shown.count("(masked, ") == 2


def test_a_masked_rendering_cannot_be_applied(folder: Path) -> None:
    (folder / "masked.json").write_text(mmeplan("plan --local --format json", folder).stdout)
    result = mmeplan("apply --local --yes masked.json", folder)
    assert result.code == 1
    assert "masked" in result.stderr


def test_the_same_inputs_give_the_same_bytes(folder: Path) -> None:
    first, second = (mmeplan("plan --local --format json", folder).stdout for _ in range(2))
    assert first == second


def test_a_plan_from_a_snapshot_needs_no_credentials_and_is_not_applyable(folder: Path) -> None:
    mmeplan("apply --local --yes", folder)
    assert mmeplan("snapshot --local --out live.json", folder).code == 0
    path = folder / "fleet.yaml"
    path.write_text(path.read_text().replace("ml.m5.large", "ml.m5.xlarge"))
    result = mmeplan("plan --snapshot live.json --detailed-exitcode --format json", folder)
    document = json.loads(result.stdout)
    assert (result.code, document["applyable"], document["summary"]["worst_effect"]) == (2, False, "traffic_shift")


def test_results_go_to_stdout_and_everything_else_to_stderr(folder: Path) -> None:
    result = mmeplan("apply --local --yes", folder)
    assert "CreateEndpoint" in result.stderr
    assert "CreateEndpoint" not in result.stdout.split("Plan:")[-1]


def test_declining_changes_nothing(folder: Path) -> None:
    result = mmeplan("apply --local", folder, typed="n\n")
    assert result.code == 1
    assert mmeplan("plan --local --detailed-exitcode", folder).code == 2


def test_replace_rolls_a_fresh_fleet_and_the_next_plan_is_empty(folder: Path) -> None:
    mmeplan("apply --local --yes", folder)
    result = mmeplan("apply --local --yes --replace endpoint/churn", folder)
    assert result.code == 0, result.stderr
    assert "UpdateEndpoint" in result.stderr
    assert mmeplan("plan --local --detailed-exitcode", folder).code == 0


def test_a_target_leaves_the_rest_alone(folder: Path) -> None:
    result = mmeplan("plan --local --format json --target model/churn", folder)
    document = json.loads(result.stdout)
    assert {change["address"] for change in document["changes"]} == {"model/churn"}
    assert document["complete"] is False


def test_every_command_explains_itself_with_an_example(tmp_path: Path) -> None:
    from mmeplan.cli.app import COMMANDS

    for name in COMMANDS:
        result = mmeplan(f"{name} --help", tmp_path)
        assert result.code == 0
        assert "Example" in result.stdout, name
        assert max(len(line) for line in result.stdout.splitlines()) <= 100


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_name_the_command(shell: str, tmp_path: Path) -> None:
    assert "_MMEPLAN_COMPLETE" in mmeplan(f"completion {shell}", tmp_path).stdout


def test_the_graph_is_printed_in_both_languages(folder: Path) -> None:
    assert mmeplan("graph", folder).stdout.startswith("flowchart")
    assert mmeplan("graph --format dot", folder).stdout.startswith("digraph")


def test_the_schema_is_json(tmp_path: Path) -> None:
    assert json.loads(mmeplan("schema", tmp_path).stdout)["$schema"].endswith("2020-12/schema")


def _imports(arguments: list[str], modules: set[str]) -> str:
    """A program that runs a command and ends with 1 where it imported any of the modules."""
    run = f"from mmeplan.cli.app import app\ntry:\n    app({arguments!r})\nexcept SystemExit:\n    pass\n"
    return f"import sys\n{run}sys.exit(bool({modules!r} & set(sys.modules)))"


def _python(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    return subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, text=True, timeout=60
    )


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["validate"], ["schema"], ["graph"]])
def test_boto3_is_not_imported_before_it_is_needed(arguments: list[str], folder: Path) -> None:
    assert _python(_imports(arguments, {"boto3"}), folder).returncode == 0


def test_the_version_needs_neither_pydantic_nor_yaml_nor_rich(tmp_path: Path) -> None:
    heavy = {"pydantic", "yaml", "rich", "jinja2", "networkx", "deepdiff", "boto3", "botocore"}
    assert _python(_imports(["--version"], heavy), tmp_path).returncode == 0


def test_a_plan_needs_no_graph_library(folder: Path) -> None:
    assert _python(_imports(["snapshot", "--local", "--out", "live.json"], set()), folder).returncode == 0
    assert _python(_imports(["plan", "--snapshot", "live.json"], {"networkx", "boto3"}), folder).returncode == 0


def test_a_broken_pipe_is_not_an_error(folder: Path) -> None:
    command = f"{sys.executable} -m mmeplan schema | head -c 10"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    result = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "Traceback" not in result.stderr
    assert result.returncode == 0


def test_verbose_tells_each_call_on_stderr_without_environment_values(folder: Path) -> None:
    result = mmeplan("apply --local --yes -v", folder)
    assert "CreateEndpoint EndpointName=churn" in result.stderr
    assert "DescribeModel ModelName=churn-" in result.stderr
    assert STARTER_SECRET not in result.stderr
    assert "DescribeModel" not in mmeplan("plan --local", folder).stderr


def test_a_fleet_that_is_listed_rather_than_described_lives_as_well(tmp_path: Path) -> None:
    from tests.benchmarks.fleets import write_compact_fleet

    write_compact_fleet(tmp_path, 60)
    assert mmeplan("apply --local --yes", tmp_path).code == 0
    assert mmeplan("plan --local --detailed-exitcode", tmp_path).code == 0
    calls = mmeplan("plan --local -v", tmp_path).stderr
    assert "DescribeModel" not in calls, "their tags carry the digest that is wanted"
    assert "ListModels" in calls
    assert mmeplan("destroy --local --yes", tmp_path).code == 0
    assert mmeplan("plan --local --detailed-exitcode", tmp_path).code == 2


def test_json_is_one_event_a_line_on_stdout_and_everything_else_on_stderr(folder: Path) -> None:
    result = mmeplan("apply --local --yes --json", folder)
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert (result.code, lines[0]["kind"], lines[-1]["kind"]) == (0, "began", "ended")
    assert "Apply complete" in result.stderr
    again = mmeplan("apply --local --yes --json", folder)
    assert [json.loads(line)["kind"] for line in again.stdout.splitlines()] == ["began", "ended"]
    assert "No changes" in again.stderr


def test_rollback_goes_back_saves_its_plan_and_says_what_there_is(folder: Path) -> None:
    file = folder / "fleet.yaml"
    endpoint = next(iter(yaml.safe_load(file.read_text())["endpoints"]))
    assert mmeplan("apply --local --yes", folder).code == 0
    nothing = mmeplan(f"rollback {endpoint} --local --yes", folder)
    assert (nothing.code, "has no generation to go back to" in nothing.stderr) == (1, True)
    file.write_text(file.read_text().replace("ml.m5.", "ml.c5."))
    assert mmeplan("apply --local --yes", folder).code == 0
    assert "kept for a rollback" in mmeplan("status --local", folder).stdout
    saved = mmeplan(f"rollback endpoint/{endpoint} --local --out back.json", folder)
    assert (saved.code, "Next: mmeplan apply back.json" in saved.stdout) == (0, True)
    applied = mmeplan("apply back.json --local --yes", folder)
    assert (applied.code, "Apply complete" in applied.stdout) == (0, True)
    assert "took it from" in " ".join(mmeplan("plan --local", folder).stdout.split())


def test_a_poll_interval_that_aws_would_throttle_is_refused(folder: Path) -> None:
    for command in ("apply", "destroy", "rollback churn"):
        result = mmeplan(f"{command} --poll-interval 5", folder)
        assert (result.code, "AWS throttles" in result.stderr) == (1, True), command


@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_SAGEMAKER"])
def test_a_sagemaker_on_this_machine_may_be_polled_at_any_interval(
    folder: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "http://127.0.0.1:9")
    result = mmeplan("apply --poll-interval 0.02", folder)
    assert "AWS throttles" not in result.stderr
    assert "credentials" in result.stderr  # it goes on to ask


def test_on_a_server_of_this_machine_an_apply_looks_each_second(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    keys = {"AWS_ACCESS_KEY_ID": "123456789012", "AWS_SECRET_ACCESS_KEY": "x"}
    with Simulator.open() as simulator, http(simulator) as door:

        def sleep(_: SystemClock, seconds: float) -> None:
            pauses.append(seconds)
            door.advance(60)

        for name, value in {**keys, "AWS_ENDPOINT_URL": door.url}.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(SystemClock, "sleep", sleep)
        assert mmeplan("apply --yes", folder).code == 0
        assert pauses
        assert max(pauses) < 2
        pauses.clear()
        assert mmeplan("apply --yes --poll-interval 30 --replace endpoint_config/churn", folder).code == 0
        assert min(pauses) >= 30


@pytest.mark.parametrize(
    "command", ["plan --max-chnage=20%", "drift --onlin", "pln", "apply --parallelism x", "--no-such", "show"]
)
def test_a_usage_error_ends_with_1_and_never_with_a_code_about_the_fleet(folder: Path, command: str) -> None:
    assert mmeplan(command, folder).code == 1


def test_a_missing_argument_names_the_choices_without_escapes(folder: Path) -> None:
    told = mmeplan("completion", folder).stderr
    assert "\n  bash,\n  zsh,\n  fish" in told
