"""Cloud Custodian: policies find endpoints, configs and models, and act on them."""

import subprocess
import sys
import tempfile
from pathlib import Path

import boto3

ROLE, IMAGE = "arn:aws:iam::123456789012:role/serving", "123456789012.dkr.ecr.eu-west-1.amazonaws.com/x:1"
POLICIES = """
policies:
  - name: untagged-endpoints
    resource: aws.sagemaker-endpoint
    filters: [{"tag:owner": absent}]
    actions: [{type: tag, key: owner, value: platform}]
  - name: old-configs
    resource: aws.sagemaker-endpoint-config
    filters: [{"type": "value", "key": "EndpointConfigName", "value": "spare"}]
    actions: [delete]
  - name: models
    resource: aws.sagemaker-model
    filters: [{"tag:keep": absent}]
    actions: [delete]
"""
sm = boto3.client("sagemaker")
for name, tags in (("kept", [{"Key": "keep", "Value": "yes"}]), ("spare", [])):
    sm.create_model(ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer={"Image": IMAGE}, Tags=tags)
    variant = {"VariantName": "main", "ModelName": name, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    sm.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
arn = sm.create_endpoint(EndpointName="e", EndpointConfigName="kept")["EndpointArn"]
with tempfile.TemporaryDirectory() as folder:
    (Path(folder) / "policies.yml").write_text(POLICIES)
    custodian = Path(sys.executable).with_name("custodian")
    for _ in range(2):
        run = [custodian, "run", "--cache-period", "0", "-s", folder, str(Path(folder) / "policies.yml")]
        subprocess.run([*run, "--region", "eu-west-1"], check=True)
assert sm.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "owner", "Value": "platform"}]
assert [config["EndpointConfigName"] for config in sm.list_endpoint_configs()["EndpointConfigs"]] == ["kept"]
assert [model["ModelName"] for model in sm.list_models()["Models"]] == ["kept"]
