"""From changes to the API calls that make them, in the only order there is: create → swap → verify → delete.

In: the diff's changes with graph and snapshot. Out: `Step`s. `explain`, `--dry-run` and `apply` all walk this list.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property, lru_cache
from typing import Any

from mmeplan.aws.lifecycle import DELETING
from mmeplan.canonical import Canonical
from mmeplan.diff import VARIANTS_DIFFER, Action, Change, Inputs, Refusal, doing_of
from mmeplan.graph import Graph
from mmeplan.history import ServedRecords, config_addresses, is_placeholder, runs_its_own_config, served
from mmeplan.identity import (
    DIGEST_CHARS,
    DIGEST_TAG,
    ENVIRONMENT_TAG,
    FLEET_TAG,
    ROLLED_BACK_TAG,
    SERVED_TAG,
)
from mmeplan.identity import digest as content_digest
from mmeplan.kinds import ENDPOINT_CONFIG, MODEL, Kind, Resource, immutable_kinds, kind_named, kinds
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
    RunsConfig,
    Step,
    TagsOwnedBy,
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
        self.own: dict[str, tuple[str, ...]] = {}  # endpoint address → ids of the last steps on its endpoints

    def build(self, changes: tuple[Change, ...]) -> tuple[Step, ...]:
        """The steps of these changes. Changes that are refused have none."""
        live = [change for change in changes if not change.refusal]
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
        for kind in reversed(kinds()):  # what refers to others goes before them
            for change in live:
                if change.kind == kind.name and kind.is_changed_in_place and change.action.deletes:
                    self._delete_in_place(kind, change)
        endpoints = [change for change in live if change.is_swapped]
        for change in sorted(endpoints, key=lambda change: change.action is Action.DELETE):
            self._endpoint(change)
        for kind in kinds():
            for change in live:
                if change.kind == kind.name and kind.is_changed_in_place and not change.action.deletes:
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
        after = tuple(dict.fromkeys((*after, *(step for at in needed for step in self.own.get(at, ())))))
        if change.action in (Action.CREATE, Action.UPDATE):
            creates = change.action is Action.CREATE
            operation = kind.create_operation if creates else kind.update_operation
            params = _with_tags(resource) if creates and kind.is_tagged else resource.request
            guard = self._as_seen(kind, change, resource.content)
            step = Step(f"{operation}:{change.address}", change.address, operation, params, after, guard)
            after = (self._add(replace(step, effect=change.effect)),)
            if creates:
                self.creates[change.address] = after[0]
        self._tags(change, after=after)

    def _delete_in_place(self, kind: Kind, change: Change) -> None:
        guard = self._as_seen(kind, change, None)
        params, operation = kind.deletes(change.live_name), kind.delete_operation
        self._add(Step(self._delete_id(change), change.address, operation, params, (), guard, effect=change.effect))

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
        self._tags(change, after=last, only=(DIGEST_TAG,) if change.adopts else (), more=more, runs=runs)

    def _recreate(self, change: Change, endpoint: Resource, live: LiveEndpoint | None) -> tuple[str, ...]:
        """Create; with a delete before it (Failed, hosting changed) or after it (a physical rename)."""
        ready = self._config_ready(endpoint)
        create_after, delete = ready, None
        if change.action is Action.DELETE_THEN_CREATE:
            delete = self._add(self._delete_endpoint(change, (*ready, *self._claim(change, live))))
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
            return (self._add(self._delete_endpoint(change, (done,))),)
        return (done,)

    def _claim(self, change: Change, live: LiveEndpoint | None) -> tuple[str, ...]:
        """An unclaimed endpoint is claimed before it is deleted to be created: a delete is only of what is ours."""
        if live is None or not self.owned.is_unclaimed(live):
            return ()
        deployment = self.graph.deployment
        adds = {ENVIRONMENT_TAG: deployment.environment}
        params = {"ResourceArn": change.arn, "Tags": [_tag(key, value) for key, value in adds.items()]}
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
            (*after, *self._config_ready(endpoint)),
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
        mark = {"ResourceArn": change.arn, "Tags": [_tag(ROLLED_BACK_TAG, wanted)]}
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
        params = {"ResourceArn": change.arn, "Tags": [_tag(SERVED_TAG, value)]}
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
        done = self._add(self._delete_endpoint(change, self.own.get(change.address, ())))
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
        deployment, suffix = self.graph.deployment, self._suffix(change)
        if added:
            owner = None if change.adopts and FLEET_TAG in added else deployment  # it carries nobody's tag yet
            params = {"ResourceArn": change.arn, "Tags": [_tag(key, value) for key, value in sorted(added.items())]}
            step_id = f"AddTags:{change.address}{suffix}" + ("#digest" if only else "")
            guard = TagsOwnedBy(change.kind, change.live_name, change.arn, owner, runs, adds=added)
            after = (self._add(Step(step_id, change.address, "AddTags", params, after, guard)),)
        if removed:
            params = {"ResourceArn": change.arn, "TagKeys": removed}
            step_id = f"DeleteTags:{change.address}{suffix}"
            guard = TagsOwnedBy(change.kind, change.live_name, change.arn, deployment, runs, removes=tuple(removed))
            after = (self._add(Step(step_id, change.address, "DeleteTags", params, after, guard)),)
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
    return {**resource.request, "Tags": [_tag(key, value) for key, value in sorted(tags.items())]}


@lru_cache(maxsize=1024)
def _tag(key: str, value: str) -> dict[str, str]:
    """One tag of a request. Most are the whole fleet's and are shared."""
    return {"Key": key, "Value": value}
