"""What a variant's registration with Application Auto Scaling means to its endpoint.

In: an endpoint about to be updated or deleted, and the targets among the world's records. Out: a refusal, or targets
that go with their endpoint. Called by `endpoints`; the calls themselves are in `scaling`.
"""

from __future__ import annotations

from typing import Any, Final

from mmeplan.simulator.call import Call
from mmeplan.simulator.names import invalid
from mmeplan.simulator.store import Stored

Json = dict[str, Any]

TARGET: Final = "scalable-target"
POLICY: Final = "scaling-policy"
ACTION: Final = "scheduled-action"
TAGS: Final = "scalable-target-tags"
COUNT: Final = "sagemaker:variant:DesiredInstanceCount"
SEPARATOR: Final = "\x1f"
"""Between the parts of a record's name: no name can contain it."""


def refuse_changed_type(call: Call, endpoint: Stored, config: Json) -> None:
    """endpoint-scaling.md: while a variant is registered its instance type can't change, nor can it be removed.

    Raises ServiceError; the service's words aren't captured.
    """
    types = {variant["VariantName"]: variant.get("InstanceType") for variant in config["ProductionVariants"]}
    for variant in endpoint.body["config"]["ProductionVariants"]:
        name = variant["VariantName"]
        resource = f"endpoint/{endpoint.name}/variant/{name}"
        if call.records.get(TARGET, call.account, call.region, SEPARATOR.join((resource, COUNT))) is None:
            continue
        if name not in types:
            raise invalid(f'The variant "{name}" is registered with Application Auto Scaling and can\'t be removed.')
        if types[name] != variant.get("InstanceType"):
            raise invalid(
                f'The instance type of the variant "{name}" can\'t change while it is registered with Application Auto '
                "Scaling: deregister it first."
            )


def forget(call: Call, endpoint_name: str) -> None:
    """DeleteEndpoint deregisters the endpoint's targets. Source: endpoint-scaling.md."""
    for name, target in list(call.records.all(TARGET, call.account, call.region)):
        if target["ResourceId"].startswith(f"endpoint/{endpoint_name}/"):
            forget_target(call, name)


def forget_target(call: Call, key: str) -> None:
    """A target's policies, scheduled actions and tags go with it. Source: botocore, DeregisterScalableTarget."""
    target = call.records.get(TARGET, call.account, call.region, key)
    call.records.remove(TARGET, call.account, call.region, key)
    if target is not None:
        call.records.remove(TAGS, call.account, call.region, target["ScalableTargetARN"])
    for kind in (POLICY, ACTION):
        for name, _ in list(call.records.all(kind, call.account, call.region)):
            if name.startswith(key + SEPARATOR):
                call.records.remove(kind, call.account, call.region, name)
