"""langchain-aws: an endpoint as a language model, whole and streamed."""

import json

import boto3
from langchain_aws.llms import SagemakerEndpoint
from langchain_aws.llms.sagemaker_endpoint import LLMContentHandler

ROLE, IMAGE = "arn:aws:iam::123456789012:role/serving", "123456789012.dkr.ecr.eu-west-1.amazonaws.com/llm:1"
sm = boto3.client("sagemaker")
sm.create_model(ModelName="llm", ExecutionRoleArn=ROLE, PrimaryContainer={"Image": IMAGE})
variant = {"VariantName": "main", "ModelName": "llm", "InstanceType": "ml.g5.xlarge", "InitialInstanceCount": 1}
sm.create_endpoint_config(EndpointConfigName="llm", ProductionVariants=[variant])
sm.create_endpoint(EndpointName="llm", EndpointConfigName="llm")
sm.get_waiter("endpoint_in_service").wait(EndpointName="llm", WaiterConfig={"Delay": 0.02, "MaxAttempts": 100})


class Echo(LLMContentHandler):
    content_type = accepts = "application/json"

    def transform_input(self, prompt, model_kwargs):
        body = json.dumps({"inputs": prompt, "parameters": model_kwargs})
        return f"{body}\n".encode()  # its reader of streams waits for ever for the end of a last line

    def transform_output(self, output):
        text = output.read().decode() if hasattr(output, "read") else output
        return json.loads(text)["inputs"]


def model(**more):
    return SagemakerEndpoint(
        endpoint_name="llm", region_name="eu-west-1", content_handler=Echo(), model_kwargs={"top_k": 1}, **more
    )


assert model().invoke("what is up?") == "what is up?"
long = "word " * 200
assert "".join(model(streaming=True).stream(long)).strip() == long.strip()
