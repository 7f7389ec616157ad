"""AWS's price list, as far as it was declared: GetProducts for the service code AmazonSageMaker.

In: `prices` of a declared document, each a usage type and what a unit of it costs. Out: products as the price list has
them. The list is one for all regions; `regionCode` chooses. Sources: botocore's model of the service; products of the
public price list.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, Final

from mmeplan.simulator import declared
from mmeplan.simulator.call import Call
from mmeplan.simulator.wire import ServiceError

Json = dict[str, Any]

SERVICE_CODE: Final = "AmazonSageMaker"
PAGE: Final = 100


def get_products(call: Call, request: Json) -> Json:
    """GetProducts."""
    if request["ServiceCode"] != SERVICE_CODE:
        raise ServiceError("NotFoundException", f"The service code {request['ServiceCode']} is not known.")
    wanted = {}
    for item in request.get("Filters", ()):
        if item["Type"] not in ("TERM_MATCH", "EQUALS"):
            raise ServiceError("InvalidParameterException", f"The simulator has no filter of the type {item['Type']}.")
        wanted[item["Field"]] = item["Value"]
    region = wanted.pop("regionCode", call.region)
    products = [_product(region, price) for price in declared.known(call, "prices", region)]
    found = [product for product in products if wanted.items() <= _attributes(product).items()]
    first = int(request.get("NextToken", 0))
    last = first + min(PAGE, request.get("MaxResults", PAGE))
    token = {"NextToken": str(last)} if last < len(found) else {}
    return {"FormatVersion": "aws_v1", "PriceList": [json.dumps(product) for product in found[first:last]], **token}


def _attributes(product: Json) -> Json:
    return {**product["product"]["attributes"], "productFamily": product["product"]["productFamily"]}


def _product(region: str, price: Json) -> Json:
    sku = hashlib.sha256(f"{region}{price['UsageType']}".encode()).hexdigest()[:16].upper()
    serverless = "Serverless" in price["UsageType"]
    dimension = {
        "unit": price.get("Unit", "Second" if serverless else "Hrs"),
        "beginRange": "0",
        "endRange": "Inf",
        "pricePerUnit": {price.get("Currency", "USD"): price["Price"]},
    }
    return {
        "product": {
            "productFamily": "ML Serverless" if serverless else "ML Instance",
            "attributes": {"servicecode": SERVICE_CODE, "regionCode": region, "usagetype": price["UsageType"]},
            "sku": sku,
        },
        "serviceCode": SERVICE_CODE,
        "terms": {"OnDemand": {f"{sku}.JRTCKXETXF": {"priceDimensions": {f"{sku}.JRTCKXETXF.6YS6EN2CT7": dimension}}}},
    }
