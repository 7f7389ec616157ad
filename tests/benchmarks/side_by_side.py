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
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.fleets import terraform, write_compact_fleet, write_fleet

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "performance.md"
MARKS = ("<!-- figures -->", "<!-- end of figures -->")
PLANNED, APPLIED = 10_000, 1_000  # endpoints; three resources each
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
    """One finished process; `phases_s` (compile, diff and plan) and `rules_s` where it timed them itself."""

    seconds: float
    mebibytes: float
    phases_s: float = 0.0
    rules_s: float = 0.0


def measured(command: list[str], folder: Path) -> Run:
    """Run a command to its end; its output goes to a file. Raises RuntimeError where it fails."""
    output = folder / "output.txt"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    began = time.perf_counter()
    with output.open("wb") as stream:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=stream, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - began
    if process.returncode:
        raise RuntimeError(f"{command} ended with {process.returncode}: {output.read_text()[-2000:]}")
    timed = output.read_text().rpartition("phases: ")[2] if "tests.benchmarks.plan_phases" in command else "0 0"
    return Run(seconds, usage.ru_maxrss / 1024, *(float(word) for word in timed.split()))


def median(runs: list[Run]) -> Run:
    """The medians of time and of memory."""
    columns = zip(*((run.seconds, run.mebibytes, run.phases_s, run.rules_s) for run in runs), strict=True)
    return Run(*(statistics.median(column) for column in columns))


def in_folder(work: Callable[[Path], Run]) -> Run:
    """Do it in a new, empty folder."""
    with tempfile.TemporaryDirectory() as name:
        return work(Path(name))


def plan(folder: Path, endpoints: int = PLANNED, *, written_out: bool = False) -> Run:
    """`mmeplan plan --snapshot` of a fleet that is not there yet: load, compile, check, diff, plan, render."""
    fleet = write_fleet(folder, endpoints) if written_out else write_compact_fleet(folder, endpoints)
    (folder / "live.json").write_text(json.dumps(SNAPSHOT))
    return measured([sys.executable, "-m", "mmeplan", "plan", "--snapshot", "live.json", fleet.name], folder)


def phases(folder: Path, endpoints: int = PLANNED) -> Run:
    """Compile, diff and plan alone, and every rule alone, timed inside the process."""
    fleet = write_compact_fleet(folder, endpoints)
    return measured([sys.executable, "-m", "tests.benchmarks.plan_phases", fleet.name], folder)


def apply(folder: Path) -> Run:
    """`mmeplan apply --local --yes`: created, waited for and verified on the simulated SageMaker."""
    fleet = write_compact_fleet(folder, APPLIED)
    return measured([sys.executable, "-m", "mmeplan", "apply", "--local", "--yes", fleet.name], folder)


def terraform_run(folder: Path, endpoints: int, *verb: str) -> Run:
    """`terraform plan` or `apply` of as many terraform_data resources."""
    (folder / "main.tf").write_text(terraform(endpoints))
    measured(["terraform", "init", "-no-color"], folder)
    return measured(["terraform", *verb, "-no-color"], folder)


def compare(times: int) -> list[str]:
    """The rows of the table; the two sides are measured in turn."""
    jobs: dict[str, Callable[[Path], Run]] = {
        "plan": plan,
        "phases": phases,
        "written": lambda folder: plan(folder, written_out=True),
        "half phases": lambda folder: phases(folder, PLANNED // 2),
        "half": lambda folder: plan(folder, PLANNED // 2),
        "apply": apply,
    }
    if shutil.which("terraform"):
        jobs["terraform plan"] = lambda folder: terraform_run(folder, PLANNED, "plan")
        jobs["terraform apply"] = lambda folder: terraform_run(folder, APPLIED, "apply", "-auto-approve")
    else:
        print("terraform is not on the PATH: the comparison is skipped", file=sys.stderr)
    runs: dict[str, list[Run]] = {name: [] for name in jobs}
    for _ in range(times):
        for name, job in jobs.items():
            runs[name].append(in_folder(job))
    return table({name: median(found) for name, found in runs.items()})


def table(found: dict[str, Run]) -> list[str]:
    """The figures as Markdown."""
    whole, half = found["plan"], found["half"]
    other, other_apply = found.get("terraform plan"), found.get("terraform apply")
    rows = ["| 30,000 resources | mmeplan | Terraform | ratio |", "|---|---|---|---|"]

    def row(what: str, mine: float, theirs: float | None, unit: str) -> None:
        right = f"{theirs:.1f} {unit} | {theirs / mine:.1f} ×" if theirs else "not measured here |"
        rows.append(f"| {what} | {mine:.1f} {unit} | {right} |")

    plan_s = other.seconds if other else None
    row("compile, diff and plan", found["phases"].phases_s, plan_s, "s")
    row("the whole command: read, compile, every rule, diff, plan, print", whole.seconds, plan_s, "s")
    row("the whole command, the fleet written out in 250,000 lines", found["written"].seconds, plan_s, "s")
    row("peak memory of the whole command", whole.mebibytes, other.mebibytes if other else None, "MiB")
    rows.append("| **3,000 resources** | | | |")
    row("apply, wait and verify", found["apply"].seconds, other_apply.seconds if other_apply else None, "s")
    growth = f"time × {whole.seconds / half.seconds:.2f}, memory × {whole.mebibytes / half.mebibytes:.2f}"
    checked = f"{found['phases'].rules_s:.2f} s for 10,000 endpoints, {found['half phases'].rules_s:.2f} s for 5,000"
    return [*rows, "", f"From 15,000 to 30,000 resources: {growth}. Every static rule: {checked}."]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=3, help="runs of each command; the median counts")
    parser.add_argument("--write", action="store_true", help="put the figures into docs/performance.md")
    options = parser.parse_args()
    machine = f"Measured on {os.cpu_count()} cores, Python {platform.python_version()}, median of {options.times} runs."
    text = "\n".join([machine, "", *compare(options.times)])
    print(text)
    if options.write:
        before, rest = PAGE.read_text(encoding="utf-8").split(MARKS[0])
        after = rest.split(MARKS[1])[1]
        PAGE.write_text(f"{before}{MARKS[0]}\n{text}\n{MARKS[1]}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
