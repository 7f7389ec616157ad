"""A world behind each of its two doors, and the marker of the tests that need the SageMaker SDKs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mmeplan.simulator import Simulator
from tests.contract.doors import Door, http


@pytest.fixture(params=["in-process", "http"])
def door(request: pytest.FixtureRequest) -> Iterator[Door]:
    """The same tests through both doors; time stands still unless it is advanced."""
    with Simulator.open() as simulator:
        if request.param == "in-process":
            yield Door(sim=simulator)
        else:
            with http(simulator) as open_door:
                yield open_door


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "sdk: needs the SageMaker Python SDK (pip install 'sagemaker==2.*')")
