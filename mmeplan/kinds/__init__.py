"""The kinds of objects, one file each. A kind registers itself in its own file; importing this package imports all."""

from mmeplan.kinds.artifacts import ARTIFACTS, LiveArchives
from mmeplan.kinds.endpoint import ENDPOINT, LiveEndpoint, LiveVariant
from mmeplan.kinds.endpoint_config import ENDPOINT_CONFIG, LiveEndpointConfig, models_of
from mmeplan.kinds.kind import (
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
    unregister,
)
from mmeplan.kinds.live import STACK_TAG, LiveObject, Status
from mmeplan.kinds.model import MODEL, LiveModel
from mmeplan.kinds.resource import ApiPath, Reference, Resource

__all__ = [
    "ARTIFACTS",
    "ENDPOINT",
    "ENDPOINT_CONFIG",
    "MODEL",
    "STACK_TAG",
    "ApiPath",
    "Kind",
    "Lifecycle",
    "LiveArchives",
    "LiveEndpoint",
    "LiveEndpointConfig",
    "LiveModel",
    "LiveObject",
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
    "unregister",
]
