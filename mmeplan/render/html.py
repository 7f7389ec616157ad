"""The plan as a report for a browser: one file that needs nothing else.

In: a `Plan`. Out: HTML. Whatever a template interpolates is cleaned and escaped. The page asks for nothing over the
network and runs nothing but its own script: its Content-Security-Policy allows the one style sheet and the one script
that are in it, by their SHA-256. It reads well without the script. Pure.

Sources: W3C Content Security Policy Level 3, "hash-source"; `frame-ancestors` has no effect in a meta element.
"""

from __future__ import annotations

import base64
import hashlib
from functools import lru_cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup

from mmeplan.plan.document import Plan
from mmeplan.plan.masking import masked
from mmeplan.render.markup import quoted_parts
from mmeplan.render.page import page
from mmeplan.render.style import clean


def html(plan: Plan, *, show_environment: bool = False, next_command: str = "", stale: tuple[str, ...] = ()) -> str:
    """The plan as a page. `next_command` is how to apply it; `stale` are the reasons why it fits the world no more."""
    style, script = asset("page.css"), asset("page.js")
    policy = f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; base-uri 'none'"
    return (
        _environment()
        .get_template("plan.html.j2")
        .render(
            page=page(plan if show_environment else masked(plan)),
            next_command=next_command,
            stale=stale,
            policy=f"{policy}; form-action 'none'",
            style=Markup(style),  # noqa: S704 - ours, a file of this package
            script=Markup(script),  # noqa: S704
        )
    )


@lru_cache(maxsize=2)
def asset(name: str) -> str:
    """The text of a file in templates/ that goes into the page as it is."""
    return files("mmeplan.render").joinpath("templates", name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """The text as a CSP source: `'sha256-…'`."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = ImmutableSandboxedEnvironment(
        loader=PackageLoader("mmeplan.render", "templates"),
        autoescape=True,
        finalize=lambda value: value if isinstance(value, Markup) else clean(value),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["words"] = _words
    return environment


def _words(text: str) -> Markup:
    """A sentence in which what stands between backticks is code."""
    code, plain = Markup("<code>{}</code>"), Markup("{}")
    return Markup("").join((code if is_code else plain).format(part) for part, is_code in quoted_parts(clean(text)))
