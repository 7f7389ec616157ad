"""observe: what is live, as a `Snapshot` of plain data, read through a read-only port."""

from mmeplan.live.masked import masked, unmasked
from mmeplan.live.objects import (
    ARN_MEMBERS,
    NAME_MEMBERS,
    LiveEndpoint,
    LiveEndpointConfig,
    LiveModel,
    LiveObject,
    LiveVariant,
    created_at,
    listed_config,
    live_endpoint,
    live_endpoint_config,
    live_object,
    models_of,
)
from mmeplan.live.observing import (
    LIST_ABOVE,
    kind_and_name,
    names_of,
    observe,
    observe_endpoints,
    observe_objects,
    observe_running,
    pages,
    tags_by_name,
)
from mmeplan.live.ownership import Ownership
from mmeplan.live.ports import READS, Answer, Call, Clock, Progress, Reader, ReadOnly, Writer
from mmeplan.live.snapshot import Snapshot, decode
from mmeplan.live.usage import Usage, observe_users

__all__ = [
    "ARN_MEMBERS",
    "LIST_ABOVE",
    "NAME_MEMBERS",
    "READS",
    "Answer",
    "Call",
    "Clock",
    "LiveEndpoint",
    "LiveEndpointConfig",
    "LiveModel",
    "LiveObject",
    "LiveVariant",
    "Ownership",
    "Progress",
    "ReadOnly",
    "Reader",
    "Snapshot",
    "Usage",
    "Writer",
    "created_at",
    "decode",
    "kind_and_name",
    "listed_config",
    "live_endpoint",
    "live_endpoint_config",
    "live_object",
    "masked",
    "models_of",
    "names_of",
    "observe",
    "observe_endpoints",
    "observe_objects",
    "observe_running",
    "observe_users",
    "pages",
    "tags_by_name",
    "unmasked",
]
