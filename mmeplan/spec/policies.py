"""`policies`: what a plan must be like, as CEL expressions over the plan document; read, compiled and evaluated.

In: the validated value of the key `policies`. Out: `Policy`s whose expressions compile, or problems at the place inside
the expression. `plan.policies` evaluates them.

CEL itself, and what bounds it, is in cel.py.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from mmeplan.installing import how_to_add
from mmeplan.spec.cel import CelMissingError, CelSyntaxError, Expression
from mmeplan.spec.fleet import Policy
from mmeplan.spec.problems import Refusals

POLICY_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")
MAX_POLICIES: Final = 100
MISSING: Final = "policies need CEL, which isn't installed"
_EXTRA: Final = "policies"
_PACKAGE: Final = "cel-expr-python"


def read_policies(value: Mapping[str, Any] | None, refusals: Refusals) -> tuple[Policy, ...]:
    """The policies of a validated file. Problems go to `refusals`."""
    if len(value or {}) > MAX_POLICIES:
        refusals.refuse(f"more than {MAX_POLICIES} policies", ("policies",))
        return ()
    made: list[Policy] = []
    for name, item in (value or {}).items():
        if not POLICY_NAME.fullmatch(name):
            refusals.refuse(
                f"{name!r} can't be a policy's name: a-z, 0-9 and - between, at most 40", ("policies", name)
            )
        elif item is None or not str(item["message"]).strip():
            refusals.refuse("a policy needs an expression and a message", ("policies", name))
        else:
            each = item.get("each")
            policy = Policy(name, item["expression"], item["message"], item.get("severity") or "error", each)
            if not _compiles(policy, refusals):
                return tuple(made)
            made.append(policy)
    return tuple(made)


def _compiles(policy: Policy, refusals: Refusals) -> bool:
    """Note what is wrong with the expression. False where no other needs to be looked at either."""
    try:
        Expression(policy.expression, policy.names)
    except CelSyntaxError as error:
        path = ("policies", policy.name, "expression")
        place = _place(policy.expression, error.line, error.column, refusals, path)
        hint = f"it may use {' and '.join(policy.names)}" if "undeclared" in str(error) else ""
        refusals.refuse(f"the expression doesn't compile: {error}", path, hint, at=place)
    except CelMissingError:
        refusals.refuse(MISSING, ("policies",), how_to_add(_EXTRA, _PACKAGE))
        return False
    return True


def _place(
    expression: str, line: int, column: int, refusals: Refusals, path: tuple[str, ...]
) -> tuple[int, int] | None:
    """Where a line and column of the expression stand in the file; None where the file writes it in another way."""
    lines = expression.splitlines()
    if not line or not lines:
        return None
    if line > len(lines):  # it ends too early: at the end of what is there
        line, column = len(lines), len(lines[-1]) + 1
    wanted = lines[line - 1]
    first = refusals.source_map.locate(path)[0]
    found = 0
    for number in range(first, first + len(lines) + 2):
        start = refusals.document.line(number).find(wanted.strip())
        if wanted.strip() and start >= 0:
            indent = len(wanted) - len(wanted.lstrip())
            found = start - indent + column
            return (number, max(1, found))
    return None
