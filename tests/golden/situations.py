"""The situations of the golden cases: a life on the simulated SageMaker, and the file that is planned then.

`python -m tests.golden.situations` writes fleet.yaml, options.json and snapshot.json of every case anew, or of those
that are named; `pytest tests/golden --accept` then rewrites the plans and what is rendered of them.
"""

from __future__ import annotations

import copy
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from mmeplan import graph
from mmeplan.live import Snapshot, live_object
from mmeplan.spec import load_text
from tests.simulation.world import IMAGE, Fleet, World, config, model, serverless, variant

HERE = Path(__file__).parent
Life = Callable[[World], None]


@dataclass(frozen=True)
class Situation:
    """What is applied before (fleets, or a life of its own), the file, the options, and an edit of what was seen."""

    fleet: Fleet
    before: tuple[Fleet, ...] = ()
    life: Life = lambda world: None
    options: Mapping[str, Any] = field(default_factory=dict)
    seen: Callable[[Snapshot], Snapshot] = lambda snapshot: snapshot


def shop(endpoints: Mapping[str, Fleet], **sections: Any) -> Fleet:
    """A fleet with the model `ranker`."""
    made = {"version": 1, "fleet": "shop", "region": "eu-west-1", "models": {"ranker": model("1.7")}}
    return {**made, **sections, "endpoints": dict(endpoints)}


def one(variants: Mapping[str, Fleet] | None = None, models: Mapping[str, Fleet] | None = None, **more: Any) -> Fleet:
    """A fleet of the endpoint `ranker`."""
    sections = {"models": dict(models)} if models else {}
    return shop({"ranker": {"config": config(**(variants or {"main": variant()})), **more}}, **sections)


def guarded(policy: str, **members: Any) -> Fleet:
    """A deployment config that one alarm may roll back."""
    return {
        policy: members,
        "auto_rollback_configuration": {"alarms": [{"alarm_name": "ranker-errors"}, {"alarm_name": "ranker-p99"}]},
    }


def blue_green(kind: str, **routing: Any) -> Fleet:
    """A blue/green update of that kind; the old fleet stays ten minutes."""
    traffic = {"type": kind, "wait_interval_in_seconds": 300, **routing}
    return guarded("blue_green_update_policy", traffic_routing_configuration=traffic, termination_wait_in_seconds=600)


def percent(value: int) -> Fleet:
    return {"type": "CAPACITY_PERCENT", "value": value}


CANARY = blue_green("CANARY", canary_size=percent(10))
LINEAR = blue_green("LINEAR", linear_step_size=percent(20))
ROLLING = guarded(
    "rolling_update_policy",
    maximum_batch_size=percent(25),
    wait_interval_in_seconds=120,
    rollback_maximum_batch_size=percent(100),
)
LARGE, HUGE = "ml.m5.xlarge", "ml.m5.2xlarge"


def swap(deployment: Fleet | None = None, count: int = 4) -> Situation:
    """A larger instance type under a deployment config."""
    more = {"deployment_config": deployment} if deployment else {}
    small, large = (one({"main": variant(instance_type=size, count=count)}, **more) for size in (LARGE, HUGE))
    return Situation(large, (small,))


def failing(fault: str, fleet: Fleet) -> Life:
    """A life in which an apply of this fleet fails."""

    def life(world: World) -> None:
        if fault == "create":
            world.sim.faults.fail_create("ranker", "CannotStartContainerError: the container did not answer /ping")
        else:
            world.sim.faults.fail_update("ranker", "alarm ranker-errors went off")
        world.apply(fleet)

    return life


def rescaled(world: World) -> None:
    """Somebody else's change of counts and weights."""
    desired = [{"VariantName": "main", "DesiredInstanceCount": 6, "DesiredWeight": 3.0}]
    world.does("UpdateEndpointWeightsAndCapacities", EndpointName="ranker", DesiredWeightsAndCapacities=desired)
    world.sim.clock.sleep(300)


def started(fleet: Fleet) -> Life:
    """The calls of an apply, seen before what they start has ended."""

    def life(world: World) -> None:
        for step in world.plan(fleet).steps:
            if step.operation != "AddTags":
                world.cloud.write(step.operation, dict(step.params))

    return life


def unreadable(snapshot: Snapshot) -> Snapshot:
    """Without the permission to describe the endpoint."""
    error = "AccessDeniedException: not authorized to perform sagemaker:DescribeEndpoint"
    hidden = {"ranker": live_object("endpoint", "ranker", "unreadable", error=error)}
    return replace(snapshot, objects={**snapshot.objects, "endpoint": {**snapshot.objects["endpoint"], **hidden}})


TWO = {"main": variant(count=2, initial_variant_weight=9), "challenger": variant(count=1, initial_variant_weight=1)}
SHIFTED = {"main": variant(count=2, initial_variant_weight=1), "challenger": variant(count=3, initial_variant_weight=1)}
SHARED = {"all": config(main=variant("common", count=1))}


def shared(image: str, endpoints: int = 6) -> Fleet:
    """Endpoints that share a config."""
    entries = {f"tenant-{index}": {"config": "all"} for index in range(1, endpoints + 1)}
    return shop(entries, models={"common": model(image)}, endpoint_configs=SHARED)


def tenants(number: int, image: str = "1.7", instance_type: str = "ml.m5.large") -> Fleet:
    """Endpoints of a kind, each with its own config."""
    variants = {"main": variant("common", instance_type, 2)}
    entries = {f"tenant-{index:02d}": {"config": config(**variants)} for index in range(number)}
    return shop(entries, models={"common": model(image)})


def containers(*images: str) -> Fleet:
    """A serial pipeline."""
    role = model()["execution_role_arn"]
    made = [
        {
            "image": IMAGE + image,
            "container_hostname": f"step-{index}",
            "model_data_url": f"s3://acme-models/{index}.tar.gz",
        }
        for index, image in enumerate(images, 1)
    ]
    return {"execution_role_arn": role, "containers": made}


def multi_model(prefix: str, caching: str = "Enabled") -> Fleet:
    made = model("7")
    made["primary_container"] |= {
        "mode": "MultiModel",
        "model_data_url": prefix,
        "multi_model_config": {"model_cache_setting": caching},
    }
    return made


def asynchronous(concurrency: int) -> Fleet:
    settings = {
        "client_config": {"max_concurrent_invocations_per_instance": concurrency},
        "output_config": {"s3_output_path": "s3://acme-answers/", "s3_failure_path": "s3://acme-failures/"},
    }
    return one()["endpoints"]["ranker"]["config"] | {"async_inference_config": settings}


def shadowed(image: str) -> Fleet:
    shadow = {"shadow_production_variants": {"candidate": variant("candidate", count=1, initial_variant_weight=1)}}
    models = {"ranker": model("1.7"), "candidate": model(image)}
    return shop({"ranker": {"config": {**config(main=variant(count=2)), **shadow}}}, models=models)


HOSTILE = "<script>alert(1)</script>|`@octocat`#1![x](http://evil.example)&lt;\u202egnp.exe\u2066$x$:tada:"


def hostile(image: str) -> Fleet:
    made = model(image, environment={"NOTE": f"{HOSTILE}{image}"}, tags={"owner": "@octocat + www.evil.example"})
    key = HOSTILE.replace("//", "/")  # MDL-42 refuses the other
    made["primary_container"]["model_data_url"] = f"s3://acme-models/{key}/{image}.tar.gz"
    alarm = {"alarms": [{"alarm_name": HOSTILE}]}
    return one(models={"ranker": made}, deployment_config={**CANARY, "auto_rollback_configuration": alarm})


def masked(**environment: str) -> Fleet:
    return one(models={"ranker": model("1.7", environment=environment)})


def edited(fleet: Fleet, *path: str, value: Any) -> Fleet:
    """The fleet with one member set, or removed (None)."""
    made: Any = copy.deepcopy(fleet)
    at = made
    for name in path[:-1]:
        at = at[name]
    if value is None:
        del at[path[-1]]
    else:
        at[path[-1]] = value
    return made  # type: ignore[no-any-return]


KEY = "arn:aws:kms:eu-west-1:{}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
VPC = {"security_group_ids": ["sg-0a1b2c3d"], "subnets": ["subnet-0a1b2c3d", "subnet-4e5f6a7b"]}


def captured(bucket: str, key: str) -> Fleet:
    """A config that encrypts, and copies requests and answers to that bucket."""
    capture = {
        "enable_capture": True,
        "initial_sampling_percentage": 20,
        "destination_s3_uri": f"s3://{bucket}/ranker/",
        "kms_key_id": key,
        "capture_options": [{"capture_mode": "Input"}, {"capture_mode": "Output"}],
    }
    return {**config(main=variant(count=2, enable_ssm_access=False)), "kms_key_id": key, "data_capture_config": capture}


GUARDED_MODEL = {
    **model("1.7", environment={"TOKEN": "hunter2", "LEVEL": "info"}, tags={"owner": "bob"}),
    "vpc_config": VPC,
    "enable_network_isolation": True,
}
GUARDED = shop(
    {
        "ranker": {
            "config": captured("acme-captures", KEY.format("123456789012")),
            "deployment_config": CANARY,
            "protect": True,
            "on_remove": "retain",
            "tags": {"team": "search"},
        }
    },
    models={"ranker": GUARDED_MODEL},
)
OPENED = shop(
    {
        "ranker": {
            "config": {
                key: value
                for key, value in captured("elsewhere-captures", KEY.format("999999999999")).items()
                if key != "kms_key_id"
            },
            "deployment_config": {**CANARY, "auto_rollback_configuration": {"alarms": [{"alarm_name": "ranker-p99"}]}},
            "tags": {"team": "ads"},
        }
    },
    models={
        "ranker": {
            **model("1.7", environment={"TOKEN": "hunter2", "LEVEL": "info"}, tags={"owner": "alice"}),
            "execution_role_arn": "arn:aws:iam::123456789012:role/everything",
        }
    },
)


def trained(name: str, image: str) -> Fleet:
    """A model with an archive of its own."""
    made = model(image)
    made["primary_container"] |= {"model_data_url": f"s3://acme-models/{name}/model.tar.gz"}
    return made


def regions(number: int, image: str) -> Fleet:
    """Endpoints of a kind, each with its own model and config."""
    names = [f"ranker-{index:02d}" for index in range(number)]
    return shop(
        {name: {"config": config(main=variant(name, LARGE, 2))} for name in names},
        models={name: trained(name, image) for name in names},
    )


PAIR = shop({"ranker": {"config": config(main=variant())}, "scorer": {"config": config(main=variant(count=1))}})
WITHOUT = edited(PAIR, "endpoints", "scorer", value=None)
OUTAGE = one({"main": serverless()})
TAGGED = one(tags={"team": "search", "cost-centre": "42"})

SITUATIONS: dict[str, Situation] = {
    "create": Situation(one(TWO, deployment_config=CANARY)),
    "no_change": Situation(PAIR, (PAIR,)),
    "tags": Situation(one(tags={"team": "pricing"}), (TAGGED,)),
    "in_place_weights": Situation(one(SHIFTED), (one(TWO),)),
    "instance_type_swap": swap(),
    "canary": swap(CANARY),
    "linear": swap(LINEAR),
    "rolling": swap(ROLLING),
    "guardrails_degraded": Situation(
        one({"blue": variant(count=2)}, deployment_config=CANARY),
        (one({"green": variant(count=2)}, deployment_config=CANARY),),
    ),
    "multi_model": Situation(
        one(models={"ranker": multi_model("s3://acme-models/tenants/v2/", "Disabled")}),
        (one(models={"ranker": multi_model("s3://acme-models/tenants/v1/")}),),
    ),
    "pipeline": Situation(
        one(models={"ranker": containers("clean-2", "rank-1", "explain-1")}),
        (one(models={"ranker": containers("clean-1", "rank-1")}),),
    ),
    "serverless": Situation(one({"main": serverless(concurrency=20)}), (one({"main": serverless(concurrency=5)}),)),
    "asynchronous": Situation(
        shop({"ranker": {"config": asynchronous(8)}}), (shop({"ranker": {"config": asynchronous(4)}}),)
    ),
    "shadow": Situation(shadowed("2.0"), (shadowed("1.9"),)),
    "rolled_back": Situation(swap(CANARY).fleet, swap(CANARY).before, life=failing("update", swap(CANARY).fleet)),
    "failed": Situation(one(), life=failing("create", one())),
    "in_progress": Situation(one(), life=started(one())),
    "update_under_way": Situation(swap().fleet, swap().before, life=started(swap().fleet)),
    "outage_refused": Situation(OUTAGE, (one(),)),
    "outage_allowed": Situation(OUTAGE, (one(),), options={"allow_outage": ["endpoint/ranker"]}),
    "protect": Situation(
        edited(OUTAGE, "endpoints", "ranker", "protect", value=True),
        (one(protect=True),),
        options={"allow_outage": ["endpoint/ranker"]},
    ),
    "delete": Situation(WITHOUT, (PAIR,)),
    "destroy": Situation(edited(PAIR, "endpoints", value={}), (PAIR,), options={"destroy": True}),
    "retain": Situation(WITHOUT, (edited(PAIR, "endpoints", "scorer", "on_remove", value="retain"),)),
    "adopt": Situation(one(adopt=True), life=lambda world: world.foreign_endpoint("ranker")),
    "conflict": Situation(one(), life=lambda world: world.foreign_endpoint("ranker")),
    "rename": Situation(shop({"scorer": {"config": config(main=variant()), "renamed_from": "ranker"}}), (one(),)),
    "rename_with_tags": Situation(
        shop({"scorer": {"config": config(main=variant()), "renamed_from": "ranker", "tags": {"owner": "alice"}}}),
        (one(tags={"owner": "bob", "team": "search"}),),
    ),
    "create_guarded": Situation(GUARDED),
    "less_protection": Situation(OPENED, (GUARDED,)),
    "protect_removed": Situation(one(), (one(protect=True, on_remove="retain"),)),
    "family": Situation(regions(20, "1.8"), (regions(20, "1.7"),)),
    "drift": Situation(one(TWO), (one(TWO),), life=rescaled),
    "unreadable": Situation(PAIR, (PAIR,), seen=unreadable),
    "findings": Situation(
        shop(
            {"ranker": {"config": config(main=variant("latest", "ml.m5.large", 1))}},
            models={"latest": model("latest"), "unused": model("1")},
        )
    ),
    "many_endpoints": Situation(tenants(24, "1.8"), (tenants(24),)),
    "hostile_names": Situation(hostile("1.8"), (hostile("1.7"),)),
    "environment_masked": Situation(masked(TOKEN="hunter3", LEVEL="info"), (masked(TOKEN="hunter2", OLD="gone"),)),
    "shared_config": Situation(shared("2.0"), (shared("1.9"),)),
    "target": Situation(
        edited(
            edited(PAIR, "models", "ranker", value=model("1.8")),
            "endpoints",
            "scorer",
            value={"config": config(main=variant(count=3))},
        ),
        (PAIR,),
        options={"targets": ["endpoint/scorer"]},
    ),
    "replace": Situation(one(), (one(),), options={"replace": ["endpoint/ranker"]}),
    "speculative": Situation(swap(CANARY).fleet, swap(CANARY).before, options={"speculative": True}),
    "over_quota": Situation({**swap(CANARY).fleet, "quotas": {HUGE: 3}}, swap(CANARY).before),
    "quota_waits": Situation({**tenants(4, "1.8"), "quotas": {"ml.m5.large": 12}}, (tenants(4),)),
    "max_change": Situation(tenants(6), (tenants(12),)),
    "mixed": Situation(
        shop(
            {
                "search": {"config": config(main=variant("ranker", HUGE, 3)), "deployment_config": CANARY},
                "prices": {"config": config(main=serverless("prices", 20))},
                "offers": {"config": config(main=variant("prices", LARGE, 4))},
                "images": {"config": config(main=variant("images", "ml.g5.xlarge", 1))},
                "stable": {"config": config(main=variant("prices", count=1)), "tags": {"team": "pricing"}},
            },
            models={"ranker": model("1.8", environment={"TOKEN": "b"}), "prices": model("3"), "images": model("5")},
            quotas={HUGE: 8, "ml.g5.xlarge": 2, LARGE: 20},
        ),
        (
            shop(
                {
                    "search": {"config": config(main=variant("ranker", LARGE, 3)), "deployment_config": CANARY},
                    "prices": {"config": config(main=variant("prices", count=2))},
                    "offers": {"config": config(main=variant("prices", LARGE, 2))},
                    "stable": {"config": config(main=variant("prices", count=1))},
                    "legacy": {"config": config(main=variant("prices", count=1))},
                },
                models={"ranker": model("1.7", environment={"TOKEN": "a"}), "prices": model("3")},
            ),
        ),
        options={"allow_outage": ["endpoint/prices"]},
    ),
}


def snapshot_of(situation: Situation) -> Snapshot:
    """What is live in this situation; the same in every run."""
    with World() as world:
        world.watching = False
        for fleet in situation.before:
            world.live_through(fleet)
        situation.life(world)
        return situation.seen(world.observe(graph.compile(load_text(file_of(situation).encode()))))


def file_of(situation: Situation) -> str:
    """The fleet file."""
    return yaml.safe_dump(situation.fleet, sort_keys=False, allow_unicode=False, width=100)


def snapshot_text(situation: Situation) -> str:
    return json.dumps(snapshot_of(situation).encode(), indent=1, sort_keys=True) + "\n"


def write(name: str) -> None:
    """The inputs of one case."""
    folder = HERE / name
    folder.mkdir(exist_ok=True)
    situation = SITUATIONS[name]
    (folder / "fleet.yaml").write_text(file_of(situation))
    (folder / "snapshot.json").write_text(snapshot_text(situation))
    (folder / "options.json").unlink(missing_ok=True)
    if situation.options:
        (folder / "options.json").write_text(json.dumps(situation.options) + "\n")


if __name__ == "__main__":
    for each in sys.argv[1:] or SITUATIONS:
        write(each)
