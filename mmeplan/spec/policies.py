"""`policies`: what a plan must be like, as CEL expressions over the plan document; read, compiled and evaluated.

In: the validated value of the key `policies`. Out: `Policy`s whose expressions compile, or problems at the place inside
the expression. `plan.policies` evaluates them.

The only place that imports cel_expr_python, Google's own CEL (Common Expression Language), and only where a file has
policies. CEL has no loops but over what is there, no side effects and no way out. The library bounds what is left:
10,000 iterations an evaluation, nesting of 32, and regular expressions in linear time (RE2).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from mmeplan.spec.fleet import Policy
from mmeplan.spec.installing import how_to_add
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


# --- CEL --------------------------------------------------------------------------------------------------------------


MAX_EXPRESSION: Final = 4096  # characters; a policy that is longer is two
MAX_ITEMS: Final = 2000  # of a list that an expression sees: filter() and map() take the square of it in memory

_ERROR: Final = re.compile(r"ERROR: <input>:(\d+):(\d+): (.+)")
_CODE: Final = re.compile(r"^[A-Z_]+: | \[[A-Z_]+\]$")
_MISSING: Final = re.compile(r'Key not found in map : "(.*)"')
_NO_MEMBERS: Final = ("Applying SELECT to non-message type", "a member is asked of a value that has none, such as null")
_TOO_MUCH: Final = "Iteration budget exceeded"


class CelMissingError(Exception):
    """CEL isn't installed."""


class CelSyntaxError(Exception):
    """An expression that doesn't compile: why, and the line and column in it, from 1 (0: not known)."""

    def __init__(self, message: str, line: int = 0, column: int = 0) -> None:
        super().__init__(message)
        self.line = line
        self.column = column


class CelEvaluationError(Exception):
    """An expression that gives no true or false for these values: why."""


class Expression:
    """A compiled expression that is true or false."""

    def __init__(self, text: str, names: Sequence[str]) -> None:
        """Compile `text`, which may use these names. Raises CelSyntaxError, CelMissingError."""
        try:
            from cel_expr_python import cel
        except ImportError:
            raise CelMissingError from None
        if len(text) > MAX_EXPRESSION:
            raise CelSyntaxError(f"longer than {MAX_EXPRESSION:,} characters")
        if not text.isprintable() and any("\ud800" <= char <= "\udfff" for char in text):
            raise CelSyntaxError("half of a surrogate pair is no text")
        environment = cel.NewEnv(variables=dict.fromkeys(names, cel.Type.DYN))
        try:
            self._compiled = environment.compile(text)
        except RuntimeError as error:
            raise _syntax_error(str(error)) from None
        kind = self._compiled.return_type().name()
        if kind.upper() not in ("BOOL", "DYN"):
            raise CelSyntaxError(f"is a {kind.lower()}; expected true or false")

    def evaluate(self, values: Mapping[str, Any]) -> bool:
        """Whether it is true of these values. Raises CelEvaluationError."""
        try:
            result = self._compiled.eval(data=dict(values))
            kind, value = result.type().name().upper(), result.plain_value()
        except (RuntimeError, ValueError, TypeError, UnicodeError) as error:
            text = _plain(str(error))
            raise CelEvaluationError("takes more than 10,000 steps" if _TOO_MUCH in text else text) from None
        if isinstance(value, bool) and kind == "BOOL":
            return value
        raise CelEvaluationError(_plain(str(value)) if kind == "*ERROR*" or "ERROR" in kind else f"is {kind.lower()}")


def _syntax_error(text: str) -> CelSyntaxError:
    found = _ERROR.search(text)
    if found is None:
        return CelSyntaxError(_plain(text.splitlines()[0]))
    message = found[3].replace(" (in container '')", "")
    message = re.sub(r" expecting \{.*", "", message)
    return CelSyntaxError(_plain(message), max(0, int(found[1])), max(0, int(found[2])))


def _plain(text: str) -> str:
    """The sentence without the library's own codes."""
    text = _CODE.sub("", _CODE.sub("", text.strip()))
    if missing := _MISSING.fullmatch(text):
        return f"there is no {missing[1]}; ask with has(…) first"
    return text.replace(*_NO_MEMBERS) or "no reason was given"
