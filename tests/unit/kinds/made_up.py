"""A kind that mmeplan doesn't have: SageMaker's Image, which is changed in place. And an account that holds some."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from mmeplan.errors import CloudError
from mmeplan.kinds import Kind, Lifecycle, LiveObject, register, unregister
from mmeplan.spec import schema, surface

ACCOUNT = "123456789012"


@dataclass(frozen=True, slots=True)
class LiveImage(LiveObject):
    """An Image that was looked for."""


IMAGE = Kind(
    name="image",
    noun="Image",
    lifecycle=Lifecycle.MUTABLE,
    live=LiveImage,
    section="images",
    doc="Logical name → image (CreateImage).",
    answer_only=frozenset({"ImageName", "ImageArn", "ImageStatus", "CreationTime", "LastModifiedTime"}),
    refusals={"conflict": "DEL-10"},
)


@contextmanager
def known(kind: Kind) -> Iterator[Kind]:
    """The kind is registered for the length of a test."""
    caches = (surface.fleet_surface, surface.fleet_validator, schema._built)
    register(kind)
    for cached in caches:
        cached.cache_clear()
    try:
        yield kind
    finally:
        unregister(kind)
        for cached in caches:
            cached.cache_clear()


class Account:
    """Reader and Writer over images alone. `calls` are the writes that were made; `denied` operations are refused."""

    def __init__(self) -> None:
        self.images: dict[str, dict[str, Any]] = {}
        self.tags: dict[str, dict[str, str]] = {}
        self.calls: list[str] = []
        self.denied: set[str] = set()

    def arn(self, name: str) -> str:
        return f"arn:aws:sagemaker:eu-west-1:{ACCOUNT}:image/{name}"

    def gather(self, calls: Sequence[tuple[str, Mapping[str, Any]]], progress: Any = None) -> list[Any]:
        return [self._answer(operation, params) for operation, params in calls]

    def _answer(self, operation: str, params: Mapping[str, Any]) -> Any:
        try:
            return self.read(operation, params)
        except CloudError as error:
            return error

    def read(self, operation: str, params: Mapping[str, Any]) -> dict[str, Any]:
        if operation in self.denied:
            raise CloudError(operation, "AccessDeniedException", "no")
        if operation == "GetCallerIdentity":
            return {"Account": ACCOUNT}
        if operation == "GetResources":
            found = ((self.arn(name), self.tags[self.arn(name)]) for name in self.images)
            mapping = [{"ResourceARN": arn, "Tags": pairs(tags)} for arn, tags in found if "mmeplan:fleet" in tags]
            return {"ResourceTagMappingList": mapping}
        if operation == "ListTags":
            return {"Tags": pairs(self.tags[params["ResourceArn"]])}
        if operation == "DescribeImage":
            return copy.deepcopy(self._image(params["ImageName"]))
        return {}

    def write(self, operation: str, params: Mapping[str, Any]) -> dict[str, Any]:
        self.calls.append(operation)
        if operation == "AddTags":
            self.tags[params["ResourceArn"]].update({tag["Key"]: tag["Value"] for tag in params["Tags"]})
        elif operation == "DeleteTags":
            for key in params["TagKeys"]:
                self.tags[params["ResourceArn"]].pop(key, None)
        elif operation == "CreateImage":
            name = params["ImageName"]
            if name in self.images:
                raise CloudError(operation, "ResourceInUse", "exists already")
            kept = {key: value for key, value in params.items() if key != "Tags"}
            self.images[name] = {**kept, "ImageArn": self.arn(name), "ImageStatus": "CREATED"}
            self.tags[self.arn(name)] = {tag["Key"]: tag["Value"] for tag in params["Tags"]}
        elif operation == "UpdateImage":
            self._image(params["ImageName"]).update(params)
        elif operation == "DeleteImage":
            self._image(params["ImageName"])
            del self.images[params["ImageName"]]
        else:
            raise AssertionError(operation)
        return {}

    def _image(self, name: str) -> dict[str, Any]:
        if name not in self.images:
            raise CloudError("DescribeImage", "ResourceNotFound", f"no image {name}")
        return self.images[name]


def pairs(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in sorted(tags.items())]
