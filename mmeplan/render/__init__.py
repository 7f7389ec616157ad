"""render: a plan (and what else commands have to say) as text. One file per output.

    text          the page of a plan          json_document   the document, masked
    findings      `validate`                  problems        what is wrong with an input
    status        `status`                    graph           Mermaid and Graphviz
    outcome       how an apply ended          style.clean     for whatever else is printed of a user's text

Pure: plan document in, str out; every output ends in a newline. The same plan gives the same text, whether it was just
made or read from a file.
"""

from mmeplan.render.findings import findings_text
from mmeplan.render.graph import dot, mermaid
from mmeplan.render.json_document import json_text
from mmeplan.render.outcome import OutcomeView, outcome_text
from mmeplan.render.problems import problems_text
from mmeplan.render.status import StatusRow, VariantStatus, age_text, status_text
from mmeplan.render.style import clean
from mmeplan.render.summary import summary_line
from mmeplan.render.text import text

__all__ = [
    "OutcomeView",
    "StatusRow",
    "VariantStatus",
    "age_text",
    "clean",
    "dot",
    "findings_text",
    "json_text",
    "mermaid",
    "outcome_text",
    "problems_text",
    "status_text",
    "summary_line",
    "text",
]
