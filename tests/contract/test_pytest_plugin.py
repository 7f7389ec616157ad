"""The fixtures that are shipped for other people's tests."""

from __future__ import annotations

from typing import Any

from mmeplan.simulator import Simulator
from mmeplan.simulator.pytest_plugin import sagemaker_client, sagemaker_server, sagemaker_sim
from tests.contract.doors import Door, create

__all__ = ["sagemaker_client", "sagemaker_server", "sagemaker_sim"]


def test_a_world_a_client_and_a_server_are_the_same_world(
    sagemaker_sim: Simulator, sagemaker_client: Any, sagemaker_server: str
) -> None:
    create(sagemaker_client("sagemaker", "eu-west-1"))
    sagemaker_sim.clock.sleep(180)
    over_http = Door(sagemaker_server)
    assert over_http.client().describe_endpoint(EndpointName="e")["EndpointStatus"] == "InService"
    answer = sagemaker_client("sagemaker-runtime", "eu-west-1").invoke_endpoint(EndpointName="e", Body=b"x")
    assert answer["Body"].read() == b"x"
    over_http.close()


def test_each_test_has_a_world_of_its_own(sagemaker_client: Any) -> None:
    assert sagemaker_client().list_models()["Models"] == []
