"""Inference components: models that are placed on an endpoint whose variants name none.

In: validated requests. Out: answers, and documents in the store. A component is InService as soon as it is created and
gone as soon as it is deleted; nothing runs in it, and it can't be invoked.
Source: botocore CreateInferenceComponent and its neighbours; docs/sagemaker.md, "Inference components".
"""

from __future__ import annotations

from typing import Any, Final

from mmeplan.aws.lifecycle import IN_SERVICE
from mmeplan.aws.variants import names_models
from mmeplan.simulator import fleet, names
from mmeplan.simulator.call import Call, seconds
from mmeplan.simulator.names import ENDPOINT, INFERENCE_COMPONENT, MODEL
from mmeplan.simulator.paging import Listing
from mmeplan.simulator.store import Filter, Stored

Json = dict[str, Any]

ASSOCIATED: Final = (
    "Cannot delete endpoint with inference component associated. Please delete inference component and try it again."
)
"""What DeleteEndpoint answers, observed: https://github.com/gruntwork-io/cloud-nuke/pull/1142."""


def create(call: Call, request: Json) -> Json:
    """CreateInferenceComponent. Its endpoint is InService, and the variant names no model; the words are ours."""
    name = request["InferenceComponentName"]
    call.refuse_existing(INFERENCE_COMPONENT, name)
    endpoint = call.depended_on(ENDPOINT, request["EndpointName"])
    if endpoint.status != IN_SERVICE:
        raise names.in_progress(endpoint.arn)
    specifications = request.get("Specifications") or [request.get("Specification") or {}]
    for specification in specifications:
        if "ModelName" in specification:
            call.depended_on(MODEL, specification["ModelName"])
        if "BaseInferenceComponentName" in specification:
            call.depended_on(INFERENCE_COMPONENT, specification["BaseInferenceComponentName"])
        if not {"ModelName", "Container", "BaseInferenceComponentName"} & specification.keys():
            raise names.invalid("An inference component needs a model, a container or a base inference component.")
    body = {
        "endpoint": endpoint.name,
        "variant": _variant(endpoint, request.get("VariantName", "")),
        "several": "Specifications" in request,
        "specifications": [_shown(specification, seconds(call.now_us)) for specification in specifications],
        "copies": (request.get("RuntimeConfig") or {}).get("CopyCount", 1),
    }
    return {"InferenceComponentArn": call.new(INFERENCE_COMPONENT, name, body, request, status=IN_SERVICE)}


def _variant(endpoint: Stored, wanted: str) -> str:
    """The variant that hosts it: the one that was asked for, else the first without a model. Raises ServiceError."""
    hosting = [
        str(variant["VariantName"])
        for variant in endpoint.body["config"]["ProductionVariants"]
        if not names_models(variant)
    ]
    if not hosting:
        raise names.invalid(f'The endpoint "{endpoint.arn}" hosts models, and no inference components.')
    if wanted and wanted not in hosting:
        raise names.invalid(f'The endpoint "{endpoint.arn}" has no variant "{wanted}" for inference components.')
    return wanted or hosting[0]


def _shown(specification: Json, at_s: float) -> Json:
    """A specification as Describe shows it: of an image, the digest too."""
    container = specification.get("Container")
    if container is None:
        return specification
    shown = {key: value for key, value in container.items() if key != "Image"}
    if "Image" in container:
        image = container["Image"]
        deployed = {"SpecifiedImage": image, "ResolvedImage": fleet.resolved(image), "ResolutionTime": at_s}
        shown["DeployedImage"] = deployed
    return {**specification, "Container": shown}


def describe(call: Call, request: Json) -> Json:
    """DescribeInferenceComponent."""
    component = call.existing(INFERENCE_COMPONENT, request["InferenceComponentName"])
    body = component.body
    several = body["specifications"]
    specified = {"Specifications": several} if body["several"] else {"Specification": several[0]}
    copies = {"DesiredCopyCount": body["copies"], "CurrentCopyCount": body["copies"]}
    return {**_summary(component), **specified, "RuntimeConfig": copies}


def delete(call: Call, request: Json) -> None:
    """DeleteInferenceComponent."""
    call.store.delete(call.existing(INFERENCE_COMPONENT, request["InferenceComponentName"]).seq)


def refuse_deletion(call: Call, endpoint: Stored) -> None:
    """Raises ServiceError where components are placed on an endpoint that is to be deleted."""
    among = [_on_endpoint(endpoint.name)]
    if call.store.page(
        call.scope(INFERENCE_COMPONENT), column="seq", descending=False, after=None, filters=among, limit=1
    ):
        raise names.invalid(ASSOCIATED)


def _summary(component: Stored) -> Json:
    endpoint = component.body["endpoint"]
    return {
        "InferenceComponentName": component.name,
        "InferenceComponentArn": component.arn,
        "EndpointName": endpoint,
        "EndpointArn": names.arn(ENDPOINT, component.account, component.region, endpoint),
        "VariantName": component.body["variant"],
        "CreationTime": seconds(component.created_us),
        "LastModifiedTime": seconds(component.modified_us),
        "InferenceComponentStatus": component.status,
    }


def _on_endpoint(name: str) -> Filter:
    return Filter("lower(json_extract(body, '$.endpoint')) = ?", name.lower())


def _among(_call: Call, request: Json) -> list[Filter]:
    """The filters of ListInferenceComponents alone."""
    found = [_on_endpoint(request["EndpointNameEquals"])] if "EndpointNameEquals" in request else []
    if "VariantNameEquals" in request:
        found.append(Filter("json_extract(body, '$.variant') = ?", request["VariantNameEquals"]))
    return found


COMPONENTS: Final = Listing(INFERENCE_COMPONENT, "InferenceComponents", _summary, among=_among)
