"""The command line: one file per command; prints, prompts, exit codes. Decisions are made in the phases below.

Start-up is kept light: a command's module, and boto3 behind it, is imported when the command runs.
"""

from __future__ import annotations

import gc
import os
import sys

from mmeplan.errors import ExitCode

GC_THRESHOLDS = (50_000, 20, 1_000_000)
"""Python's own thresholds scan the one large structure that a run builds again and again: a third of the time."""


def main() -> None:
    """Entry point of the `mmeplan` console script."""
    gc.set_threshold(*GC_THRESHOLDS)
    from mmeplan.cli.app import app

    try:
        app(prog_name="mmeplan", standalone_mode=True)
    except BrokenPipeError:
        _discard_stdout()
        sys.exit(ExitCode.DONE)


def _discard_stdout() -> None:
    """`mmeplan plan | head` closed the pipe: not an error, and nothing more may be flushed into it."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    main()
