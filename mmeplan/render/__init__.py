"""render: a plan (and what else commands have to say) as text. One file per output.

    text          the page of a plan          json_document   the document, masked
    markdown      a pull request's comment    html            a report, one file
    findings      `validate`                  problems        what is wrong with an input
    status        `status`                    graph           Mermaid and Graphviz
    outcome       how an apply ended          style.clean     for whatever else is printed of a user's text

Pure: plan document in, str out; every output ends in a newline. The same plan gives the same text, whether it was just
made or read from a file.
"""

from mmeplan.render.findings import findings_text
from mmeplan.render.graph import dot, mermaid
from mmeplan.render.html import html
from mmeplan.render.json_document import json_text
from mmeplan.render.markdown import markdown
from mmeplan.render.markup import marker
from mmeplan.render.outcome import OutcomeView, outcome_text
from mmeplan.render.problems import problems_text
from mmeplan.render.status import StatusRow, VariantStatus, status_text
from mmeplan.render.style import clean
from mmeplan.render.summary import summary_line
from mmeplan.render.text import text

__all__ = [
    "OutcomeView",
    "StatusRow",
    "VariantStatus",
    "clean",
    "dot",
    "findings_text",
    "html",
    "json_text",
    "markdown",
    "marker",
    "mermaid",
    "outcome_text",
    "problems_text",
    "status_text",
    "summary_line",
    "text",
]
