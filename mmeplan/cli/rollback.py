"""`mmeplan rollback`: back to a config that has served before, by a plan like any other."""

from __future__ import annotations

import difflib
import sys
from dataclasses import replace
from datetime import datetime
from typing import Any

import click

from mmeplan import diff, render
from mmeplan import graph as graphs
from mmeplan.aws.lifecycle import DELETING
from mmeplan.cli import plan as planning
from mmeplan.cli import session
from mmeplan.cli.apply import show_and_carry_out
from mmeplan.cli.locking import locked
from mmeplan.cli.manner import manner_of, manner_options
from mmeplan.cli.options import Settings, cloud_options, spec_options
from mmeplan.cli.outputs import Outputs
from mmeplan.diff import Generation
from mmeplan.errors import ExitCode, InputError, Problem
from mmeplan.graph import Graph
from mmeplan.live import Snapshot
from mmeplan.plan import Options
from mmeplan.resources.identity import FLEET_TAG

EXAMPLES = """\b
Examples:
  mmeplan rollback ranker                      to the config that served before
  mmeplan rollback ranker --to 2               to the one before that
  mmeplan rollback ranker --to ranker-3f9c2a1b
  mmeplan rollback ranker --out back.json      save the plan, for mmeplan apply back.json
"""


@click.command(epilog=EXAMPLES)
@click.argument("endpoint")
@click.argument("fleet", default="fleet.yaml", type=click.Path())
@click.option(
    "--to",
    "wanted",
    metavar="GENERATION",
    default="",
    help="A config's name, its eight hex digits, or how far back (1: the newest before the present one).",
)
@click.option(
    "--out", metavar="FILE", type=click.Path(dir_okay=False), help="Save the plan (mode 0600) and change nothing."
)
@click.option("--retry-rolled-back", is_flag=True, help="Also to a config whose update SageMaker has rolled back.")
@manner_options
@spec_options
@cloud_options
def command(endpoint: str, fleet: str, wanted: str, out: str | None, retry_rolled_back: bool, **common: Any) -> None:
    """Swap ENDPOINT of FLEET back to a kept config that has served it before.

    Shows the plan and asks, like apply; every gate holds. The fleet file stays as it is: change it as well, or the next
    apply goes forward again. `mmeplan status` lists the generations.
    """
    manner = manner_of(common)
    settings = session.common(fleet, **common)
    outputs = Outputs(settings, "text", out=out, inputs=(fleet,))
    manner.checked(settings)
    loaded = session.load(settings)
    graph = graphs.compile(loaded)
    at = _address(graph, endpoint, fleet)
    with (
        session.connect(settings, region=loaded.region, account=loaded.account) as connection,
        locked(manner.lock, settings, connection, "rollback", loaded.name) as holder,
    ):
        snapshot = session.observe(connection, graph)
        now = connection.clock.now()
        generation = chosen(graph, snapshot, at, wanted, now, settings)
        options = Options(
            targets=(at,),
            rollback=generation.name,
            retry_rolled_back=retry_rolled_back,
            variables=dict(settings.variables),
            parallelism=manner.planned_parallelism,
        )
        back = diff.rollback_graph(graph, snapshot, at, generation.name)
        plan = session.checked_plan(back, snapshot, now.isoformat(), [], options)
        if not out:
            code = show_and_carry_out(plan, settings, connection, manner, holder)
            if code == ExitCode.DONE and back is not graph:
                told = f"{settings.fleet} still asks for what was left: change it, or the next apply goes forward again"
                click.echo(told, err=True)
            sys.exit(code)
    next_command = replace(settings, environment=None, variables=()).again(f"apply {out}") if plan.applyable else ""
    outputs.write(plan)
    outputs.show(plan, next_command=next_command)
    sys.exit(planning.exit_code(plan, detailed=False))


def _address(graph: Graph, endpoint: str, file: str) -> str:
    """The address of an endpoint given by name or address. Raises InputError."""
    at = endpoint if endpoint.startswith("endpoint/") else f"endpoint/{endpoint}"
    if at in graph.resources:
        return at
    names = sorted(resource.name for resource in graph.of_kind("endpoint"))
    close = difflib.get_close_matches(at.partition("/")[2], names, n=1)
    hint = f"did you mean {close[0]}?" if close else "mmeplan status lists the endpoints"
    raise InputError([Problem(f"no endpoint {endpoint!r} in this fleet", file, hint=hint)])


def chosen(graph: Graph, snapshot: Snapshot, at: str, wanted: str, now: datetime, settings: Settings) -> Generation:
    """The generation of the endpoint of that address to go back to; `wanted` is what --to says, empty for the newest.

    Raises InputError where there is none, it isn't known, or it can't serve.
    """
    found = diff.generations_of(graph, snapshot, at)
    older = [one for one in found if one.back]

    def refuse(message: str, hint: str = "") -> InputError:
        kept = f"; there {'are' if found[1:] else 'is'} {', '.join(_words(one, now) for one in found)}" if found else ""
        return InputError([Problem(f"{message}{kept}", settings.fleet, hint=hint)])

    live = snapshot.get("endpoint", graph.resources[at].physical_name)
    if live is None or live.status != "present":
        why = "can't be read" if live is not None and live.status == "unreadable" else "isn't live"
        raise refuse(f"{at} {why}, so there is nothing to go back from", settings.again(f"plan {settings.fleet}"))
    if live.describe.get("EndpointStatus") == DELETING:
        raise refuse(f"{at} is being deleted", settings.again(f"plan {settings.fleet}"))
    if (live.tags or {}).get(FLEET_TAG) != graph.fleet.name:
        why = f"the endpoint {live.name} doesn't carry this fleet's tag"
        raise InputError(
            [Problem(f"{at} is not this fleet's: {why}", settings.fleet, hint=settings.again(f"plan {settings.fleet}"))]
        )
    if wanted:
        back = next((one for one in found if wanted in (one.name, one.digest, str(one.back))), None)
        if back is None:
            raise refuse(f"{at} has no generation {wanted!r}")
        if not back.back:
            raise refuse(f"{at} runs {back.name} already")
    else:
        back = next((one for one in older if not one.left), None)
        if back is None and older:
            again = settings.again(f"rollback {at.partition('/')[2]} {settings.fleet} --to {older[0].name}")
            raise refuse(f"the only other generation of {at} is the one that a rollback left", again)
        if back is None:
            raise refuse(
                f"{at} has no generation to go back to",
                "`retain:` in the fleet file says how many superseded configs are kept",
            )
    if back.missing:
        raise refuse(f"{back.name} can't serve any more: its {_models(back.missing)} gone")
    return back


def _models(names: tuple[str, ...]) -> str:
    return f"{'model' if len(names) == 1 else 'models'} {', '.join(names)} {'is' if len(names) == 1 else 'are'}"


def _words(generation: Generation, now: datetime) -> str:
    """`1: ranker-3f9c2a1b (made 3 d ago)`."""
    notes = [f"made {render.age_text(now, generation.created_at)} ago"]
    notes += ["in force"] if not generation.back else []
    notes += ["left by a rollback"] if generation.left else []
    notes += [f"its {_models(generation.missing)} gone"] if generation.missing else []
    return f"{generation.back}: {generation.name} ({', '.join(notes)})"
