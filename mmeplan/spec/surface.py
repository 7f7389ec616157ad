"""The keys of fleet.yaml as one tree: the API's members, derived from botocore, and mmeplan's own beside them.

In: the installed botocore's service model. Out: `Node`s. The loader's type checks (`spec.validation`), the editor's
JSON Schema (`spec.schema`) and "did you mean" all read this one tree, so that they can't disagree.

A member that AWS adds arrives here with a botocore upgrade; nothing is typed by hand but the keys in `OWN_KEYS`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Final, Literal

from mmeplan.aws.shapes import ServiceModel, service, snake
from mmeplan.aws.variants import KEYED, REFERENCES

Kind = Literal["object", "named", "map", "list", "string", "text", "integer", "number", "boolean", "any", "either"]


@dataclass(frozen=True)
class Node:
    """One place of the language.

    `api` is the member name that the value gets in a request (own keys keep their own name). `shape` is the botocore
    shape that constrains it. `keys` are an object's, `item` is what a list, a map or a named mapping holds; `either`
    has two alternatives: a text and an object.
    """

    kind: Kind
    api: str = ""
    shape: str = ""
    doc: str = ""
    keys: dict[str, Node] = field(default_factory=dict)
    item: Node | None = None
    choices: tuple[str, ...] = ()
    required: tuple[str, ...] = ()


def _without(node: Node, keys: tuple[str, ...]) -> Node:
    return replace(node, keys={key: inner for key, inner in node.keys.items() if key not in keys})


def _own(kind: Kind, doc: str, *, item: Node | None = None, choices: tuple[str, ...] = ()) -> Node:
    return Node(kind, doc=doc, item=item, choices=choices)


_TEXT = Node("string")
OWN_KEYS: Final[dict[str, Node]] = {
    "name": _own(
        "string",
        "Pins the physical name. Default: an endpoint has its logical name, a model or config NAME-DIGEST8. "
        "New content under a pinned model or config name is refused, never silently ignored.",
    ),
    "tags": _own(
        "map",
        "Tags, merged with the fleet's; the most specific wins. A tag edit never rolls anything.",
        item=_TEXT,
    ),
    "protect": _own("boolean", "Refuse every plan that would delete this, or recreate it with an outage."),
    "adopt": _own("boolean", "Take an existing live object of this name under management."),
    "allow": _own("map", "RULE-ID: reason. Lowers that finding to a note, here only.", item=_TEXT),
    "on_remove": _own("string", "What happens when the entry leaves the file.", choices=("delete", "retain")),
    "renamed_from": _own("string", "The logical name this entry had: the address moves, nothing is recreated."),
    "replace_salt": _own("string", "Any text; changes the digest, so that a fresh object is rolled out."),
    "for_each": _own(
        "any",
        "A list or a mapping (inline, an expression, or {file: NAME}): one entry per item, with each.key and "
        "each.value.",
    ),
    "model": _own("string", "Logical name of an entry of `models`; becomes ModelName."),
    "model_override": _own("string", "Logical name of an entry of `models`; becomes ModelNameOverride."),
    "capacity": _own(
        "string",
        "Who owns the instance count: `fixed`, the file's count is law; `autoscaled`, somebody else's: never diffed, "
        "kept across swaps.",
        choices=("fixed", "autoscaled"),
    ),
}

_SINGLE_KEYS: Final = ("for_each", "renamed_from")
"""Keys that say something about one entry only: no defaults for them, and an inline config has none."""

_ENTRY_KEYS: Final = ("tags", "protect", "adopt", "allow", "on_remove", "renamed_from", "for_each")
_VERSIONED_KEYS: Final = (*_ENTRY_KEYS, "name", "replace_salt")


@lru_cache(maxsize=1)
def fleet_surface() -> Node:
    """The root of the language: every key of a fleet file."""
    return _Builder(service()).fleet()


_POLICY: Final = Node(
    "object",
    keys={
        "each": Node(
            "string",
            doc="Ask of each change or step, as `change` or `step`; of the whole plan where it is left out.",
            choices=("changes", "steps"),
        ),
        "expression": Node("string", doc="CEL: what must be true. It may use `plan`, and `change` or `step`."),
        "message": Node("string", doc="What a person reads where it isn't true, and why it must be."),
        "severity": Node("string", doc="error (default) refuses the plan.", choices=("error", "warning")),
    },
    required=("expression", "message"),
)


class _Builder:
    def __init__(self, model: ServiceModel) -> None:
        self.model = model

    def fleet(self) -> Node:
        entries = {
            "model": self.entry_model(),
            "endpoint_config": self.entry_config(),
            "endpoint": self.entry_endpoint(),
        }
        defaults = Node(
            "object",
            doc="Merged under every entry of that kind; an entry's own value wins; mappings merge, lists replace.",
            keys={**{kind: _without(node, _SINGLE_KEYS) for kind, node in entries.items()}, "tags": OWN_KEYS["tags"]},
        )
        sections = {
            "models": ("model", "Logical name → model (CreateModel)."),
            "endpoint_configs": (
                "endpoint_config",
                "Configs that several endpoints share; an endpoint then says `config: NAME`.",
            ),
            "endpoints": ("endpoint", "Logical name → endpoint (CreateEndpoint)."),
        }
        keys = {
            **self.header(),
            "defaults": defaults,
            "retain": Node(
                "integer", doc="How many superseded config generations of an endpoint stay for a rollback. Default 1."
            ),
            "allow": OWN_KEYS["allow"],
            "quotas": Node(
                "any",
                doc="How many instances of a type the account may have for endpoints: {ml.m5.xlarge: 20}, or {file: "
                "NAME}. A plan whose rollout would need more is refused before anything starts.",
            ),
            "policies": Node(
                "map",
                doc="What a plan must be like: CEL expressions over the plan document, each with a message.",
                item=_POLICY,
            ),
            **{key: Node("map", doc=doc, item=entries[kind]) for key, (kind, doc) in sections.items()},
        }
        return Node("object", keys=keys, required=("version", "fleet"))

    def header(self) -> dict[str, Node]:
        """What stands above the entries: whose fleet this is, and the values that it is written in terms of."""
        environment = Node(
            "object",
            keys={
                "account": Node("string", doc="The account that this environment is bound to."),
                "region": Node("string", doc="The region of this environment."),
                "variables": Node("map", doc="Values that override the fleet's variables.", item=Node("any")),
            },
        )
        return {
            "version": Node("integer", doc="Version of the fleet file's language: 1."),
            "fleet": Node("string", doc="Name of the fleet, [a-z0-9-]{1,40}; the value of the ownership tag."),
            "account": Node("string", doc="Refuse to plan or apply against another account. Twelve digits, in quotes."),
            "region": Node("string", doc="The region; or --region, or the AWS configuration chain."),
            "variables": Node("map", doc="Values for {{ … }}; --var and environments override them.", item=Node("any")),
            "environments": Node("map", doc="mmeplan plan -e NAME", item=environment),
        }

    def entry_model(self) -> Node:
        return self._entry("CreateModel", drop=("ModelName", "Tags"), own=_VERSIONED_KEYS)

    def entry_config(self, own: tuple[str, ...] = _VERSIONED_KEYS) -> Node:
        return self._entry("CreateEndpointConfig", drop=("EndpointConfigName", "Tags"), own=own)

    def entry_endpoint(self) -> Node:
        node = self._entry("CreateEndpoint", drop=("EndpointName", "Tags"), own=(*_ENTRY_KEYS, "name"))
        updates = self._structure(str(self.model.input_shape("UpdateEndpoint")), lambda _: True)
        only_updates = {
            key: inner for key, inner in updates.keys.items() if key not in node.keys and key != "endpoint_name"
        }
        inline = self.entry_config(own=tuple(key for key in _VERSIONED_KEYS if key not in _SINGLE_KEYS))
        config = Node(
            "either",
            doc="The endpoint's configuration: written inline, or the logical name of an entry of `endpoint_configs`.",
            keys=inline.keys,
        )
        return Node("object", keys={**node.keys, **only_updates, "config": config}, doc=node.doc)

    def _entry(self, operation: str, *, drop: tuple[str, ...], own: tuple[str, ...]) -> Node:
        node = self._structure(str(self.model.input_shape(operation)), lambda member: member not in drop)
        return Node("object", keys={**{key: OWN_KEYS[key] for key in own}, **node.keys}, doc=node.doc)

    def _structure(self, shape: str, wanted: Callable[[str], bool]) -> Node:
        description = self.model.shapes[shape]
        members = description.get("members", {})
        keys: dict[str, Node] = {}
        for member, ref in members.items():
            if not wanted(member):
                continue
            keys[snake(member)] = self._member(member, ref)
            if member in REFERENCES:
                keys[REFERENCES[member]] = OWN_KEYS[REFERENCES[member]]
        if "VariantName" in members and "InitialInstanceCount" in members:
            keys["capacity"] = OWN_KEYS["capacity"]
        required = tuple(snake(member) for member in description.get("required", ()) if wanted(member))
        return Node("object", shape=shape, doc=description.get("documentation", ""), keys=keys, required=required)

    def _member(self, member: str, ref: dict[str, str]) -> Node:
        shape = ref["shape"]
        doc = ref.get("documentation") or self.model.shapes[shape].get("documentation", "")
        if member in KEYED:
            item_shape = self.model.shapes[shape]["member"]["shape"]
            name_member = KEYED[member]
            item = self._structure(item_shape, lambda inner: inner != name_member)
            return Node("named", api=member, shape=shape, doc=doc, item=item)
        return replace(self._shape(shape), api=member, shape=shape, doc=doc)

    def _shape(self, shape: str) -> Node:
        kind = self.model.shapes[shape]["type"]
        if kind == "structure":
            return self._structure(shape, lambda _: True)
        if kind == "list":
            return Node("list", shape=shape, item=self._shape(self.model.shapes[shape]["member"]["shape"]))
        if kind == "map":
            value = self._shape(self.model.shapes[shape]["value"]["shape"])
            if shape == "EnvironmentMap":
                value = Node("text", shape=value.shape)
            return Node("map", shape=shape, item=value)
        kinds: dict[str, Kind] = {
            "integer": "integer",
            "long": "integer",
            "float": "number",
            "double": "number",
            "boolean": "boolean",
        }
        return Node(kinds.get(kind, "string"), shape=shape)
