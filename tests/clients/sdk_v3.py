"""The SageMaker Python SDK v3: ModelBuilder builds and deploys, the endpoint answers and is updated."""

import json
import time

import boto3
from sagemaker.core.helper.session_helper import Session
from sagemaker.core.inference_config import AsyncInferenceConfig
from sagemaker.core.resources import Endpoint, Model
from sagemaker.serve import ModelBuilder

pause = time.sleep
time.sleep = lambda _: pause(0.02)  # its polls are seconds apart

IMAGE = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/x:1"
SERVICE = {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}
TRUST = json.dumps({"Version": "2012-10-17", "Statement": [SERVICE]})

aws = boto3.session.Session(region_name="eu-west-1")
# it holds the role's permissions against what serving needs, and asks STS by an address of its own without a bucket
role = aws.client("iam").create_role(RoleName="serving", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
quiet = {"SchemaVersion": "1.0", "SageMaker": {"PythonSDK": {"Modules": {"TelemetryOptOut": True}}}}
session = Session(aws, default_bucket="sdk-bucket", sagemaker_config=quiet)
data = session.upload_string_as_file_body("1", "sdk-bucket", "m.tar.gz")


def builder() -> ModelBuilder:
    return ModelBuilder(
        image_uri=IMAGE,
        s3_model_data_url=data,
        role_arn=role,
        sagemaker_session=session,
        instance_type="ml.m5.large",
        env_vars={"STAGE": "test"},
    )


built = builder()
model = built.build(model_name="m")
assert isinstance(model, Model)
described = session.sagemaker_client.describe_model(ModelName="m")["PrimaryContainer"]
assert (described["ModelDataUrl"], described["Environment"]) == (data, {"STAGE": "test"}), described
endpoint = built.deploy(endpoint_name="e", initial_instance_count=2)
assert isinstance(endpoint, Endpoint)
assert endpoint.invoke(body=b"1,2", content_type="text/csv").body.read() == b"1,2"

more = {"VariantName": "main", "ModelName": "m", "InstanceType": "ml.m5.large", "InitialInstanceCount": 3}
session.sagemaker_client.create_endpoint_config(EndpointConfigName="e-2", ProductionVariants=[more])
session.update_endpoint("e", "e-2")
endpoint.refresh()
assert endpoint.production_variants[0].current_instance_count == 3, endpoint

waiting = builder()
waiting.build(model_name="w")
asynchronous = waiting.deploy(
    endpoint_name="w", inference_config=AsyncInferenceConfig(max_concurrent_invocations_per_instance=2)
)
answer = asynchronous.invoke_async(input_location=data)
bucket, _, key = answer.output_location.removeprefix("s3://").partition("/")
session.s3_client.get_waiter("object_exists").wait(Bucket=bucket, Key=key, WaiterConfig={"Delay": 1})
assert session.read_s3_file(bucket, key) == "1"
for one in (endpoint, asynchronous):
    one.delete()
for name in "mw":
    Model.get(model_name=name).delete()
assert session.sagemaker_client.list_models()["Models"] == []
