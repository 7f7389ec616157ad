"""plan: changes → `Plan`. Steps, gates, targets, traffic, locations, staleness data; same inputs, same bytes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any, Final

from mmeplan import __version__, history
from mmeplan.canonical import Canonical
from mmeplan.diff import VARIANTS_DIFFER, Action, Change, Difference, Refusal, VariantTraffic, diff
from mmeplan.diff.demand import keeps_counts
from mmeplan.diff.inputs import Inputs
from mmeplan.errors import InputError, Problem
from mmeplan.graph import Graph
from mmeplan.identity import ADDRESS_TAG, UNSEALED_TAGS
from mmeplan.kinds import Resource, kind_named
from mmeplan.kinds.endpoint import with_live_desires
from mmeplan.kinds.endpoint_config import hosted_on, launched_count
from mmeplan.live import LiveEndpoint, Ownership, Snapshot
from mmeplan.plan.capacity import planned_capacity
from mmeplan.plan.cost import cost_of
from mmeplan.plan.document import (
    Observed,
    Options,
    Plan,
    SourceFile,
    format_of,
    summary_of,
    touched,
)
from mmeplan.plan.encoding import with_id
from mmeplan.plan.finding import Finding
from mmeplan.plan.gates import capacity_findings, gate_findings
from mmeplan.plan.instances import Counting
from mmeplan.plan.places import location, planned_fields
from mmeplan.plan.pools import kinds_of
from mmeplan.plan.rollout import deployment_by, rollout_text, share_text, traffic_shares
from mmeplan.plan.steps import StepBuilder
from mmeplan.spec import Quota


def build(
    graph: Graph,
    snapshot: Snapshot,
    *,
    created_at: str,
    findings: Sequence[Finding] = (),
    options: Options | None = None,
    commit: str | None = None,
    quotas: Mapping[str, Quota] | None = None,
) -> Plan:
    """The plan that makes what is live into what the file says.

    `findings` are those of `rules.check`; the gates and the file's policies add theirs. `commit` is the git commit of
    the file, where that is known; `quotas` are those that the account has, beside the file's own: the lower one counts.
    Raises InputError for a target that doesn't exist.
    """
    options = options or Options()
    difference = _as_asked(diff(graph, snapshot, options.targets, prune=options.prune_artifacts), options)
    changes = _targeted(graph, snapshot, difference, options.targets)
    steps = StepBuilder(graph, snapshot, difference.kept, prune=options.prune_artifacts).build(changes)
    planned = planned_capacity(graph, snapshot, steps, _lower(graph.fleet.quotas, quotas or {}), options.parallelism)
    prices = graph.fleet.prices
    cost = cost_of(Counting(graph, snapshot), planned.steps, planned.capacity, prices) if prices else None
    gates = gate_findings(graph, snapshot, changes, options)
    all_findings = (*findings, *gates, *capacity_findings(graph, planned.overruns))
    refused = any(finding.severity == "error" for finding in all_findings)
    errored = bool(snapshot.inventory_error or snapshot.unreadable())
    plan = Plan(
        tool_version=__version__,
        created_at=created_at,
        fleet=graph.fleet.name,
        environment=graph.fleet.environment or "",
        account=snapshot.account,
        region=snapshot.region,
        source=tuple(SourceFile(source.path, source.sha256) for source in graph.fleet.sources),
        options=options,
        snapshot=Observed(snapshot.observed_at, snapshot.digest(), _fingerprints(snapshot, changes)),
        summary=summary_of(changes),
        changes=tuple(_planned(graph, snapshot, change, difference.kept.get(change.address, ())) for change in changes),
        steps=planned.steps,
        drift=tuple(
            replace(item, fields=planned_fields(graph, graph.resources[item.address], item.fields))
            for item in difference.drift
        ),
        findings=all_findings,
        kept=difference.kept,
        complete=not errored and not options.targets,
        applyable=bool(steps) and not refused and not options.speculative and not options.is_behind,
        errored=errored,
        capacity=planned.capacity,
        commit=commit,
        format_version=format_of(changes),
        cost=cost,
    )
    return with_id(_held_against_policies(graph, plan))


def _lower(declared: Mapping[str, Quota], account: Mapping[str, Quota]) -> dict[str, Quota]:
    """The lower of two quotas of each type, the declared one where they are equal."""
    both = {**account, **declared}
    return {kind: min(quota, account.get(kind, quota), key=lambda q: q.instances) for kind, quota in both.items()}


def _held_against_policies(graph: Graph, plan: Plan) -> Plan:
    if not graph.fleet.policies:
        return plan
    from mmeplan.plan.policies import policy_findings

    plan = replace(plan, findings=(*plan.findings, *policy_findings(graph.fleet, plan)))
    return replace(plan, applyable=plan.applyable and not plan.refused)


def _as_asked(difference: Difference, options: Options) -> Difference:
    """The difference under single-run options: what was rolled back is tried again; a rollback deletes nothing."""
    changes = difference.changes
    if options.retry_rolled_back:
        changes = tuple(replace(c, refusal="") if c.refused is Refusal.ROLLED_BACK else c for c in changes)
    if options.rollback:
        changes = _rollback_changes(changes, options)
    if options.behind:
        changes = tuple(
            _left_alone(change, options) if change.address in options.behind else change for change in changes
        )
    if options.destroy:
        changes = tuple(replace(c, explanation=_DESTROYED[c.action]) if c.action in _DESTROYED else c for c in changes)
    return replace(difference, changes=changes)


_DESTROYED: Final = {
    Action.DELETE: "destroy was asked for",
    Action.FORGET: "stays live, no longer managed, as on_remove: retain says",
}
"""What is said of a change that comes of no entry that left the file."""


def _left_alone(change: Change, options: Options) -> Change:
    """What the file lacks because the branch is behind is not removed."""
    note = f"this entry is on {options.base}; the branch is behind"
    return replace(
        change,
        action=Action.NO_OP,
        reason="same",
        effect="none",
        explanation=note,
        adopts=False,
        fields=(),
        causes=(),
        tags_added={},
        tags_removed=(),
        notes=(note,),
        refusal="",
        refused=None,
        outage=None,
        once=(),
    )


def _rollback_changes(changes: tuple[Change, ...], options: Options) -> tuple[Change, ...]:
    """What happens to the endpoint, and to the config to which it goes back; nothing where it does that already."""
    own = tuple(change for change in changes if change.address in options.targets)
    if all(change.action in (Action.NO_OP, Action.TAG) for change in own):
        note = f"what runs says the same as {options.rollback}, so there is nothing to go back to"
        return tuple(
            replace(
                change,
                action=Action.NO_OP,
                adopts=False,
                reason="same",
                tags_added={},
                tags_removed=(),
                notes=(note,),
            )
            for change in own
        )
    there = (c for c in changes if c.live_name == options.rollback and c.action is not Action.DELETE and c not in own)
    swapped = {change.live_name for change in own if change.is_swapped}
    parts = (c for c in changes if c.live_name and c.action.creates and _whose_part(c) in swapped)  # off, and back
    return tuple(sorted((*own, *there, *parts), key=lambda change: (change.address, change.name)))


def _whose_part(change: Change) -> str:
    """The name of what an object is part of in the end; empty where it is part of nothing."""
    kind, name, whose = kind_named(change.kind), change.live_name, ""
    while kind.listings is not None:
        kind, name = kind_named(kind.parent), kind.parent_in(name)
        whose = name
    return whose


def _targeted(graph: Graph, snapshot: Snapshot, difference: Difference, targets: Sequence[str]) -> tuple[Change, ...]:
    """The changes of the targets and of what they depend on; all of them where nothing is targeted."""
    if not targets:
        return difference.changes
    known = {change.address for change in difference.changes}
    missing = [target for target in targets if target not in known]
    if missing:
        raise InputError([_unknown_address("--target", target, known) for target in missing])
    wanted = _with_parts(graph, graph.closure(targets))
    return tuple(
        change
        for change in difference.changes
        if change.address in wanted
        and not (_is_superseded(graph, change) and _still_needed(graph, change, wanted))
        and not (change.action is Action.PLACEHOLDER and _stands_in_for_nobody(graph, snapshot, change, wanted))
    )


def _with_parts(graph: Graph, wanted: frozenset[str]) -> frozenset[str]:
    """The addresses, and those of what is declared inside their entries: a swap takes it off and puts it back."""
    parts = {
        resource.address
        for resource in graph.resources.values()
        if kind_named(resource.kind).listings is not None and wanted.intersection(resource.dependencies())
    }
    return wanted if parts <= wanted else _with_parts(graph, wanted | parts)


def _is_superseded(graph: Graph, change: Change) -> bool:
    """Whether an older generation of a declared model or config is deleted."""
    return change.action is Action.DELETE and change.is_immutable and change.address in graph.resources


def _still_needed(graph: Graph, change: Change, wanted: frozenset[str]) -> bool:
    """Whether an older generation stays in use because not every endpoint that leaves it is targeted."""
    return not graph.closure_of_dependents(change.address) <= wanted


def _stands_in_for_nobody(graph: Graph, snapshot: Snapshot, change: Change, wanted: frozenset[str]) -> bool:
    """Whether a stand-in would be made although no endpoint that is to leave its config is targeted."""
    targeted = (graph.resources[at].physical_name for at in graph.dependents(change.address) if at in wanted)
    return all(live is None or live.config != change.live_name for live in map(snapshot.endpoint, targeted))


def _unknown_address(option: str, target: str, known: Iterable[str]) -> Problem:
    import difflib

    close = difflib.get_close_matches(target, sorted(known), n=1)
    hint = f"did you mean {close[0]}?" if close else "addresses look like endpoint/NAME; mmeplan graph lists them"
    return Problem(f"{option} {target}: no such address in this fleet", hint=hint)


def require_addresses(graph: Graph, options: Options) -> None:
    """Raises InputError for addresses of options that the fleet doesn't declare, or that can't be replaced."""
    given = (("--replace", options.replace), ("--allow-outage", options.allow_outage))
    missing = [(option, at) for option, addresses in given for at in addresses if at not in graph.resources]
    if missing:
        raise InputError([_unknown_address(option, at, graph.resources) for option, at in missing])
    wanted = graph.closure(options.targets) if options.targets else frozenset(options.replace)
    problems = [
        Problem(f"--replace {at}: --target leaves it out", hint=f"add --target {at}")
        for at in options.replace
        if at not in wanted
    ]
    for at in options.replace:
        problems += [
            Problem(
                f"--replace {at}: a fresh object needs a fresh name, and `name:` pins that of {pinned}",
                hint=f"drop `name:` of {pinned}, or give it another one",
            )
            for pinned in _pinned_with(graph, at)
        ]
    if problems:
        raise InputError(problems)


def _pinned_with(graph: Graph, at: str) -> list[str]:
    """The addresses with pinned names that a replacement would give another content: itself, or configs of a model."""
    resource = graph.resources[at]
    changed = [resource.config] if resource.config else [at, *graph.dependents(at)]
    return [address for address in changed if graph.resources[address].pinned]


def deleted(plan: Plan) -> list[tuple[str, str]]:
    """(kind, name) of what a plan deletes and others may use: models, configs, endpoints.

    So are models and configs that stand in its way and that a person may delete. All have to be looked for elsewhere.
    """
    named = [change for change in plan.changes if change.live_name]
    immutables = (c for c in named if c.is_immutable and (c.action is Action.DELETE or c.refused is Refusal.CONTENT))
    return [(c.kind, c.live_name) for c in (*immutables, *(c for c in named if c.is_swapped and c.action.deletes))]


def parts_deleted(plan: Plan) -> list[tuple[str, str]]:
    """(kind, name) of what is part of others and goes, or is made anew: what else is lost with it is looked for."""
    going = (c for c in plan.changes if c.live_name and (c.action.deletes or c.action is Action.CREATE))
    return [(change.kind, change.live_name) for change in going if kind_named(change.kind).listings]


def _fingerprints(snapshot: Snapshot, changes: tuple[Change, ...]) -> dict[str, str]:
    """What freshness compares before the first write: the objects that are changed, and those they were decided on."""
    found = ((f"{kind}/{name}", snapshot.fingerprint(kind, name)) for kind, name in touched(changes))
    return dict(sorted(found))


# --- changes as the document has them ---------------------------------------------------------------------------------


def _planned(graph: Graph, snapshot: Snapshot, change: Change, kept: tuple[str, ...]) -> Change:
    """The change as the document has it: with lines, relations and traffic, without what only steps need.

    `kept` are the superseded configs that stay for it.
    """
    resource = graph.resources.get(change.address)
    change = replace(
        change,
        location=location(graph, change.path),
        tags_before=_tags_before(snapshot, change),
        arn="",
        path=(),
        refused=None,
        outage=None,
        once=(),
    )
    if resource is None:
        return replace(change, fields=())
    if not change.action.leaves_fleet:
        change = replace(change, references=resource.dependencies())
    if change.fields:
        change = replace(change, fields=planned_fields(graph, resource, change.fields))
    if kept and not change.is_noop and change.name == resource.physical_name:
        live = snapshot.endpoint(change.live_name) if change.live_name else None
        doubts = history.doubts(Ownership(graph, snapshot), live, kept)
        more = f"not known whether {', '.join(doubts)} served it before: no rollback leads there unasked"
        change = replace(change, notes=(*change.notes, more)) if doubts else change
    if change.is_swapped and change.effect in ("create", "in_place", "traffic_shift", "outage"):
        change = replace(change, traffic=_traffic(graph, snapshot, resource, change))
    if change.effect == "traffic_shift":
        degraded = VARIANTS_DIFFER in change.notes
        live = snapshot.endpoint(change.live_name) if change.live_name else None
        deployment = deployment_by({**resource.request, **resource.update_options}, live)
        change = replace(change, rollout=rollout_text(deployment, degraded=degraded, variants=_variants(change)))
    return change


def _variants(change: Change) -> int:
    """How many production variants an endpoint has afterwards."""
    return sum(bool(item.share_after) for item in change.traffic)


def _tags_before(snapshot: Snapshot, change: Change) -> dict[str, str]:
    """The live values of the tags that are set or removed, and all tags of what is made anew.

    Without those that mmeplan keeps its books with.
    """
    live = snapshot.get(change.kind, change.live_name) if change.live_name else None
    if live is None or change.action.leaves_fleet:
        return {}
    books, tags = UNSEALED_TAGS - {ADDRESS_TAG}, sorted((live.tags or {}).items())
    shown = ({key for key, _ in tags} if change.action.creates else {*change.tags_added, *change.tags_removed}) - books
    return {key: value for key, value in tags if key in shown and not key.lower().startswith("aws:")}


def _traffic(graph: Graph, snapshot: Snapshot, endpoint: Resource, change: Change) -> tuple[VariantTraffic, ...]:
    at = endpoint.config
    if at is None:
        return ()
    config = graph.resources[at]
    live = snapshot.endpoint(change.live_name) if change.live_name else None
    joined = live is not None and live.pending_config == endpoint.request["EndpointConfigName"]
    before = _live_config(graph, snapshot, live.once_over if live is not None and not joined else live)
    before = before or _live_config(graph, snapshot, live)
    shares = (traffic_shares(before), traffic_shares(config.content))
    names = sorted({*before.get("ProductionVariants", {}), *config.content.get("ProductionVariants", {})})
    kept = config.counts_of_others if not change.action.creates and keeps_counts(endpoint) else frozenset()
    return tuple(_variant(name, before, config, shares, kept=name in kept) for name in names)


def _variant(
    name: str,
    before: Canonical,
    config: Resource,
    shares: tuple[dict[str, Fraction], dict[str, Fraction]],
    *,
    kept: bool,
) -> VariantTraffic:
    old: dict[str, Any] | None = before.get("ProductionVariants", {}).get(name)
    new: dict[str, Any] | None = config.content.get("ProductionVariants", {}).get(name)
    was, count = (old or {}).get("InitialInstanceCount"), launched_count(new) if new is not None else 0
    if kept and was is not None and new is not None and "ServerlessConfig" not in new:
        count = was
    autoscaled = kept and name in config.autoscaled and old is not None and new is not None
    return VariantTraffic(
        name,
        share_text(shares[0][name]) if name in shares[0] else "",
        share_text(shares[1][name]) if name in shares[1] else "",
        int(was or 0),
        int(count),
        hosted_on(new or {}),
        "" if was or hosted_on(old or {}) == hosted_on(new or {}) == "serverless" else hosted_on(old or {}),
        autoscaled and ("ServerlessConfig" in (old or {})) == ("ServerlessConfig" in (new or {})),
        kinds_of(new) if new and not hosted_on(new) else (),
    )


def _live_config(graph: Graph, snapshot: Snapshot, live: LiveEndpoint | None) -> Canonical:
    """The live config of an endpoint with its live counts and weights; empty where there is none.

    Of one that is gone, what DescribeEndpoint says of its variants.
    """
    if live is None or not live.is_present:
        return {}
    config = snapshot.endpoint_config(live.config)
    if config is None or not config.is_present:
        hosting: Canonical = {v.name: {"ServerlessConfig": {}} if v.is_serverless else {} for v in live.variants}
        return with_live_desires({"ProductionVariants": hosting}, live.describe)
    return with_live_desires(Inputs(graph, snapshot).live_content(config), live.describe)
