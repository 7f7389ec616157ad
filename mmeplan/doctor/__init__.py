"""`mmeplan doctor`: what a run stands on, each thing looked at by itself and within a bound of time.

    installation → fleet file → network, region, endpoint, clock → credentials → account → permissions → lock

In: the options of a run. Out: `Report`. Nothing is raised for what is wrong, and nothing is written; what can't be
looked at because something before it is missing is `skipped`, and says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final, TypeVar

from mmeplan import live, render
from mmeplan.cloud.clock import SystemClock
from mmeplan.cloud.surroundings import Keys, Surroundings, within
from mmeplan.doctor import access, installation
from mmeplan.doctor.allowed import NAME as PERMISSIONS
from mmeplan.doctor.allowed import permissions
from mmeplan.engine import Engine, FoundLock
from mmeplan.errors import CloudError, Command, InputError, MmeplanError
from mmeplan.files import is_there
from mmeplan.planning import Desired, Planned, planned_from
from mmeplan.render import CheckRow
from mmeplan.spec import Fleet
from mmeplan.spec.policies import MISSING

TIMEOUT_S: Final = 20.0
"""How long a check may take, in seconds."""

T = TypeVar("T")


@dataclass(frozen=True)
class Asked:
    """A run: its fleet file and how it is loaded, the SageMaker of its options, and how commands name them again.

    `lock` is empty where none is named. `timeout_s` bounds each check. `where` names the simulated world, and is empty
    for AWS.
    """

    file: str
    load: Callable[[], Fleet]
    connect: Callable[[Fleet | None], Engine]
    again: Callable[[Command], str]
    same: Callable[..., Command]
    region: str | None = None
    profile: str | None = None
    endpoint_url: str | None = None
    where: str = ""
    lock: str = ""
    timeout_s: float = TIMEOUT_S


@dataclass(frozen=True)
class Report:
    """What was found, in the order in which it was looked at."""

    checks: tuple[CheckRow, ...]

    @property
    def has_errors(self) -> bool:
        """Whether something is wrong, and not only worth knowing or not to be seen."""
        return any(check.state == "error" for check in self.checks)

    def json(self) -> str:
        """`{"ok": …, "checks": [{"name", "state", "said", "next"}, …]}`."""
        return render.doctor_json(self.checks)


def examine(asked: Asked, found: Callable[[CheckRow], None] = lambda _: None) -> Report:
    """Look at everything; `found` is told each check once it is made. Raises nothing for what is wrong."""
    checks = []
    for check in _checks(asked):
        found(check)
        checks.append(check)
    return Report(tuple(checks))


def _checks(asked: Asked) -> Iterator[CheckRow]:
    fleet, row = _fleet(asked)
    yield from installation.versions()
    yield from installation.extras(["policies"] if fleet and fleet.policies else ())
    yield row
    yield from _simulated(asked, fleet) if asked.where else _aws(asked, fleet)


def _fleet(asked: Asked) -> tuple[Fleet | None, CheckRow]:
    if not is_there(asked.file):
        said = f"there is no {asked.file}: what a fleet needs isn't looked at"
        return None, CheckRow("fleet", "skipped", said, str(Command(("init",))))
    try:
        fleet = asked.load()
        Desired.unchecked(fleet)
    except InputError as error:
        more = f" (and {len(error.problems) - 1} more)" if len(error.problems) > 1 else ""
        said, hint = f"it can't be read: {error}{more}", str(asked.same("validate", asked.file))
        hint = error.hint if error.problems[0].message == MISSING else hint
        return None, CheckRow("fleet", "error", said, hint)
    where = f" in {fleet.environment}" if fleet.environment else ""
    count = len(fleet.endpoints)
    said = f"{asked.file} is the fleet {fleet.name}{where}, with {count} endpoint{'s' * (count != 1)}"
    return fleet, CheckRow("fleet", "ok", said)


# --- the simulated SageMaker ------------------------------------------------------------------------------------------


def _simulated(asked: Asked, fleet: Fleet | None) -> Iterator[CheckRow]:
    try:
        engine = asked.connect(fleet)
    except MmeplanError as error:
        yield CheckRow("endpoint", "error", f"the simulated SageMaker of {asked.where} can't be used: {error}")
        return
    with engine:
        try:
            number, caller = access.identity(engine)
            yield CheckRow("region", "ok", engine.region)
            yield CheckRow("endpoint", "ok", f"the simulated SageMaker of {asked.where}, which asks for no credentials")
            yield access.account(number, fleet.account if fleet else None, caller)
        except MmeplanError as error:
            yield CheckRow("endpoint", "error", f"the simulated SageMaker of {asked.where} can't be used: {error}")
            return
        said = "the simulated SageMaker evaluates none; against AWS the command below lists what is needed"
        yield CheckRow(PERMISSIONS, "skipped", said, _listing(asked))
        yield _lock(asked, partial(_find_simulated_lock, asked, engine))


# --- AWS --------------------------------------------------------------------------------------------------------------


def _aws(asked: Asked, fleet: Fleet | None) -> Iterator[CheckRow]:
    around, now = Surroundings(asked.profile, asked.endpoint_url), SystemClock().now
    try:
        around.require_profile()
        name, given_by = _region(asked, fleet, around)
        yield from access.proxies(around, name)
    except MmeplanError as error:
        yield CheckRow("credentials", "error", access.without_user(error.message), "aws configure list-profiles")
        yield from _not_looked_at("without a profile", "region", "endpoint", "clock", "account", PERMISSIONS, "lock")
        return
    yield access.region(around, name, given_by)
    if name:
        heard = _tried(asked, partial(around.ask, name, now))
        yield access.endpoint(around, name, heard)
        yield access.clock(heard)
    else:
        yield from _not_looked_at("without a region", "endpoint", "clock")
    keys = _tried(asked, around.keys)
    yield access.credentials(around, keys, now())
    if name and isinstance(keys, Keys):
        yield from _with_credentials(asked, fleet, around, name)
    else:
        lacking = "credentials" if name else "a region"
        yield from _not_looked_at(f"without {lacking}", "account", PERMISSIONS, "lock")


def _with_credentials(asked: Asked, fleet: Fleet | None, around: Surroundings, region: str) -> Iterator[CheckRow]:
    rest = (PERMISSIONS, "lock")
    try:
        engine = asked.connect(fleet)
    except MmeplanError as error:
        yield CheckRow("account", "error", access.without_user(error.message), error.hint)
        yield from _not_looked_at("without a connection", *rest)
        return
    with engine:
        who = _tried(asked, partial(access.identity, engine))
        if isinstance(who, (MmeplanError, TimeoutError)):
            yield access.no_identity(around, region, who)
            yield from _not_looked_at("without an identity", *rest)
            return
        number, caller = who
        found = access.account(number, fleet.account if fleet else None, caller)
        yield found
        if fleet is None:
            yield from _not_looked_at("without a fleet", PERMISSIONS)
        elif found.state == "error":
            yield from _not_looked_at("in another account than the fleet's", PERMISSIONS)
        else:
            yield _permissions(asked, engine, fleet, caller, number)
        yield _lock(asked, partial(within, asked.timeout_s, partial(_find_lock, asked, engine)))


def _region(asked: Asked, fleet: Fleet | None, around: Surroundings) -> tuple[str, str]:
    """The region of the run and what gives it. Raises CredentialsError."""
    if asked.region:
        return asked.region, "--region or MMEPLAN_REGION"
    if fleet is not None and fleet.region:
        return fleet.region, asked.file
    return around.region(), "AWS_DEFAULT_REGION or the profile"


def _not_looked_at(why: str, *names: str) -> Iterator[CheckRow]:
    return (CheckRow(name, "skipped", f"not looked at {why}") for name in names)


def _tried(asked: Asked, call: Callable[[], T]) -> T | MmeplanError | TimeoutError:
    """What a call gives within the bound, or why it gives nothing."""
    try:
        return within(asked.timeout_s, call)
    except (MmeplanError, TimeoutError) as error:
        return error


# --- permissions and lock ---------------------------------------------------------------------------------------------


def _permissions(asked: Asked, engine: Engine, fleet: Fleet, caller: str, number: str) -> CheckRow:
    """What the caller may do of what the plan needs, the plan of everything where what is live can't be read."""
    planned = _tried(asked, lambda: engine.plan(Desired.unchecked(fleet)))
    assumed = ""
    if not isinstance(planned, Planned) or planned.plan.errored:
        planned = _of_everything(fleet, number, engine.region, engine.clock.now())
        assumed = "as if nothing were live, which couldn't be read"
    policy = planned.policy()
    row = _tried(asked, lambda: permissions(policy, caller, engine.reader, assumed=assumed, listing=_listing(asked)))
    if isinstance(row, CheckRow):
        return row
    why = str(row) if isinstance(row, CloudError) else "there was no answer in time"
    return CheckRow(PERMISSIONS, "skipped", f"IAM can't be asked: {why}", _listing(asked))


def _of_everything(fleet: Fleet, account: str, region: str, now: datetime) -> Planned:
    """The plan that creates the whole fleet."""
    nothing = live.Snapshot(now.isoformat(), account, region, fleet.name, {})
    return planned_from(Desired.unchecked(fleet), nothing)


def _listing(asked: Asked) -> str:
    return asked.again(asked.same("plan", asked.file, "--iam"))


def _find_lock(asked: Asked, engine: Engine) -> FoundLock | None:
    return engine.find_lock(asked.lock)


def _find_simulated_lock(asked: Asked, engine: Engine) -> FoundLock | None:
    """The simulated S3 makes a bucket for the first object that is put there."""
    try:
        return _find_lock(asked, engine)
    except CloudError as error:
        if error.code == "NoSuchBucket":
            return None
        raise


def _lock(asked: Asked, find: Callable[[], FoundLock | None]) -> CheckRow:
    if not asked.lock:
        return CheckRow("lock", "skipped", "none is named (--lock, MMEPLAN_LOCK, `options` of the fleet file)")
    unlock = asked.again(Command(("unlock", asked.lock)))
    return access.lock(asked.lock, find, unlock)
