"""Numbers on the command line: `nan` and `inf` are floats to Python, and neither times nor sizes to anybody."""

from __future__ import annotations

import math
from typing import Any

import click


class FiniteRange(click.FloatRange):
    """A number in a range. Refuses what is not a number, and what is without end."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The number. Raises click.BadParameter."""
        made = super().convert(value, param, ctx)
        if not math.isfinite(made):
            self.fail(f"{value} is no finite number.", param, ctx)
        return made
