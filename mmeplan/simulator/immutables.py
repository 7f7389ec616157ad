"""Models and endpoint configs: the objects that are created, read and deleted, and never change.

In: validated requests. Out: answers, and documents in the store that already are the Describe answer.
Called through the table in `sagemaker`.
"""

from __future__ import annotations

from typing import Any

from mmeplan.aws.s3 import s3_place
from mmeplan.simulator import names, normalise, refusals, registry
from mmeplan.simulator.blobs import Blobs
from mmeplan.simulator.call import Call, seconds
from mmeplan.simulator.names import ENDPOINT_CONFIG, MODEL

Json = dict[str, Any]


def create_model(call: Call, request: Json) -> Json:
    """CreateModel. Image, role and artefacts are not looked up, unless the settings say so."""
    name = request["ModelName"]
    containers, blobs = refusals.containers(request), Blobs(call.store)
    addressed = {s3_place(uri)[0] for container in containers for uri in refusals.addresses(container)}
    buckets = {bucket: blobs.region(call.account, bucket) for bucket in addressed}
    approvals = registry.approvals(call, containers)
    asked = refusals.Asked(request, call.account, call.region, approvals=approvals, buckets=buckets)
    refusals.refuse(refusals.CREATE_MODEL, asked)
    call.refuse_existing(MODEL, name)
    for container in containers:
        _look_up(call, container, request.get("ExecutionRoleArn", ""))
    arn = call.new(MODEL, name, normalise.model(request), request)
    call.faults.created("CreateModel", call.scope(MODEL), name)
    return {"ModelArn": arn}


def _look_up(call: Call, container: Json, role: str) -> None:
    """What CreateModel looks up where the settings say so. Messages: captured, docs/sagemaker.md, "Errors"."""
    image, settings = container.get("Image", ""), call.settings
    multi_model = container.get("Mode") == "MultiModel"
    if settings.images is not None and image and image not in settings.images:
        raise names.invalid(f"Requested image {image} not found.")
    if multi_model and settings.multi_model_images is not None and image not in settings.multi_model_images:
        raise names.invalid(refusals.LABEL_MISSING.format(image=image))
    url = container.get("ModelDataUrl", "")
    if multi_model and settings.refuse_empty_prefix and url:
        bucket, prefix = s3_place(url)
        if next(Blobs(call.store).listed(call.account, bucket, prefix, ""), None) is None:
            told = refusals.COULD_NOT_ACCESS.format(uri=url, role=role, region=call.region)
            raise names.invalid(told)


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
    call.refuse_existing(ENDPOINT_CONFIG, name)
    named = dict.fromkeys(model for variant in refusals.variants(request) for model in refusals.models_of(variant))
    models = {model: call.depended_on(MODEL, model).body for model in named}
    asked = refusals.Asked(request, call.account, call.region, models)
    refusals.refuse(refusals.CREATE_ENDPOINT_CONFIG, asked)
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
