"""What an option is where the command line doesn't say it: a variable MMEPLAN_…, then `options` of the fleet file.

Only options that say where and how to look have either. What gives consent or says how far a run goes (--yes, --target,
--allow-outage, --clean, --max-change and the like) is said on the command line, each time. Which credentials are used
has a variable and no place in the file: somebody else may have written that.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, TypeVar

import click
from click.core import ParameterSource

from mmeplan.files import is_folder, is_there
from mmeplan.spec.loading import LOGICAL_NAME
from mmeplan.spec.options import options_of

DEFAULT_FLEET: Final = "fleet.yaml"
OF_FILE: Final = {
    "environment": "environment",
    "lock": "lock_url",
    "color": "color",
    "format": "format_",
    "parallelism": "parallelism",
}
"""Key of `options` → the parameter of commands."""

_KNOWN_FORMATS: Final = ("text", "json", "markdown", "html", "github", "sarif", "mermaid", "dot")
_Said = TypeVar("_Said")


def with_options_of_file(context: click.Context, _: click.Parameter, fleet: Any) -> Any:
    """The callback of FLEET: the file's options become the defaults of the command's. Of several files none do."""
    files = (fleet or (DEFAULT_FLEET,)) if isinstance(fleet, tuple) else (fleet,)
    said = options_of(str(files[0])) if len(files) == 1 else {}
    context.default_map = {OF_FILE[key]: value for key, value in said.items()}
    return fleet


def is_file(word: str) -> bool:
    """Whether a word of a command line is the fleet file, and not an endpoint's name or address."""
    path = Path(word)
    return LOGICAL_NAME.fullmatch(path.name) is None or (is_there(path) and not is_folder(path))


def typed(name: str, value: _Said) -> _Said | None:
    """The value of a parameter if the command line said it, else None."""
    source = click.get_current_context().get_parameter_source(name)
    return value if source is ParameterSource.COMMANDLINE else None


class Format(click.Choice[str]):
    """The formats of a command. Another one is an error on the command line; elsewhere it is meant for other commands,
    and this one prints its first.
    """

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The format that is printed."""
        source = ctx.get_parameter_source(param.name or "") if ctx and param else None
        elsewhere = source in (ParameterSource.ENVIRONMENT, ParameterSource.DEFAULT_MAP)
        if elsewhere and value in _KNOWN_FORMATS and value not in self.choices:
            value = next(iter(self.choices))
        return super().convert(value, param, ctx)
