"""import: whatever is live becomes a fleet file that loads, and whose plan does nothing but adopt.

The live states are drawn at random and made through the API by somebody who has never heard of mmeplan.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from hypothesis import Phase, given, note, settings
from hypothesis import strategies as st

from mmeplan import apply, graph, importing, live, plan, rules
from mmeplan.identity import FLEET_TAG
from mmeplan.importing import Imported, Selection
from mmeplan.importing.drafting import Draft, yaml_text
from mmeplan.live import ReadOnly
from mmeplan.plan import Plan
from mmeplan.spec import load_text
from tests.properties.hosting import valid_fleets
from tests.simulation.test_whole_lives import ROBUST
from tests.simulation.world import IMAGE, REGION, ROLE, World, unwatched

HOSTILE = (
    *("{{ 7 * 7 }}", "a {{ region }} b", "{{", "}}", "{%raw%}{{", "{# {{ #}", "{{{", "${HOME}", "{{ 'x' }}\\", "'{{'"),
    *("no", "on", "~", "null", "012", "1e3", "0x1F", "22:22", "1.10", ".inf", "true", "=", "<<", "", " ", "\t", "- a"),
    *("a: b", "# no comment", "a #b", "@x", "`x`", "%TAG", "!!python/object:os.system", "&a", "*a", "|", ">", "---"),
    *("line\nline", "\n", "\n\n  x", "x\n", "x \ny", "  x\n y", "tab\tin\nlines", "\r\n", "\x85", "\u2028", "\ufeff"),
    *(
        "\x07",
        "\x1b[31m",
        "ü ß 漢字 😀",
        '"quoted"',
        "back\\slash",
        "\\n",
        "{{\n}}",
        "{{\r",
        "'" * 3,
        "x" * 500,
        "{{" * 300,
    ),
)
TEXTS = st.sampled_from(HOSTILE) | st.text(st.characters(exclude_categories=("Cs",)), max_size=40)


@pytest.fixture
def world() -> Iterator[World]:
    with World() as made:
        yield made


# --- a life before mmeplan --------------------------------------------------------------------------------------------


def make_model(world: World, name: str, **more: Any) -> None:
    container = {"Image": IMAGE + "1", **more.pop("container", {})}
    world.does("CreateModel", **{"ModelName": name, "ExecutionRoleArn": ROLE, "PrimaryContainer": container, **more})


def make_config(world: World, name: str, *variants: dict[str, Any], **more: Any) -> None:
    made = [{"VariantName": "main", "InstanceType": "ml.m5.large", "InitialInstanceCount": 2, **v} for v in variants]
    made = [_serverless(v) if "ServerlessConfig" in v else v for v in made]
    world.does("CreateEndpointConfig", EndpointConfigName=name, ProductionVariants=made, **more)


def _serverless(variant: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in variant.items() if key not in ("InstanceType", "InitialInstanceCount")}


def make_endpoint(world: World, name: str, config: str, **more: Any) -> None:
    world.does("CreateEndpoint", EndpointName=name, EndpointConfigName=config, **more)
    world.sim.clock.sleep(1200)


def ordinary(world: World) -> None:
    make_model(world, "ranker")
    make_config(world, "ranker-2024", {"ModelName": "ranker"})
    make_endpoint(world, "search", "ranker-2024")


def imported(world: World, *names: str, fleet: str = "f") -> Imported:
    reader = ReadOnly(world.cloud)
    selection = Selection(names, () if names else ("*",))
    chosen = importing.select(reader, selection)
    snapshot = live.observe_running(reader, fleet, chosen, world.sim.clock.now(), REGION)
    variants = [
        (endpoint.name, summary["VariantName"])
        for endpoint in snapshot.present("endpoint")
        for summary in endpoint.describe.get("ProductionVariants") or ()
    ]
    return importing.import_fleet(snapshot, chosen, fleet, importing.scalable_targets(reader, variants))


def plan_of(world: World, text: str) -> Plan:
    fleet = load_text(text.encode())
    compiled = graph.compile(fleet)
    findings = rules.check(fleet, compiled)
    snapshot = live.observe(world.cloud, compiled, world.sim.clock.now(), REGION)
    return plan.build(compiled, snapshot, created_at="", findings=tuple(findings))


def adopts_and_settles(world: World, made: Imported) -> Plan:
    """The invariant: the file loads, no rule refuses it, its plan only adopts, and the next plan is empty."""
    assert made.unproved == ()
    first = plan_of(world, made.text)
    assert [finding for finding in first.findings if finding.severity == "error"] == []
    assert {action for change in first.changes for action in change.actions} <= {"no-op", "adopt"}
    assert first.summary.worst_effect == "none"
    assert {step.operation for step in first.steps} <= {"AddTags", "DeleteTags"}
    assert not first.drift
    if first.steps:
        outcome = apply.run(first, world.cloud, world.cloud, world.sim.clock, lambda _: None)
        assert outcome.complete, outcome
    second = plan_of(world, made.text)
    assert second.steps == ()
    assert not second.has_changes
    return first


# --- what is kept -----------------------------------------------------------------------------------------------------


def entries(made: Imported) -> dict[str, Any]:
    return dict(yaml.safe_load(made.text))


def test_an_ordinary_endpoint_is_taken_over_with_pinned_names_and_logical_references(world: World) -> None:
    ordinary(world)
    made = imported(world)
    assert entries(made)["endpoints"]["search"]["config"] == {
        "name": "ranker-2024",
        "adopt": True,
        "production_variants": {
            "main": {"model": "ranker", "initial_instance_count": 2, "instance_type": "ml.m5.large"}
        },
    }
    assert entries(made)["models"]["ranker"]["name"] == "ranker"
    assert (made.endpoints, made.configs, made.models, made.skipped, made.notes) == (("search",), 1, 1, (), ())
    assert len(adopts_and_settles(world, made).steps) == 4  # three objects, and the digest of the endpoint last


def test_what_is_shared_stays_shared(world: World) -> None:
    make_model(world, "ranker")
    make_config(world, "shared", {"ModelName": "ranker"}, {"VariantName": "b", "ModelName": "ranker"})
    make_config(world, "own", {"ModelName": "ranker"})
    for name in ("eu", "us"):
        make_endpoint(world, name, "shared")
    make_endpoint(world, "shared", "own")  # whose inline config would be endpoint_config/shared
    made = imported(world)
    assert len(entries(made)["models"]) == 1
    assert list(entries(made)["endpoint_configs"]) == ["shared-shared"]
    assert entries(made)["endpoints"]["eu"]["config"] == entries(made)["endpoints"]["us"]["config"] == "shared-shared"
    adopts_and_settles(world, made)


@pytest.mark.parametrize("shared", [True, False])
def test_counts_and_weights_are_those_that_are_live(world: World, shared: bool) -> None:
    ordinary(world)
    if shared:
        make_endpoint(world, "other", "ranker-2024")
    scale = {
        "EndpointName": "search",
        "DesiredWeightsAndCapacities": [{"VariantName": "main", "DesiredInstanceCount": 5}],
    }
    world.does("UpdateEndpointWeightsAndCapacities", **scale)
    world.sim.clock.sleep(1200)
    made = imported(world)
    search = entries(made)["endpoints"]["search"]["config"]
    assert search["production_variants"]["main"]["initial_instance_count"] == 5
    assert "name" not in search
    assert "Scaled in place since ranker-2024 was made" in made.text
    assert any("ranker-2024 is not adopted" in one for one in made.notes) != shared  # `other` adopts it
    adopts_and_settles(world, made)


def test_a_count_that_an_autoscaler_owns_is_recognised(world: World) -> None:
    ordinary(world)
    target = {"ServiceNamespace": "sagemaker", "ResourceId": "endpoint/search/variant/main"}
    dimension = {"ScalableDimension": "sagemaker:variant:DesiredInstanceCount"}
    client = world.cloud._session.client("application-autoscaling")
    client.meta.events.register("before-send.*", world.sim.before_send)
    client.register_scalable_target(**target, **dimension, MinCapacity=3, MaxCapacity=8)
    world.sim.clock.sleep(1200)
    made = imported(world)
    assert world.endpoint("search")["ProductionVariants"][0]["DesiredInstanceCount"] == 3
    assert entries(made)["endpoints"]["search"]["config"]["production_variants"]["main"]["capacity"] == "autoscaled"
    assert "main: 3 to 8 instances, by Application Auto Scaling" in made.text
    adopts_and_settles(world, made)


def test_provisioned_concurrency_that_an_autoscaler_owns_is_recognised(world: World) -> None:
    make_model(world, "ranker")
    config = {"MemorySizeInMB": 2048, "MaxConcurrency": 20, "ProvisionedConcurrency": 2}
    make_config(world, "warm", {"ModelName": "ranker", "ServerlessConfig": config})
    make_endpoint(world, "search", "warm")
    client = world.cloud._session.client("application-autoscaling")
    client.meta.events.register("before-send.*", world.sim.before_send)
    client.register_scalable_target(
        ServiceNamespace="sagemaker",
        ResourceId="endpoint/search/variant/main",
        ScalableDimension="sagemaker:variant:DesiredProvisionedConcurrency",
        MinCapacity=1,
        MaxCapacity=8,
    )
    desired = [{"VariantName": "main", "ServerlessUpdateConfig": {"ProvisionedConcurrency": 7}}]
    world.does("UpdateEndpointWeightsAndCapacities", EndpointName="search", DesiredWeightsAndCapacities=desired)
    world.sim.clock.sleep(1200)
    made = imported(world)
    main = entries(made)["endpoints"]["search"]["config"]["production_variants"]["main"]
    assert main["capacity"] == "autoscaled"
    assert main["serverless_config"]["provisioned_concurrency"] == 2
    assert "main: 1 to 8 of provisioned concurrency, by Application Auto Scaling" in made.text
    adopts_and_settles(world, made)


def test_tags_and_the_deployment_config_are_kept(world: World) -> None:
    make_model(world, "ranker", Tags=[{"Key": "team", "Value": "no"}])
    make_config(world, "c", {"ModelName": "ranker"}, {"VariantName": "b", "ModelName": "ranker"})
    make_config(world, "c2", {"ModelName": "ranker"}, {"VariantName": "b", "ModelName": "ranker"}, Tags=[])
    make_endpoint(world, "search", "c", Tags=[{"Key": "owner", "Value": "a b"}, {"Key": "empty", "Value": ""}])
    routing = {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 300}
    policy = {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": routing, "TerminationWaitInSeconds": 60}}
    world.does("UpdateEndpoint", EndpointName="search", EndpointConfigName="c2", DeploymentConfig=policy)
    world.sim.clock.sleep(3600)
    made = imported(world)
    search = entries(made)["endpoints"]["search"]
    assert search["tags"] == {"owner": "a b", "empty": ""}
    assert search["deployment_config"]["blue_green_update_policy"]["termination_wait_in_seconds"] == 60
    assert entries(made)["models"]["ranker"]["tags"] == {"team": "no"}
    adopts_and_settles(world, made)
    assert {key: value for key, value in world.tags("endpoint", "search").items() if "mmeplan" not in key} == search[
        "tags"
    ]


# --- what can't be taken over is named --------------------------------------------------------------------------------


def test_what_cannot_be_taken_over_is_named_and_the_rest_is_imported(world: World) -> None:
    ordinary(world)
    world.sim.faults.fail_create("broken", "no /ping")
    make_endpoint(world, "broken", "ranker-2024")
    make_endpoint(world, "theirs", "ranker-2024", Tags=[{"Key": FLEET_TAG, "Value": "another"}])
    world.does("CreateEndpoint", EndpointName="young", EndpointConfigName="ranker-2024")
    made = imported(world, "search", "broken", "theirs", "young", "missing")
    assert {one.name: one.why for one in made.skipped} == {
        "broken": "it is Failed: no /ping",
        "missing": f"there is no endpoint of that name in {REGION} of the account 123456789012",
        "theirs": "it belongs to the fleet 'another' already; --fleet another writes that one's file",
        "young": "it is Creating; import it when that is over",
    }
    assert made.endpoints == ("search",)


def test_a_config_or_model_that_is_gone_or_another_fleets_is_referred_to(world: World) -> None:
    make_model(world, "gone")
    make_model(world, "theirs", Tags=[{"Key": FLEET_TAG, "Value": "another"}])
    make_config(world, "c", {"ModelName": "gone"}, {"VariantName": "b", "ModelName": "theirs"})
    make_config(world, "lost", {"ModelName": "theirs"})
    make_config(world, "not-ours", {"ModelName": "theirs"}, Tags=[{"Key": FLEET_TAG, "Value": "another"}])
    for name, config in (("search", "c"), ("orphan", "lost"), ("guest", "not-ours")):
        make_endpoint(world, name, config)
    with unwatched(world):
        world.does("DeleteModel", ModelName="gone")
        world.does("DeleteEndpointConfig", EndpointConfigName="lost")
    made = imported(world)
    variants = entries(made)["endpoints"]["search"]["config"]["production_variants"]
    assert (variants["main"]["model_name"], variants["b"]["model_name"]) == ("gone", "theirs")
    assert [(one.name, "its config lost is gone" in one.why) for one in made.skipped] == [("orphan", True)]
    assert "name" not in entries(made)["endpoints"]["guest"]["config"]
    assert any("model gone" in one and "it is gone" in one for one in made.notes)
    assert any("model theirs" in one and "belongs to the fleet 'another'" in one for one in made.notes)
    adopts_and_settles(world, made)


def test_a_second_import_into_the_same_fleet_keeps_the_addresses(world: World) -> None:
    ordinary(world)
    adopts_and_settles(world, imported(world))
    again = imported(world)
    assert adopts_and_settles(world, again).steps == ()


def test_names_globs_and_tags_choose(world: World) -> None:
    ordinary(world)
    make_endpoint(world, "search-eu", "ranker-2024", Tags=[{"Key": "team", "Value": "ads"}])
    reader = ReadOnly(world.cloud)

    def chosen(*names: str, globs: tuple[str, ...] = (), tags: tuple[tuple[str, str | None], ...] = ()) -> list[str]:
        selection = Selection(names, globs, tags)
        found = importing.select(reader, selection)
        snapshot = live.observe_running(reader, "f", ["search", "search-eu"], world.sim.clock.now(), REGION)
        assert importing.select_from(snapshot, selection) == found
        return found

    assert chosen(globs=("*",)) == ["search", "search-eu"]
    assert chosen(globs=("*-eu", "x*")) == ["search-eu"]
    assert chosen(tags=(("team", None),)) == chosen(tags=(("team", "ads"),)) == ["search-eu"]
    assert chosen(tags=(("team", "x"),)) == chosen(globs=("sea",)) == []
    assert chosen("search", globs=("*-eu",)) == ["search", "search-eu"]


# --- the text ---------------------------------------------------------------------------------------------------------


def one_text(value: str) -> str:
    """A file with the text in an environment, a tag, and an S3 place."""
    from mmeplan.importing.drafting import literal

    container = {"image": "x", "environment": {"KEY": literal(value)}, "model_data_url": literal(value)}
    made = Draft("f", "123456789012", REGION, "2026-01-01")
    made.models = {"m": {"primary_container": container, "tags": {"no": literal(value)}}}
    made.comments = {("models", "m"): [f"comment {value}"]}
    return yaml_text(made)


def check_text(value: str) -> None:
    text = one_text(value)
    entry = load_text(text.encode()).models["m"]
    assert entry.request["PrimaryContainer"]["Environment"]["KEY"] == value
    assert entry.request["PrimaryContainer"].get("ModelDataUrl") == value
    assert entry.tags == {"no": value}


@pytest.mark.parametrize("value", HOSTILE)
def test_a_hostile_text_is_read_back_as_it_is(value: str) -> None:
    check_text(value)


@settings(ROBUST, max_examples=400)
@given(TEXTS)
def test_any_text_is_read_back_as_it_is(value: str) -> None:
    check_text(value)


# --- any live state ---------------------------------------------------------------------------------------------------

WEIGHTS = st.sampled_from((None, 0.0, 0.1, 1.0, 2.5, 1 / 3))
ENVIRONMENT = st.dictionaries(
    st.sampled_from(("A", "B", "no", "_x")), TEXTS.filter(lambda text: "\0" not in text), max_size=3
)
TAGS = st.dictionaries(
    st.sampled_from(("team", "no", "a:b", "x/y", "012")), st.sampled_from(("", "1", "no", "a b")), max_size=3
)


def _tags(draw: Any) -> dict[str, Any]:
    return {"Tags": [{"Key": key, "Value": value} for key, value in draw(TAGS).items()]}


def _draw_model(draw: Any, world: World, name: str) -> None:
    container: dict[str, Any] = {"Environment": draw(ENVIRONMENT)}
    if draw(st.booleans()):
        container["ModelDataUrl"] = f"s3://acme/{name}/{{{{ x }}}}.tar.gz"
    more: dict[str, Any] = _tags(draw)
    kind = draw(st.sampled_from(("single", "multi", "pipeline", "vpc")))
    if kind == "multi":
        container |= {"Mode": "MultiModel", "ModelDataUrl": "s3://acme/many/"}
        container["MultiModelConfig"] = {"ModelCacheSetting": draw(st.sampled_from(("Enabled", "Disabled")))}
    if kind == "vpc":
        more |= {"VpcConfig": {"Subnets": ["subnet-1", "subnet-0"], "SecurityGroupIds": ["sg-1"]}}
        more["EnableNetworkIsolation"] = draw(st.booleans())
    if kind == "pipeline":
        both = [{"Image": IMAGE + str(number), "Environment": draw(ENVIRONMENT)} for number in (1, 2)]
        world.does("CreateModel", ModelName=name, ExecutionRoleArn=ROLE, Containers=both, **more)
        return
    make_model(world, name, container=container, **more)


def _draw_variant(draw: Any, name: str, models: list[str]) -> dict[str, Any]:
    weight = draw(WEIGHTS)
    variant: dict[str, Any] = {"VariantName": name, "ModelName": draw(st.sampled_from(models))}
    variant["InitialInstanceCount"] = draw(st.integers(1, 3))
    if weight is not None:
        variant["InitialVariantWeight"] = weight
    if draw(st.booleans()):
        variant["VolumeSizeInGB"] = draw(st.integers(1, 100))
    return variant


def _draw_config(draw: Any, world: World, name: str, models: list[str]) -> None:
    variants = [_draw_variant(draw, v, models) for v in draw(st.sampled_from((["main"], ["main", "012"], ["b", "no"])))]
    if all(variant.get("InitialVariantWeight") == 0.0 for variant in variants):
        variants[0]["InitialVariantWeight"] = 1.0
    more: dict[str, Any] = _tags(draw)
    if draw(st.booleans()):
        capture = {
            "InitialSamplingPercentage": 20,
            "DestinationS3Uri": "s3://acme/capture",
            "EnableCapture": draw(st.booleans()),
        }
        more["DataCaptureConfig"] = {**capture, "CaptureOptions": [{"CaptureMode": "Output"}, {"CaptureMode": "Input"}]}
    make_config(world, name, *variants, **more)


def _meddle(draw: Any, world: World, name: str) -> None:
    act = draw(st.sampled_from(("nothing", "nothing", "count", "weight", "autoscale", "tag")))
    described = world.endpoint(name)
    first = described["ProductionVariants"][0]["VariantName"]
    if act in ("count", "weight"):
        member = {"count": {"DesiredInstanceCount": 4}, "weight": {"DesiredWeight": 0.3}}[act]
        desired = [{"VariantName": first, **member}]
        world.does("UpdateEndpointWeightsAndCapacities", EndpointName=name, DesiredWeightsAndCapacities=desired)
        world.sim.clock.sleep(1200)
    elif act == "autoscale":
        client = world.cloud._session.client("application-autoscaling")
        client.meta.events.register("before-send.*", world.sim.before_send)
        place = {"ServiceNamespace": "sagemaker", "ResourceId": f"endpoint/{name}/variant/{first}"}
        dimension = "sagemaker:variant:DesiredInstanceCount"
        client.register_scalable_target(**place, ScalableDimension=dimension, MinCapacity=4, MaxCapacity=6)
        world.sim.clock.sleep(1200)
    elif act == "tag":
        tag = {"Key": FLEET_TAG, "Value": "another"}
        world.does("AddTags", ResourceArn=described["EndpointArn"], Tags=[tag])


@settings(ROBUST, max_examples=60)
@given(st.data())
def test_any_live_state_is_imported_and_its_plan_only_adopts(data: Any) -> None:
    draw = data.draw
    with World() as world:
        models = [f"m{number}" for number in range(draw(st.integers(1, 2)))]
        for name in models:
            _draw_model(draw, world, name)
        configs = draw(st.sampled_from((["c0"], ["c0", "e1"], ["e0", "c1"])))
        for name in configs:
            _draw_config(draw, world, name, models)
        for name in ("e0", "e1", "e2")[: draw(st.integers(1, 3))]:
            make_endpoint(world, name, draw(st.sampled_from(configs)), **_tags(draw))
            _meddle(draw, world, name)
        names = world.names("endpoint")
        made = imported(world)
        note(made.text)
        assert sorted([*made.endpoints, *(one.name for one in made.skipped)]) == names
        if made.endpoints:
            adopts_and_settles(world, made)


@pytest.mark.parametrize(
    "kind", ["single", "multi-model", "pipeline", "serverless", "async", "shadow", "direct", "component"]
)
@settings(ROBUST, max_examples=6, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(st.data())
def test_every_kind_of_hosting_survives_the_way_there_and_back(kind: str, data: Any) -> None:
    """A fleet is applied, all that mmeplan wrote on it is rubbed off, and it is imported as if it were a stranger's."""
    with World() as world:
        text = {**data.draw(valid_fleets(kind)), "region": REGION}
        before = graph.compile(load_text(yaml.safe_dump(text).encode()))
        snapshot = live.observe(world.cloud, before, world.sim.clock.now(), REGION)
        made = plan.build(before, snapshot, created_at="")
        with unwatched(world):
            outcome = apply.run(made, world.cloud, world.cloud, world.sim.clock, lambda _: None)
            assert outcome.complete, outcome
            for stored in (one for kind in ("model", "endpoint-config", "endpoint") for one in world._stored(kind)):
                keys = [key for key in stored.tags if key.startswith("mmeplan:")]
                word = {"model": "Model", "endpoint-config": "EndpointConfig", "endpoint": "Endpoint"}[stored.kind]
                arn = world.does(f"Describe{word}", **{f"{word}Name": stored.name})[f"{word}Arn"]
                world.does("DeleteTags", ResourceArn=arn, TagKeys=keys)
            found = imported(world)
            note(found.text)
            assert not found.skipped
            adopts_and_settles(world, found)
