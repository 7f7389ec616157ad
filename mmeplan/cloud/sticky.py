"""One comment per fleet and environment in a pull request, or one issue: found again, changed in place, never doubled.

In: Markdown whose first line is the hidden marker that `render.markdown` writes. Out: what was done. Called by
`mmeplan comment`. A comment is ours if it begins with the marker *and* we wrote it: anybody may quote a marker.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from mmeplan.cloud.github import GitHub
from mmeplan.errors import CloudError, ConnectionFailedError

LIMIT: Final = 65_536  # characters of a comment or an issue: GitHub, "Body is too long (maximum is 65536 characters)"
LABEL: Final = "mmeplan"
"""The label of the issues that are opened; for people, who may take it away."""
ACTIONS_BOT: Final = "github-actions[bot]"

_MARKER: Final = re.compile(r"<!-- mmeplan:\S+ -->")
_READ_AT: Final = re.compile(r"live side read at [^·<]*")

Fit = Callable[[str, int], str]
"""Cuts a text to so many characters: `render.fitted`."""
Done = Literal["created", "updated", "unchanged", "closed", "nothing to close"]


@dataclass(frozen=True, slots=True)
class Posted:
    """What was done, and where it can be seen."""

    done: Done
    url: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the text stands: `listed` are its siblings, `made` is where a new one goes, `changed` is where one is."""

    listed: str
    made: str
    changed: str
    also: Mapping[str, Any]


def pull_request(repository: str, number: int) -> Place:
    """The comments of a pull request."""
    base = f"/repos/{repository}/issues"
    return Place(f"{base}/{number}/comments", f"{base}/{number}/comments", f"{base}/comments/{{id}}", {})


def issue(repository: str, title: str) -> Place:
    """The open issues of a repository."""
    base = f"/repos/{repository}/issues"
    also = {"title": title, "labels": [LABEL]}
    return Place(f"{base}?state=open", base, f"{base}/{{number}}", also)


def marker_of(body: str) -> str | None:
    """The hidden marker that a text begins with."""
    found = _MARKER.match(body.lstrip("\ufeff\r\n\t "))
    return found[0] if found else None


def post(github: GitHub, place: Place, body: str, fit: Fit, author: str = "") -> Posted:
    """Create the text, or change the one that is there, or leave it: an unchanged text isn't sent.

    `author` is the login that we write as; it is asked where it isn't given. Raises CloudError; ValueError where the
    text has no marker.
    """
    marker = marker_of(body)
    if marker is None:
        raise ValueError("the text has no marker")
    author = author or _asked(github)
    text = _Text(github, place, fit(body, LIMIT), fit)
    ours = _find(github, place, marker, author)
    if ours is None:
        try:
            return Posted("created", _url(text.create()))
        except CloudError as error:
            if not isinstance(error, ConnectionFailedError) and error.status < 500:
                raise
        ours = _find(github, place, marker, author)  # there was no answer, and it may have been made all the same
        if ours is None:
            return Posted("created", _url(text.create()))
    if _comparable(str(ours.get("body") or "")) == _comparable(text.body):
        return Posted("unchanged", _url(ours))
    try:
        return Posted("updated", _url(text.change(ours)))
    except CloudError as error:
        if error.status not in (404, 410):
            raise
    return Posted("created", _url(text.create()))  # it went away meanwhile


def close(github: GitHub, place: Place, marker: str, author: str = "") -> Posted:
    """Close our open issue, where there is one. Raises CloudError."""
    ours = _find(github, place, marker, author or _asked(github))
    if ours is None:
        return Posted("nothing to close")
    path = _path(place, ours)
    answer = github.call("PATCH", path, {"state": "closed", "state_reason": "completed"})
    return Posted("closed", _url(answer.body))


def _asked(github: GitHub) -> str:
    """Who the token writes as; the bot of GitHub Actions where GitHub doesn't tell."""
    try:
        return github.viewer() or ACTIONS_BOT
    except CloudError as error:
        if error.status not in (403, 404):
            raise
        return ACTIONS_BOT


def _find(github: GitHub, place: Place, marker: str, author: str) -> Mapping[str, Any] | None:
    for item in github.pages(place.listed):
        if not isinstance(item, dict) or "pull_request" in item:
            continue
        if _is_by(item.get("user") or {}, author) and marker_of(str(item.get("body") or "")) == marker:
            return item
    return None


def _is_by(user: Mapping[str, Any], author: str) -> bool:
    """GraphQL and REST write a bot's login without and with `[bot]`."""
    login = str(user.get("login", "")).lower()
    named = author.lower()
    return login == named or (user.get("type") == "Bot" and login == f"{named}[bot]")


@dataclass(frozen=True, slots=True)
class _Text:
    """A text on its way to its place; half of it where GitHub finds it too long after all."""

    github: GitHub
    place: Place
    body: str
    fit: Fit

    def create(self) -> Any:
        return self._sent("POST", self.place.made)

    def change(self, item: Mapping[str, Any]) -> Any:
        return self._sent("PATCH", _path(self.place, item))

    def _sent(self, method: str, path: str) -> Any:
        also = self.place.also if method == "POST" else {}
        try:
            return self.github.call(method, path, {"body": self.body, **also}).body
        except CloudError as error:
            if error.status != 422 or "too long" not in error.message:
                raise
        return self.github.call(method, path, {"body": self.fit(self.body, LIMIT // 2), **also}).body


def _path(place: Place, item: Mapping[str, Any]) -> str:
    return place.changed.format(id=int(item.get("id", 0)), number=int(item.get("number", 0)))


def _url(item: Any) -> str:
    return str(item.get("html_url", "")) if isinstance(item, dict) else ""


def _comparable(body: str) -> str:
    """The text without what changes by itself: the time of the read, line endings, space at the end."""
    return _READ_AT.sub("", "\n".join(line.rstrip() for line in body.strip().splitlines()))
