"""Rules about creation, and what is live already: a model or config that stands is not asked to be creatable today.

In: findings, the graph, what a diff says of it. Out: findings, some with a lower severity. A model and an endpoint
config can't be changed: what is live with the very content of its entry was accepted when it was made. A company's own
rules, rules about `allow`, and tags (which a plan writes) are asked of everything.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from mmeplan.diff import Action, Change, declared_changes
from mmeplan.graph import Graph
from mmeplan.kinds.resource import Resource
from mmeplan.plan.finding import Finding
from mmeplan.rules.registry import ALL_RULES
from mmeplan.spec import dotted

_OF_CREATION: Final = {rule.id: rule for rule in ALL_RULES if rule.basis != "own" and rule.id != "RULE-00"}
_STANDS: Final = (Action.NO_OP, Action.TAG)
_SCALED: Final = frozenset(
    {"initial_instance_count", "initial_variant_weight", "max_concurrency", "provisioned_concurrency"}
)
"""What an endpoint changes in place: what a rule says of it is about the change, not about what is live."""
_STARTS: Final = (Action.CREATE, Action.SWAP, Action.DELETE_THEN_CREATE, Action.RENAME)

STANDS: Final = "what is live has this very content and stays, though it could not be created so today"
UNTIL: Final = "what is live goes on until it is started anew"
ADOPTED: Final = (
    "a plan lets it pass where what is live has this very content, and refuses it where it would be created"
)


def may_stand(finding: Finding, graph: Graph) -> bool:
    """Whether this error is about creating something that may be live already."""
    resource = graph.resources.get(finding.address)
    if finding.severity != "error" or finding.rule not in _OF_CREATION or resource is None:
        return False
    tags = dotted((*resource.entry.path, "tags"))
    return resource.kind != "endpoint" and not (finding.path == tags or finding.path.startswith(f"{tags}."))


def standing(findings: Iterable[Finding], graph: Graph, changes: Sequence[Change]) -> tuple[Finding, ...]:
    """The findings, those about creating what stands already as notes.

    What other services say of it (stage `online`) is a warning: nothing is created, and instances may be started later.
    A config on which an endpoint is started does not stand, for neither kind; nor do counts and weights that a change
    in place sets.
    """
    actions = {at: change.action for at, change in declared_changes(graph, changes).items()}
    return tuple(
        _lowered(finding) if may_stand(finding, graph) and _stands(graph, finding, actions) else finding
        for finding in findings
    )


def without_live(findings: Iterable[Finding], graph: Graph) -> tuple[Finding, ...]:
    """The findings where nobody knows what is live: those about creating what an entry says to adopt are warnings."""
    return tuple(
        replace(finding, severity="warning", message=f"{finding.message}; {ADOPTED}")
        if may_stand(finding, graph) and _adopts(graph, graph.resources[finding.address])
        else finding
        for finding in findings
    )


def _lowered(finding: Finding) -> Finding:
    if _OF_CREATION[finding.rule].stage == "online":
        return replace(finding, severity="warning", message=f"{finding.message}; {UNTIL}")
    return replace(finding, severity="note", message=f"{finding.message}; {STANDS}")


def _stands(graph: Graph, finding: Finding, actions: Mapping[str, Action]) -> bool:
    at = finding.address
    if actions.get(at) not in _STANDS:
        return False
    of_request = _OF_CREATION[finding.rule].stage == "static"
    if of_request and graph.resources[at].kind == "model":
        return True  # a config that is made anew refers to a model that is there
    scales = not of_request or finding.path.rpartition(".")[2] in _SCALED
    starts = (*_STARTS, Action.SCALE) if scales else _STARTS
    return not any(actions.get(user) in starts for user in graph.closure_of_dependents(at))


def _adopts(graph: Graph, resource: Resource) -> bool:
    """Whether the entry says that what it describes is live: itself, or the endpoint in which it stands."""
    holders = (graph.resources[at].entry for at in graph.dependents(resource.address))
    return resource.entry.adopt or any(entry.adopt and entry.config is resource.entry for entry in holders)
