"""What is owned and no longer needed: entries that left the file, and generations that were superseded.

Deletion is decided here from what was seen; each delete is guarded again, right before the call, by a scan over *all*
live endpoints of the account (`apply`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmeplan.diff.changes import Action, Change, Reason, Refusal
from mmeplan.diff.generations import addresses_of, generations
from mmeplan.diff.world import World
from mmeplan.live import LiveObject
from mmeplan.resources import Resource
from mmeplan.resources.identity import (
    ADDRESS_TAG,
    ON_REMOVE_TAG,
    OWN_PREFIX,
    PROTECT_TAG,
    ROLLED_BACK_TAG,
    STAND_IN_TAG,
    address,
)


class Removals:
    """One pass over everything owned, after the declared resources have been looked at."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.changes: list[Change] = []
        self.kept: dict[str, tuple[str, ...]] = {}
        self.forgotten: set[tuple[str, str]] = set()
        self.users = world.snapshot.users

    def find(self) -> None:
        """Fill `changes` and `kept`. Nothing is removed while anything could not be read."""
        if self.world.snapshot.inventory_error or self.world.snapshot.unreadable():
            return
        self._endpoints()
        stays = self._configs()
        self._models(stays)

    def _endpoints(self) -> None:
        for live in self.world.owned("endpoint"):
            at = self.world.address_of(live)
            if live.name.lower() in self.world.declared_endpoints or live.name in self.world.renamed:
                continue  # declared, whatever its tag says; or deleted by the rename itself
            if at in self.world.graph.resources:
                text = f"{at} has another name by now, and this one was left over"
                self._remove(live, at, "renamed_physically", text)
            else:
                self._remove(live, at, "removed", "its entry left the file")

    def _configs(self) -> set[str]:
        """Remove what can go; the names of the configs that stay (foreign ones that are in use included)."""
        in_force, going = self._in_force()
        keep = in_force | set(self.world.running.values()) | self._declared("endpoint_config")
        for endpoint in self.world.graph.of_kind("endpoint"):
            self.kept[endpoint.address] = self._generations(endpoint.address, keep)
        keep |= {name for names in self.kept.values() for name in names}
        for live in self.world.owned("endpoint_config"):
            if live.name in keep:
                continue
            if live.name in going["forget"]:
                self._forget(live, self.world.address_of(live))
                keep.add(live.name)
                continue
            at = self.world.address_of(live)
            reason: Reason = "superseded" if at in self.world.graph.resources else "removed"
            text = self._why_config_goes(live) if reason == "superseded" else "its entry left the file"
            self._remove(live, at, reason, text)
            if ("endpoint_config", live.name) in self.forgotten or f"endpoint_config/{live.name}" in self.users:
                keep.add(live.name)
        self._follow_renames("endpoint_config", keep)
        self._follow_moves()
        return keep

    def _why_config_goes(self, live: LiveObject) -> str:
        if STAND_IN_TAG in (live.tags or {}):
            return "a stand-in for a config that was deleted, no longer needed"
        if any((one.tags or {}).get(ROLLED_BACK_TAG) == live.name for one in self.world.owned("endpoint")):
            return "never served: SageMaker rolled back the update to it"
        return "a superseded generation"

    def _in_force(self) -> tuple[set[str], dict[str, set[str]]]:
        """Configs that endpoints will still run or are about to; and those whose endpoint is forgotten."""
        in_force: set[str] = set()
        forgotten: set[str] = set()
        for live in self.world.snapshot.present("endpoint"):
            pending = (live.describe.get("PendingDeploymentSummary") or {}).get("EndpointConfigName")
            names = {str(name) for name in (live.describe.get("EndpointConfigName"), pending) if name}
            at = self.world.address_of(live) if self.world.owns(live) else ""
            if ("endpoint", live.name) in self.forgotten:
                forgotten |= names
            elif not self.world.owns(live) or (at in self.world.graph.resources and at not in self.world.running):
                in_force |= names  # not ours to change, or not to be changed now
        return in_force, {"forget": forgotten}

    def _declared(self, kind: str) -> set[str]:
        """Names of declared objects that are kept, made, or wait for an endpoint that can't be changed now."""
        names = set()
        for resource in self.world.graph.of_kind(kind):
            bound = self.world.bound.get(resource.address)
            if resource.address in self.world.needed or not bound:
                names.add(resource.physical_name)
            if bound:
                names.add(bound)
        return names

    def _generations(self, at: str, keep: set[str]) -> tuple[str, ...]:
        """The superseded configs of an endpoint that stay for a rollback: the one just left first, then the newest."""
        old = [live for live in generations(self.world, self.world.graph.resources[at]) if live.name not in keep]
        return tuple(live.name for live in old[: self.world.graph.fleet.retain])

    def _follow_moves(self) -> None:
        """A config that an endpoint leaves for one of another address is tagged as a generation of that endpoint.

        Otherwise the next plan would not know for whom it was kept, and delete it.
        """
        keeping: dict[str, list[Resource]] = {}
        for at, names in self.kept.items():
            for name in names:
                keeping.setdefault(name, []).append(self.world.graph.resources[at])
        for live in self.world.owned("endpoint_config"):
            endpoints = keeping.get(live.name, [])
            if not endpoints or any(self.world.address_of(live) in addresses_of(self.world, one) for one in endpoints):
                continue
            new = address("endpoint_config", endpoints[0].name)
            text = f"a kept generation of {endpoints[0].address}, which leaves {self.world.address_of(live)}"
            self.changes.append(
                self._change(live, new, "tags_changed", text, Action.TAG, tags_added={ADDRESS_TAG: new})
            )

    def _models(self, configs: set[str]) -> None:
        declared = self._declared("model")
        referenced = set(declared)
        for name in configs:
            referenced |= self.world.models_in(name)
        forgotten = {
            model for kind, name in self.forgotten if kind == "endpoint_config" for model in self.world.models_in(name)
        }
        for live in self.world.owned("model"):
            at = self.world.address_of(live)
            if live.name in forgotten and live.name not in declared:
                self._forget(live, at)
            elif live.name not in referenced:
                reason: Reason = "superseded" if at in self.world.graph.resources else "removed"
                text = "a superseded generation" if reason == "superseded" else "its entry left the file"
                self._remove(live, at, reason, text)
        self._follow_renames("model", referenced)

    def _follow_renames(self, kind: str, stays: set[str]) -> None:
        """Kept generations of a renamed entry get its new address, so that `renamed_from` may be dropped one day."""
        for live in self.world.owned(kind):
            old = (live.tags or {}).get(ADDRESS_TAG, "")
            new = self.world.graph.moved.get(old)
            if new is None or live.name not in stays or (kind, live.name) in self.forgotten:
                continue
            resource = self.world.graph.resources[new]
            if live.name in (resource.physical_name, self.world.bound.get(new)):
                continue  # its own change says so
            text = f"a kept generation; its entry was renamed from {old}"
            self.changes.append(
                self._change(live, new, "tags_changed", text, Action.TAG, tags_added={ADDRESS_TAG: new})
            )

    def _remove(self, live: LiveObject, at: str, reason: Reason, text: str) -> None:
        tags: Mapping[str, str] = live.tags or {}
        user = self.users.get(f"{live.kind}/{live.name}")
        if user:
            note = f"{live.name} is no longer needed here, and kept: {user}, an endpoint of somebody else, uses it"
            self.changes.append(self._change(live, at, "in_use", text, Action.NO_OP, notes=(note,)))
            return
        if reason == "removed" and tags.get(ON_REMOVE_TAG) == "retain":
            self._forget(live, at)
            return
        refusal, refused = "", None
        if reason in ("removed", "renamed_physically") and tags.get(PROTECT_TAG) == "true":
            refusal = f"it is protected (its tag {PROTECT_TAG} says so); apply the entry with `protect: false` first"
            refused = Refusal.PROTECTED
        self.changes.append(self._change(live, at, reason, text, Action.DELETE, refusal=refusal, refused=refused))

    def _forget(self, live: LiveObject, at: str) -> None:
        self.forgotten.add((live.kind, live.name))
        text = "left the file with on_remove: retain; stays live, no longer managed"
        keys = tuple(sorted(key for key in live.tags or {} if key.startswith(OWN_PREFIX)))
        self.changes.append(self._change(live, at, "retained", text, Action.FORGET, tags_removed=keys))

    def _change(self, live: LiveObject, at: str, reason: Reason, text: str, action: Action, **more: Any) -> Change:
        return Change(
            address=at or address(live.kind, live.name),
            kind=live.kind,
            action=action,
            reason=reason,
            effect="delete" if live.kind == "endpoint" and action is Action.DELETE else "none",
            name=live.name,
            explanation=text,
            live_name=live.name,
            arn=live.arn,
            **more,
        )
