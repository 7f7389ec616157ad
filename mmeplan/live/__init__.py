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
    observe_running,
    pages,
    tags_by_name,
)
from mmeplan.live.ports import READS, Answer, Call, Clock, Progress, Reader, ReadOnly, Writer
from mmeplan.live.snapshot import ARN_MEMBERS, NAME_MEMBERS, LiveObject, Snapshot, decode
from mmeplan.live.users import observe_users

__all__ = [
    "ARN_MEMBERS",
    "LIST_ABOVE",
    "NAME_MEMBERS",
    "READS",
    "Answer",
    "Call",
    "Clock",
    "LiveObject",
    "Progress",
    "ReadOnly",
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
    "observe_running",
    "observe_users",
    "pages",
    "tags_by_name",
    "unmasked",
]
