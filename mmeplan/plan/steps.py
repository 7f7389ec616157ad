"""From changes to the API calls that make them, in the only order there is: create → swap → verify → delete.

In: the diff's changes with graph and snapshot. Out: `Step`s. `explain`, `--dry-run` and `apply` all walk this list.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from mmeplan.aws.lifecycle import DELETING
from mmeplan.aws.shapes import CREATE_OPERATIONS
from mmeplan.diff import VARIANTS_DIFFER, Change, says_what_runs
from mmeplan.graph import Graph
from mmeplan.live import NAME_MEMBERS, LiveObject, Snapshot, models_of
from mmeplan.plan.document import Step
from mmeplan.plan.records import DELETE, Records
from mmeplan.plan.rollout import CREATE_TIMEOUT_S, DELETE_TIMEOUT_S, UPDATE_TIMEOUT_S, deployment_of, update_timeout_s
from mmeplan.plan.scaling import fixed_desires, kept_desires, retention, scale_requests, set_by_swap, startup_s
from mmeplan.resources import Resource
from mmeplan.resources.endpoint_config import stand_in
from mmeplan.resources.identity import DIGEST_TAG, FLEET_TAG, SERVED_TAG, STAND_IN_TAG


class StepBuilder:
    """Builds the steps of one plan. Creation steps first, because swaps name them; deletions last."""

    def __init__(self, graph: Graph, snapshot: Snapshot, kept: Mapping[str, tuple[str, ...]]) -> None:
        self.graph = graph
        self.snapshot = snapshot
        self.records = Records(graph, snapshot, kept)
        self.stand_ins: dict[str, str] = {}  # config name → id of the step that makes a stand-in of that name
        self.steps: list[Step] = []
        self.creates: dict[str, str] = {}  # address → id of the step that creates its object
        self.leaves: dict[str, list[str]] = {}  # config name → ids of the steps after which an endpoint has left it
        self.forgets: list[str] = []  # ids of the steps that forget models and configs
        self.own: dict[str, tuple[str, ...]] = {}  # endpoint address → ids of the last steps on its own endpoint

    def build(self, changes: tuple[Change, ...]) -> tuple[Step, ...]:
        """The steps of these changes. Changes that are refused have none."""
        live = [change for change in changes if not change.refusal]
        for kind in ("model", "endpoint_config"):
            for change in live:
                if change.kind == kind and "delete" not in change.actions:
                    self._immutable(change)
        for change in live:
            if change.kind == "endpoint_config" and change.actions == ("create", "delete"):
                self._stand_in(change)
        endpoints = [change for change in live if change.kind == "endpoint"]
        for change in sorted(endpoints, key=lambda change: change.actions == ("delete",)):
            self._endpoint(change)
        users = self._deleted_users(live)
        for kind in ("endpoint_config", "model"):
            for change in live:
                if _is_immutable_delete(change, kind):
                    self._delete_immutable(change, users)
        return tuple(self.steps)

    def _deleted_users(self, changes: list[Change]) -> dict[str, list[str]]:
        """Model name → ids of the steps that delete configs which refer to it: those go first."""
        users: dict[str, list[str]] = {}
        for change in changes:
            config = self.snapshot.get("endpoint_config", change.live_name)
            if _is_immutable_delete(change, "endpoint_config") and config is not None:
                for model in models_of(config.describe):
                    users.setdefault(model, []).append(self._delete_id(change))
        return users

    def _add(self, step: Step) -> str:
        self.steps.append(step)
        return step.id

    # --- models and configs -------------------------------------------------------------------------------------------

    def _immutable(self, change: Change) -> None:
        if "create" in change.actions:
            resource = self.graph.resources[change.address]
            operation = CREATE_OPERATIONS[change.kind]
            after = tuple(self.creates[at] for at in resource.dependencies() if at in self.creates)
            step = Step(
                f"{operation}:{change.address}",
                change.address,
                operation,
                _with_tags(resource),
                after,
                guard={"absent": change.name, "digest": resource.digest},
            )
            self.creates[change.address] = self._add(step)
        done = self._tags(change)
        if "forget" in change.actions:
            self.forgets.extend(done)

    def _stand_in(self, change: Change) -> None:
        """A config under the name of one that an endpoint still runs and somebody deleted."""
        config = self.graph.resources[change.address]
        served = next(e.describe for e in self.snapshot.present("endpoint") if change.name in _configs_of(e)[:1])
        params, digest = stand_in(config, served, self.graph.fleet.name, change.name)
        after = tuple(self.creates[at] for at in config.dependencies() if at in self.creates)
        guard = {"absent": change.name, "digest": digest}
        step_id = f"CreateEndpointConfig:{change.address}@{change.name}"
        step = Step(step_id, change.address, "CreateEndpointConfig", params, after, guard)
        self.stand_ins[change.name] = self._add(step)

    def _delete_immutable(self, change: Change, users: Mapping[str, list[str]]) -> None:
        after = list(self.leaves.get(change.live_name, ()))
        if change.kind == "model":
            after += users.get(change.live_name, [])
        guard: dict[str, Any] = {"owned_by": self.graph.fleet.name, "unreferenced": change.live_name}
        stand_ins = self._stand_ins_there()
        if change.kind == "model" and stand_ins:
            guard["stand_ins"] = stand_ins
        operation = DELETE[change.kind]
        step = Step(
            self._delete_id(change),
            change.address,
            operation,
            {NAME_MEMBERS[change.kind]: change.live_name},
            tuple(dict.fromkeys(after)),
            guard=guard,
            effect=change.effect,
        )
        self._add(step)

    def _stand_ins_there(self) -> list[str]:
        """The configs that stand in for others, or were made anew by others: they don't say which models are run."""
        found = {one.name for one in self.snapshot.present("endpoint_config") if STAND_IN_TAG in (one.tags or {})}
        for live in self.snapshot.present("endpoint"):
            config = self.snapshot.get("endpoint_config", str(live.describe.get("EndpointConfigName", "")))
            if config is not None and not says_what_runs(live, config):
                found.add(config.name)
        return sorted({*self.stand_ins, *found})

    def _delete_id(self, change: Change) -> str:
        return f"{DELETE[change.kind]}:{change.address}@{change.live_name}"

    # --- endpoints ----------------------------------------------------------------------------------------------------

    def _endpoint(self, change: Change) -> None:
        endpoint = self.graph.resources.get(change.address)
        live = self.snapshot.get("endpoint", change.live_name) if change.live_name else None
        if endpoint is None or change.actions == ("delete",):
            self._remove_endpoint(change, live)
            return
        last: tuple[str, ...] = ()
        if "adopt" in change.actions:
            last = self._tags(change, leave_out=(DIGEST_TAG,), more=self.records.at_adoption(endpoint, live))
        if change.actions[-1] in ("create", "delete"):
            last = self._recreate(change, endpoint, live)
        elif change.reason in ("dependency_changed", "content_changed", "replace_requested", "rolled_back"):
            last = self._swap(change, endpoint, live, last)
        elif change.reason == "scale_changed":
            requests = scale_requests(change.fields, fixed_desires(self.graph, endpoint))
            last = self._scale(change, endpoint, live, last, requests)
        elif change.reason == "in_progress":
            last = self._wait_only(change, endpoint, live)
        if live is not None and last and change.live_name:
            for name in _configs_of(live):
                self.leaves.setdefault(name, []).extend(last)
        self.own[change.address] = last
        more: dict[str, str] = {}
        if live is not None and (change.effect == "traffic_shift" or DIGEST_TAG in change.tags_added):
            record = self.records.served_text(endpoint, live, swaps=change.effect == "traffic_shift")
            more = {SERVED_TAG: record} if record else {}
        runs = endpoint.request["EndpointConfigName"] if more and change.effect == "traffic_shift" else ""
        self._tags(change, after=last, only=(DIGEST_TAG,) if "adopt" in change.actions else (), more=more, runs=runs)

    def _recreate(self, change: Change, endpoint: Resource, live: LiveObject | None) -> tuple[str, ...]:
        """Create; with a delete before it (Failed, hosting changed) or after it (a physical rename)."""
        ready = self._config_ready(endpoint)
        create_after, delete = ready, None
        if change.actions == ("delete", "create"):
            delete = self._add(self._delete_endpoint(change, ready))
            create_after = (delete,)
        seen = self.snapshot.get("endpoint", endpoint.physical_name)
        deleting = seen is not None and seen.describe.get("EndpointStatus") == DELETING
        step = Step(
            f"CreateEndpoint:{change.address}",
            change.address,
            "CreateEndpoint",
            _with_tags(endpoint, {SERVED_TAG: self.records.served_text(endpoint, live)}),
            create_after,
            guard={
                "absent": change.name,
                "config": endpoint.request["EndpointConfigName"],
                "owned_by": self.graph.fleet.name,
                "wait_until_gone": deleting,
            },
            wait=self._in_service(
                change.name, endpoint.request["EndpointConfigName"], CREATE_TIMEOUT_S + startup_s(self.graph, endpoint)
            ),
            effect=change.effect,
        )
        done = self._add(step)
        if change.actions == ("create", "delete"):
            return (self._add(self._delete_endpoint(change, (done,))),)
        return (done,)

    def _swap(
        self, change: Change, endpoint: Resource, live: LiveObject | None, after: tuple[str, ...]
    ) -> tuple[str, ...]:
        wanted = endpoint.request["EndpointConfigName"]
        deployment = deployment_of(endpoint.request.get("DeploymentConfig"), renames=VARIANTS_DIFFER in change.notes)
        params: dict[str, Any] = {"EndpointName": change.name, "EndpointConfigName": wanted}
        if deployment:
            params["DeploymentConfig"] = deployment
        params.update(retention(endpoint, live))
        grows, rest = kept_desires(self.graph, endpoint, live)
        after = self._scale(change, endpoint, live, (*after, *self._in_force_ready(change, live)), grows)
        desired = fixed_desires(self.graph, endpoint)
        # Back onto the config in force (an update of somebody else leads away from it): there the name alone tells
        # nothing, a rollback ends on it as well.
        back = live is not None and live.describe.get("EndpointConfigName") == wanted
        told = set_by_swap(desired, params) if back else None
        timeout_s = update_timeout_s(deployment) + startup_s(self.graph, endpoint)
        step = Step(
            f"UpdateEndpoint:{change.address}",
            change.address,
            "UpdateEndpoint",
            params,
            (*after, *self._config_ready(endpoint)),
            guard={
                "endpoint": change.name,
                "config": live.describe.get("EndpointConfigName") if live else "",
                "pending": (_configs_of(live) if live else [""])[-1],
                "owned_by": self.graph.fleet.name,
                "desired": desired,
            },
            wait=self._in_service(change.name, wanted, timeout_s, desired=told),
            effect=change.effect,
            on_rollback=() if back else self.records.on_rollback(change, endpoint, live, made=self.creates),
        )
        done = (self._add(step),)
        return self._scale(change, endpoint, live, done, rest, config=wanted, already=len(grows))

    def _in_force_ready(self, change: Change, live: LiveObject | None) -> tuple[str, ...]:
        """What must be done before the endpoint leaves its config: it has to exist, and be on record as having served.

        It isn't on record where an apply stopped right after the swap to it.
        """
        if live is None:
            return ()
        name = str(live.describe.get("EndpointConfigName", ""))
        ready = (self.stand_ins[name],) if name in self.stand_ins else ()
        value = self.records.overdue_text(live)
        if not value:
            return ready
        params = {"ResourceArn": change.arn, "Tags": [_tag(SERVED_TAG, value)]}
        guard = {"kind": "endpoint", "name": change.live_name, "owned_by": self.graph.fleet.name}
        return (
            *ready,
            self._add(Step(f"AddTags:{change.address}#served", change.address, "AddTags", params, (), guard)),
        )

    def _scale(
        self,
        change: Change,
        endpoint: Resource,
        live: LiveObject | None,
        after: tuple[str, ...],
        requests: list[dict[str, Any]],
        config: str | None = None,
        already: int = 0,
    ) -> tuple[str, ...]:
        """UpdateEndpointWeightsAndCapacities, one after the other: all weights in one call, counts one variant a call.

        `config`: what it runs by then, if not what it runs or is moving to now; `already`: how many such calls precede.
        Source: the operation's documentation, "weight of one or more variants, or capacity of one variant".
        """
        in_force = config or (_configs_of(live) if live else [""])[-1]
        timeout_s = UPDATE_TIMEOUT_S + startup_s(self.graph, endpoint)
        for number, request in enumerate(requests, start=1 + already):
            step = Step(
                f"UpdateEndpointWeightsAndCapacities:{change.address}#{number}",
                change.address,
                "UpdateEndpointWeightsAndCapacities",
                {"EndpointName": change.name, "DesiredWeightsAndCapacities": request["variants"]},
                after,
                guard={
                    "endpoint": change.name,
                    "config": in_force,
                    "owned_by": self.graph.fleet.name,
                    **{member: value for member, value in request.items() if member != "variants"},
                },
                wait=self._in_service(change.name, in_force, timeout_s, desired=request["variants"]),
                effect="in_place",
            )
            after = (self._add(step),)
        return after

    def _wait_only(self, change: Change, endpoint: Resource, live: LiveObject | None) -> tuple[str, ...]:
        timeout_s = update_timeout_s(endpoint.request.get("DeploymentConfig")) + startup_s(self.graph, endpoint)
        config = str(live.describe.get("EndpointConfigName")) if live else ""
        step = Step(
            f"DescribeEndpoint:{change.address}",
            change.address,
            "DescribeEndpoint",
            {"EndpointName": change.name},
            wait=self._in_service(change.name, config, timeout_s, desired=fixed_desires(self.graph, endpoint)),
        )
        return (self._add(step),)

    def _remove_endpoint(self, change: Change, live: LiveObject | None) -> None:
        if "forget" in change.actions:
            self._tags(change, after=tuple(self.forgets))  # last: what it runs is found through it
            return
        done = self._add(self._delete_endpoint(change, self.own.get(change.address, ())))
        for name in _configs_of(live) if live else ():
            self.leaves.setdefault(name, []).append(done)

    def _delete_endpoint(self, change: Change, after: tuple[str, ...]) -> Step:
        live = self.snapshot.get("endpoint", change.live_name)
        return Step(
            f"DeleteEndpoint:{change.address}{self._suffix(change)}",
            change.address,
            "DeleteEndpoint",
            {"EndpointName": change.live_name},
            after,
            guard={
                "endpoint": change.live_name,
                "owned_by": self.graph.fleet.name,
                "created_at": live.created_at if live is not None else "",
            },
            wait={"endpoint": change.live_name, "until": "gone", "timeout_s": DELETE_TIMEOUT_S},
            effect=change.effect,
        )

    def _config_ready(self, endpoint: Resource) -> tuple[str, ...]:
        """Ids of the steps that must be done before the endpoint's config can be used: it, and its models."""
        at = endpoint.config
        if at is None:
            return ()
        needed = (at, *self.graph.resources[at].dependencies())
        return tuple(self.creates[address] for address in needed if address in self.creates)

    def _in_service(self, name: str, config: str, timeout_s: int, desired: Any = None) -> dict[str, Any]:
        wait = {"endpoint": name, "until": "InService", "config": config, "timeout_s": timeout_s}
        return {**wait, "desired": desired} if desired else wait

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
        guard = {"kind": change.kind, "name": change.live_name, "owned_by": self.graph.fleet.name}
        guard |= {"config": runs} if runs else {}
        suffix = self._suffix(change)
        if added:
            takes_over = "adopt" in change.actions and FLEET_TAG in added  # it carries nobody's tag yet
            params = {
                "ResourceArn": change.arn,
                "Tags": [{"Key": key, "Value": value} for key, value in sorted(added.items())],
            }
            step_id = f"AddTags:{change.address}{suffix}" + ("#digest" if only else "")
            own_guard = {**guard, "owned_by": ""} if takes_over else guard
            after = (self._add(Step(step_id, change.address, "AddTags", params, after, own_guard)),)
        if removed:
            params = {"ResourceArn": change.arn, "TagKeys": removed}
            step_id = f"DeleteTags:{change.address}{suffix}"
            after = (self._add(Step(step_id, change.address, "DeleteTags", params, after, guard)),)
        return after

    def _suffix(self, change: Change) -> str:
        """`@NAME` where the step is about another object than the one that the address stands for now."""
        resource = self.graph.resources.get(change.address)
        known = resource.physical_name if resource else change.address.partition("/")[2]
        return "" if change.live_name in ("", known) else f"@{change.live_name}"


def _is_immutable_delete(change: Change, kind: str) -> bool:
    """A model or config that goes: at once, or after it has stood in for another."""
    return change.kind == kind and change.actions in (("delete",), ("create", "delete"))


def _configs_of(live: LiveObject) -> list[str]:
    """The config an endpoint runs, then the one that an update under way leads to, if any."""
    pending = (live.describe.get("PendingDeploymentSummary") or {}).get("EndpointConfigName")
    return [str(name) for name in (live.describe.get("EndpointConfigName"), pending) if name]


def _with_tags(resource: Resource, more: Mapping[str, str] | None = None) -> dict[str, Any]:
    tags = {**resource.tags, **{key: value for key, value in (more or {}).items() if value}}
    return {**resource.request, "Tags": [_tag(key, value) for key, value in sorted(tags.items())]}


@lru_cache(maxsize=1024)
def _tag(key: str, value: str) -> dict[str, str]:
    """One tag of a request. Most are the whole fleet's and are shared."""
    return {"Key": key, "Value": value}
