"""Trust policies of roles: who may assume one.

In: a policy document, and what is known of who asks. Out: whether it allows that. Conditions on strings are evaluated;
a document with anything else is refused, so that no condition is silently taken for one that holds.

Source: IAM User Guide, "IAM JSON policy elements: Condition operators" (String operators, …IfExists, keys that are
missing), "Set operators for multivalued context keys", "Policy evaluation logic" (an explicit deny wins).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from typing import Any, Final

from mmeplan.simulator.wire import ServiceError

EVERYBODY: Final = "*"

_OPERATOR: Final = re.compile(
    r"(?P<set>ForAnyValue:|ForAllValues:)?String(?P<no>Not)?(?P<how>Equals|EqualsIgnoreCase|Like)(?P<maybe>IfExists)?"
)
_MEMBERS: Final = frozenset({"Sid", "Effect", "Principal", "Action", "Condition"})


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement. `principals` are their names by type (`AWS`, `Federated`, `Service`)."""

    allows: bool
    principals: Mapping[str, list[str]]
    actions: list[str]
    conditions: list[tuple[re.Match[str], str, list[str]]]

    def applies(self, kind: str, names: Set[str], action: str, context: Mapping[str, list[str]]) -> bool:
        """Whether it is about this action of one who has these names, with these values of condition keys."""
        named = self.principals.get(kind, self.principals.get(EVERYBODY, []))
        return (
            any(name == EVERYBODY or name in names for name in named)
            and any(_like(wanted.lower(), action.lower()) for wanted in self.actions)
            and all(_holds(how, wanted, context.get(key, [])) for how, key, wanted in self.conditions)
        )


def statements(document: str) -> list[Statement]:
    """The statements of a policy. Raises ServiceError MalformedPolicyDocument where one can't be read or evaluated."""
    try:
        policy = json.loads(document)
    except (ValueError, RecursionError):
        raise _malformed("This policy contains invalid Json") from None
    found = policy.get("Statement") if isinstance(policy, dict) else None
    if not found or not all(isinstance(one, dict) for one in _listed(found)):
        raise _malformed("Syntax errors in policy.")
    return [_statement(one) for one in _listed(found)]


def allows(policy: list[Statement], kind: str, names: Set[str], action: str, context: Mapping[str, list[str]]) -> bool:
    """Whether a policy lets somebody with these names do that. The context's keys are in lower case."""
    about = [one for one in policy if one.applies(kind, names, action, context)]
    return bool(about) and all(one.allows for one in about)


def _statement(given: Mapping[str, Any]) -> Statement:
    unknown = given.keys() - _MEMBERS
    if unknown:
        raise _malformed(f"The simulated iam can not evaluate {min(unknown)}.")
    principal = given.get("Principal")
    principals = {EVERYBODY: [EVERYBODY]} if principal == EVERYBODY else principal
    if given.get("Effect") not in ("Allow", "Deny") or not isinstance(principals, dict):
        raise _malformed("Syntax errors in policy.")
    return Statement(
        given["Effect"] == "Allow",
        {str(kind): _texts(names) for kind, names in principals.items()},
        _texts(given.get("Action")),
        list(_conditions(given.get("Condition") or {})),
    )


def _conditions(given: Any) -> Iterator[tuple[re.Match[str], str, list[str]]]:
    if not isinstance(given, dict) or not all(isinstance(keys, dict) for keys in given.values()):
        raise _malformed("Syntax errors in policy.")
    for operator, keys in given.items():
        known = _OPERATOR.fullmatch(operator)
        if known is None:
            raise _malformed(f"The simulated iam can not evaluate {operator}.")
        for key, values in keys.items():
            wanted = _texts(values)
            if any("${" in value for value in wanted):
                raise _malformed("The simulated iam can not evaluate policy variables.")
            yield known, str(key).lower(), wanted


def _holds(operator: re.Match[str], wanted: list[str], values: list[str]) -> bool:
    negated, every = bool(operator["no"]), operator["set"] == "ForAllValues:"
    if not values:
        return every or (operator["set"] is None and (negated or bool(operator["maybe"])))
    fit = [any(_fits(operator["how"], one, value) for one in wanted) is not negated for value in values]
    return all(fit) if every or (negated and operator["set"] is None) else any(fit)


def _fits(how: str, wanted: str, value: str) -> bool:
    if how == "Like":
        return _like(wanted, value)
    return wanted == value or (how == "EqualsIgnoreCase" and wanted.lower() == value.lower())


def _like(pattern: str, value: str) -> bool:
    """`*` is any text, `?` any character."""
    parts = ({"*": ".*", "?": "."}.get(char, re.escape(char)) for char in pattern)
    return re.fullmatch("".join(parts), value, re.DOTALL) is not None


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _texts(value: Any) -> list[str]:
    found = _listed(value)
    if not found or not all(isinstance(one, str) for one in found):
        raise _malformed("Syntax errors in policy.")
    return found


def _malformed(message: str) -> ServiceError:
    return ServiceError("MalformedPolicyDocument", message)
