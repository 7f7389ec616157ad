"""A simulated SageMaker: strict, asynchronous, deterministic, without network or account.

    sim = Simulator.open()
    client = boto3.client("sagemaker", region_name="eu-west-1", aws_access_key_id="any", aws_secret_access_key="any")
    client.meta.events.register("before-send.*", sim.before_send)

In: the requests that boto3 would send. Out: the answers that SageMaker would give, on a virtual clock. Used by tests,
by rehearsals and by `--local`. It knows `mmeplan.aws` and nothing else of mmeplan. See docs/simulator.md.
"""

from mmeplan.simulator.clock import VirtualClock
from mmeplan.simulator.core import Simulator
from mmeplan.simulator.faults import ConnectionCut, Faults, SimulatedCrash
from mmeplan.simulator.history import Event
from mmeplan.simulator.memory import Invocation
from mmeplan.simulator.settings import Settings
from mmeplan.simulator.store import StoreError
from mmeplan.simulator.traffic import FleetTraffic, Traffic
from mmeplan.simulator.wire import Request, Response, ServiceError

__all__ = [
    "ConnectionCut",
    "Event",
    "Faults",
    "FleetTraffic",
    "Invocation",
    "Request",
    "Response",
    "ServiceError",
    "Settings",
    "SimulatedCrash",
    "Simulator",
    "StoreError",
    "Traffic",
    "VirtualClock",
]
