"""Where things stand in the fleet file, and what they are called there: locations and dotted field names.

In: paths of the diff, in API members. Out: parts of the plan document.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from mmeplan.diff import FieldChange, Location
from mmeplan.graph import Graph
from mmeplan.kinds import Resource
from mmeplan.spec import FilePath, dotted, file_path

_OF_ENDPOINT: Final = "DeploymentConfig"
_ENVIRONMENT_FIELD: Final = re.compile(r"(?:^|(?<!production_variants)\.)environment(?:\.|$)")
"""A dotted name inside an environment. A variant may be called `environment`, and its fields are no secrets."""


def location(graph: Graph, path: FilePath) -> Location:
    """The line and column of a path of the fleet file."""
    if not path:
        return Location()
    line, column = graph.fleet.source_map.locate(path)
    return Location(graph.fleet.source_map.file, line, column)


def planned_fields(graph: Graph, resource: Resource, changes: Iterable[FieldChange]) -> tuple[FieldChange, ...]:
    """Field changes with their names and lines as in the file.

    An endpoint's fields are those of its config, but for its deployment_config.
    """
    config = graph.resources[resource.config] if resource.config else resource
    planned = []
    for change in changes:
        holder = resource if change.path[0] == _OF_ENDPOINT else config
        place = file_path(holder.path, _within_request(change.path))
        line, _ = graph.fleet.source_map.locate(place)
        planned.append(replace(change, path=(), field=field_name(change.path), line=line))
    return tuple(planned)


def field_name(path: tuple[str | int, ...]) -> str:
    """`production_variants.large.instance_type`, `containers[0].image`; the user's own names as they are."""
    return dotted(file_path((), _within_request(path)))


def _within_request(path: tuple[str | int, ...]) -> tuple[str | int, ...]:
    """A path of a meaning without the step into what stands for a model."""
    return tuple(part for part in path if part != "content")


def is_in_environment(field: str) -> bool:
    """Whether a dotted name is one inside the environment of a container."""
    return bool(_ENVIRONMENT_FIELD.search(field))
