"""Where a plan goes: the terminal, `--write FORMAT=FILE`, and what a step of a GitHub workflow is told.

Also where there is no plan: a reviewer must not be left with the comment of an older one.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from mmeplan import render
from mmeplan.cli import door
from mmeplan.cli.door import tell, verbatim
from mmeplan.cli.options import Refused, Settings
from mmeplan.cli.screen import piped_width
from mmeplan.errors import ExitCode, InputError, MmeplanError, Problem
from mmeplan.files import PRIVATE, PUBLIC, Writing, text_of, write_all
from mmeplan.plan import Finding, Plan, PlanReport, plan_exit
from mmeplan.plan import write as save
from mmeplan.signing import SUFFIX as SIGNATURE

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

FORMATS: Final = tuple(render.OUTPUTS)
GITHUB: Final = "github"
PRINTED: Final = (*FORMATS, GITHUB)
"""What `--format` takes."""

_SHORT: Final = {"md": "markdown"}
_REGIONS: Final = ("AWS_REGION", "AWS_DEFAULT_REGION")
_NAME: Final = re.compile(r"^fleet:[ \t]*([\"']?)([A-Za-z0-9][A-Za-z0-9_.-]*)\1[ \t]*(?:#.*)?$", re.MULTILINE)


def rendered(
    plan: Plan,
    settings: Settings,
    format_: str,
    *,
    show_environment: bool,
    next_command: str = "",
    stale: tuple[str, ...] = (),
    full: bool = False,
) -> str:
    """The plan in one of FORMATS. `next_command` is how to apply it, `stale` why it can't be applied any more."""
    return render.OUTPUTS[format_](
        plan,
        width=settings.width,
        color=settings.color,
        show_environment=show_environment,
        next_command=next_command,
        stale=stale,
        full=full,
    )


def exit_code(of: Plan | PlanReport, *, detailed: bool) -> int:
    """The exit code of a plan, from the same facts as its summary line; of several the worst one's."""
    code = plan_exit(of) if isinstance(of, Plan) else of.exit
    return ExitCode.DONE if code == ExitCode.CHANGES and not detailed else code


def write_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--write FORMAT=FILE`, repeatable."""
    return click.option(
        "--write",
        "writes",
        multiple=True,
        metavar="FORMAT=FILE",
        callback=_writes,
        help="Also write the plan to FILE as text, json, markdown (or md), html, gitlab or bitbucket. Repeatable.",
    )(command)


def _writes(_context: click.Context, _option: click.Parameter, values: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    pairs: list[tuple[str, str]] = []
    for value in values:
        name, equals, path = value.partition("=")
        name = _SHORT.get(name, name)
        if not equals or not path:
            raise click.BadParameter(f"{value!r}: expected FORMAT=FILE, as in md=plan.md")
        if name not in FORMATS:
            hint = "; --out FILE saves a plan for apply" if name == "plan" else ""
            raise click.BadParameter(f"{value!r}: there is no format {name!r}, only {', '.join(FORMATS)}{hint}")
        pairs.append((name, path))
    return tuple(pairs)


def as_finding(problem: Problem, rule: str) -> Finding:
    """What is wrong with an input, in the form of what rules find."""
    return Finding(
        rule=rule,
        severity="error",
        address="",
        path=problem.path,
        message=problem.message,
        help=problem.hint,
        file=problem.file,
        line=problem.line,
        column=problem.column,
    )


@dataclass(frozen=True)
class Outputs:
    """The files of `--write`, and with `--format github` the files that the runner names in its environment.

    `out` is where the plan itself is saved, for `apply`, and `sign_by` the key that it is signed with. `inputs` are
    files of the run, which no output may overwrite.
    """

    settings: Settings
    format_: str
    writes: tuple[tuple[str, str], ...] = ()
    out: str | None = None
    inputs: tuple[str | None, ...] = ()
    show_environment: bool = False
    full: bool = False
    sign_by: Ed25519PrivateKey | None = None
    runner: Mapping[str, str] = field(default_factory=lambda: os.environ)

    def __post_init__(self) -> None:
        """Raises InputError where two outputs are one file, or values would be told to everybody."""
        if self.format_ == GITHUB and self.show_environment:
            message = "--format github is read by everybody who sees the log; environment values stay masked there"
            raise InputError(
                [Problem(message, hint="leave --show-environment out, or write a file: --write text=FILE")]
            )
        taken = {os.path.realpath(path): path for path in self.inputs if path}
        saved = [self.out, self.out + SIGNATURE] if self.out and self.sign_by else [self.out] if self.out else []
        for path in (*saved, *(path for _, path in self.writes)):
            real = os.path.realpath(path)
            if real in taken:
                raise InputError([Problem("two outputs of one run, or an input of it, are the same file", path)])
            taken[real] = path

    def write(self, plan: Plan, *, next_command: str = "", elsewhere: str = "", stale: tuple[str, ...] = ()) -> None:
        """Write every file, all or none; the saved plan (mode 0600) among them. Raises InputError.

        `elsewhere` is how to apply it for who reads Markdown or HTML, where a saved plan isn't at hand.
        """
        about: dict[str, Any] = {
            "show_environment": self.show_environment,
            "next_command": next_command,
            "stale": stale,
            "full": self.full,
        }

        def made(format_: str) -> str:
            if format_ == "text":
                return _page(plan, **about)
            told = {**about, "next_command": elsewhere or next_command}
            return rendered(self.as_committed(plan), self.settings, format_, **told)

        self.write_files(made, self.saved(plan))

    def write_files(self, made: Callable[[str], str], saved: Sequence[Writing] = ()) -> None:
        """Write what is `made` of each format to its file, and `saved`: all or none. Raises InputError."""
        mode = PRIVATE if self.show_environment else PUBLIC
        pages = (Writing(Path(path), text_of(made(format_)), mode) for format_, path in self.writes)
        write_all([*saved, *pages])

    def saved(self, plan: Plan) -> list[Writing]:
        """The plan itself, and its signature."""
        if not self.out:
            return []
        if self.sign_by is None:
            return [Writing(Path(self.out), lambda stream: save(plan, stream), PRIVATE)]
        from mmeplan import signing

        whole = StringIO()
        save(plan, whole)
        signature = signing.signature(whole.getvalue().encode(), self.sign_by)
        return [
            Writing(Path(self.out), text_of(whole.getvalue()), PRIVATE),
            Writing(Path(self.out + SIGNATURE), text_of(signature)),
        ]

    def show(self, plan: Plan, *, next_command: str = "", stale: tuple[str, ...] = ()) -> None:
        """Print the plan on stdout; for a workflow tell the runner as well. Raises InputError."""
        if self.format_ != GITHUB:
            shown = rendered(
                self.as_committed(plan) if self.format_ == "markdown" else plan,
                self.settings,
                self.format_,
                show_environment=self.show_environment,
                next_command=next_command,
                stale=stale,
                full=self.full,
            )
            print_page(shown, self.format_)
            return
        from mmeplan.render import github

        committed = self.as_committed(plan)
        page = _page(plan, show_environment=False, next_command=next_command, stale=stale, full=self.full)
        findings = tuple(map(self.in_workspace, plan.findings))
        self.tell_runner(
            lambda room: github.step_summary(committed, room, next_command=next_command, stale=stale),
            github.outputs(plan),
            github.plan_log(replace(plan, findings=findings), page),
        )

    def tell_runner(self, summary: Callable[[int], str], values: Mapping[str, str], log: str) -> None:
        """Tell a workflow's step: its summary, made for so many bytes, its outputs, and its log. Raises InputError."""
        from mmeplan.render import github

        path = self._runner_file("GITHUB_STEP_SUMMARY", "summary")
        if path:
            text = summary(github.SUMMARY_LIMIT - _size(path))
            if text:
                append(path, text)
            else:
                tell("note: the step's summary is full; the plan isn't in it")
        self._tell(values)
        verbatim(log)

    @contextmanager
    def told_without_plan(self) -> Iterator[None]:
        """Where no plan comes to be: say so in the files and to the runner too, and let the error go on."""
        try:
            yield
        except Refused as refused:
            named = refused.fleet
            self._no_plan(refused.findings, named.name, ExitCode.REFUSED, named.region or "", named.account or "")
            raise
        except InputError as error:
            findings = [as_finding(problem, "INPUT") for problem in error.problems]
            self._no_plan(findings, self.fleet_name(), error.exit_code)
            raise
        except MmeplanError as error:
            finding = as_finding(Problem(str(error), hint=error.hint), "ERROR")
            self._no_plan([finding], self.fleet_name(), error.exit_code)
            raise

    def _no_plan(
        self, findings: Sequence[Finding], fleet: str, exit_code: int, region: str = "", account: str = ""
    ) -> None:
        if self.format_ != GITHUB and not any(format_ == "markdown" for format_, _ in self.writes):
            return
        from mmeplan.render import github
        from mmeplan.render.github import annotations_text

        region = region or self.settings.region or next(filter(None, map(self.runner.get, _REGIONS)), "")
        path = self.committed(self.settings.fleet)
        environment = self.settings.environment or ""
        text = github.no_plan_markdown(fleet, environment, findings, path=path, region=region, account=account)
        pages = [Path(path) for format_, path in self.writes if format_ == "markdown"]
        write_all([Writing(path, text_of(text)) for path in pages])
        if self.format_ != GITHUB:
            return
        summary = self._runner_file("GITHUB_STEP_SUMMARY", "summary")
        if summary and _size(summary) + len(text.encode("utf-8", "replace")) <= github.SUMMARY_LIMIT:
            append(summary, text)
        self._tell(github.outputs_without_plan(exit_code, "There is no plan."))
        verbatim(annotations_text(map(self.in_workspace, findings)))

    def _tell(self, values: Mapping[str, str]) -> None:
        from mmeplan.render import github

        path = self._runner_file("GITHUB_OUTPUT", "outputs")
        if path:
            append(path, github.outputs_text(values))

    def _runner_file(self, name: str, what: str) -> Path | None:
        told = self.runner.get(name)
        if not told:
            tell(f"note: {name} isn't set, so no {what} of a workflow's step is written")
            return None
        return Path(told)

    def in_workspace(self, finding: Finding) -> Finding:
        """The finding with its file as the repository knows it, which is how GitHub finds the line."""
        return replace(finding, file=self.committed(finding.file))

    def as_committed(self, plan: Plan) -> Plan:
        """The plan with its fleet file as the repository knows it."""
        return as_committed(plan, self.runner)

    def committed(self, file: str) -> str:
        """A file as the repository knows it."""
        return committed(file, self.runner)

    def fleet_name(self) -> str:
        """The fleet's name from a file that can't be loaded, for its comment; empty where it says none as it stands."""
        return declared_name(Path(self.settings.fleet))


def declared_name(file: Path) -> str:
    """The fleet's name as it stands in a file that isn't loaded; empty where it says none."""
    try:
        found = _NAME.search(file.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        found = None
    return found[2] if found else ""


def as_committed(plan: Plan, runner: Mapping[str, str]) -> Plan:
    """The plan with its fleet file as the repository knows it: a comment's marker says so."""
    if not plan.source:
        return plan
    first, *others = plan.source
    return replace(plan, source=(replace(first, path=committed(first.path, runner)), *others))


def committed(file: str, runner: Mapping[str, str]) -> str:
    """The path of a file from the root of the checkout on; as it is outside of a workflow, and of the checkout."""
    root = runner.get("GITHUB_WORKSPACE")
    if not root or not file:
        return file
    path = os.path.relpath(os.path.realpath(file), os.path.realpath(root))
    return file if path.startswith("..") else path


def print_page(shown: str, format_: str) -> None:
    """A plan in one of FORMATS, on stdout."""
    printers = {"text": door.page, "json": door.document}
    printers.get(format_, door.verbatim)(shown)


def _page(plan: Plan, *, show_environment: bool, next_command: str, stale: tuple[str, ...], full: bool) -> str:
    """The plan as text for a file or a log: no colour, and as wide as a pipe."""
    return render.text(
        plan,
        width=piped_width(),
        show_environment=show_environment,
        next_command=next_command,
        stale=stale,
        full=full,
    )


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def append(path: Path, text: str) -> None:
    """Add to a file that the runner reads. Raises InputError."""
    try:
        with path.open("a", encoding="utf-8", errors="replace") as stream:
            stream.write(text)
    except OSError as error:
        raise InputError([Problem(f"can't be written: {error.strerror or error}", str(path))]) from None
