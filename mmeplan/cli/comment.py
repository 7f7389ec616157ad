"""`mmeplan comment`: a plan's Markdown as the one comment of a pull request, or as an issue. Tells GitHub's API."""

from __future__ import annotations

import json
import os
import re
import shlex
import sys
from collections.abc import Collection, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from mmeplan.cli import gitlab
from mmeplan.cli.commit import event_of, members
from mmeplan.cli.door import say, tell
from mmeplan.cli.outputs import append, declared_name
from mmeplan.cloud import comments, github
from mmeplan.cloud.clock import SystemClock
from mmeplan.cloud.rest import Rest
from mmeplan.errors import CloudError, ExitCode, InputError, Problem
from mmeplan.render import clean
from mmeplan.render.markup import code, fitted, prose
from mmeplan.render.reports import ALL_FLEETS
from mmeplan.render.reviewed import Comparison, compared, unknown

if TYPE_CHECKING:
    from mmeplan.live import Clock

EXAMPLES = """\b
Examples:
  mmeplan plan --write md=plan.md; mmeplan comment --file plan.md
  mmeplan comment --file plan.md --repo acme/fleets --pull-request 12
  mmeplan comment --file drift.md --issue "Drift in prod"
  mmeplan comment --reviewed --file plan.md
  mmeplan comment --withdraw -e prod --due '["fleets/berlin/fleet.yaml"]'
\b
The token comes from GITHUB_TOKEN, in GitLab CI from GITLAB_TOKEN. In CI the
environment tells the rest.
"""

_REPOSITORY: Final = re.compile(r"[A-Za-z0-9._-]+/[A-Za-z0-9._-]+")
_SHA: Final = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
_QUEUE: Final = re.compile(r"refs/heads/gh-readonly-queue/.+/pr-(\d+)-[0-9a-f]{40}")
"""The branch of an entry of a merge queue: the number is the pull request's."""
_REF: Final = re.compile(r"refs/pull/(\d+)/(?:merge|head)")
_WORDS: Final[Mapping[str, str]] = {
    "outage": "an OUTAGE",
    "delete": "a DELETION",
    "traffic_shift": "a shift of traffic",
    "in_place": "a change in place",
    "create": "new endpoints",
    "none": "nothing that traffic notices",
    "unchanged": "no change",
    "refused": "a refusal",
    "error": "no plan at all",
}
"""What a plan says of itself, in the words of a note."""
_LOCKED: Final = re.compile(r"\blocked\b", re.IGNORECASE)
_DENIED: Final = re.compile(r"not accessible by|\blocked\b", re.IGNORECASE)
"""How GitHub refuses a token that may read and not write, and a comment under a locked conversation."""


@click.command(epilog=EXAMPLES)
@click.option("--file", "file", metavar="FILE", type=click.Path(), help="The Markdown that mmeplan wrote.")
@click.option("--repo", metavar="OWNER/NAME", help="The repository, or GitLab's project; that of the run otherwise.")
@click.option(
    "--pull-request",
    "--merge-request",
    type=click.IntRange(min=1),
    metavar="NUMBER",
    help="The pull or merge request; that of the run otherwise.",
)
@click.option("--issue", metavar="TITLE", help="An open issue in the place of a comment, made where there is none.")
@click.option(
    "--comment-key",
    default="",
    metavar="KEY",
    help="Tells plans of one fleet, environment, region and account apart: each key has a comment of its own.",
)
@click.option(
    "--withdraw", is_flag=True, help="In the place of --file: withdraw the comments of fleets that aren't --due."
)
@click.option(
    "--due",
    default="[]",
    metavar="JSON",
    help="The fleets that are planned, as `mmeplan files --changed-since` prints them.",
)
@click.option(
    "--reviewed",
    is_flag=True,
    help="Write nothing under the pull request: say whether its plan is the one of --file, and in what they differ.",
)
@click.option("-e", "--environment", default="", metavar="NAME", help="The environment whose comments are withdrawn.")
@click.option(
    "--when",
    type=click.Choice(["always", "changes"]),
    default="always",
    show_default=True,
    help="changes: no comment is made where nothing changes; one that stands is brought up to date all the same.",
)
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
    file: str | None,
    withdraw: bool,
    reviewed: bool,
    due: str,
    environment: str,
    repo: str | None,
    pull_request: int | None,
    issue: str | None,
    comment_key: str,
    when: str,
    close: bool,
    author: str | None,
    if_denied: str,
) -> None:
    """Put Markdown under a pull or merge request, once: the comment of the run before is changed in place.

    The comment is found by its hidden marker (fleet, environment, path, region, account, --comment-key) and its author.
    Where nothing but the time differs, nothing is sent. GitHub notifies nobody of an edit: where the worst effect has
    got worse, or in an issue the drift, a note of its own says so. A text that is too long is cut, and says so. An
    older run leaves the comment of a newer one, and two plans of one run may not have one comment. An issue that was
    closed by hand stays closed for the same drift. After a merge the pull request is the one that brought the commit.
    """
    if close and not issue:
        raise InputError([Problem("--close is about an issue", hint="name it: --issue TITLE")])
    if withdraw == bool(file) or ((withdraw or reviewed) and issue) or (withdraw and reviewed):
        raise click.UsageError("expected --file FILE, or --withdraw; --withdraw and --reviewed are about comments")
    body = "" if file is None else comments.keyed(_read(file), comment_key)
    repository = "" if gitlab.is_here(os.environ) else _repository(repo or os.environ.get("GITHUB_REPOSITORY", ""))
    client = connect(os.environ, SystemClock())
    if reviewed:
        _tell_reviewed(_reviewed(client, repo or repository, pull_request, body, author or ""))
        return
    try:
        place = _place(client, repo or repository, pull_request, issue)
        if place is None:
            say(_NOBODYS)
            return
        if withdraw:
            of = comments.Marker({"environment": environment, "key": comment_key})
            run, fleets = run_of(os.environ), _fleets(due)
            for one in comments.withdraw(client, place, of, fleets, partial(_withdrawn, fleets), author or "", run):
                say(f"{one.done}: {clean(one.url)}")
            return
        if close:
            posted = comments.close(client, place, comments.Marker.of(body) or comments.Marker({}), author or "")
        else:
            posted = _posted(client, place, body, author or "", only_changes=when == "changes")
    except CloudError as error:
        _in_summary(error)
        if if_denied == "fail" or not (error.status == 403 and _DENIED.search(error.message)):
            error.hint = error.hint or _advice(error, repository, issue=bool(issue))
            raise
        tell(f"warning: nothing was written: {clean(str(error))}")
        tell(f"  {_advice(error, repository, issue=bool(issue))}")
        sys.exit(ExitCode.DONE)
    say(f"{posted.done}: {clean(posted.url)}" if posted.url else posted.done)
    if isinstance(client, github.GitHub) and posted.done in ("created", "updated", "unchanged") and not issue:
        _hide_outdated(client, place, body, author or "")
    if posted.done == "kept":
        tell("note: a newer run has written it, with a newer commit; this older one leaves it")


def _posted(client: Rest, place: comments.Place, body: str, author: str, *, only_changes: bool) -> comments.Posted:
    run = run_of(os.environ)
    return comments.post(client, place, body, fitted, author, run, note=_worse, only_changes=only_changes)


_NOBODYS: Final = "no pull request's merge brought this commit: nothing is told under one"


def _hide_outdated(client: github.GitHub, place: comments.Place, body: str, author: str) -> None:
    """Hide plans of other commits that another token wrote. What can't be hidden is told."""
    marker = comments.Marker.of(body) or comments.Marker({})
    with suppress(CloudError):
        for node, url in comments.outdated(client, place, marker, author, run_of(os.environ)):
            try:
                hidden = client.hide(node)
            except CloudError:
                hidden = False
            said = "hidden, as outdated" if hidden else "it could not be hidden"
            tell(f"note: another token wrote an older plan of this fleet, {clean(url)}: {said}")


def _place(client: Rest, repository: str, number: int | None, issue: str | None = None) -> comments.Place | None:
    """Where the text goes; None where the commit came without a pull request. Raises InputError, CloudError."""
    if gitlab.is_here(os.environ):
        if issue:
            raise InputError([Problem("--issue is about GitHub", hint="on GitLab a failed scheduled job notifies")])
        return gitlab.place(os.environ, repository, number)
    if issue:
        return comments.issue(repository, issue)
    try:
        number = number or pull_request_of(os.environ)
    except InputError:
        sha = os.environ.get("GITHUB_SHA", "")
        if os.environ.get("GITHUB_EVENT_NAME") not in ("push", "workflow_dispatch") or not _SHA.fullmatch(sha):
            raise
        number = comments.merged(client, repository, sha)
    return comments.pull_request(repository, number) if number else None


def _reviewed(client: Rest, repository: str, number: int | None, body: str, author: str) -> Comparison:
    """The plan beside the one that stands under its pull request. Raises InputError."""
    try:
        place = _place(client, repository, number)
        if place is None:
            return unknown("no pull request's merge brought this commit")
        text, url = comments.standing(client, place, comments.Marker.of(body) or comments.Marker({}), author)
        return (
            compared(text, body, url) if text else unknown("its pull request has no plan of this fleet, or withdrew it")
        )
    except CloudError as error:
        return unknown(str(error))


def _tell_reviewed(found: Comparison) -> None:
    """On stdout, and where the runner of a workflow reads it."""
    say(f"{found.word}: {clean(found.sentence)}")
    for name, text in (("GITHUB_STEP_SUMMARY", f"\n{found.markdown}"), ("GITHUB_OUTPUT", f"reviewed={found.word}\n")):
        path = os.environ.get(name)
        if path:
            append(Path(path), text)


def _worse(said: comments.Said, before: comments.Said, url: str) -> str:
    """The note on a plan that has got worse."""
    more = f"; {said.drift} endpoints have drifted, {before.drift} before" if said.drift > before.drift else ""
    was = f", and was {_WORDS.get(before.worst, before.worst)}" if before.worst else ""
    now = f"its worst effect is **{_WORDS.get(said.worst, said.worst)}**"
    return f"The plan has got worse: {now}{was}{more}. It stands [here]({url}).\n"


def _fleets(text: str) -> list[str]:
    try:
        fleets = json.loads(text)
    except (ValueError, RecursionError):
        fleets = None
    if not isinstance(fleets, list) or not all(isinstance(fleet, str) for fleet in fleets):
        raise InputError(
            [Problem("--due is no JSON list of fleet files", hint="mmeplan files --changed-since prints it")]
        )
    return [os.path.normpath(fleet) for fleet in fleets]


def _withdrawn(due: Collection[str], marker: comments.Marker) -> str:
    """What stands in the place of a plan that a pull request no longer asks for."""
    path, fleet = marker.get("path"), marker.get("fleet")
    if fleet == ALL_FLEETS:
        unread = "This pull request changes nothing that a fleet reads. The earlier plans are withdrawn."
        return f"## Nothing to plan\n\n{unread}"
    name = code(path or fleet)
    root = Path(os.environ.get("GITHUB_WORKSPACE") or os.environ.get("CI_PROJECT_DIR") or ".")
    if not path or (root / path).exists():
        unchanged = "This pull request changes nothing that the fleet reads. The earlier plan is withdrawn."
        return f"## {name}: nothing to plan\n\n{unchanged}"
    moved = [file for file in due if fleet and declared_name(root / file) == fleet]
    if moved:
        return (
            f"## {name} is moved to {code(moved[0])}\n\nThat file declares the same fleet: its plan is the one to read."
        )
    quoted = shlex.quote(path)
    typed = code(f"git restore --source=BASE -- {quoted} && mmeplan destroy {quoted}")
    return (
        f"## {name} is deleted or moved\n\nNo plan deletes what it declared: **its endpoints live on**. To delete "
        f"them, before the merge: {typed}, with the base branch for BASE. Don't where another file declares the fleet "
        f"{code(fleet)} now: that would delete what this file goes on with."
    )


def connect(environment: Mapping[str, str], clock: Clock) -> Rest:
    """The API that the environment names, with its token. Raises InputError."""
    if gitlab.is_here(environment):
        return gitlab.connect(environment, clock)
    token = environment.get("GITHUB_TOKEN") or environment.get("GH_TOKEN") or ""
    if not token:
        raise InputError(
            [Problem("GITHUB_TOKEN isn't set", hint="in a workflow: env: {GITHUB_TOKEN: ${{ github.token }}}")]
        )
    return github.GitHub(clock, token, environment.get("GITHUB_API_URL") or github.DEFAULT_URL)


def pull_request_of(environment: Mapping[str, str]) -> int:
    """The pull request that the workflow runs for. Raises InputError."""
    number = members(event_of(environment).get("pull_request")).get("number")
    if isinstance(number, int) and number > 0:
        return number
    queue = _QUEUE.fullmatch(str(members(event_of(environment).get("merge_group")).get("head_ref", "")))
    ref = queue or _REF.fullmatch(environment.get("GITHUB_REF", ""))
    if ref:
        return int(ref[1])
    raise InputError([Problem("this is no pull request's run", hint="say which: --pull-request NUMBER")])


def run_of(environment: Mapping[str, str]) -> comments.Run:
    """The run of the workflow, and the commit that it plans: the pull request's own, not that of the trial merge."""
    if gitlab.is_here(environment):
        return gitlab.run_of(environment)
    number, attempt = (environment.get(name, "") for name in ("GITHUB_RUN_ID", "GITHUB_RUN_ATTEMPT"))
    if not number.isdecimal():
        return comments.Run()
    head = members(members(event_of(environment).get("pull_request")).get("head"))
    sha = str(head.get("sha") or environment.get("GITHUB_SHA", ""))
    known = sha if _SHA.fullmatch(sha) else ""
    counted = int(attempt) if attempt.isdecimal() else 1
    return comments.Run(int(number), counted, known, environment.get("GITHUB_JOB", ""))


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
    if comments.Marker.of(body) is None:
        message = "this doesn't begin with mmeplan's hidden marker, so its comment could not be found again"
        raise InputError([Problem(message, path, hint="mmeplan plan --write md=FILE writes it")])
    return body


def _advice(error: CloudError, repository: str, *, issue: bool) -> str:
    """What to do about a refusal, by its cause."""
    if gitlab.is_here(os.environ):
        return gitlab.advice(error)
    permission = "issues: write" if issue else "pull-requests: write"
    if _LOCKED.search(error.message):
        return "the conversation is locked: unlock it, and run the job again"
    if "archived" in error.message:
        return "an archived repository can't be written to"
    if "SAML" in error.message:
        return "the token has to be authorised for the organisation: its page under Developer settings, Configure SSO"
    if "not accessible by" in error.message:
        return (
            f"the token needs `{permission}`; a pull request from a fork gets a token that can only read, and so "
            "does one of Dependabot: the plan then stands in the job's summary"
        )
    if error.status == 404:
        return f"{repository} has no such {'issue' if issue else 'pull request'}, or the token can't see it"
    if error.status == 401:
        return "the token has expired or was revoked: take `${{ github.token }}`, or a new one"
    return "GitHub's words say why; run the job again once that is mended"


def _in_summary(error: CloudError) -> None:
    """Say in the step's summary that what stands under the pull request is not of this run."""
    path = os.environ.get("GITHUB_STEP_SUMMARY")
    if not path:
        return
    reason = prose(clean(str(error)))
    text = f"> [!WARNING]\n> The comment could not be written ({reason}): what stands there is older.\n"
    try:
        with Path(path).open("a", encoding="utf-8", errors="replace") as stream:
            stream.write(f"\n{text}")
    except OSError:
        tell("note: the step's summary can't be written either")
