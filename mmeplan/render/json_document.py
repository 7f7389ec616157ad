"""The plan document as JSON: `--format json` of `plan` and `show`.

A masked one says so (`"masked": true`), and `apply` refuses it.
"""

from __future__ import annotations

import json

from mmeplan.plan import encode
from mmeplan.render.door import Output, PageOptions, ShownPlan


@Output
def json_text(plan: ShownPlan, options: PageOptions) -> str:
    """The document, indented by two, members in a fixed order, ASCII only."""
    return json.dumps({**encode(plan), **({"masked": True} if options.masked else {})}, indent=2) + "\n"
