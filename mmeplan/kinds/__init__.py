"""The kinds of objects, one file each. A kind registers itself in its own file; importing this package imports all."""

from mmeplan.kinds.artifacts import ARTIFACTS, LiveArchives
from mmeplan.kinds.endpoint import ENDPOINT, LiveEndpoint, LiveVariant
from mmeplan.kinds.endpoint_config import ENDPOINT_CONFIG, LiveEndpointConfig, models_of
from mmeplan.kinds.kind import (
    TAGGING,
    Carried,
    Inner,
    Kind,
    Lifecycle,
    Ownership,
    as_a,
    immutable_kinds,
    is_create,
    is_delete,
    is_kind,
    kind_named,
    kind_of_operation,
    kinds,
    register,
    tagging_call,
    tagging_of,
    tags_in,
    unregister,
)
from mmeplan.kinds.live import STACK_TAG, LiveObject, Status
from mmeplan.kinds.model import MODEL, LiveModel
from mmeplan.kinds.resource import ApiPath, Reference, Resource
from mmeplan.kinds.scalable_target import SCALABLE_TARGET, LiveScalableTarget
from mmeplan.kinds.scaling_policy import SCALING_POLICY, LiveScalingPolicy

__all__ = [
    "ARTIFACTS",
    "ENDPOINT",
    "ENDPOINT_CONFIG",
    "MODEL",
    "SCALABLE_TARGET",
    "SCALING_POLICY",
    "STACK_TAG",
    "TAGGING",
    "ApiPath",
    "Carried",
    "Inner",
    "Kind",
    "Lifecycle",
    "LiveArchives",
    "LiveEndpoint",
    "LiveEndpointConfig",
    "LiveModel",
    "LiveObject",
    "LiveScalableTarget",
    "LiveScalingPolicy",
    "LiveVariant",
    "Ownership",
    "Reference",
    "Resource",
    "Status",
    "as_a",
    "immutable_kinds",
    "is_create",
    "is_delete",
    "is_kind",
    "kind_named",
    "kind_of_operation",
    "kinds",
    "models_of",
    "register",
    "tagging_call",
    "tagging_of",
    "tags_in",
    "unregister",
]
