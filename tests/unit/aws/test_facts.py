"""Service models, names in snake_case, instance families, statuses, and what error answers mean."""

from __future__ import annotations

import pytest

from mmeplan.aws import lifecycle
from mmeplan.aws.failures import Failure, classify
from mmeplan.aws.instances import family, has_local_nvme
from mmeplan.aws.shapes import service, snake
from mmeplan.kinds import kinds


def test_the_service_model_holds_the_operations_and_their_shapes() -> None:
    model = service()
    assert [
        model.input_shape(operation) for operation in (kind.create_operation for kind in kinds() if kind.section)
    ] == [
        "CreateModelInput",
        "CreateEndpointConfigInput",
        "CreateEndpointInput",
    ]
    assert model.output_shape("DeleteModel") is None
    assert model.members("CreateEndpointInput")["EndpointName"] == "EndpointName"


def test_an_unknown_service_or_operation_is_an_error() -> None:
    with pytest.raises(FileNotFoundError, match="no service 'nope'"):
        service("nope")
    with pytest.raises(KeyError):
        service().input_shape("Nope")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("InitialInstanceCount", "initial_instance_count"),
        ("VolumeSizeInGB", "volume_size_in_gb"),
        ("KmsKeyId", "kms_key_id"),
        ("EnableSSMAccess", "enable_ssm_access"),
        ("ModelDataUrl", "model_data_url"),
    ],
)
def test_names_are_spelled_as_botocore_spells_them(name: str, text: str) -> None:
    assert snake(name) == text


@pytest.mark.parametrize(
    ("instance_type", "name", "nvme"),
    [
        ("ml.m5.large", "m5", False),
        ("ml.g4dn.xlarge", "g4dn", True),
        ("ml.p4de.24xlarge", "p4de", True),
        ("m5.large", "", False),
        ("", "", False),
    ],
)
def test_an_instance_type_belongs_to_a_family(instance_type: str, name: str, nvme: bool) -> None:
    assert (family(instance_type), has_local_nvme(instance_type)) == (name, nvme)


def test_the_statuses_are_those_of_botocore() -> None:
    statuses = set(service().shapes["EndpointStatus"]["enum"])
    assert statuses == lifecycle.BUSY | lifecycle.SERVING | lifecycle.DELETABLE
    assert not lifecycle.BUSY & (lifecycle.UPDATABLE | lifecycle.DELETABLE)


@pytest.mark.parametrize(
    ("code", "message", "status", "meaning"),
    [
        ("ValidationException", 'Could not find endpoint "x".', 400, Failure.NOT_FOUND),
        ("ValidationException", "could not find model", 400, Failure.NOT_FOUND),
        ("ValidationException", "Cannot create already existing model", 400, Failure.EXISTS),
        ("ValidationException", "Cannot update in-progress endpoint", 400, Failure.BUSY),
        ("ValidationException", "1 validation error detected: …", 400, Failure.INVALID),
        ("SomethingElse", "Could not find x", 400, Failure.INVALID),
        ("ThrottlingException", "", 400, Failure.THROTTLED),
        ("Unknown", "", 429, Failure.THROTTLED),
        ("Unknown", "", 503, Failure.TRANSIENT),
        ("NotImplemented", "", 501, Failure.INVALID),
        ("ConnectionFailed", "", 0, Failure.UNANSWERED),
        ("AccessDeniedException", "", 400, Failure.DENIED),
        ("ResourceLimitExceeded", "", 400, Failure.LIMIT),
    ],
)
def test_an_error_answer_means_one_thing(code: str, message: str, status: int, meaning: Failure) -> None:
    assert classify(code, message, status) is meaning
