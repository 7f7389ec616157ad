"""Models and endpoint configs: the objects that are created, read and deleted, and never change.

In: validated requests. Out: answers, and documents in the store that already are the Describe answer.
Called through the table in `sagemaker`.
"""

from __future__ import annotations

from typing import Any

from mmeplan.aws.images import belongs_to_another
from mmeplan.aws.s3 import s3_place
from mmeplan.simulator import names, normalise, refusals
from mmeplan.simulator.blobs import Blobs
from mmeplan.simulator.call import Call, seconds
from mmeplan.simulator.names import ENDPOINT_CONFIG, MODEL

Json = dict[str, Any]


def create_model(call: Call, request: Json) -> Json:
    """CreateModel. Image, role and artefacts are not looked up, unless the settings say so."""
    name = request["ModelName"]
    refusals.refuse(refusals.CREATE_MODEL, request)
    call.refuse_existing(MODEL, name)
    for container in refusals.containers(request):
        _same_region(call, container)
        _look_up(call, container, request.get("ExecutionRoleArn", ""))
    arn = call.new(MODEL, name, normalise.model(request), request)
    call.faults.created("CreateModel", call.scope(MODEL), name)
    return {"ModelArn": arn}


def _same_region(call: Call, container: Json) -> None:
    """A package's ARN is of the region. Captured: amazon-sagemaker-examples issues 1438 and 1444."""
    parts = container.get("ModelPackageName", "").split(":")
    if len(parts) > 3 and parts[3] and parts[3] != call.region:
        raise names.invalid(f"ARN should be scoped to correct region: {call.region}")


def _own_images(call: Call, model: Json) -> None:
    """Serverless inference pulls no image of another account. Captured: amazon-sagemaker-feedback issue 181."""
    for container in refusals.containers(model):
        if belongs_to_another(container.get("Image", ""), call.account):
            raise names.invalid(
                "The container image URI is not a prebuilt SageMaker algorithm or deep learning image, or the "
                "bring-your-own container image URI does not reside in an Amazon ECR repository within the same AWS "
                "account creating the endpoint."
            )


def _look_up(call: Call, container: Json, role: str) -> None:
    """What CreateModel looks up where the settings say so. Messages: captured, docs/sagemaker.md, "Errors"."""
    image, settings = container.get("Image", ""), call.settings
    multi_model = container.get("Mode") == "MultiModel"
    if settings.images is not None and image and image not in settings.images:
        raise names.invalid(f"Requested image {image} not found.")
    if multi_model and settings.multi_model_images is not None and image not in settings.multi_model_images:
        label = "com.amazonaws.sagemaker.capabilities.multi-models=true"
        raise names.invalid(f"Your Ecr Image {image} does not contain required {label} Docker label(s).")
    url = container.get("ModelDataUrl", "")
    if multi_model and settings.refuse_empty_prefix and url:
        bucket, prefix = s3_place(url)
        if next(Blobs(call.store).listed(call.account, bucket, prefix, ""), None) is None:
            raise names.invalid(
                f"Could not access model data at {url}. Please ensure that the role {role} exists and that its trust "
                'relationship policy allows the action "sts:AssumeRole" for the service principal '
                '"sagemaker.amazonaws.com". Also ensure that the role has "s3:GetObject" permissions and that the '
                f"object is located in {call.region}."
            )


def describe_model(call: Call, request: Json) -> Json:
    """DescribeModel."""
    model = call.existing(MODEL, request["ModelName"])
    return {"ModelName": model.name, "ModelArn": model.arn, "CreationTime": seconds(model.created_us), **model.body}


def delete_model(call: Call, request: Json) -> None:
    """DeleteModel: accepted even where a config or an endpoint uses it, as the service does."""
    call.store.delete(call.existing(MODEL, request["ModelName"]).seq)


def create_endpoint_config(call: Call, request: Json) -> Json:
    """CreateEndpointConfig. The models it names must exist."""
    name = request["EndpointConfigName"]
    refusals.refuse(refusals.CREATE_ENDPOINT_CONFIG, request)
    call.refuse_existing(ENDPOINT_CONFIG, name)
    for model in dict.fromkeys(v["ModelName"] for v in refusals.variants(request) if "ModelName" in v):
        call.depended_on(MODEL, model)
    for model in {v["ModelName"] for v in refusals.variants(request) if "ModelName" in v and "ServerlessConfig" in v}:
        _own_images(call, call.existing(MODEL, model).body)
    arn = call.new(ENDPOINT_CONFIG, name, normalise.config(request), request)
    call.faults.created("CreateEndpointConfig", call.scope(ENDPOINT_CONFIG), name)
    return {"EndpointConfigArn": arn}


def describe_endpoint_config(call: Call, request: Json) -> Json:
    """DescribeEndpointConfig."""
    config = call.existing(ENDPOINT_CONFIG, request["EndpointConfigName"])
    named = {"EndpointConfigName": config.name, "EndpointConfigArn": config.arn}
    return {**named, "CreationTime": seconds(config.created_us), **config.body}


def delete_endpoint_config(call: Call, request: Json) -> None:
    """DeleteEndpointConfig: accepted even where an endpoint uses it, as the service does."""
    call.store.delete(call.existing(ENDPOINT_CONFIG, request["EndpointConfigName"]).seq)
