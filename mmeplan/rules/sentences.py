"""Violations of request shapes, said for people: what is wrong, and what is allowed.

In: a `Violation` and what the place is called in the file. Out: a sentence. Every bound comes from the violation, so
that no number of AWS's is written down a second time. Called by `rules.walking`.
"""

from __future__ import annotations

import difflib
from typing import Any, Final

from mmeplan.aws.constraints import Violation
from mmeplan.aws.shapes import snake

_SHOWN_VALUES: Final = 8  # an enum longer than this is not read by anybody: the closest value is named instead
_SHOWN_CHARACTERS: Final = 60

_NAME = "letters, digits, and hyphens between them"
_LOCATION = "s3://BUCKET/KEY, or an https address of S3"
_IN_WORDS: Final = {
    "AdditionalModelChannelName": "letters, digits, dots, hyphens and underscores",
    "AlarmName": "something other than blanks",
    "ContainerHostname": _NAME,
    "ContainerImage": "a registry path without blanks",
    "DestinationS3Uri": _LOCATION,
    "EndpointConfigName": _NAME,
    "EndpointName": _NAME,
    "EnvironmentKey": "letters, digits and underscores, and no digit first",
    "InferenceSpecificationName": _NAME,
    "KmsKeyId": "a key id, a key ARN, alias/NAME, or an alias ARN",
    "ModelName": _NAME,
    "RoleArn": "arn:aws:iam::ACCOUNT:role/NAME",
    "S3ModelUri": _LOCATION,
    "SecurityGroupId": "letters, digits and hyphens (sg-…)",
    "SnsTopicArn": "arn:aws:sns:REGION:ACCOUNT:TOPIC",
    "SubnetId": "letters, digits and hyphens (subnet-…)",
    "TagKey": "letters, digits, blanks and _ . : / = + - @",
    "TagValue": "letters, digits, blanks and _ . : / = + - @",
    "Url": _LOCATION,
    "VariantName": _NAME,
}
"""Shape → its pattern in words. A shape that is missing here is shown with its pattern."""


def sentence(violation: Violation, subject: str) -> str:
    """What is wrong with `subject` (how the file calls the place)."""
    value, bound = violation.value, violation.bound
    if violation.constraint == "required":
        return f"{subject} is missing; the API requires it"
    if violation.constraint == "unknown":
        return f"{subject} is not a member of {violation.shape}{_closest(str(violation.path[-1]), bound)}"
    if violation.constraint == "type":
        return f"{subject} is {shown(value)}, but the API takes a {bound}"
    if violation.constraint == "min":
        return f"{subject} is {shown(value)}, but the least the API takes is {bound}"
    if violation.constraint == "max":
        return f"{subject} is {shown(value)}, but the most the API takes is {bound}"
    if violation.constraint in ("min_length", "max_length"):
        return _length(violation, subject)
    if violation.constraint == "enum":
        return f"{subject} is {shown(value)}, which the API doesn't know{_choices(str(value), bound)}"
    return f"{subject} is {shown(value)}, but must be {_IN_WORDS.get(violation.shape) or f'of the form {bound}'}"


def shown(value: Any) -> str:
    """A value as a person would write it, shortened."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = repr(value) if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)
    return text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 1] + "…"


def _length(violation: Violation, subject: str) -> str:
    size = len(violation.value)
    unit = "character" if isinstance(violation.value, str) else "entry" if isinstance(violation.value, dict) else "item"
    units = {"character": "characters", "entry": "entries", "item": "items"}[unit] if size != 1 else unit
    side = "at least" if violation.constraint == "min_length" else "at most"
    has = f"is {size} {units} long" if unit == "character" else f"has {size} {units}"
    return f"{subject} {has}; the API takes {side} {violation.bound}"


def _choices(value: str, values: tuple[str, ...]) -> str:
    if len(values) <= _SHOWN_VALUES:
        return f"; one of {', '.join(values)}"
    return _closest(value, values) or f"; there are {len(values)} values"


def _closest(value: str, values: tuple[str, ...]) -> str:
    folded = {candidate.casefold(): candidate for candidate in values}
    longer = [candidate for candidate in folded if candidate.endswith("." + value.casefold())]  # m5.xlarge: no `ml.`
    close = longer or difflib.get_close_matches(value.casefold(), list(folded), n=1, cutoff=0.6)
    return f"; did you mean {folded[close[0]]}?" if close else ""


def member_name(member: object) -> str:
    """An API member as the file spells it."""
    return snake(str(member))
