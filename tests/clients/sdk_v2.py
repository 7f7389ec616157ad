"""The SageMaker Python SDK v2: deploy, predict, an asynchronous and a serverless endpoint, update, the registry."""

import time

import boto3
import sagemaker
from botocore.exceptions import ClientError
from sagemaker.async_inference import AsyncInferenceConfig, WaiterConfig
from sagemaker.model import Model, ModelPackage
from sagemaker.predictor import Predictor
from sagemaker.predictor_async import AsyncPredictor
from sagemaker.serverless import ServerlessInferenceConfig

pause = time.sleep
time.sleep = lambda _: pause(0.02)  # its polls are 30 s apart

ROLE, IMAGE = "arn:aws:iam::123456789012:role/serving", "123456789012.dkr.ecr.eu-west-1.amazonaws.com/x:1"
# without a bucket it would ask STS by an address of its own
session = sagemaker.Session(boto3.session.Session(region_name="eu-west-1"), default_bucket="sdk-bucket")
model = Model(image_uri=IMAGE, role=ROLE, name="m", sagemaker_session=session, predictor_cls=Predictor)
predictor = model.deploy(initial_instance_count=2, instance_type="ml.m5.large", endpoint_name="e", tags=[])
assert predictor.predict(b"1,2") == b"1,2"
assert b"".join(predictor.predict_stream(b"x" * 1000)) == b"x" * 1000
predictor.update_endpoint(initial_instance_count=3, instance_type="ml.m5.xlarge", model_name="m")
(variant,) = session.sagemaker_client.describe_endpoint(EndpointName="e")["ProductionVariants"]
assert variant["CurrentInstanceCount"] == 3, variant
predictor.delete_endpoint()

config = AsyncInferenceConfig(max_concurrent_invocations_per_instance=2)
waiting = Model(image_uri=IMAGE, role=ROLE, name="w", sagemaker_session=session, predictor_cls=Predictor)
asynchronous = waiting.deploy(1, "ml.m5.large", endpoint_name="w", async_inference_config=config)
assert isinstance(asynchronous, AsyncPredictor)
assert asynchronous.predict(b"3,4", waiter_config=WaiterConfig(max_attempts=8, delay=1)) == b"3,4"
later = asynchronous.predict_async(b"5,6")
assert later.get_result(WaiterConfig(max_attempts=8, delay=1)) == b"5,6"
asynchronous.delete_endpoint()

few = Model(image_uri=IMAGE, role=ROLE, name="s", sagemaker_session=session, predictor_cls=Predictor)
serverless = few.deploy(
    serverless_inference_config=ServerlessInferenceConfig(memory_size_in_mb=2048, max_concurrency=2), endpoint_name="s"
)
assert serverless.predict(b"7") == b"7"
serverless.delete_endpoint()

data = session.upload_string_as_file_body("1", "sdk-bucket", "m.tar.gz")
kinds = {"content_types": ["text/csv"], "response_types": ["text/csv"], "inference_instances": ["ml.m5.large"]}
source = Model(image_uri=IMAGE, model_data=data, role=ROLE, sagemaker_session=session)
version = source.register(**kinds, model_package_group_name="g", approval_status="PendingManualApproval")
arn, registry = version.model_package_arn, session.sagemaker_client
said = ""
try:
    registry.create_model(ModelName="no", ExecutionRoleArn=ROLE, PrimaryContainer={"ModelPackageName": arn})
except ClientError as refusal:
    said = str(refusal)
assert "approv" in said.lower(), said
packaged = ModelPackage(role=ROLE, model_package_arn=arn, name="p", sagemaker_session=session)
packaged.predictor_cls = Predictor
answering = packaged.deploy(1, "ml.m5.large", endpoint_name="p")  # it approves the version
assert registry.describe_model_package(ModelPackageName=arn)["ModelApprovalStatus"] == "Approved"
assert answering.predict(b"8") == b"8"
answering.delete_endpoint()
for one in (model, waiting, few, packaged):
    one.delete_model()
assert session.sagemaker_client.list_models()["Models"] == []
