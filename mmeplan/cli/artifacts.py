"""`mmeplan artifacts`: the archives beneath a multi-model prefix: list them, add one, look into them."""

from __future__ import annotations

import csv
import io
import sys
from codecs import BOM_UTF8
from pathlib import Path

import click

from mmeplan.cli.apply import show_and_carry_out
from mmeplan.cli.commit import commit_of
from mmeplan.cli.door import document, page, say, tell
from mmeplan.cli.options import ApplyOptions, Settings, apply_options, fleet_options, format_option
from mmeplan.engine import files_of
from mmeplan.errors import ExitCode, InputError, Problem
from mmeplan.files import Writing, text_of, write_all
from mmeplan.render import check_line

EXAMPLES = """\b
Examples:
  mmeplan artifacts list prices
  mmeplan artifacts add prices paris ./paris/
  mmeplan artifacts verify prices --invoke request.csv
"""
COLUMNS = ("key", "source", "version")


@click.group(epilog=EXAMPLES)
def command() -> None:
    """List the archives beneath a model's multi-model prefix, add one, or look into them."""


@command.command("list", epilog="Example:  mmeplan artifacts list prices -e prod")
@click.argument("model")
@format_option("text", "json")
@fleet_options
def list_(settings: Settings, model: str, format_: str) -> None:
    """List what lies beneath the prefix of MODEL: declared, missing, superseded, and strays that others put there."""
    desired = settings.compiled()
    with settings.engine(desired.fleet) as engine:
        found = engine.archives(desired, model)
    if format_ == "json":
        document(found.json())
    else:
        page(found.text(color=settings.color))


@command.command(epilog="Example:  mmeplan artifacts add prices paris s3://acme-builds/paris-17.tar.gz")
@click.argument("model")
@click.argument("key")
@click.argument("source")
@click.option("--version", "version", default="", metavar="TEXT", help="What the table's column `version` gets.")
@apply_options
@fleet_options
def add(settings: Settings, how: ApplyOptions, model: str, key: str, source: str, version: str) -> None:
    """Write KEY with its SOURCE into the table of MODEL's archives, and apply that.

    The table is the CSV file of `artifacts.for_each`. An entry that is there already gets the new source: a new
    archive, a new key, and the pointer moves. Shows the plan of the archives alone and asks, like apply; without a yes
    the table stays as it was.
    """
    name = model.rpartition("/")[2]
    table = _table(settings, name)
    before = table.read_bytes()
    made = _with_row(before, table.name, (key, source, version))
    write_all([Writing(table, text_of(made))])
    kept: list[bool] = []  # once the plan is agreed to
    try:
        with (
            settings.checked() as desired,
            settings.engine(desired.fleet) as engine,
            how.locked(settings, engine, "artifacts add", desired.fleet.name) as lock,
        ):
            planned = engine.plan(
                desired,
                targets=(f"artifacts/{name}",),
                parallelism=how.planned_parallelism,
                commit=commit_of(files_of(desired.fleet)),
            )
            code = show_and_carry_out(planned, settings, engine, how, lock, agreed=lambda: kept.append(True))
    finally:
        if not kept and table.read_bytes() == made.encode():  # else somebody has edited it meanwhile
            write_all([Writing(table, text_of(before.decode()))])
    if kept:
        tell(f"{table.name} has {key}: commit it")
    sys.exit(code)


def _table(settings: Settings, model: str) -> Path:
    """The CSV file that a model's archives come from. Raises InputError."""
    fleet = settings.load()
    entry = fleet.models.get(model)
    if entry is None or entry.artifacts is None:
        have = ", ".join(name for name, one in fleet.models.items() if one.artifacts is not None) or "none"
        text = f"no model {model!r} with `artifacts` in this fleet"
        raise InputError([Problem(text, settings.fleet, hint=f"models with artifacts: {have}")])
    if not entry.artifacts.table.endswith(".csv"):
        hint = f"write the entry there, then: mmeplan apply --target artifacts/{model}"
        text = "the archives aren't in a CSV table, and mmeplan rewrites no other file"
        raise InputError([Problem(text, entry.artifacts.table or settings.fleet, hint=hint)])
    return Path(settings.fleet).parent / entry.artifacts.table


def _with_row(before: bytes, file: str, row: tuple[str, str, str]) -> str:
    """The table with one entry more, or with another source of it. Raises InputError."""
    reader = csv.reader(io.StringIO(before.decode("utf-8-sig"), newline=""), strict=True)
    header, *rows = [cells for cells in reader if cells] or [[]]
    named = [column.strip() for column in header]
    missing = [column for column in COLUMNS[: 3 if row[2] else 2] if column not in named]
    if missing:
        raise InputError([Problem(f"the table has no column {missing[0]!r}", file, hint="add it to the header")])
    values = dict(zip(COLUMNS, row, strict=True))
    at = named.index("key")
    made = [values.get(column, "") for column in named]
    known = [index for index, cells in enumerate(rows) if cells[at].strip() == row[0]]
    if known:
        kept = rows[known[0]]
        rows[known[0]] = [
            value if column in ("key", "source") or (column == "version" and value) else kept[index]
            for index, (column, value) in enumerate(zip(named, made, strict=True))
        ]
    else:
        rows.append(made)
    stream = io.StringIO(newline="")
    csv.writer(stream, lineterminator="\r\n" if b"\r\n" in before else "\n").writerows([header, *rows])
    return ("\ufeff" if before.startswith(BOM_UTF8) else "") + stream.getvalue()


@command.command(epilog="Example:  mmeplan artifacts verify prices --invoke request.csv")
@click.argument("model")
@click.option(
    "--invoke",
    "payload",
    metavar="FILE",
    type=click.Path(dir_okay=False),
    help="Send this file's content to each archive, through an endpoint that serves MODEL.",
)
@click.option("--content-type", default="text/csv", metavar="TYPE", help="What --invoke sends.  [default: text/csv]")
@fleet_options
def verify(settings: Settings, model: str, payload: str | None, content_type: str) -> None:
    """Read each declared archive of MODEL: it is there, is gzip and tar, holds no link, and fits the instances.

    With --invoke it is asked for an answer, too: the first request to each loads it, which may take minutes. Exits 5
    where something is wrong.
    """
    try:
        body = Path(payload).read_bytes() if payload else None
    except OSError as error:
        raise InputError([Problem(f"can't be read: {error.strerror or error}", str(payload))]) from None
    desired = settings.compiled()
    seen = wrong = 0
    with settings.engine(desired.fleet) as engine:
        for check in engine.verify_archives(desired, model, body=body, content_type=content_type):
            seen, wrong = seen + 1, wrong + bool(check.wrong)
            say(check_line(check))
    say(f"{seen:,} looked at, {wrong:,} not as they should be" if wrong else f"{seen:,} looked at: all are fine")
    if wrong:
        sys.exit(ExitCode.INCOMPLETE)
