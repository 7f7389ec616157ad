"""The List calls: filters, order, pages.

In: validated List requests. Out: a page of summaries and a NextToken. A token holds the sort key of the last item
shown, not an offset: it stays good when that item is deleted or others come. Called through the table in `sagemaker`.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from mmeplan.simulator import names
from mmeplan.simulator.call import Call, seconds
from mmeplan.simulator.store import Filter, Stored
from mmeplan.simulator.wire import ServiceError

Json = dict[str, Any]

# Insertion order is creation order, since virtual time never goes back; it also breaks the ties.
_COLUMNS: Final = {"CreationTime": "seq", "Name": "name_lower", "Status": "status"}
_TIMES: Final = {
    "CreationTimeBefore": "created_us / 1000 * 1000 < ?",
    "CreationTimeAfter": "created_us / 1000 * 1000 >= ?",
    "LastModifiedTimeBefore": "modified_us / 1000 * 1000 < ?",
    "LastModifiedTimeAfter": "modified_us / 1000 * 1000 > ?",
}
"""Filter → condition on the millisecond shown; before and after as botocore's List* documentation words them."""
_SQLITE_MAX: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Listing:
    """How objects of one kind are listed: the answer's member and what a summary shows of each.

    `order` is by creation unless the request says otherwise; `among` are conditions of this kind's requests alone.
    """

    kind: str
    member: str
    summary: Callable[[Stored], Json]
    order: str = "Descending"
    among: Callable[[Call, Json], list[Filter]] = lambda *_: []


def _model(model: Stored) -> Json:
    return {"ModelName": model.name, "ModelArn": model.arn, "CreationTime": seconds(model.created_us)}


def _config(config: Stored) -> Json:
    named = {"EndpointConfigName": config.name, "EndpointConfigArn": config.arn}
    return named | {"CreationTime": seconds(config.created_us)}


def _endpoint(endpoint: Stored) -> Json:
    return {
        "EndpointName": endpoint.name,
        "EndpointArn": endpoint.arn,
        "CreationTime": seconds(endpoint.created_us),
        "LastModifiedTime": seconds(endpoint.modified_us),
        "EndpointStatus": endpoint.status,
    }


MODELS: Final = Listing(names.MODEL, "Models", _model)
ENDPOINT_CONFIGS: Final = Listing(names.ENDPOINT_CONFIG, "EndpointConfigs", _config)
ENDPOINTS: Final = Listing(names.ENDPOINT, "Endpoints", _endpoint)


def lister(listing: Listing) -> Callable[[Call, Json], Json]:
    """The List operation of a kind."""

    def run(call: Call, request: Json) -> Json:
        column = _COLUMNS[request.get("SortBy", "CreationTime")]
        descending = request.get("SortOrder", listing.order) == "Descending"
        limit = request.get("MaxResults", call.settings.page_size)
        found = call.store.page(
            call.scope(listing.kind),
            column=column,
            descending=descending,
            after=_after(request, column, descending),
            filters=[*filters(request), *listing.among(call, request)],
            limit=limit + 1,
        )
        answer: Json = {listing.member: [listing.summary(item) for item in found[:limit]]}
        if len(found) > limit:
            answer["NextToken"] = token(_key(found[limit - 1], column), descending)
        return answer

    return run


def filters(request: Mapping[str, Any]) -> list[Filter]:
    """The request's filters as conditions. Names match without regard to case, as they collide."""
    conditions = [Filter(sql, _microseconds(request[member])) for member, sql in _TIMES.items() if member in request]
    if "NameContains" in request:
        conditions.append(Filter("instr(name_lower, ?) > 0", request["NameContains"].lower()))
    if "StatusEquals" in request:
        conditions.append(Filter("status = ?", request["StatusEquals"]))
    return conditions


def _microseconds(timestamp: float | str) -> int:
    """A timestamp of a JSON 1.1 request (seconds since 1970, or ISO 8601) in microseconds since 1970."""
    try:
        if isinstance(timestamp, str):
            moment = datetime.fromisoformat(timestamp)
            timestamp = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        exact = round(timestamp * 1_000_000)
    except (ValueError, OverflowError):
        raise ServiceError("SerializationException", f"{timestamp} is not a timestamp.") from None
    return max(-_SQLITE_MAX, min(_SQLITE_MAX, exact))


def _key(item: Stored, column: str) -> list[Any]:
    value = {"seq": item.seq, "name_lower": item.name.lower(), "status": item.status}[column]
    return [column, value, item.seq]


def token(key: list[Any], descending: bool) -> str:
    """A NextToken: where the next page starts, and the order in which that makes sense."""
    return base64.urlsafe_b64encode(json.dumps([*key, descending]).encode()).decode()


def _after(request: Json, column: str, descending: bool) -> tuple[Any, int] | None:
    """The key that a request's NextToken holds. Raises ServiceError for one that isn't ours or has another order."""
    if "NextToken" not in request:
        return None
    try:
        of_column, value, seq, of_order = json.loads(base64.urlsafe_b64decode(request["NextToken"]))
    except (ValueError, TypeError):
        raise names.invalid("Invalid NextToken.") from None
    plain = isinstance(seq, int) and isinstance(value, int if column == "seq" else str)
    if not plain or (of_column, of_order) != (column, descending) or abs(seq) > _SQLITE_MAX:
        raise names.invalid("Invalid NextToken.")
    return value, seq
