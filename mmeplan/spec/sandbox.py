"""The sandbox of expressions: what they may do, what each operation costs, and how large its result may be.

A fleet file may come from a pull request, and `validate` and `plan` run on it before anybody has read it. Jinja2's own
sandbox keeps expressions from attributes that lead out and from changing values. Here every operator, comparison,
slice, filter, test and method call pays for what it looks at and for what it makes, from the file's `Budget`
(`drawing_on`); and what can be much larger than what goes into it is held against a bound of its own before it is made.

Filters without a use in a fleet file that can explode, or that give another answer each time, are left out: `random`,
`wordwrap`, `urlize` and a few more.
"""

from __future__ import annotations

import difflib
import operator
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any, Final

from jinja2 import nodes
from jinja2.compiler import CodeGenerator, Frame
from jinja2.exceptions import SecurityError
from jinja2.runtime import StrictUndefined, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from mmeplan.spec.budget import MAX_STEPS, Budget

MAX_TEXT: Final = 100_000  # characters of one text; the API's longest member has 4,096
MAX_NODES: Final = 1_000_000  # values in one result, nested ones counted
MAX_BITS: Final = 4096  # of an integer
MAX_WIDTH: Final = 1000  # of padding, indentation, batches, digits

_SHOWN_NAMES: Final = 20
_CLOSENESS: Final = 50  # steps of holding a word against another
_LEFT_OUT: Final = ("filesizeformat", "pprint", "random", "urlize", "wordcount", "wordwrap", "xmlattr")
_GROWING_METHODS: Final = frozenset(
    {"center", "encode", "expandtabs", "format", "format_map", "ljust", "rjust", "to_bytes", "translate", "zfill"}
)
# A width or precision of four digits or from an argument, with or without a key before it; a key with parentheses.
_WIDE_FORMAT: Final = re.compile(r"%(\([^()]*\))?[^a-zA-Z%]*(\*|[0-9]{4,})|%\([^()]*\(")
_FORMAT_WIDTH: Final = re.compile(r"%(?:\([^()]*\))?[#0 +-]*([0-9]*)(?:\.([0-9]*))?")

_budget: Final[ContextVar[Budget]] = ContextVar("budget")


@contextmanager
def drawing_on(budget: Budget) -> Iterator[None]:
    """What is evaluated inside is paid from this budget; operations raise its OverBudgetError."""
    token = _budget.set(budget)
    try:
        yield
    finally:
        _budget.reset(token)


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
    for name, bound in _BOUNDED_FILTERS.items():
        environment.filters[name] = bound(environment.filters[name])
    filters: dict[str, Any] = {**environment.filters}
    tests: dict[str, Any] = {**environment.tests}
    environment.filters |= {name: _paid(made, _FILTER_WORK.get(name, _deep_work)) for name, made in filters.items()}
    environment.tests |= {name: _paid(made, _TEST_WORK.get(name, _no_work)) for name, made in tests.items()}
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
    _budget.get().make(0, length)
    return "".join(texts)


def meant(word: str, known: Iterable[str]) -> str:
    """What is said of a name that is close to one that there is; empty where there is none."""
    known = list(known)
    _budget.get().work(len(known) * _CLOSENESS)
    close = difflib.get_close_matches(word, known, n=1)
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
            return f"has no attribute {word!r}{meant(str(word), known) or f'; there are {shown}'}"
        if isinstance(holder, (str, int, float)):
            return f"there is no attribute {word!r} of {'a text' if isinstance(holder, str) else 'a number'}"
        return super()._undefined_message


class _Code(CodeGenerator):
    def visit_Concat(self, node: nodes.Concat, frame: Frame) -> None:  # noqa: N802 - Jinja2's own name
        """`a ~ b`, which Jinja2 has as one node and not as an operator that could be intercepted."""
        self.write("environment.concat((")
        for part in node.nodes:
            self.visit(part, frame)
            self.write(", ")
        self.write("))")

    def visit_Compare(self, node: nodes.Compare, frame: Frame) -> None:  # noqa: N802 - Jinja2's own name
        """Comparisons, which Jinja2 writes as Python's."""
        self.write("environment.compare(")
        self.visit(node.expr, frame)
        for operand in node.ops:
            self.write(f", ({operand.op!r}, ")
            self.visit(operand.expr, frame)
            self.write(")")
        self.write(")")

    def visit_Getitem(self, node: nodes.Getitem, frame: Frame) -> None:  # noqa: N802 - Jinja2's own name
        """Slices, which Jinja2 writes as Python's."""
        if not isinstance(node.arg, nodes.Slice):
            super().visit_Getitem(node, frame)
            return
        self.write("environment.sliced(")
        self.visit(node.node, frame)
        for end in (node.arg.start, node.arg.stop, node.arg.step):
            self.write(", ")
            self.visit(end or nodes.Const(None), frame)
        self.write(")")


_COMPARISONS: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "lt": operator.lt,
    "lteq": operator.le,
    "gt": operator.gt,
    "gteq": operator.ge,
    "in": lambda item, container: item in container,
    "notin": lambda item, container: item not in container,
}


class _Sandbox(ImmutableSandboxedEnvironment):
    intercepted_binops = frozenset({"**", "*", "%", "+", "-"})
    code_generator_class = _Code
    concat = staticmethod(_put_together)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        deep = operator in "*%"
        _pay(1 + sum(_work_of(side, deep=deep) for side in (left, right)))
        _check_operator(operator, left, right)
        return _made(super().call_binop(context, operator, left, right))

    @staticmethod
    def compare(left: Any, *operands: tuple[str, Any]) -> Any:
        """`left < a <= b`, as Python chains it."""
        found: Any = True
        for name, operand in operands:
            right = _listed(operand)
            if name in ("in", "notin"):
                _pay(1 + _membership_work(left, right))
            else:
                _pay(1 + _comparison_work(left, right))
            found = _COMPARISONS[name](left, right)
            if not found:
                break
            left = right
        return found

    @staticmethod
    def sliced(value: Any, start: Any, stop: Any, step: Any) -> Any:
        """`value[start:stop:step]`."""
        _pay(1)
        return _made(value[start:stop:step])

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        if isinstance(obj, (str, int)) and attr in _GROWING_METHODS:
            return False
        return super().is_safe_attribute(obj, attr, value)

    def wrap_str_format(self, value: Any) -> None:
        """`str.format` is no exception from `is_safe_attribute`."""
        return

    def call(self, context: Any, obj: Any, /, *args: Any, **kwargs: Any) -> Any:
        owner, name = getattr(obj, "__self__", None), getattr(obj, "__name__", "")
        args = tuple(map(_listed, args))
        _pay(_call_work(owner, name, (*args, *kwargs.values())))
        if isinstance(owner, str) and name == "replace":
            _check_replacement(owner, *args[:2])
        elif isinstance(owner, str) and name == "join" and args:
            items = list(args[0])
            _check_joined(owner, items)
            args = (items, *args[1:])
        return _made(super().call(context, obj, *args, **kwargs))


# --- what operations cost ---------------------------------------------------------------------------------------------


_TEXT_STEP: Final = 16  # characters of a text that are looked at in a step
_SCANNED: Final = 64  # pairs of characters, where a search may hold each against each
_VIEWS: Final[tuple[Any, ...]] = (type({}.keys()), type({}.values()), type({}.items()))
_COLLECTIONS: Final[tuple[Any, ...]] = (list, tuple, dict, set, frozenset, range, *_VIEWS)
_FLAT: Final = frozenset({int, float, bool, type(None)})
_LIST_NODES: Final = 4  # values that a list takes as much memory as, besides its items
_CALL_STEPS: Final = 2
_LIST_STEPS: Final = 8  # of a list among items, besides its own
_SEARCHES: Final = frozenset({"lstrip", "rfind", "rindex", "rpartition", "rsplit", "rstrip", "strip", "trim"})
_LOOK_UPS: Final = frozenset({"get", "items", "keys", "values"})


def _pay(steps: int) -> None:
    _budget.get().work(steps)


def _work_of(value: Any, *, deep: bool = True) -> int:
    """The steps of a look at all of a value; `deep`: at what is nested in it, too."""
    if isinstance(value, str):
        return len(value) // _TEXT_STEP
    if not isinstance(value, _COLLECTIONS):
        return 0
    if isinstance(value, range) or not deep:
        return len(value)
    steps = 0
    waiting: list[Any] = [value]
    while waiting and steps <= MAX_STEPS:
        inner = waiting.pop()
        steps += len(inner)
        for items in (inner, inner.values()) if isinstance(inner, dict) else (inner,):
            kinds = set(map(type, items))
            if kinds <= _FLAT:
                continue
            if kinds == {str}:
                steps += sum(map(len, items)) // _TEXT_STEP
                continue
            for item in items:
                if isinstance(item, str):
                    steps += len(item) // _TEXT_STEP
                elif isinstance(item, range):
                    steps += len(item)
                elif isinstance(item, _COLLECTIONS):
                    steps += _LIST_STEPS
                    waiting.append(item)
    return steps


def _comparison_work(left: Any, right: Any) -> int:
    """`left < right`: both are walked in step, as far as the shorter goes."""
    if isinstance(left, _COLLECTIONS) and isinstance(right, _COLLECTIONS):
        return min(_work_of(left), _work_of(right))
    return min(_work_of(left, deep=False), _work_of(right, deep=False))


def _membership_work(item: Any, container: Any) -> int:
    """`item in container`: it is compared with each of the items, or looked for in the text."""
    if isinstance(container, (dict, set, frozenset, type({}.keys()))) or (
        isinstance(container, range) and isinstance(item, int)
    ):
        return _work_of(item)
    if isinstance(item, _COLLECTIONS) or (isinstance(item, str) and len(item) > _TEXT_STEP):
        return _work_of(container)
    return _work_of(container, deep=False)


def _call_work(owner: Any, name: str, arguments: tuple[Any, ...]) -> int:
    """`owner.name(arguments)`, of a text, a list, a mapping or `range`."""
    given = sum(map(_work_of, arguments))
    if isinstance(owner, dict) and name in _LOOK_UPS:
        return _CALL_STEPS + given
    if isinstance(owner, str) and name in _SEARCHES:
        given += _search_work(owner, *arguments)
    if isinstance(owner, str) and name == "striptags":
        given += _striptags_work(owner)
    return _CALL_STEPS + given + _work_of(owner)


def _search_work(text: Any, *sought: Any) -> int:
    """A search that may hold each character against each."""
    longest = max((len(each) for each in sought if isinstance(each, str)), default=0)
    return len(text) * longest // _SCANNED if isinstance(text, str) else 0


def _striptags_work(text: Any) -> int:
    """The text is copied for each tag in it."""
    return text.count("<") * len(text) // _SCANNED if isinstance(text, str) else 0


def _no_work(*_arguments: Any, **_named: Any) -> int:
    return 0


def _shallow_work(*arguments: Any, **_named: Any) -> int:
    return _work_of(arguments[0], deep=False) if arguments else 0


def _deep_work(*arguments: Any, **named: Any) -> int:
    return sum(map(_work_of, (*arguments, *named.values())))


def _sorting_work(*arguments: Any, **named: Any) -> int:
    steps = _deep_work(*arguments, **named)
    return steps * max(1, steps.bit_length())


_FILTER_WORK: Final[dict[str, Callable[..., int]]] = {
    **dict.fromkeys(("attr", "d", "default", "first"), _no_work),
    **dict.fromkeys(
        ("batch", "count", "items", "last", "length", "list", "map", "reject", "rejectattr"), _shallow_work
    ),
    **dict.fromkeys(("reverse", "select", "selectattr", "slice"), _shallow_work),
    **dict.fromkeys(("dictsort", "groupby", "max", "min", "sort", "unique"), _sorting_work),
    "striptags": lambda value, *_: _deep_work(value) + _striptags_work(value),
    "trim": lambda value, *sought, **named: _deep_work(value) + _search_work(value, *sought, *named.values()),
}
_TEST_WORK: Final[dict[str, Callable[..., int]]] = {
    **dict.fromkeys(("!=", "<", "<=", "==", ">", ">=", "eq", "equalto", "ge", "greaterthan"), _comparison_work),
    **dict.fromkeys(("gt", "le", "lessthan", "lt", "ne"), _comparison_work),
    **dict.fromkeys(("lower", "upper"), _deep_work),
    "in": _membership_work,
}


def _paid(original: Callable[..., Any], work: Callable[..., int]) -> Callable[..., Any]:
    """A filter or test that pays for its work and for what it makes. What walks deep gets a list for an iterator."""
    skipped = 1 if hasattr(original, "jinja_pass_arg") else 0  # the context that Jinja2 passes first
    lazy = work in (_shallow_work, _no_work)

    @wraps(original)
    def paid(*args: Any, **kwargs: Any) -> Any:
        if not lazy:
            args = (*args[:skipped], *map(_listed, args[skipped:]))
        _pay(_CALL_STEPS + work(*args[skipped:], **kwargs))
        return _made(original(*args, **kwargs))

    return paid


def _listed(value: Any) -> Any:
    """A list in the place of an iterator, so that it can be counted."""
    return list(value) if hasattr(value, "__next__") else value


def _made(value: Any) -> Any:
    """What an operation has made, paid for; an iterator pays for each of its items. Raises SecurityError."""
    budget = _budget.get()
    if isinstance(value, str):
        budget.make(0, len(value))
    elif isinstance(value, int):
        if value.bit_length() > 2 * MAX_BITS:
            raise SecurityError("the number is too large")
    elif isinstance(value, (list, tuple, dict, set)):
        budget.make(_LIST_NODES + len(value))
    elif hasattr(value, "__next__"):
        return _paid_items(value)
    return value


def _paid_items(items: Iterator[Any]) -> Iterator[Any]:
    budget = _budget.get()
    for item in items:
        budget.work(1)
        yield _made(item) if isinstance(item, (str, list)) else item


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
    for width, precision in _FORMAT_WIDTH.findall(text):
        added += int(width or 0) + int(precision or 0)
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

ENVIRONMENT: Final = sandbox()
