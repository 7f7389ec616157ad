"""SageMaker JumpStart: the buckets that hold its models, and what CreateModel says of those under a license.

Sources: SageMaker Python SDK, `jumpstart.constants.JUMPSTART_LAUNCHED_REGIONS`, for the buckets: one of each kind for a
region, which ends its name. terraform-provider-aws issue 34795 for the refusal; botocore, ModelAccessConfig.AcceptEula,
has the end of its text.
"""

from __future__ import annotations

import re
from typing import Any, Final

from mmeplan.aws.s3 import s3_place

_GATED: Final = "jumpstart-private-cache-prod"
_BUCKET: Final = re.compile(
    rf"({_GATED}|jumpstart-cache-prod|sagemaker-sd-models-prod)-([a-z]{{2,3}}(?:-[a-z]+)+-[0-9]+)"
)

EULA_REFUSAL: Final = (
    "The AcceptEula value must be explicitly defined as True in order to accept the end-user license agreement (EULA) "
    'that this "{uri}" model requires. You are responsible for reviewing and complying with any applicable license '
    "terms and making sure they are acceptable for your use case before downloading or using a model."
)
"""CreateModel's ValidationException; `uri` is the S3Uri of the request."""


def is_gated(uri: Any) -> bool:
    """Whether an S3 address lies in a bucket of JumpStart's models under a license."""
    match = _BUCKET.fullmatch(s3_place(uri)[0])
    return match is not None and match.group(1) == _GATED


def jumpstart_region(uri: Any) -> str:
    """The region of JumpStart's bucket in which an S3 address lies; empty for other buckets."""
    match = _BUCKET.fullmatch(s3_place(uri)[0])
    return match.group(2) if match else ""
