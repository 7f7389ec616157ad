"""The in-process door: botocore's prepared requests in, botocore's responses out, without a socket.

In: what botocore hands to a `before-send` handler. Out: the `AWSResponse` that it takes instead of sending. The whole
stack of boto3 runs: serialisation, signing, retries, parsing. Called by `Simulator.before_send`.
botocore is imported inside the function: the simulator's other doors don't need it.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from mmeplan.simulator.faults import ConnectionCut
from mmeplan.simulator.wire import Request, Response

if TYPE_CHECKING:
    from botocore.awsrequest import AWSResponse


class _Raw(io.BytesIO):
    """The body as urllib3's response offers it."""

    def stream(self, amt: int = 65536, decode_content: bool | None = None) -> Iterator[bytes]:
        del decode_content  # nothing is ever compressed
        while chunk := self.read(amt):
            yield chunk


def send(respond: Callable[[Request], Response], prepared: Any) -> AWSResponse:
    """Answer a botocore `AWSPreparedRequest`. Raises botocore's ConnectionClosedError where the connection is cut."""
    from botocore.awsrequest import AWSResponse
    from botocore.exceptions import ConnectionClosedError

    headers = {str(name): _text(value) for name, value in prepared.headers.items()}
    try:
        answer = respond(Request(prepared.method, prepared.url, headers, _bytes(prepared.body)))
    except ConnectionCut as cut:
        raise ConnectionClosedError(endpoint_url=prepared.url, error=cut) from cut
    received: Any = dict(answer.headers)  # any mapping will do, whatever the stubs say
    return AWSResponse(prepared.url, answer.status, received, _Raw(answer.body))


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _bytes(body: Any) -> bytes:
    if body is None:
        return b""
    if isinstance(body, str):
        return body.encode()
    if isinstance(body, (bytes, bytearray)):
        return bytes(body)
    return bytes(body.read())
