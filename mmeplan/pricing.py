"""`mmeplan prices`: AWS's on-demand prices of a region, as the file that `prices:` of a fleet file names.

In: a reader, a region and the time. Out: the file's text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from mmeplan import live
from mmeplan.aws.prices import price_list_questions, prices_of
from mmeplan.errors import CloudError, InputError, Problem
from mmeplan.spec.prices import text_of

UNDECLARED: Final = "NotDeclared"
"""The simulated SageMaker's own code for what its account wasn't told to have."""


def price_file(reader: live.Reader, region: str, now: datetime) -> str:
    """What hosting costs on demand in a region, of today.

    Raises CloudError; InputError where the price list has nothing of that region.
    """
    products: list[str] = []
    for question in price_list_questions(region):
        for answer in _answers(reader, question):
            products += answer.get("PriceList", ())
    found = prices_of(region, now.date().isoformat(), products)
    if not (found.instances or found.serverless):
        raise InputError([Problem(f"AWS's price list has no prices of SageMaker's hosting in {region}")])
    return text_of(found)


def _answers(reader: live.Reader, question: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    try:
        yield from live.pages(reader, "GetProducts", question)
    except CloudError as error:
        if error.code == UNDECLARED:
            error.hint = (
                "write a few prices by hand, as docs/cost.md shows, or declare some: mmeplan serve --declare FILE"
            )
        raise
