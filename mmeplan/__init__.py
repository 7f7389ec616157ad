"""mmeplan: plan and apply for Amazon SageMaker endpoint fleets.

A whole life, as a program (docs/library.md has the rest, and what programs may rely on):

    import mmeplan

    fleet = mmeplan.load("fleet.yaml")
    engine = mmeplan.Engine.simulated("local.db", region=fleet.region)  # or mmeplan.Engine.aws(region=fleet.region)
    planned = engine.plan(fleet)
    for change in planned.changes:
        print(change.address, change.explanation)
    print(planned.text())
    outcome = engine.apply(planned, observer=print)
    assert outcome.complete  # a second look has proved it

Names are imported when they are first used: importing mmeplan costs nothing, and boto3 waits for an engine.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOMES = {
    "CloudError": "mmeplan.errors",
    "CredentialsError": "mmeplan.errors",
    "Drift": "mmeplan.engine",
    "Engine": "mmeplan.engine",
    "Event": "mmeplan.apply",
    "Finding": "mmeplan.plan",
    "Fleet": "mmeplan.spec",
    "FleetRefused": "mmeplan.errors",
    "InputError": "mmeplan.errors",
    "LockedError": "mmeplan.errors",
    "MmeplanError": "mmeplan.errors",
    "Options": "mmeplan.plan",
    "Outcome": "mmeplan.apply",
    "Plan": "mmeplan.plan",
    "PlanRefused": "mmeplan.errors",
    "Planned": "mmeplan.planning",
    "RefusedError": "mmeplan.errors",
    "Simulator": "mmeplan.simulator",
    "Snapshot": "mmeplan.live",
    "StalePlanError": "mmeplan.errors",
    "Status": "mmeplan.engine",
    "load": "mmeplan.spec",
    "planned_from": "mmeplan.planning",
    "read_variables": "mmeplan.spec",
}

if TYPE_CHECKING:
    from mmeplan.apply import Event, Outcome
    from mmeplan.engine import Drift, Engine, Status
    from mmeplan.errors import (
        CloudError,
        CredentialsError,
        FleetRefused,
        InputError,
        LockedError,
        MmeplanError,
        PlanRefused,
        RefusedError,
        StalePlanError,
    )
    from mmeplan.live import Snapshot
    from mmeplan.plan import Finding, Options, Plan
    from mmeplan.planning import Planned, planned_from
    from mmeplan.simulator import Simulator
    from mmeplan.spec import Fleet, load, read_variables


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'mmeplan' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


__all__ = [
    "CloudError",
    "CredentialsError",
    "Drift",
    "Engine",
    "Event",
    "Finding",
    "Fleet",
    "FleetRefused",
    "InputError",
    "LockedError",
    "MmeplanError",
    "Options",
    "Outcome",
    "Plan",
    "PlanRefused",
    "Planned",
    "RefusedError",
    "Simulator",
    "Snapshot",
    "StalePlanError",
    "Status",
    "__version__",
    "load",
    "planned_from",
    "read_variables",
]
