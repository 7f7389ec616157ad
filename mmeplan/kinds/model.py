"""The Model: its request, its identity, and how DescribeModel's answer becomes comparable."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from mmeplan.canonical import Canonical, canonical
from mmeplan.identity import Deployment
from mmeplan.kinds.resource import Resource, versioned

if TYPE_CHECKING:
    from mmeplan.spec import Entry

_ANSWER_ONLY: Final = frozenset(
    {"ModelName", "ModelArn", "CreationTime", "DeploymentRecommendation", "ResponseMetadata", "Tags"}
)


def compile_model(entry: Entry, deployment: Deployment, salt: str | None = None, *, apart: bool = False) -> Resource:
    """The desired Model of an entry. `salt` overrides the entry's own (a one-off replacement).

    `apart`: another deployment's model has its plain name.
    """
    return versioned("model", entry, deployment, entry.request, name_member="ModelName", salt=salt, apart=apart)


def live_model(describe: dict[str, Any]) -> Canonical:
    """What DescribeModel answered, as a canonical request."""
    return canonical({member: value for member, value in describe.items() if member not in _ANSWER_ONLY})


def aligned_model(desired: Canonical, live: Canonical) -> Canonical:
    """`live` without what the service filled in by itself because `desired` left it open.

    A pipeline whose file names no hostnames gets names by position; which ones is not documented.
    """
    wanted = desired.get("Containers", [])
    if "Containers" not in live or any("ContainerHostname" in container for container in wanted):
        return live
    bare = [{k: v for k, v in container.items() if k != "ContainerHostname"} for container in live["Containers"]]
    return {**live, "Containers": bare}
