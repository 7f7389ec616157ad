"""Advice as a law: a message's advice is followed to the letter, and leads where the message says.

A case is a fleet that was applied, what others did to it, an edit of the file, and the command whose output advises.
Then the advice: edits of the file and commands typed. After it a plan applies, the next one is empty, and nothing has
drifted.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.cli.running import Result, mmeplan
from tests.cli.test_drift_and_import import Hands

FLEET = """\
version: 1
fleet: shop
region: eu-west-1
models:
  ranker:
    execution_role_arn: arn:aws:iam::123456789012:role/sagemaker
    primary_container:
      image: 123456789012.dkr.ecr.eu-west-1.amazonaws.com/ranker:1
      model_data_url: s3://shop/ranker.tar.gz
endpoints:
  ranker:
    config:
      production_variants:
        main: {model: ranker, instance_type: ml.m5.large, initial_instance_count: 2}
"""
PINNED = FLEET.replace("    execution_role", "    name: mine\n    execution_role").replace(
    "    config:\n", "    config:\n      name: mine\n"
)
EMPTY = FLEET[: FLEET.index("models:")] + "models: {}\nendpoints: {}\n"
A_MODEL = "arn:aws:sagemaker:eu-west-1:123456789012:model/mine"
MODEL: Any = {
    "ModelName": "mine",
    "ExecutionRoleArn": "arn:aws:iam::123456789012:role/sagemaker",
    "PrimaryContainer": {
        "Image": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/ranker:1",
        "ModelDataUrl": "s3://shop/ranker.tar.gz",
    },
}
ENDPOINTS = FLEET[FLEET.index("endpoints:") :]
TO_SERVERLESS = (
    "instance_type: ml.m5.large, initial_instance_count: 2",
    "serverless_config: {memory_size_in_mb: 2048, max_concurrency: 5}",
)
SERVERLESS = FLEET.replace(*TO_SERVERLESS)
TO_INSTANCES = (TO_SERVERLESS[1], TO_SERVERLESS[0])
OWN_TAGS = ["mmeplan:fleet", "mmeplan:address", "mmeplan:digest", "mmeplan:tags"]
TWO = (
    FLEET[: FLEET.index("endpoints:")]
    + """\
variables: {type: ml.m5.large}
endpoints:
  a:
    config: {production_variants: {main: {model: ranker, instance_type: "{{ type }}", initial_instance_count: 2}}}
  b:
    config: {production_variants: {main: {model: ranker, instance_type: "{{ type }}", initial_instance_count: 2}}}
"""
)
ROLLING = """\
    deployment_config:
      rolling_update_policy:
        maximum_batch_size: {type: CAPACITY_PERCENT, value: 50}
        wait_interval_in_seconds: 60
"""
AN_ADOPTED_ENDPOINT = ("endpoints:\n  ranker:\n", "endpoints:\n  ranker:\n    adopt: true\n")
AN_ADOPTED_CONFIG = ("    config:\n", "    config:\n      adopt: true\n")
AN_ADOPTED_MODEL = ("models:\n  ranker:\n", "models:\n  ranker:\n    adopt: true\n")
NEW_IMAGE = ("ranker:1", "ranker:2")
LOCAL = "--local --region eu-west-1"

Edit = tuple[str, str]
"""A text of the file, and what stands there afterwards."""
Follow = Edit | str | Callable[[Path], None]
"""An edit of the file, a command, or what is done outside mmeplan."""


def arn(hands: Hands, kind: str) -> str:
    """The ARN of the endpoint `ranker`, of the config that it runs, or of that one's first model."""
    endpoint = hands.does("DescribeEndpoint", EndpointName="ranker")
    if kind == "endpoint":
        return str(endpoint["EndpointArn"])
    config = hands.does("DescribeEndpointConfig", EndpointConfigName=endpoint["EndpointConfigName"])
    if kind == "config":
        return str(config["EndpointConfigArn"])
    model = hands.does("DescribeModel", ModelName=config["ProductionVariants"][0]["ModelName"])
    return str(model["ModelArn"])


def by_hand(operation: str, of: str = "", **params: Any) -> Callable[[Path], None]:
    """A call of somebody else; of the object of that kind, where it is about an ARN."""

    def done(folder: Path) -> None:
        with Hands(folder) as hands:
            hands.does(operation, **({"ResourceArn": arn(hands, of)} if of else {}), **params)

    return done


def untagged(*kinds: str) -> Callable[[Path], None]:
    """The tags by which objects belong to the fleet are removed."""

    def done(folder: Path) -> None:
        for kind in kinds:
            by_hand("DeleteTags", kind, TagKeys=OWN_TAGS)(folder)

    return done


def without_config(folder: Path) -> None:
    """The config that the endpoint runs is deleted."""
    with Hands(folder) as hands:
        hands.does("DeleteEndpointConfig", EndpointConfigName=arn(hands, "config").rpartition("/")[2])


def scaled(folder: Path) -> None:
    """Somebody scales to 7 instances."""
    wanted = [{"VariantName": "main", "DesiredInstanceCount": 7}]
    by_hand("UpdateEndpointWeightsAndCapacities", EndpointName="ranker", DesiredWeightsAndCapacities=wanted)(folder)


def impostor(folder: Path) -> None:
    """A model of the name that the next plan's model will have, with other content."""
    path = folder / "fleet.yaml"
    text = path.read_text()
    path.write_text(text.replace(*NEW_IMAGE))
    changes = json.loads(mmeplan("plan --local --format json", folder).stdout)["changes"]
    path.write_text(text)
    (name,) = [change["name"] for change in changes if change["address"] == "model/ranker"]
    by_hand("CreateModel", **{**MODEL, "ModelName": name, "EnableNetworkIsolation": True})(folder)


def deleted_and_free(folder: Path) -> None:
    """The model in the way is deleted."""
    changes = json.loads(mmeplan("plan --local --format json", folder).stdout)["changes"]
    (name,) = [change["live_name"] for change in changes if change["address"] == "model/ranker"]
    by_hand("DeleteModel", ModelName=name)(folder)


@dataclass(frozen=True)
class Case:
    """What leads to the message; what of it must be said; and the advice."""

    file: str
    asked: str
    said: tuple[str, ...]
    follow: tuple[Follow, ...]
    meddle: tuple[Callable[[Path], None], ...] = ()
    edit: tuple[Edit, ...] = ()
    unsaid: tuple[str, ...] = ()
    applies: str = "apply fleet.yaml --local -y"


DRIFT, PLAN = "drift --local", "plan --local"
CASES = {
    "drift: an endpoint lost its tags": Case(
        FLEET,
        DRIFT,
        ("write `adopt: true` in its entry and apply",),
        (AN_ADOPTED_ENDPOINT,),
        meddle=(untagged("endpoint"),),
        unsaid=("puts it back",),
    ),
    "drift: a config lost its tags": Case(
        FLEET, DRIFT, ("write `adopt: true` in its entry and apply",), (AN_ADOPTED_CONFIG,), (untagged("config"),)
    ),
    "drift: a model lost its tags": Case(
        FLEET, DRIFT, ("write `adopt: true` in its entry and apply",), (AN_ADOPTED_MODEL,), (untagged("model"),)
    ),
    "drift: given to another fleet": Case(
        FLEET,
        DRIFT,
        ("remove that tag, write `adopt: true` in its entry and apply",),
        (by_hand("DeleteTags", "endpoint", TagKeys=["mmeplan:fleet"]), AN_ADOPTED_ENDPOINT),
        (by_hand("AddTags", "endpoint", Tags=[{"Key": "mmeplan:fleet", "Value": "theirs"}]),),
        unsaid=("puts it back",),
    ),
    "drift: scaled by hand": Case(
        FLEET, DRIFT, ("apply fleet.yaml --local puts it back",), ("apply fleet.yaml --local -y",), (scaled,)
    ),
    "drift: scaled by an autoscaler": Case(
        FLEET, DRIFT, ("`capacity: autoscaled`",), (("_count: 2", "_count: 2, capacity: autoscaled"),), (scaled,)
    ),
    "plan: scaled by an autoscaler": Case(
        FLEET, PLAN, ("`capacity: autoscaled`",), (("_count: 2", "_count: 2, capacity: autoscaled"),), (scaled,)
    ),
    "drift: the pinned config is gone": Case(
        PINNED,
        DRIFT,
        ("plan fleet.yaml --local says what to do first",),
        (("    config:\n      name: mine\n", "    config:\n      name: mine-2\n"),),
        (without_config,),
        (("_count: 2", "_count: 3"),),
        unsaid=("puts it back",),
    ),
    "plan: the pinned config is gone": Case(
        PINNED,
        PLAN,
        ("give the config another `name:`",),
        (("    config:\n      name: mine\n", "    config:\n      name: mine-2\n"),),
        (without_config,),
        (("_count: 2", "_count: 3"),),
    ),
    "plan: not managed": Case(
        FLEET, PLAN, ("write `adopt: true` to take it",), (AN_ADOPTED_ENDPOINT,), (untagged("endpoint"),)
    ),
    "plan: a new image under pinned names, all dropped": Case(
        PINNED,
        PLAN,
        ("drop `name:` of model/ranker and endpoint_config/ranker",),
        (("    name: mine\n    exec", "    exec"), ("      name: mine\n", "")),
        edit=(NEW_IMAGE,),
    ),
    "plan: a new image under pinned names, all chosen anew": Case(
        PINNED,
        PLAN,
        ("or choose new ones",),
        (("    name: mine\n    exec", "    name: b\n    exec"), ("      name: mine\n", "      name: b\n")),
        edit=(NEW_IMAGE,),
    ),
    "plan: a new count of a pinned config": Case(
        PINNED,
        PLAN,
        ("drop `name:` of endpoint_config/ranker (then content chooses the name) or choose a new one",),
        (("      name: mine\n", ""),),
        edit=(("ml.m5.large", "ml.m5.xlarge"),),
    ),
    "plan --replace: pinned": Case(
        PINNED,
        "plan --local --replace model/ranker",
        ("drop `name:` of model/ranker", "drop `name:` of endpoint_config/ranker"),
        (("    name: mine\n    exec", "    exec"), ("      name: mine\n", "")),
        applies="apply fleet.yaml --local -y --replace model/ranker",
    ),
    "plan: serverless from instances": Case(
        FLEET,
        PLAN,
        ("--allow-outage endpoint/ranker",),
        (),
        edit=(TO_SERVERLESS,),
        applies="apply fleet.yaml --local -y --allow-outage endpoint/ranker",
    ),
    "plan: protected, and recreated": Case(
        FLEET.replace("    config:", "    protect: true\n    config:"),
        "plan --local",
        ("set protect: false and apply that first",),
        (("protect: true", "protect: false"), TO_INSTANCES, "apply fleet.yaml --local -y", TO_SERVERLESS),
        edit=(TO_SERVERLESS,),
        applies="apply fleet.yaml --local -y --allow-outage endpoint/ranker",
    ),
    "plan: protected, and its entry is removed": Case(
        FLEET.replace("    config:", "    protect: true\n    config:"),
        "plan --local",
        ("apply the entry with `protect: false` first",),
        (
            ("endpoints: {}\n", ENDPOINTS.replace("    config:", "    protect: false\n    config:")),
            "apply fleet.yaml --local -y",
            (ENDPOINTS.replace("    config:", "    protect: false\n    config:"), "endpoints: {}\n"),
        ),
        edit=((ENDPOINTS.replace("    config:", "    protect: true\n    config:"), "endpoints: {}\n"),),
    ),
    "plan: of another fleet": Case(
        FLEET,
        PLAN,
        ("remove the tag mmeplan:fleet from the endpoint and write `adopt: true`",),
        (by_hand("DeleteTags", "endpoint", TagKeys=["mmeplan:fleet"]), AN_ADOPTED_ENDPOINT),
        (by_hand("AddTags", "endpoint", Tags=[{"Key": "mmeplan:fleet", "Value": "theirs"}]),),
    ),
    "plan: a pinned model of another fleet": Case(
        EMPTY,
        PLAN,
        ("remove its tag mmeplan:fleet and write `adopt: true`",),
        (by_hand("DeleteTags", ResourceArn=A_MODEL, TagKeys=["mmeplan:fleet"]), AN_ADOPTED_MODEL),
        (by_hand("CreateModel", **MODEL, Tags=[{"Key": "mmeplan:fleet", "Value": "theirs"}]),),
        edit=((EMPTY[EMPTY.index("models") :], PINNED[PINNED.index("models") :]),),
    ),
    "plan: a pinned model of nobody's": Case(
        EMPTY,
        PLAN,
        ("mine exists and isn't this fleet's; write `adopt: true`",),
        (AN_ADOPTED_MODEL,),
        (by_hand("CreateModel", **MODEL),),
        edit=((EMPTY[EMPTY.index("models") :], PINNED[PINNED.index("models") :]),),
    ),
    "plan: a pinned model deleted, and edited": Case(
        PINNED,
        PLAN,
        ("drop `name:` of model/ranker and endpoint_config/ranker",),
        (("    name: mine\n    exec", "    exec"), ("      name: mine\n", "")),
        (by_hand("DeleteModel", ModelName="mine"),),
        edit=(NEW_IMAGE,),
    ),
    "plan: a name with other content, deleted": Case(
        FLEET,
        PLAN,
        ("delete it, or set replace_salt to get another name",),
        (deleted_and_free,),
        (impostor,),
        edit=(NEW_IMAGE,),
    ),
    "plan: a name with other content, a salt set": Case(
        FLEET,
        PLAN,
        ("delete it, or set replace_salt to get another name",),
        (("models:\n  ranker:\n", "models:\n  ranker:\n    replace_salt: again\n"),),
        (impostor,),
        edit=(NEW_IMAGE,),
    ),
    "plan: another name, the old one kept": Case(
        FLEET,
        PLAN,
        ("`name: ranker` keeps it",),
        (("    name: scorer\n", "    name: ranker\n"),),
        edit=(("endpoints:\n  ranker:\n", "endpoints:\n  ranker:\n    name: scorer\n"),),
    ),
    "plan: another name, and the outage allowed": Case(
        FLEET,
        PLAN,
        ("--allow-outage endpoint/ranker",),
        (),
        edit=(("endpoints:\n  ranker:\n", "endpoints:\n  ranker:\n    name: scorer\n"),),
        applies="apply fleet.yaml --local -y --allow-outage endpoint/ranker",
    ),
    "plan: more than the quota, a higher one": Case(
        FLEET,
        PLAN,
        ("a quota of 4 would do as it is planned",),
        (("ml.m5.large: 3", "ml.m5.large: 4"),),
        edit=(("fleet: shop\n", "fleet: shop\nquotas: {ml.m5.large: 3}\n"), NEW_IMAGE),
    ),
    "plan: more than the quota, updated in batches": Case(
        FLEET,
        PLAN,
        ("or a rolling_update_policy",),
        (("    config:\n", ROLLING + "    config:\n"),),
        edit=(("fleet: shop\n", "fleet: shop\nquotas: {ml.m5.large: 3}\n"), NEW_IMAGE),
    ),
    "plan: too many deleted": Case(
        TWO,
        "plan --local --max-change 1",
        ("if it is: --max-change 2",),
        (),
        edit=((TWO[TWO.index("endpoints:") :], "endpoints: {}\n"),),
        applies="apply fleet.yaml --local -y --max-change 2",
    ),
    "plan --replace --target": Case(
        TWO,
        "plan --local --replace endpoint/b --target endpoint/a",
        ("add --target endpoint/b",),
        (),
        applies="apply fleet.yaml --local -y --replace endpoint/b --target endpoint/a --target endpoint/b",
    ),
}


def edited(folder: Path, edit: Edit) -> None:
    path = folder / "fleet.yaml"
    text = path.read_text()
    assert text.count(edit[0]) == 1, (edit, text)
    path.write_text(text.replace(*edit))


def followed(folder: Path, steps: tuple[Follow, ...]) -> None:
    for step in steps:
        if isinstance(step, tuple):
            edited(folder, step)
        elif isinstance(step, str):
            result = mmeplan(step, folder)
            assert result.code == 0, result
        else:
            step(folder)


def words(result: Result) -> str:
    """What was said, on one line."""
    return " ".join(f"{result.stdout} {result.stderr}".split())


def applied(folder: Path, file: str) -> None:
    (folder / "fleet.yaml").write_text(file)
    assert mmeplan("apply fleet.yaml --local -y", folder).code == 0


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_advice_leads_where_it_says(tmp_path: Path, case: Case) -> None:
    applied(tmp_path, case.file)
    followed(tmp_path, (*case.meddle, *case.edit))
    told = words(mmeplan(case.asked, tmp_path))
    for said in case.said:
        assert said in told
    for unsaid in case.unsaid:
        assert unsaid not in told
    followed(tmp_path, case.follow)
    done = mmeplan(case.applies, tmp_path)
    assert done.code == 0, done
    after = mmeplan("plan fleet.yaml --local --detailed-exitcode", tmp_path)
    assert after.code == 0, after
    drift = mmeplan("drift --local", tmp_path)
    assert drift.code == 0, drift


NEXT = {
    "as it is": "",
    "a fresh object": "--replace model/ranker",
    "a fresh fleet": "--replace endpoint/a",
    "a target": "--target endpoint/a --var type=ml.m5.xlarge",
    "a variable": "--var type=ml.m5.xlarge",
    "one at a time": "--parallelism 1 --var type=ml.m5.xlarge",
    "few changes": "--max-change 50% --var type=ml.m5.xlarge",
}


def following(page: str) -> str:
    """The command that a page ends with."""
    _, found, command = " ".join(page.split()).rpartition("Next: mmeplan ")
    assert found
    return command


@pytest.mark.parametrize("options", NEXT.values(), ids=NEXT)
def test_what_a_plan_says_to_type_next_makes_that_very_plan(tmp_path: Path, options: str) -> None:
    applied(tmp_path, TWO)
    followed(tmp_path, (NEW_IMAGE,) if options == "" else ())
    shown = mmeplan(f"plan --local --show-environment {options}", tmp_path)
    steps = json.loads(mmeplan(f"plan --local --format json {options}", tmp_path).stdout)["steps"]
    command = following(shown.stdout)
    again = json.loads(mmeplan(f"{command.replace('apply', 'plan', 1)} --format json", tmp_path).stdout)
    assert steps
    assert again["steps"] == steps
    assert mmeplan(f"{command} -y", tmp_path).code == 0


# --- import -----------------------------------------------------------------------------------------------------------


def test_an_endpoint_that_cannot_be_imported_is_written_by_hand_as_is_said(tmp_path: Path) -> None:
    applied(tmp_path, FLEET)
    without_config(tmp_path)
    with Hands(tmp_path) as hands:
        found = hands.does("DescribeEndpoint", EndpointName="ranker")
        hands.does("DeleteTags", ResourceArn=found["EndpointArn"], TagKeys=OWN_TAGS)
    told = words(mmeplan(f"import ranker {LOCAL}", tmp_path))
    assert f"its config {found['EndpointConfigName']} is gone, so what it runs can't be told" in told
    assert "Write its entry by hand: its name, `adopt: true`, and the config that it is to run" in told
    by_hand_written = FLEET.replace("fleet: shop", "fleet: imported").replace(*AN_ADOPTED_ENDPOINT)
    (tmp_path / "fleet.yaml").write_text(by_hand_written)
    assert mmeplan("apply fleet.yaml --local -y", tmp_path).code == 0
    assert mmeplan("plan fleet.yaml --local --detailed-exitcode", tmp_path).code == 0


def test_an_import_from_the_wrong_region_names_region_and_account(tmp_path: Path) -> None:
    applied(tmp_path, FLEET)
    by_hand("DeleteTags", "endpoint", TagKeys=OWN_TAGS)(tmp_path)
    told = mmeplan("import ranker --local --region us-west-2", tmp_path)
    assert told.code == 1
    assert "there is no endpoint of that name in us-west-2 of the account 123456789012" in words(told)
    assert "nothing was imported from us-west-2 of the account 123456789012" in words(told)
    none = words(mmeplan("import --name 'r*' --local --region us-west-2", tmp_path))
    assert "nothing was imported from us-west-2 of the account 123456789012" in none
    listed = none.rpartition("try: mmeplan ")[2]
    assert mmeplan(listed.replace("us-west-2", "eu-west-1"), tmp_path).stdout.count("adopt: true") >= 1


def test_an_endpoint_of_another_fleet_is_imported_under_that_name(tmp_path: Path) -> None:
    applied(tmp_path, FLEET)
    assert "--fleet shop writes that one's file" in words(mmeplan(f"import ranker {LOCAL}", tmp_path))
    assert mmeplan(f"import ranker {LOCAL} --fleet shop -o again.yaml", tmp_path).code == 0
    assert mmeplan("drift again.yaml --local", tmp_path).code == 0


def test_what_an_imported_file_says_of_a_new_image_leads_to_it(tmp_path: Path) -> None:
    applied(tmp_path, FLEET)
    untagged("model", "config", "endpoint")(tmp_path)
    assert mmeplan(f"import ranker {LOCAL} -o fleet.yaml --force", tmp_path).code == 0
    assert mmeplan("apply fleet.yaml --local -y", tmp_path).code == 0
    edited(tmp_path, NEW_IMAGE)
    told = words(mmeplan("plan --local", tmp_path))
    pins = told.partition("drop `name:` of ")[2].partition(" (then")[0].split(" and ")
    assert len(pins) == 2
    lines = (tmp_path / "fleet.yaml").read_text().splitlines()
    kept = [line for line in lines if not line.strip().startswith("name: ranker-")]
    assert len(lines) - len(kept) == len(pins)
    (tmp_path / "fleet.yaml").write_text("\n".join(kept))
    assert mmeplan("apply fleet.yaml --local -y", tmp_path).code == 0


# --- rollback, and what lies in S3 ------------------------------------------------------------------------------------


def test_a_rollback_to_serverless_shows_no_volume_that_nobody_asked_for(tmp_path: Path) -> None:
    applied(tmp_path, SERVERLESS)
    applied(tmp_path, FLEET)
    rollback = "rollback ranker --local --allow-outage endpoint/ranker --out plan.json"
    assert "volume_size_in_gb" not in words(mmeplan(rollback, tmp_path))
    assert mmeplan("apply plan.json --local -y", tmp_path).code == 0
    (tmp_path / "fleet.yaml").write_text(SERVERLESS)
    assert mmeplan("plan fleet.yaml --local --detailed-exitcode", tmp_path).code == 0


def test_an_artifact_that_was_overwritten_is_served_by_a_fresh_model(tmp_path: Path) -> None:
    write = by_hand("PutObject", Bucket="shop", Key="ranker.tar.gz", Body=b"1")
    (tmp_path / "fleet.yaml").write_text(FLEET)
    assert mmeplan("status --local", tmp_path).code == 0
    write(tmp_path)
    applied(tmp_path, FLEET)
    assert "ART-08" not in words(mmeplan("plan --local --online", tmp_path))
    write(tmp_path)
    assert "`--replace model/ranker` makes one of what it is now" in words(mmeplan("plan --local --online", tmp_path))
    assert mmeplan("apply fleet.yaml --local -y --replace model/ranker", tmp_path).code == 0
    assert "ART-08" not in words(mmeplan("plan --local --online", tmp_path))
