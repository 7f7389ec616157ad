"""A plan as GitLab's merge request shows it: `artifacts:reports:terraform`.

In: a shown plan. Out: JSON with three counts. Source: gitlab-org/gitlab, lib/gitlab/ci/parsers/terraform/tfplan.rb: the
members are create, update and delete, in this order and no others, or GitLab says that the report is broken.
"""

from __future__ import annotations

import json

from mmeplan.render.door import Output, PageOptions, ShownPlan


@Output
def gitlab(plan: ShownPlan, options: PageOptions) -> str:
    """`{"create": 2, "update": 1, "delete": 0}`. A change that is a delete and a create counts as both."""
    summary = plan.summary
    return json.dumps({"create": summary.create, "update": summary.update, "delete": summary.delete}) + "\n"
