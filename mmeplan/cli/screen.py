"""What a screen takes: whether colour, and how many columns. Decided in one place for every command.

Colour, the first that says something: `--color` or `--no-color`, MMEPLAN_COLOR, NO_COLOR (https://no-color.org),
FORCE_COLOR (https://force-color.org), `options.color` of the fleet file, and whether the stream is a terminal.
"""

from __future__ import annotations

import os
import shutil
from typing import Any, Final

import click
from click.core import ParameterSource

MIN_WIDTH: Final = 80
MAX_WIDTH: Final = 160  # columns of a terminal; where COLUMNS says more of a pipe, it is meant
_CHOICE: Final = "mmeplan.color"


def wants_color(stream: object) -> bool:
    """Whether the stream gets colour, by the options of the command that runs."""
    context = click.get_current_context(silent=True)
    choice = context.meta.get(_CHOICE, "auto") if context else "auto"
    if choice != "auto":
        return bool(choice == "always")
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return os.environ.get("TERM") != "dumb" and _is_terminal(stream)


def width_of(stream: object, most: int = MAX_WIDTH) -> int:
    """Columns of a text for this stream, at least 80: the terminal's, up to `most`; else what COLUMNS says, or 80."""
    if _is_terminal(stream):
        return max(MIN_WIDTH, min(shutil.get_terminal_size((MIN_WIDTH, 24)).columns, most))
    return piped_width()


def piped_width() -> int:
    """Columns of a text that goes into a pipe or a file: what COLUMNS says, at least 80; 80 where it says nothing."""
    said = os.environ.get("COLUMNS", "")
    return max(MIN_WIDTH, int(said)) if said.isascii() and said.isdigit() and len(said) < 6 else MIN_WIDTH


def color_options(command: Any) -> Any:
    """`--color` and `--no-color`. The command gets neither: `wants_color` knows them."""
    command = click.option(
        "--no-color", is_flag=True, expose_value=False, callback=_never, help="The same as --color never."
    )(command)
    return click.option(
        "--color",
        type=click.Choice(["auto", "always", "never"]),
        default="auto",
        envvar="MMEPLAN_COLOR",
        show_envvar=True,
        expose_value=False,
        callback=_chosen,
        help="Use colour: where the output is a terminal (auto; NO_COLOR and FORCE_COLOR decide too), always or never.",
    )(command)


def _chosen(context: click.Context, option: click.Parameter, value: str) -> None:
    of_file = context.get_parameter_source(option.name or "") is ParameterSource.DEFAULT_MAP
    if not (of_file and (os.environ.get("NO_COLOR") or os.environ.get("FORCE_COLOR"))):
        context.meta.setdefault(_CHOICE, value)


def _never(context: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        context.meta[_CHOICE] = "never"


def _is_terminal(stream: object) -> bool:
    return bool(getattr(stream, "isatty", lambda: False)())
