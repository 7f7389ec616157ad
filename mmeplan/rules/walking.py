"""Requests held against botocore's shapes: every required member, type, bound, pattern and enum, each under its rule.

In: a compiled resource. Out: `(rule id, path, message)`. Which rule a violation belongs to, the rules say; the
constraints themselves are read from the installed botocore (`mmeplan.aws.constraints`), so a member or a bound that AWS
changes arrives with a botocore upgrade, under `API-01` where no rule names its shape.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from typing import Any, Final

from mmeplan.aws.constraints import Violation, violations
from mmeplan.aws.newer import botocore_version, may_be_newer
from mmeplan.aws.shapes import ServiceModel, service, snake
from mmeplan.aws.variants import KEYED
from mmeplan.history import HISTORY_TAGS
from mmeplan.kinds import kind_named, kinds
from mmeplan.kinds.resource import ApiPath, Resource
from mmeplan.rules.registry import ALL_RULES

UNNAMED: Final = "API-01"
"""The rule of every constraint whose shape no other rule names."""
NEWER: Final = "API-02"
"""The rule of values that the installed botocore may be too old for."""

SAGEMAKER: Final = service().name

SHAPES: Final = {shape: rule.id for rule in ALL_RULES for shape in rule.constraints.shapes}
PLACES: Final = {place: rule.id for rule in ALL_RULES for place in rule.constraints.places}
MISSING: Final = {place: rule.id for rule in ALL_RULES for place in rule.constraints.missing}
HOLDERS: Final = {member: rule.id for rule in ALL_RULES for member in rule.constraints.beneath}
"""Which rule stands for a constraint: what the rules themselves say (`Rule.constraints`)."""

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

ShapeHit = tuple[str, ApiPath, str, str]
"""Rule, place, message, and advice in the place of the rule's own; empty where that is good."""


class Walk:
    """One check's walk over its resources; tags that many resources share are looked at once."""

    def __init__(self, model: ServiceModel | None = None) -> None:
        self._model = model or service()
        described = [kind for kind in kinds() if not kind.is_gathered]
        self._models = {
            kind.name: self._model if kind.service == SAGEMAKER else service(kind.service) for kind in described
        }
        self._shapes = {
            kind.name: self._models[kind.name].input_shape(kind.create_operation) or "" for kind in described
        }
        self._update_shape = self._model.input_shape("UpdateEndpoint") or ""
        self._tags: dict[tuple[str, str, bool, tuple[tuple[str, str], ...]], list[Violation]] = {}

    def hits(self, resource: Resource) -> Iterable[ShapeHit]:
        """Every constraint that the resource's requests break."""
        found = violations(self._models[resource.kind], self._shapes[resource.kind], resource.request)
        if resource.update_options:
            found = [*found, *self._of_update(resource)]
        tagged = self._of_tags(resource)
        if not found and not tagged:
            return ()
        return self._hits(resource, found, tagged)

    def _of_update(self, resource: Resource) -> list[Violation]:
        """What only UpdateEndpoint takes, held against its own shape."""
        names = {name: resource.request.get(name, "") for name in ("EndpointName", "EndpointConfigName")}
        request = {**names, **resource.update_options}
        return [
            violation
            for violation in violations(self._model, self._update_shape, request)
            if violation.path[0] not in names
        ]

    def _of_tags(self, resource: Resource) -> list[Violation]:
        entry = resource.entry
        key = (resource.kind, entry.on_remove, entry.protect, tuple(entry.tags.items()))
        if key not in self._tags:
            own = dict.fromkeys(HISTORY_TAGS, "") if resource.kind == "endpoint" else {}
            tags = [{"Key": name, "Value": value} for name, value in {**resource.tags, **own}.items()]
            self._tags[key] = violations(self._model, "TagList", tags)
        return self._tags[key]

    def _hits(self, resource: Resource, found: list[Violation], tagged: list[Violation]) -> Iterator[ShapeHit]:
        said: dict[tuple[str, ApiPath], list[str]] = {}
        advice: dict[tuple[str, ApiPath], str] = {}
        inside = {reference.path for reference in resource.references if reference.address is not None}
        of_wrong_length: set[ApiPath] = set()
        for violation in found:
            path = _path(resource, violation)
            if violation.constraint in ("min_length", "max_length"):
                of_wrong_length.add(violation.path)
            elif violation.constraint == "pattern" and violation.path in of_wrong_length:
                continue  # the pattern repeats the length
            if path not in inside:  # the fleet's own object reports its own name
                place = path[:-1] if violation.constraint == "required" else path
                message = sentence(violation, _subject(resource, violation, path))
                said.setdefault((rule_of(violation), place), []).append(message)
                advice[rule_of(violation), place] = _advice(violation)
        keys = list(resource.tags) if tagged else []
        for violation in tagged:
            index = violation.path[0] if violation.path else None
            place = ("tags", keys[index]) if isinstance(index, int) else ("tags",)
            subject = f"the tag {place[1]!r}" if len(place) > 1 else "the list of tags, mmeplan's own included,"
            said.setdefault((rule_of(violation), place), []).append(sentence(violation, subject))
        for (rule, place), messages in said.items():
            yield rule, place, "; ".join(messages), advice.get((rule, place), "")


def rule_of(violation: Violation) -> str:
    """The id of the rule that a violation belongs to."""
    if _may_be_newer(violation):
        return NEWER
    members = [part for part in violation.path if isinstance(part, str)]
    place = (members[-2] if len(members) > 1 else "", members[-1] if members else "")
    if violation.constraint == "required" and place in MISSING:
        return MISSING[place]
    named = PLACES.get(place) or SHAPES.get(violation.shape)
    return named or next((HOLDERS[member] for member in reversed(members) if member in HOLDERS), UNNAMED)


def _path(resource: Resource, violation: Violation) -> ApiPath:
    """The violation's path with variants by name in the place of their index."""
    path = violation.path
    if len(path) > 1 and path[0] in KEYED and isinstance(path[1], int):
        variant: dict[str, Any] = resource.request[path[0]][path[1]]
        path = (path[0], variant[KEYED[path[0]]], *path[2:])
    return path


def _subject(resource: Resource, violation: Violation, path: ApiPath) -> str:
    """What the file calls the place; a physical name that mmeplan derived is told by the entry's name."""
    if path == (kind_named(resource.kind).name_member,):
        kind = resource.kind.replace("_", " ")
        if resource.entry.pinned_name is not None:
            return f"the {kind}'s pinned name"
        return f"the {kind}'s name, taken from its entry's name {resource.name!r},"
    if path[-1] == "VariantName":
        return "the variant's name"
    if "Environment" in path[:-1]:
        return "the environment's key" if violation.shape == "EnvironmentKey" else f"the value of {path[-1]}"
    if isinstance(path[-1], int):
        return f"item {path[-1] + 1} of {snake(str(path[-2]))}"
    return f"`{snake(str(path[-1]))}`"


def sentence(violation: Violation, subject: str) -> str:
    """What is wrong with `subject` (how the file calls the place)."""
    value, bound = violation.value, violation.bound
    if violation.constraint == "required":
        return f"{subject} is missing; the API requires it{_takes(violation.shape)}"
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
    if _may_be_newer(violation):
        known = f"; it knows {', '.join(bound)}" if len(bound) <= _SHOWN_VALUES else ""
        return f"{subject} is {shown(value)}, which botocore {botocore_version()} doesn't know{known}"
    if violation.constraint == "enum":
        return f"{subject} is {shown(value)}, which the API doesn't know{_choices(str(value), bound)}"
    return f"{subject} is {shown(value)}, but must be {_IN_WORDS.get(violation.shape) or f'of the form {bound}'}"


def _may_be_newer(violation: Violation) -> bool:
    return violation.constraint == "enum" and may_be_newer(str(violation.value), violation.bound)


def _takes(shape: str) -> str:
    """What the API takes of a shape, in words: bounds, values, form, members; empty where anything goes."""
    facts = service().shapes.get(shape, {})
    least, most = facts.get("min"), facts.get("max")
    if facts.get("enum"):
        values = facts["enum"]
        return f": one of {', '.join(values)}" if len(values) <= _SHOWN_VALUES else f", such as {values[0]}"
    if facts.get("type") in ("integer", "long", "float", "double"):
        bounds = [f"from {least}"] * (least is not None) + [f"to {most}"] * (most is not None)
        return f": a number {' '.join(bounds)}".rstrip()
    if facts.get("type") == "structure" and facts.get("required"):
        return f", with {', '.join(f'`{snake(member)}`' for member in facts['required'])}"
    if facts.get("type") == "list":
        return f": a list of at least {least or 1}"
    words = _IN_WORDS.get(shape)
    return f": {words}" if words else ""


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


def _advice(violation: Violation) -> str:
    """What to write for a value that the API doesn't know: the rule's own advice may be about another member."""
    if violation.constraint != "enum" or len(violation.bound) > _SHOWN_VALUES:
        return ""
    meant = _closest_value(str(violation.value), violation.bound)
    key = next((snake(part) for part in reversed(violation.path) if isinstance(part, str)), "")
    return f"Write `{key}: {meant}`." if meant else "Write one of these values."


def _choices(value: str, values: tuple[str, ...]) -> str:
    if len(values) <= _SHOWN_VALUES:
        return f"; one of {', '.join(values)}{_closest(value, values)}"
    return _closest(value, values) or f"; there are {len(values)} values, such as {values[0]}"


def _closest(value: str, values: tuple[str, ...]) -> str:
    close = _closest_value(value, values)
    return f"; did you mean {close}?" if close else ""


def _closest_value(value: str, values: tuple[str, ...]) -> str:
    folded = {candidate.casefold(): candidate for candidate in values}
    longer = [candidate for candidate in folded if candidate.endswith("." + value.casefold())]  # m5.xlarge: no `ml.`
    close = longer or difflib.get_close_matches(value.casefold(), list(folded), n=1, cutoff=0.6)
    return folded[close[0]] if close else ""
