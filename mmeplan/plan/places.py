"""Where things stand in the fleet file, and what they are called there: locations and dotted field names.

In: paths of the diff, in API members. Out: parts of the plan document. Called by `building` and `drifting`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from mmeplan.aws.shapes import snake
from mmeplan.diff import FieldChange, Location
from mmeplan.graph import Graph
from mmeplan.resources import Resource
from mmeplan.spec import FilePath, file_path

_VERBATIM_BELOW: Final = ("ProductionVariants", "ShadowProductionVariants", "Environment", "Tags")
"""Members whose keys are the user's own names."""


def location(graph: Graph, path: FilePath) -> Location:
    """The line and column of a path of the fleet file."""
    if not path:
        return Location()
    line, column = graph.fleet.source_map.locate(path)
    return Location(graph.fleet.source_map.file, line, column)


def planned_fields(graph: Graph, resource: Resource, changes: Iterable[FieldChange]) -> tuple[FieldChange, ...]:
    """Field changes with their names and lines as in the file. An endpoint's fields are those of its config."""
    holder = resource
    if resource.kind == "endpoint" and resource.references and resource.references[0].address:
        holder = graph.resources[resource.references[0].address]
    made = []
    for change in changes:
        place = file_path(holder.path, tuple(part for part in change.path if part != "content"))
        line, _ = graph.fleet.source_map.locate(place)
        made.append(replace(change, path=(), field=field_name(change.path), line=line))
    return tuple(made)


def field_name(path: tuple[str | int, ...]) -> str:
    """`production_variants.large.instance_type`, `containers[0].image`; the user's own names as they are."""
    text, verbatim = "", False
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
            continue
        if part == "content":
            continue
        word = part if verbatim else snake(part)
        text += f".{word}" if text else word
        verbatim = part in _VERBATIM_BELOW and not verbatim
    return text
