"""Which values that botocore doesn't know may be newer than it, and which are misspelt."""

from __future__ import annotations

import pytest

from mmeplan.aws.newer import may_be_newer
from mmeplan.aws.shapes import service

TYPES = service().shapes["ProductionVariantInstanceType"]["enum"]
AMIS = service().shapes["ProductionVariantInferenceAmiVersion"]["enum"]
WORDS = ("LEAST_OUTSTANDING_REQUESTS", "RANDOM")


@pytest.mark.parametrize(
    ("value", "known"),
    [
        ("ml.g9.xlarge", TYPES),
        ("ml.m9i.metal-24xl", TYPES),
        ("ml.p7-b400.48xlarge", TYPES),
        ("ml.m5.96xlarge", TYPES),
        ("al2023-ami-sagemaker-inference-gpu-5-1", AMIS),
        ("CLOSEST_TO_THE_CALLER", WORDS),
        ("Vpce", ("Platform", "Public")),
    ],
)
def test_what_is_written_like_one_of_the_values_may_be_newer(value: str, known: tuple[str, ...]) -> None:
    assert may_be_newer(value, known)


@pytest.mark.parametrize(
    ("value", "known"),
    [
        ("m5.xlarge", TYPES),
        ("ml.m5.lrage", TYPES),
        ("ML.M5.XLARGE", TYPES),
        ("ml.m5", TYPES),
        ("ml.m5.xlarge.", TYPES),
        ("al2-ami-sagemaker-inference-gpu", AMIS),
        ("al2_ami_sagemaker_inference_gpu_2", AMIS),
        ("random", WORDS),
        ("RANDOMLY", WORDS),
        ("LEAST_OUTSTANDING", WORDS),
        ("Least outstanding", WORDS),
        ("", WORDS),
    ],
)
def test_what_resembles_a_value_or_none_of_them_is_misspelt(value: str, known: tuple[str, ...]) -> None:
    assert not may_be_newer(value, known)


@pytest.mark.parametrize("name", [name for name, shape in service().shapes.items() if len(shape.get("enum", ())) > 1])
def test_a_value_with_a_slip_is_never_taken_for_a_newer_one(name: str) -> None:
    known = service().shapes[name]["enum"]
    for value in (known[0] + "x", known[-1].swapcase(), known[-1][0] + known[-1]):
        assert value in known or not may_be_newer(value, known)
