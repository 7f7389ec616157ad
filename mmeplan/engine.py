"""The nine words in order, for programs and for the command line: `Engine` and the pure `planned_from` beneath it.

    load → compile → check ─┐
                   observe ─┴→ diff → plan → check_plan → render | apply → verify

In: a loaded `Fleet`, and the ports of a SageMaker (AWS, the simulator, a stored snapshot). Out: `Planned`, `Outcome`,
and what else the commands show. A plan is a function of fleet, snapshot and options: `planned_from` reads nothing.
docs/library.md describes what programs may rely on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from mmeplan import apply as applying
from mmeplan import live, render
from mmeplan import plan as plans
from mmeplan.apply import NEAR_POLL_INTERVAL_S, POLL_INTERVAL_S, FleetLock, LockOwner, Outcome, Rested, locking
from mmeplan.apply.running import is_this_run, run_address, who
from mmeplan.archives import Archives, Outputs, archives_of, checked, endpoints_of, outputs_of, resource_of, smoke
from mmeplan.aws.variants import KEYED
from mmeplan.errors import (
    CloudError,
    Command,
    InputError,
    MmeplanError,
    PlanRefused,
    Problem,
    RefusedError,
    StalePlanError,
)
from mmeplan.following import next_after, next_of, outcome_view
from mmeplan.graph import Graph
from mmeplan.identity import Deployment, address
from mmeplan.kinds import ENDPOINT
from mmeplan.live import Snapshot
from mmeplan.moving import Move, move_of
from mmeplan.plan import Finding, Options, Plan
from mmeplan.plan.document import DEFAULT_PARALLELISM
from mmeplan.plan.pools import kinds_of
from mmeplan.plan.step import CALL
from mmeplan.planning import (
    Base,
    Desired,
    Planned,
    as_asked,
    as_served,
    desired_by,
    emptied,
    files_of,
    findings_of_import,
    generation_to,
    held_against,
    planned_from,
)
from mmeplan.pricing import price_file
from mmeplan.spec import Fleet, Quota, load
from mmeplan.status import Status, status_of

if TYPE_CHECKING:
    from mmeplan.cloud.aws import Trace
    from mmeplan.importing import Imported
    from mmeplan.render import ArchiveCheck
    from mmeplan.simulator import Simulator

__all__ = [
    "DEFAULT_PARALLELISM",
    "NEAR_POLL_INTERVAL_S",
    "POLL_INTERVAL_S",
    "Base",
    "Desired",
    "Drift",
    "Engine",
    "FoundLock",
    "Move",
    "Planned",
    "Status",
    "changed_files",
    "files_of",
    "missing_files",
    "next_after",
    "next_of",
    "outcome_view",
    "parallelism_problem",
    "run_address",
]

SIMULATED_ACCOUNT = "123456789012"
SIMULATED_REGION = "us-east-1"


# --- what is shown besides a plan -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Drift:
    """What was changed behind mmeplan's back. Environment values are masked unless asked otherwise."""

    graph: Graph = field(repr=False)
    snapshot: Snapshot = field(repr=False)

    def mended(self) -> plans.Mended:
        """What an apply of the file would put back, by a plan of it: nothing where that would be refused."""
        desired = Desired.of(self.graph.fleet).with_own_names(self.snapshot)
        return plans.mended_by(planned_from(desired, self.snapshot, Options(speculative=True)).plan, self.report())

    def report(self, *, show_environment: bool = False) -> plans.DriftReport:
        """Everything that was found, as data."""
        return plans.drift_report(self.graph, self.snapshot, show_environment=show_environment)

    def text(self, *, width: int = 100, color: bool = False, show_environment: bool = False) -> str:
        """The page of the report."""
        return render.drift_text(self.report(show_environment=show_environment), width=width, color=color)

    def json(self, *, show_environment: bool = False) -> str:
        """The document of specs/drift.schema.json."""
        return render.drift_json(self.report(show_environment=show_environment))


def changed_files(plan: Plan) -> list[str]:
    """Fleet files that have changed since the plan was made, as sentences. A file that isn't here can't be compared."""
    return applying.file_reasons(plan)


def missing_files(plan: Plan) -> list[str]:
    """Fleet files that aren't here, so that the plan can't be made again from them."""
    return applying.missing_files(plan)


# --- the engine -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class FoundLock:
    """A lock that lies somewhere. `owner` is who holds it, in lines.

    `is_lock`: mmeplan wrote it. `is_own`: this run of CI took it, on this machine.
    """

    url: str
    owner: str
    is_lock: bool
    is_own: bool
    seen: applying.SeenLock = field(repr=False)


class Engine:
    """A SageMaker to plan and apply against: `Engine.aws()`, `.simulated()`, `.stored()`, or ports of one's own.

    A context manager; `close` gives back what it opened. Ports are described in `mmeplan.live`.
    """

    def __init__(
        self,
        reader: live.Reader,
        writer: live.Writer,
        clock: live.Clock,
        region: str,
        *,
        progress: live.Progress | None = None,
        veil: live.Veil | None = None,
    ) -> None:
        """`progress` is called with (done, of) while what is live is read. `veil` is what the ports mask texts with."""
        self._veil = veil or live.Veil()
        self.clock = clock
        self.region = region
        self._reader = reader
        self._writer = writer
        self._progress = progress
        self._snapshot: Snapshot | None = None
        self._simulator: Simulator | None = None
        self._is_near: Callable[[], bool] = lambda: False
        self._is_served: Callable[[], bool] = lambda: False
        self._transfers = 1  # archives under way at once; the virtual clock knows one thing at a time

    @classmethod
    def aws(
        cls,
        *,
        region: str | None = None,
        profile: str | None = None,
        endpoint_url: str | None = None,
        trace: Trace | None = None,
        progress: live.Progress | None = None,
    ) -> Engine:
        """AWS, or what speaks its API behind `endpoint_url`; credentials come from boto3's usual chain.

        `trace` is called with a line for each call. Raises CredentialsError where region or profile aren't known.
        """
        from mmeplan.cloud.aws import Cloud
        from mmeplan.cloud.clock import SystemClock

        clock = SystemClock()
        cloud = Cloud(clock, profile=profile, region=region, endpoint_url=endpoint_url, trace=trace)
        engine = cls(cloud, cloud, clock, cloud.region, progress=progress, veil=cloud.veil)
        engine._is_near = engine._is_served = lambda: cloud.is_near
        engine._transfers = applying.TRANSFERS
        return engine

    @classmethod
    def simulated(
        cls,
        where: str | Path | Simulator = ":memory:",
        *,
        region: str | None = None,
        account: str | None = None,
        trace: Trace | None = None,
        progress: live.Progress | None = None,
    ) -> Engine:
        """The simulated SageMaker of a file (made where there is none), or one that is open; waits take no time."""
        from mmeplan.cloud.aws import Cloud, Door
        from mmeplan.simulator import Simulator

        opened: Simulator | None = None
        if isinstance(where, Simulator):
            simulator = where
        else:
            with suppress(OSError):  # the store says what is wrong with the place
                Path(where).parent.mkdir(parents=True, exist_ok=True)
            simulator = opened = Simulator.open(where)
        door = Door(simulator.before_send, account or SIMULATED_ACCOUNT)
        cloud = Cloud(simulator.clock, region=region or SIMULATED_REGION, door=door, trace=trace)
        engine = cls(cloud, cloud, simulator.clock, cloud.region, progress=progress, veil=cloud.veil)
        engine._simulator = opened
        engine._is_near = lambda: True
        return engine

    @classmethod
    def stored(cls, snapshot: str | Path | Snapshot) -> Engine:
        """A stored snapshot, without credentials: its plans are speculative, and nothing can be applied.

        Raises InputError.
        """
        seen = snapshot if isinstance(snapshot, Snapshot) else live.read_file(str(snapshot))
        nothing = live.Unconnected(seen)
        engine = cls(nothing, nothing, nothing, seen.region)
        engine._snapshot = seen
        return engine

    @property
    def is_near(self) -> bool:
        """Whether SageMaker is on this machine, and may be asked as often as its caller likes.

        Raises CredentialsError.
        """
        return self._is_near()

    @property
    def poll_interval_s(self) -> float:
        """Seconds between two looks where nobody says another number: 30, and 1 where SageMaker is a server on this
        machine. `simulated` counts its 30 on its own clock. Raises CredentialsError.
        """
        return NEAR_POLL_INTERVAL_S if self._is_served() else POLL_INTERVAL_S

    @property
    def reader(self) -> live.ReadOnly:
        """What is asked of AWS, by API names; no write passes."""
        return live.ReadOnly(self._reader)

    def close(self) -> None:
        """Close the simulator, where this engine has opened it."""
        if self._simulator is not None:
            self._simulator.close()

    def __enter__(self) -> Engine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # --- reading ------------------------------------------------------------------------------------------------------

    def observe(self, desired: Desired, *, full: bool = False, for_prune: bool = False) -> Snapshot:
        """What is live of a fleet. `full` describes every object, whatever its tags say; `for_prune` looks closer at
        archives that might go. Raises CloudError.

        What can't be read is marked in the snapshot.
        """
        if self._snapshot is not None:
            return self._snapshot
        reader = live.ReadOnly(self._reader)
        self._veil.learn(resource.request for resource in desired.graph.resources.values())
        now, graph = self.clock.now(), desired.graph
        return live.observe(reader, graph, now, self.region, full=full, for_prune=for_prune, progress=self._progress)

    def snapshot(self, fleet: Fleet | Desired, *, masked: bool = False) -> Snapshot:
        """What is live of a fleet, in full, to plan from without credentials. `masked`: without environment values."""
        seen = self.observe(_unchecked(fleet), full=True)
        return live.masked(seen) if masked else seen

    def check_online(self, fleet: Fleet | Desired) -> list[Finding]:
        """What the rules find that read other services than SageMaker. Raises CredentialsError."""
        from mmeplan import rules

        desired = fleet if isinstance(fleet, Desired) else Desired.of(fleet)
        return rules.check_online(desired.fleet, desired.graph, self._reader)

    def drift(self, fleet: Fleet | Desired) -> Drift:
        """What was changed behind mmeplan's back. Raises RefusedError where the account is another than the file's."""
        desired = _unchecked(fleet)
        snapshot, account = self.observe(desired), desired.fleet.account
        desired = desired.with_own_names(snapshot)
        if account and snapshot.account and account != snapshot.account:
            text = f"the fleet is bound to the account {account}, and this is {snapshot.account}"
            raise RefusedError(text, hint="use --profile, or -e for another environment")
        return Drift(desired.graph, snapshot)

    def status(self, fleet: Fleet | Desired, endpoints: Sequence[str] = ()) -> Status:
        """Endpoints as they are now: those of these names or addresses, or all. Raises InputError, CloudError."""
        desired = _unchecked(fleet)
        asked = [desired.address(endpoint) for endpoint in endpoints]
        snapshot = self.observe(desired)
        desired = desired.with_own_names(snapshot)
        return status_of(desired.graph, snapshot, self.clock.now(), asked)

    def wait(
        self,
        fleet: Fleet | Desired,
        endpoints: Sequence[str] = (),
        *,
        timeout_s: float | None = None,
        poll_interval_s: float | None = None,
        observer: applying.Observer = lambda _: None,
    ) -> tuple[Rested, ...]:
        """Look at endpoints (their names or addresses; all without) until nothing is under way on them; in their order.

        Without `timeout_s`, for as long as it takes. `observer` gets a `polled` event for each look at a busy one.
        Raises InputError, CloudError.
        """
        desired = _unchecked(fleet)
        self._veil.learn(resource.request for resource in desired.graph.resources.values())
        asked = map(desired.address, endpoints or [one.address for one in desired.graph.of_kind(ENDPOINT.name)])
        names = {at: desired.graph.resources[at].physical_name for at in asked}
        return applying.until_rest(
            live.ReadOnly(self._reader),
            self.clock,
            names,
            timeout_s=timeout_s,
            poll_interval_s=poll_interval_s or self.poll_interval_s,
            observer=observer,
        )

    def prices(self) -> str:
        """A file for `prices:` of a fleet file: what hosting costs on demand in the engine's region, of today.

        Raises CloudError; InputError where the price list has nothing of that region.
        """
        return price_file(self.reader, self.region, self.clock.now())

    def import_(
        self,
        endpoints: Sequence[str] = (),
        *,
        globs: Sequence[str] = (),
        tags: Sequence[tuple[str, str | None]] = (),
        fleet: str = "imported",
    ) -> Imported:
        """A fleet file (`.text`) for endpoints that are live, whose plan does nothing but adopt them. Reads only.

        `endpoints` are names; besides, all that fit one of `globs` and all `tags` (a value None: any).
        Raises CloudError.
        """
        from mmeplan import importing

        asked = importing.Selection(tuple(endpoints), tuple(globs), tuple(tags))
        if self._snapshot is not None:
            imported = importing.import_stored(self._snapshot, asked, fleet)
        else:
            reader, now = live.ReadOnly(self._reader), self.clock.now()
            imported = importing.import_live(reader, asked, fleet, now, self.region, progress=self._progress)
        refusals, notes = findings_of_import(imported.text, imported.snapshot)
        return replace(imported, refusals=refusals, notes=(*imported.notes, *notes))

    # --- planning -----------------------------------------------------------------------------------------------------

    def plan(
        self,
        fleet: Fleet | Desired,
        *,
        targets: Sequence[str] = (),
        replace: Sequence[str] = (),
        allow_outage: Sequence[str] = (),
        retry_rolled_back: bool = False,
        parallelism: int = DEFAULT_PARALLELISM,
        max_change: str = "",
        online: bool = False,
        prune_artifacts: bool = False,
        commit: str | None = None,
        base: Base | None = None,
    ) -> Planned:
        """What an apply would do, refused plans too. The arguments are the options of `mmeplan plan`.

        Raises FleetRefused, before anything is read where nothing that is live could be an excuse (a model or config
        that stands with this very content is not created); InputError for an address that isn't in the fleet;
        CloudError.
        """
        desired = fleet if isinstance(fleet, Desired) else Desired.of(fleet)
        if desired.refused_outright:
            desired.accepted()
        options = Options(
            targets=tuple(targets),
            replace=tuple(replace),
            allow_outage=tuple(allow_outage),
            variables=desired.fleet.variables,
            variable_files=desired.fleet.variable_files,
            speculative=self._snapshot is not None,
            retry_rolled_back=retry_rolled_back,
            parallelism=parallelism,
            max_change=max_change,
            prune_artifacts=prune_artifacts,
        )
        plans.require_addresses(desired.graph, options)
        options = held_against(options, desired.graph, base)
        try:
            snapshot = self.observe(desired, for_prune=prune_artifacts)
        except CloudError:
            desired.accepted()  # what rules refuse is refused all the more where nobody knows what is live
            raise
        desired = desired.beside(snapshot, options).accepted()
        return self._planned(desired, snapshot, options, online=online, commit=commit)

    def destroy(
        self, fleet: Fleet | Desired, *, parallelism: int = DEFAULT_PARALLELISM, commit: str | None = None
    ) -> Planned:
        """The plan that deletes everything that carries the fleet's tag. Raises InputError, CloudError."""
        declared = _unchecked(fleet).fleet  # compiled for what is wrong with it
        desired = Desired.unchecked(emptied(declared))
        speculative = self._snapshot is not None
        options = Options(
            destroy=True,
            variables=declared.variables,
            variable_files=declared.variable_files,
            parallelism=parallelism,
            speculative=speculative,
        )
        return self._planned(desired, self.observe(desired), options, commit=commit)

    def rollback(
        self,
        fleet: Fleet | Desired,
        endpoint: str,
        *,
        to: str = "",
        allow_outage: bool = False,
        retry_rolled_back: bool = False,
        parallelism: int = DEFAULT_PARALLELISM,
        commit: str | None = None,
    ) -> Planned:
        """The plan that swaps an endpoint (its name or address) back to a kept config that has served it before.

        `to` is the config's name, its eight hex digits, or how far back ("1" is the newest before the present one).
        `allow_outage`: also where no update leads back, so that the endpoint is deleted and created.
        Raises InputError where there is nothing to go back to; CloudError.
        """
        desired = replace(_unchecked(fleet), findings=())
        at = desired.address(endpoint)
        snapshot = self.observe(desired)
        desired = desired.with_own_names(snapshot)
        options = Options(
            targets=(at,),
            variables=desired.fleet.variables,
            variable_files=desired.fleet.variable_files,
            speculative=self._snapshot is not None,
            retry_rolled_back=retry_rolled_back,
            rollback=generation_to(desired, snapshot, at, to, self.clock.now()).name,
            allow_outage=(at,) if allow_outage else (),
            parallelism=parallelism,
        )
        return self._planned(desired, snapshot, options, commit=commit)

    def _planned(
        self, desired: Desired, snapshot: Snapshot, options: Options, *, online: bool = False, commit: str | None = None
    ) -> Planned:
        """The plan, made once more where others use what it would delete."""
        from mmeplan import rules

        desired = desired.with_own_names(snapshot)
        findings: list[Finding] = []
        quotas: dict[str, Quota] = {}
        if online:
            asked = replace(desired, graph=as_served(as_asked(desired.graph, snapshot, options), snapshot))
            findings = self.check_online(asked)
            quotas = service_quotas(desired.graph, self._reader)
        at = self.clock.now().isoformat()

        def planned(seen: Snapshot) -> Planned:
            return planned_from(desired, seen, options, created_at=at, findings=findings, quotas=quotas, commit=commit)

        first = planned(snapshot)
        if self._snapshot is None:
            seen = self._used(snapshot, first.plan)
            first = planned(seen) if seen.was_asked_for_users else first
            snapshot = seen
        actions = rules.online_actions(desired.graph) if online else ()
        graph = as_asked(desired.graph, snapshot, options)
        moved = () if online else plans.moved_variants(graph, snapshot, first.plan)
        if moved:
            findings += self._targets(graph, moved)
            first, actions = planned(snapshot), (*actions, plans.SCALING_ACTION)
        return replace(first, online_actions=actions)

    def _used(self, snapshot: Snapshot, plan: Plan) -> Snapshot:
        """The snapshot with who needs what a plan deletes, and what else would go with it."""
        reader = live.ReadOnly(self._reader)
        seen = live.observe_users(reader, snapshot, plans.deleted(plan))
        return live.observe_carried(reader, seen, plans.parts_deleted(plan))

    def _targets(self, graph: Graph, moved: Sequence[plans.MovedVariant]) -> list[Finding]:
        """Whether an autoscaler is registered for variants that a swap moves: asked where the file speaks of one."""
        from mmeplan import importing

        if self._snapshot is not None:
            return list(plans.target_findings(graph, moved, {}, "a snapshot doesn't hold it"))
        try:
            targets = importing.scalable_targets(live.ReadOnly(self._reader), [item.place for item in moved])
        except CloudError as error:
            return list(plans.target_findings(graph, moved, {}, str(error)))
        return list(plans.target_findings(graph, moved, {at: found.dimension for at, found in targets.items()}))

    # --- applying -----------------------------------------------------------------------------------------------------

    def recheck(self, plan: Plan, *, max_age: timedelta | None = None, verified: bool = False) -> Planned:
        """A saved plan, once it was seen that it says one thing, and still fits what is live.

        Where the fleet's files are at hand it is made again from them, and has to be what comes of that. Where nothing
        has moved but what an apply of it has made before it stopped, the rest is returned: no step is in it that the
        saved plan hasn't. Steps of archives need the files, but where the plan's signature was `verified`.
        Raises PlanRefused for a plan that contradicts itself or its file; StalePlanError. Both have all reasons.
        """
        hint = "mmeplan plan --out FILE"
        problems = plans.problems_of(plan)
        if problems:
            raise PlanRefused("the plan contradicts itself", problems, hint=hint)
        stale = applying.staleness(plan, self._reader, self.clock.now(), self.region, max_age=max_age)
        at_hand = applying.at_hand(plan, verified=verified)
        if stale.reasons and not (stale.by_itself and at_hand):
            raise StalePlanError(stale.reasons)
        if at_hand:
            again = self._made_again(plan)
            if stale.by_itself:
                more = plans.beyond(plan, again.plan)
                if more:
                    raise StalePlanError((*stale.reasons, *more))
                return Planned(again.plan)
            used = again.snapshot.used if again.snapshot is not None else ()
            differences = plans.differences(plan, again.plan, used)
            if differences:
                raise PlanRefused("the plan is not what its file gives", differences, hint=hint)
            if plans.gathers_less(plan, again.plan):
                return Planned(again.plan)
        return Planned(plan)

    def _made_again(self, plan: Plan) -> Planned:
        """The plan of the same files and options beside what is live now. Raises PlanRefused, StalePlanError."""
        rows = plan.capacity.types if plan.capacity is not None else ()
        quotas = {row.instance_type: Quota(row.quota, row.quota_source or "") for row in rows if row.quota is not None}

        def made(desired: Desired, seen: Snapshot) -> Planned:
            return planned_from(
                desired, seen, plan.options, created_at=plan.created_at, quotas=quotas, commit=plan.commit
            )

        try:
            desired = desired_by(_fleet_of(plan), plan.options)
            snapshot = self.observe(desired, for_prune=plan.options.prune_artifacts)
            again = made(desired, snapshot)
            seen = self._used(snapshot, again.plan)
            again = made(desired, seen) if seen.was_asked_for_users else again
        except InputError as error:
            reasons = [f"{problem.where}: {problem.message}" for problem in error.problems]
            raise PlanRefused("no such plan can be made of its file", reasons, hint="mmeplan validate") from None
        if again.errored and not plan.errored:
            unreadable = [f"{found.kind} {found.name}: {found.error}" for found in snapshot.unreadable()]
            raise StalePlanError([f"what is live can't be read any more: {snapshot.inventory_error or unreadable[0]}"])
        return again

    def apply(
        self,
        plan: Plan | Planned,
        *,
        observer: applying.Observer = lambda _: None,
        parallelism: int | None = None,
        fail_fast: bool = False,
        clean: bool = False,
        wait_for_others: bool = True,
        poll_interval_s: float | None = None,
        stopping: Callable[[], bool] = lambda: False,
        lock: FleetLock | None = None,
        journal: str | Path | None = None,
    ) -> Outcome:
        """Carry out a plan and prove the result by a second observation (`outcome.complete`).

        A saved plan is held against what is live first. `parallelism` may be less than what the plan was made for, not
        more. `stopping` is asked before anything new is started. `journal` is a folder for the events. The rest are
        options of `mmeplan apply`. What happens to a step is in the outcome, and isn't raised.

        Raises PlanRefused with the reasons; StalePlanError; InputError for too much parallelism; CloudError where not
        even the caller's identity can be read.
        """
        made_for = (plan.plan if isinstance(plan, Planned) else plan).options.parallelism
        if (parallelism or 0) > made_for:
            raise InputError([parallelism_problem(made_for, parallelism or 0)])
        planned = (plan if isinstance(plan, Planned) else self.recheck(plan)).required()
        writer: live.Writer = lock or self._writer
        self._veil.learn(step.params for step in planned.plan.steps)

        def stops() -> bool:
            return stopping() or (lock is not None and not lock.held())

        keeps: AbstractContextManager[applying.Journal | None] = nullcontext()
        if journal is not None:
            keeps = applying.Journal(Path(journal), planned.plan.plan_id, self.clock.now().isoformat())
        with keeps as write_down:

            def observe(event: applying.Event) -> None:
                if write_down is not None:
                    write_down(event)
                observer(event)
                if lock is not None:
                    lock.held()  # a sign of life, and a look whether it still is

            outcome = applying.run(
                planned.plan,
                self._reader,
                writer,
                self.clock,
                observe,
                parallelism=parallelism or made_for,
                fail_fast=fail_fast,
                clean=clean,
                wait_for_others=wait_for_others,
                poll_interval_s=poll_interval_s or self.poll_interval_s,
                stopping=stops,
                transfers=self._transfers,
            )
        return applying.after_loss(outcome, lock) if lock is not None else outcome

    # --- archives -----------------------------------------------------------------------------------------------------

    def archives(self, fleet: Fleet | Desired, model: str) -> Archives:
        """What lies beneath the multi-model prefix of a model (its name or address). Raises InputError, CloudError."""
        desired = _unchecked(fleet)
        resource_of(desired.graph, model)  # before anything is read
        return archives_of(desired.graph, self.observe(desired), model, self.clock.now())

    def verify_archives(
        self, fleet: Fleet | Desired, model: str, *, body: bytes | None = None, content_type: str = "text/csv"
    ) -> Iterator[ArchiveCheck]:
        """A look into each declared archive; `body`, where given, is sent to each. Raises InputError, CloudError."""
        desired = _unchecked(fleet)
        endpoints = endpoints_of(desired.graph, model)
        if body is not None and not endpoints:
            raise InputError([Problem(f"no endpoint of this fleet serves {model}", hint="leave out --invoke")])
        for check in checked(desired.graph, self.observe(desired), model, live.ReadOnly(self._reader)):
            if body is None or check.wrong:
                yield check
                continue
            status, wrong = smoke(self._writer, self.clock, endpoints[0], check.key, body, content_type)
            yield replace(check, answered=status, wrong=(wrong,) if wrong else ())

    def outputs(self, fleet: Fleet | Desired) -> Outputs:
        """What clients need of what is live. Raises CloudError."""
        desired = _unchecked(fleet)
        snapshot = self.observe(desired)
        return Outputs(outputs_of(desired.with_own_names(snapshot).graph, snapshot))

    def move(self, fleet: Fleet | Desired, at: str, *, environment: str = "", to_fleet: str = "") -> Move:
        """What would change hands if an endpoint (its name or address) went to another environment or fleet.

        Raises InputError where this deployment has no such object; CloudError.
        """
        desired = Desired.unchecked(emptied(_unchecked(fleet).fleet))
        snapshot = self.observe(desired, full=True)
        if snapshot.inventory_error:
            raise MmeplanError(f"what the fleet owns can't be found: {snapshot.inventory_error}")
        target = Deployment(to_fleet or desired.fleet.name, environment)
        return move_of(live.Ownership(desired.graph, snapshot), at, target)

    def carry_out(
        self, move: Move, moved: Callable[[str], None] = lambda _: None, *, lock: FleetLock | None = None
    ) -> None:
        """Set the tags of a move, one object after the other; `moved` is called with the address of each, once.

        Raises StalePlanError where somebody else took an object since; CloudError, also where `lock` was lost. A second
        run goes on from there.
        """
        writer: live.Writer = lock or self._writer
        current = applying.CurrentState(self._reader, applying.References(self._reader, self.clock))
        for seen in move.objects:
            for step in move.steps(seen):
                decision = step.guard.check(current) if step.guard else CALL
                if decision.verdict == "fail":
                    raise StalePlanError([f"{step.address}: {decision.detail}"])
                if decision.verdict == "call":
                    writer.write(step.operation, step.params)
            moved(address(seen.kind, seen.name))

    # --- locks --------------------------------------------------------------------------------------------------------

    @contextmanager
    def locked(
        self,
        url: str,
        fleet: str,
        *,
        command: str = "apply",
        timeout_s: float = 0,
        unlock: str = "",
        waiting: Callable[[str], None] = lambda _: None,
        problem: Callable[[str], None] = lambda _: None,
        shielded: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> Iterator[FleetLock]:
        """Hold the lock `s3://BUCKET/KEY` while the context is open, however it is left; for `apply(lock=…)`.

        Waits up to `timeout_s` for it; `waiting` is told whom for. `unlock` is the command that removes it, for the
        message to whoever finds it held. `problem` is told where it was lost or could not be given back. That
        happens inside `shielded()`, which may keep signals away.
        Raises InputError, LockedError, CloudError.
        """
        place = applying.lock_place(url)
        since = self.clock.now().isoformat()
        token = f"{self.clock.uniform(0, 1):.17f}"
        owner = LockOwner(who(), fleet, command, since, since, token)
        lock = FleetLock(
            place, owner, self._reader, self._writer, self.clock, unlock=unlock or str(Command(("unlock", place.url)))
        )
        try:
            lock.acquire(timeout_s, waiting=waiting)
            yield lock
        finally:
            with shielded():
                said = lock.lost or lock.release()
            if said:
                problem(said)

    def find_lock(self, url: str) -> FoundLock | None:
        """The lock that lies there now; None where there is none. Raises InputError, CloudError."""
        place = applying.lock_place(url)
        seen = locking.look(self._reader, place)
        if seen is None:
            return None
        owner = locking.describe(seen.owner, self.clock.now(), between="\n  ")
        is_own = seen.owner is not None and is_this_run(seen.owner.who)
        return FoundLock(place.url, owner, seen.owner is not None, is_own, seen)

    def remove_lock(self, found: FoundLock) -> bool:
        """Remove the lock that was found, and no other. False where it has changed since. Raises CloudError."""
        return locking.remove(self._writer, applying.lock_place(found.url), found.seen)


def _unchecked(fleet: Fleet | Desired) -> Desired:
    return fleet if isinstance(fleet, Desired) else Desired.unchecked(fleet)


def _fleet_of(plan: Plan) -> Fleet:
    """The fleet that a plan was made of, from its files as they are now. Raises InputError, PlanRefused."""
    given, environment, path = plan.options, plan.environment or None, plan.source[0].path
    files, looks = given.variable_files, not (given.destroy or given.rollback)

    def read(region: str | None) -> Fleet:
        return load(path, environment, given.variables, region=region, variable_files=files, looks=looks)

    try:
        fleet = read(None)
    except InputError:  # an expression may need the region that --region gave
        fleet = read(plan.region)
    if fleet.region not in (None, plan.region):
        fleet = read(plan.region)
    named = {(source.path, source.sha256) for source in plan.source}
    if {(source.path, source.sha256) for source in fleet.sources} != named:
        raise PlanRefused("the plan is not of the files that it names", hint="mmeplan plan --out FILE")
    return fleet


def service_quotas(graph: Graph, reader: live.Reader) -> dict[str, Quota]:
    """The account's quotas of the instance types that the file names, as Service Quotas lists them."""
    from mmeplan import rules

    types = {
        kind
        for resource in graph.resources.values()
        for member in KEYED
        for variant in resource.request.get(member) or ()
        for kind in kinds_of(variant)
    }
    return {name: Quota(most, "Service Quotas") for name, most in rules.instance_quotas(reader, types).items()}


def parallelism_problem(planned: int, asked: int, file: str = "") -> Problem:
    """More endpoints under way at once than the plan has counted instances for."""
    text = f"the plan was made for --parallelism {planned}, and its instances were counted with that"
    return Problem(text, file, hint=f"mmeplan plan --parallelism {asked} --out FILE")
