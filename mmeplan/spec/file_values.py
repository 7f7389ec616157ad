"""`{file: NAME}` as the value of an environment entry: the content of a file beside fleet.yaml, taken as it is.

In: a model's entry, evaluated. Out: the same entry with the contents in the place of the names. An expression in such a
file is plain text, so that a chat template, which has braces of its own, needs no escapes.

What mmeplan prints in the place of a secret is refused as a value: applied, it would be what the container reads. A
value that really is such a text is a file's content.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mmeplan.masks import stands_for_another
from mmeplan.spec.document import FilePath
from mmeplan.spec.for_each import ForEachError, ItemFiles, file_of

Refuse = Callable[[str, FilePath], None]
"""Notes what is wrong with a value, at its path below the entry."""


def with_contents(model: Any, files: ItemFiles, refuse: Refuse) -> Any:
    """The entry of a model; what can't be read is noted by `refuse`, and is an empty text."""
    if not isinstance(model, dict):
        return model
    made = dict(model)
    if isinstance(model.get("primary_container"), dict):
        made["primary_container"] = _container(model["primary_container"], ("primary_container",), files, refuse)
    if isinstance(model.get("containers"), list):
        made["containers"] = [
            _container(container, ("containers", index), files, refuse)
            for index, container in enumerate(model["containers"])
        ]
    return made


def is_content(path: FilePath, value: Any) -> bool:
    """Whether a value, by its place and form, is the name of a file whose content is meant."""
    return path[-2:-1] == ("environment",) and file_of(value) != ""


def _container(container: Any, path: FilePath, files: ItemFiles, refuse: Refuse) -> Any:
    environment = container.get("environment") if isinstance(container, dict) else None
    if not isinstance(environment, dict):
        return container
    made = dict(environment)
    for key, value in environment.items():
        name = file_of(value)
        if stands_for_another(value):
            meant = "write the value itself, or {file: NAME} where it really is this text"
            refuse(f"{value} stands for a value that was masked: {meant}", (*path, "environment", key))
        if name:
            try:
                made[key] = files.text(name)
            except ForEachError as error:
                made[key] = ""
                refuse(str(error), (*path, "environment", key))
    return {**container, "environment": made}
