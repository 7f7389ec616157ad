"""How a command ends badly: a sentence on stderr, what to type next, and the exit code of the contract."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from mmeplan.aws.failures import UNTRUSTED, Failure, failure_of
from mmeplan.cli.door import on_one_line, page, tell
from mmeplan.cli.screen import wants_color, width_of
from mmeplan.errors import CloudError, ExitCode, InputError, MmeplanError, PlanRefused, StalePlanError

MOST_REASONS = 10  # why a plan is refused; the others are counted


@contextmanager
def reported() -> Iterator[None]:
    """Turn a MmeplanError into its message and exit code, and an interrupt into 130. Nothing else is caught."""
    try:
        yield
    except InputError as error:
        from mmeplan import render

        caret = sys.stderr.isatty()
        width = width_of(sys.stderr) if caret else None
        text = render.problems_text(error.problems, color=wants_color(sys.stderr), caret=caret, width=width)
        page(text, err=True)
        raise SystemExit(error.exit_code) from None
    except StalePlanError as error:
        tell("error: the plan is stale, nothing was written:")
        for reason in error.reasons:
            tell(f"  - {on_one_line(reason)}")
        _hint(error.hint or "make a new one: mmeplan plan --out FILE")
        raise SystemExit(error.exit_code) from None
    except CloudError as error:
        request = f" (request id {error.request_id})" if error.request_id else ""
        tell(f"error: {on_one_line(f'{error}{request}')}")
        _hint(error.hint or _about_the_caller(error))
        raise SystemExit(error.exit_code) from None
    except PlanRefused as error:
        tell(f"error: {error.message}")
        reasons = [reason for reason in error.reasons if reason != error.message]
        for reason in reasons[:MOST_REASONS]:
            tell(f"  - {on_one_line(reason)}")
        if len(reasons) > MOST_REASONS:
            tell(f"  - and {len(reasons) - MOST_REASONS} more")
        _hint(error.hint)
        raise SystemExit(error.exit_code) from None
    except MmeplanError as error:
        tell(f"error: {error.message}")
        _hint(error.hint)
        raise SystemExit(error.exit_code) from None
    except (KeyboardInterrupt, click.Abort):
        tell("interrupted")
        raise SystemExit(ExitCode.INTERRUPTED) from None


@contextmanager
def usage_errors() -> Iterator[None]:
    """A usage error ends with 1: click's own 2 is a code that says something about the fleet."""
    try:
        yield
    except click.UsageError as error:
        about = error.ctx
        if about is not None:
            tell(f"{about.get_usage()}\nTry '{about.command_path} --help' for help.\n")
        tell(f"Error: {error.format_message().expandtabs(2)}")
        raise SystemExit(ExitCode.ERROR) from None


def _about_the_caller(error: CloudError) -> str:
    if error.code in UNTRUSTED or failure_of(error) is Failure.DENIED:
        return "mmeplan doctor says what is wrong with credentials, clock or permissions"
    return ""


def _hint(hint: str) -> None:
    if hint:
        tell(f"  try: {hint}")
