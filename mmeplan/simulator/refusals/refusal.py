"""`Refusal`: one thing that the service refuses, as data; `Asked`: what a condition looks at.

A condition is a function whose docstring says in a few words when the service refuses; it yields the values that the
words of the refusal need, once for each place where it holds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]
Found = Iterator[Mapping[str, object]]
"""The values of the words, for each place where the condition holds."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request whose shape is right, and what its refusals look at besides.

    `models` are the models that the config's variants name, by name, as DescribeModel shows them. `approvals` are
    those of the model packages that the registry knows, by their name in the request. `buckets` are the regions of
    the buckets that hold model data, by name; empty for one that isn't there. `config` is what an endpoint is to
    run, `in_force` what it runs. `live` is the fleet that runs and `coming` the one that is to be launched, as
    DescribeEndpoint shows variants. `deployment` is the DeploymentConfig that is asked for, and `carried_out` what
    is carried out of it.
    """

    request: Json
    account: str = ""
    region: str = ""
    models: Mapping[str, Json] = field(default_factory=dict)
    approvals: Mapping[str, str] = field(default_factory=dict)
    buckets: Mapping[str, str] = field(default_factory=dict)
    config: Json = field(default_factory=dict)
    in_force: Json = field(default_factory=dict)
    live: list[Json] = field(default_factory=list)
    coming: list[Json] = field(default_factory=list)
    deployment: Json | None = None
    carried_out: Json | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """What `operation` refuses: where `when` holds, with `words`.

    `source` is the document that says so, or where the answer was seen. `observed` says that the words are the
    service's own; otherwise they are ours.
    """

    operation: str
    when: Callable[[Asked], Found]
    words: str
    source: str
    observed: bool = False

    def sentences(self, asked: Asked) -> Iterator[str]:
        """What the service says of this request; nothing where it isn't refused."""
        for values in self.when(asked):
            yield self.words.format(**values)


def containers(model: Json) -> list[Json]:
    """The model's containers, whichever of the two members holds them."""
    primary = model.get("PrimaryContainer")
    return [primary] if primary is not None else list(model.get("Containers", ()))


def variants(config: Json) -> list[Json]:
    """Production and shadow variants."""
    return [*config["ProductionVariants"], *config.get("ShadowProductionVariants", ())]


def models_of(variant: Json) -> list[str]:
    """The names of the models that a variant hosts: its own, and those of its instance pools."""
    pools = [pool["ModelNameOverride"] for pool in variant.get("InstancePools", ()) if "ModelNameOverride" in pool]
    return [*([variant["ModelName"]] if "ModelName" in variant else ()), *pools]


def hosted(asked: Asked) -> Iterator[tuple[Json, Json]]:
    """Each variant of the request, with each of the models that it hosts."""
    for variant in variants(asked.request):
        for name in models_of(variant):
            yield variant, asked.models[name]


def repeated(names: Iterator[str]) -> Iterator[str]:
    """The names that were there before."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            yield name
        seen.add(name)


def is_multi_model(model: Json) -> bool:
    """Whether one of its containers is in MultiModel mode."""
    return any(container.get("Mode") == "MultiModel" for container in containers(model))


def region_of(arn: str) -> str:
    """The region that an ARN names; empty where it isn't an ARN, or names none."""
    parts = arn.split(":")
    return parts[3] if len(parts) > 3 and parts[0] == "arn" else ""
