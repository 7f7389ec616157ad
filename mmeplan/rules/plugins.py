"""Rules of other packages: the entry-point group `mmeplan.rules`.

In: the entry points of the installed packages. Out: their rules, and a sentence for each package whose rules could not
be loaded. An entry point names a `Rule`, a class of one, or a sequence of either. Nothing is imported before somebody
asks; a broken package is a finding (RULE-00), never a crash. See examples/rules-package.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Collection, Iterable, Iterator
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final, get_args

from mmeplan.plan.finding import Severity
from mmeplan.rules.rule import Basis, Rule

GROUP: Final = "mmeplan.rules"
_ID = re.compile(r"[A-Z][A-Z0-9]*-[0-9]{2,}")
_TEXTS: Final = ("id", "title", "source", "why", "fix", "bad", "good")


@lru_cache(maxsize=1)
def third_party(taken: frozenset[str]) -> tuple[tuple[Rule, ...], tuple[str, ...]]:
    """(rules by id, what is wrong with packages of rules). `taken` are the ids that mmeplan's own rules have."""
    return load(sorted(entry_points(group=GROUP), key=lambda point: (point.name, point.value)), taken)


def load(points: Iterable[EntryPoint], taken: Collection[str]) -> tuple[tuple[Rule, ...], tuple[str, ...]]:
    """The rules of these entry points. An entry point counts as a whole, or not at all."""
    rules: dict[str, Rule] = {}
    broken = []
    for point in points:
        try:
            found = [_checked(rule, {*taken, *rules}) for rule in _instances(point.load())]
        except Exception as error:  # noqa: BLE001 - whatever somebody else's package does wrong is a finding
            package = f" of {point.dist.name}" if point.dist else ""
            broken.append(f"the rules {point.value!r}{package} can't be used: {type(error).__name__}: {error}")
        else:
            rules.update({rule.id: rule for rule in found})
    return tuple(rules[rule_id] for rule_id in sorted(rules)), tuple(broken)


def _instances(loaded: Any) -> Iterator[Rule]:
    if inspect.isclass(loaded) and issubclass(loaded, Rule):
        yield loaded()
    elif isinstance(loaded, Rule):
        yield loaded
    elif isinstance(loaded, (list, tuple)):
        for item in loaded:
            yield from _instances(item)
    else:
        raise TypeError(f"{loaded!r} is neither a Rule nor a sequence of rules")


def _checked(rule: Rule, taken: Collection[str]) -> Rule:
    """The rule, where it says everything that a finding and a page need. Raises ValueError."""
    for name in _TEXTS:
        if not isinstance(getattr(rule, name, None), str):
            raise ValueError(f"{type(rule).__name__} has no {name}")  # noqa: TRY004 - one error for all that is missing
    if not _ID.fullmatch(rule.id):
        raise ValueError(f"{rule.id!r} is not an id like ACME-01")
    if rule.id in taken:
        raise ValueError(f"there is a rule {rule.id} already")
    if getattr(rule, "severity", None) not in get_args(Severity):
        raise ValueError(f"{rule.id} has a severity other than error, warning and note")
    if getattr(rule, "basis", None) not in get_args(Basis):
        raise ValueError(f"{rule.id} has no basis; `policy` is for rules of your own")
    return rule
