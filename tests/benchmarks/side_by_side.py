"""mmeplan and Terraform, side by side in one run: `python -m tests.benchmarks.side_by_side [--write]`.

Whole processes, wall time and peak memory by the operating system's own accounting, the two in turn, medians and
ratios. `--write` puts the figures into docs/performance.md. Where Terraform isn't on the PATH, the comparison says so
and skips.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.fleets import terraform, write_fleet

PAGE = Path("docs/performance.md")
MARKS = ("<!-- figures -->", "<!-- end of figures -->")
SNAPSHOT = {
    "format_version": "1.0",
    "observed_at": "2026-01-01T00:00:00+00:00",
    "account": "123456789012",
    "region": "eu-west-1",
    "fleet": "big",
    "objects": {"model": {}, "endpoint_config": {}, "endpoint": {}},
}


@dataclass(frozen=True)
class Run:
    """One finished process."""

    seconds: float
    mebibytes: float


def measured(command: list[str], folder: Path) -> Run:
    """Run a command to its end; its output is thrown away. Raises RuntimeError where it fails."""
    began = time.perf_counter()
    with (folder / "output.txt").open("wb") as output:
        process = subprocess.Popen(command, cwd=folder, stdout=output, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - began
    if process.returncode:
        raise RuntimeError(f"{command} ended with {process.returncode}: {(folder / 'output.txt').read_text()[-2000:]}")
    return Run(seconds, usage.ru_maxrss / 1024)


def median(runs: list[Run]) -> Run:
    """The medians of time and of memory."""
    return Run(statistics.median(run.seconds for run in runs), statistics.median(run.mebibytes for run in runs))


def mmeplan_plan(endpoints: int, times: int) -> list[Run]:
    """`mmeplan plan --snapshot` of a fleet that is not there yet: load, compile, check, diff, plan, render, save."""
    runs = []
    for _ in range(times):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            fleet = write_fleet(folder, endpoints)
            (folder / "live.json").write_text(json.dumps(SNAPSHOT))
            command = [
                sys.executable,
                "-m",
                "mmeplan",
                "plan",
                "--snapshot",
                "live.json",
                "--out",
                "plan.json",
                fleet.name,
            ]
            runs.append(measured(command, folder))
    return runs


def mmeplan_apply(endpoints: int, times: int) -> list[Run]:
    """`mmeplan apply --local --yes`: 3 resources an endpoint, created, waited for and verified on the simulator."""
    runs = []
    for _ in range(times):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            fleet = write_fleet(folder, endpoints)
            runs.append(measured([sys.executable, "-m", "mmeplan", "apply", "--local", "--yes", fleet.name], folder))
    return runs


def terraform_run(resources: int, times: int, *verb: str) -> list[Run]:
    """`terraform plan` or `apply` of as many terraform_data resources."""
    runs = []
    for _ in range(times):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "main.tf").write_text(terraform(resources))
            measured(["terraform", "init", "-no-color"], folder)
            runs.append(measured(["terraform", *verb, "-no-color"], folder))
    return runs


def compare(times: int) -> list[str]:
    """The rows of the table."""
    rows = ["| what | mmeplan | Terraform | ratio |", "|---|---|---|---|"]
    plan, growth = median(mmeplan_plan(10_000, times)), median(mmeplan_plan(5_000, times))
    apply = median(mmeplan_apply(1_000, times))
    if not shutil.which("terraform"):
        print("terraform is not on the PATH: the comparison is skipped", file=sys.stderr)
        rows.append(f"| plan 30,000 resources | {plan.seconds:.1f} s, {plan.mebibytes:.0f} MiB | not here | |")
        rows.append(f"| apply 3,000 resources | {apply.seconds:.1f} s | not here | |")
    else:
        other = median(terraform_run(30_000, times, "plan"))
        other_apply = median(terraform_run(3_000, times, "apply", "-auto-approve"))
        rows.append(
            f"| plan 30,000 resources: time | {plan.seconds:.1f} s | {other.seconds:.1f} s "
            f"| {other.seconds / plan.seconds:.1f} × |"
        )
        rows.append(
            f"| plan 30,000 resources: peak memory | {plan.mebibytes:.0f} MiB | {other.mebibytes:.0f} MiB "
            f"| {other.mebibytes / plan.mebibytes:.1f} × |"
        )
        rows.append(
            f"| apply 3,000 resources: time | {apply.seconds:.1f} s | {other_apply.seconds:.1f} s "
            f"| {other_apply.seconds / apply.seconds:.1f} × |"
        )
    rows.append(
        f"| growth from 15,000 to 30,000 resources | time × {plan.seconds / growth.seconds:.2f}, "
        f"memory × {plan.mebibytes / growth.mebibytes:.2f} | | |"
    )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=3, help="runs of each command; the median counts")
    parser.add_argument("--write", action="store_true", help=f"put the figures into {PAGE}")
    options = parser.parse_args()
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}, median of {options.times} runs."
    text = "\n".join([f"Measured on {machine}", "", *compare(options.times)])
    print(text)
    if options.write:
        page = PAGE.read_text(encoding="utf-8")
        before, rest = page.split(MARKS[0])
        after = rest.split(MARKS[1])[1]
        PAGE.write_text(f"{before}{MARKS[0]}\n{text}\n{MARKS[1]}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
