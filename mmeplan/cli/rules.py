"""`mmeplan rules`: every rule there is, and the page of each."""

from __future__ import annotations

import difflib
import json
import sys
from typing import TYPE_CHECKING

import click

from mmeplan.cli.door import document, page
from mmeplan.cli.options import format_option, offering
from mmeplan.cli.screen import color_options, wants_color, width_of
from mmeplan.errors import InputError, Problem

if TYPE_CHECKING:
    from mmeplan.rules import Rule

EXAMPLES = """\b
Examples:
  mmeplan rules                           all of them
  mmeplan rules --severity error --search serverless
  mmeplan rules MME-02                    what it asks, why, and what to do
"""


@click.command(epilog=EXAMPLES)
@click.argument("rule_id", metavar="[ID]", required=False, shell_complete=offering("rule_ids"))
@click.option("--severity", type=click.Choice(["error", "warning", "note"]), help="Only rules of this severity.")
@click.option(
    "--stage",
    type=click.Choice(["static", "plan", "online"]),
    help="Only rules that need the file alone, a plan, or reads.",
)
@click.option("--search", metavar="TEXT", help="Only rules that speak of this.")
@format_option("text", "json")
@color_options
def command(rule_id: str | None, severity: str | None, stage: str | None, search: str | None, format_: str) -> None:
    """List the rules that fleets are held to, or show one with its examples.

    Without ID, a table of all rules that fit the options. With ID, that rule: why it is there, what to do, where it
    comes from.
    """
    from mmeplan import rules
    from mmeplan.render import rules_table

    color = wants_color(sys.stdout)
    if rule_id is not None:
        (document if format_ == "json" else page)(_one(rule_id.upper(), format_, color))
        return
    chosen = [
        rule
        for rule in rules.all_rules()
        if severity in (None, rule.severity) and stage in (None, rule.stage) and _speaks_of(rule, search or "")
    ]
    if format_ == "json":
        from mmeplan.rules.pages import entry

        document(json.dumps([entry(rule) for rule in chosen], indent=2, ensure_ascii=False))
        return
    rows = [rules_table.RuleRow(rule.id, rule.severity, rule.stage, rule.title) for rule in chosen]
    page(rules_table.rules_text(rows, width=_width(), color=color))


def _width() -> int:
    """Columns of the output: of a terminal at most 120, because it is prose."""
    return width_of(sys.stdout, 120)


def _speaks_of(rule: Rule, text: str) -> bool:
    spoken = " ".join((rule.id, rule.title, rule.why, rule.fix, rule.source)).casefold()
    return all(word in spoken for word in text.casefold().split())


def _one(rule_id: str, format_: str, color: bool) -> str:
    """The page of a rule, or why there is none. Raises InputError for an id that nobody knows."""
    from mmeplan import rules
    from mmeplan.render import rules_table
    from mmeplan.rules import pages
    from mmeplan.rules.not_checked import NOT_CHECKED

    by_id = {rule.id: rule for rule in rules.all_rules()}
    left_out = {row.id: row for reason in NOT_CHECKED for row in reason.rows}
    if rule_id in by_id:
        rule = by_id[rule_id]
        if format_ == "json":
            told = {"why": rule.why, "fix": rule.fix, "bad": rule.bad, "good": rule.good}
            return json.dumps({**pages.entry(rule), **told}, indent=2, ensure_ascii=False) + "\n"
        sections = [rules_table.RuleSection(part.heading, part.text, part.example) for part in pages.sections(rule)]
        return rules_table.rule_text(rule.id, rule.title, pages.standing(rule), sections, width=_width(), color=color)
    if rule_id in left_out:
        row = left_out[rule_id]
        sections = [rules_table.RuleSection("Why", row.why)]
        return rules_table.rule_text(row.id, row.about, "No rule checks this.", sections, width=_width(), color=color)
    close = difflib.get_close_matches(rule_id, [*by_id, *left_out], n=1)
    hint = f"did you mean {close[0]}?" if close else "mmeplan rules lists them"
    raise InputError([Problem(f"there is no rule {rule_id}", hint=hint)])
