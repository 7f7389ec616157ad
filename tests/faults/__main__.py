"""`python -m tests.faults --seeds N [--start S]`: runs with everything going wrong. Exits 1 if one broke a law."""

from __future__ import annotations

import argparse
import sys
import traceback
from collections import Counter

from tests.faults.runs import run


def main(arguments: list[str]) -> int:
    """Run the seeds; a line for each that broke something, the figures at the end."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--seeds", type=int, default=200, metavar="N")
    parser.add_argument("--start", type=int, default=0, metavar="S")
    options = parser.parse_args(arguments)
    broken, calls = 0, 0
    ends: Counter[str] = Counter()
    met: Counter[str] = Counter()
    for seed in range(options.start, options.start + options.seeds):
        try:
            done = run(seed)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what is looked for
            broken += 1
            sys.stdout.write(f"seed {seed}: {type(error).__name__}: {str(error)[:300]}\n")
            sys.stdout.write("".join(traceback.format_exception(error)[-2:]))
            continue
        ends += done.ends
        met += done.met
        calls += done.calls
    sys.stdout.write(f"{options.seeds:,} runs, {calls:,} calls, {met.total():,} troubles\n")
    sys.stdout.write(f"ended: {', '.join(f'{word} {count:,}' for word, count in ends.most_common())}\n")
    sys.stdout.write(f"met: {', '.join(f'{word} {count:,}' for word, count in met.most_common())}\n")
    sys.stdout.write(f"{broken} broke a law\n")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
