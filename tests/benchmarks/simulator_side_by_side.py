"""The simulated SageMaker beside moto's server: calls a second over HTTP, and memory.

    python -m tests.benchmarks.simulator_side_by_side [--calls 2000]

Both are started as processes on this machine and get the same signed requests over one kept connection: CreateModel,
DescribeModel, ListModels. moto is looked for in this environment, or where MMEPLAN_MOTO_SERVER says.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

START_S = 60
SCOPE = "Credential=any/20260101/eu-west-1/sagemaker/aws4_request"
MODEL = {
    "ExecutionRoleArn": "arn:aws:iam::123456789012:role/serving",
    "PrimaryContainer": {"Image": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/x:1"},
}


@dataclass(frozen=True)
class Figures:
    """What one server did. Memory is the resident set, in MB: when it is ready, and after the first call."""

    name: str
    idle_mb: float
    warm_mb: float
    per_s: dict[str, float]


def moto_server() -> str | None:
    """Where moto's server is, if it is installed."""
    beside = Path(sys.executable).with_name("moto_server")
    named = os.environ.get("MMEPLAN_MOTO_SERVER")
    return named or (str(beside) if beside.exists() else shutil.which("moto_server"))


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@contextmanager
def running(command: Sequence[str], port: int) -> Iterator[int]:
    """A server as a process, from when it accepts connections. Yields its process id."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + START_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                if time.monotonic() > deadline or process.poll() is not None:
                    raise
                time.sleep(0.05)
        yield process.pid
    finally:
        process.kill()
        process.wait()


def resident_mb(pid: int) -> float:
    """The resident set of a process."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0.0


def caller(port: int) -> Callable[[str, dict[str, object]], int]:
    """A function that makes one call over a kept connection and answers its status."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.connect()
    if connection.sock is not None:
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def call(operation: str, members: dict[str, object]) -> int:
        headers = {
            "X-Amz-Target": f"SageMaker.{operation}",
            "Content-Type": "application/x-amz-json-1.1",
            "Authorization": f"AWS4-HMAC-SHA256 {SCOPE}, SignedHeaders=host, Signature=0",
        }
        connection.request("POST", "/", json.dumps(members), headers)
        answer = connection.getresponse()
        answer.read()
        return answer.status

    return call


def measured(name: str, command: Sequence[str], port: int, calls: int) -> Figures:
    """Start a server, call it, end it. Raises RuntimeError where a call doesn't succeed."""
    with running(command, port) as pid:
        idle = resident_mb(pid)
        call = caller(port)
        call("ListModels", {})
        warm = resident_mb(pid)
        per_s = {}
        for operation, members in (
            ("CreateModel", lambda number: {"ModelName": f"m{number}", **MODEL}),
            ("DescribeModel", lambda number: {"ModelName": f"m{number}"}),
            ("ListModels", lambda number: {"MaxResults": 10, "NameContains": f"m{number}"}),
        ):
            started = time.perf_counter()
            for number in range(calls):
                if call(operation, members(number)) != 200:
                    raise RuntimeError(f"{name} refuses {operation}")
            per_s[operation] = calls / (time.perf_counter() - started)
        return Figures(name, idle, warm, per_s)


def measure(calls: int) -> list[Figures]:
    """Both servers; ours alone where moto isn't installed."""
    port = free_port()
    code = "from mmeplan.cli.serve import command; command()"
    found = [measured("mmeplan serve", [sys.executable, "-c", code, "--port", str(port)], port, calls)]
    moto = moto_server()
    if moto:
        port = free_port()
        try:
            found.append(measured("moto_server", [moto, "-p", str(port)], port, max(50, calls // 10)))
        except OSError:
            print(f"{moto} doesn't start: pip install 'moto[server]'", file=sys.stderr)
    else:
        print("moto's server isn't installed: the comparison is skipped", file=sys.stderr)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description="mmeplan serve beside moto_server")
    parser.add_argument("--calls", type=int, default=2000, help="calls of each operation")
    found = measure(parser.parse_args().calls)
    print(f"{'':16}{'idle MB':>9}{'warm MB':>9}" + "".join(f"{name + '/s':>18}" for name in found[0].per_s))
    for one in found:
        rates = "".join(f"{rate:>18,.0f}" for rate in one.per_s.values())
        print(f"{one.name:16}{one.idle_mb:>9.1f}{one.warm_mb:>9.1f}{rates}")
    if len(found) == 2:
        ours, moto = found
        print(f"{'times as fast':34}" + "".join(f"{ours.per_s[name] / moto.per_s[name]:>18.1f}" for name in ours.per_s))


if __name__ == "__main__":
    main()
