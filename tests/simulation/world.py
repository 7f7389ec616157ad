"""A world to live in: a simulated SageMaker, the real engine on it, and a watcher that looks after every single call.

`plan` and `apply` are the whole spine, load → compile → observe → diff → plan → apply → verify. The invariants of every
plan and apply are checked here, whatever a test is about; `Broken` says which one did not hold.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar

import yaml

from mmeplan import graph
from mmeplan.apply import Event, Outcome
from mmeplan.cloud.aws import Cloud, Door
from mmeplan.engine import Desired, Engine, Planned
from mmeplan.graph import Graph
from mmeplan.identity import FLEET_TAG
from mmeplan.live import Answer, Snapshot, Veil
from mmeplan.plan import Change, Plan, Step, encode, problems_of
from mmeplan.plan.targets import LEAVES, TYPE_CHANGES
from mmeplan.planning import planned_from
from mmeplan.simulator import Simulator
from mmeplan.spec import load_text

REGION = "eu-west-1"
ACCOUNT = "123456789012"
ROLE = "arn:aws:iam::123456789012:role/serving"
IMAGE = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/ranker:"
KINDS = ("model", "endpoint-config", "endpoint")

Fleet = dict[str, Any]


class Broken(AssertionError):  # noqa: N818 - the invariant is
    """An invariant that must hold in every life did not."""


def model(version: str = "1", **members: Any) -> Fleet:
    """A model entry of a fleet."""
    environment = members.pop("environment", None)
    container = {"image": IMAGE + version, **({"environment": environment} if environment else {})}
    return {"execution_role_arn": ROLE, "primary_container": container, **members}


def variant(of: str = "ranker", instance_type: str = "ml.m5.large", count: int = 2, **members: Any) -> Fleet:
    """An instance-based variant."""
    return {"model": of, "instance_type": instance_type, "initial_instance_count": count, **members}


def serverless(of: str = "ranker", concurrency: int = 5, **members: Any) -> Fleet:
    """A serverless variant."""
    return {"model": of, "serverless_config": {"memory_size_in_mb": 2048, "max_concurrency": concurrency}, **members}


def config(**variants: Fleet) -> Fleet:
    """A config entry with these production variants."""
    return {"production_variants": variants}


def fleet(endpoints: Mapping[str, Fleet] | None = None, **sections: Any) -> Fleet:
    """A fleet with one model `ranker` unless told otherwise."""
    made = {"version": 1, "fleet": "f", "models": {"ranker": model()}, "endpoints": dict(endpoints or {})}
    return {**made, **sections}


def one(variants: Mapping[str, Fleet] | None = None, **endpoint: Any) -> Fleet:
    """A fleet of one endpoint, `ranker`."""
    return fleet({"ranker": {"config": config(**(variants or {"main": variant()})), **endpoint}})


class Line:
    """A boto3 stack that outlives its world: making clients costs more than a whole life. Also the world's clock."""

    free: ClassVar[list[Line]] = []

    def __init__(self) -> None:
        self.cloud = Cloud(self, region=REGION, door=Door(self._answer, ACCOUNT))

    def _answer(self, request: Any, **more: Any) -> Any:
        return self.answer(request, **more)

    @classmethod
    def to(cls, sim: Simulator, answer: Any) -> Line:
        line = cls.free.pop() if cls.free else cls()
        line.cloud.veil = Veil()  # what another life has kept secret
        line.answer, line.now, line.sleep, line.uniform = answer, sim.clock.now, sim.clock.sleep, sim.clock.uniform
        line.monotonic = sim.clock.monotonic
        return line

    answer: Any
    now: Any
    monotonic: Any
    sleep: Any
    uniform: Any


class World:
    """One simulated account, watched. `foreigner` is somebody else with the same rights."""

    def __init__(self, seed: int = 0) -> None:
        self.sim = Simulator.open(seed=seed)
        self.lines = [Line.to(self.sim, self._before_send), Line.to(self.sim, self.sim.before_send)]
        self.cloud, self.foreigner = (line.cloud for line in self.lines)
        self.engine = Engine(self.cloud, self.cloud, self.sim.clock, REGION)
        self.written: list[tuple[str, Any]] = []
        self.events: list[Event] = []
        self.watching = True

    def close(self) -> None:
        self.sim.close()
        Line.free += self.lines
        self.lines = []

    def __enter__(self) -> World:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- the engine ---------------------------------------------------------------------------------------------------

    def compile(self, text: Fleet | str, salts: Mapping[str, str] | None = None) -> Graph:
        return graph.compile(load_text(_yaml(text).encode()), salts)

    def observe(self, compiled: Graph) -> Snapshot:
        return self.engine.observe(Desired(compiled.fleet, compiled))

    def desired(self, text: Fleet | str, salts: Mapping[str, str] | None = None) -> Desired:
        """What the file wants. The rules that need the file alone are not asked: these fleets are made to be odd."""
        compiled = self.compile(text, salts)
        return Desired(compiled.fleet, compiled)

    def plan(self, text: Fleet | str, salts: Mapping[str, str] | None = None, **options: Any) -> Plan:
        desired = self.desired(text, salts)
        allowed = options.get("allow_outage", ())
        options["allow_outage"] = tuple(at for at in allowed if at in desired.graph.resources)
        planned = self.engine.plan(desired, **options)
        made, snapshot = planned.plan, planned.snapshot
        assert snapshot is not None
        refused = {change.address for change in made.changes if change.refusal}  # the plan's own, not asked for
        asked = [f for f in made.findings if f.rule in (TYPE_CHANGES, LEAVES) and f.address not in refused]
        again = planned_from(
            self.desired(_reversed(text), salts), snapshot, made.options, created_at=made.created_at, findings=asked
        ).plan
        check_plan(made, again)
        check_reasons(made)
        return made

    def apply(self, what: Fleet | str | Plan, **how: Any) -> Outcome:
        """Plan, unless it is one, and apply. Every write that reached the cloud must be a step of the plan."""
        made = what if isinstance(what, Plan) else self.plan(what)
        before = len(self.written)
        told: list[Event] = []

        def observer(event: Event) -> None:
            told.append(event)
            self.events.append(event)

        try:
            outcome = self.engine.apply(Planned(made), observer=observer, **how)
            check_outcome(made, outcome, told)
            return outcome
        finally:
            planned = [(operation, _text(params)) for operation, params in made.calls]
            for operation, params in self.written[before:]:
                if (operation, _text(params)) not in planned:
                    raise Broken(f"{operation} {params} was called and not planned")

    def live_through(self, text: Fleet | str, **options: Any) -> Plan:
        """Plan and apply; it completes, and a second plan is empty. The plan comes back."""
        made = self.plan(text, **options)
        if made.steps:
            outcome = self.apply(made)
            if not outcome.complete or outcome.kept:
                raise Broken(f"not complete: {outcome}")
        second = self.plan(text, **{key: value for key, value in options.items() if key not in ("salts", "replace")})
        if second.steps or second.has_changes:
            raise Broken(f"the second plan is not empty: {[step.id for step in second.steps]} {second.changes}")
        if "targets" not in options:
            self._check_kept(self.compile(text), second)
        return made

    def operations(self, text: Fleet | str, **options: Any) -> list[str]:
        """The operations of the plan for this text, once it was lived through."""
        return [step.operation for step in self.live_through(text, **options).steps]

    # --- somebody else ------------------------------------------------------------------------------------------------

    def does(self, operation: str, **params: Any) -> Answer:
        """A foreigner's call."""
        call = self.foreigner.read if operation.startswith(("Describe", "List", "Get")) else self.foreigner.write
        return call(operation, params)

    def foreign_endpoint(self, name: str = "theirs", *, config_name: str | None = None, of: str | None = None) -> None:
        """An endpoint of another team, on a config (and a model) of its own unless told otherwise."""
        if of is None and config_name is None:
            self.does("CreateModel", ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer={"Image": IMAGE + "9"})
        if config_name is None:
            main = {"VariantName": "main", "ModelName": of or name, "InstanceType": "ml.m5.large"}
            variants = [{**main, "InitialInstanceCount": 1}]
            self.does("CreateEndpointConfig", EndpointConfigName=name, ProductionVariants=variants)
        self.does("CreateEndpoint", EndpointName=name, EndpointConfigName=config_name or name)
        self.sim.clock.sleep(600)
        self.does("ListEndpoints")  # settles what is due

    # --- what is there ------------------------------------------------------------------------------------------------

    def names(self, kind: str) -> list[str]:
        """The names of all objects of a kind (`model`, `endpoint-config`, `endpoint`), sorted."""
        return sorted(item.name for item in self._stored(kind))

    def endpoint(self, name: str = "ranker") -> Answer:
        return self.does("DescribeEndpoint", EndpointName=name)

    def tags(self, kind: str, name: str) -> dict[str, str]:
        return next(dict(item.tags or {}) for item in self._stored(kind) if item.name == name)

    def state(self) -> dict[str, Any]:
        """The whole world without times: names, contents, tags. What two worlds are compared by."""
        self.sim.clock.sleep(3600)
        self.does("ListEndpoints")  # settles what is due
        return {kind: {item.name: _content(item) for item in self._stored(kind)} for kind in KINDS}

    def _stored(self, kind: str) -> list[Any]:
        store = self.sim._store
        arguments: dict[str, Any] = {"column": "seq", "descending": False, "after": None, "filters": ()}
        return store.page((kind, ACCOUNT, REGION), limit=10_000, **arguments)

    def _placed(self) -> Iterator[tuple[str, str]]:
        """(Inference component, model that it uses), by the model's own spelling while it is there."""
        spelled = {name.lower(): name for name in self.names("model")}
        for component in self._stored("inference-component"):
            for found in component.body["specifications"]:
                if "ModelName" in found:
                    yield component.name, spelled.get(found["ModelName"].lower(), found["ModelName"])

    # --- the watcher --------------------------------------------------------------------------------------------------

    def _before_send(self, request: Any, **more: Any) -> Any:
        operation = request.headers.get("X-Amz-Target", b"").decode().rpartition(".")[2]
        writes = bool(operation) and not operation.startswith(("Describe", "List", "Get"))
        before = {(kind, item.name): _content(item) for kind in KINDS for item in self._stored(kind)} if writes else {}
        if writes:
            self.written.append((operation, json.loads(request.body)))
        try:
            return self.sim.before_send(request, **more)
        finally:
            if writes and self.watching:
                self._check(operation, before)

    def _check(self, operation: str, before: Mapping[tuple[str, str], Any]) -> None:
        """After every write: nobody's endpoint lost what it runs on, and nothing of somebody else's was touched."""
        configs = {item.name: item.body for item in self._stored("endpoint-config")}
        models = set(self.names("model"))
        for endpoint in self._stored("endpoint"):
            for name in _runs(endpoint.body):
                if name not in configs and ("endpoint-config", name) in before:
                    raise Broken(f"{operation} left the endpoint {endpoint.name} without its config {name}")
                for lost in _models(configs.get(name, {})) - models:
                    if ("model", lost) in before:
                        raise Broken(f"{operation} left the endpoint {endpoint.name} without its model {lost}")
        for component, model in self._placed():
            if model not in models and ("model", model) in before:
                raise Broken(f"{operation} left the inference component {component} without its model {model}")
        now = {(kind, item.name): _content(item) for kind in KINDS for item in self._stored(kind)}
        for (kind, name), content in before.items():
            ours = content["tags"].get(FLEET_TAG) == "f"
            if not ours and now.get((kind, name)) != content and operation != "AddTags":
                raise Broken(f"{operation} touched {kind} {name}, which isn't ours")

    def _check_kept(self, compiled: Graph, made: Plan) -> None:
        """Once all is done: what is kept is there and no more than `retain`, and nothing of ours is left over."""
        for at, names in made.kept.items():
            if len(names) > compiled.fleet.retain or not set(names) <= set(self.names("endpoint-config")):
                raise Broken(f"{at} keeps {names}, and retain is {compiled.fleet.retain}")
        declared = {resource.physical_name for resource in compiled.resources.values()}
        needed = declared | {name for names in made.kept.values() for name in names}
        needed |= {name for endpoint in self._stored("endpoint") for name in _runs(endpoint.body)}
        configs = self._stored("endpoint-config")
        needed |= {name for item in configs for name in _models(item.body)}
        needed |= {model for _, model in self._placed()}
        for item in (*configs, *self._stored("model")):
            if item.tags and item.tags.get(FLEET_TAG) == compiled.fleet.name and item.name not in needed:
                raise Broken(f"{item.kind} {item.name} is ours, and left over")


@contextmanager
def unwatched(world: World) -> Iterator[None]:
    """Without the watcher, for the beginning of a life."""
    world.watching = False
    yield
    world.watching = True


def check_plan(made: Plan, again: Plan) -> None:
    """What holds for every plan: the same bytes from the same inputs in any order, and steps that can be walked."""
    if _located(made) != _located(again):
        raise Broken("the plan depends on the order of the file")
    twice = [step_id for step_id, count in Counter(step.id for step in made.steps).items() if count > 1]
    if twice:
        raise Broken(f"two steps have one id: {twice}")
    contradictions = problems_of(made)
    if contradictions:
        raise Broken(f"the plan contradicts itself: {contradictions}")
    known: set[str] = set()
    for step in made.steps:
        if not set(step.after) <= known:
            raise Broken(f"{step.id} stands before what it needs: {step.after}")
        known.add(step.id)


def refused_for(made: Plan) -> set[tuple[str, str]]:
    """Why a plan may not be applied: rule and address of each finding that says so."""
    return {(finding.rule, finding.address) for finding in made.findings if finding.severity == "error"}


def check_reasons(made: Plan) -> None:
    """What holds for every plan, from the other side: what changes has steps, what doesn't has none, and a plan is
    applied unless something says why not."""
    stepped = {step.address for step in made.steps}
    unread = {change.address for change in made.changes if change.reason == "unreadable"}
    if unread and not (made.errored and made.refused):
        raise Broken(f"what {sorted(unread)} is couldn't be read, and the plan doesn't say so")
    recorded = {c.address for c in made.changes if c.adopts and c.kind == "scaling_policy"}  # on its target, alone
    changing = {change.address for change in made.changes if not change.is_noop and not change.refusal} - unread
    changing -= recorded
    if stepped != changing:
        raise Broken(f"steps without a change, or changes without a step: {sorted(stepped ^ changing)}")
    changes = {(change.kind, name) for change in made.changes if not change.is_noop for name in _names(change)}
    unchanged = {(change.kind, name) for change in made.changes if change.is_noop for name in _names(change)} - changes
    for step in made.steps:
        if _target(step) in unchanged:
            raise Broken(f"{step.id} writes what doesn't change")
    if made.applyable is not (bool(made.steps) and not made.refused and not made.options.speculative):
        raise Broken(f"applyable is {made.applyable}, and the findings are {made.findings}")
    told = {finding.address for finding in made.findings if finding.severity == "error"}
    silent = [change.address for change in made.changes if change.refusal and change.address not in told]
    if silent:
        raise Broken(f"refused without a finding: {silent}")


def _names(change: Change) -> tuple[str, str]:
    return change.name, change.live_name


def _target(step: Step) -> tuple[str, str]:
    """Kind and name of what a step writes."""
    if "ResourceArn" in step.params:
        word, _, name = str(step.params["ResourceArn"]).rpartition(":")[2].partition("/")
        return word.replace("-", "_"), name
    if "ResourceARN" in step.params:
        return "scalable_target", step.guard.name  # type: ignore[union-attr]
    if "ScalableDimension" in step.params:
        parts = [step.params.get(key) for key in ("ResourceId", "ScalableDimension", "PolicyName")]
        return ("scaling_policy" if parts[2] else "scalable_target"), " ".join(part for part in parts if part)
    kind = next(kind for kind, word in _WORDS.items() if step.operation.endswith(word) or word == "Endpoint")
    return kind, str(step.params[f"{_WORDS[kind]}Name"])


_WORDS = {"model": "Model", "endpoint_config": "EndpointConfig", "endpoint": "Endpoint"}


def check_outcome(made: Plan, outcome: Outcome, told: Iterable[Event]) -> None:
    """Every step has ended; what is done was called, or says why it needn't be; no call is made twice without a
    reason."""
    ends = [*outcome.done, *outcome.failed, *outcome.skipped, *outcome.kept]
    missing = {step.id for step in made.steps} - {result.step for result in ends}
    if missing:
        raise Broken(f"no end of {missing}")
    kinds = Counter((event.step, event.kind) for event in told)
    for step in made.steps:
        if kinds[step.id, "called"] > 1 + kinds[step.id, "retried"] + kinds[step.id, "polled"]:
            raise Broken(f"{step.id} was called {kinds[step.id, 'called']} times")
    for result in outcome.done:
        if not kinds[result.step, "called"] and not result.detail and not kinds[result.step, "polled"]:
            raise Broken(f"{result.step} is done, was not called, and doesn't say why")


def _located(made: Plan) -> str:
    """The plan's document without lines, which do move with the file's order, and findings with them."""
    document = encode(made)
    document["findings"].sort(key=lambda finding: (finding["rule"], finding["address"], finding["message"]))

    def bare(value: Any) -> Any:
        if isinstance(value, dict):
            hidden = ("line", "column", "source", "plan_id", "seal", "location")
            return {key: bare(item) for key, item in value.items() if key not in hidden}
        return [bare(item) for item in value] if isinstance(value, list) else value

    return _text(bare(json.loads(_text(document))))


def _runs(body: Mapping[str, Any]) -> list[str]:
    return [body["config_name"], *([body["pending"]["config_name"]] if body["pending"] else [])]


def _models(described: Mapping[str, Any]) -> set[str]:
    variants = (*described.get("ProductionVariants", ()), *described.get("ShadowProductionVariants", ()))
    return {item["ModelName"] for item in variants if "ModelName" in item}


def _content(item: Any) -> dict[str, Any]:
    tags = dict(item.tags or {})
    if item.kind != "endpoint":
        return {"body": item.body, "tags": tags}
    wanted = ("VariantName", "DesiredInstanceCount", "DesiredWeight", "DesiredServerlessConfig")
    variants = [{key: found[key] for key in wanted if key in found} for found in item.body["variants"] or ()]
    return {"runs": _runs(item.body), "status": item.status, "variants": variants, "tags": tags}


def _yaml(text: Fleet | str) -> str:
    return text if isinstance(text, str) else yaml.safe_dump(text, sort_keys=False)


def _reversed(text: Fleet | str) -> str:
    def turned(value: Any) -> Any:
        return {key: turned(value[key]) for key in reversed(value)} if isinstance(value, dict) else value

    return yaml.safe_dump(turned(yaml.safe_load(_yaml(text))), sort_keys=False)


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=list)
