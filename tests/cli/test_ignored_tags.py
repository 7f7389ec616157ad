"""`ignore_tags`: what a company's automation puts on everything is never compared, removed or called drift."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mmeplan.cloud.aws import Cloud, Door
from mmeplan.engine import Engine
from mmeplan.errors import InputError
from mmeplan.simulator import Simulator
from mmeplan.spec import Fleet, IgnoredTags, load_text
from tests.cli.running import mmeplan

FLEET = """\
version: 1
fleet: f
region: eu-west-1
{ignored}
defaults:
  model: {{execution_role_arn: "arn:aws:iam::123456789012:role/sagemaker"}}
  tags: {{team: search}}
models:
  ranker: {{primary_container: {{image: "123456789012.dkr.ecr.eu-west-1.amazonaws.com/ranker:{image}"}}}}
endpoints:
  ranker:
    config:
      production_variants:
        main: {{model: ranker, instance_type: ml.m5.xlarge, initial_instance_count: 2}}
"""
IGNORED = 'ignore_tags: {keys: [CreatedBy], prefixes: ["cost:"]}'
THEIRS = {"CreatedBy": "robot", "cost:center": "42"}


def fleet(image: str = "1", ignored: str = IGNORED) -> Fleet:
    return load_text(FLEET.format(image=image, ignored=ignored).encode())


class Account:
    def __init__(self, simulator: Simulator) -> None:
        self.engine = Engine.simulated(simulator, region="eu-west-1")
        self.cloud = Cloud(simulator.clock, region="eu-west-1", door=Door(simulator.before_send, "123456789012"))

    def applied(self, wanted: Fleet) -> None:
        assert self.engine.apply(self.engine.plan(wanted)).complete

    def arns(self) -> list[str]:
        found = []
        for kind in ("Endpoint", "EndpointConfig", "Model"):
            found += [item[f"{kind}Arn"] for item in self.cloud.read(f"List{kind}s", {})[f"{kind}s"]]
        return found

    def tag_everything(self) -> None:
        for arn in self.arns():
            self.cloud.write(
                "AddTags", {"ResourceArn": arn, "Tags": [{"Key": k, "Value": v} for k, v in THEIRS.items()]}
            )

    def tags(self, arn: str) -> dict[str, str]:
        return {tag["Key"]: tag["Value"] for tag in self.cloud.read("ListTags", {"ResourceArn": arn})["Tags"]}


@pytest.fixture
def account() -> Any:
    with Simulator.open(":memory:") as simulator:
        yield Account(simulator)


def test_the_tags_of_others_are_neither_planned_nor_drift(account: Account) -> None:
    account.applied(fleet())
    account.tag_everything()
    assert account.engine.plan(fleet()).plan.steps == ()
    assert not account.engine.drift(fleet()).report().has_drift


def test_without_the_line_they_are(account: Account) -> None:
    account.applied(fleet())
    account.tag_everything()
    bare = fleet(ignored="")
    assert {step.operation for step in account.engine.plan(bare).plan.steps} == {"DeleteTags"}
    assert account.engine.drift(bare).report().has_drift


def test_swaps_and_rollbacks_leave_them_alone(account: Account) -> None:
    account.applied(fleet())
    account.tag_everything()
    account.applied(fleet("2"))
    endpoint = next(arn for arn in account.arns() if ":endpoint/" in arn)
    assert account.tags(endpoint).items() >= THEIRS.items()
    back = account.engine.rollback(fleet("2"), "ranker")
    assert not [step for step in back.plan.steps if step.operation == "DeleteTags"]
    assert account.engine.apply(back).complete
    assert not account.engine.drift(fleet("2")).report().has_drift
    assert account.tags(endpoint).items() >= THEIRS.items()


def test_other_tags_are_still_the_files(account: Account) -> None:
    account.applied(fleet())
    for arn in account.arns():
        account.cloud.write("AddTags", {"ResourceArn": arn, "Tags": [{"Key": "owner", "Value": "bob"}]})
    steps = account.engine.plan(fleet()).plan.steps
    assert [step.params["TagKeys"] for step in steps] == [["owner"]] * 3
    assert account.engine.drift(fleet()).report().has_drift


def test_what_is_adopted_keeps_them(account: Account) -> None:
    account.applied(fleet())
    account.tag_everything()
    for arn in account.arns():
        keys = [key for key in account.tags(arn) if key.startswith("mmeplan:") or key == "team"]
        account.cloud.write("DeleteTags", {"ResourceArn": arn, "TagKeys": keys})
    text = FLEET.format(image="1", ignored=IGNORED).replace("    config:", "    adopt: true\n    config:")
    planned = account.engine.plan(load_text(text.encode()))
    assert not [step for step in planned.plan.steps if step.operation == "DeleteTags"]
    assert account.engine.apply(planned).complete


@pytest.mark.parametrize(
    ("ignored", "message"),
    [
        ('ignore_tags: {keys: ["mmeplan:fleet"]}', "covers tags that mmeplan writes"),
        ("ignore_tags: {prefixes: [mme]}", "covers tags that mmeplan writes"),
        ("ignore_tags: {prefixes: [MMEPLAN]}", "covers tags that mmeplan writes"),
        ('ignore_tags: {prefixes: [""]}', "an empty text"),
        ("ignore_tags: {keys: [team]}", "the tag team is among those that `ignore_tags` leaves to others"),
        ("ignore_tags: {key: [team]}", "key"),
        ("ignore_tags: [team]", "fleet.yaml:4:1: expected a mapping"),
        ("ignore_tags: {keys: team}", "fleet.yaml:4:15: expected a list"),
    ],
)
def test_what_can_not_be_ignored_is_an_error_with_its_line(ignored: str, message: str) -> None:
    with pytest.raises(InputError) as refused:
        fleet(ignored=ignored)
    assert message in str(refused.value)


def test_a_beginning_is_one_and_a_key_is_whole() -> None:
    ignored = IgnoredTags(frozenset({"CreatedBy"}), ("cost:",))
    assert [key for key in ("CreatedBy", "createdby", "CreatedBy2", "cost:a", "costs") if ignored.covers(key)] == [
        "CreatedBy",
        "cost:a",
    ]
    assert not IgnoredTags().covers("anything")


def test_a_refused_file_names_the_place(tmp_path: Path) -> None:
    (tmp_path / "fleet.yaml").write_text(FLEET.format(image="1", ignored="ignore_tags: {keys: [team]}"))
    result = mmeplan("validate", tmp_path)
    assert (result.code, result.stdout + result.stderr != "") == (1, True)
    assert "fleet.yaml:7:" in result.stdout + result.stderr
