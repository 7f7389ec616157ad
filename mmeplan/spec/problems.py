"""What is wrong with a fleet file, collected while it is loaded and compiled: everything is reported at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import reduce
from operator import getitem
from typing import Any, Final

from mmeplan.errors import InputError, Problem
from mmeplan.spec.budget import Budget, OverBudgetError
from mmeplan.spec.document import MAX_PROBLEMS, Document, FilePath, dotted
from mmeplan.spec.expressions import MARK, evaluate, names_in
from mmeplan.spec.fleet import SourceMap
from mmeplan.spec.rows import Row

_GIVEN: Final = frozenset({"environment", "account", "region"})
"""Names that no variable gives: -e does, or --region, or the file's header."""


def _unvalued(used: Iterable[str], names: Mapping[str, Any]) -> frozenset[str]:
    """Those of the used names that have no value: variables that are null, and what -e or --region would give."""
    return frozenset(name for name in used if (name in names or name in _GIVEN) and names.get(name) is None)


class Problems:
    """The problems of one file, each place and sentence once."""

    def __init__(self, source_map: SourceMap) -> None:
        self.source_map = source_map
        self._problems: dict[tuple[int, int, str], Problem] = {}

    @property
    def full(self) -> bool:
        """Whether there are as many problems as anybody will read."""
        return len(self._problems) >= MAX_PROBLEMS

    def refuse(
        self,
        message: str,
        path: FilePath = (),
        hint: str = "",
        *,
        at: tuple[int, int] | None = None,
        unvalued: Iterable[str] = (),
    ) -> None:
        """Note a problem at a path of the fleet. `at` is the line and column where the place in the value is known.

        `unvalued` are names without a value that it comes from.
        """
        line, column = at or self.source_map.locate(path)
        if (line, column, message) not in self._problems:
            file, excerpt, shown = self.source_map.file, self.source_map.excerpt(line), dotted(self._shown(path))
            problem = Problem(message, file, line, column, shown, hint, excerpt, tuple(sorted(unvalued)))
            self._problems[(line, column, message)] = problem

    def add(self, problem: Problem) -> None:
        """Note a problem that was found before."""
        self._problems[(problem.line, problem.column, problem.message)] = problem

    def stop_if_any(self) -> None:
        """Raise InputError with all problems, by line, if there is one."""
        if self._problems:
            raise InputError([self._problems[key] for key in sorted(self._problems)])

    def _shown(self, path: FilePath) -> FilePath:
        return path


class Refusals(Problems):
    """The problems of one load, and its expressions. A place under `defaults` is named where a value came from it.

    A name whose own expression failed is `broken`: expressions that use it fail silently, for the cause is reported.
    """

    def __init__(self, document: Document, budget: Budget) -> None:
        super().__init__(SourceMap(document.without_value()))
        self.document = document
        self.budget = budget
        self.broken: set[str] = set()
        self.row: Row | None = None
        """The item of a `for_each` whose entry is looked at."""
        self._rows: dict[tuple[int, int, str], list[tuple[Row, str]]] = {}
        self._failed_expressions: set[tuple[int, int]] = set(document.failed)
        for problem in document.problems:
            self.add(problem)
        self.unvalued: dict[FilePath, frozenset[str]] = {}
        """Where an expression gave null because a name of it has no value."""
        self.has_expressions = MARK in document.text

    def refuse(self, message: str, path: FilePath = (), hint: str = "", **more: Any) -> None:
        """Note a problem. What comes from items of a `for_each` is one for all of them, and names the first."""
        super().refuse(message, path, hint, **more)
        if self.row is not None:
            of_the_name = len(path) == 2
            written = path[1] if of_the_name else self._written(path)
            if of_the_name or "each" in names_in(written):
                line, column = more.get("at") or self.source_map.locate(path)
                self._rows.setdefault((line, column, message), []).append((self.row, str(written)))

    def _written(self, path: FilePath) -> Any:
        """What the file has at a path, or at the nearest place above it."""
        try:
            return reduce(getitem, self.source_map.origin(path), self.document.value)
        except (LookupError, TypeError):
            return None

    def stop_if_any(self) -> None:
        for key, rows in self._rows.items():
            (first, expression), more = rows[0], len({row.key for row, _ in rows}) - 1
            told = first.told(expression, self.document) + (f", and {more:,} more" if more else "")
            self._problems[key] = replace(self._problems[key], message=f"{key[2]} ({told})")
        self._rows.clear()
        super().stop_if_any()

    def _shown(self, path: FilePath) -> FilePath:
        origin = self.source_map.origin(path)
        return origin if origin[:1] == ("defaults",) else path

    def evaluated(
        self, value: Any, path: FilePath, names: Mapping[str, Any], failures: list[FilePath] | None = None
    ) -> Any:
        """A value with its expressions evaluated. What fails is noted (in `failures` too) and keeps its text.

        Raises InputError where the file makes more than a file may.
        """
        if not self.has_expressions:
            return value

        def failed(below: FilePath, message: str) -> None:
            place = (*path, *below)
            if failures is not None:
                failures.append(place)
            self._failed_expressions.add(self.source_map.locate(place))
            self.refuse_expression(message, place, reduce(getitem, below, value), names)

        with self.bounded(path):
            made = evaluate(value, names, failed, self.budget)
        self._note_nulls(value, made, path, names)
        return made

    @contextmanager
    def bounded(self, path: FilePath) -> Iterator[None]:
        """Where the budget ends inside, that is the last problem told, at the path. Raises InputError."""
        try:
            yield
        except OverBudgetError as error:
            self.row = None
            self.refuse(str(error), (*path, *error.path))
            self.stop_if_any()

    def refuse_expression(self, message: str, path: FilePath, value: Any, names: Mapping[str, Any]) -> None:
        """Note what is wrong with a value that holds expressions, unless a name that it uses is what is broken."""
        used = names_in(value)
        if self.broken and used & self.broken:
            return
        missing = _unvalued(used, names)
        variables = sorted(missing - _GIVEN)
        hint = f"{variables[0]} has no value here; --var {variables[0]}=VALUE gives it one" if variables else ""
        if not hint and "environment" in path[-2:-1]:
            hint = f"a template of its own goes into a file, which is taken as it is: {path[-1]}: {{file: NAME}}"
        self.refuse(message, path, hint, unvalued=missing)

    def _note_nulls(self, value: Any, made: Any, path: FilePath, names: Mapping[str, Any]) -> None:
        if isinstance(value, str):
            missing = _unvalued(names_in(value), names) if made is None else frozenset()
            if missing:
                self.unvalued[path] = missing
        elif isinstance(value, (dict, list)):
            for key in value if isinstance(value, dict) else range(len(value)):
                self._note_nulls(value[key], made[key], (*path, key), names)

    def failed(self, path: FilePath) -> bool:
        """Whether the value at a path is an expression that failed, so that its type says nothing."""
        return self.source_map.locate(path) in self._failed_expressions
