"""render: a plan (and what else commands have to say) as text. One file per output, registered here.

    door          what passes is masked                     report      what happens, in words
    text, markdown, html, json_document     a plan                          github      a workflow's step, annotations
    gitlab        a merge request's counts of changes       bitbucket       Markdown without HTML
    findings      `validate`, and what is wrong with an input               sarif       findings for code scanning
    applied       how an apply ended, for a comment         reviewed      a plan beside the one that was reviewed
    status        `status`, and how an apply ended                          drift       `drift`, text and JSON
    reports       several plans in one output
    doctor        `doctor`, text and JSON
    graph         Mermaid, Graphviz, the report's picture                   rules_table `rules`

Pure: plan document in, str out; every output ends in a newline. The same plan gives the same text, whether it was just
built or read from a file.
"""

from collections.abc import Mapping
from typing import Final

from mmeplan.render.applied import applied_markdown, not_applied_markdown
from mmeplan.render.archives_table import ArchiveCheck, ArchiveRow, ArchiveState, archives_text, check_line
from mmeplan.render.bitbucket import bitbucket
from mmeplan.render.doctor import CheckRow, State, doctor_json, doctor_row, doctor_summary
from mmeplan.render.door import Output, PageOptions, ShownPlan, shown, unmasked
from mmeplan.render.drift import drift_json, drift_text
from mmeplan.render.findings import findings_text, problems_text
from mmeplan.render.gitlab import gitlab
from mmeplan.render.graph import dot, mermaid
from mmeplan.render.html import html
from mmeplan.render.json_document import json_text
from mmeplan.render.markdown import markdown
from mmeplan.render.markup import marker
from mmeplan.render.report import summary_line
from mmeplan.render.reports import REPORTS, report_line
from mmeplan.render.status import (
    ObjectStatus,
    OutcomeView,
    PhaseStatus,
    PoolStatus,
    StatusRow,
    VariantStatus,
    age_text,
    outcome_text,
    status_text,
)
from mmeplan.render.style import clean
from mmeplan.render.text import text

OUTPUTS: Final[Mapping[str, Output]] = {
    "text": text,
    "json": json_text,
    "markdown": markdown,
    "html": html,
    "gitlab": gitlab,
    "bitbucket": bitbucket,
}
"""The outputs of a plan by their names (`--format`), in the order in which they are offered."""

__all__ = [
    "OUTPUTS",
    "REPORTS",
    "ArchiveCheck",
    "ArchiveRow",
    "ArchiveState",
    "CheckRow",
    "ObjectStatus",
    "OutcomeView",
    "Output",
    "PageOptions",
    "PhaseStatus",
    "PoolStatus",
    "ShownPlan",
    "State",
    "StatusRow",
    "VariantStatus",
    "age_text",
    "applied_markdown",
    "archives_text",
    "bitbucket",
    "check_line",
    "clean",
    "doctor_json",
    "doctor_row",
    "doctor_summary",
    "dot",
    "drift_json",
    "drift_text",
    "findings_text",
    "gitlab",
    "html",
    "json_text",
    "markdown",
    "marker",
    "mermaid",
    "not_applied_markdown",
    "outcome_text",
    "problems_text",
    "report_line",
    "shown",
    "status_text",
    "summary_line",
    "text",
    "unmasked",
]
