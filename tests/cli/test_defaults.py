"""What options are where the command line doesn't say it: variables, then `options` of the fleet file."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from mmeplan.cli.app import COMMANDS, app
from mmeplan.cli.defaults import OF_FILE
from tests.cli.running import mmeplan

ROOT = Path(__file__).parents[2]

LOOKING = {
    "--color": "MMEPLAN_COLOR",
    "--environment": "MMEPLAN_ENVIRONMENT",
    "--format": "MMEPLAN_FORMAT",
    "--lock": "MMEPLAN_LOCK",
    "--parallelism": "MMEPLAN_PARALLELISM",
    "--profile": "MMEPLAN_PROFILE",
    "--region": "MMEPLAN_REGION",
}
"""Where and how to look: each has a variable."""

SAID_EACH_TIME = frozenset(
    re.findall(
        r"\S+",
        """
        --allow-outage --author --base --when
        --changed-since --clean --close --comment-key --db --detailed-exitcode --due
        --endpoint-url --expect --fail-fast --faults --file --fleet --force --full --host --iam --if-denied
        --issue --json --local --local-db --lock-timeout --masked
        --declare --merge-request --outcome --reviewed --start --max-age --max-change --name --no-color
        --online --out --own --poll-interval --port --prune-artifacts --pull-request --readers --replace --repo
        --retry-rolled-back
        --search --seed --severity --show-environment --sign --snapshot --speed --stage --strict
        --tag --target --timeout --to --to-fleet --together --var --var-file --verbose --verify --wait-for-others
        --watch --withdraw --write --yes
        """,
    )
)
"""Consent, scope, and what one run is for: neither a variable nor the file may say it."""

CONSENT_AND_SCOPE = {"--yes", "--allow-outage", "--target", "--replace", "--clean", "--max-change", "--var", "--force"}
CREDENTIALS_AND_PLACES = {"profile", "region", "endpoint_url", "local", "local_db"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copy(ROOT / "examples" / "ab-variants" / "fleet.yaml", tmp_path)
    return tmp_path


def options() -> Iterator[tuple[str, click.Option]]:
    context = click.Context(app)
    for name in COMMANDS:
        command = app.get_command(context, name)
        assert command is not None
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                yield name, parameter


def test_every_option_has_a_variable_or_is_said_each_time() -> None:
    unknown = {}
    for name, option in options():
        long = max(option.opts, key=len)
        wanted = None if (name, long) in (("images", "--region"), ("comment", "--environment")) else LOOKING.get(long)
        if option.envvar != wanted or (wanted is None and long not in {*SAID_EACH_TIME, *LOOKING}):
            unknown[name, long] = option.envvar
        assert option.show_envvar is (wanted is not None), (name, long)
    assert unknown == {}
    assert CONSENT_AND_SCOPE <= SAID_EACH_TIME


def test_the_file_says_less_than_variables_and_never_whose_credentials_or_where() -> None:
    assert {f"--{key}" for key in OF_FILE} < LOOKING.keys()
    assert not OF_FILE.keys() & CREDENTIALS_AND_PLACES
    assert not {key for key in OF_FILE if f"--{key.replace('_', '-')}" in SAID_EACH_TIME}


def said(folder: Path, text: str) -> None:
    file = folder / "fleet.yaml"
    file.write_text(f"{file.read_text()}\noptions:\n  {text}\n")


def test_the_command_line_wins_over_a_variable_and_that_over_the_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said(folder, "format: json")
    assert mmeplan("status --local", folder).stdout.startswith("[")
    monkeypatch.setenv("MMEPLAN_FORMAT", "text")
    assert not mmeplan("status --local", folder).stdout.startswith("[")
    assert mmeplan("status --local --format json", folder).stdout.startswith("[")


def test_a_format_of_other_commands_is_meant_for_them(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MMEPLAN_FORMAT", "html")
    assert mmeplan("plan --local", folder).stdout.startswith("<!")
    assert mmeplan("graph", folder).code == 0
    assert mmeplan("graph --format html", folder).code == 1
    monkeypatch.setenv("MMEPLAN_FORMAT", "htm")
    assert mmeplan("plan --local", folder).code == 1


def test_colour_of_the_file_gives_way_to_no_color(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said(folder, "color: always")
    assert "\x1b[" in mmeplan("plan --local", folder).stdout
    assert "\x1b[" not in mmeplan("plan --local --color never", folder).stdout
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[" not in mmeplan("plan --local", folder).stdout


def test_the_environment_and_the_parallelism_of_the_file_shape_its_plan(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (folder / "fleet.yaml").read_text()
    (folder / "fleet.yaml").write_text(text.replace("environments:\n", "environments:\n  staging: {}\n", 1))
    said(folder, "environment: staging\n  parallelism: 3")
    shown = mmeplan("plan --local", folder).stdout
    assert "-e staging" in shown
    assert "--parallelism 3" in shown
    monkeypatch.setenv("MMEPLAN_ENVIRONMENT", "prod")
    assert "-e prod" in mmeplan("plan --local", folder).stdout
    assert "-e staging" in mmeplan("plan --local -e staging", folder).stdout


def test_of_several_files_each_has_its_own_environment(folder: Path) -> None:
    text = (folder / "fleet.yaml").read_text()
    (folder / "other.yaml").write_text(f"{text}\noptions: {{environment: prod, format: json}}\n")
    shown = mmeplan("plan --local fleet.yaml other.yaml", folder).stdout
    assert "mmeplan apply other.yaml -e prod" in shown
    assert "mmeplan apply fleet.yaml --local" in shown


def test_validate_and_files_look_at_every_environment_whatever_the_file_says(folder: Path) -> None:
    text = (folder / "fleet.yaml").read_text()
    (folder / "fleet.yaml").write_text(text.replace("  prod:\n", "  prod:\n    account: nonsense\n", 1))
    said(folder, "environment: staging")
    assert "is not an account" in mmeplan("validate", folder).stderr


def test_a_saved_plan_is_applied_as_it_is_whatever_variables_say(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert mmeplan("plan --local --out plan.json", folder).code == 0
    for name, value in {"ENVIRONMENT": "prod", "REGION": "us-east-1", "PARALLELISM": "99"}.items():
        monkeypatch.setenv(f"MMEPLAN_{name}", value)
    assert mmeplan("apply plan.json --local --yes", folder).code == 0


def test_a_saved_plan_is_applied_under_the_lock_of_its_file(folder: Path) -> None:
    said(folder, "lock: nonsense")
    assert mmeplan("plan --local --out plan.json", folder).code == 0
    assert "s3://" in mmeplan("apply plan.json --local --yes", folder).stderr
    assert "s3://" in mmeplan("apply --local --yes", folder).stderr


WRONG = [
    ("options: {profile: admin}", "options.profile: unknown key"),
    ("options: {endpoint_url: http://127.0.0.1}", "options.endpoint_url: unknown key"),
    ("options: {yes: true}", "options.yes: unknown key"),
    ("options: {parallelism: 1000}", "options.parallelism: expected a number from 1 to 100"),
    ("options: {format: jsno}", "options.format: "),
    ("options: {color: [1]}", "options.color: "),
    ("options: 7", "options: "),
    ("variables: {a: &a {color: never}}\noptions: *a", "options: expected a block of its own"),
]


@pytest.mark.parametrize(("text", "error"), WRONG)
def test_what_is_wrong_with_options_is_told_with_its_line(text: str, error: str, folder: Path) -> None:
    file = folder / "fleet.yaml"
    file.write_text(f"{file.read_text()}\n{text}\n")
    result = mmeplan("plan --local", folder)
    assert (result.code, error in result.stderr) == (1, True), result.stderr


@pytest.mark.parametrize("head", ['"options":', "'options' :", "options:  # how"])
def test_a_quoted_key_is_a_key(head: str, folder: Path) -> None:
    file = folder / "fleet.yaml"
    file.write_text(f"{file.read_text()}\n{head}\n\n  # first\n  format: json\n\nretain: 2\n")
    assert mmeplan("status --local", folder).stdout.startswith("[")


@pytest.mark.parametrize("text", ['"options: x": 1', "'options:'", '"options: 1', f"options: {'[' * 5000}"])
def test_what_only_looks_like_options_is_left_to_the_load(text: str, tmp_path: Path) -> None:
    (tmp_path / "fleet.yaml").write_text(f"{text}\n")
    result = mmeplan("status --local", tmp_path)
    assert (result.code, "fleet.yaml" in result.stderr) == (1, True)


def test_options_in_flow_style_are_refused_rather_than_overlooked(tmp_path: Path) -> None:
    (tmp_path / "fleet.yaml").write_text('{"version": 1, "fleet": "x", "options": {"format": "json"}, "endpoints": {}}')
    assert "expected a block of its own" in mmeplan("status --local", tmp_path).stderr
