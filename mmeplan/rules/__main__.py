"""`python -m mmeplan.rules --write | --check [FOLDER]`: the rules' generated documentation, written or held to account.

For contributors and CI. FOLDER is the repository's root, the current folder by default. `--check` ends with 1 and the
names of the stale files.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from mmeplan.rules import pages


def main(arguments: Sequence[str] | None = None) -> int:
    """Run; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m mmeplan.rules", description="The rules' generated documentation.")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--write", action="store_true", help="write docs/rules and specs/rules.json")
    what.add_argument("--check", action="store_true", help="name the files that are stale")
    parser.add_argument("folder", nargs="?", type=Path, default=Path(), help="the repository's root")
    chosen = parser.parse_args(arguments)
    if chosen.write:
        pages.write(chosen.folder)
        return 0
    stale = pages.stale(chosen.folder)
    for name in stale:
        sys.stdout.write(f"{name}\n")
    if stale:
        sys.stderr.write("stale; python -m mmeplan.rules --write writes them anew\n")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
