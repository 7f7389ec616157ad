"""Live objects of Describe answers, typed by their kinds. Nothing outside `live`, `kinds` and canonicalisation reads
answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmeplan.kinds import ENDPOINT, ENDPOINT_CONFIG, LiveEndpoint, LiveEndpointConfig, LiveObject, Status, kind_named
from mmeplan.live.ports import Call


def live_object(
    kind: str,
    name: str,
    status: Status,
    describe: Mapping[str, Any] | None = None,
    tags: Mapping[str, str] | None = None,
    *,
    by_digest: bool = False,
    error: str = "",
) -> LiveObject:
    """The live object of a kind; the other arguments are those of `LiveObject`.

    One whose answer leaves out what nothing can be decided without (`Kind.unreadable`) is unreadable.
    """
    of = kind_named(kind)
    if status == "present" and describe:
        for member, why in of.unreadable.items():
            if not describe.get(member):
                return of.live(kind, name, "unreadable", error=why)
    return of.live(kind, name, status, describe or {}, tags, by_digest, error)


def describe_call(kind: str, name: str) -> Call:
    """The call that describes an object."""
    return kind_named(kind).read(name)


def listed_config(name: str) -> LiveEndpointConfig:
    """A config that holds what the file declares under its name, whether it was described or not."""
    return LiveEndpointConfig(ENDPOINT_CONFIG.name, name, "present", by_digest=True)


def created_at(summary: Mapping[str, Any]) -> str:
    """Creation time of an item of a List answer, ISO 8601; empty where it has none."""
    return str(summary.get("CreationTime") or "")


def live_endpoint_config(describe: Mapping[str, Any]) -> LiveEndpointConfig:
    """A DescribeEndpointConfig answer, typed."""
    return LiveEndpointConfig(ENDPOINT_CONFIG.name, str(describe.get("EndpointConfigName", "")), "present", describe)


def live_endpoint(describe: Mapping[str, Any], tags: Mapping[str, str] | None = None) -> LiveEndpoint:
    """A DescribeEndpoint answer, typed."""
    return LiveEndpoint(ENDPOINT.name, str(describe.get("EndpointName", "")), "present", describe, tags)
