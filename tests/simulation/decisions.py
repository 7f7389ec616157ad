"""What is live, and a file → what is planned, what is drift, and what an endpoint may go back to: a table.

A row is a life of an account (`before`: fleets that were applied; then `hands`) and the fleet that is planned then.
What comes of each row stands in `decided/`; `pytest tests/simulation/test_decisions.py --accept` rewrites it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.simulation.instant import Account, compiled
from tests.simulation.world import IMAGE, ROLE, Fleet, config, model, serverless, variant

Hands = Callable[[Account], None]


@dataclass(frozen=True)
class Row:
    """`salts` ask for fresh objects (`--replace`); `back` is the generation that the endpoint `e` is to go back to."""

    file: Fleet
    before: tuple[Fleet, ...] = ()
    hands: Hands = lambda account: None
    salts: Mapping[str, str] = field(default_factory=dict)
    back: int = 0
    masked: bool = False  # planned from a snapshot without environment values

    def life(self) -> Account:
        account = Account(*self.before)
        self.hands(account)
        return account


# --- fleets: models `m` and `n`, the endpoint `e`, the shared config `c` ---


def f(endpoints: Mapping[str, Fleet] | None = None, **sections: Any) -> Fleet:
    made = {"version": 1, "fleet": "f", "models": {"m": model()}, "endpoints": dict(endpoints or {})}
    return {**made, **sections}


def v(size: str = "large", count: int = 2, of: str = "m", **members: Any) -> Fleet:
    return variant(of, f"ml.m5.{size}", count, **members)


def s(concurrency: int = 5, of: str = "m", provisioned: int = 0, memory: int = 2048) -> Fleet:
    made = serverless(of, concurrency)
    made["serverless_config"]["memory_size_in_mb"] = memory
    if provisioned:
        made["serverless_config"]["provisioned_concurrency"] = provisioned
    return made


def e(variants: Mapping[str, Fleet] | None = None, models: Fleet | None = None, **more: Any) -> Fleet:
    """A fleet of the endpoint `e`. `settings` go to its config, `retain` to the fleet, the rest to the endpoint."""
    sections = {"models": models} if models is not None else {}
    sections |= {key: more.pop(key) for key in ("retain", "defaults") if key in more}
    settings = more.pop("settings", {})
    return f({"e": {"config": {**config(**(variants or {"main": v()})), **settings}, **more}}, **sections)


def shared(variants: Mapping[str, Fleet] | None = None, names: str = "e", **more: Any) -> Fleet:
    """Endpoints that run the shared config `c`; `settings` go to the config."""
    made = {**config(**(variants or {"main": v()})), **more.pop("settings", {})}
    return f({name: {"config": "c"} for name in names}, endpoint_configs={"c": made}, **more)


def main(*args: Any, **more: Any) -> dict[str, Fleet]:
    return {"main": v(*args, **more)}


def shadow(*args: Any, **more: Any) -> Fleet:
    return {"shadow_production_variants": {"dark": v(*args, **more)}}


def pools(first: str, second: str, of: str = "m", count: int = 4) -> Fleet:
    """A variant of two instance pools, each with a model of its own."""
    made = [
        {"instance_type": f"ml.m5.{size}", "model_override": name, "priority": place}
        for place, (size, name) in enumerate((("large", first), ("xlarge", second)), 1)
    ]
    return {"model": of, "instance_pools": made, "initial_instance_count": count}


def pipeline(*images: str, named: bool = False, **members: Any) -> Fleet:
    """A serial pipeline with environment values."""
    made: list[Fleet] = [
        {"image": IMAGE + image, "environment": {"STEP": str(number), "IMAGE": image}}
        for number, image in enumerate(images, 1)
    ]
    for number, container in enumerate(made if named else ()):
        container["container_hostname"] = f"step-{number}"
    return {"execution_role_arn": ROLE, "containers": made, **members}


CANARY = {
    "blue_green_update_policy": {
        "traffic_routing_configuration": {
            "type": "CANARY",
            "canary_size": {"type": "CAPACITY_PERCENT", "value": 10},
            "wait_interval_in_seconds": 300,
        }
    }
}
SMALL, LARGE, HUGE = (e(main(size)) for size in ("large", "xlarge", "2xlarge"))
MODEL_2 = e(models={"m": model("2")})
EMPTY = f(models={})
ADOPTING = e(adopt=True)


# --- hands ---


def in_turn(*hands: Hands) -> Hands:
    def made(account: Account) -> None:
        for hand in hands:
            hand(account)

    return made


def status(value: str, name: str = "e", **members: Any) -> Hands:
    return lambda a: a.edits("endpoint", name, EndpointStatus=value, **members)


def scaled(name: str = "e", variant_name: str = "main", **desired: Any) -> Hands:
    """Somebody's change of counts, weights or concurrency."""
    wanted = [{"VariantName": variant_name, **desired}]
    return lambda a: a.does("UpdateEndpointWeightsAndCapacities", EndpointName=name, DesiredWeightsAndCapacities=wanted)


def gone(kind: str, at: int = -1) -> Hands:
    """One of the objects of a kind is deleted: by its place in the order of creation."""
    return lambda a: a.things.pop((kind, a.names(kind)[at])) and None


def tagged(kind: str, at: int = -1, **tags: str | None) -> Hands:
    return lambda a: a.tags(kind, a.names(kind)[at], **tags)


def edited(kind: str, at: int = -1, **members: Any) -> Hands:
    return lambda a: a.edits(kind, a.names(kind)[at], **members)


def variants_edited(at: int = -1, member: str = "ProductionVariants", **members: Any) -> Hands:
    """Members of every variant of a config, as the service says them."""

    def made(a: Account) -> None:
        name = a.names("endpoint-config")[at]
        there = a.things["endpoint-config", name].describe[member]
        a.edits("endpoint-config", name, **{member: [{**item, **members} for item in there]})

    return made


def applied(file: Fleet, salts: Mapping[str, str] | None = None, **options: Any) -> Hands:
    return lambda a: a.applies(file, salts, **options) and None


def created_only(file: Fleet) -> Hands:
    """An apply of this that stopped once it had created what it needs."""
    return lambda a: a.applies(file, only="Create") and None


def swapped_to(config_name: Callable[[Account], str], name: str = "e") -> Hands:
    return lambda a: a.does("UpdateEndpoint", EndpointName=name, EndpointConfigName=config_name(a))


def nth(kind: str, at: int) -> Callable[[Account], str]:
    return lambda a: a.names(kind)[at]


def pending(config_name: Callable[[Account], str], *variants: Fleet, name: str = "e", state: str = "Updating") -> Hands:
    """An update of the endpoint to that config is under way."""

    def made(a: Account) -> None:
        there = {"EndpointConfigName": config_name(a)}
        summaries = {"ProductionVariants": list(variants)} if variants else {}
        a.edits("endpoint", name, EndpointStatus=state, PendingDeploymentSummary={**there, **summaries})

    return made


def theirs(
    name: str = "theirs", *, of: str = "", size: str = "c5.large", count: int = 1, serves: bool = False, **tags: str
) -> Hands:
    """Somebody else's model, config and, where it `serves`, endpoint."""

    def made(a: Account) -> None:
        marks = [{"Key": key.replace("mmeplan_", "mmeplan:"), "Value": value} for key, value in tags.items()]
        if not of:
            container = {"Image": IMAGE + "9"}
            a.does("CreateModel", ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer=container, Tags=marks)
        one = {"VariantName": "main", "ModelName": of or name, "InstanceType": f"ml.{size}"}
        variants = [{**one, "InitialInstanceCount": count}]
        a.does("CreateEndpointConfig", EndpointConfigName=name, ProductionVariants=variants, Tags=marks)
        if serves:
            a.does("CreateEndpoint", EndpointName=name, EndpointConfigName=name, Tags=marks)

    return made


def named(*values: str) -> Callable[[Account], str]:
    return lambda a: values[0]


def denied(*operations: str) -> Hands:
    return lambda a: a.denied.update(operations)


def copied(kind: str, name: str, at: int = -1, **changes: Any) -> Hands:
    """Somebody's object of the same content under another name, without tags."""

    def made(a: Account) -> None:
        there = a.things[kind, a.names(kind)[at]].describe
        word = {"model": "Model", "endpoint-config": "EndpointConfig"}[kind]
        params = {k: x for k, x in there.items() if k not in (f"{word}Arn", "CreationTime")}
        a.does(f"Create{word}", **{**params, f"{word}Name": name, **changes})

    return made


def wanted_name(file: Fleet, at: str) -> str:
    """The name that mmeplan gives to what stands at an address."""
    return compiled(file).resources[at].physical_name


def copied_lost(a: Account) -> None:
    """Somebody makes a config of other content under the name of the one that the endpoint runs."""
    one = {"VariantName": "main", "ModelName": a.names("model")[0], "InstanceType": "ml.c5.large"}
    a.does(
        "CreateEndpointConfig", EndpointConfigName=a.runs("e"), ProductionVariants=[{**one, "InitialInstanceCount": 1}]
    )


def left_over(a: Account, *names: str) -> None:
    """Endpoints of other names that carry the tags of the first one."""
    first = a.names("endpoint")[0]
    tags = [{"Key": key, "Value": value} for key, value in a.things["endpoint", first].tags.items()]
    for name in names:
        if name not in a.names("endpoint"):
            a.does("CreateEndpoint", EndpointName=name, EndpointConfigName=a.runs(first), Tags=tags)


def went_back(a: Account) -> None:
    """`mmeplan rollback` of the endpoint to the config before."""
    config_name = a.names("endpoint-config")[0]
    a.tags("endpoint", "e", **{"mmeplan_went-back": a.runs("e")})
    a.does("UpdateEndpoint", EndpointName="e", EndpointConfigName=config_name)
    a.tags("endpoint", "e", mmeplan_digest=endpoint_digest(SMALL))


def endpoint_digest(file: Fleet) -> str:
    """What the endpoint's digest tag holds once this was applied."""
    return Account(file).things["endpoint", "e"].tags["mmeplan:digest"]


def theirs_again(a: Account) -> None:
    """Somebody makes his config again, with other content, after his endpoint was touched last."""
    one = {"VariantName": "main", "ModelName": "e", "InstanceType": "ml.c5.large"}
    a.does("CreateEndpointConfig", EndpointConfigName="e", ProductionVariants=[{**one, "InitialInstanceCount": 1}])


# --- the table ---

ENDPOINTS: dict[str, Row] = {
    "nothing is live": Row(SMALL),
    "what is live is what the file says": Row(SMALL, (SMALL,)),
    "tags are added, changed and removed, and AWS's own stay": Row(
        e(tags={"team": "b", "new": "1"}),
        (e(tags={"team": "a", "old": "1"}),),
        tagged("endpoint", **{"aws:x": "1", "AWS:y": "1"}),
    ),
    "a count": Row(e(main(count=3)), (SMALL,)),
    "a weight where there was none": Row(e(main(initial_variant_weight=3)), (SMALL,)),
    "a weight that is none any more": Row(SMALL, (e(main(initial_variant_weight=3)),)),
    "a count and a weight of two variants": Row(
        e({"a": v(count=3), "b": v(initial_variant_weight=2)}), (e({"a": v(), "b": v()}),)
    ),
    "a concurrency": Row(e({"main": s(9)}), (e({"main": s(5)}),)),
    "a memory size": Row(e({"main": s(memory=4096)}), (e({"main": s()}),)),
    "a provisioned concurrency": Row(e({"main": s(provisioned=3)}), (e({"main": s(provisioned=2)}),)),
    "a provisioned concurrency where there was none": Row(e({"main": s(provisioned=3)}), (e({"main": s()}),)),
    "a provisioned concurrency that is taken away": Row(e({"main": s()}), (e({"main": s(provisioned=2)}),)),
    "a count of a shadow variant": Row(e(settings=shadow(count=3)), (e(settings=shadow(count=1)),)),
    "a weight of a shadow variant": Row(
        e(settings=shadow(initial_variant_weight=2)), (e(settings=shadow(initial_variant_weight=1)),)
    ),
    "a count that the file gives away": Row(e(main(capacity="autoscaled")), (SMALL,), scaled(DesiredInstanceCount=7)),
    "a count that the file takes back": Row(SMALL, (e(main(capacity="autoscaled")),), scaled(DesiredInstanceCount=7)),
    "a managed scaling policy beside a count": Row(
        e(
            main(
                count=3,
                managed_instance_scaling={"status": "ENABLED", "min_instance_count": 1, "max_instance_count": 4},
            )
        ),
        (e(main(managed_instance_scaling={"status": "ENABLED", "min_instance_count": 2, "max_instance_count": 4})),),
    ),
    "a count and a setting of the config": Row(
        e(main(count=3), settings={"data_capture_config": {"initial_sampling_percentage": 1}}), (SMALL,)
    ),
    "an instance type": Row(LARGE, (SMALL,)),
    "a model": Row(MODEL_2, (SMALL,)),
    "a model and an instance type": Row(e(main("xlarge"), models={"m": model("2")}), (SMALL,)),
    "a model of a shadow variant": Row(
        e(settings=shadow(of="n"), models={"m": model(), "n": model("2")}),
        (e(settings=shadow(of="n"), models={"m": model(), "n": model("1", environment={"A": "1"})}),),
    ),
    "a variant gets another model of the fleet": Row(
        e(main(of="n"), models={"m": model(), "n": model("2")}), (e(models={"m": model(), "n": model("2")}),)
    ),
    "a model of one of two instance pools": Row(
        e({"main": pools("m", "n")}, models={"m": model(), "n": model("3")}),
        (e({"main": pools("m", "n")}, models={"m": model(), "n": model("2")}),),
    ),
    "a pipeline's environment": Row(e(models={"m": pipeline("1", "3")}), (e(models={"m": pipeline("1", "2")}),)),
    "a pipeline whose hostnames the service chose": Row(
        e(models={"m": pipeline("1", "2")}),
        (e(models={"m": pipeline("1", "2")}),),
        lambda a: a.edits(
            "model",
            a.names("model")[0],
            Containers=[
                {**item, "ContainerHostname": f"container-{number}"}
                for number, item in enumerate(a.things["model", a.names("model")[0]].describe["Containers"])
            ],
        ),
    ),
    "a volume whose size the service chose": Row(SMALL, (SMALL,), variants_edited(VolumeSizeInGB=4)),
    "a volume whose size the service chose, in a swap": Row(LARGE, (SMALL,), variants_edited(VolumeSizeInGB=4)),
    "a volume's size": Row(e(main(volume_size_in_gb=50)), (SMALL,), variants_edited(VolumeSizeInGB=4)),
    "another variant name": Row(e({"blue": v()}), (SMALL,)),
    "another variant": Row(e({"main": v(), "more": v()}), (SMALL,)),
    "another shadow variant": Row(e(settings=shadow()), (SMALL,)),
    "instances become serverless": Row(e({"main": s()}), (SMALL,)),
    "serverless becomes instances": Row(SMALL, (e({"main": s()}),)),
    "serverless stays serverless under another name": Row(e({"other": s()}), (e({"main": s()}),)),
    "a variant of instances joins serverless ones": Row(e({"main": s(), "more": v()}), (e({"main": s()}),)),
    "a serverless variant joins instances": Row(e({"main": v(), "more": s()}), (SMALL,)),
    "a deployment config that was used last": Row(e(deployment_config=CANARY), (SMALL,)),
    "a deployment config that differs from the last": Row(
        SMALL, (e(main("xlarge"), deployment_config=CANARY), e(deployment_config=CANARY))
    ),
    "a deployment config that says a default": Row(
        e(deployment_config=CANARY),
        (e(main("xlarge"), deployment_config=CANARY), e(deployment_config=CANARY)),
        lambda a: a.edits(
            "endpoint",
            "e",
            LastDeploymentConfig={
                "BlueGreenUpdatePolicy": {
                    **a.things["endpoint", "e"].describe["LastDeploymentConfig"]["BlueGreenUpdatePolicy"],
                    "TerminationWaitInSeconds": 0,
                }
            },
        ),
    ),
    "a deployment config that is as the last": Row(
        e(deployment_config=CANARY), (e(main("xlarge"), deployment_config=CANARY), e(deployment_config=CANARY))
    ),
}

STATES: dict[str, Row] = {
    "Failed": Row(SMALL, (SMALL,), status("Failed", FailureReason="no /ping")),
    "Failed without a reason": Row(LARGE, (SMALL,), status("Failed")),
    "Failed, and not ours": Row(ADOPTING, (), in_turn(theirs("e", serves=True), status("Failed"))),
    "Failed, of a config outside": Row(f({"e": {"endpoint_config_name": "theirs"}}), (SMALL,), status("Failed")),
    "OutOfService": Row(SMALL, (SMALL,), status("OutOfService")),
    "Deleting": Row(SMALL, (SMALL,), status("Deleting")),
    "UpdateRollbackFailed": Row(LARGE, (SMALL,), status("UpdateRollbackFailed", FailureReason="both failed")),
    "UpdateRollbackFailed without a reason": Row(SMALL, (SMALL,), status("UpdateRollbackFailed")),
    "SystemUpdating": Row(SMALL, (SMALL,), status("SystemUpdating")),
    "SystemUpdating, and a deployment config that differs": Row(
        SMALL,
        (e(main("xlarge"), deployment_config=CANARY), e(deployment_config=CANARY)),
        status("SystemUpdating"),
    ),
    "SystemUpdating, and a swap is wanted": Row(LARGE, (SMALL,), status("SystemUpdating")),
    "Creating what is wanted": Row(SMALL, (SMALL,), status("Creating")),
    "Creating with another count": Row(e(main(count=5)), (SMALL,), status("Creating")),
    "Updating in place": Row(SMALL, (SMALL,), status("Updating")),
    "Updating in place, and another count is wanted": Row(e(main(count=5)), (SMALL,), status("Updating")),
    "RollingBack": Row(SMALL, (SMALL,), status("RollingBack")),
    "Updating to the same config": Row(SMALL, (SMALL,), pending(nth("endpoint-config", 0))),
    "Updating to the same config, and another count is wanted": Row(
        e(main(count=5)), (SMALL,), pending(nth("endpoint-config", 0))
    ),
    "Updating to another config": Row(SMALL, (SMALL,), in_turn(theirs(), pending(named("theirs")))),
    "Updating to another config, and tags": Row(
        e(tags={"a": "1"}), (SMALL,), in_turn(theirs(), pending(named("theirs")))
    ),
    "RollingBack from another config": Row(
        SMALL, (SMALL,), in_turn(theirs(), pending(named("theirs"), state="RollingBack"))
    ),
    "InService with a stale pending config": Row(
        SMALL, (SMALL,), in_turn(theirs(), pending(named("theirs"), state="InService"))
    ),
    "Updating to another config, and a count is wanted": Row(
        e(main(count=5)), (SMALL,), in_turn(theirs(), pending(named("theirs")))
    ),
    "Updating to what is wanted": Row(
        LARGE, (SMALL,), in_turn(created_only(LARGE), pending(nth("endpoint-config", 1)))
    ),
    "Updating to a config of other variants": Row(
        LARGE, (SMALL,), in_turn(theirs(), pending(named("theirs"), {"VariantName": "blue"}))
    ),
    "Updating to a config of the same variants": Row(
        LARGE, (SMALL,), in_turn(theirs(), pending(named("theirs"), {"VariantName": "main"}))
    ),
    "Updating to a config of more variants": Row(
        LARGE, (SMALL,), in_turn(theirs(), pending(named("theirs"), {"VariantName": "main"}, {"VariantName": "blue"}))
    ),
    "an endpoint that can't be read": Row(LARGE, (SMALL,), denied("DescribeEndpoint")),
    "a config in force that can't be read": Row(
        LARGE, (SMALL,), lambda a: a.denied.add(f"DescribeEndpointConfig {a.runs('e')}")
    ),
    "a model that can't be read": Row(LARGE, (SMALL,), lambda a: a.denied.add(f"DescribeModel {a.names('model')[0]}")),
    "an inventory that can't be read": Row(EMPTY, (SMALL,), denied("GetResources", "ListModels")),
    "a failure that is over": Row(SMALL, (SMALL,), edited("endpoint", FailureReason="an old alarm")),
}

OWNERS: dict[str, Row] = {
    "an endpoint of nobody": Row(SMALL, (), theirs("e", serves=True)),
    "an endpoint of another fleet": Row(SMALL, (), theirs("e", serves=True, mmeplan_fleet="g")),
    "an endpoint of another fleet, adopted": Row(ADOPTING, (), theirs("e", serves=True, mmeplan_fleet="g")),
    "an endpoint of nobody, adopted": Row(
        ADOPTING, (), in_turn(theirs("e", serves=True), tagged("endpoint", keep="1"))
    ),
    "an endpoint of nobody, adopted as it is": Row(
        e({"main": variant("m", "ml.c5.large", 1)}, models={"m": model("9")}, adopt=True),
        (),
        theirs("e", serves=True),
    ),
    "an endpoint of nobody that would have to be deleted to be adopted": Row(
        e({"main": s()}, adopt=True), (), theirs("e", serves=True)
    ),
    "an adopted endpoint under way": Row(
        e({"main": variant("m", "ml.c5.large", 1)}, models={"m": model("9")}, adopt=True),
        (),
        in_turn(theirs("e", serves=True), status("Updating")),
    ),
    "an endpoint whose fleet tag is gone": Row(LARGE, (SMALL,), tagged("endpoint", mmeplan_fleet=None)),
    "an endpoint that another fleet has taken": Row(LARGE, (SMALL,), tagged("endpoint", mmeplan_fleet="g")),
    "a pinned model of nobody": Row(e(models={"m": model("9", name="theirs")}), (), theirs()),
    "a pinned model of nobody, adopted": Row(e(models={"m": model("9", name="theirs", adopt=True)}), (), theirs()),
    "a pinned model of another fleet, adopted": Row(
        e(models={"m": model("9", name="theirs", adopt=True)}), (), theirs(mmeplan_fleet="g")
    ),
    "a pinned model of another fleet": Row(e(models={"m": model("9", name="theirs")}), (), theirs(mmeplan_fleet="g")),
    "a pinned config of nobody, adopted": Row(
        e(
            {"main": {"model_name": "theirs", "instance_type": "ml.c5.large", "initial_instance_count": 1}},
            settings={"name": "theirs", "adopt": True},
        ),
        (),
        theirs(),
    ),
    "a pinned config of another fleet, adopted": Row(
        e(
            {"main": {"model_name": "theirs", "instance_type": "ml.c5.large", "initial_instance_count": 1}},
            settings={"name": "theirs", "adopt": True},
        ),
        (),
        theirs(mmeplan_fleet="g"),
    ),
    "a pinned name that is free, adopted": Row(e(models={"m": model("9", name="mine", adopt=True)})),
    "a model under the wanted name that lost its tags": Row(
        LARGE, (SMALL,), tagged("model", mmeplan_fleet=None, mmeplan_digest=None, mmeplan_address=None)
    ),
    "a model under the wanted name that another fleet took": Row(LARGE, (SMALL,), tagged("model", mmeplan_fleet="g")),
    "a model under the wanted name that another fleet took, to be adopted": Row(
        e(main("xlarge"), models={"m": model(adopt=True)}), (SMALL,), tagged("model", mmeplan_fleet="g")
    ),
    "a config in force that another fleet took": Row(SMALL, (SMALL,), tagged("endpoint-config", mmeplan_fleet="g")),
    "a config in force that nobody owns, left": Row(LARGE, (SMALL,), tagged("endpoint-config", mmeplan_fleet=None)),
    "a config outside the fleet": Row(f({"e": {"endpoint_config_name": "theirs"}}), (), theirs()),
    "a config outside the fleet that runs": Row(
        f({"e": {"endpoint_config_name": "theirs"}}),
        (),
        in_turn(theirs(), applied(f({"e": {"endpoint_config_name": "theirs"}}))),
    ),
    "a config outside the fleet, from one of the fleet": Row(
        f({"e": {"endpoint_config_name": "theirs"}}), (SMALL,), theirs()
    ),
    "a config of the fleet, from one outside": Row(
        SMALL, (), in_turn(theirs(), applied(f({"e": {"endpoint_config_name": "theirs"}})))
    ),
    "from a config outside the fleet to another": Row(
        f({"e": {"endpoint_config_name": "b"}}),
        (),
        in_turn(theirs("a"), theirs("b"), applied(f({"e": {"endpoint_config_name": "a"}}))),
    ),
    "an update to a config outside the fleet that was rolled back": Row(
        f({"e": {"endpoint_config_name": "theirs"}}),
        (SMALL,),
        in_turn(theirs(), tagged("endpoint", **{"mmeplan_rolled-back": "theirs"})),
    ),
    "a variant of a model outside the fleet": Row(
        e({"main": {"model_name": "b", "instance_type": "ml.m5.large", "initial_instance_count": 2}}),
        (e({"main": {"model_name": "a", "instance_type": "ml.m5.large", "initial_instance_count": 2}}),),
        in_turn(theirs("a"), theirs("b")),
    ),
}

TWO_MODELS = {"m": model(), "n": model()}
DIFFERENT = {"m": model(), "n": model("2")}
REPLACED = {"endpoint_config/e": "fresh"}
REPLACED_MODEL = {"model/m": "fresh", "endpoint_config/e": "fresh"}
PINNED_MODEL = e(models={"m": model(name="mine")})
PINNED_CONFIG = e(settings={"name": "mine"})

TWO_OUTSIDE = e(
    {
        name: {
            "model_name": name,
            "instance_type": "ml.m5.large",
            "initial_instance_count": 2,
            "initial_variant_weight": 1,
        }
        for name in ("a", "b")
    }
)

CONTENTS: dict[str, Row] = {
    "a model and a config that nothing uses": Row(f(endpoint_configs={"c": config(**main())}), ()),
    "a model and a config that nothing uses, unchanged": Row(
        f(endpoint_configs={"c": config(**main())}), (f(endpoint_configs={"c": config(**main())}),)
    ),
    "a model and a config that nothing uses, with other content": Row(
        f(endpoint_configs={"c": config(**main("xlarge"))}, models={"m": model("2")}),
        (f(endpoint_configs={"c": config(**main())}),),
    ),
    "a model that nothing uses can't be read": Row(f(), (f(),), denied("DescribeModel")),
    "a salt on a model": Row(e(models={"m": model(replace_salt="1")}), (SMALL,)),
    "another salt on a model": Row(
        e(models={"m": model(replace_salt="2")}), (e(models={"m": model(replace_salt="1")}),)
    ),
    "a salt that a model has": Row(
        e(models={"m": model(replace_salt="1")}), (e(models={"m": model(replace_salt="1")}),)
    ),
    "a salt that a model has no longer": Row(SMALL, (e(models={"m": model(replace_salt="1")}),)),
    "a salt that a model has, and another count": Row(
        e(main(count=3), models={"m": model(replace_salt="1")}), (e(models={"m": model(replace_salt="1")}),)
    ),
    "a salt that a model has, under a config of another name": Row(
        e(models={"m": model(replace_salt="1")}), (), applied(e(models={"m": model(replace_salt="1")}), REPLACED)
    ),
    "a salt on a pinned model": Row(e(models={"m": model(name="mine", replace_salt="1")}), (PINNED_MODEL,)),
    "a salt that a pinned model has": Row(
        e(models={"m": model(name="mine", replace_salt="1")}), (e(models={"m": model(name="mine", replace_salt="1")}),)
    ),
    "a salted model under another name in the file": Row(
        e(main(of="n"), models={"n": model(replace_salt="1")}), (e(models={"m": model(replace_salt="1")}),)
    ),
    "a salt on a config": Row(e(settings={"replace_salt": "1"}), (SMALL,)),
    "a salt and a model": Row(e(models={"m": model("2", replace_salt="1")}), (SMALL,)),
    "a fresh config": Row(SMALL, (SMALL,), salts=REPLACED),
    "a fresh model and config": Row(SMALL, (SMALL,), salts=REPLACED_MODEL),
    "a fresh model and config, and another count": Row(e(main(count=3)), (SMALL,), salts=REPLACED_MODEL),
    "a fresh config while the endpoint is not there": Row(SMALL, (), salts=REPLACED),
    "a fresh config of another endpoint": Row(
        f({"e": {"config": config(**main())}, "x": {"config": config(**main())}}),
        (f({"e": {"config": config(**main())}, "x": {"config": config(**main())}}),),
        salts={"endpoint_config/x": "fresh"},
    ),
    "a fresh pinned model": Row(PINNED_MODEL, (PINNED_MODEL,), salts={"model/m": "fresh"}),
    "a fresh pinned model that was deleted": Row(PINNED_MODEL, (PINNED_MODEL,), gone("model"), {"model/m": "fresh"}),
    "a fresh pinned config": Row(PINNED_CONFIG, (PINNED_CONFIG,), salts=REPLACED),
    "a fresh pinned config that was deleted": Row(PINNED_CONFIG, (PINNED_CONFIG,), gone("endpoint-config"), REPLACED),
    "a fresh pinned config that nothing runs": Row(PINNED_CONFIG, (), salts=REPLACED),
    "after a fresh config": Row(SMALL, (SMALL,), applied(SMALL, REPLACED)),
    "after a fresh config, with tags": Row(e(tags={"a": "1"}), (SMALL,), applied(SMALL, REPLACED)),
    "after a fresh model and config": Row(SMALL, (SMALL,), applied(SMALL, REPLACED_MODEL)),
    "after a fresh model and config, another count": Row(e(main(count=3)), (SMALL,), applied(SMALL, REPLACED_MODEL)),
    "after a fresh model and config, another instance type": Row(LARGE, (SMALL,), applied(SMALL, REPLACED_MODEL)),
    "after a fresh model and config, another model": Row(MODEL_2, (SMALL,), applied(SMALL, REPLACED_MODEL)),
    "after a fresh model and config, no longer there": Row(EMPTY, (SMALL,), applied(SMALL, REPLACED_MODEL)),
    "a model back to what a kept one says": Row(SMALL, (SMALL, MODEL_2)),
    "a config back to the kept one, with other tags": Row(e(defaults={"tags": {"a": "1"}}), (SMALL, LARGE)),
    "new content under a pinned model": Row(e(models={"m": model("2", name="mine")}), (PINNED_MODEL,)),
    "new content under a pinned config": Row(e(main("xlarge"), settings={"name": "mine"}), (PINNED_CONFIG,)),
    "two models outside": Row(TWO_OUTSIDE, (TWO_OUTSIDE,)),
    "two models outside, after a fresh config": Row(TWO_OUTSIDE, (TWO_OUTSIDE,), applied(TWO_OUTSIDE, REPLACED)),
    "a new name for a pinned model": Row(e(models={"m": model("2", name="yours")}), (PINNED_MODEL,)),
    "a pinned model, unchanged": Row(PINNED_MODEL, (PINNED_MODEL,)),
    "a pinned name for a model that had none": Row(PINNED_MODEL, (SMALL,)),
    "a pinned config of other models with the same content": Row(
        e(main(of="n"), models=TWO_MODELS, settings={"name": "mine"}),
        (e(main(of="m"), models=TWO_MODELS, settings={"name": "mine"}),),
    ),
    "tags of a model and a config": Row(
        e(models={"m": model(tags={"a": "2"})}, settings={"tags": {"b": "1"}}),
        (e(models={"m": model(tags={"a": "1"})}),),
    ),
    "a model under the wanted name with other content": Row(
        f(), (), lambda a: a.does("CreateModel", ModelName=wanted_name(f(), "model/m"), PrimaryContainer={"Image": "x"})
    ),
    "a config under the wanted name with other content": Row(
        SMALL,
        (),
        lambda a: a.does(
            "CreateEndpointConfig",
            EndpointConfigName=wanted_name(SMALL, "endpoint_config/e"),
            ProductionVariants=[{"VariantName": "main", "ModelName": "x", "InstanceType": "ml.m5.large"}],
        ),
    ),
    "a config in force under the wanted name with other content": Row(
        SMALL,
        (SMALL,),
        in_turn(variants_edited(InstanceType="ml.r5.large"), tagged("endpoint-config", mmeplan_digest="0")),
    ),
    "a model in use under the wanted name with other content": Row(
        SMALL, (SMALL,), in_turn(edited("model", ExecutionRoleArn="x"), tagged("model", mmeplan_digest="0"))
    ),
    "a model in use under the wanted name whose digest was edited": Row(
        SMALL, (SMALL,), tagged("model", mmeplan_digest="0")
    ),
    "a config in force whose digest was edited": Row(SMALL, (SMALL,), tagged("endpoint-config", mmeplan_digest="0")),
    "a config of another name that says the same": Row(
        SMALL, (SMALL,), in_turn(copied("endpoint-config", "copy"), swapped_to(named("copy")))
    ),
    "a config of another name that says the same, and another count": Row(
        e(main(count=3)), (SMALL,), in_turn(copied("endpoint-config", "copy"), swapped_to(named("copy")))
    ),
    "a config of another name that says the same, and a swap": Row(
        LARGE, (SMALL,), in_turn(copied("endpoint-config", "copy"), swapped_to(named("copy")))
    ),
    "two addresses, one model": Row(
        e({"a": v(of="m"), "b": v(of="n")}, models=TWO_MODELS),
        (e({"a": v(of="m"), "b": v(of="m")}, models=TWO_MODELS),),
    ),
    "two addresses, one model, and tags": Row(
        e({"a": v(of="m"), "b": v(of="n")}, models=TWO_MODELS, defaults={"tags": {"a": "1"}}),
        (e({"a": v(of="m"), "b": v(of="m")}, models=TWO_MODELS),),
    ),
    "an address that stands at two models": Row(
        e({"a": v(of="m"), "b": v(of="m")}, models={"m": model()}),
        (e({"a": v(of="m"), "b": v(of="n")}, models=TWO_MODELS),),
    ),
    "an address that stands at two models, the other way round": Row(
        e({"a": v(of="n"), "b": v(of="n")}, models={"n": model()}),
        (e({"a": v(of="m"), "b": v(of="n")}, models=TWO_MODELS),),
    ),
    "pools whose models change places": Row(
        e({"main": pools("n", "m", of="n")}, models=TWO_MODELS),
        (e({"main": pools("m", "n", of="m")}, models=TWO_MODELS),),
    ),
    "a shadow variant of another model that says the same": Row(
        e(settings=shadow(of="n"), models=TWO_MODELS), (e(settings=shadow(of="m"), models=TWO_MODELS),)
    ),
    "a shared config changes for two endpoints": Row(shared(main("xlarge"), "ex"), (shared(names="ex"),)),
    "a shared config whose endpoints run two generations": Row(
        shared(main("2xlarge"), "ex"),
        (shared(names="ex"),),
        in_turn(created_only(shared(main("xlarge"), "ex")), swapped_to(nth("endpoint-config", 1), "x")),
    ),
    "a shared config with live counts that differ": Row(
        shared(main("xlarge"), "ex"), (shared(names="ex"),), scaled("x", DesiredInstanceCount=9)
    ),
    "a shared config that one endpoint scales": Row(
        shared(names="ex"), (shared(names="ex"),), scaled("x", DesiredInstanceCount=9)
    ),
}


PINNED_OUTSIDE = e(
    {"main": {"model_name": "a", "instance_type": "ml.m5.large", "initial_instance_count": 2}},
    settings={"name": "mine"},
)


def pinned_of_two(variants: Mapping[str, Fleet], image: str) -> Fleet:
    endpoints = {"e": {"config": config(**variants)}, "x": {"config": config(**main())}}
    return f(endpoints, models={"m": model(image, name="mine")})


def pinned_beside(image: str, other: str = "7") -> Fleet:
    endpoints = {"a": {"config": config(**main(of="n"))}, "e": {"config": config(**main())}}
    return f(endpoints, models={"m": model(image, name="mine"), "n": model(other)})


LOST: dict[str, Row] = {
    "a config in force under the wanted name": Row(SMALL, (SMALL,), gone("endpoint-config")),
    "a config in force and its model": Row(SMALL, (SMALL,), in_turn(gone("endpoint-config"), gone("model"))),
    "a config in force, and another count is wanted": Row(e(main(count=3)), (SMALL,), gone("endpoint-config")),
    "a config in force, and the file gives its count away": Row(
        e(main(capacity="autoscaled")), (SMALL,), gone("endpoint-config")
    ),
    "a config in force, and a swap is wanted": Row(LARGE, (SMALL,), gone("endpoint-config")),
    "a config in force, and other variants are wanted": Row(e({"blue": v()}), (SMALL,), gone("endpoint-config")),
    "a config in force of an endpoint under way to other variants": Row(
        LARGE, (SMALL,), in_turn(gone("endpoint-config"), theirs(), pending(named("theirs"), {"VariantName": "blue"}))
    ),
    "a config in force of serverless, and another memory size is wanted": Row(
        e({"main": s(memory=4096)}), (e({"main": s()}),), gone("endpoint-config")
    ),
    "a config in force of an endpoint that says no count": Row(
        LARGE,
        (SMALL,),
        in_turn(gone("endpoint-config"), edited("endpoint", ProductionVariants=[{"VariantName": "main"}])),
    ),
    "a config in force of serverless that says only what is desired": Row(
        e({"main": s(memory=4096)}),
        (e({"main": s()}),),
        in_turn(
            gone("endpoint-config"),
            edited(
                "endpoint",
                ProductionVariants=[{"VariantName": "main", "DesiredServerlessConfig": {"MaxConcurrency": 5}}],
            ),
        ),
    ),
    "a config in force of serverless that says only what is current": Row(
        e({"main": s(memory=4096)}),
        (e({"main": s()}),),
        in_turn(
            gone("endpoint-config"),
            edited(
                "endpoint",
                ProductionVariants=[{"VariantName": "main", "CurrentServerlessConfig": {"MaxConcurrency": 5}}],
            ),
        ),
    ),
    "a config in force of serverless, and instances are wanted": Row(
        SMALL, (e({"main": s()}),), gone("endpoint-config")
    ),
    "a config in force, and serverless is wanted": Row(e({"main": s()}), (SMALL,), gone("endpoint-config")),
    "a config in force of an endpoint without variants": Row(
        LARGE, (SMALL,), in_turn(gone("endpoint-config"), edited("endpoint", ProductionVariants=None))
    ),
    "a config in force, and its update was rolled back": Row(
        LARGE,
        (SMALL,),
        in_turn(
            created_only(LARGE),
            lambda a: a.tags("endpoint", "e", **{"mmeplan_rolled-back": a.names("endpoint-config")[1]}),
            gone("endpoint-config", 0),
        ),
    ),
    "a pinned config in force": Row(PINNED_CONFIG, (PINNED_CONFIG,), gone("endpoint-config")),
    "a pinned config in force, of a model outside": Row(PINNED_OUTSIDE, (PINNED_OUTSIDE,), gone("endpoint-config")),
    "a pinned config in force, with other content": Row(
        e(main("xlarge"), settings={"name": "mine"}), (PINNED_CONFIG,), gone("endpoint-config")
    ),
    "a pinned config in force of a changed model": Row(
        e(models={"m": model("2")}, settings={"name": "mine"}), (PINNED_CONFIG,), gone("endpoint-config")
    ),
    "a pinned config in force, with twins of its model": Row(
        e(models=TWO_MODELS, settings={"name": "mine"}),
        (e(models=TWO_MODELS, settings={"name": "mine"}),),
        gone("endpoint-config"),
    ),
    "a pinned config in force, with another model": Row(
        e(models=DIFFERENT, settings={"name": "mine"}),
        (e(models=DIFFERENT, settings={"name": "mine"}),),
        gone("endpoint-config"),
    ),
    "a pinned config in force, with a twin that somebody else owns": Row(
        e(settings={"name": "mine"}), (PINNED_CONFIG,), in_turn(gone("endpoint-config"), copied("model", "copy"))
    ),
    "a pinned config in force, left for one of another name": Row(
        e(settings={"name": "yours"}), (PINNED_CONFIG,), gone("endpoint-config")
    ),
    "a config in force that was made again by others": Row(
        LARGE, (SMALL,), in_turn(gone("endpoint-config"), copied_lost)
    ),
    "a config in force under the wanted name that was made again by others": Row(
        SMALL, (SMALL,), in_turn(gone("endpoint-config"), copied_lost)
    ),
    "a stand-in that an apply has left": Row(
        LARGE, (SMALL,), tagged("endpoint-config", **{"mmeplan_stand-in": "true"})
    ),
    "a stand-in under the wanted name": Row(SMALL, (SMALL,), tagged("endpoint-config", **{"mmeplan_stand-in": "true"})),
    "a stand-in that is no longer in force": Row(
        LARGE, (SMALL, LARGE), tagged("endpoint-config", 0, **{"mmeplan_stand-in": "true"})
    ),
    "a stand-in of an endpoint that becomes serverless": Row(
        e({"main": s()}), (SMALL,), tagged("endpoint-config", **{"mmeplan_stand-in": "true"})
    ),
    "the config of two endpoints, and a swap is wanted": Row(
        shared(main("xlarge"), "ex"), (shared(names="ex"),), gone("endpoint-config")
    ),
    "the configs of two endpoints": Row(
        f({"e": {"config": config(**main("xlarge"))}, "x": {"config": config(**main("2xlarge"))}}),
        (f({"e": {"config": config(**main())}, "x": {"config": config(**main(count=3))}}),),
        in_turn(gone("endpoint-config", 0), gone("endpoint-config", 0)),
    ),
    "the config of an endpoint that is to run one outside the fleet": Row(
        f({"e": {"endpoint_config_name": "theirs"}}), (SMALL,), in_turn(theirs(), gone("endpoint-config", 0))
    ),
    "a model in use": Row(SMALL, (SMALL,), gone("model")),
    "a model in use, and a swap is wanted": Row(LARGE, (SMALL,), gone("model")),
    "a model in use, and another count is wanted": Row(e(main(count=3)), (SMALL,), gone("model")),
    "a model in use that is to change": Row(MODEL_2, (SMALL,), gone("model")),
    "a model with a salt in use": Row(
        e(models={"m": model(replace_salt="1")}), (e(models={"m": model(replace_salt="1")}),), gone("model")
    ),
    "a pinned model in use": Row(PINNED_MODEL, (PINNED_MODEL,), gone("model")),
    "a pinned model in use whose content is to change": Row(
        e(models={"m": model("2", name="mine")}), (PINNED_MODEL,), gone("model")
    ),
    "a pinned model in use whose content is to change, and its config": Row(
        e(models={"m": model("2", name="mine")}), (PINNED_MODEL,), in_turn(gone("model"), gone("endpoint-config"))
    ),
    "a pinned model in use under the name of its config, whose content is to change": Row(
        e(models={"m": model("2", name="mine")}, settings={"name": "mine"}),
        (e(models={"m": model(name="mine")}, settings={"name": "mine"}),),
        gone("model"),
    ),
    "a pinned model in use that gets a salt": Row(
        e(models={"m": model(name="mine", replace_salt="1")}), (PINNED_MODEL,), gone("model")
    ),
    "a pinned model in use, and another count is wanted": Row(
        e(main(count=3), models={"m": model(name="mine")}), (PINNED_MODEL,), gone("model")
    ),
    "a pinned model in use, and its count was changed": Row(
        PINNED_MODEL, (PINNED_MODEL,), in_turn(gone("model"), scaled(DesiredInstanceCount=7))
    ),
    "a pinned model in use, and one count is wanted, another was set": Row(
        e(main(count=3), models={"m": model(name="mine")}),
        (PINNED_MODEL,),
        in_turn(gone("model"), scaled(DesiredInstanceCount=7)),
    ),
    "a pinned model in use of an endpoint without a digest": Row(
        e(models={"m": model("2", name="mine")}),
        (PINNED_MODEL,),
        in_turn(gone("model"), tagged("endpoint", mmeplan_digest=None)),
    ),
    "a pinned model in use of two endpoints, and one is to change": Row(
        pinned_of_two(main("xlarge"), "2"), (pinned_of_two(main(), "1"),), gone("model")
    ),
    "a pinned model in use whose content is to change, beside an endpoint of another model": Row(
        pinned_beside("2"), (pinned_beside("1"),), gone("model", 0)
    ),
    "a pinned model in use, beside an endpoint of another model that was applied with who knows what": Row(
        pinned_beside("1", "8"),
        (pinned_beside("1"),),
        in_turn(gone("model", 0), tagged("endpoint", 0, mmeplan_digest="f" * 64)),
    ),
    "a pinned model in use and its config, and the file gives its count away": Row(
        e(main(capacity="autoscaled"), models={"m": model(name="mine")}),
        (PINNED_MODEL,),
        in_turn(gone("model"), gone("endpoint-config")),
    ),
    "a model of the fresh config in use": Row(
        SMALL, (SMALL,), in_turn(applied(SMALL, REPLACED_MODEL), gone("model", 1))
    ),
    "a model outside the fleet in use": Row(
        e({"main": {"model_name": "a", "instance_type": "ml.m5.large", "initial_instance_count": 2}}, models={}),
        (e({"main": {"model_name": "a", "instance_type": "ml.m5.large", "initial_instance_count": 2}}, models={}),),
        lambda a: None,
    ),
    "an endpoint": Row(SMALL, (SMALL,), gone("endpoint")),
    "an endpoint, and another content is wanted": Row(LARGE, (SMALL,), gone("endpoint")),
    "an endpoint of two of a shared config": Row(shared(names="ex"), (shared(names="ex"),), gone("endpoint", 0)),
    "an endpoint and its config": Row(SMALL, (SMALL,), in_turn(gone("endpoint"), gone("endpoint-config"))),
    "an endpoint of a config outside": Row(
        f({"e": {"endpoint_config_name": "theirs"}}),
        (),
        in_turn(theirs(), applied(f({"e": {"endpoint_config_name": "theirs"}})), gone("endpoint")),
    ),
    "an endpoint that leaves its config behind, and has another now": Row(
        shared(main("xlarge")), (SMALL,), gone("endpoint")
    ),
}

RETAIN_0, RETAIN_2 = {"retain": 0}, {"retain": 2}
RENAMED = {"new": {"config": config(**main()), "renamed_from": "e"}}

REMOVALS: dict[str, Row] = {
    "everything leaves the file": Row(EMPTY, (SMALL,)),
    "an endpoint leaves the file": Row(f(), (SMALL,)),
    "an endpoint and a generation leave the file": Row(EMPTY, (SMALL, LARGE)),
    "one of two endpoints leaves the file": Row(
        SMALL, (f({"e": {"config": config(**main())}, "x": {"config": config(**main())}}),)
    ),
    "a model that nothing used leaves the file": Row(SMALL, (e(models=DIFFERENT),)),
    "a config that nothing used leaves the file": Row(
        SMALL, (f({"e": {"config": config(**main())}}, endpoint_configs={"c": config(**main())}),)
    ),
    "protected entries leave the file": Row(
        EMPTY, (e(models={"m": model(protect=True)}, settings={"protect": True}, protect=True),)
    ),
    "retained entries leave the file": Row(
        EMPTY, (e(models={"m": model(on_remove="retain")}, settings={"on_remove": "retain"}, on_remove="retain"),)
    ),
    "a retained endpoint leaves the file alone": Row(EMPTY, (e(on_remove="retain"),)),
    "a retained endpoint whose model another endpoint uses": Row(
        f({"x": {"config": config(**main())}}),
        (f({"e": {"config": config(**main()), "on_remove": "retain"}, "x": {"config": config(**main())}}),),
    ),
    "a retained endpoint with older generations": Row(
        EMPTY, (e(on_remove="retain"), e(main("xlarge"), on_remove="retain"))
    ),
    "a retained endpoint under way": Row(
        EMPTY,
        (e(on_remove="retain"),),
        in_turn(created_only(e(main("xlarge"), on_remove="retain")), pending(nth("endpoint-config", 1))),
    ),
    "a retained config that nothing used": Row(
        f(), (f(endpoint_configs={"c": {**config(**main()), "on_remove": "retain"}}),)
    ),
    "a retained config that nothing used, and its model": Row(
        EMPTY, (f(endpoint_configs={"c": {**config(**main()), "on_remove": "retain"}}),)
    ),
    "a protected model of another generation": Row(
        e(models={"m": model("3", protect=True)}, **RETAIN_0),
        (e(models={"m": model(protect=True)}, **RETAIN_0), e(models={"m": model("2", protect=True)})),
    ),
    "two generations, one is kept": Row(HUGE, (SMALL, LARGE)),
    "two generations, both are kept": Row(
        e(main("2xlarge"), **RETAIN_2), (e(**RETAIN_2), e(main("xlarge"), **RETAIN_2))
    ),
    "two generations, none is kept": Row(e(main("2xlarge"), **RETAIN_0), (SMALL, LARGE)),
    "a generation and its model": Row(e(models={"m": model("3")}, **RETAIN_0), (SMALL, MODEL_2)),
    "a generation whose model another endpoint runs": Row(
        e(main(), models={"m": model("2")}, **RETAIN_0)
        | {"endpoints": {"e": {"config": config(**main())}, "x": {"config": config(main=v(of="m"))}}},
        (f({"e": {"config": config(**main())}, "x": {"config": config(**main())}}),),
        status("UpdateRollbackFailed", "x"),
    ),
    "a generation that somebody else's endpoint runs": Row(
        e(main("xlarge"), **RETAIN_0),
        (SMALL,),
        lambda a: a.does("CreateEndpoint", EndpointName="other", EndpointConfigName=a.names("endpoint-config")[0]),
    ),
    "a config that leaves the file and that somebody else's endpoint runs": Row(
        EMPTY,
        (SMALL,),
        lambda a: a.does("CreateEndpoint", EndpointName="other", EndpointConfigName=a.names("endpoint-config")[0]),
    ),
    "an endpoint that can't be changed keeps what it runs and is on its way to": Row(
        e(main("2xlarge"), **RETAIN_0),
        (e(**RETAIN_0),),
        in_turn(created_only(LARGE), pending(nth("endpoint-config", 1), state="UpdateRollbackFailed")),
    ),
    "an endpoint of another fleet keeps what it runs": Row(
        e(main("2xlarge"), **RETAIN_0), (e(**RETAIN_0),), tagged("endpoint", mmeplan_fleet="g")
    ),
    "an update was rolled back to the config before": Row(
        SMALL,
        (SMALL,),
        in_turn(
            created_only(LARGE),
            lambda a: a.tags("endpoint", "e", **{"mmeplan_rolled-back": a.names("endpoint-config")[1]}),
        ),
    ),
    "an endpoint is renamed": Row(f(RENAMED), (SMALL,)),
    "an endpoint is renamed, with its generations": Row(
        f({"new": {**RENAMED["new"], "config": config(**main("xlarge"))}}), (SMALL, LARGE)
    ),
    "an endpoint is renamed, and its config changes": Row(
        f({"new": {**RENAMED["new"], "config": config(**main("2xlarge"))}}), (SMALL, LARGE)
    ),
    "a model is renamed": Row(e(main(of="k"), models={"k": model(renamed_from="m")}), (SMALL,)),
    "a model is renamed, with its generations": Row(
        e(main(of="k"), models={"k": model("2", renamed_from="m")}), (SMALL, MODEL_2)
    ),
    "a model is renamed after a fresh one": Row(
        e(main(of="k"), models={"k": model(renamed_from="m")}), (SMALL,), applied(SMALL, REPLACED_MODEL)
    ),
    "a shared config is renamed": Row(
        f({"e": {"config": "d"}}, endpoint_configs={"d": {**config(**main()), "renamed_from": "c"}}), (shared(),)
    ),
    "a shared config is renamed, with its generations": Row(
        f({"e": {"config": "d"}}, endpoint_configs={"d": {**config(**main("2xlarge")), "renamed_from": "c"}}),
        (shared(), shared(main("xlarge"))),
    ),
    "a retained shared config is renamed": Row(
        f(endpoint_configs={"d": {**config(**main()), "renamed_from": "c"}}),
        (f({"e": {"config": "c", "on_remove": "retain"}}, endpoint_configs={"c": config(**main())}),),
    ),
    "an endpoint gets another name": Row(e(name="other"), (SMALL,)),
    "an endpoint gets another name, and is protected": Row(e(name="other", protect=True), (e(protect=True),)),
    "an endpoint gets another name, with its generations": Row(e(main("2xlarge"), name="other"), (SMALL, LARGE)),
    "an endpoint has got another name, and the old one was left over": Row(
        e(name="other"), (e(name="other"),), lambda a: left_over(a, "old")
    ),
    "an endpoint has got another name, and the old one was left over, protected": Row(
        e(name="other", protect=True), (e(name="other", protect=True),), lambda a: left_over(a, "old")
    ),
    "an endpoint has got another name, and two are left over": Row(
        e(name="new"), (e(name="other"),), lambda a: left_over(a, "old", "other")
    ),
    "an endpoint's name in other letters": Row(e(name="E"), (SMALL,)),
    "a name that another entry takes": Row(
        f({"a": {"name": "z", "config": config(**main())}, "b": {"name": "x", "config": config(**main())}}),
        (f({"a": {"name": "x", "config": config(**main())}}),),
    ),
    "a name that was retired and another entry takes": Row(
        f({"b": {"name": "x", "config": config(**main())}}), (f({"a": {"name": "x", "config": config(**main())}}),)
    ),
    "an endpoint leaves a shared config for one of its own": Row(LARGE, (shared(),)),
    "an endpoint leaves a shared config for another": Row(
        f({"e": {"config": "d"}}, endpoint_configs={"d": config(**main("xlarge"))}), (shared(),)
    ),
    "an endpoint leaves a shared config that stays": Row(
        f({"e": {"config": config(**main("xlarge"))}, "x": {"config": "c"}}, endpoint_configs={"c": config(**main())}),
        (shared(names="ex"),),
    ),
    "two endpoints leave a shared config": Row(
        f({"e": {"config": config(**main("xlarge"))}, "x": {"config": config(**main("xlarge"))}}), (shared(names="ex"),)
    ),
    "an endpoint leaves its own config for a shared one": Row(shared(main("xlarge")), (SMALL,)),
    "an endpoint leaves a config for one outside the fleet": Row(
        f({"e": {"endpoint_config_name": "theirs"}}), (SMALL, LARGE), theirs()
    ),
    "an inventory that can't be read, and a config is superseded": Row(
        {**LARGE, "retain": 0}, (SMALL,), denied("GetResources", "ListModels")
    ),
    "a superseded config of an endpoint that would be retained": Row(
        e(main("xlarge"), settings={"on_remove": "retain"}, retain=0), (e(settings={"on_remove": "retain"}),)
    ),
    "a retained endpoint with tags": Row(
        EMPTY, (e(models={"m": model(tags={"a": "1"}, on_remove="retain")}, tags={"a": "1"}, on_remove="retain"),)
    ),
    "a config is renamed and changed, and the endpoint that ran it is retained": Row(
        f(endpoint_configs={"d": {**config(**main("xlarge")), "renamed_from": "c"}}),
        (f({"e": {"config": "c", "on_remove": "retain"}}, endpoint_configs={"c": config(**main())}),),
    ),
    "an endpoint is renamed that keeps a generation, beside another": Row(
        f({"a": {"config": config(**main())}, "n": {"config": config(**main("xlarge")), "renamed_from": "e"}}),
        tuple(
            f({"a": {"config": config(**main())}, "e": {"config": config(**main(size))}})
            for size in ("large", "xlarge")
        ),
    ),
    "an endpoint leaves a shared config that changes": Row(
        f(
            {"e": {"config": config(**main("xlarge"))}, "x": {"config": "c"}},
            endpoint_configs={"c": config(**main("2xlarge"))},
        ),
        (shared(names="ex"),),
    ),
    "an owned object without an address": Row(SMALL, (SMALL,), theirs(mmeplan_fleet="f")),
    "an owned object that can't be read": Row(
        EMPTY, (SMALL,), lambda a: a.denied.add(f"DescribeModel {a.names('model')[0]}")
    ),
}

SIX = {f"v{number}": v(count=number) for number in range(1, 7)}
SEVEN = {f"v{number}": v(count=number) for number in range(1, 8)}
SECRET = e(models={"m": model(environment={"KEY": "a"})})
OUTSIDE = f({"e": {"endpoint_config_name": "theirs"}})
OF_THEIRS = e({"main": {"model_name": "theirs", "instance_type": "ml.m5.large", "initial_instance_count": 2}})
AT_MODEL_N = {"main": v(of="n")}
BOTH_TAGGED = e(defaults={"tags": {"team": "a", "cost": "1"}})
ALL_OWN = {"mmeplan_fleet": None, "mmeplan_address": None, "mmeplan_digest": None}


def hand_edited(**tags: str | None) -> Hands:
    """Tags of the endpoint, its config and its model."""
    return in_turn(*(tagged(kind, **tags) for kind in ("endpoint", "endpoint-config", "model")))


def ran(file: Fleet, size: str = "c5.large", **members: Any) -> Hands:
    """Somebody swaps the endpoint to a config of his own that says otherwise."""

    def made(a: Account) -> None:
        variants = a.things["endpoint-config", a.runs("e")].describe["ProductionVariants"]
        changed = [{**item, "InstanceType": f"ml.{size}", **members} for item in variants]
        a.does("CreateEndpointConfig", EndpointConfigName="theirs", ProductionVariants=changed)
        a.does("UpdateEndpoint", EndpointName="e", EndpointConfigName="theirs")

    return made


AUTOSCALED = e({"main": v("xlarge", capacity="autoscaled")})
SALTED_BEFORE = (
    e(models={"m": model(replace_salt="1")}, retain=9),
    e(main("xlarge"), retain=9),
    e(main("2xlarge", 2), retain=9),
)

HANDS: dict[str, Row] = {
    "another config without a shadow, the count was an autoscaler's, and the file asks for another instance type": Row(
        HUGE,
        (SMALL, e({"main": v("xlarge", capacity="autoscaled")}, settings=shadow())),
        swapped_to(nth("endpoint-config", 0)),
    ),
    "another config, the count was an autoscaler's, and the file asks for another instance type": Row(
        HUGE, (SMALL, AUTOSCALED), swapped_to(nth("endpoint-config", 0))
    ),
    "another config of more variants, the count was an autoscaler's, and the file asks for another instance type": Row(
        HUGE,
        (e({"main": v(), "more": v()}, settings=shadow()), AUTOSCALED),
        swapped_to(nth("endpoint-config", 0)),
    ),
    "another config beside one of a salt that left the file": Row(
        e(main("4xlarge"), retain=9), SALTED_BEFORE, swapped_to(nth("endpoint-config", 1))
    ),
    "a count, of a model whose digest was taken": Row(
        e(main(count=3)), (SMALL,), in_turn(scaled(DesiredInstanceCount=7), tagged("model", mmeplan_digest=None))
    ),
    "a count, of a model whose digest was edited": Row(
        e(main(count=3)), (SMALL,), in_turn(scaled(DesiredInstanceCount=7), tagged("model", mmeplan_digest="0" * 64))
    ),
    "a count, of a model whose address was edited": Row(
        e(main(count=3)), (SMALL,), in_turn(scaled(DesiredInstanceCount=7), tagged("model", mmeplan_address="model/zz"))
    ),
    "counts and weights": Row(SMALL, (SMALL,), in_turn(scaled(DesiredInstanceCount=5), scaled(DesiredWeight=3.0))),
    "a concurrency": Row(e({"main": s()}), (e({"main": s()}),), scaled(ServerlessUpdateConfig={"MaxConcurrency": 7})),
    "a count, and the file asks for another": Row(e(main(count=3)), (SMALL,), scaled(DesiredInstanceCount=5)),
    "a count, and the file asks for another instance type": Row(LARGE, (SMALL,), scaled(DesiredInstanceCount=5)),
    "a count, and the file asks for other tags": Row(e(tags={"a": "1"}), (SMALL,), scaled(DesiredInstanceCount=5)),
    "a count of a variant that leaves the file": Row(
        SMALL, (e({"main": v(), "more": v()}),), scaled(variant_name="more", DesiredInstanceCount=5)
    ),
    "a count of an autoscaled variant that leaves the file": Row(
        SMALL,
        (e({"main": v(), "more": v(capacity="autoscaled")}),),
        scaled(variant_name="more", DesiredInstanceCount=5),
    ),
    "a count of an autoscaled variant": Row(
        e(main(capacity="autoscaled")), (e(main(capacity="autoscaled")),), scaled(DesiredInstanceCount=5)
    ),
    "a weight of an autoscaled variant, and the file takes its count back": Row(
        SMALL,
        (e(main(capacity="autoscaled")),),
        in_turn(scaled(DesiredInstanceCount=5), scaled(DesiredWeight=2.0)),
    ),
    "a weight of an autoscaled variant": Row(
        e(main(capacity="autoscaled")),
        (e(main(capacity="autoscaled")),),
        in_turn(scaled(DesiredInstanceCount=5), scaled(DesiredWeight=2.0)),
    ),
    "a weight beside an autoscaled count, and the file asks for another instance type": Row(
        e({"a": v("xlarge", capacity="autoscaled"), "b": v()}),
        (e({"a": v(capacity="autoscaled"), "b": v()}),),
        in_turn(scaled(variant_name="a", DesiredInstanceCount=5), scaled(variant_name="b", DesiredWeight=2.0)),
    ),
    "a weight beside an autoscaled count and a shadow, and the file asks for another instance type": Row(
        e({"a": v("xlarge", capacity="autoscaled")}, settings=shadow()),
        (e({"a": v(capacity="autoscaled")}, settings=shadow(capacity="autoscaled")),),
        in_turn(scaled(variant_name="a", DesiredInstanceCount=5), scaled(variant_name="a", DesiredWeight=2.0)),
    ),
    "nothing of six variants, one of which was autoscaled": Row(
        e({name: {**item, "instance_type": "ml.m5.xlarge"} for name, item in SIX.items()}),
        (e({**SIX, "v3": v(count=3, capacity="autoscaled"), "v5": v(count=5, capacity="autoscaled")}),),
        scaled(variant_name="v3", DesiredInstanceCount=9),
    ),
    "nothing of seven variants, one of which was autoscaled": Row(
        e({name: {**item, "instance_type": "ml.m5.xlarge"} for name, item in SEVEN.items()}),
        (e({**SEVEN, "v3": v(count=3, capacity="autoscaled")}),),
        scaled(variant_name="v3", DesiredInstanceCount=9),
    ),
    "nothing of seven variants that were all autoscaled": Row(
        e({name: {**item, "instance_type": "ml.m5.xlarge"} for name, item in SEVEN.items()}),
        (e({name: {**item, "capacity": "autoscaled"} for name, item in SEVEN.items()}),),
        scaled(variant_name="v3", DesiredInstanceCount=9),
    ),
    "nothing, and the file gives a volume its size": Row(
        e(main(volume_size_in_gb=50)), (SMALL,), variants_edited(VolumeSizeInGB=4)
    ),
    "nothing, and the file takes a volume's size away": Row(SMALL, (e(main(volume_size_in_gb=50)),)),
    "nothing, and the file gives one of two volumes its size": Row(
        e({"a": v("xlarge", volume_size_in_gb=8), "b": v()}), (e({"a": v(), "b": v(volume_size_in_gb=4)}),)
    ),
    "nothing, and the file names another config of its own": Row(
        f({"e": {"config": "d"}}, endpoint_configs={"c": config(**main()), "d": config(**main("xlarge"))}),
        (f({"e": {"config": "c"}}, endpoint_configs={"c": config(**main()), "d": config(**main("xlarge"))}),),
    ),
    "nothing, and the file names a config outside": Row(OUTSIDE, (SMALL,), theirs()),
    "nothing, and the file names a config outside while its own is declared elsewhere": Row(
        f({"e": {"endpoint_config_name": "theirs"}, "x": {"config": "c"}}, endpoint_configs={"c": config(**main())}),
        (shared(names="ex"),),
        theirs(),
    ),
    "a count, and the file names a config outside": Row(
        OUTSIDE, (SMALL,), in_turn(theirs(), scaled(DesiredInstanceCount=9))
    ),
    "nothing, and the file names a model of its own instead of one outside": Row(LARGE, (OF_THEIRS,), theirs()),
    "nothing, and the file names a model outside instead of its own": Row(OF_THEIRS, (LARGE,), theirs()),
    "a weight, and the file names a model of its own instead of one outside": Row(
        LARGE, (OF_THEIRS,), in_turn(theirs(), scaled(DesiredWeight=2.0))
    ),
    "a weight of a pipeline whose hostnames the service chose, and the file gives its count away": Row(
        e(main(capacity="autoscaled"), models={"m": pipeline("1", "2")}),
        (e(models={"m": pipeline("1", "2")}),),
        in_turn(
            lambda a: a.edits(
                "model",
                a.names("model")[0],
                Containers=[
                    {**item, "ContainerHostname": f"container-{number}"}
                    for number, item in enumerate(a.things["model", a.names("model")[0]].describe["Containers"])
                ],
            ),
            scaled(DesiredWeight=2.0),
        ),
    ),
    "a weight of a volume whose size the service chose, and the file gives the count away": Row(
        e(main(capacity="autoscaled")), (SMALL,), in_turn(variants_edited(VolumeSizeInGB=4), scaled(DesiredWeight=2.0))
    ),
    "a weight of a volume whose size leaves the file with the count": Row(
        e(main(capacity="autoscaled")), (e(main(volume_size_in_gb=50)),), scaled(DesiredWeight=2.0)
    ),
    "another config": Row(SMALL, (SMALL,), ran(SMALL)),
    "another config, and the file asks for another instance type": Row(LARGE, (SMALL,), ran(SMALL)),
    "another config, and the file asks for just that": Row(
        e({"main": variant("m", "ml.c5.large", 2)}), (SMALL,), ran(SMALL)
    ),
    "another config, and what was applied is no longer there": Row(
        LARGE, (SMALL,), in_turn(ran(SMALL), gone("endpoint-config", 0))
    ),
    "another config with another count, and the file asks for another instance type": Row(
        LARGE, (SMALL,), ran(SMALL, InitialInstanceCount=7)
    ),
    "another config of an autoscaled variant, and the file asks for another instance type": Row(
        e(main("xlarge", capacity="autoscaled")),
        (e(main(capacity="autoscaled")),),
        ran(SMALL, InitialInstanceCount=7),
    ),
    "another config that says the same but for its count": Row(
        SMALL, (SMALL,), ran(SMALL, size="m5.large", InitialInstanceCount=7)
    ),
    "an older config": Row(LARGE, (SMALL, LARGE), swapped_to(nth("endpoint-config", 0))),
    "an older config of another model": Row(MODEL_2, (SMALL, MODEL_2), swapped_to(nth("endpoint-config", 0))),
    "an older config, and the file asks for something else": Row(
        HUGE, (SMALL, LARGE), swapped_to(nth("endpoint-config", 0))
    ),
    "an older config of a fresh model, and the file asks for something else": Row(
        HUGE, (SMALL,), in_turn(applied(SMALL, REPLACED_MODEL), applied(LARGE), swapped_to(nth("endpoint-config", 1)))
    ),
    "another config of a fresh model": Row(SMALL, (SMALL,), in_turn(applied(SMALL, REPLACED_MODEL), ran(SMALL))),
    "a count of a fresh model": Row(
        SMALL, (SMALL,), in_turn(applied(SMALL, REPLACED_MODEL), scaled(DesiredInstanceCount=5))
    ),
    "a count of a fresh model, and the file asks for another instance type": Row(
        LARGE, (SMALL,), in_turn(applied(SMALL, REPLACED_MODEL), scaled(DesiredInstanceCount=5))
    ),
    "a count of a salted model": Row(
        e(models={"m": model(replace_salt="1")}),
        (e(models={"m": model(replace_salt="1")}),),
        scaled(DesiredInstanceCount=5),
    ),
    "a count of a salted model, and the file asks for another instance type": Row(
        e(main("xlarge"), models={"m": model(replace_salt="1")}),
        (e(models={"m": model(replace_salt="1")}),),
        scaled(DesiredInstanceCount=5),
    ),
    "nothing of a salted model, and the file asks for another instance type": Row(
        e(main("xlarge"), models={"m": model(replace_salt="1")}), (e(models={"m": model(replace_salt="1")}),)
    ),
    "nothing of a salted model, and the file asks for another salt": Row(
        e(main("xlarge"), models={"m": model(replace_salt="2")}), (e(models={"m": model(replace_salt="1")}),)
    ),
    "nothing, and a model gets another name in the file": Row(e(AT_MODEL_N, models={"n": model()}), (SMALL,)),
    "a count, and a model gets another name in the file": Row(
        e({"main": v("xlarge", of="n")}, models={"n": model()}), (SMALL,), scaled(DesiredInstanceCount=5)
    ),
    "nothing, and a model is renamed in the file": Row(
        e({"main": v("xlarge", of="n")}, models={"n": model(renamed_from="m")}), (SMALL,)
    ),
    "nothing of a pinned model that changes in the file": Row(
        e(main("xlarge"), models={"m": model("2", name="other")}), (PINNED_MODEL,)
    ),
    "nothing of a pipeline that changes in the file": Row(
        e(models={"m": pipeline("1", "3", named=True)}),
        (e(models={"m": pipeline("1", "2")}),),
        lambda a: a.edits(
            "model",
            a.names("model")[0],
            Containers=[
                {**item, "ContainerHostname": f"container-{number}"}
                for number, item in enumerate(a.things["model", a.names("model")[0]].describe["Containers"])
            ],
        ),
    ),
    "nothing of a model that others took over": Row(LARGE, (SMALL,), tagged("model", **ALL_OWN)),
    "nothing of a pinned model that others took over": Row(
        e(main("xlarge"), models={"m": model(name="mine")}), (PINNED_MODEL,), tagged("model", **ALL_OWN)
    ),
    "the digest of a model": Row(LARGE, (SMALL,), tagged("model", mmeplan_digest="0" * 64)),
    "the digest of a model that the file salts": Row(
        e(main("xlarge"), models={"m": model(replace_salt="1")}),
        (e(models={"m": model(replace_salt="1")}),),
        tagged("model", mmeplan_digest=None),
    ),
    "an environment value under the same name": Row(
        SECRET,
        (SECRET,),
        lambda a: a.edits(
            "model", a.names("model")[0], PrimaryContainer={"Image": IMAGE + "1", "Environment": {"KEY": "b"}}
        ),
    ),
    "nothing, seen masked": Row(SECRET, (SECRET,), masked=True),
    "a count, seen masked": Row(SECRET, (SECRET,), scaled(DesiredInstanceCount=5), masked=True),
    "nothing, seen masked, and the file asks for another value": Row(
        e(models={"m": model(environment={"KEY": "b"})}), (SECRET,), masked=True
    ),
    "a count, seen masked, and the file asks for another value": Row(
        e(models={"m": model(environment={"KEY": "b"})}), (SECRET,), scaled(DesiredInstanceCount=5), masked=True
    ),
    "a count, seen masked, and the file asks for another instance type": Row(
        {**SECRET, "endpoints": LARGE["endpoints"]}, (SECRET,), scaled(DesiredInstanceCount=5), masked=True
    ),
    "nothing of a pinned model, seen masked, and the file asks for another value": Row(
        e(main("xlarge"), models={"m": model(name="mine", environment={"KEY": "b"})}),
        (e(models={"m": model(name="mine", environment={"KEY": "a"})}),),
        masked=True,
    ),
    "tags": Row(
        BOTH_TAGGED,
        (BOTH_TAGGED,),
        in_turn(tagged("endpoint", team="b", cost=None, extra="1"), tagged("model", extra="2", **{"aws:x": "1"})),
    ),
    "tags where there were none": Row(SMALL, (SMALL,), tagged("endpoint", extra="1")),
    "tags where there were none, and the file asks for others": Row(
        e(tags={"b": "1"}), (SMALL,), tagged("endpoint", extra="1")
    ),
    "tags, and the file asks for others": Row(
        e(defaults={"tags": {"team": "c"}}), (BOTH_TAGGED,), tagged("endpoint", team="b")
    ),
    "tags just as the file asks anew": Row(
        e(defaults={"tags": {"team": "c"}}), (BOTH_TAGGED,), tagged("endpoint", team="c", cost=None)
    ),
    "tags, and the file asks for none": Row(SMALL, (BOTH_TAGGED,), tagged("endpoint", team="b")),
    "all tags of the user": Row(BOTH_TAGGED, (BOTH_TAGGED,), tagged("endpoint", team=None, cost=None)),
    "the seal": Row(BOTH_TAGGED, (BOTH_TAGGED,), tagged("endpoint", mmeplan_tags=None)),
    "the seal and a tag": Row(BOTH_TAGGED, (BOTH_TAGGED,), tagged("endpoint", mmeplan_tags=None, team="b")),
    "another seal": Row(BOTH_TAGGED, (BOTH_TAGGED,), tagged("endpoint", mmeplan_tags="0")),
    "a seal where there was none": Row(SMALL, (SMALL,), tagged("endpoint", mmeplan_tags="0")),
    "a protection and a retention": Row(
        e(protect=True, on_remove="retain"),
        (e(protect=True, on_remove="retain"),),
        tagged("endpoint", mmeplan_protect=None, **{"mmeplan_on-remove": "delete"}),
    ),
    "a protection where there was none": Row(SMALL, (SMALL,), tagged("endpoint", mmeplan_protect="true")),
    "records": Row(
        SMALL,
        (SMALL,),
        tagged("endpoint", mmeplan_served="x", **{"mmeplan_went-back": "x", "mmeplan_rolled-back": "x"}),
    ),
    "tags of what is not in the file": Row(EMPTY, (BOTH_TAGGED,), tagged("endpoint", team="b")),
    "tags of what is not in the file and never had any": Row(EMPTY, (SMALL,), tagged("endpoint", extra="1")),
    "the fleet tag": Row(SMALL, (SMALL,), hand_edited(mmeplan_fleet=None)),
    "the fleet tag, given to another": Row(SMALL, (SMALL,), hand_edited(mmeplan_fleet="g")),
    "the fleet tag, and the file asks for another instance type": Row(LARGE, (SMALL,), hand_edited(mmeplan_fleet=None)),
    "all own tags": Row(SMALL, (SMALL,), hand_edited(**ALL_OWN)),
    "all own tags of an endpoint whose config is still the fleet's": Row(
        SMALL, (SMALL,), tagged("endpoint", **ALL_OWN)
    ),
    "all own tags of an endpoint whose config somebody took": Row(
        SMALL, (SMALL,), in_turn(tagged("endpoint", **ALL_OWN), tagged("endpoint-config", mmeplan_fleet="g"))
    ),
    "all own tags of an endpoint whose config can't be read": Row(
        SMALL,
        (SMALL,),
        in_turn(tagged("endpoint", **ALL_OWN), lambda a: a.denied.add(f"DescribeEndpointConfig {a.runs('e')}")),
    ),
    "the fleet tag of an endpoint whose config is gone": Row(
        SMALL, (SMALL,), in_turn(tagged("endpoint", mmeplan_fleet=None), gone("endpoint-config"))
    ),
    "the fleet and address tags of an endpoint whose config is gone": Row(
        SMALL,
        (SMALL,),
        in_turn(tagged("endpoint", mmeplan_fleet=None, mmeplan_address=None), gone("endpoint-config")),
    ),
    "the fleet and digest tags of an endpoint whose config is gone": Row(
        SMALL,
        (SMALL,),
        in_turn(tagged("endpoint", mmeplan_fleet=None, mmeplan_digest=None), gone("endpoint-config")),
    ),
    "all own tags of an endpoint whose config is gone": Row(
        SMALL, (SMALL,), in_turn(tagged("endpoint", **ALL_OWN), gone("endpoint-config"))
    ),
    "an endpoint given to another fleet that runs a config of its own": Row(
        SMALL, (SMALL,), in_turn(ran(SMALL), tagged("endpoint", mmeplan_fleet="g"))
    ),
    "all own tags of an endpoint that runs a config with a name of its content": Row(
        SMALL, (SMALL,), in_turn(tagged("endpoint", **ALL_OWN), tagged("endpoint-config", **ALL_OWN))
    ),
    "all own tags of an endpoint that runs a config with a name of its content, with a volume": Row(
        SMALL,
        (SMALL,),
        in_turn(tagged("endpoint", **ALL_OWN), tagged("endpoint-config", **ALL_OWN), variants_edited(VolumeSizeInGB=4)),
    ),
    "all own tags of an endpoint that runs a config with a volume of its own": Row(
        e(main(volume_size_in_gb=50)),
        (e(main(volume_size_in_gb=50)),),
        in_turn(tagged("endpoint", **ALL_OWN), tagged("endpoint-config", **ALL_OWN)),
    ),
    "all own tags of a pinned config and model": Row(
        e(models={"m": model(name="mine")}, settings={"name": "mine"}),
        (e(models={"m": model(name="mine")}, settings={"name": "mine"}),),
        hand_edited(**ALL_OWN),
    ),
    "the fleet tag of a pinned config and model": Row(
        e(models={"m": model(name="mine")}, settings={"name": "mine"}),
        (e(models={"m": model(name="mine")}, settings={"name": "mine"}),),
        hand_edited(mmeplan_fleet=None),
    ),
    "all own tags of a model that is to be adopted": Row(
        e(models={"m": model(adopt=True)}), (e(models={"m": model(adopt=True)}),), tagged("model", **ALL_OWN)
    ),
    "a model whose tags can't be read": Row(
        e({"main": v()}),
        (e({"main": v()}),),
        in_turn(tagged("model", **ALL_OWN), denied("ListTags")),
    ),
    "addresses": Row(
        SMALL,
        (SMALL,),
        in_turn(
            tagged("endpoint", mmeplan_address="nonsense"),
            tagged("endpoint-config", mmeplan_address="endpoint_config/x"),
            tagged("model", mmeplan_address=None),
        ),
    ),
    "digests": Row(
        SMALL,
        (SMALL,),
        in_turn(
            tagged("endpoint", mmeplan_digest="0" * 64),
            tagged("endpoint-config", mmeplan_digest="0" * 64),
            tagged("model", mmeplan_digest="x"),
        ),
    ),
    "the digest of the endpoint": Row(SMALL, (SMALL,), tagged("endpoint", mmeplan_digest=None)),
    "the digest of the endpoint, and its count": Row(
        SMALL, (SMALL,), in_turn(tagged("endpoint", mmeplan_digest="x"), scaled(DesiredInstanceCount=5))
    ),
    "the digest of a pinned config": Row(
        PINNED_CONFIG, (PINNED_CONFIG,), tagged("endpoint-config", mmeplan_digest="0" * 64)
    ),
    "the digest of a stand-in": Row(
        LARGE, (SMALL,), tagged("endpoint-config", mmeplan_digest="0" * 64, **{"mmeplan_stand-in": "true"})
    ),
    "the digest and the address of a model": Row(
        SMALL, (SMALL,), tagged("model", mmeplan_digest=None, mmeplan_address=None)
    ),
    "a model": Row(SMALL, (SMALL,), gone("model")),
    "a model of two endpoints": Row(shared(names="ex"), (shared(names="ex"),), gone("model")),
    "a model of an instance pool": Row(
        e({"main": pools("m", "n")}, models=DIFFERENT), (e({"main": pools("m", "n")}, models=DIFFERENT),), gone("model")
    ),
    "a model of a config outside": Row(OUTSIDE, (), in_turn(theirs(), applied(OUTSIDE), gone("model"))),
    "a model of the config that somebody swapped to": Row(
        SMALL, (SMALL,), in_turn(theirs(), swapped_to(named("theirs")), gone("model"))
    ),
    "the config outside that it runs": Row(
        f({"e": {"endpoint_config_name": "b"}}),
        (),
        in_turn(theirs("a"), theirs("b"), applied(f({"e": {"endpoint_config_name": "b"}})), swapped_to(named("a"))),
    ),
    "the config outside that it runs, and the file asks for another": Row(
        f({"e": {"endpoint_config_name": "c"}}),
        (),
        in_turn(
            theirs("a"),
            theirs("b"),
            theirs("c"),
            applied(f({"e": {"endpoint_config_name": "b"}})),
            swapped_to(named("a")),
        ),
    ),
    "the config outside that it runs, just as the file asks anew": Row(
        f({"e": {"endpoint_config_name": "a"}}),
        (),
        in_turn(theirs("a"), theirs("b"), applied(f({"e": {"endpoint_config_name": "b"}})), swapped_to(named("a"))),
    ),
    "the config outside that it runs can't be read": Row(
        OUTSIDE,
        (),
        in_turn(theirs(), theirs("b"), applied(OUTSIDE), swapped_to(named("b")), denied("DescribeEndpointConfig")),
    ),
    "nothing, and the config outside that it runs can't be read": Row(
        OUTSIDE, (), in_turn(theirs(), applied(OUTSIDE), denied("DescribeEndpointConfig"))
    ),
    "the config outside that it runs is gone": Row(
        OUTSIDE, (), in_turn(theirs(), applied(OUTSIDE), gone("endpoint-config"))
    ),
    "the config outside that it runs, and the digest of the endpoint": Row(
        OUTSIDE,
        (),
        in_turn(
            theirs(), theirs("b"), applied(OUTSIDE), swapped_to(named("b")), tagged("endpoint", mmeplan_digest="x")
        ),
    ),
    "an update to a config outside that the file asks for": Row(
        OUTSIDE, (SMALL,), in_turn(theirs(), pending(named("theirs")))
    ),
    "an endpoint under its old name": Row(e(name="other"), (SMALL,), scaled(DesiredInstanceCount=5)),
    "an endpoint that failed": Row(SMALL, (SMALL,), status("Failed")),
    "an endpoint that failed while another count was asked for": Row(
        SMALL, (SMALL,), in_turn(status("Failed"), scaled(DesiredInstanceCount=5))
    ),
    "an endpoint that is being deleted, and its count": Row(
        SMALL, (SMALL,), in_turn(status("Deleting"), scaled(DesiredInstanceCount=5))
    ),
    "an endpoint of another fleet under the name": Row(SMALL, (), theirs("e", serves=True, mmeplan_fleet="g")),
    "an endpoint that is new in the file": Row(
        f({"e": {"config": config(**main())}, "x": {"config": config(**main())}}), (SMALL,)
    ),
    "an endpoint that is new in the file, and shares a config": Row(shared(names="ex"), (shared(),)),
    "an endpoint that is new in the file, and takes a config that nothing used": Row(
        shared(), (f(endpoint_configs={"c": config(**main())}),)
    ),
    "a shared config's count for one of two endpoints": Row(
        shared(main(count=3), "ex"), (shared(names="ex"),), scaled("x", DesiredInstanceCount=9)
    ),
}


THREE = tuple({**file, "retain": 3} for file in (SMALL, LARGE, HUGE))
WIDE = e({"main": v(), "more": v(capacity="autoscaled")}, **RETAIN_2)
NARROW = e({"main": v("xlarge", capacity="autoscaled")}, **RETAIN_2)
TAGGED_CONFIG = e(settings={"tags": {"a": "1"}, "on_remove": "retain", "protect": True})


def rolled_back_unseen(file: Fleet, **members: Any) -> Hands:
    """An update that SageMaker rolled back while nobody looked."""

    def made(a: Account) -> None:
        a.applies(file, only="Create")
        now = {"LastModifiedTime": a.now.isoformat(), "FailureReason": "no capacity."}
        a.edits("endpoint", "e", **{**now, **members})

    return made


PASTS: dict[str, Row] = {
    "back to the newest": Row(THREE[2], THREE, back=1),
    "back to the one before": Row(THREE[2], THREE, back=2),
    "back to one that was adopted by tags": Row(e(main("xlarge")), (TAGGED_CONFIG, LARGE), back=1),
    "back to one of other tags than the file's": Row(
        e(main("xlarge"), settings={"tags": {"b": "1"}}),
        (TAGGED_CONFIG, e(main("xlarge"), settings={"tags": {"b": "1"}})),
        back=1,
    ),
    "back to one of another model": Row(MODEL_2, (SMALL, MODEL_2), back=1),
    "back to one of another model that is gone": Row(MODEL_2, (SMALL, MODEL_2), gone("model", 0), back=1),
    "back to one of a model outside": Row(
        LARGE,
        (e({"main": {"model_name": "theirs", "instance_type": "ml.m5.large", "initial_instance_count": 2}}), LARGE),
        theirs(),
        back=1,
    ),
    "back to one of a fresh model": Row(
        LARGE, (SMALL,), in_turn(applied(SMALL, REPLACED_MODEL), applied(LARGE)), back=1
    ),
    "back to one of instance pools": Row(
        e(main(), models=DIFFERENT),
        (e({"main": pools("m", "n")}, models=DIFFERENT), e(main(), models=DIFFERENT)),
        back=1,
    ),
    "back to one of a shadow variant": Row(
        e(models=DIFFERENT), (e(settings=shadow(of="n"), models=DIFFERENT), e(models=DIFFERENT)), back=1
    ),
    "back to one of more variants": Row(NARROW, (WIDE, NARROW), scaled(DesiredInstanceCount=7), back=1),
    "back to one of fewer variants": Row(
        WIDE, (NARROW, WIDE), scaled(variant_name="more", DesiredInstanceCount=7), back=1
    ),
    "back to one of serverless": Row(SMALL, (e({"main": s()}), SMALL), back=1),
    "back to one of instances": Row(e({"main": s()}), (SMALL, e({"main": s(9)})), back=1),
    "back to what the file says": Row(SMALL, (SMALL, LARGE), back=1),
    "back to what runs": Row(SMALL, (SMALL,), applied(SMALL, REPLACED), back=1),
    "back from a config outside": Row(OUTSIDE, (SMALL,), in_turn(theirs(), applied(OUTSIDE)), back=1),
    "back to one that another entry declares now": Row(
        {**LARGE, "endpoint_configs": {"c": {**config(**main()), "name": "mine"}}}, (PINNED_CONFIG, LARGE), back=1
    ),
    "back to one of a renamed endpoint": Row(
        f({"e": {"config": config(**main("xlarge")), "renamed_from": "old"}}),
        tuple(f({"old": file["endpoints"]["e"]}) for file in (SMALL, LARGE)),
        back=1,
    ),
    "back to one while an update is under way": Row(
        LARGE, (SMALL, LARGE), in_turn(theirs(), pending(named("theirs"))), back=1
    ),
    "after going back": Row(LARGE, (SMALL, LARGE), went_back),
    "after going back, and forward to something else": Row(HUGE, (SMALL, LARGE), went_back),
    "after going back, and the file follows": Row(SMALL, (SMALL, LARGE), went_back),
    "after going back, and the file names a config outside": Row(OUTSIDE, (SMALL, LARGE), in_turn(went_back, theirs())),
    "after going back, and a count was changed": Row(
        LARGE, (SMALL, LARGE), in_turn(went_back, scaled(DesiredInstanceCount=7))
    ),
    "a mark of going back to what is in force": Row(
        LARGE, (SMALL, LARGE), lambda a: a.tags("endpoint", "e", **{"mmeplan_went-back": a.runs("e")})
    ),
    "a rollback that was seen": Row(
        LARGE,
        (SMALL,),
        in_turn(
            rolled_back_unseen(LARGE),
            lambda a: a.tags("endpoint", "e", **{"mmeplan_rolled-back": a.names("endpoint-config")[1]}),
        ),
    ),
    "a rollback that was seen, without a reason": Row(
        LARGE,
        (SMALL,),
        in_turn(
            created_only(LARGE),
            lambda a: a.tags("endpoint", "e", **{"mmeplan_rolled-back": a.names("endpoint-config")[1]}),
        ),
    ),
    "back to one with a tag of AWS's own": Row(
        LARGE, (SMALL, LARGE), tagged("endpoint-config", 0, **{"aws:x": "1"}), back=1
    ),
    "a rollback that was seen, and another one is wanted": Row(
        HUGE,
        (SMALL,),
        in_turn(
            rolled_back_unseen(LARGE),
            lambda a: a.tags("endpoint", "e", **{"mmeplan_rolled-back": a.names("endpoint-config")[1]}),
        ),
    ),
    "a rollback that was seen, of what is in force by now": Row(
        LARGE, (SMALL, LARGE), lambda a: a.tags("endpoint", "e", **{"mmeplan_rolled-back": a.runs("e")})
    ),
    "a rollback that was seen, and an update is under way": Row(
        LARGE,
        (SMALL,),
        in_turn(
            rolled_back_unseen(LARGE),
            lambda a: a.tags("endpoint", "e", **{"mmeplan_rolled-back": a.names("endpoint-config")[1]}),
            pending(nth("endpoint-config", 1)),
        ),
    ),
    "a rollback that was seen, while SageMaker patches": Row(
        LARGE,
        (SMALL,),
        in_turn(
            created_only(LARGE),
            lambda a: a.tags("endpoint", "e", **{"mmeplan_rolled-back": a.names("endpoint-config")[1]}),
            status("SystemUpdating"),
        ),
    ),
    "a rollback that nobody saw": Row(LARGE, (SMALL,), rolled_back_unseen(LARGE)),
    "a rollback that nobody saw, without a reason": Row(LARGE, (SMALL,), rolled_back_unseen(LARGE, FailureReason=None)),
    "a reason from before the config was made": Row(
        LARGE, (SMALL,), rolled_back_unseen(LARGE, LastModifiedTime="2026-01-01T00:00:00+00:00")
    ),
    "a reason, and the config has served": Row(
        SMALL, (SMALL, LARGE), lambda a: a.edits("endpoint", "e", FailureReason="x", LastModifiedTime=a.now.isoformat())
    ),
    "a reason, and nothing was written down": Row(
        LARGE, (SMALL,), in_turn(rolled_back_unseen(LARGE), tagged("endpoint", mmeplan_served=None))
    ),
    "a reason, and the config is somebody else's": Row(
        LARGE, (SMALL,), in_turn(rolled_back_unseen(LARGE), tagged("endpoint-config", mmeplan_fleet="g"))
    ),
    "a reason, and the config is not there": Row(
        LARGE, (SMALL,), in_turn(rolled_back_unseen(LARGE), gone("endpoint-config"))
    ),
    "nothing was written down": Row(THREE[2], THREE, tagged("endpoint", mmeplan_served=None)),
    "nothing was written down, and one was rolled back": Row(
        THREE[0],
        THREE,
        lambda a: a.tags(
            "endpoint", "e", mmeplan_served=None, **{"mmeplan_rolled-back": a.names("endpoint-config")[1]}
        ),
    ),
    "nothing was written down, and the one in force was rolled back once": Row(
        THREE[0],
        THREE,
        lambda a: a.tags(
            "endpoint", "e", mmeplan_served=None, **{"mmeplan_rolled-back": a.names("endpoint-config")[2]}
        ),
    ),
    "other digests were written down": Row(THREE[2], THREE, tagged("endpoint", mmeplan_served="11111111")),
    "they were written down in another order": Row(
        {**THREE[2], "retain": 1},
        THREE,
        lambda a: a.tags(
            "endpoint", "e", mmeplan_served=" ".join(sorted(name[-8:] for name in a.names("endpoint-config")))
        ),
    ),
    "one that never served": Row({**HUGE, **RETAIN_2}, (e(**RETAIN_2),), created_only(e(main("xlarge"), **RETAIN_2))),
    "an endpoint that is being created by its first config": Row(
        {**LARGE, **RETAIN_2}, (e(**RETAIN_2),), status("Creating")
    ),
    "an endpoint that failed by its last config": Row(
        {**HUGE, **RETAIN_2}, (e(**RETAIN_2), e(main("xlarge"), **RETAIN_2)), status("Failed")
    ),
    "an endpoint that is gone": Row(THREE[2], THREE, gone("endpoint")),
    "an endpoint that was made by others under the name of one that is gone": Row(
        {**THREE[2], "endpoints": {"e": {**HUGE["endpoints"]["e"], "adopt": True}}},
        THREE,
        in_turn(gone("endpoint"), theirs("e", serves=True)),
    ),
    "an endpoint whose tags are gone, adopted": Row(
        {**THREE[2], "endpoints": {"e": {**HUGE["endpoints"]["e"], "adopt": True}}},
        THREE,
        tagged("endpoint", mmeplan_served=None, **ALL_OWN),
    ),
    "an endpoint whose tags are gone, adopted on a stand-in": Row(
        {**THREE[2], "endpoints": {"e": {**LARGE["endpoints"]["e"], "adopt": True}}},
        THREE,
        in_turn(
            tagged("endpoint", mmeplan_served=None, **ALL_OWN),
            tagged("endpoint-config", **{"mmeplan_stand-in": "true"}),
        ),
    ),
    "a foreign config in force of an endpoint of ours": Row(THREE[2], THREE, ran(SMALL)),
    "generations of two endpoints of a shared config": Row(
        shared(main("2xlarge"), "ex", **RETAIN_2),
        (shared(names="ex", **RETAIN_2), shared(main("xlarge"), "ex", **RETAIN_2)),
    ),
    "a config that was made again by others since": Row(
        e({"main": variant("m", "ml.c5.large", 1)}, models={"m": model("9")}, adopt=True),
        (),
        in_turn(
            theirs("e", serves=True),
            gone("endpoint-config"),
            theirs_again,
        ),
    ),
    "a config of others, made as the endpoint was": Row(
        e({"main": variant("m", "ml.c5.large", 1)}, models={"m": model("9")}, adopt=True),
        (),
        in_turn(
            theirs("e", serves=True),
            lambda a: a.edits(
                "endpoint-config", "e", CreationTime=a.things["endpoint", "e"].describe["LastModifiedTime"]
            ),
        ),
    ),
    "a config of others, and the endpoint doesn't say when it was touched": Row(
        e({"main": variant("m", "ml.c5.large", 1)}, models={"m": model("9")}, adopt=True),
        (),
        in_turn(theirs("e", serves=True), edited("endpoint", LastModifiedTime=None)),
    ),
    "thirty generations": Row(
        e(main(volume_size_in_gb=99)), tuple(e(main(volume_size_in_gb=10 + number)) for number in range(30))
    ),
}

TABLES: dict[str, dict[str, Row]] = {
    "endpoints": ENDPOINTS,
    "states": STATES,
    "owners": OWNERS,
    "contents": CONTENTS,
    "lost": LOST,
    "removals": REMOVALS,
    "hands": HANDS,
    "pasts": PASTS,
}
