"""Compile, diff and plan, and every rule, timed alone: `python -m tests.benchmarks.plan_phases FLEET`.

Called by the side-by-side.
"""

from __future__ import annotations

import gc
import sys
import time

from mmeplan import graph, plan, rules, spec
from mmeplan.cli import GC_THRESHOLDS
from mmeplan.live import Snapshot


def main() -> None:
    gc.set_threshold(*GC_THRESHOLDS)
    nothing = Snapshot("2026-01-01T00:00:00+00:00", "123456789012", "eu-west-1", "big", {})
    fleet = spec.load(sys.argv[1])
    began = time.perf_counter()
    compiled = graph.compile(fleet)
    made = plan.build(compiled, nothing, created_at="2026-01-01T00:00:00+00:00")
    planned = time.perf_counter()
    rules.check(fleet, compiled)
    checked = time.perf_counter()
    assert made.summary.create == 3 * len(fleet.endpoints)
    print(f"phases: {planned - began:.3f} {checked - planned:.3f}")


if __name__ == "__main__":
    main()
