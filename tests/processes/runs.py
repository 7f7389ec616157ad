"""`mmeplan` as processes: forked from one that has imported everything, talked to over pipes, killed at will."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

FORKS = multiprocessing.get_context("forkserver")
PATIENCE_S = 60.0


def mmeplan(arguments: list[str], folder: str, out: Connection, prepare: Callable[[], None]) -> None:
    """In the child: run the command, its stdout into the pipe, everything else thrown away."""
    prepare()
    os.environ |= {"AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any", "AWS_EC2_METADATA_DISABLED": "true"}
    os.environ |= {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    os.chdir(folder)
    os.dup2(out.fileno(), 1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    from mmeplan.cli.app import app

    app(arguments, prog_name="mmeplan")


def as_it_is() -> None: ...


class Run:
    """One run of a command. `lines` is how many lines it has printed so far. `prepare` is called in the child first."""

    def __init__(self, arguments: str, folder: Path, prepare: Callable[[], None] = as_it_is) -> None:
        self._reader, writer = FORKS.Pipe(duplex=False)
        self.process = FORKS.Process(target=mmeplan, args=(arguments.split(), str(folder), writer, prepare))
        self.process.start()
        writer.close()
        self._rest = b""
        self.text = b""

    @property
    def lines(self) -> int:
        return self.text.count(b"\n")

    def read(self, *, until: Callable[[], bool] = lambda: False, timeout_s: float = PATIENCE_S) -> bool:
        """Read what it prints until the condition holds. False where it ended, or said nothing for that long."""
        while not until():
            if not self._reader.poll(timeout_s):
                return False
            try:
                piece = os.read(self._reader.fileno(), 65_536)
            except OSError:
                return False
            if not piece:
                return False
            self.text += piece
        return True

    def kill(self) -> bool:
        """SIGKILL. Whether it was still alive."""
        alive = self.process.is_alive()
        self.process.kill()
        self.process.join(PATIENCE_S)
        return alive and self.process.exitcode == -9

    def end(self) -> int:
        """Let it come to its end. Its exit code."""
        self.read()
        self.process.join(PATIENCE_S)
        code = self.process.exitcode
        assert code is not None, "it doesn't end"
        return code


@contextmanager
def forks() -> Iterator[None]:
    """The process that the others are forked from."""
    FORKS.set_forkserver_preload(["tests.processes.warm"])
    yield
