"""CEL (Common Expression Language): expressions that are true or false, compiled here and evaluated in a child process.

The only place that imports cel_expr_python, Google's own CEL, and only where a file has policies. CEL has no loops but
over what is there, no side effects and no way out. The library bounds 10,000 iterations an evaluation, nesting of 32,
and matches regular expressions in linear time (RE2); what an iteration may make it doesn't bound. So this file is also
a program: `Evaluator` runs it as a child process that has limits of its own for memory and CPU time, and none of the
environment's variables. It imports the standard library alone, so that the child starts in some hundredths of a second.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from signal import Signals
from typing import Any, Final

try:
    import resource
except ImportError:  # where the system has no such limits
    resource = None  # type: ignore[assignment]

MAX_EXPRESSION: Final = 4096  # characters; a policy that is longer is two
MAX_ITEMS: Final = 2000  # of a list that an expression sees: filter() and map() take the square of it in memory

_ERROR: Final = re.compile(r"ERROR: <input>:(\d+):(\d+): (.+)")
_CODE: Final = re.compile(r"^[A-Z_]+: | \[[A-Z_]+\]$")
_MISSING: Final = re.compile(r'Key not found in map : "(.*)"')
_NO_MEMBERS: Final = ("Applying SELECT to non-message type", "a member is asked of a value that has none, such as null")
_TOO_MUCH: Final = "Iteration budget exceeded"


class CelMissingError(Exception):
    """CEL isn't installed."""


class CelSyntaxError(Exception):
    """An expression that doesn't compile: why, and the line and column in it, from 1 (0: not known)."""

    def __init__(self, message: str, line: int = 0, column: int = 0) -> None:
        super().__init__(message)
        self.line = line
        self.column = column


class CelEvaluationError(Exception):
    """An expression that gives no true or false for these values: why."""


class Expression:
    """A compiled expression that is true or false."""

    def __init__(self, text: str, names: Sequence[str]) -> None:
        """Compile `text`, which may use these names. Raises CelSyntaxError, CelMissingError."""
        try:
            from cel_expr_python import cel
        except ImportError:
            raise CelMissingError from None
        if len(text) > MAX_EXPRESSION:
            raise CelSyntaxError(f"longer than {MAX_EXPRESSION:,} characters")
        if not text.isprintable() and any("\ud800" <= char <= "\udfff" for char in text):
            raise CelSyntaxError("half of a surrogate pair is no text")
        environment = cel.NewEnv(variables=dict.fromkeys(names, cel.Type.DYN))
        try:
            self._compiled = environment.compile(text)
        except RuntimeError as error:
            raise _syntax_error(str(error)) from None
        kind = self._compiled.return_type().name()
        if kind.upper() not in ("BOOL", "DYN"):
            raise CelSyntaxError(f"is a {kind.lower()}; expected true or false")

    def evaluate(self, values: Mapping[str, Any]) -> bool:
        """Whether it is true of these values. Raises CelEvaluationError."""
        try:
            result = self._compiled.eval(data=dict(values))
            kind, value = result.type().name().upper(), result.plain_value()
        except (RuntimeError, ValueError, TypeError, UnicodeError) as error:
            text = _plain(str(error))
            raise CelEvaluationError("takes more than 10,000 steps" if _TOO_MUCH in text else text) from None
        if isinstance(value, bool) and kind == "BOOL":
            return value
        raise CelEvaluationError(_plain(str(value)) if kind == "*ERROR*" or "ERROR" in kind else f"is {kind.lower()}")


def _syntax_error(text: str) -> CelSyntaxError:
    found = _ERROR.search(text)
    if found is None:
        return CelSyntaxError(_plain(text.splitlines()[0]))
    message = found[3].replace(" (in container '')", "")
    message = re.sub(r" expecting \{.*", "", message)
    return CelSyntaxError(_plain(message), max(0, int(found[1])), max(0, int(found[2])))


def _plain(text: str) -> str:
    """The sentence without the library's own codes."""
    text = _CODE.sub("", _CODE.sub("", text.strip()))
    if missing := _MISSING.fullmatch(text):
        return f"there is no {missing[1]}; ask with has(…) first"
    return text.replace(*_NO_MEMBERS) or "no reason was given"


# --- evaluation in a child process ------------------------------------------------------------------------------------


MAX_MEMORY: Final = 2**29  # bytes of address space of the child
MAX_SECONDS: Final = 5  # of CPU time for one evaluation
MAX_SECONDS_IN_ALL: Final = 600  # of CPU time for all policies of a file; 100,000 changes take about 10 for each policy
_LOADER_VARIABLES: Final = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT")  # some Pythons start only with them

Evaluation = tuple[int, Mapping[str, Any]]
"""The number of an expression, and its values by name; a text among them is the name of a shared value."""


class Evaluator:
    """Evaluates expressions in a child process, which is begun again where one of them ends it."""

    def __init__(self, expressions: Sequence[tuple[str, Sequence[str]]], shared: Mapping[str, Any]) -> None:
        """`expressions` are texts that compile, and the names that they use; `shared` are values by name."""
        self._given = [["expressions", [[text, list(names)] for text, names in expressions]], ["shared", dict(shared)]]
        self._child: subprocess.Popen[bytes] | None = None
        self._ended: dict[int, str] = {}
        self._seconds = 0.0

    def __enter__(self) -> Evaluator:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def reasons(self, evaluations: Iterable[Evaluation]) -> list[str | None]:
        """For each: None where it is true, empty where it isn't, else why it couldn't be evaluated."""
        waiting = list(evaluations)
        found: list[str | None] = []
        while waiting:
            number = waiting[0][0]
            if number in self._ended:
                found.append(self._ended[number])
                waiting.pop(0)
                continue
            batch = [each for each in waiting if each[0] not in self._ended] if not self._ended else []
            batch = batch or [waiting[0]]
            answers = self._ask(batch)
            found += answers
            waiting = waiting[len(answers) :]
            if len(answers) < len(batch):
                self._ended[batch[len(answers)][0]] = self._end()
        return found

    def _ask(self, batch: Sequence[Evaluation]) -> list[str | None]:
        """The answers that come before the child ends, if it does."""
        child = self._child = self._child or self._started()
        assert child.stdin is not None
        assert child.stdout is not None
        answers: list[str | None] = []
        with suppress(OSError):
            child.stdin.write(b"".join(_line(["evaluate", *each]) for each in batch) + _line(["answer"]))
            child.stdin.flush()
            while len(answers) < len(batch) and (line := child.stdout.readline()).endswith(b"\n"):
                answers.append(json.loads(line))
        return answers

    def _started(self) -> subprocess.Popen[bytes]:
        library = find_spec("cel_expr_python")
        folders = list(library.submodule_search_locations or ()) if library else []
        limits = [str(limit) for limit in (MAX_MEMORY, MAX_SECONDS, MAX_SECONDS_IN_ALL - self._seconds)]
        child = subprocess.Popen(  # noqa: S603 - this file, under this Python
            [sys.executable, "-I", "-S", __file__, str(Path(folders[0]).parent) if folders else "", *limits],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={name: os.environ[name] for name in _LOADER_VARIABLES if name in os.environ},
        )
        assert child.stdin is not None
        child.stdin.write(b"".join(map(_line, self._given)))
        return child

    def _end(self) -> str:
        """What is said of the expression that ended the child."""
        code = self._stop()
        self._seconds += MAX_SECONDS
        if code == -getattr(Signals, "SIGXCPU", 0):
            return f"takes more than {MAX_SECONDS} seconds"
        return _TOO_LARGE

    def _stop(self) -> int:
        child, self._child = self._child, None
        if child is None:
            return 0
        for stream in (child.stdin, child.stdout):
            with suppress(OSError):
                stream.close()  # type: ignore[union-attr]
        try:
            return child.wait(timeout=MAX_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            return child.wait()


_TOO_LARGE: Final = f"takes more than {MAX_MEMORY // 2**20} MiB of memory"


def _line(value: Any) -> bytes:
    return json.dumps(value).encode() + b"\n"


# --- the child --------------------------------------------------------------------------------------------------------


def _serve(folder: str, memory: int, seconds: int, seconds_in_all: float) -> None:
    """Answer what comes over stdin, a JSON document a line, until it ends."""
    sys.path.append(folder)
    if resource is not None:
        _limit(resource.RLIMIT_AS, memory)
        _limit(resource.RLIMIT_CORE, 0)
    expressions: list[Expression] = []
    shared: dict[str, Any] = {}
    asked: list[tuple[int, dict[str, Any]]] = []
    for line in sys.stdin.buffer:
        kind, *content = json.loads(line)
        if kind == "expressions":
            expressions = [Expression(text, names) for text, names in content[0]]
        elif kind == "shared":
            shared = content[0]
        elif kind == "evaluate":
            asked.append((content[0], content[1]))
        else:
            for number, values in asked:
                given = {name: shared[value] if isinstance(value, str) else value for name, value in values.items()}
                answer = _answer(expressions[number], given, seconds, seconds_in_all)
                sys.stdout.buffer.write(_line(answer))
                sys.stdout.buffer.flush()
            asked = []


def _limit(what: int, most: int) -> None:
    """Lower a limit of this process, below the one that is set already; where the system has none such, it has none."""
    _, hard = resource.getrlimit(what)
    with suppress(ValueError, OSError):
        resource.setrlimit(what, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


def _answer(expression: Expression, values: dict[str, Any], seconds: int, seconds_in_all: float) -> str | None:
    used = time.process_time()
    if used > seconds_in_all:
        return f"the policies of the file take more than {MAX_SECONDS_IN_ALL} seconds"
    if resource is not None:
        _limit(resource.RLIMIT_CPU, int(used) + seconds + 1)
    try:
        return None if expression.evaluate(values) else ""
    except CelEvaluationError as error:
        return str(error)
    except MemoryError:
        return _TOO_LARGE


if __name__ == "__main__":
    _serve(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]))
