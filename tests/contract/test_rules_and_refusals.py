"""mmeplan's rules against the simulated service, which knows none of them.

What a static rule calls an error is compiled without the check and sent through boto3: the simulator refuses it, or the
endpoint ends Failed, or its update turns back. `ACCEPTED` names those that it takes, and why.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from mmeplan import graph, rules, spec
from mmeplan.kinds import SCALABLE_TARGET, SCALING_POLICY
from mmeplan.kinds.resource import Resource
from mmeplan.rules import Rule
from mmeplan.simulator import Simulator
from tests.rules.combinations import MATRIX, Cell

ACCEPTED = {
    "ASC-04": "the API's reference allows a minimum of 0, the Developer Guide does not",
    "ASC-07": "automatic scaling of T2 is not supported, and no document says which call is refused",
    "ASC-08": "TargetValue may be 0 or less by its documented range",
    "ASC-10": "no document says that a metric of another service is refused",
    "ASC-11": "no document says that a metric of the other dimension is refused",
    "ASC-13": "no document says which members of a customized metric are required",
    "ASC-15": "no document says that a negative cooldown is refused",
    "ASC-25": "it is a rule of the file: nothing of it is sent",
    "ASC-26": "it is a rule of the file: nothing of it is sent",
    "CAP-11": "no document says that a header without content types is refused",
    "CFG-11": "no document says what becomes of weights that are all zero",
    "CFG-18": "botocore 1.43 says that the call fails, botocore 1.44 that the key doesn't encrypt local storage",
    "CFG-28": "no document says what becomes of InstancePools beside InstanceType, or of equal priorities",
    "CFG-44": "no document says that the initial count must lie within the bounds of managed scaling",
    "EP-13": "no document says which of both wins: the one that was sent does",
    "MDL-04": "no document says what becomes of an Image beside a ModelPackageName",
    "MDL-49": "no document says that channel names are unique",
    "MME-05": "no document says that a MultiModelConfig beside a single model is refused",
}
"""Static error rule → why the simulator takes what it finds."""

ERRORS = [rule for rule in rules.all_rules() if rule.stage == "static" and rule.severity == "error" and rule.bad]
REFUSED = [cell for cell in MATRIX if cell.verdict == "refused" and not cell.rules <= ACCEPTED.keys()]
SUPPORTED = [cell for cell in MATRIX if cell.verdict != "refused"]


class Account:
    """A client for each region and service, and the world that they call."""

    def __init__(self) -> None:
        self.clients: dict[tuple[str, str], Any] = {}
        self.world = Simulator.open()

    def client(self, region: str, service: str = "sagemaker") -> Any:
        if (region, service) not in self.clients:
            # the simulator is to refuse, not boto3's own check of parameters
            config = Config(retries={"total_max_attempts": 1}, parameter_validation=False)
            keys = {"aws_access_key_id": "any", "aws_secret_access_key": "any"}
            made: Any = boto3.Session().client(service, region, config=config, **keys)  # type: ignore[call-overload]
            made.meta.events.register("before-send.*", lambda request, **_: self.world.before_send(request))
            self.clients[region, service] = made
        return self.clients[region, service]

    def refusal(self, text: bytes) -> str:
        """What becomes of a fleet file that nobody checks: the refusal, or the FailureReason; empty where it serves."""
        with Simulator.open() as self.world:
            try:
                return self._outcome(text)
            except ClientError as error:
                return f"{error.response['Error']['Code']}: {error.response['Error']['Message']}"

    def _outcome(self, text: bytes) -> str:
        fleet = spec.load_text(text)
        client, resources = self.client(fleet.region or "eu-west-1"), graph.compile(fleet).resources.values()
        for kind in ("model", "endpoint_config", "endpoint"):
            for resource in resources:
                if resource.kind == kind:
                    tags = [{"Key": key, "Value": value} for key, value in resource.tags.items()]
                    getattr(client, f"create_{kind}")(**resource.request, Tags=tags)
        self._scale(fleet.region or "eu-west-1", resources)
        endpoints = [resource for resource in resources if resource.kind == "endpoint"]
        if failed := "".join(self._reason(client, endpoint.physical_name) for endpoint in endpoints):
            return failed
        for endpoint in endpoints:
            client.update_endpoint(**endpoint.request, **endpoint.update_options)
        return "".join(self._reason(client, endpoint.physical_name) for endpoint in endpoints)

    def _scale(self, region: str, resources: Collection[Resource]) -> None:
        client = self.client(region, "application-autoscaling")
        put = {SCALABLE_TARGET.name: client.register_scalable_target, SCALING_POLICY.name: client.put_scaling_policy}
        for kind, send in put.items():
            for resource in resources:
                if resource.kind == kind:
                    self.world.clock.sleep(10 * 3600)
                    send(**resource.request)

    def _reason(self, client: Any, name: str) -> str:
        self.world.clock.sleep(10 * 3600)
        return str(client.describe_endpoint(EndpointName=name).get("FailureReason", ""))


@pytest.fixture(scope="module")
def account() -> Iterator[Account]:
    made = Account()
    yield made
    for client in made.clients.values():
        client.close()


@pytest.mark.parametrize("rule", [rule for rule in ERRORS if rule.id not in ACCEPTED], ids=lambda rule: rule.id)
def test_what_a_rule_calls_an_error_is_refused_or_fails(account: Account, rule: Rule) -> None:
    assert account.refusal(rule.bad.encode())


@pytest.mark.parametrize("rule", [rule for rule in ERRORS if rule.id in ACCEPTED], ids=lambda rule: rule.id)
def test_the_exceptions_are_true(account: Account, rule: Rule) -> None:
    assert account.refusal(rule.bad.encode()) == ""


def test_the_exceptions_are_of_rules_that_there_are() -> None:
    assert ACCEPTED.keys() <= {rule.id for rule in ERRORS}


@pytest.mark.parametrize("rule", rules.all_rules(), ids=lambda rule: rule.id)
def test_what_no_rule_finds_anything_in_is_accepted(account: Account, rule: Any) -> None:
    if rule.stage == "static":
        assert account.refusal(rule.good.encode()) == ""


@pytest.mark.parametrize("cell", REFUSED, ids=str)
def test_a_combination_that_rules_call_an_error_is_refused_or_fails(account: Account, cell: Cell) -> None:
    assert account.refusal(cell.of())


@pytest.mark.parametrize("cell", SUPPORTED, ids=str)
def test_every_other_combination_is_accepted(account: Account, cell: Cell) -> None:
    assert account.refusal(cell.of()) == ""
