"""observe: what is live, as a `Snapshot` of plain data, read through a read-only port."""

from mmeplan.live.masked import masked, unmasked
from mmeplan.live.observing import (
    LIST_ABOVE,
    kind_and_name,
    models_of,
    names_of,
    observe,
    observe_endpoints,
    observe_objects,
    pages,
)
from mmeplan.live.ports import Answer, Call, Clock, Progress, Reader, Writer
from mmeplan.live.snapshot import ARN_MEMBERS, NAME_MEMBERS, LiveObject, Snapshot, decode

__all__ = [
    "ARN_MEMBERS",
    "LIST_ABOVE",
    "NAME_MEMBERS",
    "Answer",
    "Call",
    "Clock",
    "LiveObject",
    "Progress",
    "Reader",
    "Snapshot",
    "Writer",
    "decode",
    "kind_and_name",
    "masked",
    "models_of",
    "names_of",
    "observe",
    "observe_endpoints",
    "observe_objects",
    "pages",
    "unmasked",
]
