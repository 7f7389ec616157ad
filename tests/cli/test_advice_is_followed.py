"""Advice as a law: a message's advice is followed to the letter, and leads where the message says.

A case is a fleet that was applied, what others did to it, an edit of the file, and the command whose output advises.
Then the advice: edits of the file and commands typed. After it a plan applies, the next one is empty, and nothing has
drifted.
"""

from __future__ import annotations

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
TO_INSTANCES = (TO_SERVERLESS[1], TO_SERVERLESS[0])
OWN_TAGS = ["mmeplan:fleet", "mmeplan:address", "mmeplan:digest", "mmeplan:tags"]
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
