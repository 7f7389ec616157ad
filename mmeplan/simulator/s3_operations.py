"""Which S3 operation a request is, and what each operation may be asked: from botocore's model of S3.

In: a request's method, place, query and headers. Out: the operation's name; and what of the request belongs to none.
Parameters tell one operation from another (`PUT /bucket/key` from `PUT /bucket/key?legal-hold`): a parameter or a
header that isn't the operation's is refused, so that no operation ever runs as another. Source: botocore's s3 model,
`http`, `location` and `locationName`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from urllib.parse import parse_qsl

from mmeplan.aws import shapes

ANYWHERE: Final = frozenset(
    {"x-amz-date", "x-amz-content-sha256", "x-amz-security-token", "x-amz-user-agent", "x-amz-decoded-content-length"}
    | {"x-amz-trailer", "x-amz-te", "x-amzn-trace-id", "x-amz-s3session-token"}
)
"""Headers of signatures and transfers, which every operation may have. Source: "Signature Calculations", SigV4."""
ELSEWHERE: Final = frozenset({"ListDirectoryBuckets"})
"""What is asked of S3 Express's control endpoint, in its scope, by a path that ListBuckets has."""
MARKS: Final = ("x-amz-", "if-")
"""How the headers begin that ask something of an operation."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """What one operation is told by, and what it may have: names of parameters, and of headers in lower case."""

    name: str
    level: str
    fixed: frozenset[tuple[str, str]]
    needed: frozenset[str]
    needed_headers: frozenset[str]
    parameters: frozenset[str]
    headers: frozenset[str]
    prefixes: tuple[str, ...]

    @property
    def summed(self) -> bool:
        """Whether its body may have a checksum, though some shapes don't list the headers. Source: httpChecksum."""
        return "x-amz-sdk-checksum-algorithm" in self.headers

    def fits(self, query: Mapping[str, str], headers: Mapping[str, str]) -> bool:
        """Whether a request at this level has everything that tells this operation."""
        return (
            all(query.get(name) == value for name, value in self.fixed)
            and self.needed <= query.keys()
            and self.needed_headers <= headers.keys()
        )

    def foreign(self, query: Mapping[str, str], headers: Mapping[str, str]) -> tuple[str, str]:
        """The first parameter or header that isn't this operation's, as ("parameter" or "header", name), or empty."""
        for name in query:
            if name not in self.parameters:
                return "parameter", name
        for name in headers:
            known = name in self.headers or name in ANYWHERE or name.startswith(self.prefixes)
            known = known or (self.summed and name.startswith("x-amz-checksum-"))
            if name.startswith(MARKS) and not known:
                return "header", name
        return "", ""


@lru_cache(maxsize=1)
def accepted() -> dict[str, Accepted]:
    """Every operation of S3 that has a path of buckets and keys, by its name."""
    model = shapes.service("s3")
    made = {}
    for name, operation in model.operations.items():
        path, _, static = operation["http"]["requestUri"].partition("?")
        level = {"/": "", "/{Bucket}": "bucket", "/{Bucket}/{Key+}": "key"}.get(path)
        if level is None or name in ELSEWHERE:
            continue
        shape = model.shapes[model.input_shape(name) or ""] if model.input_shape(name) else {}
        members, required = shape.get("members", {}), set(shape.get("required", ()))
        fixed = frozenset(parse_qsl(static, keep_blank_values=True))
        places: dict[str, dict[str, bool]] = {"querystring": {}, "header": {}, "headers": {}}
        for member, place in members.items():
            if place.get("location") in places:
                places[place["location"]][place["locationName"]] = member in required
        made[name] = Accepted(
            name,
            level,
            fixed,
            frozenset(parameter for parameter, needed in places["querystring"].items() if needed),
            frozenset(header.lower() for header, needed in places["header"].items() if needed),
            frozenset(places["querystring"]) | {parameter for parameter, _ in fixed},
            frozenset(header.lower() for header in places["header"]),
            tuple(places["headers"]),
        )
    return made


@lru_cache(maxsize=64)
def _told(method: str, level: str) -> list[Accepted]:
    """The operations of a method at a level: what is told by most first, of two names for one the longer, newer."""
    known = shapes.service("s3").operations
    found = [
        each for each in accepted().values() if (known[each.name]["http"]["method"], each.level) == (method, level)
    ]
    return sorted(found, key=lambda each: (-len(each.fixed | each.needed | each.needed_headers), -len(each.name)))


def operation(method: str, bucket: str, key: str, query: Mapping[str, str], headers: Mapping[str, str]) -> str:
    """The operation's name; empty for one that S3 doesn't have. Header names are in lower case."""
    level = "key" if key else "bucket" if bucket else ""
    return next((each.name for each in _told(method, level) if each.fits(query, headers)), "")
