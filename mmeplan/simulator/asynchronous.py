"""InvokeEndpointAsync: a request that waits in an endpoint's queue, and the objects that it leaves in the simulated S3.

In: a request, or its place in S3. Out: at once where the answer will be; `Settings.inference_s` later the answer's
object, or the failure's. A request waits while its endpoint has no instance, at most until it expires.
Sources: botocore InvokeEndpointAsync; async-inference-invoke-endpoint.md; async-inference-check-predictions.md.
"""

from __future__ import annotations

from dataclasses import replace
from hashlib import md5
from typing import Any, Final

from mmeplan.aws.s3 import s3_place
from mmeplan.simulator import memory, runtime, s3
from mmeplan.simulator.blobs import Blobs
from mmeplan.simulator.call import Call
from mmeplan.simulator.clock import drawn
from mmeplan.simulator.names import INFERENCE
from mmeplan.simulator.store import Stored
from mmeplan.simulator.wire import ServiceError

Json = dict[str, Any]

TTL_S: Final = 21_600
TIMEOUT_S: Final = 900
"""Defaults of RequestTTLSeconds and InvocationTimeoutSeconds. Source: their documentation in botocore."""
LOOK_AGAIN_S: Final = 60
"""How often a request that waits for instances looks whether there are some."""


def invoke_endpoint_async(call: Call, request: Json) -> Json:
    """InvokeEndpointAsync. Whether there is an input at InputLocation is seen when its turn comes."""
    if ("InputLocation" in request) == ("Body" in request):
        raise memory.refusal("Exactly one of InputLocation and Body must be specified.")
    table = runtime.serving(call, request, asynchronous=True)
    config = table.endpoint.body["config"]["AsyncInferenceConfig"]["OutputConfig"]
    name = _id(call)
    inference_id = request.get("InferenceId", name)
    default = f"s3://sagemaker-{call.region}-{call.account}/async-endpoint-outputs/{table.endpoint.name}"
    folder = config.get("S3OutputPath", default).rstrip("/")
    extension = request.get("S3OutputPathExtension", "").strip("/")
    where = "/".join((folder, *([extension] if extension else ()), request.get("Filename", f"{inference_id}.out")))
    answer = {"InferenceId": inference_id, "OutputLocation": where}
    if "S3FailurePath" in config:
        answer["FailureLocation"] = f"{config['S3FailurePath'].rstrip('/')}/{inference_id}-error.out"
    body = {"request": request | {"Body": request.get("Body", b"").decode("latin-1")}, "answer": answer}
    call.new(INFERENCE, name, body, {}, due_us=call.now_us + round(call.settings.inference_s * 1_000_000))
    return answer


def _id(call: Call) -> str:
    """A version 4 UUID of the world's generator."""
    digits = f"{drawn(call.store):016x}{drawn(call.store):016x}"
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"


def settle(call: Call, inference: Stored) -> None:
    """The request's turn has come: the answer's object, the failure's, or another look later."""
    at_us = inference.due_us or call.now_us
    then = replace(call, now_us=at_us)
    request, answer = inference.body["request"], inference.body["answer"]
    try:
        table = runtime.serving(then, request, asynchronous=True)
        expires_us = inference.created_us + request.get("RequestTTLSeconds", TTL_S) * 1_000_000
        if not any(variant.get("CurrentInstanceCount", 1) for variant in table.endpoint.body["variants"]):
            if at_us < expires_us:
                inference.due_us = min(at_us + LOOK_AGAIN_S * 1_000_000, expires_us)
                call.store.update(inference)
                return
            raise ServiceError("RequestExpired", "The request expired in the queue.")
        if call.settings.inference_s > request.get("InvocationTimeoutSeconds", TIMEOUT_S):
            raise ServiceError("ModelInvocationTimeExceeded", "The invocation took longer than its timeout.")
        went = runtime.answered(then, table, request | {"Body": _input(then, request)})
        _keep(then, answer["OutputLocation"], went.body, went.content_type)
    except ServiceError as failure:
        if "FailureLocation" in answer:
            _keep(then, answer["FailureLocation"], str(failure).encode(), "text/plain")
    call.store.delete(inference.seq)


def _input(call: Call, request: Json) -> bytes:
    """The request's payload. Raises ServiceError where there is no object at its InputLocation."""
    if "InputLocation" not in request:
        return str(request["Body"]).encode("latin-1")
    bucket, key = s3_place(request["InputLocation"])
    blobs = Blobs(call.store)
    if blobs.head(call.account, bucket, key) is None:
        raise memory.refusal(f"Failed to download input data from {request['InputLocation']}.")
    return blobs.body(call.account, bucket, key)


def _keep(call: Call, address: str, body: bytes, content_type: str) -> None:
    bucket, key = s3_place(address)
    etag = f'"{md5(body, usedforsecurity=False).hexdigest()}"'
    s3.store_object(call, {"Bucket": bucket, "Key": key}, body, etag, {"content-type": content_type})
