"""The simulated account of one life, as the harness looks at it: from behind, past the API and its faults.

In: a scenario's world settings. Out: stored objects, calls of others (which meet no faults), traffic timelines.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from mmeplan.simulator import Settings, Simulator
from mmeplan.simulator.core import valid
from mmeplan.simulator.services import BY_OPERATION
from mmeplan.simulator.store import Stored
from mmeplan.simulator.wire import Caller

REGION = "eu-west-1"
ACCOUNT = "123456789012"
KINDS = ("model", "endpoint-config", "endpoint")

_COLUMNS = "seq, kind, account, region, name, arn, created_us, modified_us, status, due_us, body, tags"
_ALL = f"SELECT {_COLUMNS} FROM objects WHERE kind = ? ORDER BY seq"
_ONE = f"SELECT {_COLUMNS} FROM objects WHERE account = ? AND region = ? AND kind = ? AND name_lower = ?"
_TIMELINE = "SELECT body FROM records WHERE kind = 'timeline' AND account = ? AND region = ? AND name = ?"


@lru_cache(maxsize=512)
def _parsed(text: str | None) -> Any:
    """A document of the store. Nobody here changes one, and most are looked at again and again."""
    return None if text is None else json.loads(text)


class Account:
    """One account in one region."""

    region = REGION

    def __init__(self, scenario: dict[str, Any]) -> None:
        settings = Settings(lower_case_arns=scenario.get("lower_arns", False))
        self.sim = Simulator.open(seed=scenario["seed"], account=ACCOUNT, settings=settings)
        for name in scenario.get("alarms", ()):
            rest = {"EvaluationPeriods": 1, "ComparisonOperator": "GreaterThanThreshold"}
            self.call("PutMetricAlarm", AlarmName=name, **rest)

    def close(self) -> None:
        self.sim.close()

    def now_us(self) -> int:
        """Virtual time, microseconds since 1970."""
        return self.sim.store.now_us()

    def call(self, operation: str, **request: Any) -> Any:
        """A call of somebody else. Raises ServiceError where SageMaker refuses it."""
        service = BY_OPERATION[operation]
        who = Caller(ACCOUNT, REGION, service.name)
        return self.sim._run(service.operations[operation], who, valid(service, operation, dict(request), who.account))

    def settle(self) -> None:
        """Let everything happen that is due by now."""
        self.sim._settled(REGION)

    def find(self, kind: str, name: str) -> Stored | None:
        """The object of that name, whatever its letter case."""
        row = self.sim.store.execute(_ONE, (ACCOUNT, REGION, kind, name.lower())).fetchone()
        return Stored(*row[:-2], _parsed(row[-2]), _parsed(row[-1])) if row else None

    def all(self, kind: str) -> list[Stored]:
        """All objects of a kind, oldest first."""
        rows = self.sim.store.execute(_ALL, (kind,)).fetchall()
        return [Stored(*row[:-2], _parsed(row[-2]), _parsed(row[-1])) for row in rows]

    def by_arn(self, arn: str) -> Stored | None:
        """The object that an ARN names."""
        kind, _, name = arn.rpartition(":")[2].partition("/")
        return self.find(kind, name)

    def timeline(self, endpoint: str) -> list[list[Any]]:
        """The endpoint's traffic: [from_us, share, serving, running (old fleet), share, serving, running (new)]."""
        row = self.sim.store.execute(_TIMELINE, (ACCOUNT, REGION, endpoint.lower())).fetchone()
        return list(_parsed(row[0])["points"]) if row else []


def runs(endpoint: Stored) -> list[dict[str, Any]]:
    """What an endpoint runs and is about to run: the parts of its document with `config_name` and `config`."""
    pending = endpoint.body["pending"]
    return [endpoint.body, pending] if pending else [endpoint.body]


def models_of(config: dict[str, Any]) -> list[str]:
    """The models that a config refers to."""
    names = []
    for variant in config.get("ProductionVariants", ()):
        pools = (pool.get("ModelNameOverride") for pool in variant.get("InstancePools", ()))
        names += [name for name in (variant.get("ModelName"), *pools) if name]
    return names
