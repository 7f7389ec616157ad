"""What is owned and no longer needed: entries that left the file, and generations that were superseded.

Deletion is decided here from what was seen; each delete is guarded again, right before the call, by a scan over *all*
live endpoints of the account (`apply`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from mmeplan import history
from mmeplan.aws.lifecycle import UPDATING
from mmeplan.diff.around import carried_by_others
from mmeplan.diff.changes import Action, Change, Reason, Refusal
from mmeplan.diff.components import user_among_components
from mmeplan.diff.demand import Demand
from mmeplan.diff.fields import claimed
from mmeplan.diff.in_place import left_over
from mmeplan.identity import ADDRESS_TAG, ENVIRONMENT_TAG, ON_REMOVE_TAG, OWN_PREFIX, PROTECT_TAG, address
from mmeplan.kinds import Resource, as_a, kind_named
from mmeplan.live import LiveEndpoint, LiveObject


@dataclass(frozen=True, slots=True)
class Removed:
    """The changes of what is owned and not needed. `kept` are the superseded configs that stay for a rollback, newest
    first, by endpoint address.
    """

    changes: tuple[Change, ...] = ()
    kept: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


Once = Mapping[str, tuple[tuple[str, str], ...]]
"""Name of a config → (endpoint, short digest) of configs under way: it is superseded once these have served."""


def removals(demand: Demand) -> Removed:
    """Nothing is removed while anything could not be read."""
    snapshot = demand.inputs.snapshot
    if snapshot.inventory_error or snapshot.unreadable():
        return Removed()
    endpoints = tuple(_endpoints(demand))
    running = _configs_that_run(demand)
    kept, once = _kept(demand, running)
    needed_configs = running.union(*kept.values())
    configs = tuple(_configs(demand, endpoints, needed_configs, once))
    staying = needed_configs | {change.live_name for change in configs if change.action is not Action.DELETE}
    declared = _needed_names(demand, "model")
    needed = declared.union(*(demand.inputs.models_in(config) for config in staying))
    models = tuple(_models(demand, configs, declared, needed, once))
    renamed = (*_renamed(demand, "endpoint_config", staying, configs), *_renamed(demand, "model", needed, models))
    moved = tuple(_moved(demand, kept))
    others = tuple(_in_place(demand, endpoints))
    changes = (*endpoints, *configs, *renamed, *moved, *models, *others)
    return Removed((*changes, *_claimed(demand, kept, changes)), kept)


def _endpoints(demand: Demand) -> Iterator[Change]:
    inputs = demand.inputs
    for live in inputs.owned("endpoint"):
        at = inputs.address_of(live)
        if live.name.lower() in inputs.declared_endpoints or live.name in demand.renamed:
            continue  # declared, whatever its tag says; or deleted by the rename itself
        if at in inputs.graph.resources:
            text = f"{at} has another name by now, and this one was left over"
            yield _remove(demand, live, at, "renamed_physically", text)
        else:
            yield _remove(demand, live, at, "removed", "its entry left the file")


def _in_place(demand: Demand, endpoints: Iterable[Change]) -> Iterator[Change]:
    """What is changed in place and has no entry of its name any more. It stays with an endpoint that is forgotten."""
    inputs = demand.inputs
    gone = {change.live_name for change in endpoints if change.action is Action.DELETE and not change.refusal}
    forgotten = _forgotten(endpoints)
    for live in left_over(inputs):
        at, root = inputs.address_of(live), inputs.root_of(live)
        if root.name in forgotten:
            yield from (_forget(live, at),) if kind_named(live.kind).is_tagged else ()
            continue
        others = carried_by_others(inputs, live) if root.name not in gone else []
        if others:
            refusal = (
                f"it carries {', '.join(others)}, which the file doesn't declare and which would be lost with it; "
                "delete that, or declare it, and plan again"
            )
            text = "its entry left the file"
            yield _change(live, at, "removed", text, Action.DELETE, refusal=refusal, refused=Refusal.CONFLICT)
            continue
        if at in inputs.graph.resources:
            text = f"{at} has another name by now, and this one was left over"
            yield _remove(demand, live, at, "renamed_physically", text)
        else:
            yield _remove(demand, live, at, "removed", "its entry left the file")


def _configs_that_run(demand: Demand) -> set[str]:
    """Configs that endpoints will run, and those of endpoints that aren't changed now or aren't ours to change."""
    inputs = demand.inputs
    names = set(demand.running.values()) | _needed_names(demand, "endpoint_config")
    for live in inputs.snapshot.endpoints():
        at = inputs.address_of(live) if inputs.owns(live) else ""
        unchanged = at in inputs.graph.resources and at not in demand.running
        if not inputs.owns(live) or unchanged:
            names.update(live.configs)
    return names


def _needed_names(demand: Demand, kind: str) -> set[str]:
    """Names of declared objects that are kept, created, or wait for an endpoint that can't be changed now."""
    names = set()
    for resource in demand.inputs.graph.of_kind(kind):
        serving = demand.serving.get(resource.address)
        if resource.address in demand.needed or not serving:
            names.add(resource.physical_name)
        if serving:
            names.add(serving)
    return names


def _kept(demand: Demand, running: set[str]) -> tuple[Mapping[str, tuple[str, ...]], Once]:
    """The superseded configs of each endpoint that stay for a rollback: the one just left first, then the newest.

    What is under way when the plan is made counts as having served. It may be rolled back, so what is superseded by it
    alone goes only once it is on record.
    """
    inputs, most = demand.inputs, demand.inputs.graph.fleet.retain
    kept: dict[str, tuple[str, ...]] = {}
    once: dict[str, tuple[tuple[str, str], ...]] = {}
    for endpoint in inputs.graph.of_kind("endpoint"):
        live = inputs.snapshot.endpoint(endpoint.physical_name)
        coming = history.coming(inputs, live if live is not None and live.is_present else None)
        found = [config.name for config in history.generations(inputs, endpoint, demand.renamed)]
        before = [name for name in found if name not in running]
        first = [coming.name] if coming is not None and coming.name not in running else []
        after = [*first, *(name for name in before if name not in first)]
        kept[endpoint.address] = tuple(after[:most])
        if coming is not None and live is not None and live.endpoint_status == UPDATING:
            for name in set(before[:most]) - set(after[:most]):
                once[name] = (*once.get(name, ()), (live.name, history.short_digest(coming)))
    return kept, once


def _configs(demand: Demand, endpoints: Iterable[Change], needed: set[str], once: Once) -> Iterator[Change]:
    """The configs that nothing needs any more, and those whose endpoint is forgotten."""
    inputs = demand.inputs
    forgotten = (inputs.snapshot.endpoint(name) for name in _forgotten(endpoints))
    left = {name for live in forgotten if live is not None for name in live.configs}
    rolled_back = history.rolled_back_configs(inputs)
    for live in inputs.owned("endpoint_config"):
        at = inputs.address_of(live)
        if live.name in needed or live.name in inputs.run_by_unclaimed:
            continue
        if live.name in left:
            yield _forget(live, at)
        elif at in inputs.graph.resources:
            text = _why_superseded(live, rolled_back)
            yield replace(_remove(demand, live, at, "superseded", text), once=once.get(live.name, ()))
        else:
            change = _remove(demand, live, at, "removed", "its entry left the file")
            yield replace(change, once=once.get(live.name, ()))


def _why_superseded(live: LiveObject, rolled_back: frozenset[str]) -> str:
    if history.is_placeholder(live):
        return "a placeholder for a config that was deleted, no longer needed"
    if live.name in rolled_back:
        return "never served: SageMaker rolled back the update to it"
    return "a superseded generation"


def _models(
    demand: Demand, configs: Iterable[Change], declared: set[str], needed: set[str], once: Once
) -> Iterator[Change]:
    inputs = demand.inputs
    waiting: dict[str, tuple[tuple[str, str], ...]] = {}
    for config, awaited in once.items():
        for model in inputs.models_in(config):
            waiting[model] = tuple(dict.fromkeys((*waiting.get(model, ()), *awaited)))
    left = {model for name in _forgotten(configs) for model in inputs.models_in(name)}
    for live in inputs.owned("model"):
        at = inputs.address_of(live)
        if live.name in inputs.run_by_unclaimed:
            continue
        if live.name in left and live.name not in declared:
            yield _forget(live, at)
        elif live.name not in needed:
            is_superseded = at in inputs.graph.resources
            text = "a superseded generation" if is_superseded else "its entry left the file"
            change = _remove(demand, live, at, "superseded" if is_superseded else "removed", text)
            yield replace(change, once=waiting.get(live.name, ()))


def _forgotten(changes: Iterable[Change]) -> set[str]:
    return {change.live_name for change in changes if change.action is Action.FORGET}


# --- kept generations that get another address ------------------------------------------------------------------------


def _renamed(demand: Demand, kind: str, staying: set[str], changes: Iterable[Change]) -> Iterator[Change]:
    """Kept generations of a renamed entry get its new address, so that `renamed_from` may be dropped one day."""
    inputs, forgotten = demand.inputs, _forgotten(changes)
    for live in inputs.owned(kind):
        old = live.tag(ADDRESS_TAG) or ""
        new = inputs.graph.moved.get(old)
        if new is None or live.name not in staying or live.name in forgotten:
            continue
        if live.name in (inputs.graph.resources[new].physical_name, demand.serving.get(new)):
            continue  # its own change says so
        yield _readdressed(live, new, f"a kept generation; its entry was renamed from {old}")


def _moved(demand: Demand, kept: Mapping[str, tuple[str, ...]]) -> Iterator[Change]:
    """A config that an endpoint leaves for one of another address is tagged as a generation of that endpoint.

    Otherwise the next plan would not know for whom it was kept, and delete it.
    """
    inputs = demand.inputs
    keeping: dict[str, list[Resource]] = {}
    for at, names in kept.items():
        for name in names:
            keeping.setdefault(name, []).append(inputs.graph.resources[at])
    for live in inputs.owned("endpoint_config"):
        endpoints, at = keeping.get(live.name, []), inputs.address_of(live)
        if endpoints and all(at not in history.config_addresses(inputs, endpoint, now=False) for endpoint in endpoints):
            new = address("endpoint_config", endpoints[0].name)
            yield _readdressed(live, new, f"a kept generation of {endpoints[0].address}, which leaves {at}")


def _claimed(demand: Demand, kept: Mapping[str, tuple[str, ...]], changes: Iterable[Change]) -> Iterator[Change]:
    """Unclaimed generations that stay for a rollback are claimed with their endpoint, and so are their models."""
    inputs, deployment = demand.inputs, demand.inputs.graph.deployment
    known = {(change.kind, change.live_name) for change in changes}
    known |= {(resource.kind, resource.physical_name) for resource in inputs.graph.resources.values()}
    known |= {(inputs.graph.resources[at].kind, name) for at, name in demand.serving.items()}
    configs = dict.fromkeys(name for names in kept.values() for name in names)
    models = dict.fromkeys(model for name in configs for model in sorted(inputs.models_in(name)))
    for kind, names in (("endpoint_config", configs), ("model", models)):
        for name in names:
            live = inputs.snapshot.get(kind, name)
            if live is not None and live.is_present and inputs.is_unclaimed(live) and (kind, name) not in known:
                added = {ENVIRONMENT_TAG: deployment.environment}
                text = f"a kept generation, {claimed(added)}"
                yield _change(live, inputs.address_of(live), "tags_changed", text, Action.TAG, tags_added=added)


def _readdressed(live: LiveObject, new: str, text: str) -> Change:
    return _change(live, new, "tags_changed", text, Action.TAG, tags_added={ADDRESS_TAG: new})


# --- changes ----------------------------------------------------------------------------------------------------------


def _remove(demand: Demand, live: LiveObject, at: str, reason: Reason, text: str) -> Change:
    user = demand.inputs.snapshot.users.get(f"{live.kind}/{live.name}")
    if user:
        note = f"{live.name} is no longer needed here, and kept: {user}, an endpoint of somebody else, uses it"
        return _change(live, at, "in_use", text, Action.NO_OP, notes=(note,))
    component = user_among_components(demand.inputs.snapshot, live)
    if component and kind_named(live.kind).is_immutable:
        note = f"{live.name} is no longer needed here, and kept: {component}"
        return _change(live, at, "in_use", text, Action.NO_OP, notes=(note,))
    if demand.inputs.is_unclaimed(live):
        to = demand.inputs.graph.deployment.environment
        note = (
            f"{live.name} isn't deleted: no environment has claimed it. The one that declares it does with its next "
            f"apply; `mmeplan move {at or address(live.kind, live.name)} --to {to}` hands it to this one"
        )
        return _change(live, at, "unclaimed", text, Action.NO_OP, notes=(note,))
    if reason == "removed" and live.tag(ON_REMOVE_TAG) == "retain":
        return _forget(live, at)
    if reason in ("removed", "renamed_physically") and live.tag(PROTECT_TAG) == "true":
        refusal = f"it is protected (its tag {PROTECT_TAG} says so); apply the entry with `protect: false` first"
        return _change(live, at, reason, text, Action.DELETE, refusal=refusal, refused=Refusal.PROTECTED)
    endpoint = as_a(live, LiveEndpoint)
    notes = history.busy_notes(endpoint) if endpoint else ()
    return _change(live, at, reason, text, Action.DELETE, notes=notes)


def _forget(live: LiveObject, at: str) -> Change:
    text = "left the file with on_remove: retain; stays live, no longer managed"
    keys = tuple(sorted(key for key in live.tags or {} if key.startswith(OWN_PREFIX)))
    return _change(live, at, "retained", text, Action.FORGET, tags_removed=keys)


def _change(live: LiveObject, at: str, reason: Reason, text: str, action: Action, **more: Any) -> Change:
    return Change(
        address=at or address(live.kind, live.name),
        kind=live.kind,
        action=action,
        reason=reason,
        effect="delete" if kind_named(live.kind).is_swapped and action is Action.DELETE else "none",
        name=live.name,
        explanation=text,
        live_name=live.name,
        arn=live.arn,
        **more,
    )
