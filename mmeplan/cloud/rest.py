"""The REST APIs of GitHub and GitLab: calls, pages, limits, refusals.

Connections, proxies, redirects and the counting of attempts are urllib3's; time is the clock's.

Sources: GitHub Docs, "Best practices for using the REST API" (rate limits: `retry-after`, else `x-ratelimit-reset`,
else a minute; redirects), "Using pagination in the REST API" (the `Link` header); GitLab Docs, "REST API" (the same
header, `Authorization: Bearer`), "Rate limits" (429 with `retry-after`).
"""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, ClassVar, Final
from urllib.parse import unquote, urljoin, urlsplit
from urllib.request import getproxies, proxy_bypass

from urllib3 import BaseHTTPResponse, PoolManager, ProxyManager, Retry
from urllib3.exceptions import HTTPError, MaxRetryError, ResponseError
from urllib3.util import make_headers, parse_url

from mmeplan import __version__
from mmeplan.cloud.clock import UNTRUSTED, is_loopback
from mmeplan.errors import CloudError, ConnectionFailedError, InputError, Problem

if TYPE_CHECKING:
    from typing import Self

    from mmeplan.live import Clock

TIMEOUT_S: Final = 30
ATTEMPTS: Final = 5
LONGEST_WAIT_S: Final = 300.0  # a job that waits longer for a comment costs more than it is worth
UNTOLD_WAIT_S: Final = 60.0  # what GitHub asks for where a limit says no time

_REDIRECTS: Final = 3
_NEXT: Final = re.compile(r'<([^<>]*)>\s*;[^,]*\brel="next"')


@dataclass(frozen=True, slots=True)
class Service:
    """Whose API it is: its name, the variables that hold the token and the API's URL, and headers of every request.

    `request_id` is the header by which the service finds a request again.
    """

    name: str
    token_variable: str
    url_variable: str
    request_id: str
    headers: Mapping[str, str] = field(default_factory=dict)


# --- the API ----------------------------------------------------------------------------------------------------------


class Rest(ABC):
    """A client for one API and one token. The token goes to that API's host and to nobody else."""

    service: ClassVar[Service]

    def __init__(self, clock: Clock, token: str, url: str) -> None:
        """Raises InputError where the URL would send the token in the clear, or the token can't be sent."""
        self.url = url.rstrip("/")
        token = token.strip()
        _refuse_unsafe(self.service, self.url, token)
        self._clock = clock
        self._headers = {
            "Accept": "application/json",
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": f"mmeplan/{__version__}",
            "Authorization": f"Bearer {token}",
            **self.service.headers,
        }
        self._connections = _connections(self.url)

    def call(
        self, method: str, path: str, content: Mapping[str, Any] | None = None, *, again: bool | None = None
    ) -> Any:
        """The body of an answer as data, None where it isn't JSON.

        The call is repeated where the service asks to come back later, or where it may be made twice: `again` says that
        it may; a POST may not otherwise. Raises CloudError with the service's words, ConnectionFailedError where there
        was no answer.
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

    @abstractmethod
    def viewer(self) -> str:
        """The login that the token acts as; empty where the service doesn't say. Raises CloudError."""

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
            raise _no_answer(self.service, operation, error) from None
        if answer.status < 300:
            return answer
        raise _refusal(self.service, operation, answer, retries.asked_s(answer))


class _Retries(Retry):
    """urllib3's rules, and the service's: its limits are waited for by the clock, no redirect leads to another host."""

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
        error = more.get("error")
        if error is not None and UNTRUSTED in str(error):
            raise MaxRetryError(more["_pool"], url or "", error)
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
        """How long the service asks to wait, in seconds; None where it refuses for another reason."""
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
    """The service's own time at an answer, in seconds since 1970; ours where it says none."""
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
    """The service's own words, on one line; empty where it gave none."""
    body = _body(answer)
    if not isinstance(body, dict):
        return ""
    told = body.get("message") or body.get("error_description") or body.get("error") or ""
    details = [
        str(item.get("message") or f"{item.get('field', '')} {item.get('code', '')}".strip())
        for item in _list(body.get("errors"))
        if isinstance(item, dict)
    ]
    return " ".join(": ".join(part for part in (str(told), "; ".join(details)) if part).split())


def _refusal(service: Service, operation: str, answer: BaseHTTPResponse, wait_s: float | None) -> CloudError:
    message = _message(answer) or answer.reason or "an answer without words"
    if wait_s is not None and wait_s > LONGEST_WAIT_S:
        message += f" ({service.name} asks to wait {wait_s / 60:.0f} min)"
    request_id = answer.headers.get(service.request_id, "")
    refused = CloudError(operation, str(answer.status), message, status=answer.status, request_id=request_id)
    refused.hint = f"this is a limit of {service.name}'s: run the job again later" if wait_s is not None else ""
    return refused


def _no_answer(service: Service, operation: str, error: HTTPError) -> ConnectionFailedError:
    failed = ConnectionFailedError(operation, f"no answer: {getattr(error, 'reason', None) or error}")
    trusted = "its certificate isn't trusted here: SSL_CERT_FILE names a file with its CA, and with the others (PEM)"
    failed.hint = trusted if UNTRUSTED in str(error) else f"look at the network and {service.url_variable}"
    return failed


def _refuse_unsafe(service: Service, url: str, token: str) -> None:
    scheme = urlsplit(url).scheme
    if scheme != "https" and not (scheme == "http" and is_loopback(url)):
        raise InputError([Problem(f"{service.url_variable} is {url!r}; the token is sent over https only")])
    if not token or not token.isascii() or any(char.isspace() for char in token):
        raise InputError(
            [Problem(f"{service.token_variable} is not a token: it is empty, or holds a space or a line break")]
        )
