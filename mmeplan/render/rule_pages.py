"""Where a finding's rule is explained: the address of its page in the published documentation.

In: a rule's id. Out: a URL, or nothing for ids that aren't mmeplan's (rules of other packages, policies).
tests/unit/render/test_rule_pages.py holds this against the registry of rules and the files in docs/.
"""

from __future__ import annotations

import re
from typing import Final

DOCS: Final = "https://github.com/mmeplan/mmeplan/blob/main/docs"

_OWN: Final = re.compile(
    r"(?:ALW|API|ARN|ART|ASC|ASY|CAP|CFG|DEL|DEP|EP|KMS|MDL|MME|NAM|PIP|RULE|SHD|SLS|TAG|UWC)-[0-9]{2}", re.ASCII
)
_GATE: Final = re.compile(r"GATE-[0-9]{2}", re.ASCII)
_TOLD_BY_GATES: Final = frozenset({"CFG-38", "DEL-08", "DEL-10", "EP-06", "EP-08", "MDL-40", "SLS-12"})
"""Rules of SageMaker that no class checks and a gate refuses with their ids: they have no page of their own."""


def rule_page(rule: str) -> str:
    """The URL of the page that explains the rule, empty if there is none."""
    if rule in _TOLD_BY_GATES or _GATE.fullmatch(rule):
        return f"{DOCS}/plan-and-apply.md#gates"
    return f"{DOCS}/rules/{rule}.md" if _OWN.fullmatch(rule) else ""
