"""A cloud of plain dictionaries for tests: answers by operation and name, errors on demand, all calls noted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from mmeplan.errors import CloudError

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
OURS = {"mmeplan:fleet": "f"}
_NAMES = {
    "DescribeEndpoint": "EndpointName",
    "DescribeEndpointConfig": "EndpointConfigName",
    "DescribeModel": "ModelName",
}
_ARNS = {"DescribeEndpoint": "EndpointArn", "DescribeEndpointConfig": "EndpointConfigArn", "DescribeModel": "ModelArn"}


def missing(operation: str = "Describe") -> CloudError:
    return CloudError(operation, "ValidationException", 'Could not find x "arn".')


def denied(operation: str) -> CloudError:
    return CloudError(operation, "AccessDeniedException", "no")


class Clock:
    """Virtual time; the middle of every interval for chance. `stepped` is by how much the wall clock was set."""

    def __init__(self) -> None:
        self.at = EPOCH
        self.stepped = timedelta()
        self.slept: list[float] = []

    def now(self) -> datetime:
        return self.at + self.stepped

    def monotonic(self) -> float:
        return (self.at - EPOCH).total_seconds()

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.at += timedelta(seconds=seconds)

    def uniform(self, low: float, high: float) -> float:
        return (low + high) / 2


class FakeCloud:
    """`there` maps names to Describe answers, `tags` to tags; `errors` maps operations to what they raise next."""

    def __init__(self, there: Mapping[str, Mapping[str, Any]] | None = None, **tags: Mapping[str, str]) -> None:
        self.there = {name: dict(answer) for name, answer in (there or {}).items()}
        self.tags = {name: dict(found) for name, found in tags.items()}
        self.errors: dict[str, list[Exception]] = {}
        self.calls: list[tuple[str, Mapping[str, Any]]] = []

    def read(self, operation: str, params: Mapping[str, Any]) -> dict[str, Any]:
        self._note(operation, params)
        if operation == "ListTags":
            tags = self.tags.get(params["ResourceArn"], OURS)
            return {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}
        if operation == "ListEndpoints":
            return {"Endpoints": self._listed(params)}
        name = params[_NAMES[operation]]
        if name not in self.there:
            raise missing(operation)
        return {_NAMES[operation]: name, _ARNS[operation]: name, **self.there[name]}

    def _listed(self, params: Mapping[str, Any]) -> list[dict[str, Any]]:
        since = params.get("LastModifiedTimeAfter")
        found = [{"EndpointName": name, **there} for name, there in self.there.items() if "EndpointStatus" in there]
        wanted = params.get("StatusEquals")
        found = [item for item in found if wanted in (None, item["EndpointStatus"])]
        return [item for item in found if since is None or datetime.fromisoformat(item["LastModifiedTime"]) > since]

    def gather(self, calls: Sequence[tuple[str, Mapping[str, Any]]], progress: Any = None) -> list[Any]:
        del progress
        answers: list[Any] = []
        for operation, params in calls:
            try:
                answers.append(self.read(operation, params))
            except CloudError as error:
                answers.append(error)
        return answers

    def write(self, operation: str, params: Mapping[str, Any]) -> dict[str, Any]:
        self._note(operation, params)
        return {}

    def _note(self, operation: str, params: Mapping[str, Any]) -> None:
        self.calls.append((operation, params))
        if self.errors.get(operation):
            raise self.errors[operation].pop(0)

    def operations(self) -> list[str]:
        return [operation for operation, _ in self.calls]
