"""The checksums that S3 knows: of a request, held against its body; of an upload, made of its parts.

In: headers and bytes. Out: the same as headers, `x-amz-checksum-…` in base64. The three xxHash are not here.
Sources: the S3 user guide, "Checking object integrity in Amazon S3"; the catalogue of CRC algorithms.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import zlib
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Final

from mmeplan.simulator.wire import ServiceError

HEADER: Final = "x-amz-checksum-"
_CRC32C: Final = 0x82F63B78
_CRC64NVME: Final = 0x9A6C9329AC4BC9B5


@lru_cache(maxsize=2)
def _table(polynomial: int) -> list[int]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (polynomial if value & 1 else 0)  # noqa: PLW2901
        table.append(value)
    return table


def _crc(polynomial: int, size: int, body: bytes) -> bytes:
    """A reflected CRC that begins and ends with its bits turned."""
    table, mask = _table(polynomial), (1 << 8 * size) - 1
    value = mask
    for byte in body:
        value = table[(value ^ byte) & 0xFF] ^ value >> 8
    return (value ^ mask).to_bytes(size, "big")


ALGORITHMS: Final[Mapping[str, Callable[[bytes], bytes]]] = {
    "crc32": lambda body: zlib.crc32(body).to_bytes(4, "big"),
    "crc32c": lambda body: _crc(_CRC32C, 4, body),
    "crc64nvme": lambda body: _crc(_CRC64NVME, 8, body),
    "sha1": lambda body: hashlib.sha1(body, usedforsecurity=False).digest(),
    "sha256": lambda body: hashlib.sha256(body).digest(),
    "sha512": lambda body: hashlib.sha512(body).digest(),
    "md5": lambda body: hashlib.md5(body, usedforsecurity=False).digest(),
}


def of(algorithm: str, body: bytes) -> str:
    """The checksum in base64. `algorithm` is a name of ALGORITHMS."""
    return base64.b64encode(ALGORITHMS[algorithm](body)).decode()


def sent(headers: Mapping[str, str]) -> dict[str, str]:
    """Algorithm → checksum of those that a request carries. Raises ServiceError InvalidRequest for more than one."""
    found = {name: headers[HEADER + name] for name in ALGORITHMS if HEADER + name in headers}
    if len(found) > 1:
        message = "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed."
        raise ServiceError("InvalidRequest", message)
    return found


def verified(headers: Mapping[str, str], body: bytes) -> dict[str, str]:
    """Algorithm → checksum of a body that fits. Raises ServiceError BadDigest or InvalidRequest."""
    found = sent(headers)
    if not found and "x-amz-sdk-checksum-algorithm" in headers:
        message = (
            "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers "
            "were found."
        )
        raise ServiceError("InvalidRequest", message)
    for algorithm, given in found.items():
        refuse_other(algorithm, given, of(algorithm, body))
    return found


def refuse_other(algorithm: str, given: str, computed: str) -> None:
    """Raise ServiceError BadDigest for another checksum than the computed one, InvalidRequest for none at all."""
    if given == computed:
        return
    try:
        size = len(base64.b64decode(given.partition("-")[0], validate=True))
    except binascii.Error:
        size = -1
    if size != len(ALGORITHMS[algorithm](b"")):
        raise ServiceError("InvalidRequest", f"Value for {HEADER}{algorithm} header is invalid.")
    message = f"The {algorithm.upper()} you specified did not match the calculated checksum."
    raise ServiceError("BadDigest", message)


def composite(algorithm: str, parts: Iterable[str]) -> str:
    """The checksum of the parts' checksums, with their number, as an upload's object has it."""
    raw = [base64.b64decode(part) for part in parts]
    return f"{of(algorithm, b''.join(raw))}-{len(raw)}"
