"""The keys of fleet.yaml as one tree: the API's members, derived from botocore, and mmeplan's own beside them.

In: the installed botocore's service model. Out: `Node`s, and the types that pydantic-core enforces by them: an entry in
snake_case goes in, a request in API names comes out, or `Problem`s with paths. The type checks, the editor's JSON
Schema (`spec.schema`) and "did you mean" all read this one tree, so that they can't disagree.

A member that AWS adds arrives here with a botocore upgrade; nothing is typed by hand but the keys in `OWN_KEYS`.
Constraints beyond types (bounds, patterns, enums) are the rules' concern, so that each of them has its rule, its page
and its place in the plan.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Final, Literal

from pydantic_core import PydanticCustomError, SchemaValidator, ValidationError, core_schema

from mmeplan.aws import image_uris
from mmeplan.aws.shapes import ServiceModel, service, snake
from mmeplan.aws.variants import KEYED, REFERENCES
from mmeplan.kinds import ARTIFACTS, SCALABLE_TARGET, SCALING_POLICY, Kind, kind_named, kinds
from mmeplan.spec.document import FilePath
from mmeplan.spec.forms import form, under_a_name
from mmeplan.spec.hints import plain_value, unknown_key
from mmeplan.spec.options import COLORS, FORMATS

NodeKind = Literal["object", "named", "map", "list", "string", "text", "integer", "number", "boolean", "any", "either"]


@dataclass(frozen=True)
class Node:
    """One place of the language.

    `api` is the member name that the value gets in a request (own keys keep their own name). `shape` is the botocore
    shape, of `service`, that constrains it. `keys` are an object's, `item` is what a list, a map or a named mapping
    holds; `either` has two alternatives: a text and an object.
    """

    kind: NodeKind
    api: str = ""
    shape: str = ""
    doc: str = ""
    keys: dict[str, Node] = field(default_factory=dict)
    item: Node | None = None
    choices: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    service: str = "sagemaker"


def _own(kind: NodeKind, doc: str, *, item: Node | None = None, choices: tuple[str, ...] = ()) -> Node:
    return Node(kind, doc=doc, item=item, choices=choices)


_TEXT = Node("string")
NOT_FOR_VARIANTS: Final = ("RoleARN", "PredictiveScalingPolicyConfiguration")
"""Members of Application Auto Scaling's requests that SageMaker has no use for: it has a service-linked role, and
predictive scaling is ECS's alone. Source: botocore, RegisterScalableTarget and PutScalingPolicy.
"""
SCALED: Final = "ProductionVariants"
"""The variants that Application Auto Scaling may scale."""

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
    "allow_empty": _own(
        "boolean",
        "Beside for_each: it may give nothing, and then everything that was made of it is deleted. Without it a plan "
        "that would do so is refused.",
    ),
    "model": _own("string", "Logical name of an entry of `models`; becomes ModelName."),
    "model_override": _own("string", "Logical name of an entry of `models`; becomes ModelNameOverride."),
    "capacity": _own(
        "string",
        "Who owns the instance count, or a serverless variant's provisioned concurrency: `fixed`, the file's is law; "
        "`autoscaled`, somebody else's: never diffed, kept across swaps.",
        choices=("fixed", "autoscaled"),
    ),
}

IMAGE_KEYS: Final[dict[str, Node]] = {
    "framework": _own("string", "A framework whose image AWS publishes, such as pytorch; `mmeplan images` lists them."),
    "algorithm": _own("string", "A built-in algorithm, such as knn."),
    "version": _own("string", "The exact version, in quotes; `mmeplan images FRAMEWORK` lists them."),
    "py_version": _own("string", "The Python version, such as py312, where there are images of several."),
    "base_framework_version": _own("string", "What a huggingface image is built on, such as pytorch2.6.0."),
    "processor": _own(
        "string",
        "What the image is built for. Default: what the instance types of the variants have.",
        choices=image_uris.PROCESSORS,
    ),
}
"""An image by name, in the place of its address."""

INSIDE: Final[dict[str, Node]] = {
    "artifacts": Node(
        "object",
        doc=ARTIFACTS.doc,
        keys={
            "membership": _own(
                "string",
                "open (default): others may add keys beneath the prefix, too; closed: undeclared ones are findings.",
                choices=("open", "closed"),
            ),
            "for_each": _own(
                "any",
                "Which archives there are: {file: TABLE} with the columns key, source and version; a mapping key → "
                "source; or {glob: models/*}.",
            ),
            "source": _own(
                "string",
                "s3://BUCKET/KEY.tar.gz, a local .tar.gz, or a folder, which is packed. Default: the item's `source`.",
            ),
            "key": _own(
                "string",
                "The key beneath the prefix, which clients send as TargetModel, with each.key, source.digest8, "
                "source.digest and source.version. Default: {{ each.key }}/{{ source.digest8 }}.tar.gz.",
            ),
            "allow_empty": _own("boolean", "true: an empty for_each is meant, and the pointer may name nothing."),
            "publish": _own("string", "s3://BUCKET/KEY.json: where the pointer is written, logical key → TargetModel."),
            "keep": Node(
                "object",
                doc="What --prune-artifacts leaves of what isn't declared any more.",
                keys={
                    "generations": _own("integer", "Superseded archives of each logical key that stay. Default 1."),
                    "days": _own("number", "For so many days after it was superseded an archive stays. Default 7."),
                },
            ),
        },
    )
}
"""What is declared inside another's entry, by the key (`Kind.inside`)."""

_SINGLE_KEYS: Final = ("for_each", "allow_empty", "renamed_from", *INSIDE)
"""Keys that say something about one entry only: no defaults for them, and an inline config has none."""

_ENTRY_KEYS: Final = ("tags", "protect", "adopt", "allow", "on_remove", "renamed_from", "for_each", "allow_empty")
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


def autoscaling() -> Node:
    """What Application Auto Scaling does with a variant: RegisterScalableTarget's members, and its policies'."""
    builder = _Builder(service(SCALABLE_TARGET.service))
    own = {key: OWN_KEYS[key] for key in ("adopt", "allow")}

    def of(kind: Kind, doc: str) -> Node:
        drop = (*kind.identity_members, "Tags", *NOT_FOR_VARIANTS)
        node = builder._structure(str(builder.model.input_shape(kind.create_operation)), lambda name: name not in drop)
        return replace(node, shape="", required=(), doc=doc, keys={**own, **node.keys})

    def of_service(node: Node) -> Node:
        inner = {key: of_service(value) if key not in own else value for key, value in node.keys.items()}
        item = of_service(node.item) if node.item is not None else None
        return replace(node, service=SCALABLE_TARGET.service, keys=inner, item=item)

    target = of(SCALABLE_TARGET, "What Application Auto Scaling does with the variant's count: RegisterScalableTarget.")
    policies = Node(
        "map", doc="Policy name → PutScalingPolicy.", item=of(SCALING_POLICY, "A scaling policy: PutScalingPolicy.")
    )
    return of_service(replace(target, keys={**target.keys, "policies": policies}))


class _Builder:
    def __init__(self, model: ServiceModel) -> None:
        self.model = model

    def fleet(self) -> Node:
        declared = [kind for kind in kinds() if kind.section]
        entries = {kind.name: self.entry(kind) for kind in declared}
        shared = {
            kind: replace(node, keys={key: inner for key, inner in node.keys.items() if key not in _SINGLE_KEYS})
            for kind, node in entries.items()
        }
        defaults = Node(
            "object",
            doc="Merged under every entry of that kind; an entry's own value wins; mappings merge, lists replace.",
            keys={**shared, "tags": OWN_KEYS["tags"]},
        )
        keys = {
            **self.header(),
            "defaults": defaults,
            "retain": Node(
                "integer", doc="How many superseded config generations of an endpoint stay for a rollback. Default 1."
            ),
            "allow": OWN_KEYS["allow"],
            "ignore_tags": Node(
                "object",
                keys={
                    "keys": Node("list", doc="Tag keys that others own.", item=_TEXT),
                    "prefixes": Node("list", doc="What the tag keys of others begin with.", item=_TEXT),
                },
                doc="Tags that others put on the fleet's objects: never compared, changed, removed or called drift.",
            ),
            "quotas": Node(
                "any",
                doc="How many instances of a type the account may have for endpoints: {ml.m5.xlarge: 20}, or {file: "
                "NAME}. A plan whose rollout would need more is refused before anything starts.",
            ),
            "prices": Node(
                "any",
                doc="{file: NAME}, a file of `mmeplan prices`: plans say what the fleet costs a month on demand.",
            ),
            "policies": Node(
                "map",
                doc="What a plan must be like: CEL expressions over the plan document, each with a message.",
                item=_POLICY,
            ),
            **{kind.section: Node("map", doc=kind.doc, item=entries[kind.name]) for kind in declared},
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
        options = Node(
            "object",
            keys={
                "environment": Node("string", doc="The environment without -e."),
                "lock": Node("string", doc="s3://BUCKET/KEY: what apply and destroy hold without --lock."),
                "color": Node("string", doc="Whether colour is used.", choices=COLORS),
                "format": Node("string", doc="What is printed, by commands that have it.", choices=FORMATS),
                "parallelism": Node("integer", doc="How many endpoints an apply has under way at once."),
            },
            doc="Options of commands that neither the command line nor a variable MMEPLAN_… gives.",
        )
        return {
            "version": Node("integer", doc="Version of the fleet file's language: 1."),
            "fleet": Node("string", doc="Name of the fleet, [a-z0-9-]{1,40}; the value of the ownership tag."),
            "account": Node("string", doc="Refuse to plan or apply against another account. Twelve digits, in quotes."),
            "region": Node("string", doc="The region; or --region, or the AWS configuration chain."),
            "variables": Node("map", doc="Values for {{ … }}; --var and environments override them.", item=Node("any")),
            "environments": Node("map", doc="mmeplan plan -e NAME", item=environment),
            "options": options,
        }

    def entry(self, kind: Kind, leave_out: tuple[str, ...] = ()) -> Node:
        """An entry of a kind: mmeplan's own keys, the create's members, and those that only the update has."""
        keys = _VERSIONED_KEYS if kind.is_immutable else (*_ENTRY_KEYS, "name")
        drop = (*kind.identity_members, "Tags")
        node = self._structure(str(self.model.input_shape(kind.create_operation)), lambda member: member not in drop)
        own = {key: OWN_KEYS[key] for key in keys if key not in leave_out}
        update = (
            self._structure(str(self.model.input_shape(kind.update_operation)), lambda member: member not in drop)
            if kind.update_operation
            else node
        )
        inline = {key: self.inline(kind_named(name)) for key, name in kind.inline.items()}
        only_updates = {key: inner for key, inner in update.keys.items() if key not in node.keys}
        inside = {child.inside: INSIDE[child.inside] for child in kinds() if child.inside and child.parent == kind.name}
        return Node("object", keys={**own, **node.keys, **only_updates, **inline, **inside}, doc=node.doc)

    def inline(self, kind: Kind) -> Node:
        """An entry of a kind in the place where another refers to one."""
        return Node(
            "either",
            doc=kind.inline_doc,
            keys=self.entry(kind, leave_out=_SINGLE_KEYS).keys,
        )

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
        if shape == "ContainerImage":
            return Node("either", api=member, shape=shape, doc=doc, keys=IMAGE_KEYS)
        if member in KEYED:
            item_shape = self.model.shapes[shape]["member"]["shape"]
            name_member = KEYED[member]
            item = self._structure(item_shape, lambda inner: inner != name_member)
            if member == SCALED:
                item = replace(item, keys={**item.keys, "autoscaling": autoscaling()})
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
            item = Node("text", shape=value.shape) if shape == "EnvironmentMap" else value
            return Node("map", shape=shape, item=item)
        kinds: dict[str, NodeKind] = {
            "integer": "integer",
            "long": "integer",
            "float": "number",
            "double": "number",
            "boolean": "boolean",
        }
        return Node(kinds.get(kind, "string"), shape=shape)


# --- types, enforced by pydantic-core ---------------------------------------------------------------------------------


_SHOWN_CHARS = 60
_EXPECTED = {
    "string_type": "a string",
    "int_type": "an integer",
    "float_type": "a number",
    "bool_type": "true or false",
    "dict_type": "a mapping",
    "list_type": "a list",
    "finite_number": "a finite number",
}


@lru_cache(maxsize=1)
def fleet_validator() -> SchemaValidator:
    """Validates a whole fleet file, expressions evaluated and defaults merged."""
    return SchemaValidator(_schema(fleet_surface()))


def problems_of(error: ValidationError) -> Iterator[tuple[FilePath, str, str, Any]]:
    """(path, sentence, hint, value) for each thing that pydantic-core found wrong."""
    found = [(each, *_follow(each["loc"])) for each in error.errors(include_url=False, include_context=False)]
    outs: dict[FilePath, _OneLevelOut] = {}
    for each, path, holders, _ in found:
        if each["type"] == "dict_type" and _is_of_an_item(path, holders):
            out = outs.setdefault(path[:-1], _OneLevelOut(holders[-1][1], {}))
            out.members[str(path[-1])] = each["input"]
    for each, path, holders, node in found:
        out_path = next((at for at, out in outs.items() if path[: len(at)] == at and out.has(path[len(at) :])), None)
        if out_path is not None:
            yield from outs[out_path].told(out_path)
            continue
        sentence, hint = _sentence(each["type"], each["input"], path, holders, each["msg"])
        if not hint and node is not None and path and each["type"] in ("dict_type", "list_type"):
            hint = form(str(path[-1]), node, each["input"])
        yield path, sentence, hint, each["input"]


@dataclass(frozen=True, slots=True)
class _OneLevelOut:
    """Keys of an item that stand where the items' names belong: told once, with all that is wrong below them."""

    node: Node
    members: dict[str, Any]

    def has(self, below: FilePath) -> bool:
        """Whether a path below the mapping is one of these keys, or leads through one."""
        return bool(below) and self.node.item is not None and str(below[0]) in self.node.item.keys

    def told(self, path: FilePath) -> Iterator[tuple[FilePath, str, str, Any]]:
        """The one problem; nothing the second time."""
        if self.members:
            hint = f"write it under a name: `{under_a_name(str(path[-1]), self.node, self.members)}`"
            yield path, f"`{next(iter(self.members))}` stands where a name belongs", hint, None
            self.members.clear()


def _is_of_an_item(path: FilePath, holders: Sequence[tuple[str, Node]]) -> bool:
    """Whether a key is one of an item's where the items' names belong: a variant that is written one level out."""
    holder = holders[-1][1] if holders else None
    item = holder.item if holder is not None and holder.kind in ("named", "map") else None
    return item is not None and item.kind == "object" and str(path[-1]) in item.keys


def _sentence(
    kind: str, value: Any, path: FilePath, holders: Sequence[tuple[str, Node]], message: str
) -> tuple[str, str]:
    if kind == "extra_forbidden":
        return unknown_key(str(path[-1]), value, holders)
    if kind == "missing":
        return f"the key {path[-1]!r} is missing", ""
    if kind in _EXPECTED:
        hint = plain_value(str(path[-1]) if path else "", kind, value)
        if kind == "string_type" and isinstance(value, (int, float)):
            hint = f'put it in quotes: "{_spelled(value)}"'
        if kind == "string_type" and isinstance(value, dict) and "environment" in path[-2:-1]:
            hint = f"{path[-1]}: {{file: NAME}} takes the content of a file beside the fleet file"
        return f"expected {_EXPECTED[kind]}, got {_shown(value)}", hint
    return f"{message[:1].lower()}{message[1:]}", ""


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    text = _spelled(value)
    shown = text if len(text) <= _SHOWN_CHARS else text[: _SHOWN_CHARS - 1] + "…"
    if isinstance(value, bool):
        return shown
    kinds = ((int, "the integer "), (float, "the number "), (str, "the string "))
    return next((name for kind, name in kinds if isinstance(value, kind)), "") + shown


def _spelled(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _follow(loc: FilePath) -> tuple[FilePath, list[tuple[str, Node]], Node | None]:
    """The file path of an error's location; the nodes around it, the outermost first, each with the key of what is
    looked at in it; and the node of the value itself.
    """
    node: Node | None = fleet_surface()
    path: list[str | int] = []
    holders: list[tuple[str, Node]] = []
    for part in loc:
        if node is not None and node.kind == "either" and part in ("text", "config"):
            node = replace(node, kind="object")  # which of the two alternatives was tried is not part of the path
            continue
        if node is not None:
            holders.append((str(path[-1]) if path else "", node))
        path.append(part)
        node = node and (node.keys.get(str(part)) if node.kind == "object" else node.item)
    return tuple(path), holders, node


def _schema(node: Node) -> core_schema.CoreSchema:
    if node.kind == "object":
        return _object(node)
    if node.kind == "either":
        choices = {"text": core_schema.str_schema(strict=True), "config": _object(node)}
        other = "text" if node.shape else "config"  # what is expected of a value that is neither
        tags: dict[Any, str] = {str: "text", dict: "config"}
        return core_schema.tagged_union_schema(choices, lambda value: tags.get(type(value), other))
    if node.kind in ("map", "named"):
        assert node.item is not None
        return core_schema.dict_schema(core_schema.str_schema(strict=True), _nullable(node.item), strict=True)
    if node.kind == "list":
        assert node.item is not None
        return core_schema.list_schema(_schema(node.item), strict=True)
    plain = _PLAIN[node.kind]
    return core_schema.no_info_after_validator_function(_chooser(node.choices), plain) if node.choices else plain


def _object(node: Node) -> core_schema.CoreSchema:
    fields = {}
    for key, inner in node.keys.items():
        required = key in node.required and not node.shape  # the API's own `required` is a rule's concern
        fields[inner.api or key] = core_schema.typed_dict_field(
            _schema(inner) if required else _nullable(inner), required=required, validation_alias=key
        )
    return core_schema.typed_dict_schema(fields, extra_behavior="forbid", strict=True, config={"loc_by_alias": True})


def _nullable(node: Node) -> core_schema.CoreSchema:
    """Null, empty and absent are one in fleet.yaml, except for an environment value."""
    return _schema(node) if node.kind == "text" else core_schema.nullable_schema(_schema(node))


def _chooser(choices: tuple[str, ...]) -> Any:
    def check(value: str) -> str:
        if value not in choices:
            raise PydanticCustomError("choice", f"expected one of {', '.join(choices)}, got {value!r}")
        return value

    return check


def _environment_value(value: Any) -> Any:
    """People write numbers and booleans in environment maps; the API wants strings (docs/fleet-yaml.md)."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    return value


_PLAIN: Final[dict[NodeKind, core_schema.CoreSchema]] = {
    "text": core_schema.no_info_before_validator_function(_environment_value, core_schema.str_schema(strict=True)),
    "string": core_schema.str_schema(strict=True),
    "integer": core_schema.int_schema(strict=True),
    "number": core_schema.float_schema(strict=True, allow_inf_nan=False),
    "boolean": core_schema.bool_schema(strict=True),
    "any": core_schema.any_schema(),
}
