"""`mmeplan import`: a fleet file for endpoints that are live. Reads only."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mmeplan.cli.defaults import DEFAULT_FLEET
from mmeplan.cli.door import tell, verbatim
from mmeplan.cli.options import Settings, cloud_options, region_option_of, snapshot_option
from mmeplan.errors import Command, InputError, MmeplanError, Problem
from mmeplan.files import PRIVATE, Writing, present, text_of, write_all
from mmeplan.render import clean
from mmeplan.spec.loading import FLEET_NAME

if TYPE_CHECKING:
    from mmeplan.importing import Imported

MOST_SHOWN = 20  # lines of one kind on stderr

EXAMPLES = """\b
Examples:
  mmeplan import house-prices -o fleet.yaml       one endpoint
  mmeplan import --name 'prod-*' --tag team=ads   all that fit both
"""


def _tag(_context: click.Context, _option: click.Parameter, values: tuple[str, ...]) -> tuple[tuple[str, Any], ...]:
    pairs = [value.partition("=") for value in values]
    if any(not key for key, _, _ in pairs):
        raise click.BadParameter("expected KEY=VALUE, or KEY for any value")
    return tuple((key, text if equals else None) for key, equals, text in pairs)


@click.command(epilog=EXAMPLES)
@click.argument("endpoints", nargs=-1, metavar="[ENDPOINT]...")
@click.option("--name", "globs", multiple=True, metavar="GLOB", help="All endpoints whose name fits. Repeatable.")
@click.option(
    "--tag",
    "tags",
    multiple=True,
    metavar="KEY=VALUE",
    callback=_tag,
    help="Only endpoints with this tag (KEY alone: any value). Repeatable: all must fit.",
)
@click.option("--fleet", "fleet_name", default="imported", show_default=True, metavar="NAME", help="The fleet's name.")
@click.option(
    "-o", "--out", metavar="FILE", type=click.Path(dir_okay=False), help="Where to write it; stdout otherwise."
)
@click.option("--force", is_flag=True, help="Replace a file that is there.")
@snapshot_option("Import from a saved snapshot, without credentials.")
@region_option_of("The region of the endpoints.")
@cloud_options
def command(
    endpoints: tuple[str, ...],
    globs: tuple[str, ...],
    tags: tuple[tuple[str, str | None], ...],
    fleet_name: str,
    out: str | None,
    force: bool,
    snapshot_file: str | None,
    **common: Any,
) -> None:
    """Write a fleet file for endpoints that are live, with their configs and models.

    A plan of it does nothing but adopt them: it adds mmeplan's tags. What can't be taken over is named on stderr. Reads
    only. The file holds the containers' environment values in clear.
    """
    if not (endpoints or globs or tags):
        raise click.UsageError("say which endpoints: a name, --name GLOB or --tag KEY=VALUE (all: --name '*')")
    if not FLEET_NAME.fullmatch(fleet_name):
        raise InputError([Problem(f"{fleet_name!r} can't be a fleet's name: a-z, 0-9 and -, at most 40")])
    if out and not force and os.path.lexists(out):
        raise InputError([present(out)])
    settings = Settings(out or DEFAULT_FLEET, **common)
    with settings.engine(snapshot=snapshot_file) as engine:
        imported = engine.import_(endpoints, globs=globs, tags=tags, fleet=fleet_name)
    _tell(imported)
    if not imported.endpoints:
        text = f"nothing was imported from {imported.place}, and nothing was written"
        raise MmeplanError(text, hint=_all(settings, snapshot_file))
    if out:
        write_all([Writing(Path(out), text_of(imported.text), PRIVATE, replace=force)])
    else:
        verbatim(imported.text)
    _tell_next(imported, settings, out)


def _all(settings: Settings, snapshot_file: str | None) -> str:
    """The command that shows the fleet file of everything that is there."""
    if snapshot_file:
        return str(Command(("import", "--name", "*", "--snapshot", snapshot_file)))
    return settings.again(Command(("import", "--name", "*")))


def _tell(imported: Imported) -> None:
    """What was left out, and what to know, on stderr."""
    _lines("not imported", [f"endpoint {left.name}: {left.why}" for left in imported.skipped])
    _lines("note", list(dict.fromkeys(imported.notes)))
    _lines("a plan would do more than adopt", list(imported.unproved))
    _lines("a plan would be refused", list(imported.refusals))
    if imported.secrets:
        places = [f"{at}: {', '.join(keys)}" for at, keys in imported.secrets]
        tell("warning: the file holds these environment values in clear; keep secrets out of repositories")
        for place in places[:MOST_SHOWN]:
            tell(f"  {clean(place)}")
        if len(places) > MOST_SHOWN:
            tell(f"  … and of {len(places) - MOST_SHOWN:,} more models")


def _lines(word: str, sentences: list[str]) -> None:
    for sentence in sentences[:MOST_SHOWN]:
        tell(f"{word}: {clean(sentence)}")
    if len(sentences) > MOST_SHOWN:
        tell(f"{word}: … and {len(sentences) - MOST_SHOWN:,} more")


def _tell_next(imported: Imported, settings: Settings, out: str | None) -> None:
    counts = [(len(imported.endpoints), "endpoint"), (imported.configs, "config"), (imported.models, "model")]
    said = ", ".join(f"{number:,} {word}{'' if number == 1 else 's'}" for number, word in counts)
    tell(f"{f'wrote {out}: ' if out else ''}{said}")
    if out:
        tell(f"next: {settings.again(settings.same('plan', out))}")
