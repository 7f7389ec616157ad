"""Which models a multi-model container holds in memory, on each instance.

In: an invocation's TargetModel. Out: the instance that answers it, after the model was found, loaded and others were
unloaded for it; or the documented errors. Source: the multi-model guide; mms-container-apis.md (409, 507, unloading).
"""

from __future__ import annotations

from typing import Any, Final

from mmeplan.aws.s3 import s3_place
from mmeplan.simulator.blobs import Blobs
from mmeplan.simulator.call import Call
from mmeplan.simulator.memory import Group, LoadedModel, LoadedModels
from mmeplan.simulator.wire import ServiceError

Json = dict[str, Any]

ANSWER_WITHIN_S: Final = 60
"""How long an invocation waits for its model before it answers ModelNotReadyException."""
_MB: Final = 1 << 20


def reach(
    call: Call, models: LoadedModels, group: Group, instances: int, hosting: Json, target: str
) -> tuple[int, str]:
    """The number of the instance that answers, and the ETag of the artifact that it has loaded.

    Raises ServiceError where the model can't be loaded, or isn't yet.

    An instance that has the model goes on to answer for it, even when its artifact is gone; otherwise the one with
    the most free memory loads it, and unloads its least recently used models until there is room.
    """
    memories = models.groups.setdefault(group, [])
    del memories[instances:]
    memories.extend({} for _ in range(instances - len(memories)))
    models.used += 1
    holding = [number for number, memory in enumerate(memories) if target in memory]
    chosen = holding[0] if holding else min(range(instances), key=lambda number: (_taken(memories[number]), number))
    memory = memories[chosen]
    if not holding:
        _load(call, memory, hosting["prefix"], target)
    model = memory[target]
    model.used = models.used
    loading_us = model.ready_us - call.now_us
    if loading_us > 0 and call.settings.model_loading_s > ANSWER_WITHIN_S:
        raise ServiceError("ModelNotReadyException", f"Model {target} is loading. Please try again later.", 429)
    if not hosting["cached"]:
        del memory[target]
    return chosen, model.artifact


def _taken(memory: dict[str, LoadedModel]) -> int:
    return sum(model.size for model in memory.values())


def _load(call: Call, memory: dict[str, LoadedModel], prefix: str, target: str) -> None:
    size, artifact = _found(call, prefix, target)
    budget = call.settings.model_memory_mb * _MB
    if size > budget:
        raise ServiceError(
            "ModelError",
            'Received server error (507) from primary with message "Insufficient memory to load the model".',
            424,
            {"OriginalStatusCode": 507, "OriginalMessage": "Insufficient memory to load the model"},
        )
    while _taken(memory) + size > budget:
        del memory[min(memory, key=lambda name: memory[name].used)]
    memory[target] = LoadedModel(size, call.now_us + round(call.settings.model_loading_s * 1_000_000), 0, artifact)


def _found(call: Call, prefix: str, target: str) -> tuple[int, str]:
    """The artifact's size and ETag. It is looked up only where its bucket is in the simulated S3."""
    bucket, folder = s3_place(prefix)
    key = folder.rstrip("/") + "/" * bool(folder) + target.lstrip("/")
    blobs = Blobs(call.store)
    if not blobs.has_bucket(call.account, bucket):
        return call.settings.model_size_mb * _MB, ""
    found = blobs.head(call.account, bucket, key)
    if found is None:
        raise ServiceError("ValidationError", f"Failed to download model data (bucket: {bucket}, key: {key})")
    return found.size, found.etag
