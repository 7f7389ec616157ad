"""What the model registry refuses, beyond the shapes."""

from __future__ import annotations

from functools import partial
from typing import Final

from mmeplan.simulator.refusals.refusal import Asked, Found, Refusal
from mmeplan.simulator.refusals.tags import of_tags


def both_names(asked: Asked) -> Found:
    """ModelPackageName beside ModelPackageGroupName"""
    if {"ModelPackageName", "ModelPackageGroupName"} <= asked.request.keys():
        yield {}


def no_name(asked: Asked) -> Found:
    """neither ModelPackageName nor ModelPackageGroupName"""
    if not {"ModelPackageName", "ModelPackageGroupName"} & asked.request.keys():
        yield {}


def tags_of_a_version(asked: Asked) -> Found:
    """tags of a version"""
    if "ModelPackageGroupName" in asked.request and asked.request.get("Tags"):
        yield {}


_refused = partial(Refusal, "CreateModelPackage")

CREATE_GROUP: Final = of_tags("CreateModelPackageGroup")
CREATE_PACKAGE: Final = (
    *of_tags("CreateModelPackage"),
    _refused(
        both_names,
        "Both ModelPackageName and ModelPackageGroupName are provided in the input. Cannot determine which one to use.",
        "moto PR 7165, which repeats the service's answer",
        observed=True,
    ),
    _refused(no_name, "Missing ARN.", "moto PR 7165, which repeats the service's answer", observed=True),
    _refused(
        tags_of_a_version,
        "Tags are not supported for a versioned model package, which uses those of its model package group.",
        'botocore CreateModelPackageInput.Tags: "you cannot supply a tag argument"',
    ),
)
