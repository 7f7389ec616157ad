"""No command's work grows faster than the fleet: function calls, counted for 60, 90 and 120 endpoints.

The last thirty may take little more than the thirty before; with a square they take 1.4 times as much. Fleets of these
sizes are listed before they are described, as ten thousand endpoints are.
"""

from __future__ import annotations

from collections.abc import Callable

from mmeplan import render
from mmeplan.engine import Desired, Engine, Planned
from mmeplan.simulator import Simulator
from mmeplan.spec import load_text
from tests.benchmarks.fleets import fleet
from tests.work import calls_of

WARM, *SIZES = 10, 60, 90, 120  # what is read and compiled once is before the first count
MOST = 1.15
REGION = "eu-west-1"


class Counting:
    """What each command takes for one size of fleet: from an empty account to the last endpoint's removal."""

    def __init__(self, endpoints: int) -> None:
        self.endpoints = endpoints
        self.calls: dict[str, int] = {}
        simulator = Simulator.open(":memory:")
        self.engine = Engine.simulated(simulator, region=REGION)
        try:
            self.count_everything(fleet(endpoints))
        finally:
            simulator.close()

    def count(self, command: str, work: Callable[[], object]) -> None:
        self.calls[command] = calls_of(work)

    def count_everything(self, text: str) -> None:
        self.count("validate", lambda: desired(text))
        self.count("graph", lambda: drawn(desired(text)))
        new = self.planned("empty", text)
        self.count("apply: create", lambda: self.engine.apply(new))
        self.planned("unchanged", text)
        self.planned("half foreign", fleet(self.endpoints * 2).replace("fleet: big", "fleet: other"))
        self.count_looks(desired(text))
        other = text.replace("ml.m5.large", "ml.m5.2xlarge").replace("variant_weight: 2", "variant_weight: 3")
        swapped = self.planned("changed", other)
        self.count("apply: swap", lambda: self.engine.apply(swapped))
        back, first = desired(other), "endpoint/tenant-00000"
        self.count("rollback", lambda: self.engine.rollback(back, first))
        self.planned("half removed", fleet(self.endpoints // 2).replace("ml.m5.large", "ml.m5.2xlarge"))
        gone = self.engine.destroy(back)
        self.count("destroy", lambda: self.engine.destroy(back))
        self.count("apply: delete", lambda: self.engine.apply(gone))
        assert not self.engine.status(back).endpoints[0].config

    def planned(self, account: str, text: str) -> Planned:
        """Count a plan from such an account, and its outputs where there is most to show."""
        wanted = desired(text)
        planned = self.engine.plan(wanted)
        assert planned.changes
        self.count(f"plan: {account}", lambda: self.engine.plan(wanted))
        if account in ("empty", "changed"):
            for output in ("text", "markdown", "html", "json"):
                self.count(f"show: {account}, {output}", getattr(planned, output))
        return planned

    def count_looks(self, live: Desired) -> None:
        self.count("drift", lambda: self.engine.drift(live).text())
        self.count("status", lambda: self.engine.status(live).text())
        self.count("snapshot", lambda: self.engine.snapshot(live))
        self.count("import", lambda: self.engine.import_(globs=["*"]))


def desired(text: str) -> Desired:
    return Desired.of(load_text(text.encode()))


def drawn(compiled: Desired) -> str:
    nodes = [(one.address, one.physical_name, one.kind) for one in compiled.graph.resources.values()]
    return render.mermaid(nodes, list(compiled.graph.edges()))


def test_no_commands_work_grows_faster_than_the_fleet() -> None:
    Counting(WARM)
    few, more, many = (Counting(size).calls for size in SIZES)
    grown = {name: (many[name] - more[name]) / (more[name] - few[name]) for name in few}

    assert len(grown) == 24
    assert {name: growth for name, growth in grown.items() if growth > MOST} == {}
