"""`python -m tests.fuzz KIND [--runs N] [--start S]`: damaged inputs of a kind, and what mmeplan does with them.

A kind is a module of this folder with a function `one(seed)`: it damages an input, hands it to mmeplan, and returns in
a word how that ended. What it raises is a fault: it is printed with its seed, and the command exits 1.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import time
import traceback
from collections import Counter
from pathlib import Path

KINDS = sorted(path.stem for path in Path(__file__).parent.glob("[a-z]*.py") if "def one(" in path.read_text())


def main(arguments: list[str]) -> int:
    """Run the seeds, print what they came to. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--start", type=int, default=0)
    asked = parser.parse_args(arguments)
    one = importlib.import_module(f"tests.fuzz.{asked.kind}").one
    began, ends, faults = time.monotonic(), Counter[str](), 0
    for seed in range(asked.start, asked.start + asked.runs):
        try:
            ends[one(seed)] += 1
        except Exception:  # noqa: BLE001 - whatever it is, it is a fault
            faults += 1
            print(f"seed {seed}:\n{traceback.format_exc()}")
    print(f"{asked.runs:,} {asked.kind} in {time.monotonic() - began:.0f} s, {faults} faults")
    for end, count in ends.most_common():
        print(f"  {count:>7,}  {end}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
