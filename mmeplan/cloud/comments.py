"""The one comment of a fleet's deployment under a pull request, or its one issue: found again, changed in place.

In: Markdown whose first line is the hidden marker that `render.markdown` writes. Out: what was done, or errors. A text
is ours if it begins with the marker *and* we wrote it: anybody may quote a marker. The second line that is added says
which run wrote it, so that an older run never overwrites a newer one, and no two plans of a run share a comment.

Source: GitHub Docs, "Variables reference" (`GITHUB_RUN_ID` is unique in a repository and stays in a re-run,
`GITHUB_RUN_ATTEMPT` counts the re-runs).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, Final, Literal
from urllib.parse import quote, unquote

from mmeplan.cloud.rest import Rest
from mmeplan.errors import CloudError, ConnectionFailedError, InputError, Problem
from mmeplan.plan import EFFECTS

LIMIT: Final = 65_536  # characters of a comment or an issue: GitHub, "Body is too long (maximum is 65536 characters)"
LABEL: Final = "mmeplan"
"""The label of the issues that are opened; for people, who may take it away."""
_MOST_CLOSED: Final = 100  # closed issues that are looked at: a page of GitHub's
ACTIONS_BOT: Final = "github-actions[bot]"

_MARKER: Final = re.compile(r"<!-- mmeplan:(\S+) -->")
_RUN: Final = re.compile(r"<!-- mmeplan-run:id=(\d*);attempt=(\d*);sha=([0-9a-f]*)(?:;job=([^;\s]*))?(;folded)? -->\n?")
_SAID: Final = re.compile(r"<!-- mmeplan-plan:id=(\S*?);worst=(\w*);drift=(\d+) -->\n?")
_READ_AT: Final = re.compile(r"live side read at [^·<]*")
_PLACES: Final = ("fleet", "path", "region", "account")
"""The members of a marker that may be unknown; those of an old marker are fleet and environment alone."""

_APART: Final = ("environment", "key", "about")
"""The members that tell texts apart also where they are absent."""

Fit = Callable[[str, int], str]
"""Cuts a text to so many characters: `render.fitted`."""
Done = Literal[
    "created",
    "updated",
    "unchanged",
    "kept",
    "closed",
    "withdrawn",
    "nothing to close",
    "nothing to say",
    "left closed",
]


@dataclass(frozen=True, slots=True)
class Run:
    """The run of a workflow that writes: its id (0 outside of one), its attempt, the commit that it planned, its job.

    `job` is the name that a job keeps when it is run again; empty where it is unknown, in earlier texts say.
    """

    id: int = 0
    attempt: int = 0
    sha: str = ""
    job: str = ""
    folded: bool = False

    @staticmethod
    def of(body: str) -> Run:
        """The run that wrote a text."""
        found = _RUN.search(body)
        if found is None:
            return Run()
        return Run(int(found[1] or 0), int(found[2] or 0), found[3], unquote(found[4] or ""), bool(found[5]))

    @property
    def line(self) -> str:
        """Its hidden line; empty where nothing is known of it."""
        if not (self.id or self.folded):
            return ""
        job = f";job={_quoted(self.job)}" if self.job else ""
        folded = ";folded" if self.folded else ""
        return f"<!-- mmeplan-run:id={self.id};attempt={self.attempt};sha={self.sha}{job}{folded} -->\n"

    def is_same(self, other: Run) -> bool:
        """Whether it is the same run, and not another attempt of the same job: a job may take the place of itself."""
        another_job = bool(self.job and other.job) and self.job != other.job
        return bool(self.id) and self.id == other.id and (another_job or self.attempt == other.attempt)

    def is_older(self, other: Run) -> bool:
        """Whether what `other` wrote says more: it planned another commit, later. Of one commit any run may write."""
        return 0 < self.id < other.id and not (self.sha and self.sha == other.sha)


@dataclass(frozen=True, slots=True)
class Marker:
    """What a text is about: `fleet`, `environment`, `path`, `region`, `account`, `key`; what is absent is unknown.

    `about` is absent for a plan, and `apply` for how an apply ended.
    """

    members: Mapping[str, str]

    @staticmethod
    def of(body: str) -> Marker | None:
        """The hidden marker that a text begins with."""
        found = _MARKER.match(body.lstrip("\ufeff\r\n\t "))
        if found is None:
            return None
        pairs = (part.partition("=") for part in found[1].split(";"))
        return Marker({name: unquote(value) for name, _, value in pairs})

    def get(self, name: str) -> str:
        """A member; empty where it is unknown."""
        return self.members.get(name, "")

    def known(self, other: Marker) -> int:
        """How many members both know and agree on."""
        return sum(bool(self.get(name)) and self.get(name) == other.get(name) for name in _PLACES)

    def says_less(self, other: Marker) -> bool:
        """Whether it says nothing that the other doesn't: it is the same, or of an earlier release."""
        known = all(value == other.get(name) for name, value in self.members.items() if value)
        return known and self.is_of(other)

    def is_of(self, other: Marker) -> bool:
        """Whether both are about the same deployment, as far as both know."""
        return self._fits(other, _PLACES) and self._shares(other)

    def is_perhaps_of(self, other: Marker) -> bool:
        """The same file under another name of the fleet, or the same fleet in another file."""
        moved = self.get("path") and other.get("path") and self.get("path") != other.get("path")
        equally_known = all(bool(self.get(name)) == bool(other.get(name)) for name in ("region", "account"))
        return self._fits(other, ("region", "account")) and self._shares(other) and (equally_known or not moved)

    def _shares(self, other: Marker) -> bool:
        return any(self.get(name) and self.get(name) == other.get(name) for name in ("fleet", "path"))

    def _fits(self, other: Marker, places: tuple[str, ...]) -> bool:
        if any(self.get(name) != other.get(name) for name in _APART):
            return False
        return all(self.get(name) == other.get(name) or not (self.get(name) and other.get(name)) for name in places)


@dataclass(frozen=True, slots=True)
class Said:
    """What a text says of a plan: its id, the worst effect or `unchanged`, `refused`, `error`, and how many endpoints
    have drifted. A text without a plan says nothing: it is withdrawn, closed, or of an earlier version.
    """

    id: str = ""
    worst: str = ""
    drift: int = 0

    @staticmethod
    def of(body: str) -> Said:
        """What a text says."""
        found = _SAID.search(body)
        return Said(found[1], found[2], int(found[3])) if found else Said()

    def is_worse(self, before: Said, *, by_drift: bool) -> bool:
        """Whether the worst effect has got worse; with `by_drift` also whether more endpoints have drifted."""
        ranks = [EFFECTS.index(said.worst) if said.worst in EFFECTS else 0 for said in (self, before)]
        return ranks[0] > ranks[1] or (by_drift and self.drift > before.drift)


Note = Callable[[Said, Said, str], str]
"""A note on what has got worse: what is said now, what was said before, and the address of the text."""


@dataclass(frozen=True, slots=True)
class Posted:
    """What was done, and where it can be seen."""

    done: Done
    url: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the text stands: `listed` are its siblings, `new` is where another goes, `changed` is where one is.

    `notes` is where a note on it goes, `new` where that is empty, `closed` are siblings that are closed.
    """

    listed: str
    new: str
    changed: str
    also: Mapping[str, Any] = field(default_factory=dict)
    notes: str = ""
    closed: str = ""


def pull_request(repository: str, number: int) -> Place:
    """The comments of a pull request."""
    base = f"/repos/{repository}/issues"
    return Place(f"{base}/{number}/comments", f"{base}/{number}/comments", f"{base}/comments/{{id}}")


def merged(github: Rest, repository: str, sha: str) -> int:
    """The number of the pull request whose merge brought this commit; 0 where there is none. Raises CloudError.

    Source: GitHub Docs, "List pull requests associated with a commit".
    """
    found = [item for item in github.pages(f"/repos/{repository}/commits/{sha}/pulls") if isinstance(item, dict)]
    closed = [item for item in found if item.get("merged_at") and isinstance(item.get("number"), int)]
    closed.sort(key=lambda item: item.get("merge_commit_sha") != sha)
    return int(closed[0]["number"]) if closed else 0


def issue(repository: str, title: str) -> Place:
    """The open issues of a repository."""
    base = f"/repos/{repository}/issues"
    closed, one = f"{base}?state=closed&labels={LABEL}&sort=updated", f"{base}/{{number}}"
    also = {"title": title, "labels": [LABEL]}
    return Place(f"{base}?state=open", base, one, also, f"{one}/comments", closed)


def keyed(body: str, key: str) -> str:
    """The text under a marker with this key, for several plans of one deployment. It must begin with a marker."""
    return _MARKER.sub(lambda found: f"<!-- mmeplan:{found[1]};key={_quoted(key)} -->", body, count=1) if key else body


def _quoted(name: str) -> str:
    return quote(name, safe="", errors="backslashreplace").replace("--", "-%2D")


# --- one text ---------------------------------------------------------------------------------------------------------


def post(
    github: Rest,
    place: Place,
    body: str,
    fit: Fit,
    author: str = "",
    run: Run = Run(),
    *,
    note: Note | None = None,
    only_changes: bool = False,
) -> Posted:
    """Create the text, or change the one that is there, or leave it: an unchanged text isn't sent.

    `author` is the login that we write as; it is asked where it isn't given. GitHub notifies of what is created and not
    of an edit, so that what has got worse is told by a `note` as well. `only_changes`: no text is created that says
    `unchanged`. An issue that somebody has closed by hand stays closed as long as it would say the same.
    Raises CloudError; InputError where this very run has written another text there; ValueError where the text has no
    marker.
    """
    marker = Marker.of(body)
    if marker is None:
        raise ValueError("the text has no marker")
    author = author or _asked(github)
    text = fit(_with_run(body, run), LIMIT)

    def create() -> Posted:
        return Posted("created", _url(_sent(github, "POST", place.new, text, fit, place.also)))

    items = _ours(github, place, author)
    ours = _best(items, marker, run)
    if ours is None:
        silent = _silent(github, place, marker, Said.of(text), author, only_changes=only_changes)
        if silent is not None:
            return silent
        try:
            return create()
        except CloudError as error:
            if not isinstance(error, ConnectionFailedError) and error.status < 500:
                raise
        ours = _best(_ours(github, place, author), marker, run)  # no answer, and it may have been made all the same
        if ours is None:
            return create()
    before = str(ours.get("body") or "")
    if not place.also:
        _fold_doubles(github, place, items, ours, run)
    if _comparable(before) == _comparable(text):
        return Posted("unchanged", _url(ours))
    written_by = Run.of(before)
    if run.is_older(written_by):
        return Posted("kept", _url(ours))
    if run.is_same(written_by) and not written_by.folded:
        raise _taken(_url(ours))
    _tell_worse(github, place, ours, Said.of(text), note)
    try:
        return Posted("updated", _url(_sent(github, "PATCH", _path(place, ours), text, fit)))
    except CloudError as error:
        if error.status not in (404, 410):
            raise
    return create()  # it went away meanwhile


def withdraw(
    github: Rest,
    place: Place,
    of: Marker,
    due: Collection[str],
    text: Callable[[Marker], str],
    author: str = "",
    run: Run = Run(),
) -> list[Posted]:
    """Put `text` in the place of our comments of this environment and key whose file is not `due`. Raises CloudError.

    A comment of before, which names no file, is left while any file is due. What a newer run wrote is left.
    """
    done = []
    for item in _ours(github, place, author or _asked(github)):
        before = str(item.get("body") or "")
        marker, by = Marker.of(before), Run.of(before)
        if marker is None or any(marker.get(name) != of.get(name) for name in _APART):
            continue
        path = marker.get("path")
        if by.folded or run.is_older(by) or path in due or (due and not path):
            continue
        _fold(github, place, item, text(marker), run)
        done.append(Posted("withdrawn", _url(item)))
    return done


def _fold(github: Rest, place: Place, item: Mapping[str, Any], text: str, run: Run) -> None:
    """Put a text in the place of another, under its marker: it is found again, and taken for no plan."""
    before = str(item.get("body") or "").lstrip("\ufeff\r\n\t ")
    body = _with_run(f"{before.partition(chr(10))[0].strip()}\n\n{text}\n", replace(run, folded=True))
    github.call("PATCH", _path(place, item), {"body": body})


def _fold_doubles(
    github: Rest, place: Place, items: list[Mapping[str, Any]], ours: Mapping[str, Any], run: Run
) -> None:
    """Fold what else stands there of the very same deployment, with a marker that says as much or less."""
    marker = Marker.of(str(ours.get("body") or ""))
    for item in items:
        before = str(item.get("body") or "")
        theirs = Marker.of(before)
        if item is ours or theirs is None or marker is None or not theirs.says_less(marker):
            continue
        if not (Run.of(before).folded or run.is_same(Run.of(before))):
            _fold(github, place, item, f"The plan stands in [another comment]({_url(ours)}).", run)


def outdated(github: Rest, place: Place, marker: Marker, author: str = "", run: Run = Run()) -> list[tuple[str, str]]:
    """What another token wrote of this deployment, of another commit than this run's: (node id, address) of each.

    It isn't ours to change, and it looks like the plan of now. Raises CloudError.
    """
    author = author or _asked(github)
    found = []
    for item in _marked(github, place) if run.sha else ():
        body = str(item.get("body") or "")
        theirs, by = Marker.of(body), Run.of(body)
        if theirs and theirs.is_of(marker) and by.sha not in ("", run.sha) and not _is_by(item.get("user"), author):
            found.append((str(item.get("node_id") or ""), _url(item)))
    return found


def standing(github: Rest, place: Place, marker: Marker, author: str = "") -> tuple[str, str]:
    """The text of this deployment that stands there, and its address; both empty where there is none, or it was
    withdrawn. Raises CloudError.
    """
    ours = _best(_ours(github, place, author or _asked(github)), marker, Run())
    body = str(ours.get("body") or "") if ours is not None else ""
    return (body, _url(ours)) if body and not Run.of(body).folded else ("", "")


def close(github: Rest, place: Place, marker: Marker, author: str = "") -> Posted:
    """Close our open issue, where there is one. Raises CloudError."""
    ours = _best(_ours(github, place, author or _asked(github)), marker, Run())
    if ours is None:
        return Posted("nothing to close")
    body = _SAID.sub("", str(ours.get("body") or ""))  # what it said is over: it was not closed by hand
    closed = github.call("PATCH", _path(place, ours), {"state": "closed", "state_reason": "completed", "body": body})
    return Posted("closed", _url(closed))


def _tell_worse(github: Rest, place: Place, ours: Mapping[str, Any], said: Said, note: Note | None) -> None:
    """Write a note where the text says something worse than before."""
    before = Said.of(str(ours.get("body") or ""))
    if note is not None and said.is_worse(before, by_drift=bool(place.closed)):
        github.call("POST", _filled(place.notes or place.new, ours), {"body": note(said, before, _url(ours))})


def _silent(
    github: Rest, place: Place, marker: Marker, said: Said, author: str, *, only_changes: bool
) -> Posted | None:
    """Why no text is created, where that is so."""
    if only_changes and said.worst == "unchanged":
        return Posted("nothing to say")
    closed = _closed_by_hand(github, place, marker, said, author)
    return Posted("left closed", _url(closed)) if closed is not None else None


def _closed_by_hand(github: Rest, place: Place, marker: Marker, said: Said, author: str) -> Mapping[str, Any] | None:
    """An issue of this deployment that is closed and still says the same; of the hundred that were changed last."""
    if not place.closed or not said.id:
        return None
    newest = islice(github.pages(place.closed), _MOST_CLOSED)
    ours = (item for item in newest if isinstance(item, dict) and _is_by(item.get("user"), author))
    for item in ours:
        body = str(item.get("body") or "")
        theirs = Marker.of(body)
        if theirs is not None and theirs.is_of(marker) and Said.of(body) == said:
            return item
    return None


def _taken(url: str) -> InputError:
    message = f"another plan of this run stands there already: {url}"
    hint = "give each plan a key of its own: `comment-key` of the action, --comment-key of mmeplan comment"
    return InputError([Problem(message, hint=hint)])


def _with_run(body: str, run: Run) -> str:
    head, _, rest = body.lstrip("\ufeff\r\n\t ").partition("\n")
    return f"{head}\n{run.line}{rest}" if run.line else body


def _asked(github: Rest) -> str:
    """Who the token writes as; the bot of GitHub Actions where GitHub doesn't tell."""
    try:
        return github.viewer() or ACTIONS_BOT
    except CloudError as error:
        if error.status not in (403, 404):
            raise
        return ACTIONS_BOT


def _ours(github: Rest, place: Place, author: str) -> list[Mapping[str, Any]]:
    """What we wrote there that begins with a marker."""
    return [item for item in _marked(github, place) if _is_by(item.get("user"), author)]


def _marked(github: Rest, place: Place) -> Iterator[Mapping[str, Any]]:
    for item in github.pages(place.listed):
        if isinstance(item, dict) and "pull_request" not in item and Marker.of(str(item.get("body") or "")):
            yield item


def _best(items: list[Mapping[str, Any]], marker: Marker, run: Run) -> Mapping[str, Any] | None:
    """The text of this deployment: the one whose marker says most, one that is not folded, the oldest.

    Where there is none, one of the same file or the same fleet, which was renamed or moved, unless this run wrote it.
    """
    found = [(Marker.of(str(item.get("body") or "")), Run.of(str(item.get("body") or "")), item) for item in items]
    same = [one for one in found if one[0] and one[0].is_of(marker)]
    near = [one for one in found if one[0] and one[0].is_perhaps_of(marker) and not run.is_same(one[1])]
    ranked = [(theirs.known(marker), not by.folded, item) for theirs, by, item in same or near if theirs]
    return max(ranked, key=lambda one: one[:2])[2] if ranked else None


def _is_by(user: Any, author: str) -> bool:
    """GraphQL and REST write a bot's login without and with `[bot]`."""
    if not isinstance(user, dict):
        return False
    login, named = str(user.get("login", "")).lower(), author.lower()
    return login == named or (user.get("type") == "Bot" and login == f"{named}[bot]")


def _sent(github: Rest, method: str, path: str, text: str, fit: Fit, also: Mapping[str, Any] | None = None) -> Any:
    """Send a text to its place; half of it where GitHub finds it too long after all."""
    try:
        return github.call(method, path, {"body": text, **(also or {})})
    except CloudError as error:
        if error.status != 422 or "too long" not in error.message:
            raise
    return github.call(method, path, {"body": fit(text, LIMIT // 2), **(also or {})})


def _path(place: Place, item: Mapping[str, Any]) -> str:
    """The address of one text. Raises CloudError where GitHub gave it no number."""
    return _filled(place.changed, item)


def _filled(path: str, item: Mapping[str, Any]) -> str:
    numbers = {name: item.get(name) for name in ("id", "number") if isinstance(item.get(name), int)}
    try:
        return path.format(**numbers)
    except KeyError as error:
        raise CloudError("GET", "UnreadableAnswer", f"GitHub lists a text without its {error}", status=0) from None


def _url(item: Any) -> str:
    return str(item.get("html_url", "")) if isinstance(item, dict) else ""


def _comparable(body: str) -> str:
    """The text without what changes by itself: the run, the time of the read, line endings, space at the end."""
    plain = "\n".join(line.rstrip() for line in body.strip().splitlines())
    return _READ_AT.sub("", _RUN.sub(lambda found: f"{found[3]}{found[5] or ''}\n" if found[3] else "", plain))
