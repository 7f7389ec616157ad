"""The two doors of a simulated world, and a served world in a process of its own: what contract tests go through."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
from botocore.config import Config

from mmeplan.simulator import Simulator
from mmeplan.simulator.server import Server

REGION = "eu-west-1"
IMAGE = "763104351884.dkr.ecr.eu-west-1.amazonaws.com/pytorch-inference:2.1-cpu"
ROLE = "arn:aws:iam::123456789012:role/serving"
ARN = "arn:aws:sagemaker:eu-west-1:123456789012"
VARIANT = {"VariantName": "main", "ModelName": "m", "InstanceType": "ml.m5.large", "InitialInstanceCount": 2}
START_S = 20


class Door:
    """A way to a world: makes boto3 clients that use it."""

    def __init__(self, url: str = "", sim: Simulator | None = None) -> None:
        self.url, self.sim = url, sim
        self._made: list[Any] = []

    def close(self) -> None:
        """Close the connections of every client made here."""
        for client in self._made:
            client.close()

    def client(self, service: str = "sagemaker", region: str = REGION, key: str = "any", **config: Any) -> Any:
        made = boto3.client(
            service,
            region_name=region,
            aws_access_key_id=key,
            aws_secret_access_key="any",
            endpoint_url=self.url or None,
            config=Config(**{"retries": {"total_max_attempts": 1}, **config}),
        )
        if not self.url and self.sim:
            made.meta.events.register("before-send.*", self.sim.before_send)
        self._made.append(made)
        return made

    def control(self, method: str, path: str, body: Any = None) -> Any:
        """A call of the control, over HTTP."""
        raw = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}{path}", data=raw, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def advance(self, seconds: float) -> None:
        """Let virtual time pass."""
        if self.sim:
            self.sim.clock.sleep(seconds)
        else:
            self.control("POST", "/_mmeplan/clock", {"advance": seconds})


@contextmanager
def http(sim: Simulator, speed: float = 0) -> Iterator[Door]:
    """The world over HTTP, served by a thread."""
    server = Server(sim, speed=speed)
    server.start()
    door = Door(server.url, sim)
    try:
        yield door
    finally:
        door.close()
        server.stop()


class Served:
    """`mmeplan serve` as a process."""

    def __init__(self, *options: str) -> None:
        code = "from mmeplan.cli.serve import command; command()"
        self.process = subprocess.Popen(
            [sys.executable, "-c", code, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert self.process.stdout
        ready, _, _ = select.select([self.process.stdout], [], [], START_S)
        self.line = self.process.stdout.readline() if ready else ""
        if not self.line.startswith("serving "):
            self.process.kill()
            raise AssertionError(f"it didn't start: {self.line!r} {self.process.communicate()}")
        self.door = Door(self.line.split()[1])

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """End it; its exit code and what it said on stderr."""
        if self.process.poll() is None:
            os.kill(self.process.pid, number)
        _, said = self.process.communicate(timeout=60)
        return self.process.returncode, said


@contextmanager
def served(*options: str) -> Iterator[Served]:
    """A served world, ended afterwards."""
    one = Served(*options)
    try:
        yield one
    finally:
        one.door.close()
        one.stop(signal.SIGKILL)


def create(client: Any, endpoint: str = "e", **variant: Any) -> None:
    """Model m, config c, and an endpoint on it."""
    client.create_model(ModelName="m", ExecutionRoleArn=ROLE, PrimaryContainer={"Image": IMAGE})
    client.create_endpoint_config(EndpointConfigName="c", ProductionVariants=[VARIANT | variant])
    client.create_endpoint(EndpointName=endpoint, EndpointConfigName="c")


def error_of(call: Any, **members: Any) -> tuple[str, str, int]:
    """Code, message and status of a call that is refused."""
    import pytest
    from botocore.exceptions import ClientError

    with pytest.raises(ClientError) as refusal:
        call(**members)
    answer = refusal.value.response
    return answer["Error"]["Code"], answer["Error"]["Message"], answer["ResponseMetadata"]["HTTPStatusCode"]
