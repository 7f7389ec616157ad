"""`mmeplan init`: a commented starter fleet."""

from __future__ import annotations

import shlex
from importlib.resources import files
from pathlib import Path

import click

from mmeplan.cli.door import say
from mmeplan.files import Writing, text_of, write_all


@click.command(epilog="\b\nExample:\n  mmeplan init && mmeplan apply --local")
@click.argument("path", default="fleet.yaml", type=click.Path(dir_okay=False))
@click.option("--force", is_flag=True, help="Replace a file that is there.")
def command(path: str, force: bool) -> None:
    """Write a commented starter fleet to PATH (fleet.yaml). It runs as it stands with --local."""
    text = files("mmeplan.cli").joinpath("starter.yaml").read_text(encoding="utf-8")
    write_all([Writing(Path(path), text_of(text), replace=force)])
    given = "" if path == "fleet.yaml" else f" {shlex.quote(path)}"
    say(f"wrote {path}\n\nnext: mmeplan plan --local{given}")
