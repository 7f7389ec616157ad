"""Rules about `for_each` (FOR): what an entry of the file is expanded to."""

from __future__ import annotations

from collections.abc import Iterator

from mmeplan.rules.examples import IMAGE, ROLE, fleet_file
from mmeplan.rules.rule import Hit, Rule
from mmeplan.spec import ForEach

_MODEL = f"""
  execution_role_arn: {ROLE}
  primary_container: {{image: {IMAGE}}}
"""


class EmptyForEach(Rule):
    id = "FOR-01"
    title = "A `for_each` gives at least one item"
    severity = "warning"
    basis = "own"
    source = "docs/fleet-yaml.md, for_each"
    why = (
        "A table whose rows are gone and an expression that selects nothing are files without a mistake in them: the "
        "entry stands, and nothing is made of it. A plan that would delete what was made of it is refused (GATE-10)."
    )
    fix = "Put the items back; or write `allow_empty: true` beside `for_each` where it may come to nothing."
    bad = fleet_file(models=f"ranker:{_MODEL}spare:\n  for_each: []  # here{_MODEL}")
    good = fleet_file(models=f'"{{{{ each.key }}}}":\n  for_each: [ranker]{_MODEL}')

    def expansion(self, entry: ForEach) -> Iterator[Hit]:
        if entry.items or entry.allow_empty:
            return
        source = f"`{entry.file}` has no items" if entry.file else "its list or mapping is empty"
        yield ("for_each",), f"nothing is made of this entry: {source}"
