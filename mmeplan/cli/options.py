"""The options that commands share, and `Settings`, what they add up to."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from mmeplan.cli.errors import wants_color
from mmeplan.plan.document import DEFAULT_PARALLELISM
from mmeplan.plan.gates import DEFAULT_FROM, DEFAULT_MAX_PERCENT, max_change

MIN_WIDTH = 80
PIPED_WIDTH = 100
DEFAULT_FLEET = "fleet.yaml"


@dataclass(frozen=True)
class Settings:
    """The common options of one run."""

    fleet: str
    environment: str | None = None
    variables: tuple[tuple[str, str], ...] = ()
    region: str | None = None
    profile: str | None = None
    endpoint_url: str | None = None
    local: bool = False
    local_db: str | None = None
    no_color: bool = False
    verbose: bool = False

    @property
    def is_local(self) -> bool:
        """Whether the simulated SageMaker is used."""
        return self.local or self.local_db is not None

    @property
    def is_loopback(self) -> bool:
        """Whether --endpoint-url is on this machine: no AWS, which has to be spared, but a simulated one."""
        from urllib.parse import urlsplit

        return urlsplit(self.endpoint_url or "").hostname in ("127.0.0.1", "::1", "localhost")

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
        return wants_color(sys.stdout, no_color=self.no_color)

    @property
    def width(self) -> int:
        """Columns of the output: the terminal's, at least 80; 100 where it isn't a terminal."""
        if not sys.stdout.isatty():
            return PIPED_WIDTH
        return max(MIN_WIDTH, min(shutil.get_terminal_size((MIN_WIDTH, 24)).columns, 160))

    def again(self, command: str) -> str:
        """`mmeplan COMMAND` with the options that this run had: what to type next."""
        words = ["mmeplan", *command.split()]
        if self.environment:
            words += ["-e", self.environment]
        for name, value in self.variables:
            words += ["--var", f"{name}={value}"]
        for option, given in (
            ("--region", self.region),
            ("--profile", self.profile),
            ("--endpoint-url", self.endpoint_url),
        ):
            if given:
                words += [option, given]
        if self.local_db:
            words += ["--local-db", self.local_db]
        elif self.local:
            words.append("--local")
        return " ".join(words)


def _variable(
    _context: click.Context, _option: click.Parameter, values: tuple[str, ...]
) -> tuple[tuple[str, str], ...]:
    made = []
    for value in values:
        name, equals, text = value.partition("=")
        if not equals or not name:
            raise click.BadParameter(f"{value!r}: expected NAME=VALUE")
        made.append((name, text))
    return tuple(made)


def _max_change(_context: click.Context, _option: click.Parameter, value: str) -> str:
    try:
        max_change(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None
    return value


def parallelism_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """--parallelism; None where it isn't given."""
    return click.option(
        "--parallelism",
        type=click.IntRange(1, 100),
        metavar="N",
        help=f"Endpoints that the apply has under way at once.  [default: {DEFAULT_PARALLELISM}, or the saved plan's]",
    )(command)


def max_change_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """--max-change: how far an apply may go."""
    return click.option(
        "--max-change",
        metavar="PERCENT|COUNT",
        default="",
        callback=_max_change,
        help=f"Refuse to delete or recreate more endpoints than this: 40% or 5.  [default: {DEFAULT_MAX_PERCENT}% of "
        f"{DEFAULT_FROM} or more]",
    )(command)


def address_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options that name parts of the fleet: --target, --replace, --allow-outage."""
    command = click.option(
        "--allow-outage",
        multiple=True,
        metavar="ADDRESS",
        help="Allow deleting and creating this endpoint. Repeatable.",
    )(command)
    command = click.option(
        "--replace",
        "replacements",
        multiple=True,
        metavar="ADDRESS",
        help="A fresh object although nothing differs. Repeatable.",
    )(command)
    return click.option(
        "--target", "targets", multiple=True, metavar="ADDRESS", help="Only this, and what it depends on. Repeatable."
    )(command)


def fleet_argument(command: Callable[..., Any]) -> Callable[..., Any]:
    """FLEET: the fleet file; ./fleet.yaml where it isn't given."""
    return click.argument("fleet", default=DEFAULT_FLEET, type=click.Path())(command)


def spec_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options that say how the file is read."""
    command = click.option("--no-color", is_flag=True, help="Never use colour (NO_COLOR does the same).")(command)
    command = click.option("--region", metavar="NAME", help="The region; wins over the file's.")(command)
    command = click.option(
        "--var",
        "variables",
        multiple=True,
        metavar="NAME=VALUE",
        callback=_variable,
        help="Set a variable of the file. Repeatable.",
    )(command)
    return click.option("-e", "--environment", metavar="NAME", help="Use this entry of `environments`.")(command)


def online_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """--online: rules that read other services than SageMaker speak as well."""
    text = "Also read what the fleet stands on: artifacts, images, alarms, quotas, networks, permissions, scaling."
    return click.option("--online", is_flag=True, help=text)(command)


def cloud_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options that say which SageMaker is talked to."""
    command = click.option("-v", "--verbose", is_flag=True, help="Tell each API call on stderr.")(command)
    command = click.option(
        "--local-db",
        metavar="PATH",
        type=click.Path(dir_okay=False),
        help="As --local, with the state in another file.",
    )(command)
    command = click.option(
        "--local",
        is_flag=True,
        help="Use the simulated SageMaker, kept in .mmeplan/local.db beside FLEET; waits take no time.",
    )(command)
    command = click.option("--endpoint-url", metavar="URL", help="Another endpoint that speaks SageMaker's API.")(
        command
    )
    return click.option("--profile", metavar="NAME", help="AWS profile for credentials and region.")(command)
