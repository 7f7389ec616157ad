"""ACME's rules for its fleets: what SageMaker permits and ACME does not."""

from __future__ import annotations

from collections.abc import Iterator

from mmeplan.rules import Rule
from mmeplan.rules.examples import fleet_file
from mmeplan.rules.facts import Endpoint
from mmeplan.rules.rule import Hit


class EndpointHasCostCentre(Rule):
    """Each endpoint says who pays for it."""

    id = "ACME-01"
    title = "An endpoint says which cost centre pays for it"
    severity = "error"
    basis = "policy"  # the people who run the fleet have decided it: `allow` may lower it
    source = "ACME handbook, cloud costs"
    why = "Finance charges endpoints by the tag `cost-centre`; one without is charged to the platform team."
    fix = "Write `cost-centre` under the endpoint's `tags`, or once under `defaults: {tags: …}`."
    bad = fleet_file(endpoint="tags: {team: pricing}").replace("endpoints:\n  ranker:", "endpoints:\n  ranker:  # here")
    good = fleet_file(endpoint='tags: {cost-centre: "4711"}')

    def endpoint(self, endpoint: Endpoint) -> Iterator[Hit]:
        if "cost-centre" not in endpoint.resource.tags:
            yield (), f"the endpoint {endpoint.resource.name!r} has no tag `cost-centre`"


RULES = (EndpointHasCostCentre(),)
