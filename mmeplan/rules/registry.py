"""Every rule of mmeplan's own: those that the modules in `groups/` define.

A new rule is a class with an `id` in the module of its prefix, or a `ShapeRule` in that module's `SHAPES`.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType
from typing import Final

from mmeplan.rules import groups
from mmeplan.rules.rule import Rule


def rules_of(module: ModuleType) -> Iterator[Rule]:
    """The rules that a module defines: one instance of each of its classes with an id, and its `SHAPES`."""
    for value in vars(module).values():
        own = isinstance(value, type) and issubclass(value, Rule) and value.__module__ == module.__name__
        if own and "id" in vars(value):
            yield value()
    yield from getattr(module, "SHAPES", ())


def _modules() -> Iterator[ModuleType]:
    return (import_module(f"{groups.__name__}.{found.name}") for found in iter_modules(groups.__path__))


ALL_RULES: Final = tuple(sorted((rule for module in _modules() for rule in rules_of(module)), key=lambda rule: rule.id))
