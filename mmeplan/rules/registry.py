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
        own = isinstance(value, type) and value.__module__ == module.__name__
        if own and issubclass(value, Rule) and "id" in vars(value):
            yield value()
    yield from getattr(module, "SHAPES", ())


def discover(package: ModuleType) -> tuple[Rule, ...]:
    """The rules of a package's modules, by id."""
    modules = [import_module(f"{package.__name__}.{found.name}") for found in iter_modules(package.__path__)]
    return tuple(sorted((rule for module in modules for rule in rules_of(module)), key=lambda rule: rule.id))


ALL_RULES: Final = discover(groups)
