"""The direct door: mmeplan's Reader and Writer over the simulator's core, in memory, without boto3 and HTTP.

A life makes hundreds of calls, and boto3 needs a millisecond for each. Everything but the wire is as it is through
`mmeplan.cloud.aws`: the same repeated reads, the same errors, times as ISO 8601 text. One seed in fifty goes through
the whole boto3 stack all the same (`drawing.STACK_EVERY`), and a test holds both doors against each other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from mmeplan.cloud.clock import repeated
from mmeplan.errors import CloudError, ConnectionFailedError
from mmeplan.live import Answer, Call, Progress
from mmeplan.simulator import ConnectionCut, ServiceError, Simulator

_TIMES = frozenset({"CreationTime", "LastModifiedTime", "StartTime", "ResolutionTime"})
_SUMMARIES = {"ListModels": "Models", "ListEndpointConfigs": "EndpointConfigs", "ListEndpoints": "Endpoints"}


class DirectCloud:
    """Reader and Writer. `clock` is slept on between repeated reads."""

    def __init__(self, sim: Simulator, clock: Any, region: str, tag_page: int = 0) -> None:
        self._tag_page = tag_page  # tags on a page of ListTags where the caller doesn't say; 0: SageMaker's own number
        self._sim = sim
        self._clock = clock
        self.region = region

    def read(self, operation: str, params: Mapping[str, Any]) -> Answer:
        if not operation.startswith(("Describe", "List", "Get", "BatchGet")):
            raise ValueError(f"{operation} is not a read")
        return repeated(lambda: self._call(operation, params), self._clock)

    def gather(self, calls: Sequence[Call], progress: Progress | None = None) -> list[Answer | Exception]:
        del progress
        return [self._attempt(call) for call in calls]

    def write(self, operation: str, params: Mapping[str, Any]) -> Answer:
        return self._call(operation, params)

    def _attempt(self, call: Call) -> Answer | Exception:
        try:
            return self.read(*call)
        except CloudError as error:
            return error

    def _call(self, operation: str, params: Mapping[str, Any]) -> Answer:
        try:
            answer = self._sim.call(operation, _sent(params), region=self.region)
        except ServiceError as error:
            raise CloudError(operation, error.code, error.message, status=error.status) from None
        except ConnectionCut as cut:
            raise ConnectionFailedError(operation, str(cut)) from None
        if operation == "ListTags" and 0 < self._tag_page < len(answer["Tags"]):
            shown = answer["Tags"][: self._tag_page]  # a page may have fewer than were asked for
            answer = {"Tags": shown, "NextToken": shown[-1]["Key"]}
        return _received(operation, answer)


def _sent(params: Mapping[str, Any]) -> dict[str, Any]:
    """A request as it goes over the wire: moments are seconds since 1970."""
    return {key: value.timestamp() if isinstance(value, datetime) else value for key, value in params.items()}


def _received(operation: str, answer: dict[str, Any]) -> dict[str, Any]:
    """An answer as `mmeplan.cloud.aws` hands it out: moments are ISO 8601 text in UTC."""
    if operation == "DescribeEndpoint":
        _date(answer)
        return answer
    for item in (answer, *answer.get(_SUMMARIES.get(operation, ""), ())):
        for key in ("CreationTime", "LastModifiedTime"):
            if key in item:
                item[key] = _moment(item[key])
    return answer


def _date(part: dict[str, Any]) -> None:
    for key, value in part.items():
        if isinstance(value, dict):
            _date(value)
        elif isinstance(value, list):
            for item in value:
                if isinstance(item, dict):
                    _date(item)
        elif key in _TIMES and not isinstance(value, str):  # text: a part that stands there twice
            part[key] = _moment(value)


@lru_cache(maxsize=1024)
def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()
