"""The door of the command line: everything that commands print goes through it.

In: sentences, and pages that `render` made. Out: stdout and stderr. No character of a name, a value or a service's
error text reaches the terminal as a control, nor the runner of a workflow as a command: a runner reads `::` at the
beginning of a line and `##[` anywhere in one (actions/runner, ActionCommand.cs).
"""

from __future__ import annotations

import re
import sys
from typing import Final

import click

from mmeplan.cli.screen import width_of

_COMMAND: Final = re.compile(r"^(\s*)::|##\[", re.MULTILINE)
_PROGRAMS: Final = "mmeplan|aws|curl|export|git|openssl|pipx?|python3?|sudo|terraform|unset|uv|/\\S+"
_TO_COPY: Final = re.compile(rf"\s*(try|next): ({_PROGRAMS}) ", re.IGNORECASE)
"""A line that ends in a command: it is never broken, so that it can be copied. Advice in words is."""


def say(text: str) -> None:
    """Sentences on stdout, on one line or several."""
    click.echo(_lines(text))


def tell(text: str) -> None:
    """Sentences on stderr, on one line or several; on a terminal none is broken within a word."""
    shown = _lines(text)
    if sys.stderr.isatty():
        shown = "\n".join(_fitted(line, width_of(sys.stderr)) for line in shown.split("\n"))
    click.echo(shown, err=True)


def page(text: str, *, err: bool = False) -> None:
    """A page for people, which `render` has cleaned and painted; on stdout, or on stderr."""
    click.echo(without_commands(text), nl=False, err=err, color=True)


def document(text: str) -> None:
    """A JSON document on stdout. What can't be printed, half a surrogate among it, is escaped as JSON does."""
    shown = text.replace("##[", "#\\u0023[")
    if not shown.replace("\n", "").isprintable():
        shown = "".join(char if char == "\n" or char.isprintable() else _escaped(char) for char in shown)
    click.echo(shown, nl=not shown.endswith("\n"))


def verbatim(text: str) -> None:
    """On stdout as it is: YAML, the text of a script, and a workflow's own commands. Half a surrogate is escaped."""
    text = text.encode("utf-8", "backslashreplace").decode()
    click.echo(text, nl=bool(text) and not text.endswith("\n"))


def without_commands(text: str) -> str:
    """The text with a blank in whatever a workflow's runner would take for a command."""
    return _COMMAND.sub(lambda found: f"{found[1]}: :" if found[1] is not None else "## [", text)


def on_one_line(text: str) -> str:
    """The text with every line break and control shown as an escape."""
    from mmeplan.render import clean

    return clean(text)


def _lines(text: str) -> str:
    return without_commands("\n".join(map(on_one_line, text.split("\n"))))


def _fitted(line: str, width: int) -> str:
    from mmeplan.render.style import columns, wrapped

    if columns(line) <= width or _TO_COPY.match(line):
        return line
    indent = line[: len(line) - len(line.lstrip())]
    return indent + f"\n{indent}  ".join(wrapped(line, width - len(indent) - 2))


def _escaped(char: str) -> str:
    units = char.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))
