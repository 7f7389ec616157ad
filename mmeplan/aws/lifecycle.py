"""The statuses of an endpoint and which calls each one permits, as botocore documents them.

Source: botocore `DescribeEndpointOutput.EndpointStatus`; the endpoint state machine of docs/sagemaker.md.
"""

from __future__ import annotations

from typing import Final

IN_SERVICE: Final = "InService"
CREATING: Final = "Creating"
UPDATING: Final = "Updating"
SYSTEM_UPDATING: Final = "SystemUpdating"
ROLLING_BACK: Final = "RollingBack"
DELETING: Final = "Deleting"
FAILED: Final = "Failed"
OUT_OF_SERVICE: Final = "OutOfService"
UPDATE_ROLLBACK_FAILED: Final = "UpdateRollbackFailed"

BUSY: Final = frozenset({CREATING, UPDATING, SYSTEM_UPDATING, ROLLING_BACK, DELETING})
"""Something is under way: Update, Delete and re-scaling are refused until it ends."""

SERVING: Final = frozenset({IN_SERVICE, UPDATING, SYSTEM_UPDATING, ROLLING_BACK, UPDATE_ROLLBACK_FAILED})
"""The endpoint answers invocations: while it updates, the old fleet serves."""

UPDATABLE: Final = frozenset({IN_SERVICE})
"""UpdateEndpoint and UpdateEndpointWeightsAndCapacities are accepted."""

DELETABLE: Final = frozenset({IN_SERVICE, FAILED, OUT_OF_SERVICE, UPDATE_ROLLBACK_FAILED})
"""DeleteEndpoint is accepted. On a Failed endpoint it is the only operation that can be performed."""
