"""The options that commands share: `Settings` (which file, which SageMaker) and `ApplyOptions` (how it is carried out).

Both come to a command by a decorator, which declares the options and hands over their sum.
"""

from __future__ import annotations

import re
import shlex
import stat
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, fields, replace
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mmeplan import render, spec
from mmeplan.cli.defaults import DEFAULT_FLEET, Format, is_file, with_options_of_file
from mmeplan.cli.door import page, tell
from mmeplan.cli.interrupts import INTERRUPTS
from mmeplan.cli.numbers import FiniteRange
from mmeplan.cli.progress import reading
from mmeplan.cli.screen import color_options, wants_color, width_of
from mmeplan.engine import DEFAULT_PARALLELISM, NEAR_POLL_INTERVAL_S, POLL_INTERVAL_S, Desired, Engine
from mmeplan.errors import (
    LEFT_OUT,
    Command,
    CredentialsError,
    ExitCode,
    FleetRefused,
    InputError,
    Problem,
    StalePlanError,
)
from mmeplan.files import own_folder
from mmeplan.plan import Finding
from mmeplan.plan.gates import DEFAULT_FROM, DEFAULT_MAX_PERCENT, max_change
from mmeplan.spec import Fleet, VariableFile
from mmeplan.spec.options import MOST_PARALLEL, options_of

if TYPE_CHECKING:
    from mmeplan.apply import FleetLock


_PLAN_ID = re.compile(r"[0-9a-f]{12,64}")

Decorated = Callable[..., Any]


class Refused(SystemExit):
    """Rules refuse the file, so there is no plan; the findings were printed."""

    def __init__(self, findings: Sequence[Finding], fleet: Fleet) -> None:
        super().__init__(ExitCode.REFUSED)
        self.findings = tuple(findings)
        self.fleet = fleet


@dataclass(frozen=True)
class Settings:
    """The common options of a run."""

    fleet: str = DEFAULT_FLEET
    environment: str | None = None
    variables: tuple[tuple[str, str], ...] = ()
    variable_files: tuple[str, ...] = ()
    region: str | None = None
    profile: str | None = None
    endpoint_url: str | None = None
    local: bool = False
    local_db: str | None = None
    verbose: bool = False

    @property
    def is_local(self) -> bool:
        """Whether the simulated SageMaker is used."""
        return self.local or self.local_db is not None

    @property
    def local_path(self) -> Path:
        """The simulated SageMaker's file: beside the fleet file unless --local-db says otherwise."""
        return Path(self.local_db) if self.local_db else self.state_folder / "local.db"

    @property
    def state_folder(self) -> Path:
        """`.mmeplan/` beside the fleet file: journals and the local simulator. Nothing in it is needed."""
        return Path(self.fleet).parent / ".mmeplan"

    @property
    def color(self) -> bool:
        """Whether stdout gets colour."""
        return wants_color(sys.stdout)

    @property
    def width(self) -> int:
        """Columns of the output."""
        return width_of(sys.stdout)

    def load(self, *, looks: bool = True) -> Fleet:
        """The fleet file with these options applied; without `looks` no local archive is read. Raises InputError."""
        files, given = self.read_variable_files(), dict(self.variables)
        return spec.load(self.fleet, self.environment, given, region=self.region, variable_files=files, looks=looks)

    def read_variable_files(self) -> tuple[VariableFile, ...]:
        """The files of --var-file. Raises InputError."""
        return tuple(map(spec.read_variables, self.variable_files))

    def compiled(self, *, looks: bool = True) -> Desired:
        """load → compile; without `looks` no local archive is read. Raises InputError."""
        return Desired.unchecked(self.load(looks=looks))

    @contextmanager
    def checked(self) -> Iterator[Desired]:
        """load → compile → check, for a plan that is made inside. Where rules refuse the file: the findings on stderr,
        exit 3; before any call where nothing that is live could be an excuse.
        """
        desired = Desired.of(self.load())
        try:
            if desired.refused_outright:
                desired.accepted()
            yield desired
        except FleetRefused as error:
            raise self._refused(error.findings, desired.fleet) from None
        except CredentialsError:
            if desired.refused:  # nobody can say what is live
                raise self._refused(desired.findings, desired.fleet) from None
            raise

    def _refused(self, findings: Sequence[Finding], fleet: Fleet) -> Refused:
        excerpt = fleet.source_map.excerpt if sys.stderr.isatty() else None
        text = render.findings_text(findings, width=self.width, color=self.color, excerpt=excerpt)
        page(text, err=True)
        return Refused(findings, fleet)

    def engine(
        self,
        fleet: Fleet | None = None,
        *,
        region: str | None = None,
        account: str | None = None,
        snapshot: str | None = None,
    ) -> Engine:
        """The SageMaker of these options, for the fleet's region and account; or the stored snapshot of that file.

        Raises CredentialsError, InputError.
        """
        if snapshot:
            return Engine.stored(snapshot)
        region = fleet.region if fleet else region or self.region
        trace = _say if self.verbose else None
        if not self.is_local:
            return Engine.aws(
                region=region, profile=self.profile, endpoint_url=self.endpoint_url, trace=trace, progress=reading()
            )
        account = fleet.account if fleet else account
        if not self.local_db:
            own_folder(self.state_folder)
            _tightened(self.local_path)
        return Engine.simulated(self.local_path, region=region, account=account, trace=trace, progress=reading())

    def same(self, *words: str) -> Command:
        """A command of these words, with the -e, --var-file and --var of this run."""
        return Command(words, self.environment or "", dict(self.variables), self.variable_files)

    def again(self, command: Command, *, unmasked: bool = False) -> str:
        """What to type next, with the options of this run; `unmasked`: with the values of variables."""
        words = [command.unmasked() if unmasked else str(command)]
        for option, given in (
            ("--region", self.region),
            ("--profile", self.profile),
            ("--endpoint-url", self.endpoint_url),
            ("--local-db", self.local_db),
        ):
            words += [option, shlex.quote(given)] if given else []
        return " ".join([*words, "--local"] if self.local and not self.local_db else words)

    def next_apply(self, plan_file: str) -> str:
        """How a saved plan is applied: what shaped it (-e, --var-file, --var) is in it."""
        return self.again(Command(("apply", plan_file)))


def _tightened(database: Path) -> None:
    """Nobody else may read the simulator's file, also where an earlier mmeplan has made it."""
    with suppress(OSError):
        mode = stat.S_IMODE(database.stat().st_mode)
        if mode & 0o077:
            database.chmod(mode & 0o700)


def _say(line: str) -> None:
    tell(render.clean(line))


@dataclass(frozen=True)
class ApplyOptions:
    """How an apply is carried out.

    `parallelism` is None where it isn't given: then it is the plan's. `json`: events on stdout, the rest on stderr.
    `lock_timeout` is in minutes. `expect` is the id of the plan that was reviewed, or its
    first hex digits, twelve at least. `outcome` is the file for how it ended.
    """

    yes: bool = False
    parallelism: int | None = None
    fail_fast: bool = False
    clean: bool = False
    wait_for_others: bool = True
    json: bool = False
    poll_interval_s: float | None = None
    lock_url: str | None = None
    lock_timeout: float | None = None
    expect: str = ""
    outcome: str | None = None

    @property
    def planned_parallelism(self) -> int:
        """What a plan that is made now counts with."""
        return self.parallelism or DEFAULT_PARALLELISM

    def check_expected(self, plan_id: str) -> None:
        """Raises StalePlanError where another plan than the expected one is about to be applied."""
        if self.expect and not plan_id.removeprefix("sha256:").startswith(self.expect):
            found = plan_id.removeprefix("sha256:")[: len(self.expect)]
            reason = f"the plan is {found}, and the plan that was reviewed {self.expect}: what it does has changed"
            raise StalePlanError([reason], hint="look at the plan above, and give its id: --expect " + found)

    def locked(
        self, settings: Settings, engine: Engine, command: str, fleet: str
    ) -> AbstractContextManager[FleetLock | None]:
        """Holds --lock while the context is open; None where none was asked for.

        Raises InputError for options that don't fit the SageMaker of `engine`; LockedError, CloudError.
        """
        check_interval(self.poll_interval_s, engine)
        if not self.lock_url:
            return nullcontext()
        local = str(settings.local_path) if settings.is_local else None
        same = replace(settings, local=False, local_db=local)  # unlock has no FLEET, beside which --local would look
        return engine.locked(
            self.lock_url,
            fleet,
            command=command,
            timeout_s=(self.lock_timeout or 0) * 60,
            unlock=same.again(Command(("unlock", self.lock_url))),
            waiting=_say,
            problem=lambda said: _say(f"warning: {said}"),
            shielded=INTERRUPTS.shielded,
        )


def check_interval(poll_interval_s: float | None, engine: Engine) -> None:
    """Raises InputError for an interval that AWS would throttle."""
    if poll_interval_s is not None and poll_interval_s < POLL_INTERVAL_S and not engine.is_near:
        least = f"AWS throttles looks more often than {POLL_INTERVAL_S:.0f} s"
        raise InputError([Problem(f"--poll-interval {poll_interval_s:g}: {least}")])


# --- options and stacks of them ---------------------------------------------------------------------------------------


def stack(*options: Callable[[Decorated], Decorated]) -> Callable[[Decorated], Decorated]:
    """Several options as a decorator; `--help` lists them in this order."""

    def decorate(command: Decorated) -> Decorated:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def _variable(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    pairs = []
    for value in values:
        name, equals, text = value.partition("=")
        if not equals or not name:
            raise click.BadParameter(f"{value!r}: expected NAME=VALUE")
        if text == LEFT_OUT:
            raise click.BadParameter(f"{name}={LEFT_OUT}: write the variable's value, which is never shown")
        pairs.append((name, text))
    return tuple(pairs)


def _plan_id(_: click.Context, __: click.Parameter, value: str) -> str:
    digits = value.removeprefix("sha256:")
    if value and not _PLAN_ID.fullmatch(digits):
        raise click.BadParameter(f"{value!r}: expected the id of a plan, twelve hex digits of it at least")
    return digits


def _max_change(_: click.Context, __: click.Parameter, value: str) -> str:
    try:
        max_change(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None
    return value


def format_option(*formats: str) -> Callable[[Decorated], Decorated]:
    """--format, the first by default; the command gets it as `format_`."""
    return click.option(
        "--format",
        "format_",
        type=Format(formats),
        default=formats[0],
        show_default=True,
        envvar="MMEPLAN_FORMAT",
        show_envvar=True,
        help="What is printed.",
    )


def snapshot_option(text: str, metavar: str = "FILE") -> Callable[[Decorated], Decorated]:
    """--snapshot FILE; the command gets it as `snapshot_file`."""
    path = click.Path(dir_okay=metavar != "FILE")
    return click.option("--snapshot", "snapshot_file", metavar=metavar, type=path, help=text)


full_option = click.option(
    "--full", is_flag=True, help="Show all that is asked for of every object, and each of those that are alike."
)
show_environment_option = click.option(
    "--show-environment", is_flag=True, help="Show container environment values instead of masking them."
)
online_option = click.option(
    "--online",
    is_flag=True,
    help="Also read what the fleet stands on: artifacts, images, alarms, quotas, networks, permissions, scaling.",
)
parallelism_option = click.option(
    "--parallelism",
    type=click.IntRange(1, MOST_PARALLEL),
    metavar="N",
    envvar="MMEPLAN_PARALLELISM",
    show_envvar=True,
    help=f"Endpoints that the apply has under way at once.  [default: {DEFAULT_PARALLELISM}, or the saved plan's]",
)
poll_interval_option = click.option(
    "--poll-interval",
    "poll_interval_s",
    metavar="SECONDS",
    type=FiniteRange(min=0.01),
    help="Time between two looks at what runs; less than the default only on this machine.  "
    f"[default: {POLL_INTERVAL_S:.0f}; {NEAR_POLL_INTERVAL_S:.0f} of a server on this machine]",
)
max_change_option = click.option(
    "--max-change",
    metavar="PERCENT|COUNT",
    default="",
    callback=_max_change,
    help=f"Refuse to delete or recreate more endpoints than this: 40% or 5.  [default: {DEFAULT_MAX_PERCENT}% of "
    f"{DEFAULT_FROM} or more]",
)
prune_artifacts_option = click.option(
    "--prune-artifacts",
    is_flag=True,
    help="Delete archives beneath multi-model prefixes that the file doesn't name any more, beyond `keep`.",
)


def region_option_of(text: str) -> Callable[[Decorated], Decorated]:
    """--region NAME, with a help text of its own."""
    return click.option("--region", metavar="NAME", envvar="MMEPLAN_REGION", show_envvar=True, help=text)


def offering(what: str) -> Callable[[click.Context, click.Parameter, str], list[Any]]:
    """The function of `completing` of that name, imported when a shell asks."""

    def offer(context: click.Context, parameter: click.Parameter, typed: str) -> list[Any]:
        from mmeplan.cli import completing

        found: list[Any] = getattr(completing, what)(context, parameter, typed)
        return found

    return offer


address_options = stack(
    click.option(
        "--target",
        "targets",
        multiple=True,
        metavar="ADDRESS",
        shell_complete=offering("addresses"),
        help="Only this, and what it depends on. Repeatable.",
    ),
    click.option(
        "--replace",
        "replacements",
        multiple=True,
        metavar="ADDRESS",
        shell_complete=offering("addresses"),
        help="A fresh object although nothing differs. Repeatable.",
    ),
    click.option(
        "--allow-outage",
        multiple=True,
        metavar="ADDRESS",
        shell_complete=offering("addresses"),
        help="Allow deleting and creating this endpoint. Repeatable.",
    ),
)
region_option = region_option_of("The region; wins over the file's.")
_file_options = stack(
    click.option(
        "--var",
        "variables",
        multiple=True,
        metavar="NAME=VALUE",
        callback=_variable,
        help="Set a variable of the file. Repeatable.",
    ),
    click.option(
        "--var-file",
        "variable_files",
        multiple=True,
        metavar="FILE",
        type=click.Path(dir_okay=False),
        help="Set variables of the file out of a JSON or YAML file. Repeatable: a later one wins, and --var over all.",
    ),
    region_option,
    color_options,
)


def _environment_option(*names: str, text: str, multiple: bool = False) -> Callable[[Decorated], Decorated]:
    return click.option(
        "-e",
        *names,
        multiple=multiple,
        metavar="NAME",
        envvar="MMEPLAN_ENVIRONMENT",
        show_envvar=True,
        shell_complete=offering("environments"),
        help=text,
    )


file_options = stack(_environment_option("--environment", text="Use this entry of `environments`."), _file_options)
cloud_options = stack(
    click.option(
        "--profile",
        metavar="NAME",
        envvar="MMEPLAN_PROFILE",
        show_envvar=True,
        help="AWS profile for credentials and region.",
    ),
    click.option("--endpoint-url", metavar="URL", help="Another endpoint that speaks SageMaker's API."),
    click.option(
        "--local",
        is_flag=True,
        help="Use the simulated SageMaker, kept in .mmeplan/local.db beside FLEET; waits take no time.",
    ),
    click.option(
        "--local-db",
        metavar="PATH",
        type=click.Path(dir_okay=False),
        help="As --local, with the state in another file.",
    ),
    click.option("-v", "--verbose", is_flag=True, help="Tell each API call on stderr."),
)
fleet_argument = click.argument(
    "fleet", default=DEFAULT_FLEET, type=click.Path(), is_eager=True, callback=with_options_of_file
)


def fleet_options(command: Decorated) -> Decorated:
    """FLEET and the options of `Settings`; the command gets them as `settings`."""
    return stack(fleet_argument, file_options, cloud_options)(_with_settings(command))


def _with_settings(command: Decorated) -> Decorated:
    @wraps(command)
    def with_settings(**values: Any) -> Any:
        names = [member.name for member in fields(Settings)]
        return command(settings=Settings(**{name: values.pop(name) for name in names}), **values)

    return with_settings


def _fleet_apart(context: click.Context, parameter: click.Parameter, words: tuple[str, ...]) -> tuple[str, ...]:
    """The words without the fleet file, which the command gets as `fleet`."""
    files = [word for word in words if is_file(word)]
    if len(files) > 1:
        raise click.BadParameter(f"{' and '.join(files)}: expected one FLEET")
    context.params["fleet"] = with_options_of_file(context, parameter, *files or [DEFAULT_FLEET])
    return tuple(word for word in words if not is_file(word))


def endpoints_options(command: Decorated) -> Decorated:
    """FLEET and endpoints of it, with the options of `Settings`; the command gets `settings` and `endpoints`."""
    argument = click.argument(
        "endpoints",
        metavar="[FLEET] [NAME]...",
        nargs=-1,
        is_eager=True,
        callback=_fleet_apart,
        shell_complete=offering("endpoints"),
    )
    return stack(argument, file_options, cloud_options)(_with_settings(command))


def fleets_options(command: Decorated) -> Decorated:
    """[FLEET]... and -e, which may be repeated; the command gets the `Settings` of each fleet in each environment as
    `each`.
    """

    @wraps(command)
    def with_settings(**values: Any) -> Any:
        names = [member.name for member in fields(Settings) if member.name not in ("fleet", "environment")]
        common = {name: values.pop(name) for name in names}
        fleets, environments = values.pop("fleets") or (DEFAULT_FLEET,), values.pop("environments")
        made = (
            Settings(fleet, environment, **common)
            for fleet in fleets
            for environment in environments or (options_of(fleet).get("environment"),)
        )
        return command(each=tuple(dict.fromkeys(made)), **values)

    return stack(
        click.argument(
            "fleets",
            metavar="[FLEET]...",
            nargs=-1,
            type=click.Path(),
            is_eager=True,
            callback=with_options_of_file,
        ),
        _environment_option(
            "--environment",
            "environments",
            text="Use this entry of `environments`. Repeatable: one for each.",
            multiple=True,
        ),
        _file_options,
        cloud_options,
    )(with_settings)


def apply_options(command: Decorated) -> Decorated:
    """The options of `ApplyOptions`; the command gets them as `how`."""

    @wraps(command)
    def with_options(**values: Any) -> Any:
        if values["lock_timeout"] is not None and not values["lock_url"]:
            raise click.UsageError("--lock-timeout needs --lock s3://BUCKET/KEY")
        names = [member.name for member in fields(ApplyOptions)]
        return command(how=ApplyOptions(**{name: values.pop(name) for name in names}), **values)

    return _APPLY(with_options)


def lock_options(command: Decorated) -> Decorated:
    """The lock alone, for commands that write and make no plan; the command gets it as `how`."""

    @wraps(command)
    def with_lock(**values: Any) -> Any:
        url, timeout = values.pop("lock_url"), values.pop("lock_timeout")
        return command(how=_with_lock(url, timeout), **values)

    return stack(*_LOCK)(with_lock)


def _with_lock(url: str | None, timeout: float | None) -> ApplyOptions:
    if timeout is not None and not url:
        raise click.UsageError("--lock-timeout needs --lock s3://BUCKET/KEY")
    return ApplyOptions(lock_url=url, lock_timeout=timeout)


def lock_option_of(text: str) -> Callable[[Decorated], Decorated]:
    """--lock s3://BUCKET/KEY, with a help text of its own; the command gets it as `lock_url`."""
    return click.option(
        "--lock", "lock_url", metavar="s3://BUCKET/KEY", envvar="MMEPLAN_LOCK", show_envvar=True, help=text
    )


_LOCK = (
    lock_option_of("Hold this lock for the whole run, so that no other run with it writes."),
    click.option(
        "--lock-timeout",
        metavar="MINUTES",
        type=FiniteRange(min=0),
        help="Wait so long for a lock that is held. Default: don't wait.",
    ),
)
_APPLY = stack(
    click.option(
        "--expect",
        metavar="ID",
        default="",
        callback=_plan_id,
        help="Apply only the plan of this id, the one that was reviewed; exit 4 for another.",
    ),
    click.option(
        "--outcome",
        metavar="FILE",
        type=click.Path(dir_okay=False),
        help="Also write how it ended to FILE, as Markdown for mmeplan comment.",
    ),
    click.option("-y", "--yes", is_flag=True, help="Don't ask."),
    parallelism_option,
    click.option("--fail-fast", is_flag=True, help="Start nothing more after the first failure."),
    click.option(
        "--clean", is_flag=True, help="Delete the new config and models of an update that SageMaker rolls back."
    ),
    click.option(
        "--wait-for-others/--no-wait-for-others",
        default=True,
        show_default=True,
        help="Wait for an endpoint that somebody else is updating, or fail.",
    ),
    click.option(
        "--json", is_flag=True, help="Print events as JSON lines on stdout (docs/events.md), the rest on stderr."
    ),
    poll_interval_option,
    *_LOCK,
)
