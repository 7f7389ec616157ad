"""What crosses a door of the simulator: requests, responses, who calls, and the errors of the service.

In: a `Request` from a door (in-process or HTTP). Out: `Caller`, the account, region and service that it is for.
Nothing here knows an operation.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

DEFAULT_REGION: Final = "us-east-1"


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request. `url` is absolute or at least a path; header names may have any letter case."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes = b""

    def header(self, name: str) -> str:
        """The header's value whatever the case of its name; empty where it wasn't sent. `name` is lower-case."""
        for key, value in self.headers.items():
            if key.lower() == name:
                return value
        return ""

    def query(self, name: str) -> str:
        """The parameter's value in the URL; empty where it wasn't sent."""
        return dict(parse_qsl(urlsplit(self.url).query)).get(name, "")


@dataclass(frozen=True, slots=True)
class Response:
    """One HTTP response."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class ServiceError(Exception):
    """The service refuses a call: its error code, its words, the HTTP status and what else the error holds."""

    def __init__(
        self, code: str, message: str, status: int = 400, members: Mapping[str, str | int] | None = None
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.members = members or {}


@dataclass(frozen=True, slots=True)
class Caller:
    """Whom a request belongs to. `service` is the signing name (`sagemaker`, `sts`, `tagging`), empty if unknown.

    `key` is the access key id, `arn` that of the session that the key belongs to.
    """

    account: str
    region: str
    service: str
    key: str = ""
    arn: str = ""


_SCOPE = re.compile(r"Credential=([^/,\s]+)/\d{8}/([^/,\s]+)/([^/,\s]+)/aws4_request")
_SECOND = re.compile(r"^AWS ([^:\s]+):")
_SECOND_IN_URL = re.compile(r"[?&]AWSAccessKeyId=([^&]+)")
_HOST = re.compile(
    r"(?:(?:api|runtime|[a-z0-9.-]+(?=\.s3))\.)?(sagemaker|sts|iam|logs|tagging|monitoring|s3|servicequotas|"
    r"application-autoscaling)(?:-fips)?(?:[.-]([a-z0-9-]+))?\.amazonaws\.com(?:\.cn)?"
)
_ACCOUNT = re.compile(r"\d{12}", re.ASCII)


def caller(request: Request, default_account: str) -> Caller:
    """Account, region and service of a request: from the signature's scope, else from the host name.

    Any credentials are accepted. An access key id of twelve digits names the account, as other simulators of AWS
    read it; every other key belongs to `default_account`.
    """
    scope = _SCOPE.search(request.header("authorization"))
    if not scope and "X-Amz-Credential=" in request.url:  # a presigned URL
        scope = _SCOPE.search(unquote(request.url).replace("X-Amz-Credential=", "Credential="))
    if scope:
        key, region, service = scope.groups()
        return Caller(key if _ACCOUNT.fullmatch(key) else default_account, region, service, key)
    second = _SECOND.search(request.header("authorization")) or _SECOND_IN_URL.search(request.url)
    if second:  # signature version 2, which names no region; S3 alone still takes it
        key = unquote(second.group(1))
        return Caller(key if _ACCOUNT.fullmatch(key) else default_account, DEFAULT_REGION, "s3", key)
    host = _HOST.fullmatch(urlsplit(request.url).hostname or request.header("host").partition(":")[0])
    if host:
        return Caller(default_account, host.group(2) or DEFAULT_REGION, host.group(1))
    return Caller(default_account, DEFAULT_REGION, "")
