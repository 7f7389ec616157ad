"""`mmeplan validate`: every rule over a fleet file; without any call, unless `--online` asks for reads."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from mmeplan import __version__, render
from mmeplan.cli.defaults import DEFAULT_FLEET
from mmeplan.cli.door import document, page, verbatim
from mmeplan.cli.files import readers as readers_of
from mmeplan.cli.options import Settings, cloud_options, file_options, format_option, online_option
from mmeplan.cli.outputs import as_finding
from mmeplan.errors import ExitCode, InputError, Problem
from mmeplan.plan import Finding
from mmeplan.validating import INPUT, Found, validate

if TYPE_CHECKING:
    from mmeplan.render.sarif import RuleHelp

EXAMPLES = """\b
Examples:
  mmeplan validate                  ./fleet.yaml, in all of its environments
  mmeplan validate -e prod --format json fleet.yaml
  mmeplan validate --strict         warnings fail too
  mmeplan validate fleets/*.yaml    several at once
  mmeplan validate --format sarif > fleet.sarif
  mmeplan validate --online         with reads of S3, ECR, IAM, EC2 and others
\b
In a GitHub workflow, as annotations of the pull request:
  mmeplan validate --format github
"""


@click.command(epilog=EXAMPLES)
@click.argument("fleets", metavar="[FLEET]...", nargs=-1, type=click.Path())
@format_option("text", "json", "sarif", "github")
@click.option(
    "--strict", is_flag=True, help="Exit 3 for warnings, and for an environment that couldn't be checked, too."
)
@click.option(
    "--readers", is_flag=True, help="FLEET may be a table, too: the repository's fleets that read it are checked."
)
@online_option
@cloud_options
@file_options
def command(fleets: tuple[str, ...], format_: str, strict: bool, readers: bool, online: bool, **common: Any) -> None:
    """Check each FLEET against every rule. Makes no call and needs no credentials, unless --online asks for them.

    Without -e a file is checked in each of its environments, and as it stands without one; what is found in several of
    them is told once. --online reads for the environment of -e, or for the file without one. What says which SageMaker
    and which credentials (--profile, --local, …) has a meaning with --online only.

    Exits 0 where there is no error (warnings don't count, unless --strict), 1 where a file can't be read, 3 where rules
    refuse one.
    """
    settings = Settings(**common)
    fleets = tuple(readers_of(fleets, common)) if readers else fleets or (DEFAULT_FLEET,)
    found: list[Found[Finding]] = []
    problems: list[Found[Problem]] = []
    excerpt = None
    for fleet in fleets:
        settings = Settings(fleet, **common)
        validated = validate(
            fleet,
            settings.environment,
            dict(settings.variables),
            region=settings.region,
            variable_files=settings.read_variable_files(),
        )
        found += validated.findings
        problems += validated.problems
        if online and validated.desired is not None:
            with settings.engine(validated.desired.fleet) as engine:
                seen = engine.check_online(validated.desired)
            found += [Found(finding, (settings.environment or "",), finding) for finding in seen]
        source = validated.source_map
        excerpt = source.excerpt if source and len(fleets) == 1 and sys.stdout.isatty() else None
    if format_ != "text":
        unread = [Found(as_finding(p.item, INPUT), p.environments, as_finding(p.told, INPUT)) for p in problems]
        printed = verbatim if format_ == "github" else document
        printed(_report(format_, [*unread, *found]))
    elif found or not problems:
        told = [item.told for item in found]
        text = render.findings_text(told, width=settings.width, color=settings.color, excerpt=excerpt)
        page(text)
    if problems and format_ == "text":
        raise InputError([item.told for item in problems])
    sys.exit(ExitCode.ERROR if problems else ExitCode.REFUSED if _fails(found, strict) else ExitCode.DONE)


def _fails(found: Sequence[Found[Finding]], strict: bool) -> bool:
    """Whether there is an error; with --strict a warning, or a note of what couldn't be checked."""
    told = [item.item for item in found]
    return any(f.severity == "error" or (strict and (f.severity == "warning" or f.rule == INPUT)) for f in told)


def _report(format_: str, found: Sequence[Found[Finding]]) -> str:
    """Findings for machines. In JSON each has its environments apart from its message."""
    if format_ == "json":
        rows = [{**asdict(item.item), "environments": item.environments} for item in found]
        return json.dumps(rows, indent=2) + "\n"
    findings = [item.told for item in found]
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
