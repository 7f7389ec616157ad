"""mmeplan: plan and apply for Amazon SageMaker endpoint fleets.

The phases are modules of the same names; the types that flow between them are here. A whole life, as a program:

    from mmeplan import Cloud, Door, Simulator, apply, graph, live, load, plan, render, rules

    fleet = load("fleet.yaml", environment="prod")
    desired = graph.compile(fleet)
    findings = rules.check(fleet, desired)

    simulator = Simulator.open()             # or, for AWS: clock = SystemClock(); cloud = Cloud(clock)
    clock, door = simulator.clock, Door(simulator.before_send, simulator.account)
    cloud = Cloud(clock, region="eu-west-1", door=door)

    snapshot = live.observe(cloud, desired, clock.now(), cloud.region)
    made = plan.build(desired, snapshot, created_at=clock.now().isoformat(), findings=findings)
    print(render.text(made))
    outcome = apply.run(made, cloud, cloud, clock, print)
    assert outcome.complete

Names are imported when they are first used: importing mmeplan costs nothing, and boto3 waits for `Cloud`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOMES = {
    "Cloud": "mmeplan.cloud.aws",
    "Door": "mmeplan.cloud.aws",
    "Finding": "mmeplan.plan",
    "Fleet": "mmeplan.spec",
    "Graph": "mmeplan.graph",
    "InputError": "mmeplan.errors",
    "MmeplanError": "mmeplan.errors",
    "Outcome": "mmeplan.apply",
    "Plan": "mmeplan.plan",
    "Simulator": "mmeplan.simulator",
    "Snapshot": "mmeplan.live",
    "SystemClock": "mmeplan.cloud.clock",
    "load": "mmeplan.spec",
}

if TYPE_CHECKING:
    from mmeplan.apply import Outcome
    from mmeplan.cloud.aws import Cloud, Door
    from mmeplan.cloud.clock import SystemClock
    from mmeplan.errors import InputError, MmeplanError
    from mmeplan.graph import Graph
    from mmeplan.live import Snapshot
    from mmeplan.plan import Finding, Plan
    from mmeplan.simulator import Simulator
    from mmeplan.spec import Fleet, load


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'mmeplan' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


__all__ = [
    "Cloud",
    "Door",
    "Finding",
    "Fleet",
    "Graph",
    "InputError",
    "MmeplanError",
    "Outcome",
    "Plan",
    "Simulator",
    "Snapshot",
    "SystemClock",
    "__version__",
    "load",
]
