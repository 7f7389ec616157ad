"""What the service refuses beyond the constraints of its shapes, as data, and what it accepts although it then fails.

In: a request whose shape is right. Out: the words of the first refusal. Only what the service is seen to refuse, or
what its documentation says is not supported, is refused: other doubtful combinations are accepted, as docs/simulator.md
lists; its table of refusals is made of what stands here. What needs the live world (a missing model, a busy endpoint,
quotas) stands with the operations.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from mmeplan.simulator.names import invalid
from mmeplan.simulator.refusals.configs import CREATE_ENDPOINT_CONFIG, LAUNCHING
from mmeplan.simulator.refusals.deployments import (
    CREATE_ENDPOINT,
    CREATE_ENDPOINT_ON,
    UPDATE_ENDPOINT,
    UPDATE_ENDPOINT_TO,
    UPDATE_WEIGHTS,
    UPDATE_WEIGHTS_OF,
)
from mmeplan.simulator.refusals.models import (
    COULD_NOT_ACCESS,
    CREATE_MODEL,
    HOSTING,
    LABEL_MISSING,
    addresses,
    is_marketplace,
)
from mmeplan.simulator.refusals.packages import CREATE_GROUP, CREATE_PACKAGE
from mmeplan.simulator.refusals.refusal import Asked, Refusal, containers, models_of, region_of, variants
from mmeplan.simulator.refusals.tags import ADD_TAGS, of_tags

__all__ = [
    "ADD_TAGS",
    "COULD_NOT_ACCESS",
    "CREATE_ENDPOINT",
    "CREATE_ENDPOINT_CONFIG",
    "CREATE_ENDPOINT_ON",
    "CREATE_GROUP",
    "CREATE_MODEL",
    "CREATE_PACKAGE",
    "FAILING",
    "HOSTING",
    "LABEL_MISSING",
    "LAUNCHING",
    "REFUSALS",
    "UPDATE_ENDPOINT",
    "UPDATE_ENDPOINT_TO",
    "UPDATE_WEIGHTS",
    "UPDATE_WEIGHTS_OF",
    "Asked",
    "Refusal",
    "addresses",
    "containers",
    "first",
    "is_marketplace",
    "models_of",
    "of_tags",
    "refuse",
    "region_of",
    "variants",
]

REFUSALS: Final = (
    *(*CREATE_MODEL, *CREATE_ENDPOINT_CONFIG, *CREATE_ENDPOINT, *CREATE_ENDPOINT_ON),
    *(*UPDATE_ENDPOINT, *UPDATE_ENDPOINT_TO, *UPDATE_WEIGHTS, *UPDATE_WEIGHTS_OF, *ADD_TAGS),
    *(*CREATE_GROUP, *CREATE_PACKAGE),
)
"""Every refusal."""
FAILING: Final = (*HOSTING, *LAUNCHING)
"""Everything that is accepted and by which the endpoint then ends Failed, or its update turns back."""


def first(table: Sequence[Refusal], asked: Asked) -> str | None:
    """The words of the first refusal of the table; None where there is none."""
    return next((sentence for refusal in table for sentence in refusal.sentences(asked)), None)


def refuse(table: Sequence[Refusal], asked: Asked) -> None:
    """Raise the first refusal of the table, if any, as ServiceError."""
    sentence = first(table, asked)
    if sentence is not None:
        raise invalid(sentence)
