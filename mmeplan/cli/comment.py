"""`mmeplan comment`: a plan's Markdown as the one comment of a pull request, or as an issue. Tells GitHub's API."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from mmeplan.cli.door import say, tell
from mmeplan.cloud import github as api
from mmeplan.cloud.clock import SystemClock
from mmeplan.errors import CloudError, ExitCode, InputError, Problem
from mmeplan.render import clean
from mmeplan.render.markup import fitted

if TYPE_CHECKING:
    from mmeplan.live import Clock

EXAMPLES = """\b
Examples:
  mmeplan plan --write md=plan.md; mmeplan comment --file plan.md
  mmeplan comment --file plan.md --repo acme/fleets --pull-request 12
  mmeplan comment --file drift.md --issue "Drift in prod"
\b
The token comes from GITHUB_TOKEN. In a workflow the rest is known from the event.
"""

_REPOSITORY: Final = re.compile(r"[A-Za-z0-9._-]+/[A-Za-z0-9._-]+")
_REF: Final = re.compile(r"refs/pull/(\d+)/(?:merge|head)")
_DENIED: Final = (403, 404)
"""What a token answers that may read and not write: a pull request from a fork gets one."""


@click.command(epilog=EXAMPLES)
@click.option(
    "--file", "file", required=True, metavar="FILE", type=click.Path(), help="The Markdown that mmeplan wrote."
)
@click.option("--repo", metavar="OWNER/NAME", help="The repository; GITHUB_REPOSITORY where it isn't given.")
@click.option("--pull-request", type=click.IntRange(min=1), metavar="NUMBER", help="The pull request; the event's own.")
@click.option("--issue", metavar="TITLE", help="An open issue in the place of a comment, made where there is none.")
@click.option("--close", is_flag=True, help="Close that issue, where it is open.")
@click.option("--author", metavar="LOGIN", help="The login that comments are written as; GitHub is asked otherwise.")
@click.option(
    "--if-denied",
    type=click.Choice(["fail", "warn"]),
    default="fail",
    show_default=True,
    help="What a token that may not write means: exit 1, or a line on stderr and exit 0.",
)
def command(
    file: str,
    repo: str | None,
    pull_request: int | None,
    issue: str | None,
    close: bool,
    author: str | None,
    if_denied: str,
) -> None:
    """Put Markdown under a pull request, once: the comment of the run before is changed in place.

    The comment is found by its hidden marker (fleet and environment) and its author. Where nothing but the time
    differs, nothing is sent. A text that is too long is cut, and says so.
    """
    if close and not issue:
        raise InputError([Problem("--close is about an issue", hint="name it: --issue TITLE")])
    body = _read(file)
    repository = _repository(repo or os.environ.get("GITHUB_REPOSITORY", ""))
    place = (
        api.issue(repository, issue)
        if issue
        else api.pull_request(repository, pull_request or pull_request_of(os.environ))
    )
    github = connect(os.environ, SystemClock())
    try:
        if close:
            posted = api.close(github, place, api.marker_of(body) or "", author or "")
        else:
            posted = api.post(github, place, body, fitted, author or "")
    except CloudError as error:
        if error.status not in _DENIED or if_denied == "fail":
            error.hint = error.hint or _advice(error, issue=bool(issue))
            raise
        tell(f"warning: nothing was written: {clean(str(error))}")
        tell(f"  {_advice(error, issue=bool(issue))}")
        sys.exit(ExitCode.DONE)
    say(f"{posted.done}: {clean(posted.url)}" if posted.url else posted.done)


def connect(environment: Mapping[str, str], clock: Clock) -> api.GitHub:
    """The API that the environment names, with its token. Raises InputError."""
    token = environment.get("GITHUB_TOKEN") or environment.get("GH_TOKEN") or ""
    if not token:
        raise InputError(
            [Problem("GITHUB_TOKEN isn't set", hint="in a workflow: env: {GITHUB_TOKEN: ${{ github.token }}}")]
        )
    return api.GitHub(clock, token, environment.get("GITHUB_API_URL") or api.DEFAULT_URL)


def pull_request_of(environment: Mapping[str, str]) -> int:
    """The pull request that the workflow runs for. Raises InputError."""
    path = environment.get("GITHUB_EVENT_PATH", "")
    try:
        event = json.loads(Path(path).read_bytes()) if path else {}
    except (OSError, ValueError, RecursionError):
        event = {}
    found = event.get("pull_request") if isinstance(event, dict) else None
    number = found.get("number") if isinstance(found, dict) else None
    if isinstance(number, int) and number > 0:
        return number
    ref = _REF.fullmatch(environment.get("GITHUB_REF", ""))
    if ref:
        return int(ref[1])
    raise InputError([Problem("this is no pull request's run", hint="say which: --pull-request NUMBER")])


def _repository(name: str) -> str:
    if not _REPOSITORY.fullmatch(name) or set(name.split("/")) & {".", ".."}:
        told = f"{name!r} is no repository" if name else "the repository isn't known"
        raise InputError([Problem(told, hint="say which: --repo OWNER/NAME")])
    return name


def _read(path: str) -> str:
    try:
        body = Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        hint = "mmeplan plan --write md=FILE writes it"
        raise InputError([Problem(f"can't be read: {error.strerror or error}", path, hint=hint)]) from None
    if api.marker_of(body) is None:
        message = "this doesn't begin with mmeplan's hidden marker, so its comment could not be found again"
        raise InputError([Problem(message, path, hint="mmeplan plan --write md=FILE writes it")])
    return body


def _advice(error: CloudError, *, issue: bool) -> str:
    permission = "issues: write" if issue else "pull-requests: write"
    if "locked" in error.message:
        return "the conversation is locked"
    return (
        f"the token needs `{permission}`; a pull request from a fork gets a token that can only read: "
        "the plan then stands in the job's summary"
    )
