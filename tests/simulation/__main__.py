"""`python -m tests.simulation --seeds N [--start S] [--jobs J]`: simulated lives, and what they break.

Prints one line per violation with its seed, and writes it, made small, to tests/simulation/scenarios/. Exits 1 if any.
"""

import sys

from tests.simulation.seeds.command import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
