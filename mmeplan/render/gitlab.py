"""A plan as GitLab's merge request shows it: `artifacts:reports:terraform`.

In: a shown plan. Out: JSON with three counts. Source: gitlab-org/gitlab, lib/gitlab/ci/parsers/terraform/tfplan.rb: the
members are create, update and delete, in this order and no others, or GitLab says that the report is broken.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from mmeplan.plan import Summary
from mmeplan.render.door import Output, PageOptions, ShownPlan


@Output
def gitlab(plan: ShownPlan, options: PageOptions) -> str:
    """`{"create": 2, "update": 1, "delete": 0}`. A change that is a delete and a create counts as both."""
    return counts([plan.summary])


def counts(summaries: Iterable[Summary]) -> str:
    """The counts of some plans, added."""
    each = list(summaries)
    return json.dumps({name: sum(getattr(one, name) for one in each) for name in ("create", "update", "delete")}) + "\n"
