"""The door of render: what passes is masked, and every output of a plan is an `Output`.

A `ShownPlan` is a plan as it may be shown. `shown` masks the environment values of containers; `unmasked` is the way to
show them, by its name. Renderers take a `ShownPlan` and never a `Plan`, so that a renderer without a thought for
secrets tells none.

A new output is one file, a function `(ShownPlan, PageOptions) -> str` under `@Output`, and a line in
`mmeplan.render.OUTPUTS`. The command line offers whatever stands there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Concatenate, NewType, ParamSpec, TypeVar

from mmeplan.plan import Plan
from mmeplan.plan.masking import is_masked, masked

__all__ = ["Output", "PageOptions", "ShownPlan", "is_masked", "masks", "shown", "unmasked"]

ShownPlan = NewType("ShownPlan", Plan)

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PageOptions:
    """What an output is asked for beside the plan; each uses what it has a place for.

    `masked`: environment values are masked. `width` is in columns. `next_command` is how to apply the plan; `stale` are
    the reasons why it no longer fits what is live. `budget` is the most characters (UTF-16 units), 0 for the usual.
    `full`: everything that is asked for of every object, and nothing is told once for several.
    """

    masked: bool = True
    width: int = 80
    color: bool = False
    next_command: str = ""
    stale: tuple[str, ...] = ()
    budget: int = 0
    full: bool = False


Renderer = Callable[[ShownPlan, PageOptions], str]


@dataclass(frozen=True, slots=True)
class Output:
    """One output, as callers use it: `render.text(plan, width=100)`. It decorates the renderer."""

    renderer: Renderer

    def __call__(
        self,
        plan: Plan,
        *,
        show_environment: bool = False,
        width: int = 80,
        color: bool = False,
        next_command: str = "",
        stale: tuple[str, ...] = (),
        budget: int = 0,
        full: bool = False,
    ) -> str:
        """The plan in this output; environment values are masked unless they are asked for. See `PageOptions`."""
        options = PageOptions(not show_environment, width, color, next_command, stale, budget, full)
        return self.renderer(unmasked(plan) if show_environment else shown(plan), options)


def shown(plan: Plan) -> ShownPlan:
    """The plan with its environment values masked."""
    return ShownPlan(masked(plan))


def unmasked(plan: Plan) -> ShownPlan:
    """The plan with its environment values as they are, for who asks for them by name."""
    return ShownPlan(plan)


def masks(function: Callable[Concatenate[ShownPlan, P], T]) -> Callable[Concatenate[Plan, P], T]:
    """A function of a shown plan, for callers who hold a `Plan`: what it gets is masked."""

    @wraps(function)
    def masking(plan: Plan, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return function(shown(plan), *args, **kwargs)

    return masking
