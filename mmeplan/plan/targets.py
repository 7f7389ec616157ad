"""Swaps that an autoscaler stands in the way of: a variant that it scales gets another instance type, or goes.

In: a plan, and whether Application Auto Scaling has a scalable target for each such variant. Out: findings, under the
ids of the rules that `--online` asks. The file says that somebody scales (`capacity: autoscaled`), now or when it was
applied last, so it is asked before models and configs are made for an update that SageMaker refuses.
Source: docs/sagemaker.md, "What an update does" (the developer guide's endpoint-scaling).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from mmeplan.diff import Action, Change
from mmeplan.diff.drift import owners_before
from mmeplan.diff.inputs import Inputs
from mmeplan.graph import Graph
from mmeplan.kinds import Resource, is_kind, kind_named
from mmeplan.kinds.endpoint_config import hosted_on
from mmeplan.kinds.scalable_target import variant_of
from mmeplan.live import LiveEndpoint, Snapshot
from mmeplan.plan.document import Plan
from mmeplan.plan.finding import Finding, Severity
from mmeplan.spec import FilePath, dotted, file_path

TYPE_CHANGES: Final = "ASC-16"
LEAVES: Final = "ASC-17"
SCALING_ACTION: Final = "application-autoscaling:DescribeScalableTargets"
_POOLS: Final = "instance pools"

_DEREGISTER: Final = (
    "aws application-autoscaling deregister-scalable-target --service-namespace sagemaker "
    "--resource-id endpoint/{}/variant/{} --scalable-dimension {}; then apply, and register it again with its policies"
)


@dataclass(frozen=True, slots=True)
class MovedVariant:
    """A live variant that a swap moves to another type, or removes (`after` is empty). `before` empty: not known."""

    address: str
    endpoint: str
    variant: str
    before: str
    after: str
    path: FilePath

    @property
    def place(self) -> tuple[str, str]:
        """What Application Auto Scaling knows it by."""
        return self.endpoint, self.variant


def moved_variants(graph: Graph, snapshot: Snapshot, plan: Plan) -> tuple[MovedVariant, ...]:
    """The variants that an autoscaler may be registered for, and that a swap of this plan moves or removes."""
    inputs = Inputs(graph, snapshot)
    found: list[MovedVariant] = []
    for change in plan.changes:
        endpoint = graph.resources.get(change.address)
        live = snapshot.endpoint(change.live_name) if change.live_name else None
        if change.action is Action.SWAP and endpoint is not None and live is not None:
            found += _moved(inputs, endpoint, live)
    taken = {(kind_named(c.kind).parent_in(c.live_name), c.live_name) for c in plan.changes if _is_taken_off(c)}
    off = {(endpoint, variant_of(name)) for endpoint, name in taken}
    return tuple(item for item in found if item.place not in off)


def _is_taken_off(change: Change) -> bool:
    """Whether the plan itself takes a scalable target off."""
    is_target = is_kind(change.kind) and any(parts for parts in kind_named(change.kind).carries)
    return is_target and change.action.deletes and bool(change.live_name)


def _moved(inputs: Inputs, endpoint: Resource, live: LiveEndpoint) -> Iterator[MovedVariant]:
    config = inputs.config_of(endpoint)
    if config is None:
        return
    seen = inputs.snapshot.endpoint_config(live.config)
    seen = seen if seen is not None and seen.is_present else None
    before = owners_before(inputs, endpoint, config, live, seen) if seen is not None else None
    if not (config.autoscaled | (before or frozenset())):
        return
    content = inputs.live_content(seen) if seen is not None else {}
    old, new = (
        {name: hosted_on(variant) or _POOLS for name, variant in held.get("ProductionVariants", {}).items()}
        for held in (content, config.content)
    )
    for variant in live.variants:
        was = old.get(variant.name, "serverless" if variant.is_serverless else "")
        becomes = new.get(variant.name, "")
        if becomes != was or not was:
            path = file_path(config.path, ("ProductionVariants", variant.name, "InstanceType")) if becomes else ()
            yield MovedVariant(endpoint.address, live.name, variant.name, was, becomes, path or endpoint.path)


def target_findings(
    graph: Graph, moved: Collection[MovedVariant], dimensions: Mapping[tuple[str, str], str], unknown: str = ""
) -> Iterator[Finding]:
    """An error for each moved variant with a scalable target (`dimensions`, by place); a warning where that's unknown.

    `unknown` says why.
    """
    for item in moved:
        dimension = dimensions.get(item.place)
        if not unknown and dimension is None:
            continue
        rule = TYPE_CHANGES if item.after else LEAVES
        what = f"{item.variant} of {item.endpoint}"
        moves = f"goes from {item.before or 'a type that is not known'} to {item.after}" if item.after else "is removed"
        if unknown:
            message = (
                f"the variant {what} {moves}, and whether it is registered with Application Auto Scaling is not known "
                f"({unknown}); while it is, SageMaker refuses the update, after model and config were made"
            )
            yield _finding(graph, rule, "warning", item, message, f"grant {SCALING_ACTION}, or look yourself")
            continue
        message = (
            f"the variant {what} {moves}, and it is registered with Application Auto Scaling: SageMaker refuses the "
            "update while it is"
        )
        help_text = _DEREGISTER.format(item.endpoint, item.variant, dimension)
        severity: Severity = "error" if item.before else "warning"  # of an unknown type it may be the same
        yield _finding(graph, rule, severity, item, message, help_text)


def _finding(graph: Graph, rule: str, severity: Severity, item: MovedVariant, message: str, help_text: str) -> Finding:
    source = graph.fleet.source_map
    line, column = source.locate(item.path) if item.path else (0, 0)
    file = source.file if item.path else ""
    return Finding(rule, severity, item.address, dotted(item.path), message, help_text, "", file, line, column)
