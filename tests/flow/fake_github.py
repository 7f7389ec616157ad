"""A local fake of the GitHub REST calls that `mmeplan comment` makes: comments, issues, pages, limits, refusals.

It answers as the API's documentation says: pages in the `Link` header, 403 for a token that may only read, 422 for a
body that is too long, 401 for a token that nobody knows.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

LIMIT = 65_536
PAGE = 100


@dataclass
class Request:
    """One request as it came in."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


@dataclass
class Forced:
    """An answer in the place of the true one. `act` does the work all the same, and its answer gets lost."""

    method: str
    path: str
    status: int
    body: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    act: bool = False


@dataclass
class FakeGitHub:
    """The state of one repository. `page` is how many items a page has at most.

    As an Enterprise Server (`server`) REST is at /api/v3, GraphQL at /api/graphql, and nothing elsewhere.
    """

    repository: str = "acme/fleets"
    page: int = PAGE
    limit: int = LIMIT
    url: str = ""
    users: dict[str, tuple[str, str, bool]] = field(default_factory=dict)
    comments: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    issues: list[dict[str, Any]] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    forced: list[Forced] = field(default_factory=list)
    pulls: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    hidden: list[str] = field(default_factory=list)
    server: bool = False
    _next_id: int = 1000

    def user(self, token: str, login: str, *, bot: bool = False, writes: bool = True) -> None:
        """Let a token in."""
        self.users[token] = (login, "Bot" if bot else "User", writes)

    def comment(self, number: int, login: str, body: str, *, bot: bool = False) -> dict[str, Any]:
        """A comment that somebody wrote."""
        made = self._made(login, "Bot" if bot else "User", body, f"/pull/{number}#issuecomment-")
        self.comments.setdefault(number, []).append(made)
        return made

    def merge(self, number: int, sha: str) -> None:
        """A pull request whose merge brought this commit."""
        pull = {"number": number, "merged_at": "2026-01-01T00:00:00Z", "merge_commit_sha": sha}
        self.pulls.setdefault(sha, []).append(pull)

    def issue(self, login: str, title: str, body: str, *, bot: bool = False, **also: Any) -> dict[str, Any]:
        """An issue that somebody opened."""
        made = self._made(login, "Bot" if bot else "User", body, "/issues/")
        made |= {"number": len(self.issues) + 1, "title": title, "state": "open", "labels": [], **also}
        self.issues.append(made)
        return made

    def sent(self, method: str = "") -> list[Request]:
        """The requests that could change something, or those of one method."""
        return [
            request
            for request in self.requests
            if request.path != "/graphql" and (request.method == method or (not method and request.method != "GET"))
        ]

    def _made(self, login: str, kind: str, body: str, path: str) -> dict[str, Any]:
        self._next_id += 1
        url = f"https://github.example/{self.repository}{path}{self._next_id}"
        return {
            "id": self._next_id,
            "node_id": f"IC_{self._next_id}",
            "user": {"login": login, "type": kind},
            "body": body,
            "html_url": url,
        }

    # --- answering ---------------------------------------------------------------------------------------------------

    def answer(self, request: Request) -> tuple[int, dict[str, str], Any]:
        """Status, headers and body."""
        if self.server:
            found = re.fullmatch(r"/api(?:/v3(/(?!graphql).*)|(/graphql))", request.path)
            request.path = (found[1] or found[2]) if found else f"{request.path} isn't there on a server"
        self.requests.append(request)
        for forced in self.forced:
            if request.method == forced.method and re.fullmatch(forced.path, request.path):
                self.forced.remove(forced)
                if forced.act:
                    self._true_answer(request)
                return forced.status, forced.headers, forced.body
        return self._true_answer(request)

    def _true_answer(self, request: Request) -> tuple[int, dict[str, str], Any]:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if token not in self.users:
            return 401, {}, {"message": "Bad credentials"}
        login, kind, writes = self.users[token]
        if request.path == "/graphql" and "minimizeComment" in request.body["query"]:
            self.hidden.append(request.body["variables"]["id"])
            return 200, {}, {"data": {"minimizeComment": {"minimizedComment": {"isMinimized": True}}}}
        if request.path == "/graphql":
            return 200, {}, {"data": {"viewer": {"login": login}}}
        if request.method != "GET" and not writes:
            return 403, {}, {"message": "Resource not accessible by integration"}
        if isinstance(request.body, dict) and len(str(request.body.get("body", ""))) > self.limit:
            told = {"message": f"body is too long (maximum is {self.limit} characters)"}
            return 422, {}, {"message": "Validation Failed", "errors": [told]}
        pulls = re.fullmatch(f"/repos/{self.repository}/commits/([0-9a-f]+)/pulls", request.path)
        if pulls:
            return 200, {}, self.pulls.get(pulls[1], [])
        base = f"/repos/{self.repository}/issues"
        if not request.path.startswith(base):
            return 404, {}, {"message": "Not Found"}
        return self._issues(request, request.path.removeprefix(base), login, kind == "Bot")

    def _issues(self, request: Request, path: str, login: str, bot: bool) -> tuple[int, dict[str, str], Any]:
        comments = re.fullmatch(r"/(\d+)/comments", path)
        if comments and request.method == "GET":
            return self._paged(request, self.comments.get(int(comments[1]), []))
        if comments and request.method == "POST":
            return 201, {}, self.comment(int(comments[1]), login, request.body["body"], bot=bot)
        comment = re.fullmatch(r"/comments/(\d+)", path)
        if comment and request.method == "PATCH":
            return self._patched(request, [item for items in self.comments.values() for item in items], int(comment[1]))
        if not path and request.method == "GET":
            labels = set(filter(None, request.query.get("labels", "").split(",")))
            state = request.query.get("state", "open")
            found = [item for item in self.issues if item["state"] == state and labels <= set(item["labels"])]
            return self._paged(request, found)
        if not path and request.method == "POST":
            also = {"labels": request.body.get("labels", [])}
            return 201, {}, self.issue(login, request.body["title"], request.body["body"], bot=bot, **also)
        issue = re.fullmatch(r"/(\d+)", path)
        if issue and request.method == "PATCH":
            return self._patched(request, self.issues, int(issue[1]), key="number")
        return 404, {}, {"message": "Not Found"}

    def _patched(
        self, request: Request, items: list[dict[str, Any]], number: int, key: str = "id"
    ) -> tuple[int, dict[str, str], Any]:
        for item in items:
            if item[key] == number:
                item.update(request.body)
                return 200, {}, item
        return 404, {}, {"message": "Not Found"}

    def _paged(self, request: Request, items: list[dict[str, Any]]) -> tuple[int, dict[str, str], Any]:
        size = min(self.page, int(request.query.get("per_page", "30")))
        page = int(request.query.get("page", "1"))
        links = {}
        if page * size < len(items):
            query = "&".join(f"{key}={value}" for key, value in {**request.query, "page": page + 1}.items())
            links = {"Link": f'<{self.url}{request.path}?{query}>; rel="next", <{self.url}/last>; rel="last"'}
        return 200, links, items[(page - 1) * size : page * size]


@contextmanager
def serving(github: FakeGitHub) -> Iterator[FakeGitHub]:
    """The fake behind a port of this machine, for a while; its `url` is what GITHUB_API_URL would be."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one_request(self) -> None:
            self.raw_requestline = self.rfile.readline(65_537)
            if not self.raw_requestline or not self.parse_request():
                self.close_connection = True
                return
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            parts = urlsplit(self.path)
            headers = {name.lower(): value for name, value in self.headers.items()}
            query = {key: values[0] for key, values in parse_qs(parts.query).items()}
            request = Request(self.command, parts.path, query, headers, json.loads(raw) if raw else None)
            status, more, body = github.answer(request)
            self.close_connection = True
            if status == 0:
                return
            data = json.dumps(body).encode()
            self.send_response_only(status)  # without the date of the machine that runs the tests
            for name, value in {**more, "Content-Length": str(len(data)), "Connection": "close"}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    github.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield github
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
