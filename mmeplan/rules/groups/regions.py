"""Rules about regions (REG): the head of the file."""

from __future__ import annotations

from collections.abc import Iterator

from mmeplan.aws.partitions import region_doubt
from mmeplan.rules.examples import fleet_file
from mmeplan.rules.rule import Rule
from mmeplan.spec import FilePath, Fleet

_IMAGE = '"123456789012.dkr.ecr.{{ region }}.amazonaws.com/ranker:1.4"'


class KnownRegion(Rule):
    id = "REG-01"
    title = "The region is one that AWS has"
    severity = "warning"
    basis = "inf"
    source = "botocore data/partitions.json"
    why = (
        "In a region that doesn't exist nothing can be reached: the plan ends with a failed connection, which says "
        "nothing of the region. The list is that of the installed botocore; AWS may have opened a region since."
    )
    fix = "Correct the region; for a new one update botocore, or allow this with that reason."
    bad = fleet_file(fleet="region: eu-west-7  # here", container=f"image: {_IMAGE}")
    good = fleet_file(fleet="region: eu-west-2", container=f"image: {_IMAGE}")

    def head(self, fleet: Fleet) -> Iterator[tuple[FilePath, str]]:
        doubt = region_doubt(fleet.region) if fleet.region else ""
        if doubt:
            of_environment = ("environments", fleet.environment or "", "region")
            stands = fleet.source_map.document.position(of_environment)
            yield of_environment if stands else ("region",), doubt
