"""GitHub's REST API: calls, pages, limits, refusals.

Connections, proxies, redirects and the counting of attempts are urllib3's; time is the clock's.

Sources: GitHub Docs, "Best practices for using the REST API" (rate limits: `retry-after`, else `x-ratelimit-reset`,
else a minute; redirects), "Using pagination in the REST API" (the `Link` header), "API Versions".
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urljoin, urlsplit
from urllib.request import getproxies, proxy_bypass

from urllib3 import BaseHTTPResponse, PoolManager, ProxyManager, Retry
from urllib3.exceptions import HTTPError, MaxRetryError, ResponseError
from urllib3.util import make_headers, parse_url

from mmeplan import __version__
from mmeplan.cloud.clock import is_loopback
from mmeplan.errors import CloudError, ConnectionFailedError, InputError, Problem

if TYPE_CHECKING:
    from typing import Self

    from mmeplan.live import Clock

DEFAULT_URL: Final = "https://api.github.com"
TIMEOUT_S: Final = 30
ATTEMPTS: Final = 5
LONGEST_WAIT_S: Final = 300.0  # a job that waits longer for a comment costs more than it is worth
UNTOLD_WAIT_S: Final = 60.0  # what GitHub asks for where a limit says no time

_REDIRECTS: Final = 3
_NEXT: Final = re.compile(r'<([^<>]*)>\s*;[^,]*\brel="next"')
_SENT: Final = {
    "Accept": "application/vnd.github+json",
    "Content-Type": "application/json; charset=utf-8",
    "User-Agent": f"mmeplan/{__version__}",
    "X-GitHub-Api-Version": "2022-11-28",
}


# --- the API ----------------------------------------------------------------------------------------------------------


class GitHub:
    """A client for one API and one token. The token goes to that API's host and to nobody else."""

    def __init__(self, clock: Clock, token: str, url: str = DEFAULT_URL) -> None:
        """Raises InputError where the URL would send the token in the clear, or the token can't be sent."""
        self.url = url.rstrip("/")
        token = token.strip()
        _refuse_unsafe(self.url, token)
        self._clock = clock
        self._headers = {**_SENT, "Authorization": f"Bearer {token}"}
        self._connections = _connections(self.url)

    def call(
        self, method: str, path: str, content: Mapping[str, Any] | None = None, *, again: bool | None = None
    ) -> Any:
        """The body of an answer as data, None where it isn't JSON.

        The call is repeated where GitHub asks to come back later, or where it may be made twice: `again` says that it
        may; a POST may not otherwise. Raises CloudError with GitHub's words, ConnectionFailedError where there was no
        answer.
        """
        return _body(self._answer(method, path, content, again=method != "POST" if again is None else again))

    def pages(self, path: str) -> Iterator[Any]:
        """Every item of a list, page after page. Raises CloudError."""
        url: str | None = f"{path}{'&' if '?' in path else '?'}per_page=100"
        read: set[str] = set()
        while url:
            if url in read:
                raise CloudError("GET", "RepeatedPage", f"the list has no end: a page of {path} came twice", status=0)
            read.add(url)
            answer = self._answer("GET", url, again=True)
            items = _body(answer)
            yield from items if isinstance(items, list) else ()
            found = _NEXT.search(answer.headers.get("link", ""))
            url = found[1] if found else None

    def viewer(self) -> str:
        """The login that the token acts as; empty where GitHub doesn't say. Raises CloudError.

        REST's `/user` refuses a workflow's own token; GraphQL's `viewer` tells it as well.
        """
        graphql = self.url.removesuffix("/v3") + "/graphql"  # on a server of one's own: /api/v3 and /api/graphql
        body = self.call("POST", graphql, {"query": "query { viewer { login } }"}, again=True)
        try:
            return str(body["data"]["viewer"]["login"])
        except (KeyError, TypeError):
            return ""

    def _answer(
        self, method: str, path: str, content: Mapping[str, Any] | None = None, *, again: bool
    ) -> BaseHTTPResponse:
        url = path if "://" in path else f"{self.url}/{path.lstrip('/')}"
        operation = f"{method} {urlsplit(url).path}"
        retries = _Retries(
            ATTEMPTS - 1,
            redirect=_REDIRECTS,
            allowed_methods=[method] if again else ["GET"],
            raise_on_status=False,
            raise_on_redirect=False,
        ).on(self._clock, self.url)
        retries.refuse_elsewhere(url)
        body = json.dumps(content).encode("ascii") if content is not None else None
        try:
            answer = self._connections.request(
                method, url, body=body, headers=self._headers, retries=retries, timeout=TIMEOUT_S
            )
        except HTTPError as error:
            raise _no_answer(operation, error) from None
        if answer.status < 300:
            return answer
        raise _refusal(operation, answer, retries.asked_s(answer))


class _Retries(Retry):
    """urllib3's rules, and GitHub's: its limits are waited for by the clock, and no redirect leads to another host."""

    clock: Clock
    url: str

    def on(self, clock: Clock, url: str) -> Self:
        self.clock, self.url = clock, url
        return self

    def new(self, **changes: Any) -> Self:
        return super().new(**changes).on(self.clock, self.url)

    def refuse_elsewhere(self, url: str) -> None:
        """Raises CloudError for another host: the token is for nobody else."""
        if urlsplit(url)[:2] != urlsplit(self.url)[:2]:
            raise CloudError("GET", "Redirect", f"{self.url} leads to another host: {url}", status=0)

    def is_retry(self, method: str, status_code: int, has_retry_after: bool = False) -> bool:
        repeated = not self.allowed_methods or method in self.allowed_methods
        return status_code in (403, 429) or (status_code >= 500 and repeated)

    def increment(self, method: str | None = None, url: str | None = None, *args: Any, **more: Any) -> Self:
        response: BaseHTTPResponse | None = more.get("response")
        location = response.get_redirect_location() if response is not None else None
        if location:
            self.refuse_elsewhere(urljoin(self.url, urljoin(url or "", location)))
        elif response is not None and response.status < 500:
            wait_s = self.asked_s(response)
            if wait_s is None or wait_s > LONGEST_WAIT_S:
                raise MaxRetryError(more["_pool"], url or "", ResponseError("not to be repeated"))
        return super().increment(method, url, *args, **more)

    def asked_s(self, response: BaseHTTPResponse) -> float | None:
        """How long GitHub asks to wait, in seconds; None where it refuses for another reason."""
        if response.status not in (403, 429):
            return None
        after, reset = response.headers.get("retry-after", ""), response.headers.get("x-ratelimit-reset", "")
        if after.isdecimal():
            return float(after)
        if response.headers.get("x-ratelimit-remaining") == "0" and reset.isdecimal():
            return max(1.0, float(reset) - _time_of(response, self.clock))
        return UNTOLD_WAIT_S if response.status == 429 or "rate limit" in _message(response).lower() else None

    def sleep_for_retry(self, response: BaseHTTPResponse) -> bool:
        return False  # asked after a redirect, which needs no pause

    def sleep(self, response: BaseHTTPResponse | None = None) -> None:
        failures = sum(past.redirect_location is None for past in self.history)
        asked_s = self.asked_s(response) if response is not None else None
        self.clock.sleep((2.0 ** (failures - 1) if asked_s is None else asked_s) + self.clock.uniform(0.0, 1.0))


def _time_of(response: BaseHTTPResponse, clock: Clock) -> float:
    """GitHub's own time at an answer, in seconds since 1970; ours where it says none."""
    try:
        return parsedate_to_datetime(response.headers.get("date", "")).timestamp()
    except (ValueError, OverflowError):
        return clock.now().timestamp()


def _connections(url: str) -> PoolManager:
    """Connections to the API, through the proxy that the environment names for it."""
    parts = urlsplit(url)
    proxy = getproxies().get(parts.scheme)
    if not proxy or proxy_bypass(parts.hostname or ""):
        return PoolManager()
    proxy = proxy if "://" in proxy else f"http://{proxy}"
    auth = parse_url(proxy).auth
    return ProxyManager(proxy, proxy_headers=make_headers(proxy_basic_auth=unquote(auth)) if auth else None)


def _body(answer: BaseHTTPResponse) -> Any:
    try:
        return json.loads(answer.data) if answer.data else None
    except (ValueError, RecursionError):
        return None


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _message(answer: BaseHTTPResponse) -> str:
    """GitHub's own words, on one line; empty where it gave none."""
    body = _body(answer)
    if not isinstance(body, dict):
        return ""
    details = [
        str(item.get("message") or f"{item.get('field', '')} {item.get('code', '')}".strip())
        for item in _list(body.get("errors"))
        if isinstance(item, dict)
    ]
    return " ".join(": ".join(part for part in (str(body.get("message") or ""), "; ".join(details)) if part).split())


def _refusal(operation: str, answer: BaseHTTPResponse, wait_s: float | None) -> CloudError:
    message = _message(answer) or answer.reason or "an answer without words"
    if wait_s is not None and wait_s > LONGEST_WAIT_S:
        message += f" (GitHub asks to wait {wait_s / 60:.0f} min)"
    request_id = answer.headers.get("x-github-request-id", "")
    refused = CloudError(operation, str(answer.status), message, status=answer.status, request_id=request_id)
    refused.hint = "this is a limit of GitHub's: run the job again later" if wait_s is not None else ""
    return refused


def _no_answer(operation: str, error: HTTPError) -> ConnectionFailedError:
    failed = ConnectionFailedError(operation, f"no answer: {getattr(error, 'reason', None) or error}")
    failed.hint = "look at the network and GITHUB_API_URL"
    return failed


def _refuse_unsafe(url: str, token: str) -> None:
    scheme = urlsplit(url).scheme
    if scheme != "https" and not (scheme == "http" and is_loopback(url)):
        raise InputError([Problem(f"GITHUB_API_URL is {url!r}; the token is sent over https only")])
    if not token or not token.isascii() or any(char.isspace() for char in token):
        raise InputError([Problem("GITHUB_TOKEN is not a token: it is empty, or holds a space or a line break")])
