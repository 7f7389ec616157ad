"""observe: what is live, as a `Snapshot` of plain data, read through a read-only port."""

from mmeplan.kinds import (
    STACK_TAG,
    LiveEndpoint,
    LiveEndpointConfig,
    LiveModel,
    LiveObject,
    LiveVariant,
    models_of,
)
from mmeplan.live.decoding import decode, read, read_file
from mmeplan.live.masked import masked, unmasked
from mmeplan.live.objects import (
    created_at,
    describe_call,
    listed_config,
    live_endpoint,
    live_endpoint_config,
    live_object,
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
from mmeplan.live.ownership import Ownership, with_own_names
from mmeplan.live.ports import READS, Answer, Call, Clock, Progress, Reader, ReadOnly, Writer
from mmeplan.live.snapshot import Snapshot
from mmeplan.live.unconnected import Unconnected
from mmeplan.live.usage import (
    COMPONENT_ACTIONS,
    COMPONENTS_UNREAD,
    Component,
    Usage,
    carried_by,
    observe_carried,
    observe_users,
    placed_components,
    read_components,
)
from mmeplan.live.veil import Veil

__all__ = [
    "COMPONENTS_UNREAD",
    "COMPONENT_ACTIONS",
    "LIST_ABOVE",
    "READS",
    "STACK_TAG",
    "Answer",
    "Call",
    "Clock",
    "Component",
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
    "Unconnected",
    "Usage",
    "Veil",
    "Writer",
    "carried_by",
    "created_at",
    "decode",
    "describe_call",
    "kind_and_name",
    "listed_config",
    "live_endpoint",
    "live_endpoint_config",
    "live_object",
    "masked",
    "models_of",
    "names_of",
    "observe",
    "observe_carried",
    "observe_endpoints",
    "observe_objects",
    "observe_running",
    "observe_users",
    "pages",
    "placed_components",
    "read",
    "read_components",
    "read_file",
    "tags_by_name",
    "unmasked",
    "with_own_names",
]
