"""The HTTP door: one port for every service, on the standard library's threading server.

In: connections. Out: what the core answers, over HTTP/1.1 with keep-alive. Requests are parsed here, since the standard
parser takes longer than most calls. Faults that cut a connection, or kill the caller, cut the socket. Used by
`mmeplan serve` and by the pytest plugin.
"""

from __future__ import annotations

import json
import socket
import threading
from http.client import responses
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

from mmeplan.simulator import control
from mmeplan.simulator.callers import Callers
from mmeplan.simulator.core import Simulator
from mmeplan.simulator.faults import ConnectionCut, SimulatedCrash
from mmeplan.simulator.wall import WallClock
from mmeplan.simulator.wire import Request, Response

MAX_LINE: Final = 65_536
MAX_HEADERS: Final = 200
MAX_BODY: Final = 1 << 30
"""A request's bounds. S3 parts may be large; nothing beyond 1 GiB fits into memory with a clear conscience."""
IDLE_S: Final = 60.0
"""How long an idle connection is kept: longer than any client's own limit."""
STOP_S: Final = 3.0
"""How long connections under way may take to end when the server stops."""


class _BadRequest(Exception):  # noqa: N818  (one line of this file)
    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.response = _json(status, code, message)


def _json(status: int, code: str, message: str) -> Response:
    body = json.dumps({"__type": code, "message": message}).encode()
    return Response(status, {"Content-Type": "application/json", "Connection": "close"}, body)


class _Handler(BaseHTTPRequestHandler):
    """One connection. The class is the standard library's; reading and writing are ours."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = IDLE_S
    server: Server

    def handle_one_request(self) -> None:
        """Read a request, answer it, keep the connection unless either side wants it closed."""
        self.close_connection = True
        try:
            request = self._read()
            if request is None:
                return
            answer = self.server.answer(request)
            self.close_connection = "close" in (
                request.header("connection").lower(),
                answer.headers.get("Connection", ""),
            )
            self._write(request.method, answer)
        except _BadRequest as bad:
            self.close_connection = True
            self._write("", bad.response)
        except (ConnectionCut, SimulatedCrash):
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
        except (OSError, TimeoutError):  # the client is gone
            self.close_connection = True

    def _read(self) -> Request | None:
        line = self.rfile.readline(MAX_LINE + 1)
        while line in (b"\r\n", b"\n"):  # some clients end a body with a line too many
            line = self.rfile.readline(MAX_LINE + 1)
        if not line:
            return None
        words = line.decode("latin-1").split()
        if len(words) != 3 or not words[2].startswith("HTTP/1."):
            raise _BadRequest(400, "BadRequest", "This is not an HTTP/1.1 request.")
        headers = self._headers()
        headers.setdefault("connection", "close" if words[2] == "HTTP/1.0" else "keep-alive")
        if headers.get("expect", "").lower() == "100-continue":
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        return Request(words[0], words[1], headers, self._body(headers))

    def _headers(self) -> dict[str, str]:
        headers: dict[str, str] = {}
        for _ in range(MAX_HEADERS):
            line = self.rfile.readline(MAX_LINE + 1)
            if line in (b"\r\n", b"\n", b""):
                return headers
            name, colon, value = line.decode("latin-1").partition(":")
            if not colon or len(line) > MAX_LINE:
                raise _BadRequest(400, "BadRequest", "A header can not be read.")
            headers[name.lower()] = value.strip()
        raise _BadRequest(431, "BadRequest", "Too many headers.")

    def _body(self, headers: dict[str, str]) -> bytes:
        if headers.get("transfer-encoding", "").lower() == "chunked":
            return self._chunks()
        length = headers.get("content-length", "0")
        if not (length.isascii() and length.isdigit()) or int(length) > MAX_BODY:
            raise _BadRequest(413, "RequestEntityTooLarge", "Content-Length is not a number, or too large.")
        return self._exactly(int(length)) if length != "0" else b""

    def _chunks(self) -> bytes:
        parts: list[bytes] = []
        total = 0
        while True:
            try:
                size = int(self.rfile.readline(MAX_LINE).partition(b";")[0], 16)
            except ValueError:
                raise _BadRequest(400, "BadRequest", "A chunk has no size.") from None
            total += size
            if size < 0 or total > MAX_BODY:
                raise _BadRequest(413, "RequestEntityTooLarge", "The body is too large.")
            if size == 0:
                while self.rfile.readline(MAX_LINE) not in (b"\r\n", b"\n", b""):
                    pass
                return b"".join(parts)
            parts.append(self._exactly(size))
            self.rfile.readline(MAX_LINE)

    def _exactly(self, size: int) -> bytes:
        body = self.rfile.read(size)
        if len(body) < size:
            raise ConnectionResetError("the body ended early")
        return body

    def _write(self, method: str, answer: Response) -> None:
        headers = dict(answer.headers)
        if method != "HEAD" and answer.status not in (204, 304):
            headers["Content-Length"] = str(len(answer.body))
        elif answer.status in (204, 304):
            headers.pop("Content-Length", None)
        if self.close_connection:
            headers["Connection"] = "close"
        lines = [f"HTTP/1.1 {answer.status} {responses.get(answer.status, 'Unknown')}"]
        lines += [f"{name}: {_one_line(value)}" for name, value in headers.items()]
        head = "\r\n".join([*lines, "", ""]).encode("latin-1", "replace")
        self.connection.sendall(head if method == "HEAD" else head + answer.body)


def _one_line(value: str) -> str:
    return value.replace("\r", " ").replace("\n", " ")


class Server(ThreadingHTTPServer):
    """A simulated world on a port. `serve_forever` serves; `stop` ends it, whatever its connections do."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, sim: Simulator, host: str = "127.0.0.1", port: int = 0, speed: float = 1.0) -> None:
        """Listen; port 0 lets the system choose one. Raises OSError where the address can't be had."""
        if ":" in host:
            self.address_family = socket.AF_INET6
        super().__init__((host, port), _Handler)
        self.sim = sim
        self._callers = Callers(host)
        self._wall = WallClock(sim.store, sim.records, speed)
        self._serving: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        host, port = self.server_address[:2]
        shown = str(host)
        return f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"

    def server_bind(self) -> None:
        """As the base class does, without looking up the host's full name: that can take seconds."""
        if self.allow_reuse_address:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def answer(self, request: Request) -> Response:
        """Let time pass, then answer. Raises ConnectionCut or SimulatedCrash where such a fault was asked for."""
        refusal = self._callers.refusal(request.headers)
        if refusal:
            return _json(403, "Forbidden", refusal)
        self._wall.tick()
        if control.is_control(request.url):
            return control.respond(self.sim, request)
        return self.sim.respond(request)

    def handle_error(self, request: object, client_address: object) -> None:
        """A connection that ends badly is the client's affair, unless the simulator itself is wrong."""
        import sys

        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]

    def start(self) -> None:
        """Serve in a thread of its own."""
        serving = threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True)
        serving.start()
        self._serving = serving

    def stop(self) -> None:
        """End a server, and free its port. Of one that was never started the base class would wait for the end."""
        if self._serving:
            self.shutdown()
            self._serving.join(STOP_S)
        self.server_close()
