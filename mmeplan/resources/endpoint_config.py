"""The EndpointConfig: its request with model names resolved, its identity, and its Describe answer made comparable."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from mmeplan.resources.base import ApiPath, Reference, Resource
from mmeplan.resources.canonical import KEYED, Canonical, canonical
from mmeplan.resources.identity import address, digest, physical_name
from mmeplan.spec import Entry

_ANSWER_ONLY: Final = frozenset({"EndpointConfigName", "EndpointConfigArn", "CreationTime", "ResponseMetadata", "Tags"})

ResolveModel = Callable[[str, ApiPath], str | None]
"""Logical name of a model, and where it stands → the model's physical name; None where there is none."""


def compile_endpoint_config(
    entry: Entry, fleet: str, resolve: ResolveModel, *, base_name: str | None = None, salt: str | None = None
) -> Resource:
    """The desired EndpointConfig of an entry. `base_name` is what its physical name begins with."""
    references: list[Reference] = []
    request = dict(entry.request)
    autoscaled: set[str] = set()
    for member in KEYED:
        if member in request:
            variants = []
            for name in sorted(request[member]):
                variant = request[member][name] or {}
                variants.append(_variant(variant, (member, name), resolve, references))
                if variant.get("capacity") == "autoscaled":
                    autoscaled.add(name)
            request[member] = variants
    content = canonical(request)
    content_digest = digest("endpoint_config", content, salt or entry.replace_salt)
    name = entry.pinned_name or physical_name(base_name or entry.renamed_from or entry.name, content_digest)
    at = address("endpoint_config", entry.name)
    return Resource(
        address=at,
        kind="endpoint_config",
        name=entry.name,
        physical_name=name,
        entry=entry,
        request={"EndpointConfigName": name, **request},
        fleet=fleet,
        references=tuple(references),
        content=content,
        digest=content_digest,
        autoscaled=frozenset(autoscaled),
    )


def _variant(
    variant: dict[str, Any], path: ApiPath, resolve: ResolveModel, references: list[Reference]
) -> dict[str, Any]:
    made = _resolved(variant, path, "model", "ModelName", resolve, references)
    if made.get("InstancePools"):
        made["InstancePools"] = [
            _resolved(pool, (*path, "InstancePools", index), "model_override", "ModelNameOverride", resolve, references)
            for index, pool in enumerate(made["InstancePools"])
        ]
    return {"VariantName": path[-1], **made}


def _resolved(
    holder: dict[str, Any], path: ApiPath, key: str, member: str, resolve: ResolveModel, references: list[Reference]
) -> dict[str, Any]:
    """`holder` without mmeplan's own keys, its logical reference resolved into the API's member."""
    made = {name: value for name, value in holder.items() if not name[:1].islower() and value is not None}
    logical = holder.get(key)
    if logical is not None:
        name = resolve(logical, (*path, key))
        if name is not None:
            made[member] = name
            references.append(Reference((*path, member), "model", name, address("model", logical)))
    elif made.get(member):
        references.append(Reference((*path, member), "model", made[member], None))
    return made


def live_endpoint_config(describe: dict[str, Any]) -> Canonical:
    """What DescribeEndpointConfig answered, as a canonical request."""
    return canonical({member: value for member, value in describe.items() if member not in _ANSWER_ONLY})


def aligned_config(desired: Canonical, live: Canonical) -> Canonical:
    """`live` without what the service filled in by itself because `desired` left it open (a volume size)."""
    made = dict(live)
    for member in KEYED:
        if member not in live:
            continue
        variants = dict(live[member])
        for name, variant in variants.items():
            wanted = desired.get(member, {}).get(name, {})
            if "VolumeSizeInGB" in variant and "VolumeSizeInGB" not in wanted:
                variants[name] = {key: value for key, value in variant.items() if key != "VolumeSizeInGB"}
        made[member] = variants
    return made
