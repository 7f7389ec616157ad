"""What callers have to change with an update that SageMaker allows (EP)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from mmeplan.rules.calling import Called
from mmeplan.rules.examples import BIGGER, PREDICT, PREPARE, fleet_file
from mmeplan.rules.planned import PlannedFleet, PlanRule
from mmeplan.rules.rule import FleetHit

_INVOKE: Final = "API reference, InvokeEndpoint"
_FIX: Final = (
    "Make the change on an endpoint of its own and move the callers to it, or `allow` it with the reason why none of "
    "them is hurt."
)


def _here(text: str) -> str:
    """The example, found at its endpoint."""
    return text.replace("endpoints:\n  ranker:", "endpoints:\n  ranker:  # here")


class CallersRule(PlanRule):
    """A rule about what callers have to change: `sentences` says it of how the endpoint was called and will be."""

    severity = "warning"
    basis = "doc"
    fix = _FIX

    def planned(self, fleet: PlannedFleet) -> Iterator[FleetHit]:
        for at in fleet.endpoints:
            both = fleet.called(at)
            if both is not None:
                for sentence in self.sentences(*both):
                    who = at.endpoint.resource.address
                    yield at.endpoint.resource, (), f"callers of `{who}` have to change with this update: {sentence}"

    def sentences(self, before: Called, after: Called) -> Iterator[str]:
        """What callers have to change, in sentences."""
        return iter(())


def _listed(names: frozenset[str]) -> str:
    return ", ".join(repr(name) for name in sorted(names))


_TWO: Final = """
    small: {model: ranker, instance_type: ml.m5.xlarge, initial_instance_count: 2}
    %s: {model: ranker, instance_type: ml.m5.2xlarge, initial_instance_count: 2}
"""


class TargetVariantStays(CallersRule):
    id = "EP-18"
    title = "A variant that callers may name stays"
    source = f"{_INVOKE}: TargetVariant"
    why = (
        "A request may name its variant by TargetVariant. Where the variant is renamed or removed SageMaker swaps the "
        "endpoint, and refuses such requests from then on. Metrics, alarms and scalable targets name variants as well."
    )
    before = fleet_file(variants=_TWO % "large")
    bad = _here(fleet_file(variants=_TWO % "big"))
    good = fleet_file(
        variants=_TWO % "large" + "    more: {model: ranker, instance_type: ml.m5.xlarge, initial_instance_count: 2}\n"
    )

    def sentences(self, before: Called, after: Called) -> Iterator[str]:
        gone = before.variants - after.variants
        if gone:
            named = _listed(after.variants)
            yield f"requests with TargetVariant {_listed(gone)} are refused from then on; what there is then: {named}"


class TargetModelIsAsked(CallersRule):
    id = "EP-19"
    title = "An endpoint stays multi-model, or stays what it is"
    source = f"{_INVOKE}: TargetModel; docs/sagemaker.md, Load and unload"
    why = (
        "A multi-model endpoint refuses requests without TargetModel, and any other endpoint refuses requests with it. "
        "SageMaker swaps between the two without a word."
    )
    before = fleet_file(multi_model=True)
    bad = _here(fleet_file())
    good = fleet_file(multi_model=True)

    def sentences(self, before: Called, after: Called) -> Iterator[str]:
        if None in (before.multi_model, after.multi_model) or before.multi_model == after.multi_model:
            return
        if after.multi_model:
            yield "it becomes a multi-model endpoint, so every request has to name its model by TargetModel"
        else:
            yield "it is no multi-model endpoint any more, so requests with TargetModel are refused from then on"


def _two_containers(mode: str, first: str = "prepare") -> str:
    return fleet_file(
        model=f"inference_execution_config: {{mode: {mode}}}",
        containers=f"""
            - {{image: '{PREPARE}', container_hostname: {first}}}
            - {{image: '{PREDICT}', container_hostname: predict}}
        """,
    )


class TargetContainerIsAsked(CallersRule):
    id = "EP-20"
    title = "Containers that are called directly keep their hostnames"
    source = f"{_INVOKE}: TargetContainerHostname; Developer Guide, multi-container-direct"
    why = (
        "Containers that are called directly are chosen by TargetContainerHostname, which a serial pipeline has no use "
        "for. SageMaker swaps between the two, and to other hostnames, without a word."
    )
    before = _two_containers("Direct")
    bad = _here(_two_containers("Serial"))
    good = _two_containers("Direct")

    def sentences(self, before: Called, after: Called) -> Iterator[str]:
        if before.hostnames is None or after.hostnames is None:
            return
        gone = before.hostnames - after.hostnames
        if before.hostnames and not after.hostnames:
            yield "its containers aren't called directly any more, so requests stop sending TargetContainerHostname"
        elif after.hostnames and not before.hostnames:
            names = _listed(after.hostnames)
            yield f"its containers are called directly, so requests name one by TargetContainerHostname: {names}"
        elif gone:
            yield f"requests with TargetContainerHostname {_listed(gone)} find no such container any more"


class ComponentIsAsked(CallersRule):
    id = "EP-21"
    title = "An endpoint goes on hosting models, or inference components"
    source = f"{_INVOKE}: InferenceComponentName"
    why = (
        "Requests to inference components name one by InferenceComponentName; an endpoint whose variants name models "
        "has none. mmeplan doesn't make components: what is placed on such an endpoint is somebody else's."
    )
    before = fleet_file()
    bad = _here(
        fleet_file(
            config="execution_role_arn: arn:aws:iam::123456789012:role/sagemaker",
            variant="instance_type: ml.m5.xlarge",
            without=("model",),
        )
    )
    good = fleet_file(variant=BIGGER)

    def sentences(self, before: Called, after: Called) -> Iterator[str]:
        if before.components == after.components:
            return
        if after.components:
            yield "its variants name no model, so requests have to name a component by InferenceComponentName"
        else:
            yield "its variants name models, so requests with InferenceComponentName find no component any more"
