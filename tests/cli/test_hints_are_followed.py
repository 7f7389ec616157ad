"""What is said about a wrong file or option is followed to the letter; then the command does what was wanted."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cli.running import mmeplan
from tests.cli.test_advice_is_followed import (
    FLEET,
    LOCAL,
    PINNED,
    Edit,
    Follow,
    applied,
    by_hand,
    followed,
    words,
)
from tests.simulation.world import World, one, variant

ENVIRONMENTS = FLEET.replace("models:", "environments: {prod: {}, staging: {}}\nmodels:", 1)
VARIABLE = FLEET.replace("models:", "variables: {image: '1'}\nmodels:", 1).replace("ranker:1", '"ranker:{{ image }}"')
ACCOUNTS = FLEET.replace(
    "models:",
    'account: "{{ number }}"\nvariables: {number: "210987654321"}\n'
    'environments: {prod: {variables: {number: "123456789012"}}}\nmodels:',
    1,
)
REGIONAL = FLEET.replace(
    "123456789012.dkr.ecr.eu-west-1.amazonaws.com/ranker:1",
    '"123456789012.dkr.ecr.{{ region }}.amazonaws.com/ranker:1"',
)
SHARED = FLEET[FLEET.index("      production_variants") :]
TWO_CONFIGS = FLEET.replace(
    "endpoints:", "endpoint_configs:\n  ranker:\n" + SHARED.replace("      ", "    ", 1) + "endpoints:"
)


@dataclass(frozen=True)
class Case:
    """A file that was written but not applied, what is wrong, the command that says so, and its advice.

    `ends` is the command that was meant, as the advice has it.
    """

    file: str
    edit: tuple[Edit, ...]
    asked: str
    said: tuple[str, ...]
    follow: tuple[Follow, ...]
    ends: str = "apply fleet.yaml --local -y"


PLAN = "plan --local"
CASES = {
    "a tab": Case(
        FLEET,
        (("  ranker:\n    exec", "  ranker:\n\texec"),),
        PLAN,
        ("indent with spaces; YAML does not allow tabs",),
        (("\texec", "    exec"),),
    ),
    "a number that is a text": Case(
        FLEET,
        (("region: eu-west-1\n", "region: eu-west-1\naccount: 123456789012\n"),),
        PLAN,
        ('put it in quotes: "123456789012"',),
        (("account: 123456789012", 'account: "123456789012"'),),
    ),
    "an allowance without a reason": Case(
        FLEET,
        (("_count: 2", "_count: 1"), ("  ranker:\n    config", "  ranker:\n    allow: {CFG-09: ''}\n    config")),
        PLAN,
        ('write CFG-09: "why this is fine here"',),
        (("{CFG-09: ''}", '{CFG-09: "why this is fine here"}'),),
    ),
    "an environment that is misspelled": Case(
        ENVIRONMENTS, (), f"{PLAN} -e prd", ("did you mean -e prod?",), (), "apply fleet.yaml --local -y -e prod"
    ),
    "an environment that there isn't": Case(
        ENVIRONMENTS, (), f"{PLAN} -e x", ("known: prod, staging",), (), "apply fleet.yaml --local -y -e staging"
    ),
    "a variable that is misspelled": Case(
        VARIABLE, (), f"{PLAN} --var imag=2", ("did you mean --var image=…?",), (), "apply --local -y --var image=2"
    ),
    "a variable that there isn't": Case(
        VARIABLE, (), f"{PLAN} --var x=2", ("declared: image",), (), "apply fleet.yaml --local -y --var image=2"
    ),
    "a variable of one environment alone": Case(
        ENVIRONMENTS,
        (("{prod: {}", "{prod: {variables: {image: '1'}}"),),
        PLAN,
        ("declare it for all environments: variables: {image: …}",),
        (("environments:", "variables: {image: '2'}\nenvironments:"),),
    ),
    "a variable with a name of mmeplan's own": Case(
        FLEET,
        (("models:", "variables: {region: x}\nmodels:"),),
        PLAN,
        ("choose another name",),
        (("{region: x}", "{part: x}"),),
    ),
    "a model that is misspelled": Case(
        FLEET,
        (("model: ranker", "model: rankr"),),
        PLAN,
        ("did you mean ranker?",),
        (("model: rankr", "model: ranker"),),
    ),
    "a model outside the fleet": Case(
        FLEET,
        (("model: ranker", "model: theirs"),),
        PLAN,
        ("for one outside the fleet write model_name: theirs",),
        (
            ("model: theirs", "model_name: theirs"),
            "status --local",
            by_hand(
                "CreateModel",
                ModelName="theirs",
                ExecutionRoleArn="arn:aws:iam::123456789012:role/sagemaker",
                PrimaryContainer={"Image": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/ranker:1"},
            ),
        ),
    ),
    "a config of its own and a shared one, renamed": Case(
        TWO_CONFIGS,
        (),
        PLAN,
        ("rename one of them",),
        (("endpoint_configs:\n  ranker:", "endpoint_configs:\n  shared:"),),
    ),
    "a config of its own and a shared one, used": Case(
        TWO_CONFIGS,
        (),
        PLAN,
        ("or let the endpoint say `config: NAME`",),
        (("    config:\n" + SHARED, "    config: ranker\n"),),
    ),
    "two ways to name a config": Case(
        FLEET,
        (("  ranker:\n    config", "  ranker:\n    endpoint_config_name: x\n    config"),),
        PLAN,
        ("keep one of them",),
        (("    endpoint_config_name: x\n", ""),),
    ),
    "two ways to name a model": Case(
        FLEET,
        (("{model: ranker", "{model_name: x, model: ranker"),),
        PLAN,
        ("keep one of them",),
        (("model_name: x, ", ""),),
    ),
    "no config, written inline": Case(
        FLEET,
        (("    config:\n" + SHARED, "    tags: {}\n"),),
        PLAN,
        ("write `config:` inline, or the name of a shared config",),
        (("    tags: {}\n", "    config:\n" + SHARED),),
    ),
    "no config, a shared one named": Case(
        TWO_CONFIGS,
        (("    config:\n" + SHARED, "    tags: {}\n"),),
        PLAN,
        ("write `config:` inline, or the name of a shared config",),
        (("    tags: {}\n", "    config: ranker\n"),),
    ),
    "a target that is misspelled": Case(
        FLEET,
        (),
        f"{PLAN} --target endpoint/rankr",
        ("did you mean endpoint/ranker?",),
        (),
        "apply fleet.yaml --local -y --target endpoint/ranker",
    ),
    "a target that there isn't": Case(
        FLEET,
        (),
        f"{PLAN} --target x",
        ("addresses look like endpoint/NAME; mmeplan graph lists them",),
        ("graph",),
        "apply fleet.yaml --local -y --target endpoint/ranker",
    ),
    "a pinned object that is to be fresh": Case(
        PINNED,
        (),
        f"{PLAN} --replace endpoint_config/ranker",
        ("drop `name:` of endpoint_config/ranker, or give it another one",),
        (("      name: mine\n", ""),),
        "apply fleet.yaml --local -y --replace endpoint_config/ranker",
    ),
    "nobody can be asked": Case(FLEET, (), "apply --local", ("add --yes",), (), "apply --local --yes"),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_what_is_said_of_a_file_or_an_option_leads_where_it_says(tmp_path: Path, case: Case) -> None:
    (tmp_path / "fleet.yaml").write_text(case.file)
    followed(tmp_path, case.edit)
    told = mmeplan(case.asked, tmp_path)
    assert told.code in (1, 3), told
    for said in case.said:
        assert said in words(told)
    followed(tmp_path, case.follow)
    done = mmeplan(case.ends, tmp_path)
    assert done.code == 0, done


# --- what lies in a folder --------------------------------------------------------------------------------------------


def test_where_no_fleet_file_is_a_starter_is_written_and_planned(tmp_path: Path) -> None:
    assert "mmeplan init writes a starter fleet.yaml" in words(mmeplan("plan --local", tmp_path))
    assert mmeplan("init", tmp_path).code == 0
    assert mmeplan("plan --local -e staging", tmp_path).code == 0


def test_a_starter_that_is_there_already_is_replaced_by_force(tmp_path: Path) -> None:
    assert mmeplan("init", tmp_path).code == 0
    assert "--force replaces it" in words(mmeplan("init", tmp_path))
    assert mmeplan("init --force", tmp_path).code == 0


def test_an_import_replaces_a_file_by_force(tmp_path: Path) -> None:
    applied(tmp_path, FLEET)
    command = f"import ranker {LOCAL} --fleet shop -o fleet.yaml"
    assert "--force replaces it" in words(mmeplan(command, tmp_path))
    assert mmeplan(f"{command} --force", tmp_path).code == 0


def test_a_file_that_is_no_plan_is_made_one_as_is_said(tmp_path: Path) -> None:
    (tmp_path / "fleet.yaml").write_text(FLEET)
    assert "mmeplan plan --out FILE writes a plan" in words(mmeplan("apply plan.json --local -y", tmp_path))
    assert mmeplan("plan --local --out plan.json", tmp_path).code == 0
    assert mmeplan("apply plan.json --local -y", tmp_path).code == 0


def test_a_changed_plan_file_is_made_anew_as_is_said(tmp_path: Path) -> None:
    (tmp_path / "fleet.yaml").write_text(FLEET)
    assert mmeplan("plan --local --out plan.json", tmp_path).code == 0
    text = (tmp_path / "plan.json").read_text()
    (tmp_path / "plan.json").write_text(text.replace('"fleet": "shop"', '"fleet": "other"', 1))
    assert "make a new one: mmeplan plan --out FILE" in words(mmeplan("apply plan.json --local -y", tmp_path))
    assert mmeplan("plan --local --out plan.json", tmp_path).code == 0
    assert mmeplan("apply plan.json --local -y", tmp_path).code == 0


def test_a_plan_of_a_snapshot_is_made_anew_as_is_said(tmp_path: Path) -> None:
    (tmp_path / "fleet.yaml").write_text(FLEET)
    assert "mmeplan snapshot --out FILE writes one" in words(mmeplan("plan --snapshot fleet.yaml", tmp_path))
    assert mmeplan("snapshot --local --out seen.json", tmp_path).code == 0
    assert mmeplan("plan --snapshot seen.json --out plan.json", tmp_path).code == 0
    assert "mmeplan plan --out FILE" in words(mmeplan("apply plan.json --local -y", tmp_path))
    assert mmeplan("plan --local --out plan.json", tmp_path).code == 0
    assert mmeplan("apply plan.json --local -y", tmp_path).code == 0


def test_more_parallelism_than_a_plan_was_made_for_is_planned_as_is_said(tmp_path: Path) -> None:
    (tmp_path / "fleet.yaml").write_text(FLEET)
    assert mmeplan("plan --local --parallelism 1 --out plan.json", tmp_path).code == 0
    command = "apply plan.json --local -y --parallelism 3"
    assert "mmeplan plan --parallelism 3 --out FILE" in words(mmeplan(command, tmp_path))
    assert mmeplan("plan --local --parallelism 3 --out plan.json", tmp_path).code == 0
    assert mmeplan(command, tmp_path).code == 0


def test_a_refused_plan_that_was_saved_says_how_to_see_why(tmp_path: Path) -> None:
    applied(tmp_path, FLEET)
    followed(tmp_path, (("  ranker:\n    config", "  ranker:\n    name: other\n    config"),))
    mmeplan("plan --local --out plan.json", tmp_path)
    assert "mmeplan show plan.json" in words(mmeplan("apply plan.json --local -y", tmp_path))
    assert "--allow-outage endpoint/ranker" in words(mmeplan("show plan.json", tmp_path))


def test_a_rule_that_there_is_not_is_found_as_is_said(tmp_path: Path) -> None:
    close = words(mmeplan("rules CFG-99", tmp_path)).partition("did you mean ")[2].partition("?")[0]
    assert mmeplan(f"rules {close}", tmp_path).code == 0
    assert "mmeplan rules lists them" in words(mmeplan("rules nothing", tmp_path))
    assert "CFG-09" in mmeplan("rules", tmp_path).stdout


# --- accounts, regions, permissions -----------------------------------------------------------------------------------


def test_a_snapshot_of_another_account_is_planned_with_the_environment_of_that_account(tmp_path: Path) -> None:
    (tmp_path / "fleet.yaml").write_text(ACCOUNTS)
    assert mmeplan("snapshot --local -e prod --out seen.json", tmp_path).code == 0
    told = mmeplan("plan --snapshot seen.json", tmp_path)
    assert told.code == 3
    assert "use --profile, or -e for another environment" in words(told)
    assert mmeplan("plan --snapshot seen.json -e prod", tmp_path).code == 0


def test_a_snapshot_of_another_region_is_taken_again_of_the_right_one(tmp_path: Path) -> None:
    (tmp_path / "fleet.yaml").write_text(REGIONAL)
    assert mmeplan("snapshot --local --region us-west-2 --out seen.json", tmp_path).code == 0
    told = mmeplan("plan --snapshot seen.json", tmp_path)
    assert told.code == 3
    assert "use --region, or a snapshot of that region" in words(told)
    assert mmeplan("plan --snapshot seen.json --region us-west-2", tmp_path).code == 0
    assert mmeplan("snapshot --local --out seen.json", tmp_path).code == 0
    assert mmeplan("plan --snapshot seen.json", tmp_path).code == 0


@pytest.mark.parametrize(
    ("operation", "advice"),
    [
        ("DescribeEndpoint", "grant the action to the caller"),
        ("GetResources", "grant tag:GetResources, or sagemaker:List* and sagemaker:ListTags"),
    ],
)
def test_what_may_not_be_read_can_be_planned_once_it_is_granted(operation: str, advice: str) -> None:
    fleet = one({"main": variant()})
    with World() as world:
        world.live_through(fleet)
        denied = (operation,) if operation != "GetResources" else ("GetResources", "ListTags", "ListModels")
        for name in denied:
            world.sim.faults.error(name, code="AccessDeniedException", message="not authorized", count=10_000)
        assert advice in {finding.help for finding in world.plan(fleet).findings}
        world.sim.faults.reset()
        assert world.plan(fleet).complete
        assert world.plan(fleet).findings == ()


def test_where_no_region_is_known_it_is_said_as_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "fleet.yaml").write_text(FLEET.replace("region: eu-west-1\n", ""))
    told = words(mmeplan("plan --endpoint-url http://127.0.0.1:9", tmp_path))
    assert "write `region:` in the fleet file, or pass --region" in told
    assert mmeplan("plan --local --region eu-west-1", tmp_path).code == 0
    (tmp_path / "fleet.yaml").write_text(REGIONAL)
    assert mmeplan("plan --local", tmp_path).code == 0


def test_without_credentials_it_is_tried_on_the_simulated_sagemaker(tmp_path: Path) -> None:
    (tmp_path / "fleet.yaml").write_text(FLEET)
    told = words(mmeplan("plan", tmp_path))
    assert "set AWS_PROFILE or pass --profile NAME (mmeplan doctor says what is missing)" in told
    assert "or try it on the simulated SageMaker with --local" in told
    assert "boto3 finds none" in mmeplan("doctor", tmp_path).stdout
    assert mmeplan("plan --local", tmp_path).code == 0


# --- locks, moves, rollbacks ------------------------------------------------------------------------------------------


def test_a_place_that_is_no_lock_is_written_as_is_said(tmp_path: Path) -> None:
    (tmp_path / "fleet.yaml").write_text(FLEET)
    told = words(mmeplan("apply --local -y --lock here", tmp_path))
    assert "write --lock s3://BUCKET/KEY, such as s3://acme-mmeplan/locks/house-prices" in told
    assert mmeplan("apply --local -y --lock s3://acme-mmeplan/locks/house-prices", tmp_path).code == 0


def test_a_move_that_nobody_gets_is_made_as_is_said(tmp_path: Path) -> None:
    applied(tmp_path, ENVIRONMENTS)
    assert "add --to ENVIRONMENT or --to-fleet NAME" in words(mmeplan("move ranker --local -y", tmp_path))
    assert "environments: {live: {}}" in words(mmeplan("move ranker --local -y --to live", tmp_path))
    followed(tmp_path, (("environments: {prod: {}, staging: {}}", "environments: {live: {}}"),))
    assert "add --yes" in words(mmeplan("move ranker --local --to live", tmp_path))
    assert mmeplan("move ranker --local --to live --yes", tmp_path).code == 0
    assert mmeplan("plan --local -e live --detailed-exitcode", tmp_path).code == 0


def test_a_move_of_what_there_is_not_is_made_as_is_said(tmp_path: Path) -> None:
    applied(tmp_path, ENVIRONMENTS)
    told = words(mmeplan("move rankr --local -y --to prod", tmp_path))
    assert "mmeplan status lists the endpoints; a move that is complete already has nothing to do" in told
    listed = json.loads(mmeplan("status --local --format json", tmp_path).stdout)
    assert mmeplan(f"move {listed[0]['name']} --local -y --to prod", tmp_path).code == 0
    assert "nothing to do" in words(mmeplan("move ranker --local -y --to prod", tmp_path))


def test_a_rollback_of_an_endpoint_that_is_misspelled_is_made_as_is_said(tmp_path: Path) -> None:
    applied(tmp_path, FLEET)
    applied(tmp_path, FLEET.replace("ranker:1", "ranker:2"))
    assert "did you mean ranker?" in words(mmeplan("rollback rankr --local -y", tmp_path))
    assert "mmeplan status lists the endpoints" in words(mmeplan("rollback x --local -y", tmp_path))
    assert mmeplan("status --local", tmp_path).code == 0
    assert mmeplan("rollback ranker --local -y", tmp_path).code == 0


def test_where_nothing_is_kept_the_file_is_turned_back_as_is_said(tmp_path: Path) -> None:
    applied(tmp_path, FLEET.replace("models:", "retain: 0\nmodels:", 1))
    applied(tmp_path, FLEET.replace("models:", "retain: 0\nmodels:", 1).replace("ranker:1", "ranker:2"))
    told = words(mmeplan("rollback ranker --local -y", tmp_path))
    assert "turn the fleet file back to what it said then, and apply it" in told
    assert "`retain:` says how many configs are kept" in told
    applied(tmp_path, FLEET.replace("models:", "retain: 1\nmodels:", 1))
    applied(tmp_path, FLEET.replace("models:", "retain: 1\nmodels:", 1).replace("ranker:1", "ranker:2"))
    assert mmeplan("rollback ranker --local -y", tmp_path).code == 0


def test_a_rollback_of_what_is_not_live_is_planned_as_is_said(tmp_path: Path) -> None:
    (tmp_path / "fleet.yaml").write_text(FLEET)
    assert "mmeplan plan fleet.yaml --local" in words(mmeplan("rollback ranker --local -y", tmp_path))
    assert mmeplan("plan fleet.yaml --local", tmp_path).code == 0
