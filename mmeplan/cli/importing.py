"""`mmeplan import`: a fleet file for endpoints that are live. It gets a connection that can't write."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from mmeplan import importing, live
from mmeplan.cli import session
from mmeplan.cli.options import Settings, cloud_options
from mmeplan.cli.plan import read_snapshot
from mmeplan.errors import CloudError, InputError, MmeplanError, Problem
from mmeplan.importing import Imported, ScalableTarget, Selection
from mmeplan.importing.selecting import inference_components
from mmeplan.live import LiveObject, Snapshot
from mmeplan.render import clean
from mmeplan.spec.loading import FLEET_NAME

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
@click.option(
    "--snapshot",
    "snapshot_file",
    metavar="FILE",
    type=click.Path(dir_okay=False),
    help="Import from a saved snapshot, without credentials.",
)
@click.option("--region", metavar="NAME", help="The region of the endpoints.")
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
    selection = Selection(endpoints, globs, tags)
    if not (endpoints or selection.searches):
        raise click.UsageError("say which endpoints: a name, --name GLOB or --tag KEY=VALUE (all: --name '*')")
    if not FLEET_NAME.fullmatch(fleet_name):
        raise InputError([Problem(f"{fleet_name!r} can't be a fleet's name: a-z, 0-9 and -, at most 40")])
    if out and not force and Path(out).exists():
        raise InputError([Problem("is there already; nothing was written", out, hint="--force replaces it")])
    settings = session.common(out or "fleet.yaml", **common)
    if snapshot_file:
        made = _from_snapshot(read_snapshot(snapshot_file), selection, fleet_name)
    else:
        made = _from_live(settings, selection, fleet_name)
    _tell(made)
    if not made.endpoints:
        raise MmeplanError("nothing was imported, and nothing was written", hint="aws sagemaker list-endpoints")
    if out:
        _write(Path(out), made.text, force=force)
    else:
        click.echo(made.text, nl=False)
    _tell_next(made, settings, out)


def _from_snapshot(snapshot: Snapshot, selection: Selection, fleet: str) -> Imported:
    names = importing.select_from(snapshot, selection)
    made = importing.import_fleet(replace(snapshot, fleet=fleet), names, fleet, {})
    return replace(made, notes=(*made.notes, "a snapshot doesn't tell which counts an autoscaler owns: all are fixed"))


def _from_live(settings: Settings, selection: Selection, fleet: str) -> Imported:
    with session.connect(settings, region=settings.region, account=None) as connection:
        reader = live.ReadOnly(connection.cloud)
        region, now = connection.cloud.region, connection.clock.now()
        del connection  # from here on nothing at hand could write
        names = importing.select(reader, selection)
        with session.counting() as progress:
            snapshot = live.observe_running(reader, fleet, names, now, region, progress=progress)
        targets, notes = _targets(reader, snapshot)
        made = importing.import_fleet(snapshot, names, fleet, targets)
        return replace(made, notes=(*made.notes, *notes, *_components(reader, snapshot, made)))


def _targets(
    reader: live.ReadOnly, snapshot: Snapshot
) -> tuple[dict[tuple[str, str], ScalableTarget], tuple[str, ...]]:
    variants = [
        (endpoint.name, str(summary["VariantName"]))
        for endpoint in snapshot.present("endpoint")
        for summary in endpoint.describe.get("ProductionVariants") or ()
    ]
    try:
        return importing.scalable_targets(reader, variants), ()
    except CloudError as error:
        why = f"which counts an autoscaler owns could not be read, so all are fixed: {error}"
        return {}, (f"{why}. Write `capacity: autoscaled` where one is at work",)


def _components(reader: live.ReadOnly, snapshot: Snapshot, made: Imported) -> tuple[str, ...]:
    """A sentence for each imported endpoint that hosts inference components."""
    hosting = [name for name in made.endpoints if _hosts_components(snapshot.get("endpoint", name), snapshot)]
    found = inference_components(reader, hosting)
    unknown = "and which could not be read"
    return tuple(
        f"endpoint {name} hosts inference components, which fleet.yaml doesn't describe; they stay as they are: "
        + (unknown if components is None else ", ".join(components) or "none now")
        for name, components in found.items()
    )


def _hosts_components(endpoint: LiveObject | None, snapshot: Snapshot) -> bool:
    config = snapshot.get("endpoint_config", str(endpoint.describe.get("EndpointConfigName"))) if endpoint else None
    variants = config.describe.get("ProductionVariants") or () if config else ()
    return any("ModelName" not in variant and "InstancePools" not in variant for variant in variants)


def _write(path: Path, text: str, *, force: bool) -> None:
    """Write the file, complete or not at all, readable by its owner only: it holds environment values."""
    scratch = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        handle = os.open(scratch, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
        if force:
            scratch.replace(path)
        else:
            os.link(scratch, path)  # unlike a rename, this refuses to replace what came meanwhile
            scratch.unlink()
    except FileExistsError:
        scratch.unlink(missing_ok=True)
        raise InputError(
            [Problem("is there already; nothing was written", str(path), hint="--force replaces it")]
        ) from None
    except OSError as error:
        scratch.unlink(missing_ok=True)
        raise InputError([Problem(f"can't be written: {error.strerror or error}", str(path))]) from None


def _tell(made: Imported) -> None:
    """What was left out, and what to know, on stderr."""
    _lines("not imported", [f"endpoint {one.name}: {one.why}" for one in made.skipped])
    _lines("note", list(dict.fromkeys(made.notes)))
    _lines("a plan would do more than adopt", list(made.unproved))
    if made.secrets:
        places = [f"{at}: {', '.join(keys)}" for at, keys in made.secrets]
        click.echo(
            "warning: the file holds these environment values in clear; keep secrets out of repositories", err=True
        )
        for place in places[:MOST_SHOWN]:
            click.echo(f"  {clean(place)}", err=True)
        if len(places) > MOST_SHOWN:
            click.echo(f"  … and of {len(places) - MOST_SHOWN:,} more models", err=True)


def _lines(word: str, sentences: list[str]) -> None:
    for sentence in sentences[:MOST_SHOWN]:
        click.echo(f"{word}: {clean(sentence)}", err=True)
    if len(sentences) > MOST_SHOWN:
        click.echo(f"{word}: … and {len(sentences) - MOST_SHOWN:,} more", err=True)


def _tell_next(made: Imported, settings: Settings, out: str | None) -> None:
    counts = [(len(made.endpoints), "endpoint"), (made.configs, "config"), (made.models, "model")]
    said = ", ".join(f"{number:,} {word}{'' if number == 1 else 's'}" for number, word in counts)
    click.echo(f"{f'wrote {out}: ' if out else ''}{said}", err=True)
    if out:
        click.echo(f"next: {settings.again(f'plan {out}')}", err=True)
