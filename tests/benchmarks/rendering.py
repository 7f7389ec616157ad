"""How long a plan of 5,000 changed endpoints takes to render, and how long each rendering is.

    python -m tests.benchmarks.rendering [ENDPOINTS]

Every endpoint swaps to a new config and a new model. Wall time of one rendering each, the second of two.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from mmeplan import graph, plan, render
from mmeplan.plan import Plan
from mmeplan.spec import load_text
from tests.benchmarks.fleets import fleet
from tests.unit.render.conftest import Live

AT = "2026-01-02T00:00:00+00:00"
FORMATS: dict[str, Callable[[Plan], str]] = {
    "text": render.text,
    "json": render.json_text,
    "markdown": render.markdown,
    "html": render.html,
}


def swapping(endpoints: int) -> Plan:
    """The plan in which every endpoint of a fleet gets another image and another instance type."""
    before = fleet(endpoints)
    after = before.replace("xgboost:1.7-1", "xgboost:1.8-1").replace("ml.m5.xlarge", "ml.m5.2xlarge")
    snapshot = Live("big").apply(before).snapshot()
    return plan.build(graph.compile(load_text(after.encode())), snapshot, created_at=AT)


def main() -> None:
    made = swapping(int(sys.argv[1]) if len(sys.argv) > 1 else 5_000)
    print(f"{made.summary.create:,} to create, {made.summary.update:,} to update, {len(made.steps):,} steps")
    for name, rendered in FORMATS.items():
        rendered(made)
        start = time.perf_counter()
        text = rendered(made)
        print(f"{name:10}{time.perf_counter() - start:7.2f} s{len(text):14,} characters")


if __name__ == "__main__":
    main()
