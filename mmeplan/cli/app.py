"""The `mmeplan` command: its subcommands by name, imported when they are asked for."""

from __future__ import annotations

import difflib
import importlib
from typing import Any

import click

from mmeplan import __version__
from mmeplan.cli.errors import reported, usage_errors
from mmeplan.cli.interrupts import INTERRUPTS

# name → (module, one line for `mmeplan --help`). In the order of a first day with mmeplan.
COMMANDS = {
    "init": ("mmeplan.cli.init", "Write a commented starter fleet.yaml."),
    "doctor": ("mmeplan.cli.doctor", "Look at credentials, region, permissions, versions and the lock."),
    "validate": ("mmeplan.cli.validate", "Check a fleet file against every rule."),
    "rules": ("mmeplan.cli.rules", "List the rules that fleets are held to, or show one."),
    "images": ("mmeplan.cli.images", "List the images that a fleet file may name instead of an address."),
    "prices": ("mmeplan.cli.prices", "Write the on-demand prices of a region, for plans that say what they cost."),
    "plan": ("mmeplan.cli.plan", "Show what an apply would do, and to whose traffic."),
    "apply": ("mmeplan.cli.apply", "Make what is live into what the fleet file says."),
    "expand": ("mmeplan.cli.expand", "Print the fleet file after defaults, expressions and for_each."),
    "show": ("mmeplan.cli.show", "Show a saved plan."),
    "drift": ("mmeplan.cli.drift", "Show what was changed behind mmeplan's back."),
    "status": ("mmeplan.cli.status", "Show the fleet's endpoints as they are now."),
    "wait": ("mmeplan.cli.wait", "Wait until nothing is under way on the fleet's endpoints."),
    "artifacts": ("mmeplan.cli.artifacts", "List, add and verify the archives of a multi-model endpoint."),
    "outputs": ("mmeplan.cli.fleet_outputs", "Print what clients need: endpoints, URLs, TargetModels."),
    "rollback": ("mmeplan.cli.rollback", "Swap an endpoint back to a config that has served before."),
    "destroy": ("mmeplan.cli.destroy", "Delete everything that this fleet owns."),
    "move": ("mmeplan.cli.move", "Hand an endpoint to another environment or fleet."),
    "unlock": ("mmeplan.cli.unlock", "Remove the lock that a dead apply left behind."),
    "import": ("mmeplan.cli.importing", "Write a fleet file for endpoints that are live."),
    "comment": ("mmeplan.cli.comment", "Put a plan under a pull request, in one comment that stays one."),
    "snapshot": ("mmeplan.cli.snapshot", "Save what is live, to plan from without credentials."),
    "files": ("mmeplan.cli.files", "List the files that fleets read, or the fleets that a change touches."),
    "graph": ("mmeplan.cli.graph", "Print the dependency graph as Mermaid or DOT."),
    "schema": ("mmeplan.cli.schema", "Print the JSON Schema of fleet.yaml for editors."),
    "serve": ("mmeplan.cli.serve", "Serve the simulated SageMaker over HTTP, for any AWS client."),
    "completion": ("mmeplan.cli.completion", "Print the completion script for a shell."),
}


class _Commands(click.Group):
    """A group whose commands are imported one at a time, and whose errors are sentences."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(COMMANDS[cmd_name][0]).command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            close = difflib.get_close_matches(args[0], list(COMMANDS), n=1)
            hint = f" Did you mean {close[0]}?" if close else ""
            raise click.UsageError(f"There is no command {args[0]!r}.{hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        with usage_errors():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> object:
        with INTERRUPTS.handled(), reported(), usage_errors():
            return super().invoke(ctx)


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Try it without an account:  mmeplan apply --local examples/ab-variants/fleet.yaml",
)
@click.version_option(__version__, message="mmeplan %(version)s")
def app() -> None:
    """Plan and apply for Amazon SageMaker endpoint fleets.

    One fleet.yaml says which models, endpoint configs and endpoints there are; mmeplan shows what changes and what it
    does to traffic, and carries it out so that serving never suffers.
    """
