"""A local fake of the GitLab REST calls that `mmeplan comment` makes: notes of a merge request, pages, refusals.

Source: GitLab Docs, "Notes API", "REST API" (keyset and offset pagination: the `Link` header), "Users API".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from tests.flow.fake_github import FakeGitHub, Request

API = "/api/v4"


@dataclass
class FakeGitLab(FakeGitHub):
    """The notes of one project's merge requests. `repository` is the project's id."""

    repository: str = "42"

    def note(self, number: int, username: str, body: str, *, system: bool = False) -> dict[str, Any]:
        """A note that somebody wrote."""
        self._next_id += 1
        made = {"id": self._next_id, "body": body, "author": {"username": username}, "system": system}
        made["noteable_iid"] = number
        self.comments.setdefault(number, []).append(made)
        return made

    def _true_answer(self, request: Request) -> tuple[int, dict[str, str], Any]:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if token not in self.users:
            return 401, {}, {"message": "401 Unauthorized"}
        username, _, writes = self.users[token]
        if request.path == f"{API}/user":
            return 200, {}, {"id": 7, "username": username, "bot": True}
        found = re.fullmatch(rf"{API}/projects/([^/]+)/merge_requests/(\d+)/notes(?:/(\d+))?", request.path)
        if found is None or unquote(found[1]) != self.repository:
            return 404, {}, {"message": "404 Project Not Found"}
        if request.method != "GET" and not writes:
            return (
                403,
                {},
                {"error": "insufficient_scope", "error_description": "The request requires higher privileges"},
            )
        notes = self.comments.setdefault(int(found[2]), [])
        match request.method, found[3]:
            case "GET", None:
                return self._paged(request, notes)
            case "POST", None:
                return 201, {}, self.note(int(found[2]), username, request.body["body"])
            case "PUT", str(number):
                mine = [note for note in notes if note["author"]["username"] == username]
                return self._patched(request, mine, int(number))
        return 405, {}, {"error": "405 Not Allowed"}
