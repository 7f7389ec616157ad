"""Models, configs and endpoints: requests, names, references, meanings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import mmeplan
from mmeplan.identity import tags_digest
from mmeplan.kinds import ENDPOINT_CONFIG, MODEL
from mmeplan.kinds.endpoint import meaning, with_live_desires

MODELS = "models:\n  m: {primary_container: {image: x}}\n  n: {primary_container: {image: y}}\n"


def endpoint(variants: str, more: str = "", name: str = "e") -> str:
    return f"{MODELS}endpoints: {{{name}: {{config: {{production_variants: {variants}}}{more}}}}}\n"


def test_requests_carry_the_physical_names_and_no_tags(compiled: Any) -> None:
    graph = compiled(endpoint("{v: {model: m}}", ", tags: {a: b}"))
    model, config, end = (graph.resources[f"{kind}"] for kind in ("model/m", "endpoint_config/e", "endpoint/e"))
    assert model.request == {"ModelName": model.physical_name, "PrimaryContainer": {"Image": "x"}}
    assert config.request == {
        "EndpointConfigName": config.physical_name,
        "ProductionVariants": [{"VariantName": "v", "ModelName": model.physical_name}],
    }
    assert end.request == {"EndpointName": "e", "EndpointConfigName": config.physical_name}
    assert model.physical_name == f"m-{model.digest[:8]}"
    assert config.physical_name == f"e-{config.digest[:8]}"
    assert end.tags == {
        "a": "b",
        "mmeplan:fleet": "shop",
        "mmeplan:address": "endpoint/e",
        "mmeplan:digest": end.digest,
        "mmeplan:tags": tags_digest({"a": "b"}),
    }


@pytest.mark.parametrize("length", [63, 64, 200])
def test_the_name_of_an_endpoint_is_never_shortened(compiled: Any, length: int) -> None:
    name = "e" * length
    end = compiled(endpoint("{v: {model: m}}", name=name)).resources[f"endpoint/{name}"]
    assert end.physical_name == end.request["EndpointName"] == name


@pytest.mark.parametrize(
    ("more", "name"),
    [("", "e"), (", name: pinned", "pinned"), (", renamed_from: old", "old"), (", renamed_from: old, name: p", "p")],
)
def test_the_physical_name_of_an_endpoint_is_the_one_in_its_request(compiled: Any, more: str, name: str) -> None:
    end = compiled(endpoint("{v: {model: m}}", more)).resources["endpoint/e"]
    assert (end.physical_name, end.request["EndpointName"], end.pinned) == (name, name, False)


def test_a_renamed_entry_keeps_the_base_of_its_name_and_its_content(compiled: Any) -> None:
    before = compiled("models: {old: {primary_container: {image: x}}}\n").resources["model/old"]
    after = compiled("models: {new: {renamed_from: old, primary_container: {image: x}}}\n").resources["model/new"]
    assert after.physical_name == before.physical_name
    end = compiled(endpoint("{v: {model: m}}", ", renamed_from: old")).resources["endpoint_config/e"]
    assert end.physical_name.startswith("old-")


def test_a_pinned_name_is_used_as_it_is(compiled: Any) -> None:
    made = compiled("models: {m: {name: chosen, primary_container: {image: x}}}\n").resources["model/m"]
    assert (made.physical_name, made.request["ModelName"], made.pinned) == ("chosen", "chosen", True)


def test_a_salt_changes_the_digest_and_an_empty_one_does_not(compiled: Any) -> None:
    text = "models: {m: {primary_container: {image: x}, replace_salt: %s}}\n"
    plain, empty, salted = (compiled(text % salt).resources["model/m"].digest for salt in ("~", "''", "s"))
    assert plain == empty != salted
    assert compiled(text % "~", {"model/m": "s"}).resources["model/m"].digest == salted


def test_tags_and_own_keys_are_outside_the_digest(compiled: Any) -> None:
    plain = compiled(endpoint("{v: {model: m}}")).resources
    more = ", tags: {a: b}, protect: true, on_remove: retain, adopt: true, allow: {X: y}"
    other = compiled("defaults: {tags: {t: u}}\n" + endpoint("{v: {model: m}}", more)).resources
    assert {at: r.digest for at, r in plain.items()} == {at: r.digest for at, r in other.items()}
    assert other["endpoint/e"].tags["mmeplan:on-remove"] == "retain"
    assert other["endpoint/e"].tags["mmeplan:protect"] == "true"


def test_references_point_at_models_inside_and_outside(compiled: Any) -> None:
    variants = (
        "{a: {model: m}, b: {model_name: theirs},"
        " c: {instance_pools: [{model_override: n}, {model_name_override: theirs}, {instance_type: x}]}, d: {}}"
    )
    config = compiled(endpoint(variants)).resources["endpoint_config/e"]
    at = "ProductionVariants"
    assert [(r.path, r.address) for r in config.references] == [
        ((at, "a", "ModelName"), "model/m"),
        ((at, "b", "ModelName"), None),
        ((at, "c", "InstancePools", 0, "ModelNameOverride"), "model/n"),
        ((at, "c", "InstancePools", 1, "ModelNameOverride"), None),
    ]
    pools = config.request[at][2]["InstancePools"]
    assert pools[0]["ModelNameOverride"] == config.references[2].name
    assert config.dependencies() == ("model/m", "model/n")


def test_an_endpoint_means_its_config_with_models_in_place_of_names(compiled: Any) -> None:
    end = compiled(endpoint("{v: {model: m, initial_instance_count: 2}, w: {model_name: theirs}}"))
    assert end.meaning(end.resources["endpoint/e"]) == {
        "ProductionVariants": {
            "v": {
                "InitialInstanceCount": 2,
                "ModelName": {"content": {"PrimaryContainer": {"Image": "x"}}},
            },
            "w": {"ModelName": "theirs"},
        }
    }


def test_the_meaning_ignores_names_and_sees_salts(compiled: Any) -> None:
    def meant(text: str) -> str:
        return str(compiled(text).resources["endpoint/e"].digest)

    base = endpoint("{v: {model: m}}")
    assert meant(base) == meant(base.replace("m: {primary", "m: {name: pinned, primary"))
    assert meant(base) == meant(base.replace("e: {config: {prod", "e: {config: {name: pinned, prod"))
    assert meant(base) != meant(base.replace("m: {primary", "m: {replace_salt: s, primary"))
    assert meant(base) != meant(base.replace("image: x", "image: z"))


def test_the_count_of_an_autoscaled_variant_is_not_part_of_the_meaning(compiled: Any) -> None:
    text = endpoint("{v: {model: m, capacity: autoscaled, initial_instance_count: %s}}")
    two, five = (compiled(text % count).resources for count in (2, 5))
    assert two["endpoint/e"].autoscaled == two["endpoint_config/e"].autoscaled == {"v"}
    assert two["endpoint/e"].digest == five["endpoint/e"].digest
    assert two["endpoint_config/e"].digest != five["endpoint_config/e"].digest
    assert two["endpoint_config/e"].request["ProductionVariants"][0]["InitialInstanceCount"] == 2
    assert "capacity" not in two["endpoint_config/e"].request["ProductionVariants"][0]


def test_members_of_updates_alone_are_set_aside(compiled: Any) -> None:
    more = ", retain_all_variant_properties: true, retain_deployment_config: false"
    end = compiled(endpoint("{v: {model: m}}", more)).resources["endpoint/e"]
    assert end.update_options == {"RetainAllVariantProperties": True, "RetainDeploymentConfig": False}
    assert set(end.request) == {"EndpointName", "EndpointConfigName"}


def test_a_config_outside_the_fleet_is_meant_by_its_name(compiled: Any) -> None:
    graph = compiled("endpoints: {e: {endpoint_config_name: theirs}}\n")
    end = graph.resources["endpoint/e"]
    assert graph.meaning(end) == {"EndpointConfigName": "theirs"}
    assert [(r.name, r.address) for r in end.references] == [("theirs", None)]
    assert end.dependencies() == ()


def test_live_desires_take_the_place_of_initial_values() -> None:
    config = {
        "ProductionVariants": {
            "a": {"InitialInstanceCount": 2, "InitialVariantWeight": 3},
            "b": {"ServerlessConfig": {"MaxConcurrency": 1}},
            "c": {"InitialInstanceCount": 1},
        }
    }
    summaries = [
        {"VariantName": "a", "DesiredInstanceCount": 5, "DesiredWeight": 1.0},
        {"VariantName": "b", "DesiredWeight": 0.5, "DesiredServerlessConfig": {"MaxConcurrency": 9, "X": None}},
    ]
    assert with_live_desires(config, {"ProductionVariants": summaries}) == {
        "ProductionVariants": {
            "a": {"InitialInstanceCount": 5},
            "b": {"ServerlessConfig": {"MaxConcurrency": 9}, "InitialVariantWeight": 0.5},
            "c": {"InitialInstanceCount": 1},
        }
    }
    assert with_live_desires(config, {}) == config


def test_a_meaning_replaces_models_of_pools_by_their_place() -> None:
    config = {"ProductionVariants": {"v": {"InstancePools": [{"ModelNameOverride": "a"}, {"Priority": 1}]}}}
    seen: list[Any] = []
    made = meaning(config, lambda path, name: seen.append(path) or name.upper(), frozenset())
    assert made["ProductionVariants"]["v"]["InstancePools"] == [{"ModelNameOverride": "A"}, {"Priority": 1}]
    assert seen == [("ProductionVariants", "v", "InstancePools", 0, "ModelNameOverride")]


def test_what_describe_adds_is_left_out() -> None:
    answer = {"CreationTime": 1, "ResponseMetadata": {}, "Tags": []}
    model = {"ModelName": "m", "ModelArn": "a", "DeploymentRecommendation": {}, "ExecutionRoleArn": "r", **answer}
    assert MODEL.content(model) == {"ExecutionRoleArn": "r"}
    config = {"EndpointConfigName": "c", "EndpointConfigArn": "a", "KmsKeyId": "k", **answer}
    assert ENDPOINT_CONFIG.content(config) == {"KmsKeyId": "k"}


def test_what_the_service_filled_in_by_itself_is_left_out_unless_wanted() -> None:
    live = {"ProductionVariants": {"v": {"VolumeSizeInGB": 30}, "w": {"VolumeSizeInGB": 5}}}
    wanted = {"ProductionVariants": {"v": {"VolumeSizeInGB": 30}, "w": {}}}
    assert ENDPOINT_CONFIG.aligned(wanted, live) == {"ProductionVariants": {"v": {"VolumeSizeInGB": 30}, "w": {}}}
    pipeline = {"Containers": [{"Image": "x", "ContainerHostname": "container-1"}]}
    assert MODEL.aligned({"Containers": [{"Image": "x"}]}, pipeline) == {"Containers": [{"Image": "x"}]}
    assert MODEL.aligned(pipeline, pipeline) == pipeline


def test_an_endpoint_knows_its_config_in_the_fleet_and_outside_it(compiled: Any) -> None:
    own = compiled(endpoint("{v: {model: m}}")).resources
    assert (own["endpoint/e"].config, own["endpoint/e"].config_name) == (
        "endpoint_config/e",
        own["endpoint_config/e"].physical_name,
    )
    outside = compiled("endpoints: {e: {endpoint_config_name: theirs}}\n").resources["endpoint/e"]
    assert (outside.config, outside.config_name) == (None, "theirs")
    for other in (own["model/m"], own["endpoint_config/e"]):
        assert (other.config, other.config_name) == (None, "")


def test_no_module_takes_an_endpoints_config_for_its_first_reference() -> None:
    package = Path(mmeplan.__file__).parent
    found = {
        path.relative_to(package).as_posix() for path in package.rglob("*.py") if "references[0]" in path.read_text()
    }
    assert found == set()


def test_lists_of_named_variants_are_told_in_one_table() -> None:
    assert modules_with('"ShadowProductionVariants": "VariantName"') == {"aws/variants.py"}


def modules_with(text: str) -> set[str]:
    package = Path(mmeplan.__file__).parent
    return {path.relative_to(package).as_posix() for path in package.rglob("*.py") if text in path.read_text()}
