"""Scalable targets that others registered for the fleet's endpoints, and whose a count is (ASC and UWC).

In: one list of all scalable targets of the region, by endpoint and variant. What the file declares itself is asked
about in `autoscaling`: whoever registered these is somebody else, and an update has to get along with them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from mmeplan.kinds.resource import ApiPath
from mmeplan.live import live_endpoint, live_endpoint_config
from mmeplan.live.ports import Answer
from mmeplan.rules.examples import ROLE, fleet_file
from mmeplan.rules.facts import Endpoint, FleetFacts, Variant
from mmeplan.rules.online import OnlineRule, Question
from mmeplan.rules.planned import PlannedFleet, PlanRule
from mmeplan.rules.rule import FleetHit, Hit, Rule

_GUIDE: Final = "Developer Guide, endpoint-scaling"
_SCALED: Final = "capacity: autoscaled\ninitial_instance_count: 2"
_MANAGED: Final = "managed_instance_scaling: {status: ENABLED, min_instance_count: 1, max_instance_count: 4}"
_ROLE: Final = f"execution_role_arn: {ROLE}"
_GIVEN: Final = "A scalable target of 2 to 3 instances is registered for the variant `main`{0}."


def targets_of(answer: Answer) -> Answer:
    """Scalable targets by endpoint and variant: of its count, or of a serverless one's provisioned concurrency."""
    found: dict[str, dict[str, Answer]] = {}
    for target in answer.get("ScalableTargets") or ():
        parts = str(target.get("ResourceId", "")).split("/")
        if len(parts) == 4 and parts[0] == "endpoint":
            found.setdefault(parts[1], {})[parts[3]] = target
    return {"targets": found}


def _targets(endpoint: Endpoint, resource: Any, path: ApiPath, *wanted: Any) -> Question:
    params = {"ServiceNamespace": "sagemaker"}
    name = endpoint.resource.physical_name
    return Question(
        resource, path, name, "DescribeScalableTargets", params, "ScalableTargets", wanted, condense=targets_of
    )


def _registered(question: Question, answer: Answer) -> dict[str, Answer]:
    """The targets of the question's endpoint, by variant."""
    targets: dict[str, dict[str, Answer]] = answer.get("targets") or {}
    return targets.get(question.value, {})


def _variants(facts: FleetFacts) -> Iterator[tuple[Endpoint, Variant]]:
    """The production variants that endpoints host, and whose scaling the file doesn't declare."""
    return ((at, variant) for at, variant in facts.hosted() if not variant.shadow and variant.scaling is None)


def _endpoint(question: Question) -> Question:
    """Ask for the live endpoint of a question about its targets."""
    params = {"EndpointName": question.value}
    return replace(question, operation="DescribeEndpoint", params=params, pages="", condense=None)


class ScaledVariantKeepsType(OnlineRule):
    id = "ASC-16"
    title = "A scaled variant keeps its instance type"
    severity = "error"
    basis = "doc"
    source = f"{_GUIDE}: an update that changes the instance type of a scaled variant fails"
    quote = (
        "If the update would change the instance type for any model that is a target for automatic scaling, the "
        "update fails."
    )
    why = "UpdateEndpoint fails where it changes the instance type of a variant that has a scalable target."
    fix = "Deregister the target (`aws application-autoscaling deregister-scalable-target`), apply, register it again."
    reads = ("DescribeScalableTargets", "DescribeEndpoint", "DescribeEndpointConfig")
    given = _GIVEN.format(", which is live on ml.m5.xlarge")
    bad = fleet_file(endpoint="name: scaled", variant=f"instance_type: ml.m5.2xlarge  # here\n{_SCALED}")
    good = fleet_file(endpoint="name: scaled", variant=_SCALED)

    def questions(self, facts: FleetFacts) -> Iterator[Question]:
        for endpoint, variant in _variants(facts):
            kind = variant.spec.get("InstanceType")
            if kind:
                path = (*variant.path, "InstanceType")
                yield _targets(endpoint, variant.owner.resource, path, variant.name, kind)

    def found(self, question: Question, answer: Answer) -> Iterator[str | Question]:
        name, kind = question.wanted
        if question.operation == "DescribeScalableTargets":
            if name in _registered(question, answer):
                yield _endpoint(question)
        elif question.operation == "DescribeEndpoint":
            if config := live_endpoint(answer).config:
                params = {"EndpointConfigName": config}
                yield replace(question, operation="DescribeEndpointConfig", params=params)
        else:
            live = live_endpoint_config(answer).instance_types.get(name, kind)
            if live != kind:
                yield f"the live variant {name!r} runs on `{live}` and has a scalable target: the update fails"


class ScaledVariantStays(OnlineRule):
    id = "ASC-17"
    title = "A scaled variant stays"
    severity = "error"
    basis = "inf"
    source = f"{_GUIDE}: deregister a variant's scalable target before the variant is removed"
    why = (
        "AWS asks to deregister a variant's scalable target before an update removes or renames the variant: "
        "Application Auto Scaling looks at every update of an endpoint whose variants it scales."
    )
    fix = "Deregister the target (`aws application-autoscaling deregister-scalable-target`), then apply."
    reads = ("DescribeScalableTargets", "DescribeEndpoint")
    given = _GIVEN.format(", which is live")
    bad = fleet_file(
        endpoint="name: scaled",
        variants="other: {model: ranker, instance_type: ml.m5.xlarge, initial_instance_count: 2}",
    ).replace("endpoints:\n  ranker:", "endpoints:\n  ranker:  # here")
    good = fleet_file(endpoint="name: scaled", variant=_SCALED)

    def questions(self, facts: FleetFacts) -> Iterator[Question]:
        for endpoint in facts.endpoints.values():
            if endpoint.config is not None:
                names = frozenset(variant.name for variant in endpoint.config.production)
                yield _targets(endpoint, endpoint.resource, (), names)

    def found(self, question: Question, answer: Answer) -> Iterator[str | Question]:
        (names,) = question.wanted
        if question.operation == "DescribeScalableTargets":
            gone = sorted(set(_registered(question, answer)) - names)
            if gone:
                yield replace(_endpoint(question), wanted=(gone,))
            return
        live = {variant.name for variant in live_endpoint(answer).variants}
        for name in names:
            if name in live:
                yield f"the live variant {name!r} has a scalable target, and isn't in the file: deregister it first"


class ScaledCountIsLeftAlone(OnlineRule):
    id = "ASC-18"
    title = "A scaled variant's count is left to its autoscaler"
    severity = "warning"
    basis = "doc"
    source = f"{_GUIDE}; botocore sagemaker/2017-07-24, UpdateEndpointInput.RetainAllVariantProperties"
    why = (
        "A scalable target is registered for the variant, and the file says a count: every update sets it back to "
        "that, in the middle of whatever load the autoscaler has answered."
    )
    fix = "Write `capacity: autoscaled` on the variant: mmeplan then retains the live count."
    reads = ("DescribeScalableTargets",)
    given = _GIVEN.format("")
    bad = fleet_file(endpoint="name: scaled").replace("        main:\n", "        main:  # here\n")
    good = fleet_file(endpoint="name: scaled", variant=_SCALED)

    def questions(self, facts: FleetFacts) -> Iterator[Question]:
        for endpoint, variant in _variants(facts):
            if not variant.autoscaled and (variant.serverless or "InitialInstanceCount" in variant.spec):
                yield _targets(endpoint, variant.owner.resource, variant.path, variant.name)

    def found(self, question: Question, answer: Answer) -> Iterator[str | Question]:
        (name,) = question.wanted
        if name in _registered(question, answer):
            yield (
                f"a scalable target scales {name!r} of {question.value!r}, and the file doesn't say "
                "`capacity: autoscaled`"
            )


class CountWithinTarget(OnlineRule):
    id = "UWC-09"
    title = "A count lies within the bounds of its scalable target"
    severity = "warning"
    basis = "doc"
    source = "Application Auto Scaling API, RegisterScalableTarget: capacity outside the bounds is moved back"
    why = (
        "Application Auto Scaling moves a count that lies outside back into its target's bounds: nobody's wish is kept."
    )
    fix = "Choose a count within the bounds, or change the target."
    reads = ("DescribeScalableTargets",)
    given = _GIVEN.format("")
    bad = fleet_file(
        endpoint="name: scaled",
        variant="capacity: autoscaled\ninitial_instance_count: 4  # here",
    )
    good = fleet_file(endpoint="name: scaled", variant=_SCALED)

    def questions(self, facts: FleetFacts) -> Iterator[Question]:
        for endpoint, variant in _variants(facts):
            member: ApiPath = ("InitialInstanceCount",)
            count = variant.spec.get("InitialInstanceCount")
            if variant.serverless:
                member = ("ServerlessConfig", "ProvisionedConcurrency")
                count = variant.spec["ServerlessConfig"].get("ProvisionedConcurrency")
            if count is not None:
                yield _targets(endpoint, variant.owner.resource, (*variant.path, *member), variant.name, count)

    def found(self, question: Question, answer: Answer) -> Iterator[str | Question]:
        name, count = question.wanted
        target = _registered(question, answer).get(name)
        if target and not target["MinCapacity"] <= count <= target["MaxCapacity"]:
            bounds = f"{target['MinCapacity']} to {target['MaxCapacity']}"
            what = "instances lie" if question.path[-1] == "InitialInstanceCount" else "of provisioned concurrency lie"
            yield f"{count} {what} outside the scalable target's {bounds}"


class SomebodyScales(OnlineRule):
    id = "ASC-23"
    title = "An autoscaled variant has a scalable target"
    severity = "warning"
    basis = "doc"
    source = f"{_GUIDE}; Application Auto Scaling API, RegisterScalableTarget"
    why = (
        "The file leaves the variant's count to an autoscaler, and none is registered: the count stays where it is, "
        "whatever the load. Asked once the endpoint is live; what SageMaker's own managed scaling does isn't meant."
    )
    fix = (
        "Register it (`aws application-autoscaling register-scalable-target`) with a policy, or drop "
        "`capacity: autoscaled`."
    )
    reads = ("DescribeScalableTargets", "DescribeEndpoint")
    given = "The endpoint is live, and no scalable target is registered for its variant."
    bad = fleet_file(variant="initial_instance_count: 2\ncapacity: autoscaled  # here")
    good = fleet_file(endpoint="name: scaled", variant=_SCALED)

    def questions(self, facts: FleetFacts) -> Iterator[Question]:
        for endpoint, variant in _variants(facts):
            if variant.autoscaled and not variant.managed_scaling:
                yield _targets(endpoint, variant.owner.resource, (*variant.path, "capacity"), variant.name)

    def found(self, question: Question, answer: Answer) -> Iterator[str | Question]:
        (name,) = question.wanted
        if question.operation == "DescribeScalableTargets":
            if name not in _registered(question, answer) and not answer.get("IsTruncated"):
                yield _endpoint(question)
        elif any(variant.name == name for variant in live_endpoint(answer).variants):
            yield f"nobody scales the variant {name!r} of {question.value!r}: no scalable target is registered for it"


class TargetIsLost(PlanRule):
    id = "ASC-24"
    title = "A scalable target survives"
    severity = "warning"
    basis = "doc"
    source = f"{_GUIDE}; DeleteEndpoint deregisters the targets of the endpoint's variants"
    why = (
        "An endpoint that is deleted and created, or created under another name, has no scalable target: its policies "
        "and scheduled actions went with the old one, and the count stays at what the file begins with."
    )
    fix = "Register the target and its policies again once the apply is over."
    before = fleet_file(variant=_SCALED)
    bad = (
        fleet_file(endpoint="name: ranker-2", variant=_SCALED + "  # here")
        .replace("capacity: autoscaled\n", "capacity: autoscaled  # here\n")
        .replace("initial_instance_count: 2  # here", "initial_instance_count: 2")
    )
    good = fleet_file(variant=_SCALED)

    def planned(self, fleet: PlannedFleet) -> Iterator[FleetHit]:
        for at in fleet.endpoints:
            config, change = at.endpoint.config, at.change
            if config is None or change is None or not (change.action.creates and change.action.deletes):
                continue
            live = at.live_variants()
            for variant in config.production:
                others = variant.autoscaled and variant.scaling is None  # its own are registered again by the plan
                if others and not variant.managed_scaling and variant.name in live:
                    message = (
                        f"the scalable target of {variant.name!r}, where there is one, goes with the old endpoint: "
                        "register it again"
                    )
                    yield config.resource, (*variant.path, "capacity"), message


class FixedBesideScaling(Rule):
    id = "ASC-25"
    title = "A count that SageMaker scales isn't said to be fixed"
    severity = "error"
    basis = "own"
    source = "docs/fleet-yaml.md, `capacity`; botocore sagemaker/2017-07-24, ProductionVariantManagedInstanceScaling"
    why = (
        "With `managed_instance_scaling` enabled SageMaker changes the count between its bounds: mmeplan never "
        "compares it, and keeps it across swaps, as with `capacity: autoscaled`. `capacity: fixed` asks for the "
        "opposite."
    )
    fix = "Drop `capacity: fixed`, or set `status: DISABLED`."
    bad = fleet_file(models="{}", config=_ROLE, variant=f"{_MANAGED}\ncapacity: fixed  # here", without=("model",))
    good = fleet_file(models="{}", config=_ROLE, variant=_MANAGED, without=("model",))
    members = ("ManagedInstanceScaling",)

    def variant(self, variant: Variant) -> Iterator[Hit]:
        if variant.capacity == "fixed" and variant.managed_scaling.get("Status") == "ENABLED":
            message = f"`capacity: fixed`, and SageMaker scales the variant {variant.name!r} (managed_instance_scaling)"
            yield (*variant.path, "capacity"), message
