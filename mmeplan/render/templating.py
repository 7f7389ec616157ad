"""The jinja2 environment of the text renderers. Whatever a template interpolates is cleaned, unless it is `Styled`.

Called by `text` and `findings`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from mmeplan.render.layout import Layout
from mmeplan.render.style import Styled, clean, finished


def rendered(template: str, *, width: int, color: bool, **values: Any) -> str:
    """The named template with these values, as it is printed."""
    ui = Layout(width, color)
    return finished(_environment().get_template(template).render(ui=ui, tree=ui.inner(), **values))


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = ImmutableSandboxedEnvironment(
        loader=PackageLoader("mmeplan.render", "templates"),
        autoescape=False,  # text for terminals, not HTML; `finalize` cleans it
        finalize=lambda value: value if isinstance(value, Styled) else clean(value),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["branch"] = lambda text, ui, last: ui.branch(text, last)
    return environment
