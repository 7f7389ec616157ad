"""Fleets of any size for the benchmarks: one multi-model model and one two-variant endpoint per tenant."""

from __future__ import annotations

from pathlib import Path

HEAD = """version: 1
fleet: big
account: "123456789012"
region: eu-west-1
models:
"""
MODEL = """  tenant-{0:05d}:
    execution_role_arn: arn:aws:iam::123456789012:role/sagemaker
    primary_container:
      image: 123456789012.dkr.ecr.eu-west-1.amazonaws.com/xgboost:1.7-1
      mode: MultiModel
      model_data_url: s3://acme-models/tenant-{0:05d}/
      environment: {{SAGEMAKER_PROGRAM: inference.py, WORKERS: 2}}
"""
ENDPOINT = """  tenant-{0:05d}:
    config:
      production_variants:
        large:
          model: tenant-{0:05d}
          instance_type: ml.m5.xlarge
          initial_instance_count: 2
          initial_variant_weight: 2
        small:
          model: tenant-{0:05d}
          instance_type: ml.m5.large
          initial_instance_count: 2
          initial_variant_weight: 1
    deployment_config:
      blue_green_update_policy:
        traffic_routing_configuration:
          type: ALL_AT_ONCE
          wait_interval_in_seconds: 0
"""


def fleet(endpoints: int) -> str:
    """The text of a fleet with that many endpoints: three resources each."""
    models = "".join(MODEL.format(index) for index in range(endpoints))
    return HEAD + models + "endpoints:\n" + "".join(ENDPOINT.format(index) for index in range(endpoints))


def write_fleet(folder: Path, endpoints: int) -> Path:
    """Write the fleet and an empty snapshot beside it; the path of the fleet."""
    path = folder / f"fleet-{endpoints}.yaml"
    path.write_text(fleet(endpoints), encoding="utf-8")
    return path


def terraform(resources: int) -> str:
    """A Terraform configuration with as many `terraform_data` resources, whose inputs are about as long."""
    return f"""resource "terraform_data" "tenant" {{
  count = {resources}
  input = {{ name = "tenant-${{count.index}}", type = "ml.m5.xlarge", count = 2, weight = 1 }}
}}
"""
