"""`"{{ … }}"` inside scalars: Jinja2 expressions.

In: a plain value and the names it may use. Out: the value with every expression replaced. The YAML is parsed before
any of this happens, so an expression can produce a value but never a key.

What an expression may do, what it costs and how large its result may be is the sandbox's (sandbox.py).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from itertools import islice
from typing import Any, Final

from jinja2 import TemplateError, nodes
from jinja2.exceptions import TemplateSyntaxError, UndefinedError
from jinja2.runtime import Undefined

from mmeplan.spec.budget import Budget, OverBudgetError
from mmeplan.spec.sandbox import ENVIRONMENT, MAX_BITS, MAX_NODES, MAX_TEXT, drawing_on, meant

MARK: Final = "{{"
MAX_EXPRESSION: Final = 10_000  # characters of a scalar with expressions in it

RESERVED: Final = frozenset({"each", "fleet", "environment", "region", "account"})
"""Names that mmeplan gives to expressions; variables can't take them."""

_SHOWN_CHARS: Final = 80
_MESSAGE_CHARS: Final = 1000  # of what a library says of an expression: it may repeat a value
_NAMES_SHOWN: Final = 50
_EVALUATION_STEPS: Final = 8  # and one for each so many characters of the expression:
_EVALUATED: Final = 16


class ExpressionError(Exception):
    """An expression that can't be evaluated; the message is a sentence for people."""


def evaluate(
    value: Any,
    names: Mapping[str, Any],
    refuse: Callable[[tuple[str | int, ...], str], None],
    budget: Budget | None = None,
) -> Any:
    """`value` with every expression in it replaced by what it evaluates to. Keys can't hold expressions.

    Errors don't stop the walk: each goes to `refuse(path, sentence)`, and the expression's text stays in its place.
    Raises OverBudgetError, with the path.
    """
    budget = budget or Budget()

    def walk(inner: Any, path: tuple[str | int, ...]) -> Any:
        if isinstance(inner, str):
            if MARK not in inner:
                return inner
            try:
                return evaluate_text(inner, names, budget)
            except ExpressionError as error:
                refuse(path, str(error))
                return inner
            except OverBudgetError as error:
                error.path = path
                raise
        if isinstance(inner, dict):
            for key in inner:
                if MARK in key:
                    refuse((*path, key), "an expression can't stand in a key, only in a value")
            return {key: walk(item, (*path, key)) for key, item in inner.items()}
        if isinstance(inner, list):
            return [walk(item, (*path, index)) for index, item in enumerate(inner)]
        return inner

    return walk(value, ())


def evaluate_text(text: str, names: Mapping[str, Any], budget: Budget | None = None) -> Any:
    """One scalar: a single whole expression keeps its type, anything else is put together as text.

    What it takes and makes is drawn from the budget. Raises ExpressionError, OverBudgetError.
    """
    budget = budget or Budget()
    if len(text) > MAX_EXPRESSION:
        raise ExpressionError(f"{_shown(text)}: longer than {MAX_EXPRESSION:,} characters")
    evaluator = budget.compiled.get(text)
    if evaluator is None:
        budget.compile(text)
        evaluator = budget.compiled[text] = _compiled(text)
    budget.work(steps_of(text))
    try:
        counted = [0]
        with drawing_on(budget):
            made = _plain(evaluator(names), counted)
        budget.make(counted[0] - 1)  # its place is counted as that of the expression
        return made
    except OverBudgetError:
        raise
    except UndefinedError as error:
        raise ExpressionError(_undefined(text, str(error.message), names, budget)) from None
    except ExpressionError as error:
        raise ExpressionError(f"{_shown(text)}: {error}") from None
    except Exception as error:  # noqa: BLE001 - filters may raise anything, and loading raises nothing but InputError
        raise ExpressionError(f"{_shown(text)}: {_cut(str(error)) or type(error).__name__}") from None


def steps_of(value: Any) -> int:
    """The steps that an evaluation of all expressions in a value takes, besides what they do."""
    if isinstance(value, str):
        return _EVALUATION_STEPS + len(value) // _EVALUATED if MARK in value else 0
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return sum(map(steps_of, inner))


def _listed(names: Mapping[str, Any]) -> str:
    if len(names) > _NAMES_SHOWN:
        return f"{', '.join(islice(names, _NAMES_SHOWN))} and {len(names) - _NAMES_SHOWN:,} more"
    return ", ".join(sorted(names)) or "none"


def _cut(message: str) -> str:
    return message if len(message) <= _MESSAGE_CHARS else message[: _MESSAGE_CHARS - 1] + "…"


def _undefined(text: str, message: str, names: Mapping[str, Any], budget: Budget) -> str:
    """What is said of a name that isn't there: the closest one, or all that are."""
    name = re.fullmatch(r"'(\w+)' is undefined", message)
    if name is None:
        return f"{_shown(text)}: {_cut(message)}"
    with drawing_on(budget):
        return message + (meant(name[1], names) or f" (known here: {_listed(names)})")


def names_in(value: Any) -> frozenset[str]:
    """The names that the expressions of a value use. What isn't an expression uses none."""
    if isinstance(value, str):
        return _names_in_text(value) if MARK in value and len(value) <= MAX_EXPRESSION else frozenset()
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return frozenset().union(*(names_in(item) for item in inner))


def pieces(text: str, names: Mapping[str, Any], budget: Budget | None = None) -> list[str | None]:
    """A scalar as its parts in order: literal text, what an expression gives with these names alone, None where it
    gives nothing with them (it uses others, such as `each`). Raises OverBudgetError.
    """
    budget = budget or Budget()
    if len(text) > MAX_EXPRESSION:
        return [None]
    try:
        parts = [
            part for output in ENVIRONMENT.parse(text).body if isinstance(output, nodes.Output) for part in output.nodes
        ]
    except (TemplateError, RecursionError):
        return [None]
    budget.compile(text)
    budget.work(steps_of(text))
    return [part.data if isinstance(part, nodes.TemplateData) else _given(part, names, budget) for part in parts]


def _given(expression: nodes.Node, names: Mapping[str, Any], budget: Budget) -> str | None:
    try:
        with drawing_on(budget):
            value = _plain(_whole_expression(expression, sorted(_names_of(expression)))(names), [0])
    except OverBudgetError:
        raise
    except Exception:  # noqa: BLE001 - filters may raise anything
        return None
    return str(value) if isinstance(value, (str, int, float)) else None


@lru_cache(maxsize=1_000)
def _names_in_text(text: str) -> frozenset[str]:
    try:
        return _names_of(ENVIRONMENT.parse(text))
    except (TemplateError, RecursionError):
        return frozenset()


def _names_of(tree: nodes.Node) -> frozenset[str]:
    """As jinja2.meta finds them, in one walk: without statements a name is never assigned to."""
    found: set[str] = set()
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, nodes.Name):
            found.add(node.name)
        waiting.extend(node.iter_child_nodes())
    return frozenset(found)


def _plain(value: Any, counted: list[int]) -> Any:
    """A result as plain data: tuples become lists, marked-up text becomes text. Raises ExpressionError."""
    counted[0] += 1
    if counted[0] > MAX_NODES:
        raise ExpressionError(f"gives more than {MAX_NODES:,} values")
    if value is None or isinstance(value, (bool, float)):
        return value
    if isinstance(value, str):
        if len(value) > MAX_TEXT:
            raise ExpressionError(f"gives more than {MAX_TEXT:,} characters")
        return value if type(value) is str else str(value)
    if isinstance(value, int):
        if value.bit_length() > MAX_BITS:
            raise ExpressionError("gives a number that is too large")
        return value
    if isinstance(value, (list, tuple)):
        return [_plain(item, counted) for item in value]
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {str(key): _plain(item, counted) for key, item in value.items()}
    if isinstance(value, Undefined):
        value._fail_with_undefined_error()
    raise ExpressionError(f"gives a {type(value).__name__}, not a plain value; a `| list` at its end may help")


def _compiled(text: str) -> Callable[[Mapping[str, Any]], Any]:
    """The evaluator of a scalar. Raises ExpressionError where it isn't an expression."""
    try:
        tree = ENVIRONMENT.parse(text)
        parts = [part for output in tree.body for part in _parts(output)]
        used = sorted(_names_of(tree))
        if len(parts) == 1 and not isinstance(parts[0], nodes.TemplateData):
            return _whole_expression(parts[0], used)
        template = ENVIRONMENT.from_string(text)
    except TemplateSyntaxError as error:
        raise ExpressionError(f"{_shown(text)}: not an expression: {error.message}") from None
    except (RecursionError, MemoryError, SyntaxError):  # of Python's own compiler
        raise ExpressionError(f"{_shown(text)}: nested too deeply") from None
    return lambda names: template.render(_chosen(names, used))


def _whole_expression(expression: nodes.Node, used: list[str]) -> Callable[[Mapping[str, Any]], Any]:
    """As Environment.compile_expression does, from what is parsed already, so that comments don't matter."""
    body: list[nodes.Node] = [nodes.Assign(nodes.Name("result", "store"), expression, lineno=1)]
    template = ENVIRONMENT.from_string(nodes.Template(body, lineno=1))

    def evaluator(names: Mapping[str, Any]) -> Any:
        context = template.new_context(_chosen(names, used))
        list(template.root_render_func(context))  # writes no text; it is run for what it assigns
        return context.vars["result"]

    return evaluator


def _chosen(names: Mapping[str, Any], used: list[str]) -> dict[str, Any]:
    """The names that an expression uses: Jinja2 copies all that it is given."""
    return {name: names[name] for name in used if name in names}


def _parts(output: nodes.Node) -> list[nodes.Node]:
    if not isinstance(output, nodes.Output):
        raise ExpressionError("only expressions ({{ … }}) are allowed, no statements ({% … %})")
    return [part for part in output.nodes if not (isinstance(part, nodes.TemplateData) and not part.data.strip())]


def _shown(text: str) -> str:
    folded = " ".join(text.split())
    return folded if len(folded) <= _SHOWN_CHARS else folded[: _SHOWN_CHARS - 1] + "…"
