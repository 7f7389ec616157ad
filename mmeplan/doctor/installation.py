"""The installation: versions against what mmeplan declares, and its optional parts.

In: the metadata of installed distributions. Out: `CheckRow`s.
Sources: the Python Packaging User Guide, "Core metadata" (Requires-Dist, Requires-Python, Provides-Extra).
"""

from __future__ import annotations

import platform
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution, version
from itertools import zip_longest
from typing import Final

from mmeplan import __version__
from mmeplan.installing import how_to_add, how_to_update
from mmeplan.render import CheckRow, State

PURPOSES: Final[Mapping[str, str]] = {
    "policies": "`policies` of a fleet file",
    "signing": "plan --sign and apply --verify",
}
"""Optional part → what needs it."""

_SHOWN: Final = ("boto3", "botocore", "pydantic")
_DEVELOPING: Final = "dev"
_REQUIREMENT: Final = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?\s*\(?([^;)]*)\)?\s*(?:;(.*))?")
_EXTRA: Final = re.compile(r"extra\s*==\s*['\"]([^'\"]+)['\"]")
_LEAST: Final = re.compile(r">=\s*([0-9][0-9.]*)")


@dataclass(frozen=True, slots=True)
class _Needed:
    """A requirement: the package, the least version (empty: any), and the extra that it belongs to."""

    package: str
    least: str
    extra: str


def versions() -> Iterator[CheckRow]:
    """One row of what runs; one for each package that is missing or older than mmeplan's lower bound."""
    python = platform.python_version()
    try:
        mine = distribution("mmeplan")
    except PackageNotFoundError:
        said = (
            f"mmeplan {__version__} and Python {python}; it isn't installed as a package, so nothing tells its bounds"
        )
        yield CheckRow("versions", "skipped", said)
        return
    wrong = list(_too_old(mine, python))
    shown = [f"mmeplan {__version__}", f"Python {python}", *(f"{name} {_found(name)}" for name in _SHOWN)]
    listed = ", ".join(shown)
    yield CheckRow("versions", "ok", listed if wrong else f"{listed}: nothing is older than mmeplan needs")
    yield from wrong


def extras(used: Sequence[str] = ()) -> Iterator[CheckRow]:
    """The optional parts. One that the fleet uses and that isn't there is an error."""
    try:
        needed = [one for one in _needed(distribution("mmeplan")) if one.extra not in ("", _DEVELOPING)]
    except PackageNotFoundError:
        return
    for one in needed:
        purpose = PURPOSES.get(one.extra, "an optional part")
        found = _found(one.package)
        name = f"extra {one.extra}"
        if found and not _is_older(found, one.least):
            yield CheckRow(name, "ok", f"{one.package} {found}, for {purpose}")
            continue
        what = f"{found} is older than {one.least}" if found else "isn't installed"
        state: State = "error" if one.extra in used else "skipped"
        yield CheckRow(name, state, f"{one.package} {what}; for {purpose}", how_to_add(one.extra, one.package))


def _too_old(mine: Distribution, python: str) -> Iterator[CheckRow]:
    least = _LEAST.search(mine.metadata["Requires-Python"] or "")
    if least and _is_older(python, least[1]):
        said = f"Python {python} is older than {least[1]}, which mmeplan needs; install mmeplan with a newer Python"
        yield CheckRow("Python", "error", said)
    for one in _needed(mine):
        found = _found(one.package)
        if one.extra or (found and not _is_older(found, one.least)):
            continue
        what = f"{one.package} {found} is older than {one.least}" if found else f"{one.package} isn't installed"
        wanted = f"{one.package}>={one.least}" if one.least else one.package
        yield CheckRow(one.package, "error", f"{what}, which mmeplan needs", how_to_update(wanted))


def _needed(mine: Distribution) -> Iterator[_Needed]:
    for text in mine.requires or ():
        found = _REQUIREMENT.fullmatch(text)
        if found:
            extra, least = _EXTRA.search(found[3] or ""), _LEAST.search(found[2])
            yield _Needed(found[1], least[1] if least else "", extra[1] if extra else "")


def _found(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _is_older(found: str, least: str) -> bool:
    """Whether a version comes before another, by the numbers that they begin with."""
    pairs = zip_longest(_numbers(found), _numbers(least), fillvalue=0)
    return next((one < other for one, other in pairs if one != other), False)


def _numbers(text: str) -> list[int]:
    beginning = re.match(r"\d+(?:\.\d+)*", text)
    return [int(part) for part in beginning[0].split(".")] if beginning else []


def how_to_set_the_clock() -> str:
    """The command that lets this machine's clock follow the network's time."""
    return "sudo sntp -sS time.apple.com" if sys.platform == "darwin" else "sudo timedatectl set-ntp true"
