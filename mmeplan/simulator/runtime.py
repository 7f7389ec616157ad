"""The runtime: which variant and which model an invocation reaches, without any container behind it.

In: an endpoint's document and an InvokeEndpoint request. Out: the variant by weight, the model's place in memory, an
answer, or the documented errors. What it remembers between invocations is in `memory`.
Sources: botocore InvokeEndpoint; the multi-model guide; captured messages, docs/sagemaker.md.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mmeplan.simulator import loading
from mmeplan.simulator.call import Call
from mmeplan.simulator.memory import Invocation, Runtime, Scope, Table, coming_fleet, refusal

Json = dict[str, Any]


def invoke_endpoint(call: Call, request: Json) -> Json:
    """InvokeEndpoint: echoes the body, unless `Simulator.answer_invocations` says otherwise."""
    went = invoke(call, request)
    answer: Json = {
        "Body": went.body,
        "ContentType": went.content_type,
        "InvokedProductionVariant": went.variant,
    }
    if "CustomAttributes" in request:
        answer["CustomAttributes"] = request["CustomAttributes"]
    return answer


def invoke(call: Call, request: Json) -> Invocation:
    """Route one invocation and answer it. Raises ServiceError."""
    return answered(call, serving(call, request, asynchronous=False), request)


def serving(call: Call, request: Json, *, asynchronous: bool) -> Table:
    """The endpoint's routing. Raises ServiceError where it doesn't serve, or not in this way.

    Source: async-inference.md: an endpoint with AsyncInferenceConfig "can only receive asynchronous invocations"; the
    messages aren't captured.
    """
    name = request["EndpointName"]
    table = call.runtime.table(call.account, call.region, name, call.now_us)
    if asynchronous and "AsyncInferenceConfig" not in table.endpoint.body["config"]:
        raise refusal(f"Endpoint {name} is not an asynchronous endpoint and does not support InvokeEndpointAsync.")
    if not asynchronous and "AsyncInferenceConfig" in table.endpoint.body["config"]:
        raise refusal(f"Endpoint {name} is an asynchronous endpoint and only supports InvokeEndpointAsync.")
    return table


def answered(call: Call, table: Table, request: Json) -> Invocation:
    """Choose the variant, the container and the model, and answer. Raises ServiceError."""
    name, runtime = request["EndpointName"], call.runtime
    scope = (call.account, call.region, name)
    label, variant = (
        _named(runtime, table, scope, request["TargetVariant"])
        if "TargetVariant" in request
        else (runtime.choose(table, scope))
    )
    body = table.endpoint.body
    coming = coming_fleet(body)
    fleet = coming if coming and label == "new" else body
    hosting = fleet["hosting"].get(variant["VariantName"], {})
    target = request.get("TargetModel", "")
    instance, artifact = 0, ""
    if "prefix" in hosting:
        if not target:
            raise refusal(f"Request {call.request_id} is missing a target model header")
        fleet_id = fleet["started_us"] if label == "new" else fleet["fleet_id"]
        group = (*scope, str(fleet_id), variant["VariantName"])
        instances = max(1, variant["CurrentInstanceCount"] if label == "old" else variant["DesiredInstanceCount"])
        instance, artifact = loading.reach(call, runtime.models, group, instances, hosting, target)
    elif target:
        raise refusal(f"Endpoint {name} is not a multi-model endpoint and does not support target model header.")
    container = request.get("TargetContainerHostname", "")
    _refuse_container(call, name, hosting, container)
    sent = request.get("Body", b"")
    content_type = request.get("Accept") or request.get("ContentType") or "application/octet-stream"
    if "*" in content_type:
        content_type = request.get("ContentType") or "application/octet-stream"
    went = Invocation(
        *(variant["VariantName"], label, fleet["config_name"], instance, target, container, sent, content_type),
        artifact=artifact,
    )
    return went if runtime.answering is None else replace(went, body=runtime.answering(went, sent))


def _refuse_container(call: Call, name: str, hosting: Json, wanted: str) -> None:
    """Source: multi-container-direct.md, the three validation errors; the messages aren't captured."""
    if "direct" not in hosting:
        if wanted:
            raise refusal(
                f"Endpoint {name} is not a multi-container endpoint with direct invocation and does not support target "
                "container hostname header."
            )
    elif not wanted:
        raise refusal(f"Request {call.request_id} is missing a target container hostname header")
    elif wanted not in hosting["direct"]:
        raise refusal(f"Container {wanted} not found for Endpoint {name} of account {call.account}.")


def _named(runtime: Runtime, table: Table, scope: Scope, wanted: str) -> tuple[str, Json]:
    """The variant that TargetVariant names, in the fleet that has the most traffic. Its weight doesn't matter."""
    found = [(label, variant) for label, variant in table.places if variant["VariantName"] == wanted]
    if not found:
        live = table.endpoint.body["variants"]
        found = [("old", variant) for variant in live if variant["VariantName"] == wanted]
    if not found:
        raise refusal(f"Variant {wanted} not found for Endpoint {scope[2]} of account {scope[0]}.")
    runtime.count(table, scope, wanted)
    shares = {label: _share(table, label) for label, _ in found}
    return max(found, key=lambda place: (shares[place[0]], place[0] == "old"))


def _share(table: Table, wanted: str) -> float:
    lower, share = 0.0, 0.0
    for upper, (label, _) in zip(table.bounds, table.places, strict=True):
        share += (upper - lower) * (label == wanted)
        lower = upper
    return share
