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
from urllib.parse import unquote

from mmeplan.kinds.resource import ApiPath, Resource
from mmeplan.live.ports import Answer
from mmeplan.rules.facts import Config
from mmeplan.rules.online import Question, UnknownError

SIMULATED: Final = 50  # resources that one SimulatePrincipalPolicy is asked about

BY_IAM: Final = (
    "IAM's simulation looks at the role's own policies and boundary: what a bucket's or topic's policy grants besides "
    "isn't seen, so that this is a warning."
)
"""What pages of rules that ask IAM say."""

MUTE: Final = "execution_role_arn: arn:aws:iam::123456789012:role/mute"
"""A role of the examples that may pull images and read archives, and nothing else."""
MUTE_MAY: Final = "The role may pull its image and read its archive, and nothing else."

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
    """What a role should be allowed to do, all of it, and the place of the file that wants it.

    `wanted` is what the rule keeps with the question.
    """

    resource: Resource
    path: ApiPath
    role: Role
    actions: tuple[str, ...]
    arn: str
    wanted: tuple[Any, ...] = ()


def simulations(wishes: Iterable[Wish]) -> Iterator[Question]:
    """Ask IAM: for each role and its actions one read for every `SIMULATED` resources, whoever wants them."""
    together: dict[tuple[Role, tuple[str, ...]], list[Wish]] = defaultdict(list)
    for wish in wishes:
        together[wish.role, wish.actions].append(wish)
    for (role, actions), alike in together.items():
        places = {arn: index for index, arn in enumerate(dict.fromkeys(wish.arn for wish in alike))}
        arns = list(places)
        for wish in alike:
            first = places[wish.arn] // SIMULATED * SIMULATED
            params = {
                "PolicySourceArn": role.arn,
                "ActionNames": list(actions),
                "ResourceArns": arns[first : first + SIMULATED],
            }
            yield Question(
                wish.resource,
                wish.path,
                wish.arn,
                "SimulatePrincipalPolicy",
                params,
                "EvaluationResults",
                (role.arn, actions, *wish.wanted),
                decisions,
            )


def refused(question: Question, answer: Answer) -> Iterator[str]:
    """What is wrong by a simulation. Raises UnknownError where IAM can't tell."""
    role, actions = question.wanted[:2]
    if not answer:
        yield f"there is no role {role!r}"
        return
    found: dict[str, str] = answer["decisions"].get(question.value) or {}
    wrong = [action for action in actions if found.get(action) != "allowed"]
    if any(action not in found for action in actions) or (wrong and answer["lacking"]):
        asks = f": its policies ask for {', '.join(answer['lacking'])}" if answer["lacking"] else ""
        raise UnknownError(f"IAM's simulation doesn't tell whether {role!r} may {' and '.join(actions)}{asks}")
    if wrong:
        how = "deny" if "explicitDeny" in (found[action] for action in wrong) else "don't allow"
        yield f"the policies of {role!r} {how} {' and '.join(wrong)} on {question.value!r}"


def decisions(answer: Answer) -> Answer:
    """Decision by resource and action, and the context keys that the simulation lacked."""
    found: dict[str, dict[str, str]] = {}
    lacking: set[str] = set()
    for result in answer.get("EvaluationResults") or ():
        action = str(result.get("EvalActionName"))
        parts = result.get("ResourceSpecificResults") or ()
        found.setdefault(str(result.get("EvalResourceName")), {})[action] = str(result.get("EvalDecision"))
        lacking |= set(result.get("MissingContextValues") or ())
        for part in parts:
            decision = str(part.get("EvalResourceDecision"))
            found.setdefault(str(part.get("EvalResourceName")), {})[action] = decision
            lacking |= set(part.get("MissingContextValues") or ())
    return {"decisions": found, "lacking": sorted(lacking)}


def trusts_sagemaker(document: Any) -> bool:
    """Whether a role's trust policy lets SageMaker assume it. Conditions aren't evaluated, and doubt is in its favour.

    `document` is what GetRole answers: a mapping, or its JSON, URL-encoded. Raises UnknownError where it's no policy.
    """
    try:
        policy = json.loads(unquote(document)) if isinstance(document, str) else document
        return any(_trusts(statement) for statement in _listed(policy["Statement"]))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UnknownError("the role's trust policy can't be read") from None


def _trusts(statement: Any) -> bool:
    if statement["Effect"] != "Allow" or not _names(statement, "Action", "sts:assumerole", fold=True):
        return False
    principal = statement.get("Principal")
    if not isinstance(principal, dict):
        return principal in (None, "*")  # NotPrincipal: the benefit of the doubt
    return any(name == "*" or name.startswith("sagemaker.") for name in _listed(principal.get("Service") or ()))
