"""What every operation that takes tags refuses of them, beyond their shape."""

from __future__ import annotations

from typing import Final

from mmeplan.simulator.refusals.refusal import Asked, Found, Refusal, repeated

_RESERVED: Final = "aws:"


def doubled_keys(asked: Asked) -> Found:
    """tags of the same key"""
    for key in repeated(tag["Key"] for tag in asked.request.get("Tags", ())):
        yield {"key": key}


def reserved_keys(asked: Asked) -> Found:
    """a tag whose key begins with `aws:`, in any letter case"""
    for tag in asked.request.get("Tags", ()):
        if tag["Key"].lower().startswith(_RESERVED):
            yield {}


def of_tags(operation: str) -> tuple[Refusal, ...]:
    """What an operation refuses of its Tags."""
    return (
        Refusal(
            operation,
            doubled_keys,
            "Duplicate tag key",
            "sagemaker-python-sdk PR 3608, of CreateTrialComponent; botocore Tag.Key",
            observed=True,
        ),
        Refusal(
            operation,
            reserved_keys,
            "aws: prefixed tag key names are not allowed for external use.",
            "CloudFormation's and S3 Vectors' words (generative-ai-cdk-constructs issue 1328)",
        ),
    )


ADD_TAGS: Final = of_tags("AddTags")
