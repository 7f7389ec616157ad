"""Fleets of any size for the benchmarks: one multi-model model and one two-variant endpoint per tenant.

Twice: compact, one entry of each kind expanded over a table (as Terraform's `count` is), and written out in full.
"""

from __future__ import annotations

from pathlib import Path

HEAD = """version: 1
fleet: big
account: "123456789012"
region: eu-west-1
models:
"""
MODEL = """  {name}:{loop}
    execution_role_arn: arn:aws:iam::123456789012:role/sagemaker
    primary_container:
      image: 123456789012.dkr.ecr.eu-west-1.amazonaws.com/xgboost:1.7-1
      mode: MultiModel
      model_data_url: "s3://acme-models/{key}/"
      environment: {{SAGEMAKER_PROGRAM: inference.py, WORKERS: 2}}
"""
ENDPOINT = """  {name}:{loop}
    config:
      production_variants:
        large:
          model: {name}
          instance_type: ml.m5.xlarge
          initial_instance_count: 2
          initial_variant_weight: 2
        small:
          model: {name}
          instance_type: ml.m5.large
          initial_instance_count: 2
          initial_variant_weight: 1
    deployment_config:
      blue_green_update_policy:
        traffic_routing_configuration:
          type: ALL_AT_ONCE
          wait_interval_in_seconds: 0
"""
TABLE = "tenants.csv"


def fleet(endpoints: int) -> str:
    """The text of a fleet with that many endpoints, written out: three resources each."""
    names = [f"tenant-{index:05d}" for index in range(endpoints)]
    models = "".join(MODEL.format(name=name, key=name, loop="") for name in names)
    return HEAD + models + "endpoints:\n" + "".join(ENDPOINT.format(name=name, loop="") for name in names)


def compact_fleet() -> str:
    """The same fleet, expanded over a table."""
    words = {"name": '"{{ each.key }}"', "key": "{{ each.key }}", "loop": f"\n    for_each: {{file: {TABLE}}}"}
    return HEAD + MODEL.format(**words) + "endpoints:\n" + ENDPOINT.format(**words)


def write_fleet(folder: Path, endpoints: int) -> Path:
    """Write the fleet out; its path."""
    path = folder / f"fleet-{endpoints}.yaml"
    path.write_text(fleet(endpoints), encoding="utf-8")
    return path


def write_compact_fleet(folder: Path, endpoints: int) -> Path:
    """Write the compact fleet and its table; the path of the fleet."""
    rows = "".join(f"tenant-{index:05d}\n" for index in range(endpoints))
    (folder / TABLE).write_text(f"tenant\n{rows}", encoding="utf-8")
    path = folder / "fleet.yaml"
    path.write_text(compact_fleet(), encoding="utf-8")
    return path


TAGS = '{ team = "pricing", fleet = "big", address = "tenant-${count.index}", digest = "tenant-${count.index}" }'


def terraform(endpoints: int) -> str:
    """As many `terraform_data` resources that carry the same content, three for each endpoint.

    Without references between them: with references, Terraform had not planned 30,000 after fifteen minutes.
    """
    return f"""resource "terraform_data" "model" {{
  count = {endpoints}
  input = {{
    name               = "tenant-${{count.index}}"
    execution_role_arn = "arn:aws:iam::123456789012:role/sagemaker"
    image              = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/xgboost:1.7-1"
    mode               = "MultiModel"
    model_data_url     = "s3://acme-models/tenant-${{count.index}}/"
    environment        = {{ SAGEMAKER_PROGRAM = "inference.py", WORKERS = "2" }}
    tags               = {TAGS}
  }}
}}

resource "terraform_data" "endpoint_config" {{
  count = {endpoints}
  input = {{
    name  = "tenant-${{count.index}}"
    large = {{ model = "tenant-${{count.index}}", instance_type = "ml.m5.xlarge", count = 2, weight = 2 }}
    small = {{ model = "tenant-${{count.index}}", instance_type = "ml.m5.large", count = 2, weight = 1 }}
    tags  = {TAGS}
  }}
}}

resource "terraform_data" "endpoint" {{
  count = {endpoints}
  input = {{
    name   = "tenant-${{count.index}}"
    config = "tenant-${{count.index}}"
    deploy = {{ type = "ALL_AT_ONCE", wait = 0 }}
    tags   = {TAGS}
  }}
}}
"""
