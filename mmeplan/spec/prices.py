"""`prices`: what an instance of a type costs on demand, from the file that `mmeplan prices` writes.

In: the value of the key `prices`, `{file: NAME}`. Out: `Prices`; None where there are none. Whoever can change a
request can change the file: it is read within the bounds of every file beside fleet.yaml, and each member has its type.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from math import isfinite
from pathlib import Path
from typing import Any, Final

from mmeplan.aws.prices import Prices
from mmeplan.errors import InputError
from mmeplan.spec.document import parse_document
from mmeplan.spec.for_each import ForEachError, ItemFiles, file_of
from mmeplan.spec.problems import Refusals
from mmeplan.spec.quotas import INSTANCE_TYPE

PATH: Final = ("prices",)
HIGHEST: Final = 100_000  # an hour
TERMS: Final = "on demand"
_HINT: Final = "mmeplan prices --out FILE writes one"
_CURRENCY: Final = re.compile(r"[A-Z]{3}")
_REGION: Final = re.compile(r"[a-z]{2,4}(?:-[a-z]+)+-\d")
_HEAD: Final = ("region", "date", "currency", "terms")
_BY_TYPE: Final = ("instances", "asynchronous")
_BY_MEMORY: Final = ("serverless", "provisioned_concurrency")


def read_prices(value: Any, files: ItemFiles, refusals: Refusals) -> Prices | None:
    """The prices of an evaluated `prices` value. Problems go to `refusals`."""
    if value is None:
        return None
    name = file_of(value)
    if not name:
        refusals.refuse("expected {file: NAME}", PATH, _HINT)
        return None
    try:
        content = files.items(name)
    except ForEachError as error:
        refusals.refuse(str(error), (*PATH, "file"), _HINT)
        return None
    place = _places(name, files.raw[name])
    wrong: list[str] = []

    def refuse(message: str, *path: str) -> None:
        wrong.append(message)
        refusals.refuse(f"{place(path)}: {message}", (*PATH, "file"), _HINT)

    if not isinstance(content, dict) or not all(isinstance(content.get(key), str) for key in _HEAD):
        refuse(f"expected the texts {', '.join(_HEAD)}, and prices by instance type under instances")
        return None
    for key in content:
        if key not in (*_HEAD, *_BY_TYPE, *_BY_MEMORY):
            refuse(f"unknown key {key!r:.40}", str(key))
    _check_head(content, refuse)
    by_type, asynchronous, by_memory, provisioned = (_table(content, key, refuse) for key in (*_BY_TYPE, *_BY_MEMORY))
    head = content["region"], content["date"], content["currency"]
    return None if wrong else Prices(*head, by_type, asynchronous, by_memory, provisioned, name)


def text_of(prices: Prices) -> str:
    """The file of these prices, as `read_prices` takes it."""
    head = (
        "# What SageMaker's hosting costs on demand; mmeplan prices wrote it. Instances are priced by the hour,\n"
        "# serverless memory sizes (MB) by the second. Savings plans and other discounts are not in it.\n"
        f'region: {prices.region}\ndate: "{prices.date}"\ncurrency: {prices.currency}\nterms: {TERMS}\n'
    )
    tables: dict[str, Mapping[Any, float]] = {key: getattr(prices, key) for key in (*_BY_TYPE, *_BY_MEMORY)}
    rows = [
        f"{key}:\n" + "".join(f"  {name}: {f'{price:.10f}'.rstrip('0').rstrip('.')}\n" for name, price in table.items())
        for key, table in tables.items()
        if table
    ]
    return "".join([head, *rows])


def _check_head(content: Mapping[str, str], refuse: Callable[..., None]) -> None:
    try:
        date.fromisoformat(content["date"])
    except ValueError:
        refuse(f"expected a date such as 2026-11-30, got {content['date']!r:.40}", "date")
    if not _REGION.fullmatch(content["region"]):
        refuse(f"expected a region such as eu-west-1, got {content['region']!r:.40}", "region")
    if not _CURRENCY.fullmatch(content["currency"]):
        refuse(f"expected a currency such as USD, got {content['currency']!r:.40}", "currency")
    if content["terms"] != TERMS:
        refuse(f"the only terms that are known are {TERMS!r}, got {content['terms']!r:.40}", "terms")


def _table(content: Mapping[str, Any], key: str, refuse: Callable[..., None]) -> dict[Any, float]:
    """The prices of one table; those that are none are refused."""
    table = content.get(key)
    if table is None:
        return {}
    if not isinstance(table, dict):
        refuse("expected prices by name", key)
        return {}
    made: dict[Any, float] = {}
    for name, price in table.items():
        shown = f"{key}.{name!s:.60}"
        if key in _BY_TYPE and not INSTANCE_TYPE.fullmatch(str(name)):
            refuse(f"{shown}: expected an instance type such as ml.m5.xlarge", key, name)
        elif key in _BY_MEMORY and not re.fullmatch(r"[1-9][0-9]{2,5}", str(name)):
            refuse(f"{shown}: expected a memory size in MB such as 4096", key, name)
        elif isinstance(price, bool) or not isinstance(price, (int, float)) or not _is_price(price):
            refuse(f"{shown}: expected a price from 0 to {HIGHEST:,}, got {price!r:.40}", key, name)
        else:
            made[name if key in _BY_TYPE else int(name)] = float(price)
    return made


def _is_price(price: float) -> bool:
    return isfinite(price) and 0 <= price <= HIGHEST


def _places(name: str, raw: bytes) -> Callable[[tuple[str, ...]], str]:
    """`prices.yaml:7:3` of a path in the file; the file's name alone where the place isn't known."""

    def place(path: tuple[str, ...]) -> str:
        try:
            found = parse_document(name, raw.decode("utf-8")).position(path)
        except (InputError, UnicodeDecodeError):
            found = None
        shown = Path(name).as_posix()
        return f"{shown}:{found[0]}:{found[1]}" if found else shown

    return place
