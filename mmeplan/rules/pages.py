"""The rules' documentation, generated from the rules: docs/rules/ (one page each, and an index) and specs/rules.json.

In: the registry. Out: files. tests/rules hold the checked-in files against the rules, so that neither can change alone.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from mmeplan.rules.artifacts import TOGETHER
from mmeplan.rules.not_checked import NOT_CHECKED
from mmeplan.rules.online import PAGES as PAGES_OF_A_LIST
from mmeplan.rules.online import OnlineRule
from mmeplan.rules.planned import PlanRule
from mmeplan.rules.registry import ALL_RULES
from mmeplan.rules.rule import Basis, Rule, Stage

PAGES: Final = Path("docs/rules")
REST: Final = PAGES / "not-checked.md"
INDEX: Final = Path("specs/rules.json")

_GROUPS: Final = {
    "NAM": "Names",
    "TAG": "Tags",
    "ARN": "Roles",
    "KMS": "Keys",
    "MDL": "Models",
    "MME": "Multi-model containers",
    "PIP": "Pipelines and multi-container models",
    "CFG": "Endpoint configs and variants",
    "SLS": "Serverless inference",
    "ASY": "Asynchronous inference",
    "CAP": "Data capture",
    "SHD": "Shadow tests",
    "EP": "Endpoint updates",
    "UWC": "Weights and counts",
    "ASC": "Autoscaling",
    "DEP": "Deployment guardrails",
    "DEL": "What comes and goes",
    "ART": "Artifacts of multi-model containers",
    "REG": "Regions",
    "FOR": "Expansion by for_each",
    "API": "Everything else that the API's shapes say",
    "ALW": "Exceptions",
    "RULE": "Rules themselves",
}
_BASIS: Final[dict[Basis, str]] = {
    "shape": "the request shape",
    "doc": "AWS's documentation",
    "obs": "answers of the service that were observed",
    "conf": "documents of AWS that contradict one another; this is how mmeplan reads them",
    "inf": "inference; no document says so outright",
    "policy": "what those who run the fleet have decided",
    "own": "what mmeplan itself promises",
}

_STAGES: Final[dict[Stage, str]] = {
    "static": "Needs the file alone.",
    "plan": "Needs what is live: it speaks when a plan is made.",
    "online": "Needs reads of other services: it speaks with `--online` of `validate`, `plan` and `apply`.",
}


def documents(rules: Sequence[Rule] = ALL_RULES) -> dict[Path, str]:
    """Every generated file, by its path from the repository's root."""
    made = {PAGES / "index.md": _index(rules), REST: _rest(), INDEX: _json(rules)}
    made.update({PAGES / f"{rule.id}.md": page(rule) for rule in rules})
    return made


def write(root: Path) -> None:
    """Write them below `root`, and remove the pages of rules that are gone."""
    made = documents()
    for path, text in made.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
    for gone in _pages(root) - made.keys():
        (root / gone).unlink()


def stale(root: Path) -> list[str]:
    """The files below `root` that are missing, differ from the rules, or belong to none; sorted."""
    made = documents()
    wrong = {
        path
        for path, text in made.items()
        if not (root / path).is_file() or (root / path).read_text(encoding="utf-8") != text
    }
    return sorted(str(path) for path in wrong | (_pages(root) - made.keys()))


def _pages(root: Path) -> set[Path]:
    return {path.relative_to(root) for path in (root / PAGES).glob("*.md")}


def _index(rules: Sequence[Rule]) -> str:
    counts = Counter(rule.severity for rule in rules)
    lines = [
        "# Rules",
        "",
        f"`mmeplan validate` knows {len(rules)} rules: {counts['error']} errors, {counts['warning']} warnings and "
        f"{counts['note']} of notes.",
        "This folder is generated from them (`python -m mmeplan.rules --write`); `mmeplan rules ID` shows the same.",
        "",
        "Most need the file alone. Those of stage `plan` look at what is live as well, and speak when a plan is made;",
        "those of stage `online` read other services, and speak with `--online` only: [What online reads]"
        "(#what-online-reads).",
        "What SageMaker's rules ask besides, and why no rule here does, stands in [not-checked.md](not-checked.md).",
        "Rules of your own: examples/rules-package.",
        "",
        "`allow: {ID: reason}`, on an entry or on the fleet, lowers a finding to a note, there only.",
        "Errors that restate the API's own constraints can't be lowered: SageMaker would refuse them all the same.",
    ]
    for prefix, title in _GROUPS.items():
        lines += ["", f"## {title}", "", "| rule | | stage | may be lowered | |", "|---|---|---|---|---|"]
        lines += [
            f"| [{rule.id}]({rule.id}.md) | {rule.severity} | {rule.stage} | {'yes' if rule.lowerable else 'no'} "
            f"| {rule.title} |"
            for rule in rules
            if rule.id.split("-")[0] == prefix
        ]
    return "\n".join([*lines, *_by_basis(rules), *_permissions(rules)]) + "\n"


def _by_basis(rules: Sequence[Rule]) -> list[str]:
    """The errors, by what they rest on."""
    rows = []
    for basis, words in _BASIS.items():
        errors = [rule for rule in rules if rule.severity == "error" and rule.basis == basis]
        if errors:
            lowered = "yes" if errors[0].lowerable else "no"
            named = ", ".join(f"[{rule.id}]({rule.id}.md)" for rule in errors)
            rows.append(f"| `{basis}`: {words} | {len(errors)} | {lowered} | {named} |")
    return [
        "",
        "## What errors rest on",
        "",
        "An error is `doc` where a sentence of AWS's documentation forbids what it finds; its page quotes it. It is",
        "`obs` where the answer by which the service refuses it is known. Everything else is inference, and may be",
        "lowered.",
        "",
        "| basis | errors | may be lowered | |",
        "|---|---|---|---|",
        *rows,
    ]


def _permissions(rules: Sequence[Rule]) -> list[str]:
    """The IAM actions of stage `online`, each with the rules that need it."""
    users: dict[str, list[str]] = {}
    for rule in rules:
        for action in rule.actions if isinstance(rule, OnlineRule) else ():
            users.setdefault(action, []).append(f"[{rule.id}]({rule.id}.md)")
    return [
        "",
        "## What online reads",
        "",
        "Every call is a read. The same question is asked once, however many endpoints it concerns, and eight",
        f"are under way at once. A list is read up to {PAGES_OF_A_LIST} pages; {TOGETHER} archives of one folder,",
        "or more, are listed together.",
        "A rule whose call is denied or fails says so in one note, with the action's name; nothing else stops.",
        "",
        "| IAM action | for |",
        "|---|---|",
        *(f"| `{action}` | {', '.join(users[action])} |" for action in sorted(users)),
    ]


def _rest() -> str:
    rows = [row for reason in NOT_CHECKED for row in reason.rows]
    lines = [
        "# What no rule checks",
        "",
        f"{len(rows)} rules of SageMaker hosting have no rule here, each with the reason.",
    ]
    for reason in NOT_CHECKED:
        lines += ["", f"## {reason.title}", "", reason.text, "", "| id | | needs | about | |", "|---|---|---|---|---|"]
        lines += [f"| {row.id} | {row.severity} | {row.needs} | {row.about} | {row.why} |" for row in reason.rows]
    return "\n".join(lines) + "\n"


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a rule's page: paragraphs, and the fleet file that is shown after them, if any."""

    heading: str
    text: str
    example: str = ""


def standing(rule: Rule) -> str:
    """How grave a rule is, what it needs, and whether it can be lowered, in one line."""
    lowered = f"`allow: {{{rule.id}: reason}}` lowers it to a note." if rule.lowerable else "It can't be lowered."
    if rule.severity == "note":
        lowered = f"It stops nothing; `allow: {{{rule.id}: reason}}` says that it is known."
    return f"{rule.severity.capitalize()}. {_STAGES[rule.stage]} {lowered}"


def sections(rule: Rule) -> list[Section]:
    """Everything else that a rule has to say, for its page and for `mmeplan rules ID`."""
    made = [Section("Why", rule.why), Section("What to do", rule.fix)]
    if isinstance(rule, PlanRule) and rule.before:
        made.append(Section("Where this is live", "", rule.before))
    if rule.bad:
        given = f"{rule.given} " if isinstance(rule, OnlineRule) else ""
        made += [
            Section("Found here", f"{given}At the line marked `# here`:", rule.bad),
            Section("Not found here", "", rule.good),
        ]
    if isinstance(rule, OnlineRule):
        made.append(Section("Needs", f"{', '.join(f'`{action}`' for action in rule.actions)}."))
    quote = f"> {rule.quote}\n\n" if rule.quote else ""
    return [*made, Section("Source", f"{rule.source}.\n\n{quote}It rests on {_BASIS[rule.basis]}.")]


def page(rule: Rule) -> str:
    """A rule's page, as Markdown."""
    grave, _, rest = standing(rule).partition(" ")
    lines = [f"# {rule.id}: {rule.title}", "", f"**{grave}** {rest}"]
    for section in sections(rule):
        lines += ["", f"## {section.heading}", *(["", section.text] if section.text else [])]
        if section.example:
            lines += ["", "```yaml", section.example.rstrip(), "```"]
    return "\n".join(lines) + "\n"


def entry(rule: Rule) -> dict[str, Any]:
    """A rule as specs/rules.json and `mmeplan rules --format json` list it."""
    return {
        "id": rule.id,
        "title": rule.title,
        "severity": rule.severity,
        "stage": rule.stage,
        "lowerable": rule.lowerable,
        "source": rule.source,
    }


def _json(rules: Sequence[Rule]) -> str:
    return json.dumps([entry(rule) for rule in rules], indent=2, ensure_ascii=False) + "\n"
