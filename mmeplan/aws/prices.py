"""What SageMaker's hosting costs on demand: the prices of a region, and how they are read from AWS's price list.

The price list (service code `AmazonSageMaker`) names a price by its usage type: `EUW1-Host:ml.m5.xlarge` an hour of an
instance of a real-time endpoint, `EUW1-AsyncInf:ml.m5.xlarge` of an asynchronous one, `EUW1-ServerlessInf:Mem-4GB` a
second of a serverless endpoint of that memory. The prefix of the region is of no use: products are asked for by
`regionCode`. Provisioned concurrency has usage types of its own that AWS documents nowhere; it isn't read.
Sources: botocore GetProducts; AWS price list, service code AmazonSageMaker, product families "ML Instance" and
"ML Serverless"; docs/sagemaker.md, "Prices".
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from mmeplan.aws.partitions import currency_of

HOURS_A_MONTH: Final = 730  # as AWS's own calculator counts
SECONDS_A_MONTH: Final = HOURS_A_MONTH * 3600
SERVICE_CODE: Final = "AmazonSageMaker"

_USAGE: Final = re.compile(
    r"(?:[A-Z0-9]+-)?(?:(?P<kind>Host|AsyncInf):(?P<type>ml\.[a-z0-9-]+\.[a-z0-9-]+)|ServerlessInf:Mem-(?P<gib>\d+)GB)"
)
_UNITS: Final = frozenset({"hrs", "hours", "second", "seconds", "sec"})


@dataclass(frozen=True, slots=True)
class Prices:
    """Prices on demand of one region. `instances` and `asynchronous` are by instance type, an hour; `serverless` and
    `provisioned_concurrency` by memory in MB, a second. `date` is ISO 8601, `source` the file.
    """

    region: str
    date: str
    currency: str
    instances: Mapping[str, float] = field(default_factory=dict)
    asynchronous: Mapping[str, float] = field(default_factory=dict)
    serverless: Mapping[int, float] = field(default_factory=dict)
    provisioned_concurrency: Mapping[int, float] = field(default_factory=dict)
    source: str = ""


def prices_of(region: str, date: str, products: Iterable[str]) -> Prices:
    """The prices of the products of GetProducts, each a JSON text. What is not hosting on demand is left out.

    China's are in yuan, all others in US dollars.
    """
    currency = currency_of(region)
    found: dict[str, dict[Any, float]] = {"Host": {}, "AsyncInf": {}, "ServerlessInf": {}}
    for text in products:
        usage, price = _read(text, currency)
        match = _USAGE.fullmatch(usage)
        if match is None or price is None:
            continue
        if match["gib"]:
            found["ServerlessInf"][int(match["gib"]) * 1024] = price
        else:
            found[match["kind"]][match["type"]] = price
    instances, asynchronous, serverless = (dict(sorted(found[kind].items())) for kind in found)
    return Prices(region, date, currency, instances, asynchronous, serverless)


def price_list_questions(region: str) -> tuple[Mapping[str, Any], ...]:
    """The parameters of GetProducts for all hosting of a region."""
    families = ("ML Instance", "ML Serverless")
    return tuple(
        {
            "ServiceCode": SERVICE_CODE,
            "Filters": [
                {"Type": "TERM_MATCH", "Field": "regionCode", "Value": region},
                {"Type": "TERM_MATCH", "Field": "productFamily", "Value": family},
            ],
        }
        for family in families
    )


def _read(text: str, currency: str) -> tuple[str, float | None]:
    """The usage type of a product, and the price of a unit on demand; None where it depends on how much is used."""
    try:
        product = json.loads(text)
        usage = str(product["product"]["attributes"]["usagetype"])
        terms = product["terms"]["OnDemand"].values()
        (dimension,) = [item for term in terms for item in term["priceDimensions"].values()]
        price = float(dimension["pricePerUnit"][currency])
        return usage, price if str(dimension["unit"]).lower() in _UNITS else None
    except (ValueError, LookupError, TypeError, AttributeError):
        return "", None
