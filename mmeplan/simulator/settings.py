"""How long things take in the simulated SageMaker, and its other choices.

In: what the caller passes to `Simulator.open`. Out: a frozen `Settings`, read by the operations.
The durations are stated, not predicted: docs/simulator.md says where each comes from.
"""

from __future__ import annotations

from dataclasses import dataclass, fields


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

    activating_s: float = 30.0
    """Of `updating_s`, how long traffic takes to be activated on the new fleet (VariantStatus ActivatingTraffic)."""

    rollback_s: float = 30.0
    """From an alarm, a timeout or a re-scaling that fails until the endpoint is InService again."""

    instance_quota: int = 100_000
    """Instances of each type for endpoints, where `Simulator.set_quota` says nothing else. Generous: refuses nobody."""

    lower_case_arns: bool = False
    """Whether ARNs hold names in lower case, as captures of 2018 to 2023 show; newer ones keep the letter case."""

    refuse_empty_prefix: bool = False
    """Whether CreateModel wants an object under a multi-model container's prefix (sources conflict)."""

    images: frozenset[str] | None = None
    """The images that exist; CreateModel refuses others. None: images are not looked up."""

    multi_model_images: frozenset[str] | None = None
    """The images with the multi-model label; CreateModel refuses others in MultiModel mode. None: not looked up."""

    model_memory_mb: int = 8192
    """Memory for models of a multi-model container, for each instance: beyond it the least used model is unloaded."""

    model_size_mb: int = 512
    """Memory of a model whose artifact isn't in the simulated S3; of others it is the artifact's size."""

    model_loading_s: float = 5.0
    """Download and load of a model. Beyond 60 s an invocation answers ModelNotReadyException until it is loaded."""

    inference_s: float = 1.0
    """From InvokeEndpointAsync until the object with its answer is there, once the endpoint has an instance."""

    page_size: int = 10
    """MaxResults of a List call that names none. Source: ListEndpoints, "This value defaults to 10"."""

    history_limit: int = 100_000
    """Events that `Simulator.history` keeps; older ones are forgotten, so that a long-lived server stays small."""

    def __post_init__(self) -> None:
        for name in (field.name for field in fields(self) if field.name.endswith("_s")):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} must be 0 or more, not {getattr(self, name)!r}")
        for name in ("page_size", "history_limit", "model_memory_mb", "model_size_mb"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be 1 or more, not {getattr(self, name)!r}")
