"""What is wrong with an input, as text: the answer to a fleet file, a plan file or an option that can't be used.

In: the problems of an `InputError`. Out: one line each, so that editors and `grep` find them, with carets if wanted.
"""

from __future__ import annotations

from collections.abc import Iterable

from mmeplan.errors import Problem
from mmeplan.render.caret import caret_lines
from mmeplan.render.style import MAX_PROSE, clean, paint, shorten


def problems_text(problems: Iterable[Problem], *, color: bool = False, caret: bool = True) -> str:
    """`fleet.yaml:41:9  error  endpoints.x.config: unknown key; did you mean instance_type?`, a line each.

    With `caret` the source line follows, and under it a caret.
    """
    return "".join(f"{line}\n" for problem in problems for line in _lines(problem, color, caret))


def _lines(problem: Problem, color: bool, caret: bool) -> list[str]:
    told = ": ".join(part for part in (problem.path, problem.message) if part)
    if problem.hint:
        told = f"{told}; {problem.hint}"
    parts = [paint(problem.where, "bold", color), paint("error", "danger", color), shorten(told, MAX_PROSE)]
    lines = ["  ".join(part for part in parts if part)]
    if caret and problem.line:
        excerpt = caret_lines(problem.source_line, problem.line, problem.column)
        lines += [f"    {paint(line, 'dim', color)}" for line in excerpt]
    return [line.rstrip() for line in lines if clean(line)]
