"""STS: GetCallerIdentity, which says whose credentials these are.

In: nothing but the caller. Out: a made-up user of the caller's account. Called through its `Service`.
"""

from __future__ import annotations

from typing import Any, Final

from mmeplan.aws.partitions import partition_of
from mmeplan.simulator.call import Call

USER: Final = "simulated"


def get_caller_identity(call: Call, _request: dict[str, Any]) -> dict[str, Any]:
    """GetCallerIdentity."""
    arn = f"arn:{partition_of(call.region)}:iam::{call.account}:user/{USER}"
    return {"UserId": "AIDASIMULATED0000000", "Account": call.account, "Arn": arn}
