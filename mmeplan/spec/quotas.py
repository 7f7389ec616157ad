"""`quotas`: how many instances of a type the account may have for endpoints, as the file says.

In: the value of the key `quotas`: a mapping of instance types, or `{file: NAME}` with a YAML, JSON or CSV file beside
fleet.yaml (`instance_type,quota`), or what `aws service-quotas list-service-quotas` printed. Out: `Quota`s by type.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from mmeplan.spec.document import FilePath
from mmeplan.spec.fleet import Quota
from mmeplan.spec.for_each import ForEachError, ItemFiles
from mmeplan.spec.problems import Refusals

INSTANCE_TYPE: Final = re.compile(r"ml\.[a-z0-9-]+\.[a-z0-9-]+")
FOR_ENDPOINTS: Final = " for endpoint usage"  # how Service Quotas names the quota of an instance type
MAX_QUOTA: Final = 1_000_000


def read_quotas(value: Any, files: ItemFiles, refusals: Refusals) -> dict[str, Quota]:
    """The quotas of an evaluated `quotas` value. Problems go to `refusals`."""
    if value is None:
        return {}
    path: FilePath = ("quotas",)
    source = ""
    if isinstance(value, dict) and set(value) == {"file"}:
        path, source = ("quotas", "file"), str(value["file"])
        try:
            value = files.items(source)
        except ForEachError as error:
            refusals.refuse(str(error), path)
            return {}
    made = {}
    for name, quota in _pairs(value, refusals, path):
        place = path if source else (*path, name)
        where = f"{source}: {name}: " if source else ""
        if not INSTANCE_TYPE.fullmatch(name):
            refusals.refuse(f"{where}{name!r} is not an instance type", place, "they look like ml.m5.xlarge")
        elif isinstance(quota, bool) or not isinstance(quota, int | float) or not 0 <= quota <= MAX_QUOTA:
            refusals.refuse(f"{where}expected a number of instances, got {quota!r:.40}", place)
        else:
            made[name] = Quota(int(quota), source or refusals.document.file)
    return made


def _pairs(value: Any, refusals: Refusals, path: FilePath) -> Iterator[tuple[str, Any]]:
    """(instance type, quota) of any of the forms."""
    if isinstance(value, dict) and isinstance(value.get("Quotas"), list):
        for item in value["Quotas"]:
            name = str(item.get("QuotaName", "")) if isinstance(item, Mapping) else ""
            if name.startswith("ml.") and name.endswith(FOR_ENDPOINTS):
                yield name.removesuffix(FOR_ENDPOINTS), item.get("Value")
    elif isinstance(value, dict):
        yield from value.items()
    elif isinstance(value, list) and all(
        isinstance(row, dict) and {"instance_type", "quota"} <= set(row) for row in value
    ):
        for row in value:
            yield str(row["instance_type"]), row["quota"]
    else:
        refusals.refuse("expected instance types with their quotas", path, "quotas: {ml.m5.xlarge: 20}")
