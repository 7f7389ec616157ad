"""`"{{ … }}"` inside scalars: Jinja2 expressions, evaluated in its sandbox, with a bound on all that can explode.

In: a plain value and the names it may use. Out: the value with every expression replaced. The YAML is parsed before
any of this happens, so an expression can produce a value but never a key.

A fleet file may come from a pull request, and `validate` and `plan` run on it before anybody has read it. So besides
the sandbox (no attributes that lead out, no statements, nothing that changes a value) every operator, filter and method
whose result can be much larger than what goes into it is bounded here. Filters without a use in a fleet file that can
explode, or that give another answer each time, are left out: `random`, `wordwrap`, `urlize` and a few more.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache, wraps
from typing import Any, Final

from jinja2 import TemplateError, meta, nodes
from jinja2.compiler import CodeGenerator, Frame
from jinja2.exceptions import SecurityError, TemplateSyntaxError, UndefinedError
from jinja2.runtime import StrictUndefined, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

MARK: Final = "{{"
MAX_EXPRESSION: Final = 10_000  # characters of a scalar with expressions in it

RESERVED: Final = frozenset({"each", "fleet", "environment", "region", "account"})
"""Names that mmeplan gives to expressions; variables can't take them."""

_SHOWN_CHARS: Final = 80
_SHOWN_NAMES: Final = 20


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
        raise ExpressionError(_undefined(text, str(error.message), names)) from None
    except ExpressionError as error:
        raise ExpressionError(f"{_shown(text)}: {error}") from None
    except Exception as error:  # noqa: BLE001 - filters may raise anything, and loading raises nothing but InputError
        raise ExpressionError(f"{_shown(text)}: {error or type(error).__name__}") from None


def _undefined(text: str, message: str, names: Mapping[str, Any]) -> str:
    """What is said of a name that isn't there: the closest one, or all that are."""
    name = re.fullmatch(r"'(\w+)' is undefined", message)
    if name is None:
        return f"{_shown(text)}: {message}"
    return message + (_meant(name[1], names) or f" (known here: {', '.join(sorted(names)) or 'none'})")


def _meant(word: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean {close[0]}?" if close else ""


class _Missing(StrictUndefined):
    """What isn't there. A mapping says which attributes it has: a row of a table, its columns."""

    @property
    def _undefined_message(self) -> str:
        word, holder = self._undefined_name, self._undefined_obj
        if self._undefined_hint:  # the sandbox's own reason
            return super()._undefined_message
        if isinstance(holder, Mapping):
            known = [str(name) for name in holder]
            shown = ", ".join(known[:_SHOWN_NAMES]) + (", …" if len(known) > _SHOWN_NAMES else "")
            return f"has no attribute {word!r}{_meant(str(word), known) or f'; there are {shown}'}"
        if isinstance(holder, (str, int, float)):
            return f"there is no attribute {word!r} of {'a text' if isinstance(holder, str) else 'a number'}"
        return super()._undefined_message


def names_in(value: Any) -> frozenset[str]:
    """The names that the expressions of a value use. What isn't an expression uses none."""
    if isinstance(value, str):
        return _names_in_text(value) if MARK in value else frozenset()
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return frozenset().union(*(names_in(item) for item in inner))


def pieces(text: str, names: Mapping[str, Any]) -> list[str | None]:
    """A scalar as its parts in order: literal text, what an expression gives with these names alone, None where it
    gives nothing with them (it uses others, such as `each`).
    """
    try:
        parts = [
            part
            for output in _environment.parse(text).body
            if isinstance(output, nodes.Output)
            for part in output.nodes
        ]
    except (TemplateError, RecursionError):
        return [None]
    return [part.data if isinstance(part, nodes.TemplateData) else _given(part, names) for part in parts]


def _given(expression: nodes.Node, names: Mapping[str, Any]) -> str | None:
    try:
        value = _plain(_whole_expression(expression)(names), [MAX_NODES])
    except Exception:  # noqa: BLE001 - filters may raise anything
        return None
    return str(value) if isinstance(value, (str, int, float)) else None


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


# --- the sandbox ------------------------------------------------------------------------------------------------------


MAX_TEXT: Final = 100_000  # characters of one text; the API's longest member has 4,096
MAX_NODES: Final = 1_000_000  # values in one result, nested ones counted
MAX_BITS: Final = 4096  # of an integer
MAX_WIDTH: Final = 1000  # of padding, indentation, batches, digits

_LEFT_OUT: Final = ("filesizeformat", "pprint", "random", "urlize", "wordcount", "wordwrap", "xmlattr")
_GROWING_METHODS: Final = frozenset(
    {"center", "encode", "expandtabs", "format", "format_map", "ljust", "rjust", "to_bytes", "translate", "zfill"}
)
# A width or precision of four digits or from an argument, with or without a key before it; a key with parentheses.
_WIDE_FORMAT: Final = re.compile(r"%(\([^()]*\))?[^a-zA-Z%]*(\*|[0-9]{4,})|%\([^()]*\(")


def sandbox() -> ImmutableSandboxedEnvironment:
    """A fresh environment for expressions; undefined names are refused."""
    environment = _Sandbox(
        undefined=_Missing,
        cache_size=0,
        keep_trailing_newline=True,
        finalize=_inside_text,
        optimized=False,  # the optimizer's work grows with the cube of a chain of filters
    )
    environment.globals = {"range": environment.globals["range"]}
    for name in _LEFT_OUT:
        environment.filters.pop(name)
    for name, made in _BOUNDED_FILTERS.items():
        environment.filters[name] = made(environment.filters[name])
    return environment


def size_of(value: Any, limit: int = MAX_NODES) -> int:
    """How many nodes and characters a value has, nested ones counted each time they appear; stops above `limit`."""
    total = 0
    waiting = [value]
    while waiting and total <= limit:
        inner = waiting.pop()
        total += 1
        if isinstance(inner, str):
            total += len(inner)
        elif isinstance(inner, int):
            total += inner.bit_length() // 64
        elif isinstance(inner, dict):
            waiting.extend(inner)
            waiting.extend(inner.values())
        elif isinstance(inner, (list, tuple)):
            if total + len(inner) > limit:
                return limit + 1
            waiting.extend(inner)
    return total


def _inside_text(value: Any) -> Any:
    """What stands for a value inside a longer text: as YAML spells it, never as Python does."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        raise SecurityError("null can't stand inside a text; `| default('…', true)` gives it a value")
    if isinstance(value, (list, tuple, dict)):
        raise SecurityError("a list or mapping can't stand inside a text; try `| join(',')` or `| tojson`")
    if not isinstance(value, (str, int, float, Undefined)):
        raise SecurityError(f"a {type(value).__name__} can't stand inside a text")
    return value


def _put_together(parts: Iterable[Any]) -> str:
    """The parts of a text as one. Raises SecurityError before they are joined where that is too long."""
    texts, length = [], 0
    for part in map(str, parts):
        length += len(part)
        if length > MAX_TEXT:
            raise SecurityError(f"gives more than {MAX_TEXT:,} characters")
        texts.append(part)
    return "".join(texts)


class _Code(CodeGenerator):
    def visit_Concat(self, node: nodes.Concat, frame: Frame) -> None:  # noqa: N802 - Jinja2's own name
        """`a ~ b`, which Jinja2 has as one node and not as an operator that could be intercepted."""
        self.write("environment.concat((")
        for part in node.nodes:
            self.visit(part, frame)
            self.write(", ")
        self.write("))")


class _Sandbox(ImmutableSandboxedEnvironment):
    intercepted_binops = frozenset({"**", "*", "%", "+"})
    code_generator_class = _Code
    concat = staticmethod(_put_together)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        _check_operator(operator, left, right)
        return super().call_binop(context, operator, left, right)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        if isinstance(obj, (str, int)) and attr in _GROWING_METHODS:
            return False
        return super().is_safe_attribute(obj, attr, value)

    def wrap_str_format(self, value: Any) -> None:
        """`str.format` is no exception from `is_safe_attribute`."""
        return

    def call(self, context: Any, obj: Any, /, *args: Any, **kwargs: Any) -> Any:
        owner, name = getattr(obj, "__self__", None), getattr(obj, "__name__", "")
        if isinstance(owner, str) and name == "replace":
            _check_replacement(owner, *args[:2])
        elif isinstance(owner, str) and name == "join" and args:
            items = list(args[0])
            _check_joined(owner, items)
            args = (items, *args[1:])
        return super().call(context, obj, *args, **kwargs)


def _check_operator(operator: str, left: Any, right: Any) -> None:
    if operator == "%":
        if isinstance(left, str):
            _check_format(left, right)
    elif operator == "+":
        if isinstance(left, (str, list, tuple)) and isinstance(right, (str, list, tuple)):
            _check_length(len(left) + len(right), left)
    elif isinstance(left, int) and isinstance(right, int):
        bits = left.bit_length() * abs(right) if operator == "**" else left.bit_length() + right.bit_length()
        if bits > MAX_BITS:
            raise SecurityError("the number is too large")
    elif operator == "*":
        for sequence, times in ((left, right), (right, left)):
            if isinstance(sequence, (str, list, tuple)) and isinstance(times, int):
                _check_length(size_of(sequence) * times, sequence)


def _check_length(length: int, kind: Any) -> None:
    if length > (MAX_TEXT if isinstance(kind, str) else MAX_NODES):
        raise SecurityError("the result is too long")


def _check_format(text: str, given: Any) -> None:
    if _WIDE_FORMAT.search(text):
        raise SecurityError("the format is too wide")
    if isinstance(given, dict):  # each of its values may stand in the text several times
        added = text.count("%(") * max((_length_of(value) for value in given.values()), default=0)
    else:
        added = sum(_length_of(value) for value in (given if isinstance(given, tuple) else (given,)))
    _check_length(len(text) + added, text)


def _length_of(value: Any) -> int:
    return len(value) if isinstance(value, str) else size_of(value, MAX_TEXT)


def _check_replacement(text: str, old: Any = "", new: Any = "") -> None:
    _check_length(len(text) + (text.count(str(old)) if old else len(text) + 1) * len(str(new)), text)


def _check_joined(separator: str, items: list[Any]) -> None:
    _check_length(sum(size_of(item, MAX_TEXT) for item in items) + len(separator) * len(items), "")


# --- filters --------------------------------------------------------------------------------------------------------

Filter = Callable[..., Any]


def _checked(check: Callable[..., None]) -> Callable[[Filter], Filter]:
    """A filter that `check(value, *arguments)` may refuse first."""

    def made(original: Filter) -> Filter:
        skipped = 1 if hasattr(original, "jinja_pass_arg") else 0  # the context that Jinja2 passes first

        @wraps(original)
        def bounded(*args: Any, **kwargs: Any) -> Any:
            check(*args[skipped:], **kwargs)
            return original(*args, **kwargs)

        return bounded

    return made


def _no_wide_numbers(_value: Any, *args: Any, **kwargs: Any) -> None:
    for argument in (*args, *kwargs.values()):
        wide_number = isinstance(argument, (int, float)) and abs(argument) > MAX_WIDTH
        if wide_number or (isinstance(argument, str) and len(argument) > MAX_WIDTH):
            raise SecurityError(f"an argument is larger than {MAX_WIDTH}")


def _no_long_indentation(value: Any, width: Any = 4, *_args: Any, **_kwargs: Any) -> None:
    _no_wide_numbers(value, width)
    lines = str(value).splitlines()
    _check_length(sum(map(len, lines)) + len(lines) * _width_of(width), "")


def _no_long_json(value: Any, indent: Any = None) -> None:
    _no_wide_numbers(value, indent)
    _check_length(size_of(value) * (1 + _width_of(indent or 0)), "")


def _width_of(indentation: Any) -> int:
    return len(indentation) if isinstance(indentation, str) else int(indentation)


def _no_long_text(value: Any) -> None:
    """Of what is escaped, which may be done again and again."""
    _check_length(_length_of(value), "")


def _no_long_replacement(value: Any, old: Any = "", new: Any = "", *_args: Any, **_kwargs: Any) -> None:
    _check_replacement(str(value), str(old), str(new))


def _joining(original: Filter) -> Filter:
    @wraps(original)
    def bounded(context: Any, value: Iterable[Any], d: str = "", attribute: Any = None) -> Any:
        items = list(value)
        _check_joined(str(d), items)
        return original(context, items, d, attribute)

    return bounded


def _summing(original: Filter) -> Filter:
    @wraps(original)
    def bounded(environment: Any, iterable: Iterable[Any], attribute: Any = None, start: Any = 0) -> Any:
        items = list(iterable)
        if not isinstance(start, (int, float)):
            _check_length(size_of(items), [])
        return original(environment, items, attribute, start)

    return bounded


def _mapping(original: Filter) -> Filter:
    @wraps(original)
    def bounded(context: Any, value: Iterable[Any], *args: Any, **kwargs: Any) -> Iterator[Any]:
        total = 0
        for item in original(context, value, *args, **kwargs):
            total += size_of(item)
            _check_length(total, [])
            yield item

    return bounded


_BOUNDED_FILTERS: Final[dict[str, Callable[[Filter], Filter]]] = {
    "batch": _checked(_no_wide_numbers),
    "center": _checked(_no_wide_numbers),
    "e": _checked(_no_long_text),
    "escape": _checked(_no_long_text),
    "forceescape": _checked(_no_long_text),
    "format": _checked(lambda value, *args, **kwargs: _check_format(str(value), kwargs or args)),
    "indent": _checked(_no_long_indentation),
    "join": _joining,
    "map": _mapping,
    "replace": _checked(_no_long_replacement),
    "round": _checked(_no_wide_numbers),
    "slice": _checked(_no_wide_numbers),
    "sum": _summing,
    "tojson": _checked(_no_long_json),
    "urlencode": _checked(_no_long_text),
}

_environment: Final = sandbox()
