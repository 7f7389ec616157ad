"""The SageMaker Python SDK v2: deploy, predict, an asynchronous endpoint, update."""

import time

import boto3
import sagemaker
from sagemaker.async_inference import AsyncInferenceConfig, WaiterConfig
from sagemaker.model import Model
from sagemaker.predictor import Predictor
from sagemaker.predictor_async import AsyncPredictor

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
for one in (model, waiting):
    one.delete_model()
assert session.sagemaker_client.list_models()["Models"] == []
