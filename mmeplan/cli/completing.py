"""What a shell offers for an argument: the file's environments and addresses, the ids of rules.

Offered is what the fleet file of the line has, or ./fleet.yaml. A file that can't be read offers nothing, and names
that a shell would take apart are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from mmeplan.cli.defaults import DEFAULT_FLEET, is_file
from mmeplan.cli.options import Settings
from mmeplan.errors import MmeplanError
from mmeplan.spec import FleetFile

if TYPE_CHECKING:
    from mmeplan.graph import Graph

_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_./-]*")


def environments(context: click.Context, _: click.Parameter, typed: str) -> list[str]:
    """The names under `environments`."""
    try:
        return _fitting(FleetFile.read(_fleet(context)).environments, typed)
    except MmeplanError:
        return []


def addresses(context: click.Context, _: click.Parameter, typed: str) -> list[str]:
    """The addresses of the fleet, in the environment of -e."""
    graph = _graph(context)
    return _fitting(sorted(graph.resources) if graph else (), typed)


def endpoints(context: click.Context, _: click.Parameter, typed: str) -> list[str]:
    """The names of the fleet's endpoints, in the environment of -e; as addresses where one is begun."""
    graph = _graph(context)
    of_kind = graph.of_kind("endpoint") if graph else ()
    return _fitting((one.address if "/" in typed else one.name for one in of_kind), typed)


def rule_ids(_: click.Context, __: click.Parameter, typed: str) -> list[str]:
    """The ids of the rules; small letters do."""
    from mmeplan import rules

    return _fitting((rule.id for rule in rules.all_rules()), typed.upper())


def _graph(context: click.Context) -> Graph | None:
    given = context.params
    environment = given.get("environment") or next(iter(given.get("environments") or ()), None)
    try:
        variables = tuple(given.get("variables") or ())
        settings = Settings(_fleet(context), environment, variables, region=given.get("region"))
        return settings.compiled(looks=False).graph
    except MmeplanError:
        return None


def _fleet(context: click.Context) -> str:
    """The fleet file of the line. An option that waits for its value leaves click's arguments unread, in `args`."""
    fleets = context.args or context.params.get("fleets") or (context.params.get("fleet") or DEFAULT_FLEET,)
    return next((word for word in reversed(fleets) if is_file(word)), DEFAULT_FLEET)


def _fitting(names: Iterable[str], typed: str) -> list[str]:
    return [name for name in names if name.startswith(typed) and _PLAIN.fullmatch(name)]
