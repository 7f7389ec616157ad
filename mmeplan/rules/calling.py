"""What an endpoint asks of its callers: the members of InvokeEndpoint that choose a variant, a model, a container.

In: a config's canonical content, and the models that it names. Out: `Called`. Sources: API reference, InvokeEndpoint.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from mmeplan.aws.variants import model_holders
from mmeplan.canonical import Canonical
from mmeplan.diff.inputs import Inputs
from mmeplan.kinds import MODEL

_PRODUCTION: Final = "ProductionVariants"


@dataclass(frozen=True, slots=True)
class Called:
    """How an endpoint is called while it runs a config.

    `multi_model` is None where variants differ in it, or a model isn't known. `hostnames` are those of containers that
    are called directly, None where a model isn't known. `components`: a variant names no model, so that inference
    components are what is called.
    """

    variants: frozenset[str]
    multi_model: bool | None
    hostnames: frozenset[str] | None
    components: bool


def called(inputs: Inputs, content: Canonical, *, live: bool) -> Called:
    """How the endpoint is called. `live`: of a model under a pinned name that what is live says counts."""
    named = [(path[1], holder.get(member)) for path, member, holder in model_holders(content) if path[0] == _PRODUCTION]
    models = [_model(inputs, str(name), live=live) for _, name in named if name]
    known = [model for model in models if model is not None]
    kinds = {any(container.get("Mode") == "MultiModel" for container in _containers(model)) for model in known}
    hostnames = frozenset(
        str(container["ContainerHostname"])
        for model in known
        if model.get("InferenceExecutionConfig", {}).get("Mode") == "Direct"
        for container in _containers(model)
        if container.get("ContainerHostname")
    )
    complete = len(known) == len(models)
    hosting = {variant for variant, name in named if name}
    variants = frozenset(content.get(_PRODUCTION, {}))
    return Called(
        variants,
        kinds.pop() if complete and len(kinds) == 1 else None,
        hostnames if complete else None,
        not variants <= hosting,
    )


def _model(inputs: Inputs, name: str, *, live: bool) -> Canonical | None:
    """The content of the model of that name; None where it isn't known."""
    declared, seen = inputs.graph.declared("model", name), inputs.snapshot.model(name)
    described = MODEL.content(seen.describe) if seen is not None and seen.is_present and not seen.by_digest else None
    if live and described is not None:
        return described
    return declared.content if declared is not None else described


def _containers(model: Canonical) -> list[Canonical]:
    primary = model.get("PrimaryContainer")
    return [primary] if primary is not None else list(model.get("Containers", ()))
