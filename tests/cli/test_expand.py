"""`mmeplan expand`: the file after defaults, expressions and for_each is a file that means the same."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import assume, given
from hypothesis import strategies as st

from mmeplan import graph
from mmeplan.errors import InputError
from mmeplan.expanding import expanded, yaml_of
from mmeplan.masks import stands_for_another
from mmeplan.spec import Entry, Fleet, load, load_text
from tests.cli.running import mmeplan
from tests.real.test_real_fleets import SHAPES, fleet_of

ROOT = Path(__file__).parents[2]
FILES = sorted([*(ROOT / "examples").glob("*/fleet.yaml"), *(ROOT / "tests" / "golden").glob("*/fleet.yaml")])

FLEET = """
version: 1
fleet: "{{ team }}"
region: eu-west-1
variables: {team: search, tiers: {a: 1, b: 2}, secret: hush}
environments: {prod: {account: "123456789012", variables: {secret: prod-hush}}}
options:
  parallelism: 4
retain: 0
allow: {CAP001: "one {{ environment | default('dev') }}"}
ignore_tags: {keys: [cost], prefixes: ["corp:"]}
quotas: {ml.m5.xlarge: "{{ 10 + 10 }}"}
policies:
  small:
    expression: "plan.fleet != '{{ '{{' }}'"
    message: "only {{ team }}"
    severity: warning
defaults:
  tags: {team: "{{ team }}", "07": "1.10"}
  model: {execution_role_arn: "arn:aws:iam::123456789012:role/sagemaker", protect: true}
  endpoint_config: {replace_salt: "2"}
models:
  "m-{{ each.key }}":
    for_each: "{{ tiers }}"
    protect: false
    primary_container:
      image: {framework: pytorch, version: "2.6.0", processor: cpu}
      model_data_url: "s3://acme/{{ each.key }}.tar.gz"
      environment: {SECRET: "{{ secret }}", N: 1.10, TEMPLATE: "{{ '{{' }} x }}"}
endpoints:
  "e-{{ each.key }}":
    for_each: "{{ tiers }}"
    renamed_from: "old-{{ each.key }}"
    on_remove: retain
    config:
      tags: {inner: "yes"}
      production_variants:
        main: {model: "m-{{ each.key }}", initial_instance_count: "{{ each.value }}", instance_type: ml.m5.xlarge}
"""


def nowhere(entry: Entry) -> Entry:
    config = nowhere(entry.config) if isinstance(entry.config, Entry) else entry.config
    artifacts = entry.artifacts and dataclasses.replace(entry.artifacts, table="")
    return dataclasses.replace(entry, path=(), config=config, artifacts=artifacts)


def meaning(fleet: Fleet) -> Any:
    """What plans depend on, without the places in the file."""
    resources = graph.compile(fleet).resources.values()
    without_place = [dataclasses.replace(resource, entry=nowhere(resource.entry)) for resource in resources]
    head = fleet.name, fleet.account, fleet.region, fleet.environment, fleet.retain, fleet.allow, fleet.ignore_tags
    quotas = {name: quota.instances for name, quota in fleet.quotas.items()}
    return without_place, sorted(graph.compile(fleet).edges()), head, quotas, fleet.policies


def again(fleet: Fleet, folder: Path = Path()) -> Fleet:
    text = yaml_of(expanded(fleet, {}, show_environment=True), show_environment=True)
    return load_text(text.encode(), environment=fleet.environment, folder=folder)


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.parent.name}/{file.parent.name}")
def test_an_expanded_file_gives_the_same_graph(file: Path) -> None:
    fleet = load(file)
    assert meaning(again(fleet, file.parent)) == meaning(fleet)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_so_does_the_one_of_what_people_deploy(shape: dict[str, Any]) -> None:
    fleet = load_text(yaml.safe_dump(fleet_of(shape), sort_keys=False).encode())
    assert meaning(again(fleet)) == meaning(fleet)


@pytest.mark.parametrize("environment", [None, "prod"])
def test_everything_that_a_file_can_say_is_said_again(environment: str | None) -> None:
    fleet = load_text(FLEET.encode(), environment=environment)
    assert meaning(again(fleet)) == meaning(fleet)
    assert len(fleet.models) == 2


@given(st.text(st.characters(codec="utf-8"), max_size=30), st.sampled_from(["", "{{ a }}", "{{", "1.10"]))
def test_any_text_comes_back_as_it_is(text: str, around: str) -> None:
    value = text + around
    assume(not stands_for_another(value))
    fleet = load_text(FLEET.encode())
    model = fleet.models["m-a"]
    container = {**model.request["PrimaryContainer"], "Environment": {"SECRET": value}}
    changed = dataclasses.replace(model, request={**model.request, "PrimaryContainer": container})
    other = dataclasses.replace(fleet, sections={**fleet.sections, "models": {**fleet.models, "m-a": changed}})
    assert again(other).models["m-a"].request == changed.request


def test_what_can_not_be_written_is_said() -> None:
    fleet = load_text(FLEET.encode())
    model = fleet.models["m-a"]
    container = {**model.request["PrimaryContainer"], "Environment": {"SECRET": "{{" * 10_000}}
    changed = dataclasses.replace(model, request={**model.request, "PrimaryContainer": container})
    other = dataclasses.replace(fleet, sections={"models": {"m-a": changed}})
    with pytest.raises(InputError, match="20,000 characters"):
        expanded(other, {}, show_environment=True)


def test_values_of_containers_are_masked_and_the_text_says_that_it_can_not_be_applied(tmp_path: Path) -> None:
    (tmp_path / "fleet.yaml").write_text(FLEET)
    for format_ in ("yaml", "json"):
        shown = mmeplan(f"expand -e prod --format {format_}", tmp_path)
        assert (shown.code, "hush" in shown.stdout) == (0, False)
        assert "can't be applied" in shown.stderr
        document = yaml.safe_load(shown.stdout)
        environment = document["models"]["m-a"]["primary_container"]["environment"]
        assert all(value.startswith("(masked, ") for value in environment.values())
    assert "can't be applied" in mmeplan("expand", tmp_path).stdout.splitlines()[1]


def test_a_masked_file_is_refused_with_the_place_of_every_mask(tmp_path: Path) -> None:
    (tmp_path / "fleet.yaml").write_text(FLEET)
    (tmp_path / "masked.yaml").write_text(mmeplan("expand -e prod", tmp_path).stdout)
    for command in ("validate", "plan --local", "apply --local --yes"):
        told = mmeplan(f"{command} masked.yaml -e prod", tmp_path)
        assert (told.code, told.stderr.count("stands for a value that was masked")) == (1, 6), command
    assert "models.m-a.primary_container.environment.SECRET" in told.stderr
    assert "absent" in mmeplan("status --local", tmp_path).stdout


def test_what_is_printed_plans_as_the_file_does(tmp_path: Path) -> None:
    (tmp_path / "fleet.yaml").write_text(FLEET)
    for format_, options in (("yaml", {"parallelism": 4}), ("json", None)):
        shown = mmeplan(f"expand -e prod --show-environment --format {format_}", tmp_path)
        assert (shown.code, shown.stderr) == (0, "")
        (tmp_path / "expanded.yaml").write_text(shown.stdout)
        made = load(tmp_path / "expanded.yaml", "prod")
        assert meaning(made) == meaning(load(tmp_path / "fleet.yaml", "prod"))
        assert yaml.safe_load(shown.stdout).get("options") == options
    json.loads(shown.stdout)
