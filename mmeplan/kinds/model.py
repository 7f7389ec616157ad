"""The Model: its request, its identity, and how DescribeModel's answer becomes comparable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mmeplan.canonical import Canonical
from mmeplan.identity import Deployment
from mmeplan.kinds.kind import Kind, Lifecycle, register
from mmeplan.kinds.live import LiveObject
from mmeplan.kinds.resource import Resource, versioned

if TYPE_CHECKING:
    from mmeplan.spec import Entry


@dataclass(frozen=True, slots=True)
class LiveModel(LiveObject):
    """A Model that was looked for."""


def compile_model(entry: Entry, deployment: Deployment, salt: str | None = None, *, apart: bool = False) -> Resource:
    """The desired Model of an entry. `salt` overrides the entry's own (a one-off replacement).

    `apart`: another deployment's model has its plain name.
    """
    return versioned(MODEL, entry, deployment, entry.request, salt=salt, apart=apart)


def _aligned(desired: Canonical, live: Canonical) -> Canonical:
    """`live` without what the service filled in by itself because `desired` left it open.

    A pipeline whose file names no hostnames gets names by position; which ones is not documented.
    """
    wanted = desired.get("Containers", [])
    if "Containers" not in live or any("ContainerHostname" in container for container in wanted):
        return live
    bare = [{k: v for k, v in container.items() if k != "ContainerHostname"} for container in live["Containers"]]
    return {**live, "Containers": bare}


MODEL: Final = register(
    Kind(
        name="model",
        noun="Model",
        lifecycle=Lifecycle.IMMUTABLE,
        live=LiveModel,
        section="models",
        doc="Logical name → model (CreateModel).",
        answer_only=frozenset(
            {"ModelName", "ModelArn", "CreationTime", "DeploymentRecommendation", "ResponseMetadata", "Tags"}
        ),
        aligned=_aligned,
        plan_format="1.2",
        refusals={"conflict": "DEL-10", "content": "MDL-40"},
        shapes=(('[("', '")]'), "cylinder"),
    )
)
