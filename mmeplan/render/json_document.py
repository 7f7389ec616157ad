"""The plan document as JSON text: `--format json` of `plan` and `show`.

In: a `Plan`. Out: what `plan.encode` says, masked unless the values are asked for. A masked one says so
(`"masked": true`) and is refused by `apply`.
"""

from __future__ import annotations

import json

from mmeplan.plan.document import Plan
from mmeplan.plan.encoding import encode
from mmeplan.plan.masking import masked_document


def json_text(plan: Plan, *, show_environment: bool = False) -> str:
    """The document, indented by two, members in a fixed order, ASCII only."""
    document = encode(plan) if show_environment else masked_document(plan)
    return json.dumps(document, indent=2) + "\n"
