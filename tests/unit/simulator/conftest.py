"""A world to call: a Simulator with the shortest possible way to make requests of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from mmeplan.simulator import Request, Simulator
from mmeplan.simulator.clock import EPOCH

IMAGE = "763104351884.dkr.ecr.eu-west-1.amazonaws.com/pytorch-inference:2.1-cpu"
ROLE = "arn:aws:iam::123456789012:role/serving"


class Refused(Exception):  # noqa: N818
    """What a call answered instead of a result."""

    def __init__(self, code: str, message: str, status: int) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message, self.status = code, message, status


class World:
    """A Simulator, called as one account in one region."""

    def __init__(self, sim: Simulator, region: str = "eu-west-1", account: str = "AKIDEXAMPLE") -> None:
        self.sim, self.region, self.account = sim, region, account

    def request(self, operation: str, body: Any, target: str = "SageMaker", service: str = "sagemaker") -> Request:
        scope = f"{self.account}/20260101/{self.region}/{service}/aws4_request"
        headers = {
            "X-Amz-Target": f"{target}.{operation}",
            "Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0",
        }
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return Request("POST", f"https://api.sagemaker.{self.region}.amazonaws.com/", headers, raw)

    def __call__(self, operation: str, /, **members: Any) -> dict[str, Any]:
        return self.send(self.request(operation, members))

    def send(self, request: Request) -> dict[str, Any]:
        response = self.sim.respond(request)
        body = json.loads(response.body or b"{}")
        if response.status >= 300:
            assert response.headers["x-amzn-ErrorType"] == body["__type"]
            raise Refused(body["__type"], body["message"], response.status)
        return body

    def resources(self, **members: Any) -> dict[str, Any]:
        return self.send(self.request("GetResources", members, "ResourceGroupsTaggingAPI_20170126", "tagging"))

    def model(self, name: str = "m", *, tags: dict[str, str] | None = None, **container: Any) -> str:
        more = {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]} if tags else {}
        primary = {"Image": IMAGE.replace("eu-west-1", self.region), **container}
        return self("CreateModel", ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer=primary, **more)["ModelArn"]

    def config(self, name: str = "c", *variants: dict[str, Any], **members: Any) -> str:
        chosen = list(variants) or [self.variant()]
        answer = self("CreateEndpointConfig", EndpointConfigName=name, ProductionVariants=chosen, **members)
        return answer["EndpointConfigArn"]

    @staticmethod
    def variant(name: str = "main", **members: Any) -> dict[str, Any]:
        base = {"VariantName": name, "ModelName": "m", "InstanceType": "ml.m5.large", "InitialInstanceCount": 2}
        return base | members

    def endpoint(self, name: str = "e", config: str = "c") -> str:
        return self("CreateEndpoint", EndpointName=name, EndpointConfigName=config)["EndpointArn"]

    def in_service(self, name: str = "e") -> dict[str, Any]:
        """Model m, config c and an endpoint that is InService on it."""
        self.model()
        self.config()
        self.endpoint(name)
        self.sim.clock.sleep(self.sim.settings.creating_s)
        return self.describe(name)

    def describe(self, name: str = "e") -> dict[str, Any]:
        return self("DescribeEndpoint", EndpointName=name)

    def call(self, service: str, operation: str, /, **members: Any) -> dict[str, Any]:
        """A call of one of the JSON services beside SageMaker."""
        target, scope = {
            "cloudwatch": ("GraniteServiceVersion20100801", "monitoring"),
            "autoscaling": ("AnyScaleFrontendService", "application-autoscaling"),
            "quotas": ("ServiceQuotasV20190624", "servicequotas"),
        }[service]
        return self.send(self.request(operation, members, target, scope))

    def alarm(self, name: str = "errors", state: str = "") -> None:
        """An alarm, in this state if one is given."""
        metric = {"Namespace": "n", "MetricName": "m", "Statistic": "Sum", "Period": 60, "Threshold": 1.0}
        comparison = {"EvaluationPeriods": 1, "ComparisonOperator": "GreaterThanThreshold"}
        self.call("cloudwatch", "PutMetricAlarm", AlarmName=name, **metric, **comparison)
        if state:
            self.set_alarm(name, state)

    def set_alarm(self, name: str, state: str) -> None:
        self.call("cloudwatch", "SetAlarmState", AlarmName=name, StateValue=state, StateReason="test")

    def update(self, config: str = "c2", **members: Any) -> None:
        self("UpdateEndpoint", EndpointName="e", EndpointConfigName=config, **members)

    def traffic(self, after_s: float | None = None, name: str = "e") -> tuple[tuple[float, int, int], ...]:
        """(share, serving, running) of both fleets now, or so many seconds after the beginning."""
        at = None if after_s is None else EPOCH + timedelta(seconds=after_s)
        found = self.sim.traffic(name, at, region=self.region)
        return tuple((round(f.share, 6), f.serving, f.running) for f in (found.old, found.new))

    def transitions(self) -> list[tuple[float, str, str]]:
        """(seconds since the beginning, status change, reason) of every transition seen."""
        start = 1767225600
        return [(e.at.timestamp() - start, e.outcome, e.detail) for e in self.sim.history() if e.kind == "transition"]


@pytest.fixture
def sim() -> Iterator[Simulator]:
    with Simulator.open() as simulator:
        yield simulator


@pytest.fixture
def world(sim: Simulator) -> World:
    return World(sim)


@pytest.fixture
def refused():
    """Call it with something that the service refuses as ValidationException: the message."""

    def message(action: Any, *args: Any, **members: Any) -> str:
        with pytest.raises(Refused) as refusal:
            action(*args, **members)
        assert (refusal.value.code, refusal.value.status) == ("ValidationException", 400)
        return refusal.value.message

    return message
