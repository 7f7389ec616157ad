"""Freshness: does a saved plan still fit what is live? Checked before the first write; all reasons are said at once."""

from __future__ import annotations

import hashlib
import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from mmeplan.documents import DamagedError, read_regular
from mmeplan.live import Reader, observe_objects
from mmeplan.plan import Plan
from mmeplan.plan.document import SourceFile
from mmeplan.spec.for_each import shared_folder

MOST_FILE_BYTES: Final = 64 * 1024 * 1024  # more than any fleet file may have


def stale_reasons(
    plan: Plan, reader: Reader, now: datetime, region: str, *, max_age: timedelta | None = None
) -> tuple[str, ...]:
    """Why the plan is stale; empty where it is fresh.

    Compares account, region, the fleet files (where they are at hand), the age, and every object that the plan touches
    or was decided on. Raises CloudError where the caller's identity can't be read.
    """
    reasons: list[str] = []
    account = str(reader.read("GetCallerIdentity", {})["Account"])
    if plan.account != account:
        reasons.append(f"the plan is for the account {plan.account}, and these credentials are of {account}")
    if plan.region != region:
        reasons.append(f"the plan is for the region {plan.region}, not {region}")
    elsewhere = bool(reasons)
    reasons += file_reasons(plan)
    if max_age is not None:
        age = now - datetime.fromisoformat(plan.snapshot.observed_at)
        if age > max_age:
            reasons.append(f"what is live was read {_age(age)} ago, longer than --max-age {_age(max_age)}")
    # Another account or region holds other objects: comparing them would say nothing.
    return tuple(reasons) if elsewhere else (*reasons, *_moved(plan, reader, now, region))


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


def _path(plan: Plan, source: SourceFile) -> Path:
    """Where a file of the plan lies: the first as its path says, the others beside it or below."""
    first = Path(plan.source[0].path)
    return first if source is plan.source[0] else first.parent / source.path


def _moved(plan: Plan, reader: Reader, now: datetime, region: str) -> list[str]:
    wanted = [at.split("/", 1) for at in plan.snapshot.fingerprints]
    snapshot = observe_objects(
        reader, plan.deployment, [(kind, name) for kind, name in wanted], now, plan.account, region
    )
    reasons = []
    for kind, name in wanted:
        before, after = plan.snapshot.fingerprints[f"{kind}/{name}"], snapshot.fingerprint(kind, name)
        if before != after:
            what = {"absent": "no longer exists", "unreadable": "can't be read any more"}.get(after)
            what = what or ("has been created" if before == "absent" else "has changed")
            reasons.append(f"{kind.replace('_', ' ')} {name} {what} since the plan was made")
    return reasons


def _age(span: timedelta) -> str:
    minutes = int(span.total_seconds() // 60)
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // (24 * 60)} d"
