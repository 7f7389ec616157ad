"""What IAM policy documents and IAM's simulation say, as far as rules of stage `online` ask.

In: a policy's JSON, or answers of SimulatePrincipalPolicy. Out: whether an action is allowed. Conditions aren't
evaluated: an Allow with one counts, a Deny with one doesn't. What is found is certain, what isn't may still be refused.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from mmeplan.live.ports import Answer
from mmeplan.resources.base import ApiPath, Resource
from mmeplan.rules.facts import Config
from mmeplan.rules.online import Question, UnknownError

SIMULATED: Final = 50  # resources that one SimulatePrincipalPolicy is asked about

BY_IAM: Final = (
    "IAM's simulation looks at the role's own policies and boundary: what a bucket's or topic's policy grants besides "
    "isn't seen, so that this is a warning."
)
"""What pages of rules that ask IAM say."""

MUTE: Final = "execution_role_arn: arn:aws:iam::123456789012:role/mute"
"""A role of the examples that may do nothing."""

_ROLE: Final = re.compile(r"arn:([a-z-]+):iam::([0-9]{12}):role/.+")


@dataclass(frozen=True, slots=True)
class Role:
    """An execution role, by its ARN."""

    arn: str
    partition: str
    account: str


def role_of(request: Mapping[str, Any]) -> Role | None:
    """The execution role of a model's request; None where it isn't the ARN of one."""
    match = _ROLE.fullmatch(str(request.get("ExecutionRoleArn") or ""))
    return Role(match.group(), match.group(1), match.group(2)) if match else None


def roles_of(config: Config) -> list[Role]:
    """The execution roles of the models that a config's variants host."""
    roles = (role_of(model.request) for variant in config.variants for model in variant.models)
    return list(dict.fromkeys(role for role in roles if role is not None))


def permits(policy: str, action: str, resource: str, principals: Iterable[str] = ()) -> bool:
    """Whether a resource's policy lets one of these principals (ARNs; none: whoever is named) do it.

    Raises UnknownError where the text isn't a policy.
    """
    try:
        statements = _listed(json.loads(policy)["Statement"])
        whom = frozenset(principals)
        allowed = False
        for statement in statements:
            certain = statement["Effect"] == "Deny" and not statement.get("Condition")
            if (statement["Effect"] == "Allow" or certain) and _concerns(statement, action, resource, whom, certain):
                if certain:
                    return False
                allowed = True
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UnknownError("the policy can't be read") from None
    return allowed


def _concerns(statement: Any, action: str, resource: str, whom: frozenset[str], certain: bool) -> bool:
    return (
        _names(statement, "Action", action.lower(), fold=True)
        and _names(statement, "Resource", resource)
        and _is_for(statement, whom, certain)
    )


def _names(statement: Any, member: str, value: str, *, fold: bool = False) -> bool:
    patterns = _listed(statement.get(member) or statement.get(f"Not{member}") or "*")
    found = any(_matches(pattern.lower() if fold else pattern, value) for pattern in patterns)
    return found if member in statement or f"Not{member}" not in statement else not found


def _is_for(statement: Any, whom: frozenset[str], certain: bool) -> bool:
    principal = statement.get("Principal")
    if principal == "*":
        return True
    if not isinstance(principal, dict):
        return not certain  # NotPrincipal, or none at all: the benefit of the doubt
    named = _listed(principal.get("AWS") or ())
    return any(name == "*" or name in whom for name in named) or not (whom or certain)


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _matches(pattern: str, value: str) -> bool:
    return re.fullmatch(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), value, re.DOTALL) is not None


@dataclass(frozen=True, slots=True)
class Wish:
    """What a role should be allowed to do, and the place of the file that wants it."""

    resource: Resource
    path: ApiPath
    role: Role
    action: str
    arn: str


def simulations(wishes: Iterable[Wish]) -> Iterator[Question]:
    """Ask IAM: for each role and action one read for every `SIMULATED` resources, whoever wants them."""
    together: dict[tuple[Role, str], list[Wish]] = defaultdict(list)
    for wish in wishes:
        together[wish.role, wish.action].append(wish)
    for (role, action), alike in together.items():
        places = {arn: index for index, arn in enumerate(dict.fromkeys(wish.arn for wish in alike))}
        arns = list(places)
        for wish in alike:
            first = places[wish.arn] // SIMULATED * SIMULATED
            params = {
                "PolicySourceArn": role.arn,
                "ActionNames": [action],
                "ResourceArns": arns[first : first + SIMULATED],
            }
            yield Question(
                wish.resource,
                wish.path,
                wish.arn,
                "SimulatePrincipalPolicy",
                params,
                "EvaluationResults",
                (role.arn, action),
                _decisions,
            )


def refused(question: Question, answer: Answer) -> Iterator[str]:
    """What is wrong by a simulation. Raises UnknownError where IAM can't tell."""
    role, action = question.wanted
    if not answer:
        yield f"there is no role {role!r}"
        return
    decision = answer["decisions"].get(question.value)
    if decision is None or (decision != "allowed" and answer["lacking"]):
        asks = f": its policies ask for {', '.join(answer['lacking'])}" if answer["lacking"] else ""
        raise UnknownError(f"IAM's simulation doesn't tell whether {role!r} may {action}{asks}")
    if decision != "allowed":
        how = "deny" if decision == "explicitDeny" else "don't allow"
        yield f"the policies of {role!r} {how} {action} on {question.value!r}"


def _decisions(answer: Answer) -> Answer:
    """Decision by resource, and the context keys that the simulation lacked."""
    decisions: dict[str, str] = {}
    lacking: set[str] = set()
    for result in answer.get("EvaluationResults") or ():
        parts = result.get("ResourceSpecificResults") or ()
        decisions.setdefault(str(result.get("EvalResourceName")), str(result.get("EvalDecision")))
        lacking |= set(result.get("MissingContextValues") or ())
        for part in parts:
            decisions[str(part.get("EvalResourceName"))] = str(part.get("EvalResourceDecision"))
            lacking |= set(part.get("MissingContextValues") or ())
    return {"decisions": decisions, "lacking": sorted(lacking)}
