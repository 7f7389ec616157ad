"""What others do to the account while we live in it: people in the console, autoscalers, SageMaker itself.

In: an external change as the scenario has it, with names as they are at that moment. Out: the name of the endpoint
that it was made to, "" where it couldn't be made. One that SageMaker refuses is one that didn't happen.

    create, claim   an endpoint of another team, on a config and a model of its own
    use_config      an endpoint of another team on a config of ours: what NAME runs, or an older one
    forge           what we are about to create, under our very name, with another content
    scale           counts or weights of the n-th variant
    borrow          the oldest idle config of ours: an endpoint of another team is moved to it, slowly
    swap            to another config: another team's, or an older one of ours; `slowly`: an idle one, for an hour
    delete_endpoint, delete_config, delete_model     the endpoint, what it runs, a model that it runs
    tag, untag      the endpoint
    automation      tags of a company on everything
    delete_idle     the oldest config of ours that no endpoint runs
    patch           SystemUpdating
    alarm           the state of an alarm
    register        the n-th variant with Application Auto Scaling, which moves its count into the bounds
"""

from __future__ import annotations

from typing import Any

from mmeplan.identity import FLEET_TAG
from mmeplan.simulator import ServiceError
from tests.simulation.seeds.account import Account, runs
from tests.simulation.seeds.drawing_fleets import IMAGE, ROLE

ExternalChange = dict[str, Any]

CLAIMED = "claimed"  # the config of endpoints that others make under our names
THEIRS = "theirs"  # another team's config, to which they move an endpoint
_SLOWLY = {
    "DeploymentConfig": {
        "BlueGreenUpdatePolicy": {
            "TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0},
            "TerminationWaitInSeconds": 3000,
        }
    }
}
AUTOMATION = ("awsApplication", "cost:center")
_SCALABLE = {"ServiceNamespace": "sagemaker", "ScalableDimension": "sagemaker:variant:DesiredInstanceCount"}


def do(account: Account, external: ExternalChange) -> str:
    """Do it now. Returns the name of the endpoint that it was done to."""
    try:
        done = _EXTERNAL_CHANGES[external["do"]](account, external)
    except ServiceError:
        return ""
    return str(external["name"]) if done is None else done


def _create(account: Account, external: ExternalChange) -> None:
    """Under one name: a model, a config and an endpoint."""
    name = external["name"]
    _own_config(account, name, external.get("count", 1))
    account.call("CreateEndpoint", EndpointName=name, EndpointConfigName=name)


def _own_config(account: Account, name: str, count: int) -> None:
    if not account.find("model", name):
        account.call("CreateModel", ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer={"Image": IMAGE + "9"})
    if not account.find("endpoint-config", name):
        main = {"VariantName": "a", "ModelName": name, "InstanceType": "ml.m5.large", "InitialInstanceCount": count}
        account.call("CreateEndpointConfig", EndpointConfigName=name, ProductionVariants=[main])


def _claim(account: Account, external: ExternalChange) -> str | None:
    if account.find("endpoint", external["name"]):
        return ""
    _own_config(account, CLAIMED, 1)
    account.call("CreateEndpoint", EndpointName=external["name"], EndpointConfigName=CLAIMED)
    return None


def _forge(account: Account, external: ExternalChange) -> str:
    """Not of a config that never was ours: what it said before nobody can tell (docs/reliability.md)."""
    if external.get("params", {}).get("EndpointConfigName") in (CLAIMED, THEIRS):
        return ""
    request = {key: value for key, value in external.get("params", {}).items() if key != "Tags"}
    if external.get("operation") == "CreateModel":
        account.call("CreateModel", **{**request, "PrimaryContainer": {"Image": IMAGE + "forged"}, "Containers": []})
    elif external.get("operation") == "CreateEndpointConfig":
        variants = [{**item, "InitialVariantWeight": 7} for item in request["ProductionVariants"]]
        account.call("CreateEndpointConfig", **{**request, "ProductionVariants": variants})
    return ""


def _use_config(account: Account, external: ExternalChange) -> str:
    config = _config_of(account, external["name"], external["of"])
    if not config:
        return ""
    account.call("CreateEndpoint", EndpointName=external["by"], EndpointConfigName=config)
    return str(external["by"])


def _config_of(account: Account, endpoint: str, which: str) -> str:
    """The config that an endpoint runs, or an older one that is ours and isn't in force there."""
    found = account.find("endpoint", endpoint)
    if found is None:
        return ""
    in_force = str(found.body["config_name"])
    if which == "now":
        return in_force
    ours = [item.name for item in account.all("endpoint-config") if FLEET_TAG in (item.tags or {})]
    return next((name for name in ours if name != in_force), "")


def _idle_config(account: Account) -> str:
    """The oldest config of ours that no endpoint runs or is moving to: what an apply is about to delete, often."""
    busy = {part["config_name"] for endpoint in account.all("endpoint") for part in runs(endpoint)}
    ours = [item.name for item in account.all("endpoint-config") if FLEET_TAG in (item.tags or {})]
    return next((name for name in ours if name not in busy), "")


def _scale(account: Account, external: ExternalChange) -> str | None:
    found = account.find("endpoint", external["name"])
    variants = (found.body["variants"] if found else None) or ()
    if not variants:
        return ""
    variant = variants[external["variant"] % len(variants)]
    wanted: ExternalChange = {"VariantName": variant["VariantName"]}
    if "weight" in external:
        wanted["DesiredWeight"] = external["weight"]
    elif "DesiredInstanceCount" in variant:
        wanted["DesiredInstanceCount"] = external["count"]
    else:
        wanted["ServerlessUpdateConfig"] = {"MaxConcurrency": external["count"]}
    account.call(
        "UpdateEndpointWeightsAndCapacities", EndpointName=external["name"], DesiredWeightsAndCapacities=[wanted]
    )
    return None


def _swap(account: Account, external: ExternalChange) -> str | None:
    to = THEIRS
    if "slowly" in external:
        to = _idle_config(account)
    elif external["to"] == "older":
        to = _config_of(account, external["name"], "older")
    else:
        _own_config(account, to, 2)
    if not to:
        return ""
    account.call(
        "UpdateEndpoint",
        EndpointName=external["name"],
        EndpointConfigName=to,
        **(_SLOWLY if "slowly" in external else {}),
    )
    return None


def _borrow(account: Account, external: ExternalChange) -> str:
    theirs = (item for item in account.all("endpoint") if FLEET_TAG not in (item.tags or {}))
    name = next((item.name for item in theirs if item.status == "InService"), "")
    return name if name and _swap(account, {**external, "name": name}) is None else ""


def _delete_endpoint(account: Account, external: ExternalChange) -> None:
    account.call("DeleteEndpoint", EndpointName=external["name"])


def _delete_config(account: Account, external: ExternalChange) -> str | None:
    config = _config_of(account, external["name"], "now")
    if not config:
        return ""
    account.call("DeleteEndpointConfig", EndpointConfigName=config)
    return None


def _delete_idle(account: Account, _deed: ExternalChange) -> str:
    config = _idle_config(account)
    if config:
        account.call("DeleteEndpointConfig", EndpointConfigName=config)
    return ""


def _delete_model(account: Account, external: ExternalChange) -> str | None:
    found = account.find("endpoint", external["name"])
    variants = found.body["config"].get("ProductionVariants", []) if found else []
    if not variants:
        return ""
    account.call("DeleteModel", ModelName=variants[0]["ModelName"])
    return None


def _tag(account: Account, external: ExternalChange) -> str | None:
    found = account.find("endpoint", external["name"])
    if found is None:
        return ""
    account.call("AddTags", ResourceArn=found.arn, Tags=[{"Key": k, "Value": v} for k, v in external["tags"].items()])
    return None


def _automation(account: Account, _deed: ExternalChange) -> str:
    """A company's automation puts its tags on everything, and puts them back where they were taken off."""
    tags = [{"Key": key, "Value": "robot"} for key in AUTOMATION]
    for kind in ("endpoint", "endpoint-config", "model"):
        for item in account.all(kind):
            account.call("AddTags", ResourceArn=item.arn, Tags=tags)
    return ""


def _untag(account: Account, external: ExternalChange) -> str | None:
    found = account.find("endpoint", external["name"])
    if found is None:
        return ""
    account.call("DeleteTags", ResourceArn=found.arn, TagKeys=external["keys"])
    return None


def _patch(account: Account, external: ExternalChange) -> None:
    account.sim.system_update(external["name"], external["seconds"], region=account.region)


def _alarm(account: Account, external: ExternalChange) -> str:
    reason = {"StateReason": "somebody said so"}
    account.call("SetAlarmState", AlarmName=external["name"], StateValue=external["state"], **reason)
    return ""


def _register(account: Account, external: ExternalChange) -> str | None:
    found = account.find("endpoint", external["name"])
    variants = [item for item in (found.body["variants"] if found else None) or () if "DesiredInstanceCount" in item]
    if not variants:
        return ""
    variant = variants[external["variant"] % len(variants)]["VariantName"]
    where = {**_SCALABLE, "ResourceId": f"endpoint/{external['name']}/variant/{variant}"}
    account.call("RegisterScalableTarget", **where, MinCapacity=external["least"], MaxCapacity=external["most"])
    return None


def deregister_all(account: Account) -> None:
    """Somebody takes every registration with Application Auto Scaling away."""
    for target in account.call("DescribeScalableTargets", ServiceNamespace="sagemaker")["ScalableTargets"]:
        account.call("DeregisterScalableTarget", **_SCALABLE, ResourceId=target["ResourceId"])


_EXTERNAL_CHANGES: dict[str, Any] = {
    "create": _create,
    "claim": _claim,
    "forge": _forge,
    "use_config": _use_config,
    "scale": _scale,
    "swap": _swap,
    "borrow": _borrow,
    "delete_endpoint": _delete_endpoint,
    "delete_config": _delete_config,
    "delete_idle": _delete_idle,
    "delete_model": _delete_model,
    "tag": _tag,
    "automation": _automation,
    "untag": _untag,
    "patch": _patch,
    "alarm": _alarm,
    "register": _register,
}
