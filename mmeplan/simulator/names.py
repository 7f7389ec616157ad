"""What the service calls its objects: kinds, ARNs, and the sentences about them that the engine recognises.

In: kind, account, region, name. Out: ARNs, and the `ServiceError`s for missing, existing and busy objects.
The sentences begin as `mmeplan.aws.failures` says; captured messages: docs/sagemaker.md, "Errors".
"""

from __future__ import annotations

import re
from typing import Final

from mmeplan.aws.failures import ALREADY_EXISTS, COULD_NOT_FIND, IN_PROGRESS
from mmeplan.aws.partitions import partition_of
from mmeplan.simulator.wire import ServiceError

MODEL: Final = "model"
ENDPOINT_CONFIG: Final = "endpoint-config"
ENDPOINT: Final = "endpoint"
INFERENCE: Final = "async-inference"  # has no ARN on AWS: it is a request in an endpoint's queue
MODEL_PACKAGE_GROUP: Final = "model-package-group"
MODEL_PACKAGE: Final = "model-package"
INFERENCE_COMPONENT: Final = "inference-component"

NOUNS: Final = {
    MODEL: "model",
    ENDPOINT_CONFIG: "endpoint configuration",
    ENDPOINT: "endpoint",
    MODEL_PACKAGE_GROUP: "model package group",
    MODEL_PACKAGE: "model package",
    INFERENCE_COMPONENT: "inference component",
}
"""Kind, as ARNs spell it → the service's word for it in messages."""

_ARN = re.compile(r"arn:aws[a-z-]*:sagemaker:([a-z0-9-]*):(\d{12}):([a-z-]+)/(.+)", re.ASCII)


def arn(kind: str, account: str, region: str, name: str) -> str:
    """The object's ARN. It keeps the name's letter case: real captures are mixed, the newer ones keep it."""
    return f"arn:{partition_of(region)}:sagemaker:{region}:{account}:{kind}/{name}"


def parsed(resource_arn: str) -> tuple[str, str, str, str] | None:
    """Kind, account, region and name of an ARN; None where it names no kind that the simulator has."""
    match = _ARN.fullmatch(resource_arn)
    if match is None or match.group(3) not in NOUNS:
        return None
    region, account, kind, name = match.groups()
    return kind, account, region, name


def invalid(message: str) -> ServiceError:
    """The code of nearly everything that SageMaker's hosting calls refuse."""
    return ServiceError("ValidationException", message)


def could_not_find(kind: str, missing_arn: str) -> ServiceError:
    """`Could not find endpoint "arn…".`"""
    return invalid(f'{COULD_NOT_FIND}{NOUNS.get(kind, "resource")} "{missing_arn}".')


def already_exists(kind: str, existing_arn: str) -> ServiceError:
    """`Cannot create already existing model "arn…".`"""
    return invalid(f'{ALREADY_EXISTS}{NOUNS[kind]} "{existing_arn}".')


def does_not_exist(kind: str, missing_arn: str) -> ServiceError:
    """`ModelPackageGroup arn… does not exist.`: what the model registry says of its objects."""
    return invalid(f"{_title(kind, '')} {missing_arn} does not exist.")


def registered_already(kind: str, existing_arn: str) -> ServiceError:
    """`Model Package Group already exists: arn…`."""
    return invalid(f"{_title(kind, ' ')} already exists: {existing_arn}")


def _title(kind: str, between: str) -> str:
    return between.join(word.capitalize() for word in kind.split("-"))


def in_progress(endpoint_arn: str) -> ServiceError:
    """`Cannot update in-progress endpoint "arn…".`: the answer to Update, re-scaling and Delete alike."""
    return invalid(f'{IN_PROGRESS}endpoint "{endpoint_arn}".')
