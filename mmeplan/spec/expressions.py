"""`"{{ … }}"` inside scalars: Jinja2 expressions, evaluated in its sandbox.

In: a plain value and the names it may use. Out: the value with every expression replaced. The YAML is parsed before
any of this happens, so an expression can produce a value but never a key.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final

from jinja2 import TemplateError, Undefined, meta, nodes
from jinja2.exceptions import TemplateSyntaxError, UndefinedError

from mmeplan.spec.sandbox import MAX_BITS, MAX_NODES, MAX_TEXT, sandbox

MARK: Final = "{{"
MAX_EXPRESSION: Final = 10_000  # characters of a scalar with expressions in it

RESERVED: Final = frozenset({"each", "fleet", "environment", "region", "account"})
"""Names that mmeplan gives to expressions; variables can't take them."""

_SHOWN_CHARS: Final = 80
_environment: Final = sandbox()


class ExpressionError(Exception):
    """An expression that can't be evaluated; the message is a sentence for people."""


def evaluate(value: Any, names: Mapping[str, Any], refuse: Callable[[tuple[str | int, ...], str], None]) -> Any:
    """`value` with every expression in it replaced by what it evaluates to. Keys can't hold expressions.

    Errors don't stop the walk: each goes to `refuse(path, sentence)`, and the expression's text stays in its place.
    """

    def walk(inner: Any, path: tuple[str | int, ...]) -> Any:
        if isinstance(inner, str):
            if MARK not in inner:
                return inner
            try:
                return evaluate_text(inner, names)
            except ExpressionError as error:
                refuse(path, str(error))
                return inner
        if isinstance(inner, dict):
            for key in inner:
                if MARK in key:
                    refuse((*path, key), "an expression can't stand in a key, only in a value")
            return {key: walk(item, (*path, key)) for key, item in inner.items()}
        if isinstance(inner, list):
            return [walk(item, (*path, index)) for index, item in enumerate(inner)]
        return inner

    return walk(value, ())


def evaluate_text(text: str, names: Mapping[str, Any]) -> Any:
    """One scalar: a single whole expression keeps its type, anything else is put together as text.

    Raises ExpressionError.
    """
    if len(text) > MAX_EXPRESSION:
        raise ExpressionError(f"{_shown(text)}: longer than {MAX_EXPRESSION:,} characters")
    evaluator = _compiled(text)
    try:
        return _plain(evaluator(names), [MAX_NODES])
    except UndefinedError as error:
        known = ", ".join(sorted(names)) or "none"
        raise ExpressionError(f"{error.message} (known here: {known})") from None
    except ExpressionError as error:
        raise ExpressionError(f"{_shown(text)}: {error}") from None
    except Exception as error:  # noqa: BLE001 - filters may raise anything, and loading raises nothing but InputError
        raise ExpressionError(f"{_shown(text)}: {error or type(error).__name__}") from None


def names_in(value: Any) -> frozenset[str]:
    """The names that the expressions of a value use. What isn't an expression uses none."""
    if isinstance(value, str):
        return _names_in_text(value) if MARK in value else frozenset()
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return frozenset().union(*(names_in(item) for item in inner))


@lru_cache(maxsize=1_000)
def _names_in_text(text: str) -> frozenset[str]:
    try:
        return frozenset(meta.find_undeclared_variables(_environment.parse(text)))
    except (TemplateError, RecursionError):
        return frozenset()


def _plain(value: Any, budget: list[int]) -> Any:
    """A result as plain data: tuples become lists, marked-up text becomes text. Raises ExpressionError."""
    budget[0] -= 1
    if budget[0] < 0:
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
        return [_plain(item, budget) for item in value]
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {str(key): _plain(item, budget) for key, item in value.items()}
    if isinstance(value, Undefined):
        value._fail_with_undefined_error()
    raise ExpressionError(f"gives a {type(value).__name__}, not a plain value; a `| list` at its end may help")


@lru_cache(maxsize=20_000)
def _compiled(text: str) -> Callable[[Mapping[str, Any]], Any]:
    """The evaluator of a scalar. Raises ExpressionError where it isn't an expression."""
    try:
        parts = [part for output in _environment.parse(text).body for part in _parts(output)]
        if len(parts) == 1 and not isinstance(parts[0], nodes.TemplateData):
            return _whole_expression(parts[0])
        template = _environment.from_string(text)
    except TemplateSyntaxError as error:
        raise ExpressionError(f"{_shown(text)}: not an expression: {error.message}") from None
    except (RecursionError, MemoryError, SyntaxError):  # of Python's own compiler
        raise ExpressionError(f"{_shown(text)}: nested too deeply") from None
    return template.render


def _whole_expression(expression: nodes.Node) -> Callable[[Mapping[str, Any]], Any]:
    """As Environment.compile_expression does, from what is parsed already, so that comments don't matter."""
    body: list[nodes.Node] = [nodes.Assign(nodes.Name("result", "store"), expression, lineno=1)]
    template = _environment.from_string(nodes.Template(body, lineno=1))

    def evaluator(names: Mapping[str, Any]) -> Any:
        context = template.new_context(dict(names))
        list(template.root_render_func(context))  # writes no text; it is run for what it assigns
        return context.vars["result"]

    return evaluator


def _parts(output: nodes.Node) -> list[nodes.Node]:
    if not isinstance(output, nodes.Output):
        raise ExpressionError("only expressions ({{ … }}) are allowed, no statements ({% … %})")
    return [part for part in output.nodes if not (isinstance(part, nodes.TemplateData) and not part.data.strip())]


def _shown(text: str) -> str:
    folded = " ".join(text.split())
    return folded if len(folded) <= _SHOWN_CHARS else folded[: _SHOWN_CHARS - 1] + "…"
