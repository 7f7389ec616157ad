"""`mmeplan rules`: the table, its filters, and the page of one rule."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from mmeplan import rules
from mmeplan.cli.errors import reported
from mmeplan.cli.rules import command
from tests.cli.running import Result


def run(*arguments: str) -> Result:
    """Run the command as `mmeplan rules ARGUMENTS` would."""

    def reporting() -> None:
        with reported():
            command.main(list(arguments), prog_name="mmeplan rules", standalone_mode=False)

    runner = CliRunner()
    with runner.isolation() as (out, err, _):
        code = 0
        try:
            reporting()
        except SystemExit as ended:
            code = int(ended.code or 0)
        return Result(code, out.getvalue().decode(), err.getvalue().decode())


def listed(*arguments: str) -> list[str]:
    return [entry["id"] for entry in json.loads(run(*arguments, "--format", "json").stdout)]


def test_the_table_has_a_line_for_every_rule_and_counts_them() -> None:
    lines = run().stdout.splitlines()
    ids = {line.split()[0] for line in lines if line and not line.startswith(" ")}

    assert {rule.id for rule in rules.all_rules()} <= ids
    assert f"{len(rules.all_rules())} rules." in lines[-1]
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize("severity", ["error", "warning", "note"])
def test_severities_can_be_picked(severity: str) -> None:
    assert listed("--severity", severity) == [rule.id for rule in rules.all_rules() if rule.severity == severity]


def test_stages_can_be_picked_and_every_rule_has_one() -> None:
    by_stage = {stage: listed("--stage", stage) for stage in ("static", "plan", "online")}

    assert sorted(rule for chosen in by_stage.values() for rule in chosen) == listed()
    assert all(by_stage.values())
    assert "SLS-13" in listed("--stage", "plan")


def test_a_search_looks_at_everything_a_rule_says_and_ignores_case() -> None:
    assert "MME-01" in listed("--search", "S3 PREFIX")
    assert "MME-01" not in listed("--search", "serverless")


def test_a_search_that_finds_nothing_says_so() -> None:
    assert run("--search", "zebra").stdout == "No rule is like that.\n"


@pytest.mark.parametrize("rule", rules.all_rules(), ids=lambda rule: rule.id)
def test_a_page_tells_all_and_its_prose_fits_eighty_columns(rule: rules.Rule) -> None:
    result = run(rule.id.lower())
    told = " ".join(result.stdout.split())
    prose = [line for line in result.stdout.splitlines() if not line.startswith("    ")]

    assert result.code == 0
    assert rule.title.split()[0] in told
    assert " ".join(rule.fix.split()) in told
    assert max(map(len, prose)) <= 80
    for line in (rule.bad + rule.good).splitlines() if rule.bad else ():
        assert line in result.stdout


def test_one_rule_as_json_has_its_examples() -> None:
    document = json.loads(run("CFG-09", "--format", "json").stdout)

    assert document["severity"] == "warning"
    assert "# here" in document["bad"]


def test_an_id_that_has_no_rule_says_why() -> None:
    result = run("MDL-41")

    assert result.code == 0
    assert "No rule checks this." in result.stdout
    assert "Only the running container has them" in result.stdout


def test_an_unknown_id_ends_with_what_was_meant() -> None:
    result = run("MME-99")

    assert result.code == 1
    assert "there is no rule MME-99; did you mean MME-" in result.stderr
    assert "mmeplan rules lists them" in run("nonsense").stderr
