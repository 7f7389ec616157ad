"""Freshness: does a saved plan still fit what is live? Checked before the first write; all reasons are said at once.

What an apply of this very plan has made before it stopped is told from what others did.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from mmeplan.aws.lifecycle import DELETING
from mmeplan.documents import DamagedError, read_regular
from mmeplan.errors import PlanRefused
from mmeplan.identity import DIGEST_TAG
from mmeplan.kinds import as_a, is_create, is_delete, tags_in
from mmeplan.live import LiveEndpoint, LiveObject, Reader, Snapshot, observe_objects
from mmeplan.plan import Plan, Step
from mmeplan.plan.consistency import object_of
from mmeplan.plan.document import SourceFile
from mmeplan.plan.step import DesiresAsSeen, desires_met
from mmeplan.spec.for_each import shared_folder

_HINT: Final = "mmeplan plan --out FILE --sign KEY, then mmeplan apply --verify PUBLICKEY FILE"
MOST_FILE_BYTES: Final = 64 * 1024 * 1024  # more than any fleet file may have


@dataclass(frozen=True, slots=True)
class Staleness:
    """Why a plan is stale, in sentences; none where it is fresh.

    `by_itself`: nothing but its own steps, carried out by an apply that has stopped, is the reason.
    """

    reasons: tuple[str, ...] = ()
    by_itself: bool = False


def staleness(plan: Plan, reader: Reader, now: datetime, region: str, *, max_age: timedelta | None = None) -> Staleness:
    """Whether the plan still fits, and why not.

    Compares account, region, the fleet files (where they are at hand), the age, and every object that the plan touches
    or was decided on. Raises CloudError where the caller's identity can't be read.
    """
    reasons: list[str] = []
    account = str(reader.read("GetCallerIdentity", {})["Account"])
    if plan.account != account:
        reasons.append(f"the plan is for the account {plan.account}, and these credentials are of {account}")
    if plan.region != region:
        reasons.append(f"the plan is for the region {plan.region}, not {region}")
    if reasons:  # another account or region holds other objects: comparing them would say nothing
        return Staleness((*reasons, *file_reasons(plan)))
    reasons += file_reasons(plan)
    if max_age is not None:
        age = now - datetime.fromisoformat(plan.snapshot.observed_at)
        if age > max_age:
            reasons.append(f"what is live was read {_age(age)} ago, longer than --max-age {_age(max_age)}")
    moved = _moved(plan, reader, now, region)
    return Staleness((*reasons, *moved), by_itself=not reasons and any(moved.values()) and all(moved.values()))


def file_reasons(plan: Plan) -> list[str]:
    """Fleet files that changed since the plan was made. A file that isn't here can't be compared."""
    reasons = []
    root = Path(plan.source[0].path).parent if plan.source else Path()
    for source in plan.source:
        try:
            path = _path(plan, source)
            if source is not plan.source[0] and not path.resolve().is_relative_to(shared_folder(root.resolve())):
                reasons.append(f"{source.path} lies outside of what a fleet file may read: no plan is made of it")
                continue
            now = hashlib.sha256(read_regular(path, MOST_FILE_BYTES)).hexdigest()
        except DamagedError as error:
            reasons.append(f"{source.path} {error}, so the plan can't be of it")
        except (OSError, ValueError, RuntimeError):  # a NUL in the path; links that lead in a circle
            continue
        else:
            if now != source.sha256:
                reasons.append(f"{source.path} has changed since the plan was made")
    return reasons


def missing_files(plan: Plan) -> list[str]:
    """Fleet files of the plan that aren't here, or can't be read: their paths as the plan has them."""
    return [source.path for source in plan.source if not os.access(_path(plan, source), os.R_OK)]


def at_hand(plan: Plan, *, verified: bool = False) -> bool:
    """Whether the fleet's files are all here. Raises PlanRefused where they aren't, and steps of archives need them.

    What such a step writes, and what it deletes, is said by its rows alone: without the files nothing holds them
    against anything. A plan whose signature was `verified` is believed.
    """
    missing = missing_files(plan)
    gathered = [step.id for step in plan.steps if step.is_gathered]
    if missing and gathered and not verified:
        text = "nothing but the plan says what it does; apply it where that file and its sources are, or sign it"
        raise PlanRefused(f"{missing[0]} isn't here", [f"the step {step}: {text}" for step in gathered], hint=_HINT)
    return not missing


def _path(plan: Plan, source: SourceFile) -> Path:
    """Where a file of the plan lies: the first as its path says, the others beside it or below."""
    first = Path(plan.source[0].path)
    return first if source is plan.source[0] else first.parent / source.path


def _moved(plan: Plan, reader: Reader, now: datetime, region: str) -> dict[str, bool]:
    """What has changed, in sentences, each with whether the plan's own steps did that."""
    wanted = [at.split("/", 1) for at in plan.snapshot.fingerprints]
    snapshot = observe_objects(
        reader, plan.deployment, [(kind, name) for kind, name in wanted], now, plan.account, region
    )
    own = _Own(plan, snapshot)
    moved = {}
    for kind, name in wanted:
        before, after = plan.snapshot.fingerprints[f"{kind}/{name}"], snapshot.fingerprint(kind, name)
        if before != after:
            what = {"absent": "no longer exists", "unreadable": "can't be read any more"}.get(after)
            what = what or ("has been created" if before == "absent" else "has changed")
            moved[f"{kind.replace('_', ' ')} {name} {what} since the plan was made"] = own.made(kind, name, before)
    return moved


class _Own:
    """Tells what the steps of a plan have made."""

    def __init__(self, plan: Plan, snapshot: Snapshot) -> None:
        self.plan, self.snapshot = plan, snapshot
        self.steps: dict[tuple[str, str], list[Step]] = {}
        for step in plan.steps:
            kind, name = object_of(step)
            self.steps.setdefault((kind, name.lower()), []).append(step)

    def made(self, kind: str, name: str, before: str) -> bool:
        """Whether an object is as steps of the plan leave it, or on the way there; `before` is its fingerprint then."""
        steps = {step.operation: step for step in self.steps.get((kind, name.lower()), ())}
        live = self.snapshot.get(kind, name)
        if live is None or not live.is_present:
            return live is not None and live.status == "absent" and any(map(is_delete, steps))
        endpoint = as_a(live, LiveEndpoint)
        if endpoint is not None:
            return self._endpoint(endpoint, steps) or self._retagged(live, before)
        created = next((step for at, step in steps.items() if is_create(at)), None)
        if before == "absent":
            return created is not None and _tags(created).get(DIGEST_TAG) == live.tag(DIGEST_TAG)
        return self._retagged(live, before)

    def _endpoint(self, live: LiveEndpoint, steps: Mapping[str, Step]) -> bool:
        if not self.plan.deployment.owns(live.tags or {}):
            return False
        if live.endpoint_status == DELETING:
            return "DeleteEndpoint" in steps
        scaled = steps.get("UpdateEndpointWeightsAndCapacities")
        guard = scaled.guard if scaled is not None else None
        if isinstance(guard, DesiresAsSeen) and live.config == guard.config and desires_met(guard.wanted, live):
            return True
        swaps = (steps[at] for at in ("CreateEndpoint", "UpdateEndpoint") if at in steps)
        return any(step.params["EndpointConfigName"] in live.configs for step in swaps)

    def _retagged(self, live: LiveObject, before: str) -> bool:
        """Whether nothing but tags that steps set or remove is different."""
        changes = [change for change in self.plan.changes if (change.kind, change.live_name) == (live.kind, live.name)]
        tags = dict(live.tags or {})
        for change in changes:
            for key in (*change.tags_added, *change.tags_removed):
                tags.pop(key, None)
            tags |= change.tags_before
        undone = replace(live, tags=tags)
        return (
            replace(self.snapshot, objects={live.kind: {live.name: undone}}).fingerprint(live.kind, live.name) == before
        )


def _tags(step: Step) -> dict[str, str]:
    return tags_in(step.params.get("Tags"))


def _age(span: timedelta) -> str:
    minutes = int(span.total_seconds() // 60)
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // (24 * 60)} d"
