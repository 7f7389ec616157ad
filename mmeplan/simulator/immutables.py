"""Models and endpoint configs: the objects that are created, read and deleted, and never change.

In: validated requests. Out: answers, and documents in the store that already are the Describe answer.
Called through the table in `sagemaker`.
"""

from __future__ import annotations

from typing import Any

from mmeplan.simulator import normalise, refusals
from mmeplan.simulator.call import Call, seconds
from mmeplan.simulator.names import ENDPOINT_CONFIG, MODEL

Json = dict[str, Any]


def create_model(call: Call, request: Json) -> Json:
    """CreateModel. Image, role and artefacts are not looked up."""
    name = request["ModelName"]
    refusals.refuse(refusals.CREATE_MODEL, request)
    call.refuse_existing(MODEL, name)
    arn = call.new(MODEL, name, normalise.model(request), request)
    call.faults.created("CreateModel", call.scope(MODEL), name)
    return {"ModelArn": arn}


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
