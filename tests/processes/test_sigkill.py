"""`mmeplan apply` against `mmeplan serve`, killed with SIGKILL at twice fifty moments; run again, it finishes the work.

Each round edits the fleet, applies it, and kills the apply after a seeded number of its events, and a seeded part of a
millisecond later: before its first call, around each of its writes, and while it waits. What is live is looked at after
each kill and after each rerun, and the server's own history at the end.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.contract.doors import Served, served
from tests.processes.runs import Run, forks
from tests.simulation.world import IMAGE, Fleet, config, fleet, model, variant

KILLS = 50  # for each of two seeds, which may run side by side
MOST_ROUNDS = 90
SPEED = 20_000
"""Virtual seconds in a second: a rollout of four minutes takes 12 ms, about as long as the calls of an apply."""


def edition(number: int) -> Fleet:
    """What the file says in the n-th round: always another model, sometimes one endpoint less, or other counts."""
    sizes = ("ml.m5.large", "ml.m5.xlarge")
    shared = config(main=variant("ranker", sizes[number % 2], 2 + number % 2))
    own = config(main=variant("ranker", "ml.c5.large", 2), b=variant("other", "ml.m5.large", 1 + number // 2 % 2))
    endpoints: dict[str, Fleet] = {"always": {"config": "shared"}, "own": {"config": own}}
    if number % 4:
        endpoints["sometimes"] = {"config": "shared"}
    models = {"ranker": model(str(number)), "other": model("1")}
    return fleet(endpoints, models=models, endpoint_configs={"shared": shared}, region="eu-west-1")


class Watcher:
    """Looks at the served world, and says what must never be."""

    def __init__(self, world: Served) -> None:
        self.world = world
        self.client = world.door.client()
        self.deleted = 0

    def look(self) -> dict[str, Any]:
        """Every endpoint's description. Whatever one runs or moves to must be there, models included."""
        found = {}
        for summary in self.client.list_endpoints(MaxResults=100)["Endpoints"]:
            name = summary["EndpointName"]
            described = self.client.describe_endpoint(EndpointName=name)
            pending = described.get("PendingDeploymentSummary", {}).get("EndpointConfigName")
            for wanted in {described["EndpointConfigName"], pending} - {None}:
                made = self.client.describe_endpoint_config(EndpointConfigName=wanted)
                for item in made["ProductionVariants"]:
                    self.client.describe_model(ModelName=item["ModelName"])
            found[name] = described
        return found

    def image(self, described: Any) -> str:
        made = self.client.describe_endpoint_config(EndpointConfigName=described["EndpointConfigName"])
        main = next(item for item in made["ProductionVariants"] if item["VariantName"] == "main")
        return str(self.client.describe_model(ModelName=main["ModelName"])["PrimaryContainer"]["Image"])

    def history(self) -> list[Any]:
        return list(self.world.door.control("GET", "/_mmeplan/history")["events"])


def killed(run: Run, after: int, chance: random.Random) -> bool:
    """Kill the run after so many lines and a little more; False where it was faster than that."""
    if not run.read(until=lambda: run.lines >= after):
        return run.kill()
    run.read(timeout_s=chance.choice((0, 0.0003, 0.001, 0.003, 0.01)))
    return run.kill()


@pytest.mark.parametrize("seed", [1, 2])
def test_an_apply_that_is_killed_at_any_moment_is_finished_by_the_next(seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    file = tmp_path / "fleet.yaml"
    kills, lines = 0, 30
    with forks(), served("--speed", str(SPEED), "--seed", str(seed)) as world:
        watcher = Watcher(world)
        command = f"apply fleet.yaml --yes --json --poll-interval 0.02 --endpoint-url {world.door.url}"
        for number in range(1, MOST_ROUNDS):
            file.write_text(yaml.safe_dump(edition(number), sort_keys=False))
            seen = 0
            for _ in range(chance.choice((1, 1, 2))):  # sometimes the rerun is killed as well
                first = Run(command, tmp_path)
                kills += killed(first, chance.randrange(lines), chance)
                seen += first.lines
                watcher.look()
            again = Run(command, tmp_path)
            assert again.end() == 0, f"round {number}: {again.text.decode()[-2000:]}"
            lines = max(10, seen + again.lines - 4)
            found = watcher.look()
            assert sorted(found) == sorted(edition(number)["endpoints"])
            assert {watcher.image(found[name]) for name in found} == {f"{IMAGE}{number}"}
            if kills >= KILLS:
                break
        assert kills >= KILLS
        proved(watcher)


def proved(watcher: Watcher) -> None:
    """The history of the whole life: what always was to serve always did, and was never deleted."""
    history = watcher.history()
    for name in ("always", "own"):
        passed = [event["outcome"] for event in history if event["kind"] == "transition" and event["subject"] == name]
        assert {outcome.partition(" → ")[2] for outcome in passed[2:]} <= {"Updating", "InService"}, passed
        moments = [event["at"] for event in history if event["kind"] == "transition" and event["subject"] == name][2:]
        for moment in moments[:: max(1, len(moments) // 40)]:
            at = moment.replace("+", "%2B")
            state = watcher.world.door.control("GET", f"/_mmeplan/state?endpoint={name}&region=eu-west-1&at={at}")
            assert state["old"]["serving"] + state["new"]["serving"] >= 2, (name, moment, state)
    calls = [event for event in history if event["kind"] == "call" and event["outcome"] == "200"]
    gone = {event["subject"] for event in calls if event["operation"] == "DeleteEndpoint"}
    assert gone <= {"sometimes"}
    refused = {event["detail"] for event in history if event["kind"] == "call" and "Could not find" in event["detail"]}
    assert not {text for text in refused if "endpoint configuration" in text and "Cannot" in text}
