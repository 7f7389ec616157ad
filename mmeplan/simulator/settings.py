"""How long things take in the simulated SageMaker, and its other choices.

In: what the caller passes to `Simulator.open`. Out: a frozen `Settings`, read by the operations.
The durations are stated, not predicted: docs/simulator.md says where each comes from.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    """The simulator's choices. Durations are seconds of virtual time; 0 settles at the next request.

    Raises ValueError for a negative duration or a bound below 1.
    """

    creating_s: float = 180.0
    """CreateEndpoint until InService or Failed. Reported: 2 to 4.5 minutes for ordinary containers."""

    updating_s: float = 240.0
    """UpdateEndpoint until the new fleet is healthy; a DeploymentConfig's waits come on top of it."""

    scaling_s: float = 60.0
    """UpdateEndpointWeightsAndCapacities until InService."""

    deleting_s: float = 60.0
    """DeleteEndpoint until the endpoint is gone."""

    page_size: int = 10
    """MaxResults of a List call that names none. Source: ListEndpoints, "This value defaults to 10"."""

    history_limit: int = 100_000
    """Events that `Simulator.history` keeps; older ones are forgotten, so that a long-lived server stays small."""

    def __post_init__(self) -> None:
        for name in ("creating_s", "updating_s", "scaling_s", "deleting_s"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} must be 0 or more, not {getattr(self, name)!r}")
        for name in ("page_size", "history_limit"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be 1 or more, not {getattr(self, name)!r}")
