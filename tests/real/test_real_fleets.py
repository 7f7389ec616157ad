"""What other people deploy: each shape is accepted, applied, left alone, imported and left alone again.

The shapes are in our own words, modelled on the public source that each names (`from`). A shape is a fleet file without
its head: `is` says what it stands for, `warns` lists the findings that are expected of it; an error never is.
docs/reliability.md has them as a table.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from mmeplan.aws.variants import REFERENCES
from mmeplan.canonical import BY_NAME, DEFAULTS, UNORDERED
from mmeplan.diff.drift import manual_changes
from mmeplan.engine import Desired
from mmeplan.spec import load_text
from tests.simulation.test_import import adopts_and_settles, imported
from tests.simulation.test_uncounted import is_empty, unclaim
from tests.simulation.world import ACCOUNT, REGION, World

Shape = dict[str, Any]
HEAD = {"version": 1, "fleet": "real", "account": ACCOUNT, "region": REGION}
SHAPES: dict[str, Shape] = {
    f"{file.stem}/{name}": shape
    for file in sorted((Path(__file__).parent / "shapes").glob("*.yaml"))
    for name, shape in yaml.safe_load(file.read_text())["shapes"].items()
}
OF_THE_OBJECT = ("EndpointConfigArn", "ModelArn", "CreationTime", "ResponseMetadata")
ABOUT = ("is", "from", "warns")


def fleet_of(shape: Shape) -> Shape:
    return {**HEAD, **{key: value for key, value in shape.items() if key not in ABOUT}}


def test_every_shape_says_what_it_stands_for_and_the_page_has_it() -> None:
    page = (Path(__file__).parents[2] / "docs" / "reliability.md").read_text()
    assert len(SHAPES) >= 60
    for name, shape in SHAPES.items():
        assert f"| `{name}` | {shape['is']} | {shape['from']} | {', '.join(shape.get('warns', []))} |" in page, name


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_it_is_applied_imported_and_left_alone(shape: Shape) -> None:
    text = fleet_of(shape)
    with World() as world:
        desired = Desired.of(load_text(yaml.safe_dump(text, sort_keys=False).encode()))
        made = world.engine.plan(desired).plan
        found = {finding.rule: finding.severity for finding in made.findings}
        assert "error" not in found.values(), made.findings
        assert sorted(found) == shape.get("warns", []), made.findings
        assert world.apply(made).complete
        scaled_by_others(world, text)
        assert is_empty(world.plan(text))
        assert manual_changes(world.compile(text), world.observe(world.compile(text))).found == ()
        register(world, text)
        unclaim(world)
        taken = imported(world, fleet="real")
        before = served(world)
        adopts_and_settles(world, taken)
        assert served(world) == before
    with World() as another:
        another.live_through(made_anew(taken.text))
        assert served(another) == before


def scaled_by_others(world: World, text: Shape) -> None:
    """Every count that isn't the file's grows by one instance."""
    for name, endpoint in text["endpoints"].items():
        for variant in world.endpoint(name)["ProductionVariants"]:
            config = endpoint["config"] if isinstance(endpoint["config"], dict) else {"production_variants": {}}
            said = config["production_variants"].get(variant["VariantName"], {"initial_instance_count": 1})
            fixed = "initial_instance_count" in said and not {"capacity", "managed_instance_scaling"} & said.keys()
            if not fixed and "DesiredInstanceCount" in variant:
                count = variant["DesiredInstanceCount"] + 1
                desired = [{"VariantName": variant["VariantName"], "DesiredInstanceCount": count}]
                scaling = {"EndpointName": name, "DesiredWeightsAndCapacities": desired}
                world.does("UpdateEndpointWeightsAndCapacities", **scaling)
                world.sim.clock.sleep(600)


def register(world: World, text: Shape) -> None:
    """Somebody registers the variants whose count the file leaves to an autoscaler."""
    client = world.cloud._session.client("application-autoscaling")
    client.meta.events.register("before-send.*", world.sim.before_send)
    for endpoint in world.compile(text).of_kind("endpoint"):
        for variant in world.endpoint(endpoint.physical_name)["ProductionVariants"]:
            if "ManagedInstanceScaling" in variant or variant["VariantName"] not in endpoint.autoscaled:
                continue
            warm = "CurrentServerlessConfig" in variant
            client.register_scalable_target(
                ServiceNamespace="sagemaker",
                ResourceId=f"endpoint/{endpoint.physical_name}/variant/{variant['VariantName']}",
                ScalableDimension=f"sagemaker:variant:Desired{'ProvisionedConcurrency' if warm else 'InstanceCount'}",
                MinCapacity=1 if warm else 0,
                MaxCapacity=8,
            )


def made_anew(text: str) -> Shape:
    """An imported file as the file of a fleet that isn't there yet."""
    file: Shape = yaml.safe_load(text)
    for section in ("models", "endpoint_configs", "endpoints"):
        for entry in file.get(section, {}).values():
            inline = [entry["config"]] if isinstance(entry.get("config"), dict) else []
            for own in (entry, *inline):
                own.pop("adopt", None)
            for own in (*inline, *([] if section == "endpoints" else [entry])):
                own.pop("name", None)
    return file


def served(world: World) -> Shape:
    """What each endpoint serves, as the Describe calls answer: its config, with the models in place of their names.

    Without documented defaults, and without an order where none is meant; a structure that is empty stays.
    """
    return {name: _config(world, world.endpoint(name)["EndpointConfigName"]) for name in world.names("endpoint")}


def _config(world: World, name: str) -> Any:
    described = dict(world.does("DescribeEndpointConfig", EndpointConfigName=name))
    return _plain(world, {key: value for key, value in described.items() if key != "EndpointConfigName"})


def _plain(world: World, value: Any, holder: str = "") -> Any:
    if isinstance(value, list):
        items = [_plain(world, item, holder) for item in value]
        return sorted(items, key=str) if holder in UNORDERED or holder in BY_NAME else items
    if not isinstance(value, dict):
        return value
    plain: Shape = {}
    for key, inner in value.items():
        if key in OF_THE_OBJECT or DEFAULTS.get((holder, key)) == inner:
            continue
        kept = _model(world, inner) if key in REFERENCES else _plain(world, inner, key)
        if kept != {} or inner == {}:
            plain[key] = kept
    return plain


def _model(world: World, name: str) -> Any:
    described = world.does("DescribeModel", ModelName=name)
    return _plain(world, {key: value for key, value in described.items() if key != "ModelName"})
