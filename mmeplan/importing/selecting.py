"""Which endpoints are imported, and which of their counts an autoscaler owns. All reads.

In: names, globs, tags. Out: the names of live endpoints, sorted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

from mmeplan.errors import CloudError
from mmeplan.kinds import ENDPOINT
from mmeplan.live import Reader, Snapshot, names_of, pages, placed_components, tags_by_name

INSTANCE_COUNT: Final = "sagemaker:variant:DesiredInstanceCount"
CONCURRENCY: Final = "sagemaker:variant:DesiredProvisionedConcurrency"
_RESOURCES_A_CALL: Final = 50  # botocore DescribeScalableTargets, "If you specify ResourceIds …": 50 at most


@dataclass(frozen=True, slots=True)
class Selection:
    """`names` as they are; and all endpoints that fit one of `globs` (any name, where there is none) and all `tags`.

    A tag's value None stands for any value.
    """

    names: tuple[str, ...] = ()
    globs: tuple[str, ...] = ()
    tags: tuple[tuple[str, str | None], ...] = ()

    @property
    def searches(self) -> bool:
        """Whether anything but the names themselves is asked for."""
        return bool(self.globs or self.tags)

    def fits(self, name: str, tags: Mapping[str, str]) -> bool:
        """Whether an endpoint is meant."""
        named = not self.globs or any(fnmatchcase(name, glob) for glob in self.globs)
        return named and all(key in tags and value in (None, tags[key]) for key, value in self.tags)


@dataclass(frozen=True, slots=True)
class ScalableTarget:
    """Whose count it is: Application Auto Scaling's, between these bounds. `dimension` is the scalable dimension."""

    dimension: str
    least: int
    most: int


def select(reader: Reader, selection: Selection) -> list[str]:
    """The endpoints that are meant. Raises CloudError."""
    found = set(selection.names)
    if selection.searches:
        named = [name for name in names_of(reader, ENDPOINT.name) if Selection(globs=selection.globs).fits(name, {})]
        tags = tags_by_name(reader, ENDPOINT.name, named) if selection.tags else {}
        found |= {name for name in named if selection.fits(name, tags.get(name, {}))}
    return sorted(found)


def select_from(snapshot: Snapshot, selection: Selection) -> list[str]:
    """As `select`, from a snapshot."""
    found = set(selection.names)
    if selection.searches:
        found |= {live.name for live in snapshot.present(ENDPOINT.name) if selection.fits(live.name, live.tags or {})}
    return sorted(found)


def scalable_targets(reader: Reader, variants: Sequence[tuple[str, str]]) -> dict[tuple[str, str], ScalableTarget]:
    """(endpoint, variant) → its scalable target, for those that have one. Raises CloudError."""
    found: dict[tuple[str, str], ScalableTarget] = {}
    for start in range(0, len(variants), _RESOURCES_A_CALL):
        of_these = variants[start : start + _RESOURCES_A_CALL]
        ids = {f"endpoint/{endpoint}/variant/{name}": (endpoint, name) for endpoint, name in of_these}
        params = {"ServiceNamespace": "sagemaker", "ResourceIds": list(ids)}
        for page in pages(reader, "DescribeScalableTargets", params):
            for target in page.get("ScalableTargets", ()):
                place = ids.get(target["ResourceId"])
                dimension = str(target.get("ScalableDimension"))
                if place is not None and (place not in found or dimension == INSTANCE_COUNT):
                    found[place] = ScalableTarget(dimension, int(target["MinCapacity"]), int(target["MaxCapacity"]))
    return found


def inference_components(reader: Reader, endpoints: Iterable[str]) -> dict[str, tuple[str, ...] | None]:
    """Endpoint → the names of its inference components; None where they can't be read."""
    found: dict[str, tuple[str, ...] | None] = {}
    for endpoint in endpoints:
        try:
            found[endpoint] = placed_components(reader, endpoint)
        except CloudError:
            found[endpoint] = None
    return found
