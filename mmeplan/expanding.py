"""`mmeplan expand`: a loaded fleet in the words of a fleet file, without defaults, expressions and `for_each`.

In: a `Fleet`. Out: a document of plain values; loaded in the same environment it gives the same graph. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from mmeplan.errors import InputError, Problem
from mmeplan.importing.drafting import UnwritableError, dumped, literal, worded
from mmeplan.kinds import kinds
from mmeplan.kinds.artifacts import DIGEST, DIGEST8, VERSION, Declared
from mmeplan.masks import mask_of
from mmeplan.spec import Entry, Fleet, Policy
from mmeplan.spec.loading import LANGUAGE_VERSION
from mmeplan.spec.surface import Node, fleet_surface

MASKED: Final = "environment values are masked, so this can't be applied (--show-environment)"
_OWN: Final = ("protect", "adopt", "renamed_from", "replace_salt")


def expanded(fleet: Fleet, options: Mapping[str, Any], *, show_environment: bool) -> dict[str, Any]:
    """The document of this fleet. `options` are those of its file.

    Files of items, contents and quotas are written out; `prices` still names its file. Raises InputError where a text
    can't be written: more than 10,000 characters with `{{` in it.
    """
    try:
        made = {**_head(fleet, options), **_sections(fleet)}
    except UnwritableError as error:
        raise InputError([Problem(str(error), fleet.source_map.file)]) from None
    if not show_environment:  # and `load` refuses a file with masks
        _mask(made, "".join(source.sha256 for source in fleet.sources))
    return made


def yaml_of(document: Mapping[str, Any], *, show_environment: bool) -> str:
    """The document as a fleet file."""
    head = "# Written by `mmeplan expand`"
    return (f"{head}.\n" if show_environment else f"{head}:\n# {MASKED}.\n") + dumped(document)


def _head(fleet: Fleet, options: Mapping[str, Any]) -> dict[str, Any]:
    ignored = {"keys": sorted(fleet.ignore_tags.keys), "prefixes": list(fleet.ignore_tags.prefixes)}
    head: dict[str, Any] = {
        "fleet": fleet.name,
        "account": fleet.account,
        "region": fleet.region,
        "environments": {fleet.environment: {}} if fleet.environment else {},
        "options": dict(options),
        "allow": _texts(fleet.allow),
        "ignore_tags": {key: texts for key, texts in ignored.items() if texts},
        "quotas": {name: quota.instances for name, quota in fleet.quotas.items()},
        "prices": {"file": fleet.prices.source} if fleet.prices else {},
        "policies": {policy.name: _policy(policy) for policy in fleet.policies},
    }
    return {"version": LANGUAGE_VERSION, **{key: value for key, value in head.items() if value}, "retain": fleet.retain}


def _policy(policy: Policy) -> dict[str, Any]:
    said = {
        "each": policy.each,
        "expression": policy.expression,
        "message": policy.message,
        "severity": policy.severity,
    }
    return {key: literal(text) for key, text in said.items() if text}


def _sections(fleet: Fleet) -> dict[str, Any]:
    keys = fleet_surface().keys
    return {
        kind.section: {name: _entry(entry, keys[kind.section].item or Node("any")) for name, entry in entries.items()}
        for kind in kinds()
        if (entries := fleet.entries(kind))
    }


def _mask(document: Mapping[str, Any], salt: str) -> None:
    for model in document.get("models", {}).values():
        for container in (model.get("primary_container", {}), *model.get("containers", ())):
            if environment := container.get("environment"):
                container["environment"] = {key: mask_of(salt, text) for key, text in environment.items()}


def _entry(entry: Entry, node: Node) -> dict[str, Any]:
    own = {
        "name": entry.pinned_name,
        **{key: getattr(entry, key) for key in _OWN},
        "on_remove": entry.on_remove if entry.on_remove != "delete" else None,
    }
    made = {key: literal(value) for key, value in own.items() if value}
    made |= {key: _texts(value) for key, value in (("tags", entry.tags), ("allow", entry.allow)) if value}
    if isinstance(entry.config, Entry):
        made["config"] = _entry(entry.config, node.keys["config"])
    elif entry.config is not None:
        made["config"] = entry.config
    made.update(worded(entry.request, node, lambda _: None))
    if entry.artifacts is not None:
        made["artifacts"] = _artifacts(entry.artifacts)
    return made


_HOLES: Final = {DIGEST: "<digest>", DIGEST8: "<digest8>", VERSION: "<version>"}
_KEY: Final = (
    "{{ each.value.form | replace('<digest>', source.digest) | replace('<digest8>', source.digest8)"
    " | replace('<version>', each.value.version) }}"
)


def _artifacts(declared: Declared) -> dict[str, Any]:
    """The archives with their sources; the form of each key has marks where digest and version stand."""
    items = {}
    for one in declared.archives:
        form = one.form
        for hole, mark in _HOLES.items():
            form = form.replace(hole, mark)
        items[one.name] = {"source": literal(one.source), "version": literal(one.version), "form": literal(form)}
    made: dict[str, Any] = {"for_each": items, "key": _KEY}
    made |= {"publish": literal(f"s3://{'/'.join(declared.publish)}")} if declared.publish[0] else {}
    made |= {"membership": "closed"} if declared.closed else {}
    made |= {"allow_empty": True} if declared.allow_empty else {}
    return {**made, "keep": {"generations": declared.generations, "days": declared.days}}


def _texts(values: Mapping[str, str]) -> dict[str, Any]:
    return {key: literal(text) for key, text in values.items()}
