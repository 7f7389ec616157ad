"""What was read, and how, and what plans and applies make of it: listed or described, page by page, denied or gone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import given, settings

from mmeplan.engine import Engine
from mmeplan.errors import CloudError
from mmeplan.importing import Selection, select
from mmeplan.live import Answer, Snapshot
from mmeplan.plan import Plan, drift_report, encode
from tests.simulation.fleets import lives
from tests.simulation.test_whole_lives import ROBUST, everywhere
from tests.simulation.world import REGION, ROLE, Fleet, World, config, fleet, model, one, serverless, unwatched, variant

LIST_ABOVE = ("mmeplan.live.observing.LIST_ABOVE", "mmeplan.apply.verifying.LIST_ABOVE")
SMALL = {**one({"a": variant(), "b": variant()}), "retain": 0}
LARGE = {**one({"a": variant(instance_type="ml.m5.xlarge"), "b": variant()}), "retain": 0}
GONE = fleet(models={})


@pytest.fixture
def world() -> Iterator[World]:
    with World() as made:
        yield made


class Reading:
    """A cloud whose reads pass through `hand(operation, request, call)`, which answers them."""

    def __init__(self, cloud: Any, hand: Callable[[str, Mapping[str, Any], Callable[[], Answer]], Answer]) -> None:
        self.cloud = cloud
        self.hand = hand

    def read(self, operation: str, params: Mapping[str, Any]) -> Answer:
        return self.hand(operation, params, lambda: self.cloud.read(operation, params))

    def gather(self, calls: Sequence[tuple[str, Mapping[str, Any]]], progress: Any = None) -> list[Answer | Exception]:
        answers: list[Answer | Exception] = []
        for operation, params in calls:
            try:
                answers.append(self.read(operation, params))
            except CloudError as error:
                answers.append(error)
        return answers

    def write(self, operation: str, params: Mapping[str, Any]) -> Answer:
        return self.cloud.write(operation, params)


def refused(world: World, *matches: tuple[str, str], code: str = "AccessDeniedException", message: str = "no") -> None:
    """From now on, reads of these operations whose request has this text in it are refused."""

    def hand(operation: str, params: Mapping[str, Any], call: Callable[[], Answer]) -> Answer:
        if any(operation == name and text in str(params) for name, text in matches):
            raise CloudError(operation, code, message)
        return call()

    world.cloud = Reading(world.cloud, hand)  # type: ignore[assignment]
    world.engine = Engine(world.cloud, world.cloud, world.sim.clock, REGION)


def seen(world: World, text: Fleet) -> Snapshot:
    return world.observe(world.compile(text))


def deletes(made: Plan) -> list[str]:
    return [step.operation for step in made.steps if step.operation.startswith("Delete")]


# --- a fleet that is listed is planned like one that is described -----------------------------------------------------


@contextmanager
def listed(always: bool) -> Iterator[None]:
    """Whether all that is observed is listed, however little it is, or nothing, however much."""
    with pytest.MonkeyPatch.context() as patch:
        for place in LIST_ABOVE:
            patch.setattr(place, 0 if always else 10**9)
        yield


def planned(world: World, text: Fleet, **options: Any) -> Plan:
    """The plan; it is the same whether the world is listed or described, and so is the report of drift."""
    made: list[Any] = []
    for always in (False, True):
        with listed(always):
            document = world.plan(text, **options)
            report = drift_report(world.compile(text), seen(world, text))
            made.append((_content(document), report, document))
    assert made[0][0] == made[1][0]
    assert made[0][1] == made[1][1]
    return made[1][2]  # type: ignore[no-any-return]


def _content(made: Plan) -> dict[str, Any]:
    """The plan's document without the digest of the answers that it was made from."""
    document = encode(made)
    del document["plan_id"], document["seal"], document["snapshot"]["digest"]
    return document


def lived(world: World, text: Fleet, **options: Any) -> Plan:
    made = planned(world, text, **options)
    if made.steps:
        with listed(True):
            world.apply(made)
    return made


def nothing(_world: World) -> None:
    return


def by_hand(operation: str, **params: Any) -> Callable[[World], None]:
    def hand(world: World) -> None:
        with unwatched(world):
            world.does(operation, **{key: value(world) if callable(value) else value for key, value in params.items()})
            world.sim.clock.sleep(900)

    return hand


def in_force(world: World) -> str:
    return str(world.endpoint()["EndpointConfigName"])


def first_model(world: World) -> str:
    return world.names("model")[0]


def arn_of(kind: str, name: Callable[[World], str]) -> Callable[[World], str]:
    word = {"model": "Model", "endpoint-config": "EndpointConfig"}[kind]
    return lambda world: str(world.does(f"Describe{word}", **{f"{word}Name": name(world)})[f"{word}Arn"])


def their_config(world: World) -> None:
    main = {"VariantName": "a", "ModelName": first_model(world), "InstanceType": "ml.c5.large"}
    variants = [{**main, "InitialInstanceCount": 1}]
    world.does("CreateEndpointConfig", EndpointConfigName="theirs", ProductionVariants=variants)
    by_hand("UpdateEndpoint", EndpointName="ranker", EndpointConfigName="theirs")(world)


def their_count(world: World) -> None:
    desired = [{"VariantName": "a", "DesiredInstanceCount": 5}]
    by_hand("UpdateEndpointWeightsAndCapacities", EndpointName="ranker", DesiredWeightsAndCapacities=desired)(world)


def their_endpoint(world: World) -> None:
    world.foreign_endpoint("theirs", config_name=in_force(world))


def fails(world: World) -> None:
    world.sim.faults.fail_update("ranker", "no capacity")


CONTAINER = model(environment={"A": "1"})["primary_container"]
PIPELINE = {"execution_role_arn": ROLE, "containers": [CONTAINER, CONTAINER]}
AUTOSCALED, LARGER_AUTOSCALED = (
    one({"a": variant(instance_type=f"ml.m5.{size}", capacity="autoscaled")}) for size in ("large", "xlarge")
)
RENAMED = fleet({"scorer": {**SMALL["endpoints"]["ranker"], "renamed_from": "ranker"}}, retain=0)
SITUATIONS: dict[str, tuple[list[Fleet], Callable[[World], None], list[Fleet]]] = {
    "nothing changes": ([SMALL], nothing, [SMALL]),
    "an instance type": ([SMALL], nothing, [LARGE, SMALL]),
    "an instance type, with generations kept": (
        [{**SMALL, "retain": 2}],
        nothing,
        [{**LARGE, "retain": 2}, {**SMALL, "retain": 2}],
    ),
    "a count": ([SMALL], nothing, [one({"a": variant(count=4), "b": variant()})]),
    "a model": (
        [SMALL],
        nothing,
        [{**SMALL, "models": {"ranker": model("2")}}, {**SMALL, "models": {"ranker": model("3")}}],
    ),
    "a salt": ([SMALL], nothing, [{**SMALL, "models": {"ranker": model(replace_salt="x")}}]),
    "tags": ([SMALL], nothing, [{**SMALL, "defaults": {"tags": {"team": "a"}}}, SMALL]),
    "another hosting": ([SMALL], nothing, [one({"main": serverless()})]),
    "an autoscaler's variant": ([AUTOSCALED], their_count, [LARGER_AUTOSCALED]),
    "a pipeline": ([{**SMALL, "models": {"ranker": PIPELINE}}], nothing, [SMALL]),
    "everything goes": ([{**SMALL, "retain": 2}, {**LARGE, "retain": 2}], nothing, [GONE]),
    "somebody else's endpoint": ([SMALL], their_endpoint, [LARGE, GONE]),
    "somebody else's config": ([SMALL], their_config, [SMALL, LARGE]),
    "somebody else's count": ([SMALL], their_count, [SMALL, LARGE]),
    "a lost model": ([SMALL], by_hand("DeleteModel", ModelName=first_model), [SMALL, LARGE]),
    "a lost config": ([SMALL], by_hand("DeleteEndpointConfig", EndpointConfigName=in_force), [SMALL, LARGE]),
    "an update that fails": ([SMALL], fails, [LARGE, SMALL]),
    "a model without its digest": (
        [SMALL],
        by_hand("DeleteTags", ResourceArn=arn_of("model", first_model), TagKeys=["mmeplan:digest"]),
        [SMALL, LARGE],
    ),
    "a config without its owner": (
        [SMALL],
        by_hand("DeleteTags", ResourceArn=arn_of("endpoint-config", in_force), TagKeys=["mmeplan:fleet"]),
        [SMALL, LARGE],
    ),
    "a renamed endpoint": ([SMALL], nothing, [RENAMED]),
    "a model that is retained": ([fleet({}, models={"ranker": model(on_remove="retain")})], nothing, [GONE]),
    "an endpoint that is gone": ([SMALL], by_hand("DeleteEndpoint", EndpointName="ranker"), [SMALL, GONE]),
}


@pytest.mark.parametrize("situation", SITUATIONS)
def test_a_listed_fleet_is_planned_and_applied_like_a_described_one(world: World, situation: str) -> None:
    before, hand, after = SITUATIONS[situation]
    for text in before:
        lived(world, text)
    hand(world)
    for text in after:
        lived(world, text, allow_outage=everywhere(text) if text["endpoints"] else ())
    assert not planned(world, after[-1]).steps


@settings(ROBUST, max_examples=4)
@given(lives(edits=2))
def test_a_listed_fleet_lives_like_a_described_one(life: list[Fleet]) -> None:
    with World() as world:
        for text in life:
            lived(world, text, allow_outage=everywhere(text))
            assert not planned(world, text).has_changes


# --- reads that fail --------------------------------------------------------------------------------------------------

NOT_THERE = {"code": "ValidationException", "message": 'Could not find endpoint configuration "x".'}


def test_one_object_whose_tags_are_denied_hides_what_else_is_owned_and_so_nothing_is_deleted(world: World) -> None:
    world.live_through(SMALL)
    refused(world, ("GetResources", ""), ("ListTags", f"model/{first_model(world)}"))
    made = world.plan(GONE)
    assert deletes(made) == []
    assert (made.complete, made.errored) == (False, True)
    (finding,) = [found for found in made.findings if found.rule == "GATE-07"]
    assert "tag:GetResources" in finding.message
    assert "sagemaker:ListTags" in finding.message


def test_an_object_that_goes_between_its_listing_and_its_tags_hides_nothing(world: World) -> None:
    world.live_through(SMALL)
    world.foreign_endpoint("theirs")
    everything = sorted(deletes(world.plan(GONE)))
    by_index, denied = ("GetResources", ""), ("ListTags", "endpoint-config/theirs")
    refused(world, by_index)
    refused(world, denied, **NOT_THERE)
    made = world.plan(GONE)
    assert sorted(deletes(made)) == everything != []
    assert made.complete
    assert not made.errored


@pytest.mark.parametrize("code", ["ThrottlingException", "InternalFailure", "AccessDeniedException"])
def test_an_endpoint_that_can_not_be_described_is_said_and_nothing_is_deleted(world: World, code: str) -> None:
    world.live_through(SMALL)
    refused(world, ("DescribeEndpoint", "ranker"), code=code)
    made = world.plan(GONE)
    assert deletes(made) == []
    assert not made.applyable
    assert [found.address for found in made.findings if found.rule == "GATE-06"] == ["endpoint/ranker"]


def test_credentials_that_run_out_on_the_way_are_said_and_no_permission_is_missed(world: World) -> None:
    world.live_through(SMALL)
    refused(world, ("DescribeEndpoint", "ranker"), code="ExpiredTokenException")
    (finding,) = [found for found in world.plan(LARGE).findings if found.rule == "GATE-06"]
    assert "the credentials are not valid, or not any more (ExpiredTokenException)" in finding.message
    assert "lacks" not in finding.message


def test_what_else_carries_the_fleets_tag_is_no_object_of_a_fleet(world: World) -> None:
    world.live_through(SMALL)
    wanted = _content(world.plan(GONE))
    name = first_model(world)

    def hand(operation: str, _params: Mapping[str, Any], call: Callable[[], Answer]) -> Answer:
        answer = call()
        if operation == "GetResources":
            arns = [f"arn:aws:sagemaker:eu-west-1:123456789012:notebook-instance/{name}", "arn:aws:s3:::bucket"]
            answer["ResourceTagMappingList"] += [{"ResourceARN": arn, "Tags": []} for arn in arns]
        return answer

    world.cloud = Reading(world.cloud, hand)  # type: ignore[assignment]
    world.engine = Engine(world.cloud, world.cloud, world.sim.clock, REGION)
    assert _content(world.plan(GONE)) == wanted


@pytest.mark.parametrize("operation", ["ListModels", "ListEndpointConfigs", "ListEndpoints"])
def test_where_listing_is_denied_everything_is_described(world: World, operation: str) -> None:
    world.live_through(SMALL)
    wanted = _content(world.plan(LARGE))
    with listed(True):
        refused(world, (operation, ""))
        assert _content(world.plan(LARGE)) == wanted


# --- who else uses what would be deleted ------------------------------------------------------------------------------

OTHER_MODEL = {**LARGE, "models": {"ranker": model("2")}}


def kept(made: Plan) -> set[str]:
    return {str(found.live_name) for found in made.changes if found.reason == "in_use"}


def test_where_other_endpoints_can_not_be_listed_the_deletions_are_planned_and_the_apply_keeps_them(
    world: World,
) -> None:
    world.live_through(SMALL)
    old = {in_force(world), first_model(world)}
    their_endpoint(world)
    cloud = world.cloud
    refused(world, ("ListEndpoints", ""))
    made = world.plan(OTHER_MODEL)
    assert {
        step.params.get("EndpointConfigName") or step.params.get("ModelName")
        for step in made.steps
        if step.operation.startswith("Delete")
    } == old
    world.cloud = cloud
    world.engine = Engine(cloud, cloud, world.sim.clock, REGION)
    assert {result.step.split("@")[1] for result in world.apply(made).kept} == old


def test_an_endpoint_that_can_not_be_described_is_left_out_and_the_others_count(world: World) -> None:
    world.live_through(SMALL)
    old_config = in_force(world)
    their_endpoint(world)
    world.foreign_endpoint("another")
    refused(world, ("DescribeEndpoint", "another"))
    assert kept(world.plan(OTHER_MODEL)) == {old_config}


def test_a_config_that_another_endpoint_is_moving_to_is_in_use(world: World) -> None:
    world.live_through(SMALL)
    old_config = in_force(world)
    world.foreign_endpoint("theirs")
    with unwatched(world):
        world.does("UpdateEndpoint", EndpointName="theirs", EndpointConfigName=old_config)
    made = world.plan(OTHER_MODEL)
    assert kept(made) == {old_config}
    assert deletes(made) == []  # a model goes only with its config


def test_a_config_of_others_that_is_gone_may_refer_to_any_model(world: World) -> None:
    world.live_through(SMALL)
    old_config, old_model = in_force(world), first_model(world)
    world.foreign_endpoint("theirs")
    by_hand("DeleteEndpointConfig", EndpointConfigName="theirs")(world)
    made = world.plan(OTHER_MODEL)
    assert kept(made) == {old_model}
    assert [step.params for step in made.steps if step.operation.startswith("Delete")] == [
        {"EndpointConfigName": old_config}
    ]


def test_the_fleets_own_endpoint_is_no_other_whatever_the_case_of_its_name(world: World) -> None:
    world.live_through(fleet({"Ranker": SMALL["endpoints"]["ranker"]}, retain=0))
    larger = fleet({"Ranker": LARGE["endpoints"]["ranker"]}, models={"ranker": model("2")}, retain=0)
    made = world.plan(larger)
    assert kept(made) == set()
    assert sorted(deletes(made)) == ["DeleteEndpointConfig", "DeleteModel"]


@pytest.mark.parametrize("stands_in", [False, True])
def test_only_a_config_that_stands_in_for_another_may_refer_to_any_model(world: World, stands_in: bool) -> None:
    def pair(version: str, size: str) -> Fleet:
        endpoints = {n: {"config": config(main=variant(n, f"ml.m5.{size}"))} for n in "xy"}
        return fleet(endpoints, models={n: model(version) for n in "xy"}, retain=0)

    world.live_through(pair("1", "large"))
    used = str(world.endpoint("x")["EndpointConfigName"])
    (other,) = (name for name in world.names("model") if name.startswith("y-"))
    world.foreign_endpoint("theirs", config_name=used)
    if stands_in:
        arn = arn_of("endpoint-config", lambda _world: used)(world)
        by_hand("AddTags", ResourceArn=arn, Tags=[{"Key": "mmeplan:stand-in", "Value": "z"}])(world)
    made = world.plan(pair("2", "xlarge"))
    gone = {step.params["ModelName"] for step in made.steps if step.operation == "DeleteModel"}
    assert used in kept(made)
    assert gone == (set() if stands_in else {other})


def test_where_nothing_would_be_deleted_nobody_else_is_looked_at(world: World) -> None:
    world.live_through(SMALL)
    world.foreign_endpoint("theirs")
    asked: list[str] = []

    def hand(operation: str, params: Mapping[str, Any], call: Callable[[], Answer]) -> Answer:
        asked.append(f"{operation} {params.get('EndpointName', '')}".strip())
        return call()

    world.cloud = Reading(world.cloud, hand)  # type: ignore[assignment]
    world.engine = Engine(world.cloud, world.cloud, world.sim.clock, REGION)
    assert world.plan({**LARGE, "retain": 1}).steps
    assert asked.count("ListEndpoints") + asked.count("DescribeEndpoint theirs") == 0
    assert deletes(world.plan(LARGE))
    assert (asked.count("ListEndpoints"), asked.count("DescribeEndpoint theirs")) == (1, 1)


# --- tags on more than one page ---------------------------------------------------------------------------------------


def one_tag_a_page(world: World) -> None:
    """From now on the tag index is denied, and every page of ListTags has one tag."""

    def hand(operation: str, params: Mapping[str, Any], call: Callable[[], Answer]) -> Answer:
        if operation == "GetResources":
            raise CloudError(operation, "AccessDeniedException", "no")
        if operation != "ListTags":
            return call()
        answer = call()
        whole = {tag["Key"]: tag for tag in answer["Tags"]}
        rest = [tag for key, tag in whole.items() if key > params.get("NextToken", "")]
        return {"Tags": rest[:1], **({"NextToken": rest[0]["Key"]} if len(rest) > 1 else {})}

    world.cloud = Reading(world.cloud, hand)  # type: ignore[assignment]
    world.engine = Engine(world.cloud, world.cloud, world.sim.clock, REGION)


TAGGED = {**SMALL, "defaults": {"tags": {"team": "a", "zone": "b"}}}


@pytest.mark.parametrize("text", [TAGGED, {**LARGE, "defaults": {"tags": {"team": "b"}}}, GONE])
def test_tags_on_many_pages_are_planned_like_those_on_the_first(world: World, text: Fleet) -> None:
    world.live_through(TAGGED)
    world.foreign_endpoint("theirs")
    wanted = world.plan(text)
    one_tag_a_page(world)
    made = world.plan(text)
    assert (made.changes, made.steps, made.drift) == (wanted.changes, wanted.steps, wanted.drift)
    assert (made.complete, made.errored) == (True, False)
    if made.steps:
        assert world.apply(made).complete


def test_a_second_page_that_is_denied_is_said(world: World) -> None:
    world.live_through(TAGGED)
    one_tag_a_page(world)
    refused(world, ("ListTags", "NextToken"))
    made = world.plan(GONE)
    assert deletes(made) == []
    assert "sagemaker:ListTags" in next(found.message for found in made.findings if found.rule == "GATE-07")


def test_an_endpoint_is_selected_by_a_tag_on_its_second_page(world: World) -> None:
    world.live_through(TAGGED)
    one_tag_a_page(world)
    assert select(world.cloud, Selection(tags=(("zone", "b"),))) == ["ranker"]
    assert select(world.cloud, Selection(tags=(("zone", "c"),))) == []
    refused(world, ("ListTags", "NextToken"))
    assert select(world.cloud, Selection(tags=(("zone", "b"),))) == []
