"""Every exception that mmeplan raises on purpose, and the exit code it ends a command with.

    MmeplanError                 what happened, where, why, what to type next
    ├── InputError               fleet.yaml, a plan file or an option is wrong: all problems at once   (exit 1)
    ├── RefusedError             rules, protection or a gate say no                                    (exit 3)
    │   ├── FleetRefused         rules refuse the fleet file; nothing was changed
    │   └── PlanRefused          a plan that may not be applied
    ├── StalePlanError           what is live, or the file, has changed since                          (exit 4)
    ├── LockedError              another run holds the fleet's lock                                    (exit 1)
    └── CloudError               an API call that answered with an error                               (exit 1)
        ├── CredentialsError     there are no usable credentials
        └── ConnectionFailedError  no answer: the call may or may not have had its effect

Commands catch `MmeplanError` and nothing else; anything else that surfaces is a bug of mmeplan.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from mmeplan.plan import Finding


class ExitCode:
    """The exit codes of every command. Documented in specs/exit-codes.md."""

    DONE = 0
    ERROR = 1
    CHANGES = 2
    REFUSED = 3
    STALE = 4
    INCOMPLETE = 5
    INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with an input, where it stands, and what to do about it.

    `path` is the path inside the file (`endpoints.ranker.config`), empty where the whole file is meant. `line` and
    `column` count from 1; 0 means unknown. `hint` is what to type next. `unvalued` are the names without a value that
    an expression used: with values for them there might be no problem.
    """

    message: str
    file: str = ""
    line: int = 0
    column: int = 0
    path: str = ""
    hint: str = ""
    source_line: str = field(default="", compare=False)
    unvalued: tuple[str, ...] = ()

    @property
    def where(self) -> str:
        """`fleet.yaml:41:9`, as far as it is known."""
        if not self.file or not self.line:
            return self.file
        return f"{self.file}:{self.line}:{self.column}"


LEFT_OUT: Final = "***"
"""What stands in a command for the value of a variable; `--var` refuses it."""


@dataclass(frozen=True, slots=True)
class Command:
    """What to type next, as a value: `mmeplan WORDS -e ENVIRONMENT --var-file FILE --var NAME=***`, quoted for a shell.

    Values of variables may be secrets, and a command is printed, posted and logged: `str` leaves them out, `unmasked`
    has them. Which SageMaker it is about (`--region`, `--profile`, `--local`) is left to whoever shows it.
    """

    words: tuple[str, ...]
    environment: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)
    variable_files: tuple[str, ...] = ()

    def __str__(self) -> str:
        return replace(self, variables=dict.fromkeys(self.variables, LEFT_OUT)).unmasked()

    def unmasked(self) -> str:
        """The command with the values of its variables."""
        environment = ("-e", self.environment) if self.environment else ()
        files = (word for path in self.variable_files for word in ("--var-file", path))
        variables = (word for name, value in self.variables.items() for word in ("--var", f"{name}={value}"))
        return shlex.join(("mmeplan", *self.words, *environment, *files, *variables))


class MmeplanError(Exception):
    """Base of all errors for people. `hint` says what to type next."""

    exit_code = ExitCode.ERROR

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class InputError(MmeplanError):
    """An input that can't be used: every problem found in it, in file order.

    `following` is the hint of the first problem as a value, where it is a command.
    """

    def __init__(self, problems: Sequence[Problem], following: Command | None = None) -> None:
        self.problems = tuple(problems)
        self.following = following
        first = self.problems[0]
        super().__init__(f"{first.where}: {first.message}" if first.where else first.message, hint=first.hint)


class RefusedError(MmeplanError):
    """The plan is refused by rules, by protection or by a gate."""

    exit_code = ExitCode.REFUSED


class FleetRefused(RefusedError):  # noqa: N818 - what happened, as the public API calls it
    """Rules refuse the fleet file, so there is no plan. `findings` are all that rules found."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        self.findings = tuple(findings)
        errors = [f"{f.rule} {f.address or f.path}: {f.message}" for f in findings if f.severity == "error"]
        super().__init__(f"rules refuse the fleet file: {'; '.join(errors)}", hint="mmeplan validate shows the lines")


class PlanRefused(RefusedError):  # noqa: N818 - what happened, as the public API calls it
    """A plan that may not be applied. `reasons` holds all of them; nothing was written."""

    def __init__(self, message: str, reasons: Sequence[str] = (), *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.reasons = tuple(reasons) or (message,)

    def __str__(self) -> str:
        return "; ".join(dict.fromkeys((self.message, *self.reasons)))


class StalePlanError(MmeplanError):
    """A saved plan that no longer fits what is live. `reasons` holds all of them."""

    exit_code = ExitCode.STALE

    def __init__(self, reasons: Sequence[str], *, hint: str = "") -> None:
        self.reasons = tuple(reasons)
        super().__init__("; ".join(reasons), hint=hint)


class LockedError(MmeplanError):
    """The fleet's lock is held by another run. Nothing was changed."""


class CloudError(MmeplanError):
    """An API call answered with an error. `code` and `message` are the service's own words.

    `request_id` is what AWS support asks for. `unmasked` is the message as the service sent it: errors are told apart
    by it, and it is never shown.
    """

    def __init__(self, operation: str, code: str, message: str, *, status: int = 400, request_id: str = "") -> None:
        super().__init__(message)
        self.operation = operation
        self.code = code
        self.status = status
        self.request_id = request_id
        self.unmasked = message

    def masked(self, message: str) -> None:
        """Show this message, which tells no secrets, in the place of the service's."""
        self.message = message
        self.args = (message,)

    def __str__(self) -> str:
        return f"{self.operation}: {self.code}: {self.message}"


class CredentialsError(CloudError):
    """No usable credentials, or no region: nothing was called."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__("credentials", "NoCredentials", message, status=0)
        self.hint = hint or (
            "set AWS_PROFILE or pass --profile NAME (mmeplan doctor says what is missing); or try it on the simulated "
            "SageMaker with --local"
        )

    def __str__(self) -> str:
        return self.message


class ConnectionFailedError(CloudError):
    """There was no answer. Whether the call had its effect is unknown until the object is read."""

    def __init__(self, operation: str, message: str) -> None:
        super().__init__(operation, "ConnectionFailed", message, status=0)
        self.hint = "look at the network, the region and --endpoint-url; apply again goes on from what is live"
