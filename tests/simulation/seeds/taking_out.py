"""Takes a piece of code out while a test runs: the engine as it was before it was mended.

In: a text of one source file, and what stands in its place then. Out: the functions of that module, changed, until the
block ends. The text is looked for in the whole package and must be there exactly once, so it survives a move.
"""

from __future__ import annotations

import functools
import importlib
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

from tests.simulation.seeds import living

ROOT = Path(__file__).resolve().parents[3]
PLACES = ("mmeplan", "tests/simulation/seeds")


class NotThereError(LookupError):
    """The text isn't in the sources, or more than once: the table that names it is to be brought up to date."""


@contextmanager
def taken_out(*edits: tuple[str, str]) -> Iterator[None]:
    """The sources with each second text in the place of the first. Functions stay the same objects."""
    sources: dict[Path, str] = {}
    for text, instead in edits:
        path = _place_of(text)
        sources[path] = sources.get(path, path.read_text(encoding="utf-8")).replace(text, instead)
    former: list[tuple[FunctionType, CodeType]] = []
    living.forget_compiled()
    try:
        for path, source in sources.items():
            module = importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
            functions, codes = _functions(module), _codes(compile(source, str(path), "exec"))
            former += [(function, function.__code__) for function in functions]
            changed = [_change(function, codes) for function in functions]  # all of them, not only the first
            if not any(changed):
                raise NotThereError(f"no function of {path} is another one by {edits}")
        yield
    finally:
        for function, code in former:
            function.__code__ = code
        living.forget_compiled()


def _place_of(text: str) -> Path:
    files = [path for place in PLACES for path in sorted((ROOT / place).rglob("*.py")) if path.name != "mends.py"]
    found = [path for path in files for _ in range(path.read_text(encoding="utf-8").count(text))]
    if len(found) != 1:
        raise NotThereError(f"{text!r} stands {len(found)} times in the sources, and must stand there once")
    return found[0]


def _change(function: FunctionType, codes: dict[str, list[CodeType]]) -> bool:
    """Whether the function is another one now."""
    now = function.__code__
    for code in codes.get(now.co_qualname, ()):
        if code.co_freevars == now.co_freevars and code.co_firstlineno >= now.co_firstlineno - 20:
            function.__code__ = code
            return code != now
    return False


def _codes(code: CodeType) -> dict[str, list[CodeType]]:
    found: dict[str, list[CodeType]] = defaultdict(list)
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            found[inner.co_qualname].append(inner)
            for name, codes in _codes(inner).items():
                found[name] += codes
    return found


def _functions(module: ModuleType) -> list[FunctionType]:
    """The functions and methods that a module defines, under their decorators too."""
    found: dict[int, FunctionType] = {}
    seen: set[int] = set()

    def visit(value: Any) -> None:
        if id(value) in seen:
            return
        seen.add(id(value))
        if isinstance(value, FunctionType) and value.__module__ == module.__name__:
            found[id(value)] = value
        elif isinstance(value, type) and value.__module__ == module.__name__:
            for member in vars(value).values():
                visit(member)
        elif isinstance(value, property):
            visit(value.fget)
        elif isinstance(value, functools.cached_property):
            visit(value.func)
        elif isinstance(value, (staticmethod, classmethod)):
            visit(value.__func__)
        if hasattr(value, "__wrapped__"):
            visit(value.__wrapped__)

    for value in list(vars(module).values()):
        visit(value)
    return list(found.values())
