"""The command: seeds in ranges over several processes, violations as they come, figures at the end."""

from __future__ import annotations

import argparse
import gc
import multiprocessing
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.simulation.seeds.drawing import draw
from tests.simulation.seeds.judging import SCENARIOS, judged, written
from tests.simulation.seeds.shrinking import invariant_of, shrink

RANGE = 200  # seeds that a process is given at a time
MOST_SHRUNK = 10  # violations that are made small; the others are only told


@dataclass
class Report:
    """What became of a range of seeds."""

    seeds: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    violations: list[tuple[int, str]] = field(default_factory=list)


def run_range(bounds: tuple[int, int]) -> Report:
    """The lives of the seeds from `bounds[0]` up to, not including, `bounds[1]`."""
    report = Report()
    gc.collect()  # what is frozen now is never collected again
    gc.freeze()
    gc.disable()  # lives make much garbage and few cycles: collected between them
    for seed in range(*bounds):
        what, lived = judged(draw(seed))
        report.seeds += 1
        if what:
            report.violations.append((seed, what))
        if lived:
            report.counts.update(lived.counts)
        if seed % 50 == 0:
            gc.collect()
    gc.enable()
    return report


def main(arguments: Sequence[str]) -> int:
    """Run the command. 0: no invariant was broken."""
    options = _parser().parse_args(arguments)
    if options.replay is not None:
        return _replay(options.replay)
    began, total = time.perf_counter(), Report()
    end = options.start + options.seeds
    ranges = [(low, min(end, low + RANGE)) for low in range(options.start, end, RANGE)]
    with multiprocessing.get_context("spawn").Pool(options.jobs) as pool:
        for report in pool.imap(run_range, ranges):
            total.seeds += report.seeds
            total.counts.update(report.counts)
            total.violations += report.violations
            for seed, what in report.violations:
                print(f"seed {seed}: {what}", flush=True)
            if total.seeds % options.every < RANGE or total.seeds == options.seeds:
                _tell(total, time.perf_counter() - began, options.start)
    if not options.no_files:
        for seed, what in _first_of_each_law(total.violations)[:MOST_SHRUNK]:
            print(f"seed {seed}: written to {_keep(seed, what)}", flush=True)
    return 1 if total.violations else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=2000, help="how many (default 2000)")
    parser.add_argument("--start", type=int, default=0, help="the first of them (default 0)")
    parser.add_argument("--jobs", type=int, default=1, help="processes (default 1)")
    parser.add_argument("--every", type=int, default=5000, help="seeds between two lines of progress (default 5000)")
    parser.add_argument("--no-files", action="store_true", help="don't write scenario files")
    parser.add_argument("--replay", metavar="SEED|FILE", help="one life, told step by step")
    return parser


def _tell(total: Report, seconds: float, start: int) -> None:
    counts = ", ".join(f"{count:,} {what}" for what, count in sorted(total.counts.items()))
    print(
        f"{total.seeds:,} seeds from {start} in {seconds:.0f} s ({seconds / total.seeds * 1000:.1f} ms each): "
        f"{len(total.violations)} violations; {counts}",
        flush=True,
    )


def _first_of_each_law(violations: list[tuple[int, str]]) -> list[tuple[int, str]]:
    first: dict[str, tuple[int, str]] = {}
    for seed, what in violations:
        first.setdefault(invariant_of(what), (seed, what))
    return list(first.values())


def _keep(seed: int, what: str) -> Path:
    """Make the seed's scenario small and write it down."""
    path = SCENARIOS / f"seed-{seed}.yaml"
    path.write_text(written(shrink(draw(seed), what)), encoding="utf-8")
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _replay(what: str) -> int:
    from tests.simulation.seeds.telling import tell

    found = tell(what)
    print(found or "no invariant was broken", file=sys.stderr if found else sys.stdout)
    return 1 if found else 0
