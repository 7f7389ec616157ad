"""Fixtures for other people's tests: a simulated SageMaker in-process or over HTTP, and boto3 clients of it.

In: nothing; pytest loads it by its entry point, or by `pytest_plugins = ["mmeplan.simulator.pytest_plugin"]`. Out:

    sagemaker_sim       a Simulator, empty for each test; `sagemaker_sim.clock.sleep(180)` lets time pass
    sagemaker_client    `sagemaker_client("sagemaker-runtime", region="eu-west-1")`: a boto3 client of it, in-process
    sagemaker_server    the URL of the same world over HTTP, for AWS_ENDPOINT_URL; its time stands still
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from mmeplan.simulator.core import Simulator
from mmeplan.simulator.server import Server
from mmeplan.simulator.wire import DEFAULT_REGION

Connect = Callable[..., Any]


@pytest.fixture
def sagemaker_sim() -> Iterator[Simulator]:
    """An empty simulated SageMaker, on a virtual clock."""
    with Simulator.open() as simulator:
        yield simulator


@pytest.fixture
def sagemaker_client(sagemaker_sim: Simulator) -> Iterator[Connect]:
    """Makes boto3 clients of `sagemaker_sim`; options go to `session.create_client`."""
    from botocore.session import get_session  # the core of boto3, which is all that a client needs

    session = get_session()
    made: list[Any] = []

    def connect(service: str = "sagemaker", region: str = DEFAULT_REGION, **options: Any) -> Any:
        keys = {"aws_access_key_id": "simulated", "aws_secret_access_key": "simulated"}
        client = session.create_client(service, region_name=region, **{**keys, **options})
        hooks: Any = client.meta.events
        hooks.register("before-send.*", sagemaker_sim.before_send)
        made.append(client)
        return client

    yield connect
    for client in made:
        client.close()


@pytest.fixture
def sagemaker_server(sagemaker_sim: Simulator) -> Iterator[str]:
    """The URL of `sagemaker_sim` over HTTP, on a free port of this machine."""
    server = Server(sagemaker_sim, speed=0)
    server.start()
    try:
        yield server.url
    finally:
        server.stop()
