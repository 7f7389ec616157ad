"""What a command works with: the loaded fleet, its graph, its findings, and a connection to a SageMaker."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mmeplan import graph as graphs
from mmeplan import live, rules, spec
from mmeplan.aws.variants import KEYED
from mmeplan.cli.commit import commit_of
from mmeplan.cli.options import Settings
from mmeplan.graph import Graph
from mmeplan.live import Clock, Snapshot
from mmeplan.plan import Finding, Options, Plan, build, deleted, require_addresses
from mmeplan.render import clean
from mmeplan.resources import Resource

if TYPE_CHECKING:
    from mmeplan.cloud.aws import Cloud

LOCAL_ACCOUNT = "123456789012"
LOCAL_REGION = "us-east-1"


@dataclass(frozen=True)
class Connection:
    """A SageMaker to talk to, and the clock that goes with it: AWS and wall time, or the simulator and its own."""

    cloud: Cloud
    clock: Clock


def load(settings: Settings) -> spec.Fleet:
    """The fleet file with the common options applied. Raises InputError."""
    return spec.load(settings.fleet, settings.environment, dict(settings.variables), region=settings.region)


@contextmanager
def connect(settings: Settings, *, region: str | None, account: str | None) -> Iterator[Connection]:
    """Open a connection; boto3 is imported here, and not before. Raises CredentialsError."""
    from mmeplan.cloud.aws import Cloud, Door
    from mmeplan.cloud.clock import SystemClock

    trace = _say if settings.verbose else None
    if not settings.is_local:
        clock = SystemClock()
        yield Connection(
            Cloud(clock, profile=settings.profile, region=region, endpoint_url=settings.endpoint_url, trace=trace),
            clock,
        )
        return
    from mmeplan.simulator import Simulator

    settings.local_path.parent.mkdir(parents=True, exist_ok=True)
    simulator = Simulator.open(settings.local_path)
    try:
        door = Door(simulator.before_send, account or LOCAL_ACCOUNT)
        yield Connection(Cloud(simulator.clock, region=region or LOCAL_REGION, door=door, trace=trace), simulator.clock)
    finally:
        simulator.close()


def _say(line: str) -> None:
    click.echo(clean(line), err=True)


def observe(connection: Connection, graph: Graph, *, full: bool = False) -> Snapshot:
    """Read what is live, with a counter on a terminal where that takes a while."""
    return read_live(connection.cloud, graph, connection.clock.now(), connection.cloud.region, full=full)


def read_live(reader: live.Reader, graph: Graph, now: datetime, region: str, *, full: bool = False) -> Snapshot:
    """As `observe`, through a port that can only read."""
    with counting() as progress:
        return live.observe(reader, graph, now, region, full=full, progress=progress)


@contextmanager
def counting() -> Iterator[live.Progress | None]:
    """A counter on a terminal, for reads that take a while."""
    counter = _Counter()
    try:
        yield counter if sys.stderr.isatty() else None
    finally:
        counter.clear()


class _Counter:
    """`reading what is live: 120 of 300`, on one line that goes away again."""

    def __init__(self) -> None:
        self._shown = False

    def __call__(self, done: int, of: int) -> None:
        if of > 20 and (done % 10 == 0 or done == of):
            self._shown = True
            click.echo(f"\r\x1b[2Kreading what is live: {done:,} of {of:,}", nl=False, err=True)

    def clear(self) -> None:
        """Take the line away, if there is one."""
        if self._shown:
            click.echo("\r\x1b[2K", nl=False, err=True)


def make_plan(
    graph: Graph, connection: Connection, findings: Sequence[Finding], options: Options, *, online: bool = False
) -> Plan:
    """Observe and plan against a live SageMaker. `--replace` compiles again with a salt taken from what is live.

    With `online` the plan carries what the rules find that read other services.
    """
    return observed_plan(graph, connection, findings, options, online=online)[0]


def observed_plan(
    graph: Graph, connection: Connection, findings: Sequence[Finding], options: Options, *, online: bool = False
) -> tuple[Plan, Snapshot]:
    """As `make_plan`, with the snapshot that the plan was made from."""
    require_addresses(graph, options)
    snapshot = observe(connection, graph)
    if options.replace:
        graph = graphs.compile(graph.fleet, replacement_salts(graph, snapshot, options.replace))
    quotas: dict[str, spec.Quota] = {}
    if online:
        findings = [*findings, *rules.check_online(graph.fleet, graph, connection.cloud)]
        quotas = _service_quotas(graph, connection)
    at = connection.clock.now().isoformat()
    plan = checked_plan(graph, snapshot, at, findings, options, quotas)
    told = live.observe_users(connection.cloud, snapshot, deleted(plan))
    return (checked_plan(graph, told, at, findings, options, quotas) if told.users else plan), told


def _service_quotas(graph: Graph, connection: Connection) -> dict[str, spec.Quota]:
    """The account's quotas of the instance types that the file names."""
    types = {
        str(variant["InstanceType"])
        for resource in graph.resources.values()
        for member in KEYED
        for variant in resource.request.get(member) or ()
        if variant.get("InstanceType")
    }
    found = rules.instance_quotas(connection.cloud, types)
    return {kind: spec.Quota(instances, "Service Quotas") for kind, instances in found.items()}


def plan_from_snapshot(graph: Graph, snapshot: Snapshot, findings: Sequence[Finding], options: Options) -> Plan:
    """A speculative plan, from a saved snapshot and without credentials."""
    require_addresses(graph, options)
    if options.replace:
        graph = graphs.compile(graph.fleet, replacement_salts(graph, snapshot, options.replace))
    options = replace(options, speculative=True)
    snapshot = live.unmasked(snapshot, [resource.request for resource in graph.resources.values()])
    return checked_plan(graph, snapshot, snapshot.observed_at, findings, options)


def checked_plan(
    graph: Graph,
    snapshot: Snapshot,
    created_at: str,
    findings: Sequence[Finding],
    options: Options,
    quotas: Mapping[str, spec.Quota] | None = None,
) -> Plan:
    """The plan with what the rules of stage `plan` find in it; it is made once more where they find something."""
    commit = commit_of(_files(graph.fleet))

    def made(findings: Sequence[Finding]) -> Plan:
        return build(
            graph,
            snapshot,
            created_at=created_at,
            findings=tuple(findings),
            options=options,
            commit=commit,
            quotas=quotas,
        )

    plan = made(findings)
    found = rules.check_plan(graph.fleet, graph, snapshot, plan)
    return made([*findings, *found]) if found else plan


def _files(fleet: spec.Fleet) -> list[str]:
    """The paths of the files that a fleet was read from; all but the first lie beside or below it."""
    first, *others = (source.path for source in fleet.sources)
    return [first, *(str(Path(first).parent / other) for other in others)]


def replacement_salts(graph: Graph, snapshot: Snapshot, addresses: Sequence[str]) -> dict[str, str]:
    """A salt for everything that --replace names, made of the name that is live: new each time, the same in a re-run.

    An endpoint is replaced through its config, by blue/green: a fresh fleet without an outage.
    """
    salts = {}
    for at in addresses:
        resource = graph.resources[at]
        target = graph.resources[resource.config or at]
        salts[target.address] = f"replace {_live_names(graph, snapshot, target)}"
    return salts


def _live_names(graph: Graph, snapshot: Snapshot, resource: Resource) -> str:
    """What serves this address now: the configs its endpoints run, or its own newest live object."""
    endpoints = [
        graph.resources[at] for at in graph.closure_of_dependents(resource.address) if at.startswith("endpoint/")
    ]
    running = [live for r in endpoints if (live := snapshot.get("endpoint", r.physical_name))]
    names = sorted({str(live.describe.get("EndpointConfigName", "")) for live in running})
    return ",".join(names) or resource.physical_name


def check(fleet: spec.Fleet, graph: Graph) -> list[Finding]:
    """Every finding of every static rule."""
    return rules.check(fleet, graph)


def common(fleet: str, **values: Any) -> Settings:
    """Settings from a command's parameters."""
    return Settings(fleet=fleet, **values)
