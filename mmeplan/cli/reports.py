"""Several fleets, or several environments, in one report: `mmeplan plan FLEET… -e …`.

In: the options of a run for each. Out: a plan of each, or why there is none: what goes wrong in one hides no other's.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Final

from mmeplan.cli.options import Settings
from mmeplan.cli.outputs import GITHUB, Outputs, as_finding, print_page
from mmeplan.cli.screen import piped_width
from mmeplan.engine import Planned, next_of
from mmeplan.errors import ExitCode, FleetRefused, InputError, MmeplanError, Problem
from mmeplan.files import PRIVATE, Writing, is_folder, is_there, text_of, write_all
from mmeplan.plan import Finding, Plan, PlanReport, ReportedPlan, plan_exit, report_of
from mmeplan.render import REPORTS, PageOptions

_UNSAFE: Final = re.compile(r"[^A-Za-z0-9._-]+")

Planner = Callable[[Settings, str | None], Planned]
"""Makes the plan of these settings, from a snapshot where there is one."""


@dataclass(frozen=True)
class Folders:
    """The folders of `--out` and `--snapshot`, with a file for each plan; None where there is none."""

    out: str | None = None
    snapshots: str | None = None

    def __post_init__(self) -> None:
        """Raises InputError where one is a file."""
        if self.snapshots and not is_folder(self.snapshots):
            text = "a snapshot is of one fleet, and here are several: expected a folder with one each"
            raise InputError([Problem(text, self.snapshots, hint="its files are named as --out FOLDER names plans")])
        if self.out and is_there(self.out) and not is_folder(self.out):
            raise InputError([Problem("several plans need a folder, and this is a file", self.out)])


def file_names(each: Sequence[Settings]) -> list[str]:
    """`fleets-berlin-fleet.prod.json`, a name of its own for each.

    It says which fleet it is of whatever others there are: where two would have one name, neither has it.
    """
    stems = [_stem(settings) for settings in each]
    names: list[str] = []
    for settings, stem in zip(each, stems, strict=True):
        own = stem if stems.count(stem) == 1 else f"{stem}-{_told_apart(settings)}"
        name, number = f"{own}.json", 2
        while name in names:  # the very same file, written twice
            name, number = f"{own}-{number}.json", number + 1
        names.append(name)
    return names


def _stem(settings: Settings) -> str:
    parts = [part for part in Path(os.path.relpath(settings.fleet)).with_suffix("").parts if part != ".."]
    return _UNSAFE.sub("_", ".".join(filter(None, ("-".join(parts), settings.environment))))


def _told_apart(settings: Settings) -> str:
    whole = f"{os.path.relpath(settings.fleet)}\0{settings.environment or ''}"
    return sha256(whole.encode("utf-8", "surrogateescape")).hexdigest()[:8]


def snapshots(each: Sequence[Settings], folder: str, taken: Callable[[Settings], str]) -> int:
    """Write a snapshot of each into a folder; how many. `taken` gives the text of one.

    What goes wrong in one hides no other's, and is raised in the end: InputError. An older snapshot of it is removed.
    """
    if is_there(folder) and not is_folder(folder):
        raise InputError([Problem("several snapshots need a folder, and this is a file", folder)])
    made: list[Writing] = []
    problems: list[Problem] = []
    gone: list[Path] = []
    for settings, name in zip(each, file_names(each), strict=True):
        path = Path(folder, name)
        try:
            made.append(Writing(path, text_of(f"{taken(settings)}\n"), PRIVATE))
        except InputError as error:
            problems += error.problems
            gone.append(path)
        except MmeplanError as error:
            problems.append(Problem(str(error), settings.fleet, hint=error.hint))
            gone.append(path)
    _make(folder)
    for path in gone:
        path.unlink(missing_ok=True)
    write_all(made)
    if problems:
        raise InputError(problems)
    return len(made)


def report(each: Sequence[Settings], outputs: Outputs, folders: Folders, planned: Planner) -> PlanReport:
    """Plan each, write and print the report. Raises InputError where an output can't be written."""
    made, writings = [], []
    for settings, name in zip(each, file_names(each), strict=True):
        out = str(Path(folders.out, name)) if folders.out else None
        snapshot = str(Path(folders.snapshots, name)) if folders.snapshots else None
        own = replace(outputs, settings=settings, out=out, inputs=(*outputs.inputs, snapshot))
        item = _reported(settings, snapshot, own, planned)
        made.append(item)
        if item.plan is not None:
            writings += own.saved(item.plan)
        elif out:
            Path(out).unlink(missing_ok=True)  # an older plan of it would be taken for this run's
    if folders.out:
        _make(folders.out)
    whole = report_of(made)
    _show(whole, outputs, writings)
    return whole


def _reported(settings: Settings, snapshot: str | None, outputs: Outputs, planned: Planner) -> ReportedPlan:
    def failed(code: int, findings: Sequence[Finding], fleet: str = "") -> ReportedPlan:
        name = fleet or outputs.fleet_name()
        code = code if code == ExitCode.REFUSED else ExitCode.ERROR
        return ReportedPlan(settings.fleet, settings.environment or "", name, code, findings=tuple(findings))

    try:
        if snapshot and is_there(settings.fleet) and not is_there(snapshot):
            text = f"{settings.fleet}: no snapshot of it is stored there"
            raise InputError(
                [Problem(text, snapshot, hint="mmeplan snapshot --together --out FOLDER FLEET... stores them")]
            )
        plan = planned(settings, snapshot).plan
    except FleetRefused as error:
        return failed(ExitCode.REFUSED, error.findings)
    except InputError as error:
        return failed(error.exit_code, [as_finding(problem, "INPUT") for problem in error.problems])
    except MmeplanError as error:
        return failed(error.exit_code, [as_finding(Problem(str(error), hint=error.hint), "ERROR")])
    out = outputs.out
    applies = settings.next_apply(out) if out else settings.again(next_of(plan), unmasked=outputs.show_environment)
    return ReportedPlan(
        settings.fleet,
        settings.environment or "",
        plan.fleet,
        plan_exit(plan),
        plan,
        saved=out or "",
        next_command=applies if plan.applyable else "",
    )


def _make(folder: str) -> None:
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError([Problem(f"can't be made: {error.strerror or error}", folder)]) from None


def _show(whole: PlanReport, outputs: Outputs, saved: Sequence[Writing]) -> None:
    """Write and print the report. Files of a repository are named from its root on where others read them."""
    masked, full, settings = not outputs.show_environment, outputs.full, outputs.settings
    committed = replace(whole, plans=tuple(_committed(item, outputs) for item in whole.plans))

    def made(format_: str) -> str:
        of = whole if format_ == "text" else committed
        return REPORTS[format_](of, PageOptions(masked, piped_width(), full=full))

    outputs.write_files(made, saved)
    if outputs.format_ == GITHUB:
        from mmeplan.render import github

        page = REPORTS["text"](whole, PageOptions(width=piped_width(), full=full))
        outputs.tell_runner(
            lambda room: github.report_summary(committed, room),
            github.report_outputs(committed),
            github.report_log(committed, page),
        )
        return
    shown = committed if outputs.format_ == "markdown" else whole
    options = PageOptions(masked, settings.width, settings.color, full=full)
    print_page(REPORTS[outputs.format_](shown, options), outputs.format_)


def _committed(item: ReportedPlan, outputs: Outputs) -> ReportedPlan:
    findings = tuple(map(outputs.in_workspace, item.found))
    plan: Plan | None = item.plan and replace(outputs.as_committed(item.plan), findings=findings)
    return replace(item, path=outputs.committed(item.path), plan=plan, findings=() if plan else findings)
