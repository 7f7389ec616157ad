"""Places: API paths back into the file, and values that came from defaults."""

from __future__ import annotations

from typing import Any

import pytest

from mmeplan.spec import file_path


@pytest.mark.parametrize(
    ("api", "place"),
    [
        ((), ()),
        (("PrimaryContainer", "MultiModelConfig"), ("primary_container", "multi_model_config")),
        (("Containers", 1, "Environment", "SomeKey"), ("containers", 1, "environment", "SomeKey")),
        (("ProductionVariants", "BigOne", "VolumeSizeInGB"), ("production_variants", "BigOne", "volume_size_in_gb")),
        (("ProductionVariants", "Environment", "ModelName"), ("production_variants", "Environment", "model_name")),
        (("Environment", "Environment"), ("environment", "Environment")),
        (
            ("ShadowProductionVariants", "v", "InstancePools", 0, "ModelNameOverride"),
            ("shadow_production_variants", "v", "instance_pools", 0, "model_name_override"),
        ),
    ],
)
def test_an_api_path_becomes_a_file_path(api: tuple[str | int, ...], place: tuple[str | int, ...]) -> None:
    assert file_path(("endpoints", "E"), api) == ("endpoints", "E", *place)


TEXT = """defaults:
  tags: {team: a}
  model: {execution_role_arn: arn, tags: {own: b}}
  endpoint_config:
    data_capture_config: {initial_sampling_percentage: 5}
  endpoint: {config: {kms_key_id: k}, deployment_config: {}}
models:
  m: {primary_container: {image: x}}
endpoints:
  e:
    config: {production_variants: {v: {model: m}}}
  s: {config: shared}
endpoint_configs: {shared: {production_variants: {v: {model: m}}}}
"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("models", "m", "primary_container", "image"), 10),
        (("models", "m", "execution_role_arn"), 5),
        (("models", "m", "tags", "own"), 5),
        (("models", "m", "tags", "team"), 4),
        (("models", "m", "nowhere"), 10),
        (("endpoints", "e", "config", "data_capture_config", "initial_sampling_percentage"), 7),
        (("endpoints", "e", "config", "data_capture_config", "capture_options"), 7),
        (("endpoints", "e", "config", "kms_key_id"), 8),
        (("endpoints", "e", "config", "tags", "team"), 4),
        (("endpoints", "e", "deployment_config", "x"), 8),
        (("endpoints", "e", "config", "production_variants", "v", "model_name"), 13),
        (("endpoints", "s", "endpoint_config_name"), 14),
        (("nowhere",), 1),
        ((), 1),
    ],
)
def test_a_path_is_found_where_it_was_written(loaded: Any, path: tuple[str, ...], line: int) -> None:
    source = loaded(TEXT).source_map
    assert source.locate(path)[0] == line


def test_the_key_of_a_logical_reference_is_pointed_at(loaded: Any) -> None:
    source = loaded(TEXT).source_map
    line, column = source.locate(("endpoints", "e", "config", "production_variants", "v", "model_name"))
    assert source.excerpt(line)[column - 1 :].startswith("model: m")


def test_an_excerpt_is_the_line_and_a_fleet_compares_without_its_places(loaded: Any) -> None:
    fleet = loaded(TEXT)
    assert fleet.source_map.excerpt(10) == "  m: {primary_container: {image: x}}"
    assert fleet.source_map.excerpt(10_000) == ""
