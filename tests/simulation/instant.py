"""An account of plain data in which every call takes effect at once: for tables of what is live → what is planned.

`applies` plans a fleet and carries the plan's steps out; `does` is anybody's call; `edits` puts an object into a state
that calls don't lead to at once. `seen` is what `observe` reads of it all. Where statuses, waits, refusals or the
service's defaults matter, the simulator is the one to use (`tests.simulation.world`).
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from mmeplan import graph, live, plan
from mmeplan.errors import CloudError
from mmeplan.graph import Graph
from mmeplan.live import Snapshot
from mmeplan.plan import Options, Plan
from mmeplan.spec import load_text
from tests.simulation.world import ACCOUNT, REGION, Fleet

MEMBERS = {"Model": "model", "EndpointConfig": "endpoint-config", "Endpoint": "endpoint"}
LISTS = {
    "ListModels": ("model", "Models"),
    "ListEndpointConfigs": ("endpoint-config", "EndpointConfigs"),
    "ListEndpoints": ("endpoint", "Endpoints"),
}
START = datetime(2026, 1, 1, tzinfo=UTC)
Answer = dict[str, Any]


@dataclass
class Thing:
    """One object: what Describe says of it, and its tags."""

    kind: str
    name: str
    describe: Answer
    tags: dict[str, str] = field(default_factory=dict)


def compiled(text: Fleet, salts: Mapping[str, str] | None = None) -> Graph:
    """The graph of a fleet that is written as data. JSON is YAML."""
    return _compiled(json.dumps(text), tuple((salts or {}).items()))


@lru_cache(maxsize=256)
def _compiled(text: str, salts: tuple[tuple[str, str], ...]) -> Graph:
    return graph.compile(load_text(text.encode()), dict(salts))


class Account:
    """What is live. A port for `observe`: it reads, and nothing else of it is asked."""

    def __init__(self, *fleets: Fleet) -> None:
        self.things: dict[tuple[str, str], Thing] = {}
        self.ever: list[str] = []  # the names of all that was created, in that order
        self.denied: set[str] = set()  # operations, or `operation name`, that are refused
        self.now = START
        for text in fleets:
            self.applies(text)

    # --- what happens to it -----

    def plan(self, text: Fleet, salts: Mapping[str, str] | None = None, **options: Any) -> Plan:
        made = compiled(text, salts)
        return plan.build(made, self.seen(made), created_at=self.now.isoformat(), options=Options(**options))

    def applies(self, text: Fleet, salts: Mapping[str, str] | None = None, *, only: str = "", **options: Any) -> Plan:
        """Plan and carry out: all steps, or those of one operation (an apply that was stopped)."""
        self.now += timedelta(minutes=10)
        made = self.plan(text, salts, **options)
        for step in made.steps:
            if not only or step.operation.startswith(only):
                self.does(step.operation, **step.params)
        return made

    def does(self, operation: str, **params: Any) -> None:
        """A call, by whoever."""
        self.now += timedelta(seconds=1)
        if operation in ("AddTags", "DeleteTags"):
            thing = next(t for t in self.things.values() if t.describe[_member(t.kind, "Arn")] == params["ResourceArn"])
            thing.tags.update({tag["Key"]: tag["Value"] for tag in params.get("Tags", ())})
            for key in params.get("TagKeys", ()):
                thing.tags.pop(key, None)
            return
        if operation == "UpdateEndpointWeightsAndCapacities":
            self._scale(params)
            return
        verb = next(verb for verb in ("Create", "Update", "Delete") if operation.startswith(verb))
        word = operation.removeprefix(verb)
        kind, name = MEMBERS[word], params[f"{word}Name"]
        if verb == "Delete":
            del self.things[kind, name]
        elif kind == "endpoint":
            self._serve(name, params)
        else:
            self._keep(kind, name, params)

    def edits(self, kind: str, name: str, **members: Any) -> None:
        """Members of the Describe answer, as they are from now on; None takes one away."""
        thing = self.things[kind, name]
        thing.describe = {k: v for k, v in {**thing.describe, **members}.items() if v is not None}

    def tags(self, kind: str, name: str, **tags: str | None) -> None:
        """Tags, with `_` for `:` in mmeplan's own; None takes one away."""
        thing = self.things[kind, name]
        keys = {key: key.replace("mmeplan_", "mmeplan:").replace("_", "-") for key in tags}
        thing.tags = {k: v for k, v in {**thing.tags, **{keys[k]: v for k, v in tags.items()}}.items() if v is not None}

    def names(self, kind: str) -> list[str]:
        """The names of all objects of a kind, in the order of their creation."""
        return [name for of_kind, name in self.things if of_kind == kind]

    def runs(self, endpoint: str) -> str:
        """The config that an endpoint runs."""
        return str(self.things["endpoint", endpoint].describe["EndpointConfigName"])

    def _keep(self, kind: str, name: str, params: Mapping[str, Any]) -> Thing:
        word = next(word for word, of_kind in MEMBERS.items() if of_kind == kind)
        told = {key: copy.deepcopy(value) for key, value in params.items() if key != "Tags"}
        arn = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:{kind}/{name}"
        told |= {f"{word}Arn": arn, "CreationTime": self.now.isoformat()}
        made = Thing(kind, name, told, {tag["Key"]: tag["Value"] for tag in params.get("Tags", ())})
        self.things[kind, name] = made
        self.ever.append(name)
        return made

    def _serve(self, name: str, params: Mapping[str, Any]) -> None:
        there = self.things.get(("endpoint", name)) or self._keep("endpoint", name, params)
        config = self.things["endpoint-config", params["EndpointConfigName"]].describe
        kept = params.get("RetainAllVariantProperties", False)
        changed = {item["VariantPropertyType"] for item in params.get("ExcludeRetainedVariantProperties", ())}
        for member in ("ProductionVariants", "ShadowProductionVariants"):
            old = {item["VariantName"]: item for item in there.describe.get(member, ())}
            summaries = [_summary(variant) for variant in config.get(member, ())]
            for item in summaries if kept else ():
                for key in {"DesiredInstanceCount", "DesiredWeight"} - changed:
                    if key in item and key in old.get(item["VariantName"], {}):
                        item[key] = old[item["VariantName"]][key]
            there.describe[member] = summaries
        there.describe |= {"EndpointConfigName": config["EndpointConfigName"], "EndpointStatus": "InService"}
        there.describe["LastModifiedTime"] = self.now.isoformat()
        if params.get("DeploymentConfig"):
            there.describe["LastDeploymentConfig"] = params["DeploymentConfig"]
        there.describe.pop("DeploymentConfig", None)

    def _scale(self, params: Mapping[str, Any]) -> None:
        described = self.things["endpoint", params["EndpointName"]].describe
        for wanted in params["DesiredWeightsAndCapacities"]:
            item = next(v for v in described["ProductionVariants"] if v["VariantName"] == wanted["VariantName"])
            serverless = {**item.get("DesiredServerlessConfig", {}), **wanted.get("ServerlessUpdateConfig", {})}
            item.update({k: v for k, v in wanted.items() if k.startswith("Desired")})
            if serverless:
                item["DesiredServerlessConfig"] = serverless

    # --- what is read of it -----

    def seen(self, made: Graph, *, listed: bool = False) -> Snapshot:
        """The snapshot that a plan of this graph is made from, through its document.

        `listed`: as of a large fleet, of which owned objects with the wanted digest are listed, not described.
        """
        snapshot = live.observe(self, made, self.now, REGION)
        document: Answer = json.loads(json.dumps(snapshot.encode()))
        wanted = {(r.kind, r.physical_name): r.digest for r in made.resources.values() if r.kind != "endpoint"}
        for (kind, name), digest in wanted.items() if listed else ():
            item = document["objects"][kind].get(name, {})
            tags = item.get("tags", {})
            if tags.get("mmeplan:digest") == digest and tags.get("mmeplan:fleet") == made.fleet.name:
                kept = ("ModelName", "EndpointConfigName", "ModelArn", "EndpointConfigArn", "CreationTime")
                item["describe"] = {k: v for k, v in item["describe"].items() if k in kept}
                item["by_digest"] = True
        return live.decode(document)

    def read(self, operation: str, params: Mapping[str, Any]) -> Answer:
        if operation in self.denied or f"{operation} {next(iter(params.values()), '')}" in self.denied:
            raise CloudError(operation, "AccessDeniedException", f"not authorized to perform sagemaker:{operation}")
        if operation == "GetCallerIdentity":
            return {"Account": ACCOUNT}
        if operation == "GetResources":
            (tag,) = params["TagFilters"]
            found = [t for t in self.things.values() if t.tags.get(tag["Key"]) in tag["Values"]]
            return {"ResourceTagMappingList": [{"ResourceARN": _arn(t), "Tags": _tags(t)} for t in found]}
        if operation in LISTS:
            kind, member = LISTS[operation]
            kept = (_member(kind, "Name"), _member(kind, "Arn"), "CreationTime", "EndpointStatus")
            found = [self.things[kind, name].describe for name in self.names(kind)]
            return {member: [{k: v for k, v in item.items() if k in kept} for item in found]}
        if operation == "ListInferenceComponents":
            return {"InferenceComponents": []}
        if operation == "ListTags":
            return {"Tags": _tags(next(t for t in self.things.values() if _arn(t) == params["ResourceArn"]))}
        word = operation.removeprefix("Describe")
        thing = self.things.get((MEMBERS[word], params[f"{word}Name"]))
        if thing is None:
            raise CloudError(operation, "ValidationException", f'Could not find {word} "{params[f"{word}Name"]}".')
        return copy.deepcopy(thing.describe)

    def gather(self, calls: Sequence[tuple[str, Mapping[str, Any]]], progress: Any = None) -> list[Any]:
        del progress
        answers: list[Any] = []
        for operation, params in calls:
            try:
                answers.append(self.read(operation, params))
            except CloudError as error:
                answers.append(error)
        return answers


def _member(kind: str, what: str) -> str:
    return next(word for word, of_kind in MEMBERS.items() if of_kind == kind) + what


def _arn(thing: Thing) -> str:
    return str(thing.describe[_member(thing.kind, "Arn")])


def _tags(thing: Thing) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in thing.tags.items()]


def _summary(variant: Mapping[str, Any]) -> Answer:
    """A variant of a config as DescribeEndpoint has it."""
    made: Answer = {"VariantName": variant["VariantName"], "DesiredWeight": variant.get("InitialVariantWeight", 1.0)}
    if variant.get("ServerlessConfig"):
        made["DesiredServerlessConfig"] = dict(variant["ServerlessConfig"])
        made["CurrentServerlessConfig"] = dict(variant["ServerlessConfig"])
    if variant.get("InitialInstanceCount"):
        made["DesiredInstanceCount"] = variant["InitialInstanceCount"]
    return made
