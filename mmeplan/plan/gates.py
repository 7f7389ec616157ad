"""Gates: what stops a plan although every request in it is valid. Each refusal is a Finding that names its line.

In: changes, options, the fleet. Out: findings of severity error. Where SageMaker's own rule is what refuses, the id is
that rule's (docs/rules/not-checked.md lists it); what is mmeplan's own promise has an id that begins with GATE.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final

from mmeplan.aws.variants import variants
from mmeplan.diff import Change, Outage, strays
from mmeplan.graph import Graph
from mmeplan.kinds import LiveArchives, Resource, as_a, kind_named
from mmeplan.kinds.artifacts import Declared
from mmeplan.live import Snapshot
from mmeplan.plan.capacity import Overrun
from mmeplan.plan.document import Options, ReservedCapacity
from mmeplan.plan.finding import Finding
from mmeplan.plan.instances import reservation_name
from mmeplan.spec import FilePath, ForEach, dotted, file_path

REFUSED: Final = "GATE-03"
OUTAGE: Final = "GATE-04"
MAX_CHANGE: Final = "GATE-08"
CAPACITY: Final = "GATE-09"
EMPTIED: Final = "GATE-10"
STRAYS: Final = "GATE-11"

DEFAULT_MAX_PERCENT: Final = 30  # of the endpoints that are live, where there are
DEFAULT_FROM: Final = 10  # or more of them

_SHOWN: Final = 5  # addresses in a message; the changes of the plan are all of them

_OUTAGES: Final[Mapping[Outage, str]] = {
    Outage.HOSTING: "SLS-12",
    Outage.ASYNC: "ASY-13",
    Outage.RENAMED: "DEL-08",
    Outage.FAILED: "EP-06",
}
"""Why a change is an outage → the rule because of which there is no way without one."""

OUTAGE_GATES: Final = frozenset({OUTAGE, *_OUTAGES.values()})
"""The ids with which an outage is refused."""


def gate_findings(graph: Graph, snapshot: Snapshot, changes: tuple[Change, ...], options: Options) -> Iterator[Finding]:
    """Every reason why this plan may not be applied."""
    fleet = graph.fleet
    if fleet.account and snapshot.account and fleet.account != snapshot.account:
        message = f"the fleet is bound to the account {fleet.account}, and these credentials are of {snapshot.account}"
        yield _finding(graph, "GATE-01", "", ("account",), message, "use --profile, or -e for another environment")
    if fleet.region and snapshot.region and fleet.region != snapshot.region:
        message = f"the fleet is bound to the region {fleet.region}, and the plan looks at {snapshot.region}"
        yield _finding(graph, "GATE-02", "", ("region",), message, "use --region, or a snapshot of that region")
    for change in changes:
        yield from _change_findings(graph, change, options)
    if not options.destroy:
        yield from _too_much(graph, snapshot, changes, max_change(options.max_change))
    yield from _emptied(graph, changes)
    for resource in graph.resources.values():
        live_archives = as_a(snapshot.get(resource.kind, resource.physical_name), LiveArchives)
        if live_archives is not None and resource.entry.artifacts is not None:
            yield from _strays(graph, resource, resource.entry.artifacts, live_archives)
    for live in snapshot.unreadable():
        needed = "; the plan may not be applied while this is unknown"
        yield _finding(
            graph,
            "GATE-06",
            f"{live.kind}/{live.name}",
            (),
            f"{live.kind} {live.name}: {live.error}{needed}",
            "grant the action to the caller",
        )
    if snapshot.inventory_error:
        message = f"what the fleet owns could not be listed, so nothing can be removed: {snapshot.inventory_error}"
        yield Finding(
            "GATE-07", "warning", "", "", message, "grant tag:GetResources, or sagemaker:List* and sagemaker:ListTags"
        )


def _strays(graph: Graph, resource: Resource, declared: Declared, live: LiveArchives) -> Iterator[Finding]:
    """Archives beneath a closed prefix that are neither declared nor an older generation of what is."""
    found = strays(declared, live)
    if found:
        more = f" and {len(found) - 1:,} more" if found[1:] else ""
        message = f"{found[0].stored.key}{more} beneath s3://{live.name} {'are' if more else 'is'} not declared"
        place = (*resource.path, "membership")
        advice = "declare it, remove it, or say membership: open"
        made = _finding(graph, STRAYS, resource.address, place, f"{message}, and the membership is closed", advice)
        yield replace(made, severity="warning")


def _change_findings(graph: Graph, change: Change, options: Options) -> Iterator[Finding]:
    resource = graph.resources.get(change.address)
    if change.refusal:
        rule = kind_named(change.kind).refusals.get(change.refused.value, REFUSED) if change.refused else REFUSED
        yield _finding(graph, rule, change.address, _path(resource), f"{change.address}: {change.refusal}", "")
    protected = resource is not None and resource.entry.protect
    if change.effect == "outage" and change.address not in options.allow_outage:
        message = f"{change.address} would be deleted and created, which is an outage: {change.explanation}"
        rule = _OUTAGES.get(change.outage, OUTAGE) if change.outage else OUTAGE
        yield _finding(graph, rule, change.address, _path(resource), message, f"--allow-outage {change.address}")
    if change.effect in ("outage", "delete") and protected:
        message = (
            f"{change.address} is protected, and this would {'recreate' if change.action.creates else 'delete'} it"
        )
        yield _finding(
            graph,
            "GATE-05",
            change.address,
            (*_path(resource), "protect"),
            message,
            "set protect: false and apply that first",
        )


@dataclass(frozen=True, slots=True)
class MaxChange:
    """How many of the live endpoints a plan may delete or recreate: a count, or a percentage of `at_least` or more."""

    count: int | None = None
    percent: Fraction | None = None
    at_least: int = 0

    def refuses(self, lost: int, live: int) -> bool:
        """Whether deleting or recreating `lost` of `live` endpoints is too much."""
        if self.count is not None:
            return lost > self.count
        return self.percent is not None and live >= self.at_least and lost * 100 > self.percent * live


def max_change(text: str) -> MaxChange:
    """`--max-change` as typed: `40%`, `2.5%` or `5`; empty for the default. Raises ValueError."""
    if not text:
        return MaxChange(percent=Fraction(DEFAULT_MAX_PERCENT), at_least=DEFAULT_FROM)
    number = text.removesuffix("%")
    if not number.replace(".", "", 1).isascii() or not number.replace(".", "", 1).isdigit():
        raise ValueError(f"{text!r}: expected a percentage such as 30%, or a number of endpoints")
    if number == text:
        if "." in number:
            raise ValueError(f"{text!r}: a number of endpoints is whole")
        return MaxChange(count=int(number))
    if Fraction(number) > 100:
        raise ValueError(f"{text!r}: more than all")
    return MaxChange(percent=Fraction(number))


def _too_much(graph: Graph, snapshot: Snapshot, changes: tuple[Change, ...], most: MaxChange) -> Iterator[Finding]:
    """The blast radius: a wrong file or a wrong environment shows as many endpoints that go at once."""
    lost = [c for c in changes if c.is_swapped and c.action.deletes and not c.refusal]
    live = sum(1 for _ in snapshot.endpoints())
    if not most.refuses(len(lost), live):
        return
    limit = f"{most.count}" if most.count is not None else f"{float(most.percent or 0):g} %"
    shown = ", ".join(change.address for change in lost[:_SHOWN]) + (", …" if len(lost) > _SHOWN else "")
    message = f"{len(lost)} of {live} endpoints would be deleted or recreated, and at most {limit} may be: {shown}"
    help_text = f"look whether this is the right file and environment; if it is: --max-change {len(lost)}"
    yield _finding(graph, MAX_CHANGE, "", (), message, help_text)


def _emptied(graph: Graph, changes: tuple[Change, ...]) -> Iterator[Finding]:
    """Entries that stand in the file, whose `for_each` gives nothing any more: a table that lost its rows reads so.

    A note where the entry says that it may come to nothing. What was made of an entry is known by its name.
    """
    lost: dict[ForEach, list[Change]] = {}
    for change in changes:
        if change.action.leaves_fleet and change.address not in graph.resources:
            entry = graph.fleet.made_by(change.kind, change.address.partition("/")[2])
            if entry is not None and not entry.items:
                lost.setdefault(entry, []).append(change)
    for entry, gone in lost.items():
        own = [change for change in gone if change.kind == entry.kind] or gone
        addresses = list(dict.fromkeys(change.address for change in own))
        shown = ", ".join(addresses[:_SHOWN]) + (", …" if len(addresses) > _SHOWN else "")
        ends = "be deleted" if any(change.action.deletes for change in gone) else "leave the fleet"
        source = f"{entry.file} has no items" if entry.file else "`for_each` gives nothing"
        what = f"{dotted(entry.path)}: {source}, and what was made of it"
        if entry.allow_empty:
            message = f"{what} will {ends}, as `allow_empty: true` says: {shown}"
            finding = _finding(graph, EMPTIED, entry.address, (*entry.path, "allow_empty"), message, "")
            yield replace(finding, severity="note")
            continue
        message = f"{what} would {ends}: {shown}"
        help_text = "put the items back; if all of it is to go, write `allow_empty: true` beside `for_each`"
        yield _finding(graph, EMPTIED, entry.address, (*entry.path, "for_each"), message, help_text)


def capacity_findings(graph: Graph, overruns: tuple[Overrun, ...]) -> Iterator[Finding]:
    """Every type that the rollout would need more of than its quota allows, in every order that was found."""
    for overrun in overruns:
        row = overrun.row
        if isinstance(row, ReservedCapacity):
            yield _beyond_reservation(graph, overrun, row)
            continue
        kind, quota = row.instance_type, row.quota or 0
        path = ("quotas", kind) if graph.fleet.source_map.document.position(("quotas", kind)) else ()
        allowed = f"the quota for endpoints is {quota} ({row.quota_source})"
        if row.after > quota:
            has = "has" if row.least_after is None else "may have up to"
            message = (
                f"after this plan the fleet {has} {row.after} × {kind}, and {allowed}; at the peak it has {row.peak}"
            )
            advice = f"ask for a quota of {row.peak}, or choose fewer instances or another type"
        else:
            message = f"the rollout has up to {row.peak} × {kind} at once, and {allowed}"
            alone = f"one endpoint at a time needs a quota of {overrun.alone}; " if overrun.alone < row.peak else ""
            if overrun.fits:
                alone = f"--parallelism {overrun.fits} would do; "
            advice = f"{alone}a quota of {row.peak} would do as it is planned, or a rolling_update_policy"
        yield _finding(graph, CAPACITY, "", path, message, advice)


def _beyond_reservation(graph: Graph, overrun: Overrun, row: ReservedCapacity) -> Finding:
    """A capacity reservation that the rollout would need more of than the fleet may have."""
    name, room = reservation_name(row.reservation), row.quota or 0
    when = (
        f"after this plan the fleet has {row.after}"
        if row.after > room
        else f"the rollout has up to {row.peak} at once"
    )
    message = (
        f"{when} in the capacity reservation {name}, and it has room for {room} (what the fleet uses of it, and what "
        "is free); SageMaker launches instances of such a variant nowhere else"
    )
    fits = f"--parallelism {overrun.fits} would do; " if overrun.fits else ""
    advice = (
        f"{fits}a reservation with room for {row.peak} would do, or drop `capacity_reservation_config` for this rollout"
    )
    return _finding(graph, CAPACITY, "", _reserving(graph, row.reservation), message, advice)


def _reserving(graph: Graph, arn: str) -> FilePath:
    """The place in the file of the first variant on a capacity reservation."""
    for config in graph.of_kind("endpoint_config"):
        for member, name, variant in variants(config.content):
            if (variant.get("CapacityReservationConfig") or {}).get("MlReservationArn") == arn:
                return file_path(config.path, (member, name, "CapacityReservationConfig"))
    return ()


def _path(resource: Resource | None) -> FilePath:
    return resource.path if resource else ()


def _finding(graph: Graph, rule: str, address: str, path: FilePath, message: str, help_text: str) -> Finding:
    source = graph.fleet.source_map
    line, column = source.locate(path) if path else (0, 0)
    file = source.file if path else ""
    return Finding(rule, "error", address, dotted(path), message, help_text, "", file, line, column)
