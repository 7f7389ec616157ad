"""Several deployments in one account: environments, two fleets of one file, and objects that change hands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mmeplan.cloud.aws import Cloud, Door
from mmeplan.engine import Engine, Planned
from mmeplan.simulator import Simulator
from mmeplan.spec import load_text
from tests.cli.running import Result, mmeplan

FLEET = """\
version: 1
fleet: "{{ fleet_name }}"
region: eu-west-1
variables: {fleet_name: rank, image: "1.0", end: "", count: 1}
environments:
  staging: {variables: {end: -staging, count: 1}}
  prod: {variables: {end: -prod, count: 2}}
defaults:
  model: {execution_role_arn: "arn:aws:iam::123456789012:role/sagemaker"}
models:
  ranker: {primary_container: {image: "123456789012.dkr.ecr.eu-west-1.amazonaws.com/ranker:{{ image }}"}}
endpoints:
  ranker:
    name: "ranker{{ end }}"
    config:
      production_variants:
        main: {model: ranker, instance_type: ml.m5.xlarge, initial_instance_count: "{{ count }}"}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "fleet.yaml").write_text(FLEET)
    (tmp_path / "same.yaml").write_text(FLEET.replace("ranker{{ end }}", "ranker"))
    (tmp_path / "empty.yaml").write_text(FLEET[: FLEET.index("models:")])
    return tmp_path


def local(folder: Path) -> Path:
    (folder / ".mmeplan").mkdir(exist_ok=True)
    return folder / ".mmeplan" / "local.db"


def applied(folder: Path, command: str) -> Result:
    result = mmeplan(f"apply --local -y {command}", folder)
    assert (result.code, "second look proves it" in result.stdout) == (0, True), result.stdout + result.stderr
    return result


def live(folder: Path) -> dict[str, dict[str, str]]:
    """Name → tags of every endpoint, config and model."""
    lists = {
        "ListEndpoints": ("Endpoints", "EndpointName", "EndpointArn"),
        "ListEndpointConfigs": ("EndpointConfigs", "EndpointConfigName", "EndpointConfigArn"),
        "ListModels": ("Models", "ModelName", "ModelArn"),
    }
    found = {}
    with Simulator.open(local(folder)) as simulator:
        cloud = Cloud(simulator.clock, region="eu-west-1", door=Door(simulator.before_send, "123456789012"))
        for operation, (member, name, arn) in lists.items():
            for item in cloud.read(operation, {})[member]:
                tags = cloud.read("ListTags", {"ResourceArn": item[arn]})["Tags"]
                found[str(item[name])] = {tag["Key"]: tag["Value"] for tag in tags}
    return found


def untag(folder: Path) -> None:
    """Make every object as releases without the tag have made it: unclaimed."""
    with Simulator.open(local(folder)) as simulator:
        cloud = Cloud(simulator.clock, region="eu-west-1", door=Door(simulator.before_send, "123456789012"))
        for operation, member, arn in (
            ("ListEndpoints", "Endpoints", "EndpointArn"),
            ("ListEndpointConfigs", "EndpointConfigs", "EndpointConfigArn"),
            ("ListModels", "Models", "ModelArn"),
        ):
            for item in cloud.read(operation, {})[member]:
                cloud.write("DeleteTags", {"ResourceArn": item[arn], "TagKeys": ["mmeplan:environment"]})


def plan(folder: Path, command: str, *, code: int = 2) -> dict[str, Any]:
    result = mmeplan(f"plan --local --detailed-exitcode --format json {command}", folder)
    assert result.code == code, result.stdout + result.stderr
    return dict(json.loads(result.stdout))


def actions(document: dict[str, Any]) -> dict[str, str]:
    return {f"{c['kind']} {c['name']}": "/".join(c["actions"]) for c in document["changes"]}


# --- environments -----------------------------------------------------------------------------------------------------


def test_environments_of_one_account_leave_each_other_alone(folder: Path) -> None:
    applied(folder, "-e staging")
    applied(folder, "-e prod")
    assert {"ranker-staging", "ranker-prod"} <= live(folder).keys()
    for environment in ("staging", "prod"):
        assert plan(folder, f"-e {environment}", code=0)["steps"] == []
    assert mmeplan("destroy --local -y -e staging", folder).code == 0
    assert {tags["mmeplan:environment"] for tags in live(folder).values()} == {"prod"}


def test_each_environment_has_models_of_its_own_with_one_content(folder: Path) -> None:
    applied(folder, "-e staging")
    applied(folder, "-e prod")
    models = {name: tags for name, tags in live(folder).items() if tags["mmeplan:address"] == "model/ranker"}
    assert {tags["mmeplan:environment"] for tags in models.values()} == {"staging", "prod"}
    assert len({tags["mmeplan:digest"] for tags in models.values()}) == 1


def test_an_endpoint_of_another_environment_is_refused_with_the_way_out(folder: Path) -> None:
    applied(folder, "-e staging same.yaml")
    result = mmeplan("plan --local -e prod same.yaml", folder)
    assert result.code == 3
    words = " ".join(result.stdout.split())
    assert "the endpoint ranker belongs to the environment 'staging' of the fleet 'rank'" in words
    assert "plan with -e staging" in words
    assert "`mmeplan move`" in words
    assert live(folder)["ranker"]["mmeplan:environment"] == "staging"


@pytest.mark.parametrize(("options", "example"), [("-e prod", True), ("", False)])
def test_the_advice_on_names_uses_the_environment_only_where_there_is_one(
    folder: Path, options: str, example: bool
) -> None:
    applied(folder, "-e staging same.yaml")
    words = " ".join(mmeplan(f"plan --local {options} same.yaml", folder).stdout.split())
    assert ("ranker-{{ environment }}" in words) is example


def test_status_says_whose_an_endpoint_is(folder: Path) -> None:
    def note(options: str) -> str:
        return str(json.loads(mmeplan(f"status --local same.yaml --format json {options}", folder).stdout)[0]["note"])

    applied(folder, "same.yaml")
    assert note("-e prod") == "no environment has claimed it yet"
    applied(folder, "-e staging same.yaml")
    assert note("-e staging") == ""
    assert note("-e prod") == "belongs to the environment 'staging' of the fleet 'rank'"


def test_deletions_are_bound_to_the_tags_of_the_fleet_and_the_environment(folder: Path) -> None:
    applied(folder, "-e prod")
    policy = json.loads(mmeplan("plan --local --iam -e prod empty.yaml", folder).stdout)
    conditions = [s["Condition"] for s in policy["Statement"] if s["Sid"].startswith("DeleteOwn")]
    tags = {"aws:ResourceTag/mmeplan:fleet": "rank", "aws:ResourceTag/mmeplan:environment": "prod"}
    assert conditions
    assert all(condition == {"StringEquals": tags} for condition in conditions)


def test_destroying_what_is_not_there_does_not_speak_of_the_file(folder: Path) -> None:
    applied(folder, "-e staging")
    result = mmeplan("destroy --local -y -e prod", folder)
    assert "Nothing that is live carries this fleet's tags" in result.stdout


def test_a_rollback_to_what_another_fleet_has_says_so(folder: Path) -> None:
    applied(folder, "--var end=-a")
    with Simulator.open(local(folder)) as simulator:  # in an earlier release the second fleet ran this config
        cloud = Cloud(simulator.clock, region="eu-west-1", door=Door(simulator.before_send, "123456789012"))
        config = cloud.read("DescribeEndpoint", {"EndpointName": "ranker-a"})["EndpointConfigName"]
        tags = {"mmeplan:fleet": "other", "mmeplan:address": "endpoint/ranker", "mmeplan:served": config[-8:]}
        request = {"EndpointName": "ranker-b", "EndpointConfigName": config}
        cloud.write("CreateEndpoint", {**request, "Tags": [{"Key": k, "Value": v} for k, v in tags.items()]})
        simulator.clock.sleep(600)
    second = "--var fleet_name=other --var end=-b --var image=1.1"
    applied(folder, second)
    result = mmeplan(f"rollback ranker --local -y {second}", folder)
    assert result.code == 1
    assert f"the config {config[-8:]} that served it before was deleted, or is another deployment's" in result.stderr
    assert "turn the fleet file back" in result.stderr


def test_a_plan_without_an_environment_leaves_those_of_environments_alone(folder: Path) -> None:
    applied(folder, "-e staging")
    assert "endpoint ranker-staging" not in actions(plan(folder, "empty.yaml", code=0))
    assert mmeplan("plan --local same.yaml", folder).code == 0  # another name: nothing is in the way
    applied(folder, "same.yaml")
    assert {"ranker", "ranker-staging"} <= live(folder).keys()


def test_a_rollback_of_another_environments_endpoint_says_whose_it_is(folder: Path) -> None:
    applied(folder, "-e staging same.yaml")
    applied(folder, "-e staging same.yaml --var image=1.1")
    result = mmeplan("rollback ranker same.yaml --local -y -e prod", folder)
    assert result.code == 1
    assert "belongs to the environment 'staging' of the fleet 'rank'" in result.stderr
    assert mmeplan("rollback ranker same.yaml --local -y -e staging", folder).code == 0


# --- an upgrade: what no environment has claimed ----------------------------------------------------------------------


def test_the_first_apply_with_an_environment_claims_what_the_file_declares_and_rolls_nothing(folder: Path) -> None:
    applied(folder, "-e prod")
    applied(folder, "-e prod --var image=1.1")
    untag(folder)
    document = plan(folder, "-e prod --var image=1.1")
    assert {step["operation"] for step in document["steps"]} == {"AddTags"}
    assert "claimed for the environment 'prod'" in str(document["changes"])
    applied(folder, "-e prod --var image=1.1")
    assert {tags.get("mmeplan:environment") for tags in live(folder).values()} == {"prod"}
    assert mmeplan("rollback ranker --local -y -e prod --var image=1.1", folder).code == 0


@pytest.mark.parametrize("output", ["text", "markdown", "html"])
def test_what_changes_is_shown_beside_what_is_claimed(folder: Path, output: str) -> None:
    applied(folder, "-e prod")
    untag(folder)
    for image in ("1.1", "1.2", "1.3", "1.4", "1.5", "1.6"):  # names hold digests: the new one comes first or last
        shown = mmeplan(f"plan --local -e prod --var image={image} --format {output}", folder).stdout
        assert f"ranker:{image}" in shown
        assert "ranker:1.0" in shown
        assert "mmeplan:environment" in shown  # the generation that stays


def test_nothing_unclaimed_is_deleted_by_a_plan_with_an_environment(folder: Path) -> None:
    applied(folder, "-e prod")
    untag(folder)
    document = plan(folder, "-e staging empty.yaml", code=0)
    change = next(change for change in document["changes"] if change["name"] == "ranker-prod")
    assert (change["actions"], change["reason"]) == (["no-op"], "unclaimed")
    assert "no environment has claimed it" in change["notes"][0]
    assert "delete" not in "".join(actions(plan(folder, "-e staging")).values())
    assert mmeplan("destroy --local -y -e prod", folder).code == 0
    assert "ranker-prod" in live(folder)


def test_an_unclaimed_endpoint_that_failed_is_claimed_before_it_is_deleted_and_created() -> None:
    fleet = load_text(FLEET.encode(), environment="prod")
    with Simulator.open(":memory:") as simulator:
        simulator.faults.fail_create(endpoint_name="ranker-prod", reason="The image has no server.")
        engine = Engine.simulated(simulator, region="eu-west-1")
        assert not engine.apply(engine.plan(fleet)).complete
        cloud = Cloud(simulator.clock, region="eu-west-1", door=Door(simulator.before_send, "123456789012"))
        arn = cloud.read("DescribeEndpoint", {"EndpointName": "ranker-prod"})["EndpointArn"]
        cloud.write("DeleteTags", {"ResourceArn": arn, "TagKeys": ["mmeplan:environment"]})
        planned = engine.plan(fleet)
        calls = [step.operation for step in planned.plan.steps if step.address == "endpoint/ranker"]
        assert calls[:3] == ["AddTags", "DeleteEndpoint", "CreateEndpoint"]
        assert engine.apply(planned).complete


def test_a_generation_goes_after_the_swap_although_an_unclaimed_endpoint_is_left_at_its_address() -> None:
    def planned(end: str, image: str, environment: str | None = None) -> Planned:
        variables = {"end": end, "image": image}
        return engine.plan(load_text(FLEET.encode(), environment=environment, variables=variables))

    with Engine.simulated(":memory:", region="eu-west-1") as engine:
        assert engine.apply(planned("-old", "1.0")).complete
        for image in ("1.1", "1.2"):
            assert engine.apply(planned("-new", image, "prod")).complete
        steps = planned("-new", "1.3", "prod").plan.steps
    (delete,) = (step for step in steps if step.operation == "DeleteEndpointConfig")
    assert "UpdateEndpoint:endpoint/ranker" in delete.after


def test_a_plan_without_an_environment_still_deletes_what_it_has_made(folder: Path) -> None:
    applied(folder, "same.yaml")
    assert actions(plan(folder, "empty.yaml"))["endpoint ranker"] == "delete"


# --- two fleets of one file -------------------------------------------------------------------------------------------


def test_two_fleets_of_one_file_have_objects_and_generations_of_their_own(folder: Path) -> None:
    for image in ("1.0", "1.1"):
        for end in ("a", "b"):
            applied(folder, f"--var fleet_name=rank-{end} --var end=-{end} --var image={image}")
    fleets = {tags["mmeplan:fleet"] for tags in live(folder).values()}
    assert fleets == {"rank-a", "rank-b"}
    status = json.loads(mmeplan("status --local --format json --var fleet_name=rank-b --var end=-b", folder).stdout)
    assert len(status[0]["generations"]) == 1
    back = "rollback ranker --local -y --var fleet_name=rank-b --var end=-b --var image=1.1"
    assert mmeplan(back, folder).code == 0
    assert mmeplan("destroy --local -y --var fleet_name=rank-b", folder).code == 0
    assert {tags["mmeplan:fleet"] for tags in live(folder).values()} == {"rank-a"}


def test_a_fleet_keeps_its_own_names_when_the_others_objects_are_gone(folder: Path) -> None:
    for end in ("a", "b"):
        applied(folder, f"--var fleet_name=rank-{end} --var end=-{end}")
    mine = "--var fleet_name=rank-b --var end=-b"
    assert mmeplan("destroy --local -y --var fleet_name=rank-a", folder).code == 0
    assert plan(folder, mine, code=0)["steps"] == []
    document = plan(folder, f"{mine} --var count=2")
    assert [c for c in actions(document).values() if c != "no-op"] == ["update"]


def test_a_model_of_its_own_name_that_was_deleted_in_use_is_made_again_under_that_name(folder: Path) -> None:
    for end in ("a", "b"):
        applied(folder, f"--var fleet_name=rank-{end} --var end=-{end}")
    mine = "--var fleet_name=rank-b --var end=-b"
    assert mmeplan("destroy --local -y --var fleet_name=rank-a", folder).code == 0
    (own,) = (name for name, tags in live(folder).items() if tags["mmeplan:address"] == "model/ranker")
    with Simulator.open(local(folder)) as simulator:
        cloud = Cloud(simulator.clock, region="eu-west-1", door=Door(simulator.before_send, "123456789012"))
        cloud.write("DeleteModel", {"ModelName": own})
    assert {name: action for name, action in actions(plan(folder, mine)).items() if action != "no-op"} == {
        f"model {own}": "create"
    }


# --- handing over -----------------------------------------------------------------------------------------------------


def test_an_endpoint_moves_to_another_environment_with_what_it_runs_on(folder: Path) -> None:
    applied(folder, "-e staging same.yaml --var count=2")
    shown = mmeplan("move ranker same.yaml --local -e staging --to prod", folder)
    assert (shown.code, "add --yes" in shown.stderr) == (1, True)
    result = mmeplan("move ranker same.yaml --local -e staging --to prod -y", folder)
    assert result.code == 0
    assert result.stdout.splitlines()[-1] == "moved endpoint/ranker"
    assert {tags["mmeplan:environment"] for tags in live(folder).values()} == {"prod"}
    assert plan(folder, "-e prod same.yaml", code=0)["steps"] == []
    again = mmeplan("move ranker same.yaml --local -e staging --to prod -y", folder)
    assert (again.code, "owns no endpoint/ranker" in again.stderr) == (1, True)


def test_unclaimed_objects_are_handed_to_an_environment(folder: Path) -> None:
    applied(folder, "same.yaml --var count=2")
    assert mmeplan("move endpoint/ranker same.yaml --local --to prod -y", folder).code == 0
    assert plan(folder, "-e prod same.yaml", code=0)["steps"] == []


def test_an_endpoint_moves_to_another_fleet(folder: Path) -> None:
    applied(folder, "same.yaml")
    assert mmeplan("move ranker same.yaml --local --to-fleet search -y", folder).code == 0
    assert {tags["mmeplan:fleet"] for tags in live(folder).values()} == {"search"}
    assert plan(folder, "same.yaml --var fleet_name=search", code=0)["steps"] == []


def test_an_endpoint_moves_from_an_environment_to_another_fleet_and_each_object_is_said_once(folder: Path) -> None:
    applied(folder, "-e staging same.yaml")
    result = mmeplan("move ranker same.yaml --local -e staging --to-fleet search -y", folder)
    moved = [line for line in result.stdout.splitlines() if line.startswith("moved ")]
    assert (result.code, len(moved), len(set(moved))) == (0, 3, 3)
    assert {tags["mmeplan:fleet"] for tags in live(folder).values()} == {"search"}
    assert not any("mmeplan:environment" in tags for tags in live(folder).values())


def test_an_address_moves_what_has_it_and_not_what_is_called_so(folder: Path) -> None:
    first = FLEET.replace("ranker{{ end }}", "first")
    second = first[first.index("  ranker:\n    name") :].replace("  ranker:\n", "  other:\n").replace("first", "ranker")
    (folder / "two.yaml").write_text(first + second)
    applied(folder, "two.yaml")
    assert mmeplan("move ranker two.yaml --local --to-fleet search -y", folder).code == 0
    fleets = {name: tags["mmeplan:fleet"] for name, tags in live(folder).items()}
    assert (fleets["first"], fleets["ranker"]) == ("search", "rank")


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("move ranker --local -y", "nobody is named who gets it"),
        ("move ranker --local -y --to test", "the environment 'test' is not in the file"),
        ("move rankr --local -y --to prod", "owns no endpoint/rankr"),
    ],
)
def test_a_move_that_can_not_be_made_says_why(folder: Path, command: str, message: str) -> None:
    applied(folder, "same.yaml")
    result = mmeplan(command, folder)
    assert result.code == 1
    assert message in result.stderr
