"""GitHub's REST API over the standard library: JSON in and out, pages, rate limits, and redirects that keep the token.

In: paths under the API's URL. Out: plain data, or `CloudError`s. Called by `sticky`. Time comes in through the clock.

Sources: GitHub Docs, "Best practices for using the REST API" (rate limits: `retry-after`, else `x-ratelimit-reset`,
else a minute; redirects), "Using pagination in the REST API" (the `Link` header), "API Versions".
"""

from __future__ import annotations

import http.client
import json
import re
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

from mmeplan import __version__
from mmeplan.errors import CloudError, ConnectionFailedError, InputError, Problem
from mmeplan.live import Clock

DEFAULT_URL: Final = "https://api.github.com"
TIMEOUT_S: Final = 30
ATTEMPTS: Final = 5
LONGEST_WAIT_S: Final = 300.0  # a job that waits longer for a comment costs more than it is worth
UNTOLD_WAIT_S: Final = 60.0  # what GitHub asks for where a limit says no time
MAX_ANSWER: Final = 32 * 1024 * 1024  # bytes; a page of 100 comments is a tenth of this at most
_REDIRECTS: Final = 3
_NEXT: Final = re.compile(r'<([^<>]*)>\s*;[^,]*\brel="next"')
_SENT: Final = {
    "Accept": "application/vnd.github+json",
    "Content-Type": "application/json; charset=utf-8",
    "User-Agent": f"mmeplan/{__version__}",
    "X-GitHub-Api-Version": "2022-11-28",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer: its status, its headers with lower-case names, and its body as data (None where it isn't JSON)."""

    status: int
    headers: Mapping[str, str]
    body: Any

    @property
    def message(self) -> str:
        """GitHub's own words, on one line; empty where it gave none."""
        if not isinstance(self.body, dict):
            return ""
        details = [
            str(item.get("message") or f"{item.get('field', '')} {item.get('code', '')}".strip())
            for item in self.body.get("errors") or ()
            if isinstance(item, dict)
        ]
        told = str(self.body.get("message") or "")
        return " ".join(": ".join(part for part in (told, "; ".join(details)) if part).split())


class GitHub:
    """A client for one API and one token. The token goes to that API's host and to nobody else."""

    def __init__(self, clock: Clock, token: str, url: str = DEFAULT_URL) -> None:
        """Raises InputError where the URL would send the token in the clear, or the token can't be sent."""
        self._clock = clock
        self._token = token.strip()
        self.url = url.rstrip("/")
        _refuse_unsafe(self.url, self._token)
        self._open = urllib.request.build_opener(_NoRedirect).open

    def call(
        self, method: str, path: str, content: Mapping[str, Any] | None = None, *, again: bool | None = None
    ) -> Answer:
        """One call, repeated where GitHub asks to come back later, or where it may be made twice.

        `again` says that it may; a POST may not otherwise. Raises CloudError with GitHub's words, ConnectionFailedError
        where there was no answer.
        """
        url = urljoin(f"{self.url}/", path.lstrip("/")) if "://" not in path else path
        operation = f"{method} {urlsplit(url).path}"
        again = method != "POST" if again is None else again
        for attempt in range(1, ATTEMPTS + 1):
            last = attempt == ATTEMPTS
            try:
                answer = self._followed(method, url, content)
            except (OSError, http.client.HTTPException) as error:
                if last or not again:
                    raise _no_answer(operation, error) from None
                self._wait(_backoff(attempt))
                continue
            if answer.status < 300:
                return answer
            wait = self._asked_wait(answer)
            if wait is None and answer.status >= 500 and again:
                wait = _backoff(attempt)
            if wait is None or last or wait > LONGEST_WAIT_S:
                raise _refusal(operation, answer, wait)
            self._wait(wait)
        raise AssertionError("the last attempt returns or raises")

    def pages(self, path: str) -> Iterator[Any]:
        """Every item of a list, page after page. Raises CloudError."""
        url: str | None = f"{path}{'&' if '?' in path else '?'}per_page=100"
        while url:
            answer = self.call("GET", url)
            yield from answer.body if isinstance(answer.body, list) else ()
            found = _NEXT.search(answer.headers.get("link", ""))
            url = self._inside(found[1]) if found else None

    def viewer(self) -> str:
        """The login that the token acts as; empty where GitHub doesn't say. Raises CloudError.

        REST's `/user` refuses a workflow's own token; GraphQL's `viewer` tells it as well.
        """
        graphql = self.url.removesuffix("/v3") + "/graphql"  # on a server of one's own: /api/v3 and /api/graphql
        body = self.call("POST", graphql, {"query": "query { viewer { login } }"}, again=True).body
        try:
            return str(body["data"]["viewer"]["login"])
        except (KeyError, TypeError):
            return ""

    def _followed(self, method: str, url: str, content: Mapping[str, Any] | None) -> Answer:
        """The answer at the end of redirects: a repository that was renamed still has its old address."""
        for _ in range(_REDIRECTS):
            answer = self._once(method, url, content)
            target = answer.headers.get("location", "")
            if answer.status not in (301, 302, 307, 308) or not target:
                return answer
            url = self._inside(urljoin(url, target))
        return answer

    def _inside(self, url: str) -> str:
        """The URL, if it leads to the API's own host. Raises CloudError: the token is for nobody else."""
        if urlsplit(url)[:2] != urlsplit(self.url)[:2]:
            raise CloudError("GET", "Redirect", f"{self.url} leads to another host: {url}", status=0)
        return url

    def _once(self, method: str, url: str, content: Mapping[str, Any] | None) -> Answer:
        data = json.dumps(content).encode("ascii") if content is not None else None
        request = urllib.request.Request(url, data, dict(_SENT), method=method)  # noqa: S310 - the scheme is checked
        request.add_unredirected_header("Authorization", f"Bearer {self._token}")
        try:
            with self._open(request, timeout=TIMEOUT_S) as response:
                return _answer(response.status, response.headers, response.read(MAX_ANSWER))
        except urllib.error.HTTPError as error:
            with error:
                return _answer(error.code, error.headers, error.read(MAX_ANSWER))

    def _asked_wait(self, answer: Answer) -> float | None:
        """How long GitHub asks to wait, in seconds; None where it refuses for another reason."""
        if answer.status not in (403, 429):
            return None
        told = answer.headers.get("retry-after", "")
        if told.isdecimal():
            return float(told)
        reset = answer.headers.get("x-ratelimit-reset", "")
        if answer.headers.get("x-ratelimit-remaining") == "0" and reset.isdecimal():
            return max(1.0, float(reset) - self._clock.now().timestamp())
        limited = answer.status == 429 or "rate limit" in answer.message.lower()
        return UNTOLD_WAIT_S if limited else None

    def _wait(self, seconds: float) -> None:
        self._clock.sleep(seconds + self._clock.uniform(0.0, 1.0))


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Redirects come back as answers: urllib would turn a PATCH into a GET, or refuse it."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def _backoff(attempt: int) -> float:
    return float(2 ** (attempt - 1))


def _answer(status: int, headers: Any, raw: bytes) -> Answer:
    try:
        body = json.loads(raw) if raw else None
    except (ValueError, RecursionError):
        body = None
    return Answer(status, {name.lower(): value for name, value in headers.items()}, body)


def _refusal(operation: str, answer: Answer, wait: float | None) -> CloudError:
    message = answer.message or http.client.responses.get(answer.status, "an answer without words")
    if wait is not None and wait > LONGEST_WAIT_S:
        message += f" (GitHub asks to wait {wait / 60:.0f} min)"
    request_id = answer.headers.get("x-github-request-id", "")
    return CloudError(operation, str(answer.status), message, status=answer.status, request_id=request_id)


def _no_answer(operation: str, error: Exception) -> ConnectionFailedError:
    reason = getattr(error, "reason", error)
    made = ConnectionFailedError(operation, f"no answer: {reason}")
    made.hint = "look at the network and GITHUB_API_URL"
    return made


def _refuse_unsafe(url: str, token: str) -> None:
    parts = urlsplit(url)
    loopback = parts.hostname in ("127.0.0.1", "::1", "localhost")
    if parts.scheme != "https" and not (parts.scheme == "http" and loopback):
        raise InputError([Problem(f"GITHUB_API_URL is {url!r}; the token is sent over https only")])
    if not token or not token.isascii() or any(char.isspace() for char in token):
        raise InputError([Problem("GITHUB_TOKEN is not a token: it is empty, or holds a space or a line break")])
