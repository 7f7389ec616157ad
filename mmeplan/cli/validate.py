"""`mmeplan validate`: every rule over a fleet file; without any call, unless `--online` asks for reads."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from mmeplan import __version__, render
from mmeplan.cli.options import DEFAULT_FLEET, Settings, cloud_options, file_options, format_option, online_option
from mmeplan.cli.outputs import as_finding
from mmeplan.engine import Desired
from mmeplan.errors import ExitCode, InputError
from mmeplan.plan import Finding

if TYPE_CHECKING:
    from mmeplan.render.sarif import RuleHelp

EXAMPLES = """\b
Examples:
  mmeplan validate                        ./fleet.yaml
  mmeplan validate -e prod --format json fleet.yaml
  mmeplan validate fleets/*.yaml          several at once
  mmeplan validate --format sarif > fleet.sarif
  mmeplan validate --online               with reads of S3, ECR, IAM, EC2 and others
\b
In a GitHub workflow, as annotations of the pull request:
  mmeplan validate --format github
"""

INPUT = "INPUT"
"""Stands in the place of a rule's id where the file can't be read as a fleet."""


@click.command(epilog=EXAMPLES)
@click.argument("fleets", metavar="[FLEET]...", nargs=-1, type=click.Path())
@format_option("text", "json", "sarif", "github")
@online_option
@cloud_options
@file_options
def command(fleets: tuple[str, ...], format_: str, online: bool, **common: Any) -> None:
    """Check each FLEET against every rule. Makes no call and needs no credentials, unless --online asks for them.

    What says which SageMaker and which credentials (--profile, --local, …) has a meaning with --online only.

    Exits 0 where there is no error (warnings don't count), 1 where a file can't be read, 3 where rules refuse one.
    """
    fleets = fleets or (DEFAULT_FLEET,)
    findings: list[Finding] = []
    unreadable: list[InputError] = []
    excerpt = None
    for fleet in fleets:
        settings = Settings(fleet, **common)
        try:
            desired = Desired.of(settings.load())
        except InputError as error:
            unreadable.append(error)
            continue
        findings += desired.shown_findings
        if online:
            with settings.engine(desired.fleet) as engine:
                findings += engine.check_online(desired)
        excerpt = desired.fleet.source_map.excerpt if len(fleets) == 1 and sys.stdout.isatty() else None
    if format_ == "text":
        if findings or not unreadable:
            text = render.findings_text(findings, width=settings.width, color=settings.color, excerpt=excerpt)
            click.echo(text, nl=False)
    else:
        problems = [as_finding(problem, INPUT) for error in unreadable for problem in error.problems]
        click.echo(_report(format_, [*problems, *findings]), nl=False)
    if unreadable and format_ == "text":
        raise InputError([problem for error in unreadable for problem in error.problems])
    refused = any(finding.severity == "error" for finding in findings)
    sys.exit(ExitCode.ERROR if unreadable else ExitCode.REFUSED if refused else ExitCode.DONE)


def _report(format_: str, findings: Sequence[Finding]) -> str:
    """Findings for machines."""
    if format_ == "json":
        return json.dumps([asdict(finding) for finding in findings], indent=2) + "\n"
    if format_ == "github":
        from mmeplan.render.github import annotations_text

        return annotations_text(findings)
    from mmeplan import rules
    from mmeplan.render.sarif import RuleHelp, sarif_text
    from mmeplan.rules.pages import page

    helps = [
        RuleHelp(rule.id, rule.title, rule.severity, rule.why, rule.fix, rule.source, page(rule))
        for rule in rules.all_rules()
    ]
    return sarif_text(findings, [*helps, _input_help()], version=__version__)


def _input_help() -> RuleHelp:
    from mmeplan.render.sarif import RuleHelp

    why = "A key, a type, a reference or an expression is wrong, so that the file doesn't say what the fleet is."
    fix = "Correct the line; the message says what is expected there."
    page = f"# The file is a fleet\n\n{why}\n\n{fix}\n"
    return RuleHelp(INPUT, "The file is a fleet", "error", why, fix, "docs/fleet-yaml.md", page)
