"""From changes to the API calls that make them, in the only order there is: create → swap → verify → delete.

In: the diff's changes with graph and snapshot. Out: `Step`s. `explain`, `--dry-run` and `apply` all walk this list.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

from mmeplan.aws.lifecycle import DELETING
from mmeplan.canonical import Canonical
from mmeplan.diff import VARIANTS_DIFFER, Action, Change, Inputs, Refusal, doing_of, needs_it_off
from mmeplan.graph import Graph
from mmeplan.history import ServedRecords, config_addresses, is_placeholder, runs_its_own_config, served
from mmeplan.identity import (
    CARRIES_TAG,
    DIGEST_CHARS,
    DIGEST_TAG,
    ENVIRONMENT_TAG,
    FLEET_TAG,
    ROLLED_BACK_TAG,
    SERVED_TAG,
)
from mmeplan.identity import digest as content_digest
from mmeplan.kinds import ENDPOINT, ENDPOINT_CONFIG, MODEL, Kind, Resource, immutable_kinds, kind_named, kinds
from mmeplan.kinds.endpoint_config import stand_in
from mmeplan.live import LiveEndpoint, Ownership, Snapshot
from mmeplan.plan.gathered import steps_of as gathered_steps
from mmeplan.plan.rollout import (
    CREATE_TIMEOUT_S,
    DELETE_TIMEOUT_S,
    UPDATE_TIMEOUT_S,
    deployment_by,
    deployment_of,
    update_timeout_s,
)
from mmeplan.plan.scaling import fixed_desires, kept_desires, retention, scale_requests, set_by_swap, startup_s
from mmeplan.plan.step import (
    AsSeen,
    DesiresAsSeen,
    EndpointAsPlanned,
    EndpointNameIsFree,
    Gone,
    InService,
    NameIsFree,
    OnceInForce,
    PutBack,
    RunsConfig,
    Step,
    TagsOwnedBy,
    TakenOff,
    Unreferenced,
    follow_up,
)


class StepBuilder:
    """Builds the steps of one plan. Creation steps first, because swaps name them; deletions last."""

    def __init__(
        self, graph: Graph, snapshot: Snapshot, kept: Mapping[str, tuple[str, ...]], *, prune: bool = False
    ) -> None:
        self.graph = graph
        self.prune = prune
        self.snapshot = snapshot
        self.owned = Ownership(graph, snapshot)
        self.records = ServedRecords(self.owned, kept)
        self.stand_ins: dict[str, str] = {}  # config name → id of the step that makes a stand-in of that name
        self.steps: list[Step] = []
        self.creates: dict[str, str] = {}  # address → id of the step that creates its object
        self.leaves: dict[str, list[str]] = {}  # config name → ids of the steps after which an endpoint has left it
        self.forgets: list[str] = []  # ids of the steps that forget models and configs
        self.swaps: dict[str, set[str]] = {}  # address of an endpoint that is swapped → those of its generations
        self.own: dict[str, tuple[str, ...]] = {}  # address → ids of the last steps on its objects
        self.inner: dict[str, list[Change]] = {}  # endpoint name → changes of what is part of it, what refers first
        self.gone: dict[str, list[str]] = {}  # name → ids of the steps that delete what is part of an object
        self.restored: dict[str, list[str]] = {}  # endpoint name → ids of the steps that restore what is missing on it
        self.put_back: set[str] = set()  # addresses whose objects are created again after a swap, however it ends
        self.moves: dict[str, Change] = {}  # endpoint address → its change, where it is swapped or deleted

    def build(self, changes: tuple[Change, ...]) -> tuple[Step, ...]:
        """The steps of these changes. Changes that are refused have none."""
        live = [change for change in changes if not change.refusal]
        self.moves = {c.address: c for c in live if c.is_swapped and (c.action is Action.SWAP or c.action.deletes)}
        gathered = [self._gathered(c) for c in live if kind_named(c.kind).is_gathered and c.action is Action.UPDATE]
        for upload, _, _ in gathered:
            if upload is not None:
                self.creates[upload.address] = self._add(upload)
        for kind in immutable_kinds():
            for change in live:
                if change.kind == kind.name and not change.action.deletes:
                    self._immutable(change)
        for change in live:
            if change.action is Action.PLACEHOLDER:
                self._stand_in(change)
        endpoints = [change for change in live if change.is_swapped]
        moving = {c.live_name for c in endpoints if c.action is Action.SWAP or c.action.deletes} - {""}
        in_place = [(kind, c) for kind in kinds() for c in live if c.kind == kind.name and kind.is_changed_in_place]
        for kind, change in in_place:
            if self._is_restored_first(kind, change):
                self._in_place(kind, change)
                self.restored.setdefault(self._root(kind, change.name), []).extend(self.own[change.address])
            elif change.action is Action.FORGET:
                self.forgets.extend(self._tags(change))
        for kind, change in reversed(in_place):  # what refers to others goes before them
            root = self._root(kind, change.live_name) if change.action.deletes else ""
            if root in moving:
                self.inner.setdefault(root, []).append(change)
            elif change.action.deletes:
                self._delete_in_place(kind, change)
        for change in sorted(endpoints, key=lambda change: change.action is Action.DELETE):
            self._endpoint(change)
        for kind, change in in_place:
            if change.action is not Action.DELETE and change.address not in self.own:
                self._in_place(kind, change)
        for upload, publish, prune in gathered:
            self._publish_and_prune(upload, publish, prune)
        users = self._deleted_users(live)
        for kind in reversed([*immutable_kinds()]):
            for change in live:
                if _is_immutable_delete(change, kind.name):
                    self._delete_immutable(change, users)
        return tuple(self.steps)

    def _deleted_users(self, changes: list[Change]) -> dict[tuple[str, str], list[str]]:
        """(Kind, name) → ids of the steps that delete what refers to it: those go first."""
        users: dict[tuple[str, str], list[str]] = {}
        for change in changes:
            live = self.snapshot.get(change.kind, change.live_name)
            if change.is_immutable and change.action.deletes and live is not None:
                for needed in kind_named(live.kind).references(live.describe):
                    users.setdefault(needed, []).append(self._delete_id(change))
        return users

    # --- archives -----------------------------------------------------------------------------------------------------

    def _gathered(self, change: Change) -> tuple[Step | None, Step | None, Step | None]:
        resource = self.graph.resources[change.address]
        doing = doing_of(Inputs(self.graph, self.snapshot), resource, prune=self.prune)
        return gathered_steps(resource, doing, self.graph.deployment)

    def _publish_and_prune(self, upload: Step | None, publish: Step | None, prune: Step | None) -> None:
        """The pointer once the archives are there and their endpoints are swapped; what goes, at the end."""
        at = next(step.address for step in (upload, publish, prune) if step is not None)
        after = [upload.id] if upload is not None else []
        parents = [each for each in self.graph.resources if at in self.graph.beneath(each)]
        for parent in parents:
            for user in sorted(self.graph.closure_of_dependents(parent)):
                after += self.own.get(user, ())
        after = list(dict.fromkeys(after))
        if publish is not None:
            after = [self._add(replace(publish, after=tuple(after)))]
        if prune is not None:
            self._add(replace(prune, after=tuple(after)))

    def _add(self, step: Step) -> str:
        self.steps.append(step)
        return step.id

    # --- models and configs -------------------------------------------------------------------------------------------

    def _immutable(self, change: Change) -> None:
        if change.action is Action.CREATE:
            resource = self.graph.resources[change.address]
            operation = kind_named(change.kind).create_operation
            needed = (*self.graph.beneath(change.address), *resource.dependencies())
            after = tuple(self.creates[at] for at in needed if at in self.creates)
            step = Step(
                f"{operation}:{change.address}",
                change.address,
                operation,
                _with_tags(resource),
                after,
                guard=NameIsFree(change.kind, change.name, resource.digest, resource.salt, resource.pinned),
            )
            self.creates[change.address] = self._add(step)
        done = self._tags(change)
        if change.action is Action.FORGET:
            self.forgets.extend(done)

    def _stand_in(self, change: Change) -> None:
        """A config under the name of one that an endpoint still runs and somebody deleted."""
        config = self.graph.resources[change.address]
        live = next(live for live in self.snapshot.endpoints() if change.name == live.config)
        params, digest = stand_in(config, live.describe, change.name)
        after = tuple(self.creates[at] for at in config.dependencies() if at in self.creates)
        guard = NameIsFree("endpoint_config", change.name, digest)
        step_id = f"CreateEndpointConfig:{change.address}@{change.name}"
        step = Step(step_id, change.address, "CreateEndpointConfig", params, after, guard)
        self.stand_ins[change.name] = self._add(step)

    def _delete_immutable(self, change: Change, users: Mapping[tuple[str, str], list[str]]) -> None:
        kind = kind_named(change.kind)
        after = [*self.leaves.get(change.live_name, ()), *self._superseding(change)]
        after += users.get((change.kind, change.live_name), [])
        placeholders = () if kind.is_swapped_to else self._placeholders
        guard = Unreferenced(change.kind, change.live_name, self.graph.deployment, placeholders, change.once)
        step = Step(
            self._delete_id(change),
            change.address,
            kind.delete_operation,
            kind.named(change.live_name),
            tuple(dict.fromkeys(after)),
            guard=guard,
            effect=change.effect,
        )
        self._add(step)

    def _superseding(self, change: Change) -> tuple[str, ...]:
        """The steps by which endpoints get a newer generation than a config that goes: without them it stays one."""
        endpoints = (at for at in self.swaps if change.address in self.swaps[at])
        return tuple(step for at in endpoints for step in self.own.get(at, ()))

    @cached_property
    def _placeholders(self) -> tuple[str, ...]:
        """The configs that took the names of others and so don't say which models run; known once those have steps."""
        found = {config.name for config in self.snapshot.present("endpoint_config") if is_placeholder(config)}
        for live in self.snapshot.endpoints():
            config = self.snapshot.endpoint_config(live.config)
            if config is not None and not runs_its_own_config(live, config):
                found.add(config.name)
        return tuple(sorted({*self.stand_ins, *found}))

    def _delete_id(self, change: Change) -> str:
        return f"{kind_named(change.kind).delete_operation}:{change.address}@{change.live_name}"

    # --- what is changed in place -------------------------------------------------------------------------------------

    def _in_place(self, kind: Kind, change: Change) -> None:
        """Create or update, once what it refers to is there; then its tags."""
        resource = self.graph.resources.get(change.address)
        if resource is None:
            return  # its entry left the file, and it is unclaimed: left alone
        needed = resource.dependencies()
        after = tuple(self.creates[at] for at in needed if at in self.creates)
        own = (step for at in needed for step in self.own.get(at, ()))
        off = (self._delete_id(change),) if change.action is Action.DELETE_THEN_CREATE else ()
        after = tuple(dict.fromkeys((*after, *own, *off)))
        if change.action.creates or change.action is Action.UPDATE:
            operation = kind.create_operation if change.action.creates else kind.update_operation
            params = _with_tags(resource) if change.action.creates and kind.is_tagged else resource.request
            guard = self._as_seen(kind, change, resource.content)
            step = Step(f"{operation}:{change.address}", change.address, operation, params, after, guard)
            step = self._put_back(kind, change, step) if self._is_put_back(kind, change) else step
            after = (self._add(replace(step, effect=change.effect)),)
            if change.action.creates:
                self.creates[change.address] = after[0]
        after = (*after, *self.gone.get(change.name, ()))  # its record of them goes last
        self.own[change.address] = self._tags(change, after=after)

    def _delete_in_place(self, kind: Kind, change: Change, after: tuple[str, ...] = (), *, alone: bool = True) -> str:
        """`alone`: it stays where it carries something by then; not where the endpoint goes, and all that it has."""
        guard = replace(self._as_seen(kind, change, None), alone=alone and bool(kind.children or kind.carries))
        after = tuple(dict.fromkeys((*after, *self.gone.get(change.live_name, ()))))
        params, operation = kind.deletes(change.live_name), kind.delete_operation
        step = Step(self._delete_id(change), change.address, operation, params, after, guard, effect=change.effect)
        done = self._add(step)
        if kind.parent:
            self.gone.setdefault(kind.parent_in(change.live_name), []).append(done)
        return done

    # --- around the swap of what it is part of ------------------------------------------------------------------------

    def _root(self, kind: Kind, name: str) -> str:
        """The name of the endpoint that an object is part of; empty for none."""
        while kind.parent:
            kind, name = kind_named(kind.parent), kind.parent_in(name)
        return name if kind.is_swapped else ""

    def _is_restored_first(self, kind: Kind, change: Change) -> bool:
        """Whether it is missing on an endpoint that has what it is for, and no swap stands in its way."""
        return self._is_missing(kind, change) and self._stands_in_the_way(kind, change) is False

    def _is_missing(self, kind: Kind, change: Change) -> bool:
        """Whether its parent has it on record, and it isn't there: somebody deleted it, or an apply stopped."""
        if change.action is not Action.CREATE or change.live_name or not kind.parent:
            return False
        of, name = kind_named(kind.parent), kind.parent_in(change.name)
        parent, declared = self.snapshot.get(of.name, name), self.graph.declared(of.name, name)
        if parent is None or not parent.is_present:
            return declared is not None and declared.address in (*self.own, *self.put_back)
        record = (parent.tag(CARRIES_TAG) or "").split()
        return (kind.name if kind.is_tagged else kind.key_of(change.name)) in record

    def _stands_in_the_way(self, kind: Kind, change: Change) -> bool | None:
        """Whether the swap or the delete of its endpoint is refused while it is there; None where it can't be there."""
        found = self._live_root(kind, change)
        if found is None or not kind_named(found[0][0]).stands_on(found[0][1], found[2].describe):
            return None
        part, endpoint, live = found
        moves = self.moves.get(endpoint.address)
        return moves is not None and (moves.action.deletes or self._needs_it_off(part, endpoint, live))

    def _live_root(self, kind: Kind, change: Change) -> tuple[tuple[str, str], Resource, LiveEndpoint] | None:
        """((kind, name) of what is directly part of the endpoint, the endpoint, the live one) of a declared object."""
        part, name = kind, change.name
        while part.parent and not kind_named(part.parent).is_swapped:
            part, name = kind_named(part.parent), part.parent_in(name)
        endpoint = self.graph.declared(part.parent, part.parent_in(name)) if part.parent else None
        live = self.snapshot.endpoint(endpoint.physical_name) if endpoint is not None else None
        if endpoint is None or live is None or not live.is_present:
            return None
        return (part.name, name), endpoint, live

    def _needs_it_off(self, part: tuple[str, str], endpoint: Resource, live: LiveEndpoint) -> bool:
        return needs_it_off(Inputs(self.graph, self.snapshot), kind_named(part[0]), part[1], endpoint, live)

    def _is_put_back(self, kind: Kind, change: Change) -> bool:
        """Whether it is created again after a swap that it stands in the way of, however that ends."""
        parent = self.graph.declared(kind.parent, kind.parent_in(change.name)) if kind.parent else None
        is_part = parent is not None and parent.address in self.put_back and change.action is Action.CREATE
        is_missing = self._is_missing(kind, change) and self._stands_in_the_way(kind, change) is True
        if change.action is Action.DELETE_THEN_CREATE or is_part or is_missing:
            self.put_back.add(change.address)
        return change.address in self.put_back

    def _put_back(self, kind: Kind, change: Change, step: Step) -> Step:
        """The create as a step that follows the swap however it ends, once the endpoint is at rest."""
        assert isinstance(step.guard, AsSeen)
        found = self._live_root(kind, change)
        assert found is not None
        _, endpoint, live = found
        config = endpoint.request["EndpointConfigName"]
        timeout_s = UPDATE_TIMEOUT_S + startup_s(self.graph, endpoint)
        wait = InService(live.name, config, timeout_s)
        guard = PutBack(step.guard, live.name, config)
        step = replace(step, params={**self._unsaid(kind, change, step.guard.wanted), **step.params})
        is_part = kind_named(kind.parent).is_swapped  # what is part of that in turn follows it alone
        return replace(step, guard=guard, wait=wait, anyway=is_part)

    def _unsaid(self, kind: Kind, change: Change, wanted: Canonical | None) -> dict[str, Any]:
        """What a live object says that its entry leaves open, such as what is suspended of a target: that stays."""
        live = self.snapshot.get(kind.name, change.live_name) if change.live_name else None
        if live is None or wanted is None:
            return {}
        now = kind.content(live.describe)
        return {member: value for member, value in now.items() if member not in kind.aligned(wanted, now)}

    def _take_off(self, change: Change, endpoint: Resource | None, after: tuple[str, ...]) -> tuple[str, ...]:
        """What must be off before the endpoint is swapped or deleted, made right before it."""
        done: list[str] = []
        for inner in self.inner.get(change.live_name, ()):
            kind = kind_named(inner.kind)
            if endpoint is None or change.action is not Action.SWAP:
                done.append(self._delete_in_place(kind, inner, after, alone=False))
                continue
            config, seen = endpoint.request["EndpointConfigName"], self._as_seen(kind, inner, None)
            guard = TakenOff(seen, change.live_name, config, self._declared_parts(kind, inner.live_name))
            wait = InService(change.live_name, config, UPDATE_TIMEOUT_S + startup_s(self.graph, endpoint))
            after_it = tuple(dict.fromkeys((*after, *self.gone.get(inner.live_name, ()))))
            operation, params = kind.delete_operation, kind.deletes(inner.live_name)
            step = Step(self._delete_id(inner), inner.address, operation, params, after_it, guard, wait, inner.effect)
            done.append(self._add(step))
            self.gone.setdefault(kind.parent_in(inner.live_name), []).append(done[-1])
        return tuple(done)

    def _declared_parts(self, kind: Kind, name: str) -> tuple[str, ...]:
        """What an object carries that is the fleet's, in words: that is put back, or goes on purpose."""
        owned = (live for part in kind.children for live in self.owned.owned(part.name))
        return tuple(
            kind_named(live.kind).inner_words(live.name)
            for live in owned
            if kind_named(live.kind).parent_in(live.name) == name
        )

    def _as_seen(self, kind: Kind, change: Change, wanted: Canonical | None) -> AsSeen:
        live = self.snapshot.get(kind.name, change.live_name) if change.live_name else None
        seen = content_digest(kind.name, kind.content(live.describe)) if live is not None else ""
        return AsSeen(kind.name, change.live_name or change.name, self.graph.deployment, seen, wanted)

    # --- endpoints ----------------------------------------------------------------------------------------------------

    def _endpoint(self, change: Change) -> None:
        endpoint = self.graph.resources.get(change.address)
        live = self.snapshot.endpoint(change.live_name) if change.live_name else None
        if change.action in (Action.DELETE, Action.FORGET):
            self._remove_endpoint(change, live)
            return
        if endpoint is None:
            return  # its entry left the file, and it is unclaimed: left alone
        last: tuple[str, ...] = ()
        if change.adopts:
            last = self._tags(change, leave_out=(DIGEST_TAG,), more=self.records.at_adoption(endpoint, live))
        if change.action.creates:
            last = self._recreate(change, endpoint, live)
        elif change.action is Action.SWAP:
            last = self._swap(change, endpoint, live, last)
        elif change.action is Action.SCALE:
            requests = scale_requests(change.fields, fixed_desires(self.graph, endpoint))
            last = self._scale(change, endpoint, live, last, requests)
        elif change.action is Action.WAIT:
            last = self._wait_only(change, endpoint, live)
        if live is not None and last and change.live_name:
            for name in live.configs:
                self.leaves.setdefault(name, []).extend(last)
        self.own[change.address] = (*self.own.get(change.address, ()), *last)
        if change.action is Action.SWAP:
            self.swaps[change.address] = config_addresses(self.owned, endpoint)
        more: dict[str, str] = {}
        if live is not None and (change.effect == "traffic_shift" or DIGEST_TAG in change.tags_added):
            record = self.records.after(endpoint, live, swaps=change.effect == "traffic_shift")
            wanted = endpoint.request["EndpointConfigName"]
            known = change.effect != "traffic_shift" or not self.records.once_over(live, wanted)[0]
            more = {SERVED_TAG: record} if record and known else {}
        runs = endpoint.request["EndpointConfigName"] if more and change.effect == "traffic_shift" else ""
        self._tags(
            change,
            after=(*last, *self.gone.get(change.live_name, ())),
            only=(DIGEST_TAG,) if change.adopts else (),
            more=more,
            runs=runs,
        )

    def _recreate(self, change: Change, endpoint: Resource, live: LiveEndpoint | None) -> tuple[str, ...]:
        """Create; with a delete before it (Failed, hosting changed) or after it (a physical rename)."""
        ready = self._config_ready(endpoint)
        create_after, delete = ready, None
        if change.action is Action.DELETE_THEN_CREATE:
            ready = (*ready, *self._claim(change, live))
            delete = self._add(self._delete_endpoint(change, (*ready, *self._take_off(change, endpoint, ready))))
            create_after = (delete,)
        wanted = endpoint.request["EndpointConfigName"]
        seen = self.snapshot.endpoint(endpoint.physical_name)
        deleting = seen is not None and seen.endpoint_status == DELETING
        step = Step(
            f"CreateEndpoint:{change.address}",
            change.address,
            "CreateEndpoint",
            _with_tags(endpoint, {SERVED_TAG: self.records.after(endpoint, live)}),
            create_after,
            guard=EndpointNameIsFree(change.name, wanted, self.graph.deployment, deleting),
            wait=InService(change.name, wanted, CREATE_TIMEOUT_S + startup_s(self.graph, endpoint)),
            effect=change.effect,
        )
        done = self._add(step)
        if change.action is Action.RENAME:
            return (self._add(self._delete_endpoint(change, (done, *self._take_off(change, endpoint, (done,))))),)
        return (done,)

    def _claim(self, change: Change, live: LiveEndpoint | None) -> tuple[str, ...]:
        """An unclaimed endpoint is claimed before it is deleted to be created: a delete is only of what is ours."""
        if live is None or not self.owned.is_unclaimed(live):
            return ()
        deployment = self.graph.deployment
        adds = {ENVIRONMENT_TAG: deployment.environment}
        params = {"ResourceArn": change.arn, "Tags": ENDPOINT.tagging.written(adds)}
        guard = TagsOwnedBy("endpoint", change.live_name, change.arn, deployment, adds=adds)
        return (self._add(Step(f"AddTags:{change.address}#claim", change.address, "AddTags", params, (), guard)),)

    def _swap(
        self, change: Change, endpoint: Resource, live: LiveEndpoint | None, after: tuple[str, ...]
    ) -> tuple[str, ...]:
        wanted = endpoint.request["EndpointConfigName"]
        deployment = deployment_of(endpoint.request.get("DeploymentConfig"), renames=VARIANTS_DIFFER in change.notes)
        params: dict[str, Any] = {"EndpointName": change.name, "EndpointConfigName": wanted}
        if deployment:
            params["DeploymentConfig"] = deployment
        params.update(retention(endpoint, live))
        grows, rest = kept_desires(self.graph, endpoint, live)
        timeout_s = update_timeout_s(deployment_by(params, live)) + startup_s(self.graph, endpoint)
        ready = self._in_force_ready(change, live, wanted, timeout_s)
        after = self._scale(change, endpoint, live, (*after, *ready), grows)
        ready = (*after, *self._config_ready(endpoint), *self.restored.get(change.live_name, ()))
        after = (*ready, *self._take_off(change, endpoint, tuple(dict.fromkeys(ready))))
        desired = fixed_desires(self.graph, endpoint)
        # Back onto the config in force (an update of somebody else leads away from it): there the name alone tells
        # nothing, a rollback ends on it as well.
        back = live is not None and live.config == wanted
        proof = set_by_swap(desired, params) if back else []
        step = Step(
            f"UpdateEndpoint:{change.address}",
            change.address,
            "UpdateEndpoint",
            params,
            after,
            guard=RunsConfig(
                change.name,
                live.config if live else "",
                live.configs[-1] if live else "",
                self.graph.deployment,
                wanted,
                tuple(desired),
            ),
            wait=InService(change.name, wanted, timeout_s, tuple(proof)),
            effect=change.effect,
            on_rollback=() if back else self._on_rollback(change, endpoint, live),
        )
        done = (self._add(step),)
        return self._scale(change, endpoint, live, done, rest, config=wanted, already=len(grows))

    def _on_rollback(self, change: Change, endpoint: Resource, live: LiveEndpoint | None) -> tuple[Step, ...]:
        """What follows where SageMaker rolls the update back: a mark, and on request what was created for it goes."""
        if live is None:
            return ()
        wanted = endpoint.request["EndpointConfigName"]
        mark = {"ResourceArn": change.arn, "Tags": ENDPOINT.tagging.written({ROLLED_BACK_TAG: wanted})}
        calls: list[tuple[str, Mapping[str, Any]]] = [("AddTags", mark)]
        config = self.owned.config_of(endpoint)
        if config is not None and (config.address in self.creates or _never_served(change, live, config)):
            calls.append((ENDPOINT_CONFIG.delete_operation, {"EndpointConfigName": wanted}))
            models = [self.graph.resources[at] for at in config.dependencies() if at in self.creates]
            calls += [(MODEL.delete_operation, {"ModelName": model.physical_name}) for model in models]
        step_id, owner = f"UpdateEndpoint:{change.address}", self.graph.deployment
        return tuple(
            follow_up(step_id, change.address, number, operation, params, owner, on_request=operation != "AddTags")
            for number, (operation, params) in enumerate(calls, start=1)
        )

    def _in_force_ready(
        self, change: Change, live: LiveEndpoint | None, wanted: str, timeout_s: float
    ) -> tuple[str, ...]:
        """What must be done before the endpoint leaves its config: it has to exist, and be on record as having served.

        It isn't on record where an apply stopped right after the swap to it.
        """
        if live is None:
            return ()
        name = live.config
        ready = (self.stand_ins[name],) if name in self.stand_ins else ()
        value = self.records.overdue(live)
        if value:
            ready = (*ready, self._served(change, value))
        config, value = self.records.once_over(live, wanted)
        if not config:
            return ready
        wait = InService(change.live_name, config, timeout_s)
        return (*ready, self._served(change, value, wait, ready))

    def _served(self, change: Change, value: str, wait: InService | None = None, after: tuple[str, ...] = ()) -> str:
        """The step that writes a record; `wait`: once the update under way to its config has come into force."""
        params = {"ResourceArn": change.arn, "Tags": ENDPOINT.tagging.written({SERVED_TAG: value})}
        owner, adds, name = self.graph.deployment, {SERVED_TAG: value}, f"AddTags:{change.address}#served"
        if wait is None:
            guard = TagsOwnedBy("endpoint", change.live_name, change.arn, owner, adds=adds)
            return self._add(Step(name, change.address, "AddTags", params, after, guard))
        once = OnceInForce(change.live_name, change.arn, owner, wait.config, adds)
        return self._add(Step(f"{name}-since", change.address, "AddTags", params, after, once, wait))

    def _scale(
        self,
        change: Change,
        endpoint: Resource,
        live: LiveEndpoint | None,
        after: tuple[str, ...],
        requests: list[dict[str, Any]],
        config: str | None = None,
        already: int = 0,
    ) -> tuple[str, ...]:
        """UpdateEndpointWeightsAndCapacities, one after the other: all weights in one call, counts one variant a call.

        `config`: what it runs by then, if not what it runs or is moving to now; `already`: how many such calls precede.
        Source: the operation's documentation, "weight of one or more variants, or capacity of one variant".
        """
        in_force = config or (live.configs[-1] if live else "")
        timeout_s = UPDATE_TIMEOUT_S + startup_s(self.graph, endpoint)
        for number, request in enumerate(requests, start=1 + already):
            step = Step(
                f"UpdateEndpointWeightsAndCapacities:{change.address}#{number}",
                change.address,
                "UpdateEndpointWeightsAndCapacities",
                {"EndpointName": change.name, "DesiredWeightsAndCapacities": request["variants"]},
                after,
                guard=DesiresAsSeen(
                    change.name,
                    in_force,
                    self.graph.deployment,
                    tuple(request["variants"]),
                    request["before"],
                    tuple(request.get("holds", ())),
                ),
                wait=InService(change.name, in_force, timeout_s, tuple(request["variants"])),
                effect="in_place",
            )
            after = (self._add(step),)
        return after

    def _wait_only(self, change: Change, endpoint: Resource, live: LiveEndpoint | None) -> tuple[str, ...]:
        timeout_s = update_timeout_s(endpoint.request.get("DeploymentConfig")) + startup_s(self.graph, endpoint)
        config = live.config if live else ""
        step = Step(
            f"DescribeEndpoint:{change.address}",
            change.address,
            "DescribeEndpoint",
            {"EndpointName": change.name},
            wait=InService(change.name, config, timeout_s, tuple(fixed_desires(self.graph, endpoint))),
        )
        return (self._add(step),)

    def _remove_endpoint(self, change: Change, live: LiveEndpoint | None) -> None:
        if change.action is Action.FORGET:
            self._tags(change, after=tuple(self.forgets))  # last: what it runs is found through it
            return
        before = self.own.get(change.address, ())
        done = self._add(self._delete_endpoint(change, (*before, *self._take_off(change, None, before))))
        for name in live.configs if live else ():
            self.leaves.setdefault(name, []).append(done)

    def _delete_endpoint(self, change: Change, after: tuple[str, ...]) -> Step:
        live = self.snapshot.get("endpoint", change.live_name)
        return Step(
            f"DeleteEndpoint:{change.address}{self._suffix(change)}",
            change.address,
            "DeleteEndpoint",
            {"EndpointName": change.live_name},
            after,
            guard=EndpointAsPlanned(change.live_name, self.graph.deployment, live.created_at if live else ""),
            wait=Gone(change.live_name, DELETE_TIMEOUT_S),
            effect=change.effect,
        )

    def _config_ready(self, endpoint: Resource) -> tuple[str, ...]:
        """Ids of the steps that must be done before the endpoint's config can be used: it, and its models."""
        at = endpoint.config
        if at is None:
            return ()
        models = self.graph.resources[at].dependencies()
        needed = (at, *models, *(own for model in models for own in self.graph.beneath(model)))
        return tuple(self.creates[address] for address in needed if address in self.creates)

    # --- tags ---------------------------------------------------------------------------------------------------------

    def _tags(
        self,
        change: Change,
        *,
        after: tuple[str, ...] = (),
        leave_out: tuple[str, ...] = (),
        only: tuple[str, ...] = (),
        more: Mapping[str, str] | None = None,
        runs: str = "",
    ) -> tuple[str, ...]:
        """Calls for a change of tags, with `more`; `runs`: only while the endpoint runs that config."""
        added = {k: v for k, v in change.tags_added.items() if k not in leave_out and (not only or k in only)}
        added.update(more or {})
        removed = [] if only else list(change.tags_removed)
        deployment, suffix, tagging = self.graph.deployment, self._suffix(change), kind_named(change.kind).tagging
        if added:
            owner = None if change.adopts and FLEET_TAG in added else deployment  # it carries nobody's tag yet
            params = {tagging.arn: change.arn, "Tags": tagging.written(added)}
            step_id = f"{tagging.add}:{change.address}{suffix}" + ("#digest" if only else "")
            guard = TagsOwnedBy(change.kind, change.live_name, change.arn, owner, runs, adds=added)
            after = (self._add(Step(step_id, change.address, tagging.add, params, after, guard)),)
        if removed:
            params = {tagging.arn: change.arn, "TagKeys": removed}
            step_id = f"{tagging.remove}:{change.address}{suffix}"
            guard = TagsOwnedBy(change.kind, change.live_name, change.arn, deployment, runs, removes=tuple(removed))
            after = (self._add(Step(step_id, change.address, tagging.remove, params, after, guard)),)
        return after

    def _suffix(self, change: Change) -> str:
        """`@NAME` where the step is about another object than the one that the address stands for now."""
        resource = self.graph.resources.get(change.address)
        known = resource.physical_name if resource else change.address.partition("/")[2]
        return "" if change.live_name in ("", known) else f"@{change.live_name}"


def _never_served(change: Change, live: LiveEndpoint, config: Resource) -> bool:
    """Whether this is another try of a config that never came to serve the endpoint."""
    known = served(live)
    return change.refused is Refusal.ROLLED_BACK and known is not None and config.digest[:DIGEST_CHARS] not in known


def _is_immutable_delete(change: Change, kind: str) -> bool:
    """A model or config that goes: at once, or after it has stood in for another."""
    return change.kind == kind and change.action.deletes


def _with_tags(resource: Resource, more: Mapping[str, str] | None = None) -> dict[str, Any]:
    tags = {**resource.tags, **{key: value for key, value in (more or {}).items() if value}}
    return {**resource.request, "Tags": kind_named(resource.kind).tagging.written(tags)}
