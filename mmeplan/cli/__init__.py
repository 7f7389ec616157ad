"""The command line: one file per command; prints, prompts, exit codes. Decisions are made in the phases below.

Start-up is kept light: a command's module, and boto3 behind it, is imported when the command runs.
"""

from __future__ import annotations

import gc
import sys

from mmeplan.errors import ExitCode

GC_THRESHOLDS = (50_000, 20, 1_000_000)
"""Python's own thresholds scan the one large structure that a run builds again and again: a third of the time."""


ACTING = frozenset({"apply", "destroy", "move", "rollback", "unlock"})
"""Commands whose exit code says what became of SageMaker, whatever became of what they print."""


def main() -> None:
    """Entry point of the `mmeplan` console script."""
    gc.set_threshold(*GC_THRESHOLDS)
    from mmeplan.cli import streams

    streams.guard()
    from mmeplan.cli.app import app

    try:
        app(prog_name="mmeplan", standalone_mode=True)
    except SystemExit as ended:
        sys.stdout.flush()
        lost = streams.lost()
        if lost is None:
            raise
        sys.stderr.write(f"error: stdout could not be written: {lost.strerror}\n")
        if ended.code in (None, ExitCode.DONE, ExitCode.CHANGES) and not ACTING & set(sys.argv[1:2]):
            sys.exit(ExitCode.ERROR)
        raise


if __name__ == "__main__":
    main()
