"""CloudWatch Logs: the simulated containers don't run and write none, so that there is no log group."""

from __future__ import annotations

from typing import Any

from mmeplan.simulator.call import Call
from mmeplan.simulator.wire import ServiceError


def filter_log_events(_call: Call, _request: dict[str, Any]) -> dict[str, Any]:
    """FilterLogEvents. Source: CloudWatch Logs API Reference, "FilterLogEvents", Errors."""
    raise ServiceError("ResourceNotFoundException", "The specified log group does not exist.")
