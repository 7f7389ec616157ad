"""`mmeplan validate`: a fleet file held against the rules in each of its environments, equal findings once.

In: a path, and perhaps the one environment that is meant. Out: `Validated`. Reads the fleet file and its tables, and
calls nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Generic, TypeVar

from mmeplan.errors import InputError, Problem
from mmeplan.plan import Finding
from mmeplan.planning import Desired
from mmeplan.spec import FilePath, Fleet, FleetFile, SourceMap, VariableFile, dotted

INPUT: Final = "INPUT"
"""Stands in the place of a rule's id where a file can't be read as a fleet, or an environment can't be checked."""

_BY_ENVIRONMENT: Final = frozenset({"environment", "account"})
"""Names that get a value by the choice of an environment, and by nothing else."""

Told = TypeVar("Told", Finding, Problem)


@dataclass(frozen=True, slots=True)
class Found(Generic[Told]):
    """A finding or a problem, and the environments in which it was found; "" is the file without one.

    `told` is the same for people: its message says where it holds, unless that is everywhere.
    """

    item: Told
    environments: tuple[str, ...]
    told: Told


@dataclass(frozen=True, slots=True)
class Validated:
    """One file. `problems` keep it from being read as a fleet. `desired` is the fleet in the environment that was asked
    for, or without one; None where it can't be read.
    """

    findings: tuple[Found[Finding], ...] = ()
    problems: tuple[Found[Problem], ...] = ()
    desired: Desired | None = None
    source_map: SourceMap | None = field(default=None, repr=False)


def validate(
    path: str | Path,
    environment: str | None = None,
    variables: Mapping[str, str] | None = None,
    *,
    region: str | None = None,
    variable_files: Sequence[VariableFile] = (),
) -> Validated:
    """The findings of a file in this environment; without one, in each that it has, and as it stands without any.

    Where variables have no value, a note names them in the place of what follows from that. Nothing is said of the file
    without an environment where the choice of one gives the values.
    """
    try:
        file = FleetFile.read(path)
    except InputError as error:
        return Validated(problems=tuple(Found(problem, (), problem) for problem in error.problems))
    names = (environment,) if environment is not None else ("", *file.environments)

    def load(name: str) -> Fleet:
        return file.load(name or None, variables, region=region, variable_files=variable_files)

    looks = [_look(load, name, chosen_later=not name and len(names) > 1) for name in names]
    loaded = [look.environment for look in looks if look.desired is not None]
    read = [look.environment for look in looks if look.desired is not None or look.problems]
    found = _once(((look.environment, look.findings) for look in looks), loaded)
    found += [Found(note, (look.environment,), note) for look in looks for note in _note(file, look)]
    found.sort(key=lambda each: (each.item.line, each.item.column, each.item.rule, each.item.address))
    problems = _once(((look.environment, look.problems) for look in looks), read)
    problems.sort(key=lambda each: (each.item.line, each.item.column, each.item.message))
    return Validated(tuple(found), tuple(problems), looks[0].desired, file.source_map)


@dataclass(frozen=True, slots=True)
class _Look:
    """One environment. `unvalued` are the names whose lack of a value a note has to tell."""

    environment: str
    findings: Sequence[Finding] = ()
    problems: Sequence[Problem] = ()
    unvalued: frozenset[str] = frozenset()
    desired: Desired | None = None


def _look(load: Callable[[str], Fleet], name: str, *, chosen_later: bool) -> _Look:
    """The file in an environment. `chosen_later`: without one, and there are some to choose."""

    def given(names: Iterable[str]) -> frozenset[str]:
        """Those of the names without a value that may get one before a plan is made."""
        return frozenset(names) if chosen_later else frozenset(names) - _BY_ENVIRONMENT

    try:
        desired = Desired.of(load(name))
    except InputError as error:
        own = [problem for problem in error.problems if not given(problem.unvalued)]
        unvalued = frozenset().union(*(given(problem.unvalued) for problem in error.problems))
        return _Look(name, problems=own, unvalued=frozenset() if chosen_later else unvalued)
    missing = {finding: given(_missing(finding, desired.fleet)) for finding in desired.shown_findings}
    kept = [finding for finding, names in missing.items() if not names]
    unvalued = frozenset().union(*missing.values())
    return _Look(name, kept, unvalued=frozenset() if chosen_later else unvalued, desired=desired)


def _missing(finding: Finding, fleet: Fleet) -> frozenset[str]:
    """The names that leave empty what an error is about: its own place, or a member of it that its message names."""
    if finding.severity != "error" or not fleet.unvalued:
        return frozenset()

    def is_meant(place: FilePath) -> bool:
        at, holder = dotted(place), dotted(place[:-1])
        return at == finding.path or (holder == finding.path and f"`{place[-1]}`" in finding.message)

    return frozenset().union(*(names for place, names in fleet.unvalued.items() if is_meant(place)))


def _note(file: FleetFile, look: _Look) -> list[Finding]:
    """The note of an environment in which names have no value."""
    if not look.unvalued:
        return []
    names = sorted(look.unvalued)
    path: FilePath = ("environments", look.environment) if look.environment else ("variables",)
    line, column = file.source_map.locate(path)
    checked = "isn't checked in full" if look.desired is not None else "can't be checked"
    where = f"the environment {look.environment}" if look.environment else "the file"
    has = "has no value" if len(names) == 1 else "have no value"
    message = f"{where} {checked}: {', '.join(names)} {has}"
    options = " ".join("--region NAME" if name == "region" else f"--var {name}=VALUE" for name in names)
    help_text = f"{options} gives {'it one' if len(names) == 1 else 'them values'}"
    return [Finding(INPUT, "note", "", dotted(path), message, help_text, "", file.source_map.file, line, column)]


def _once(found: Iterable[tuple[str, Sequence[Told]]], of: Sequence[str]) -> list[Found[Told]]:
    """What was found, equal things once. `of` are all environments in which it could have been found."""
    grouped: dict[Told, list[str]] = {}
    for environment, items in found:
        for item in items:
            grouped.setdefault(item, []).append(environment)
    return [
        Found(item, tuple(where), item if len(where) == len(of) else _only_in(item, where))
        for item, where in grouped.items()
    ]


def _only_in(item: Told, environments: Sequence[str]) -> Told:
    """The same, with the environments in its message."""
    named = ", ".join(name for name in environments if name)
    where = " or ".join(part for part in ("without -e" * ("" in environments), f"in {named}" * bool(named)) if part)
    return replace(item, message=f"{item.message} (only {where})")
