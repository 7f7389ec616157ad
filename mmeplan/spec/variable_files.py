"""`--var-file`: values of variables out of a JSON or YAML file, as a pipeline writes them.

In: the path of a regular file with a mapping of names. Out: `VariableFile`, its values as they are: what looks like an
expression is plain text, and a text stays a text. Which names there may be, the fleet file says.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from mmeplan.errors import InputError, Problem
from mmeplan.spec.budget import Budget, OverBudgetError
from mmeplan.spec.fleet import VariableFile
from mmeplan.spec.for_each import ForEachError, content_of

MAX_BYTES: Final = 2**20
FILE_TYPES: Final = (".json", ".yaml", ".yml")


def read_variables(path: str | Path) -> VariableFile:
    """The variables of a file. Raises InputError: not there, no regular file, too large, no mapping of names."""
    name = str(path)
    try:
        return VariableFile(name, _values(name, Path(path)))
    except (ForEachError, OverBudgetError) as error:
        raise InputError([Problem(f"--var-file: {error}")]) from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = getattr(error, "strerror", None) or error
        raise InputError([Problem(f"--var-file: {name!r} can't be read: {reason}")]) from None


def _values(name: str, path: Path) -> dict[str, object]:
    if path.suffix.lower() not in FILE_TYPES:
        raise ForEachError(f"{name!r}: expected a file of the type {', '.join(FILE_TYPES)}")
    if path.exists() and not path.is_file():
        raise ForEachError(f"{name!r} is not a file")
    with path.open("rb") as stream:
        raw = stream.read(MAX_BYTES + 1)
    if len(raw) > MAX_BYTES:
        raise ForEachError(f"{name!r} is larger than {MAX_BYTES // 2**20} MiB")
    values = content_of(name, raw, Budget())
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ForEachError(f"{name!r} is no mapping; it holds variables as NAME: VALUE")
    return {str(key): value for key, value in values.items()}
