"""The JSON Schema (draft 2020-12) of fleet.yaml: what an editor completes, documents and checks while one types.

In: `spec.surface` (which keys there are) and botocore's shapes (which values they take, and what is said of them).
Out: `fleet_schema()`, with one `$defs` entry per shape. `mmeplan schema` prints it; specs/fleet.schema.json is a copy:

    python -m mmeplan.spec.schema --write     make the copy anew
    python -m mmeplan.spec.schema --check     exit 1 where the copy is not what would be written

Bounds, patterns and enums of the API, which the loader leaves to the rules, are in it, so that they show while typing.
A text with an expression in it is accepted in the place of every value below an entry.
"""

from __future__ import annotations

import html
import json
import re
import sys
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import botocore

from mmeplan.aws import image_uris
from mmeplan.aws.shapes import service
from mmeplan.aws.variants import KEYED
from mmeplan.kinds import kinds
from mmeplan.spec.for_each import FILE_TYPES
from mmeplan.spec.loading import ACCOUNT, FLEET_NAME, LANGUAGE_VERSION, LOGICAL_NAME, MAX_LOGICAL_NAME, VARIABLE_NAME
from mmeplan.spec.options import MOST_PARALLEL
from mmeplan.spec.policies import POLICY_NAME
from mmeplan.spec.quotas import INSTANCE_TYPE
from mmeplan.spec.surface import IMAGE_KEYS, INSIDE, Node, fleet_surface

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
CHECKED_IN: Final = Path(__file__).parents[2] / "specs" / "fleet.schema.json"
MAX_DOC: Final = 600  # characters of a description: what a hover window shows

Schema = dict[str, Any]

_EXPRESSION: Final = {"$ref": "#/$defs/expression"}
_EXPRESSION_PATTERN: Final = r"\{\{"
_JSON_TYPES: Final = {"integer": "integer", "number": "number", "boolean": "boolean", "string": "string"}
_JAVA_ONLY: Final = re.compile(r"\\[pPQEAzZG]|\[\[:|\(\?[a-zA-Z>]|[*+?}]\+|&&")
_NEEDLESS_ESCAPE: Final = re.compile(r"\\([/\-_:=@ ])")


@lru_cache(maxsize=1)
def _built() -> str:
    return json.dumps(_Builder().fleet(), ensure_ascii=False)


def fleet_schema() -> Schema:
    """The JSON Schema of fleet.yaml. The same botocore gives the same bytes."""
    made: Schema = json.loads(_built())
    return made


def description(doc: str) -> str:
    """botocore's HTML as one line of plain text, at most MAX_DOC characters."""
    text = " ".join(html.unescape(re.sub(r"<[^>]*>", " ", doc)).split())
    text = re.sub(r" (?=[.,;:)])", "", text)
    return text if len(text) <= MAX_DOC else text[: MAX_DOC - 2].rsplit(" ", 1)[0] + " …"


def ecma_pattern(pattern: str) -> str | None:
    """A shape's pattern, which Java holds against the whole value, as ECMA-262 takes it; None where it can't."""
    if _JAVA_ONLY.search(pattern):
        return None
    plain = _without_needless_escapes(pattern)
    try:
        re.compile(plain)
    except re.error:
        return None
    return f"^(?:{plain})$"


def _without_needless_escapes(pattern: str) -> str:
    """`\\-` outside of a class is an error where patterns are read as Unicode ones; inside, it must stay."""
    made, in_class = [], False
    for part in re.findall(r"\\.|.", pattern, re.DOTALL):
        if part == "[" and not in_class:
            in_class = True
        elif part == "]":
            in_class = False
        keep_escape = in_class and part == r"\-"
        made.append(part[1] if _NEEDLESS_ESCAPE.fullmatch(part) and not keep_escape else part)
    return "".join(made)


class _Builder:
    """Makes the schema of each node once; what has a shape is shared by name."""

    def __init__(self) -> None:
        self.defs: dict[str, Schema] = {
            "expression": {
                "type": "string",
                "pattern": _EXPRESSION_PATTERN,
                "description": "A text with an expression, {{ … }}: variables, each, fleet, environment, region, "
                "account, and the filters of Jinja2.",
            }
        }

    def fleet(self) -> Schema:
        surface = fleet_surface()
        root = self.closed_object(surface.keys, {**self.header(surface), **self.entries(surface)})
        return {
            "$schema": DIALECT,
            "$comment": f"Generated from botocore {botocore.__version__} by python -m mmeplan.spec.schema --write",
            "title": "fleet.yaml of mmeplan",
            **root,
            "required": list(surface.required),
            "$defs": dict(sorted(self.defs.items())),
        }

    def header(self, surface: Node) -> dict[str, Schema]:
        """The keys above the entries whose values the loader checks by itself."""
        account = _or_expression({"type": ["string", "null"], "pattern": _whole(ACCOUNT.pattern)})
        environment = surface.keys["environments"].item
        assert environment is not None
        variables = self.variables()
        environments = {
            "type": ["object", "null"],
            "additionalProperties": self.closed_object(
                environment.keys, {"account": account, "variables": variables}, nullable=True
            ),
        }
        return {
            "version": {"const": LANGUAGE_VERSION},
            "fleet": _or_expression({"type": "string", "pattern": _whole(FLEET_NAME.pattern)}),
            "account": account,
            "variables": variables,
            "environments": environments,
            "options": self.options(surface.keys["options"]),
            "retain": _or_expression({"type": ["integer", "null"], "minimum": 0}),
            "policies": self.policies(surface.keys["policies"]),
        }

    def options(self, node: Node) -> Schema:
        choices: dict[str, Schema] = {
            key: {"enum": [*inner.choices, None]} for key, inner in node.keys.items() if inner.choices
        }
        parallelism = {"type": ["integer", "null"], "minimum": 1, "maximum": MOST_PARALLEL}
        return self.closed_object(node.keys, {**choices, "parallelism": parallelism}, nullable=True)

    def policies(self, node: Node) -> Schema:
        assert node.item is not None
        policy = {**self.closed_object(node.item.keys, {}), "required": list(node.item.required)}
        return {
            "type": ["object", "null"],
            "propertyNames": {"pattern": _whole(POLICY_NAME.pattern)},
            "additionalProperties": policy,
        }

    def variables(self) -> Schema:
        return {"type": ["object", "null"], "propertyNames": {"pattern": _whole(VARIABLE_NAME.pattern)}}

    def entries(self, surface: Node) -> dict[str, Schema]:
        """The sections of all kinds, and the defaults of each."""
        made: dict[str, Schema] = {}
        name = {"maxLength": MAX_LOGICAL_NAME, "pattern": _whole(LOGICAL_NAME.pattern)}
        for kind in kinds():
            if not kind.section:
                continue
            entry = surface.keys[kind.section].item
            assert entry is not None
            self.define(kind.name, self.closed_object(entry.keys, {}, nullable=True))
            made[kind.section] = {
                "type": ["object", "null"],
                "propertyNames": _or_expression(name),
                "additionalProperties": {"$ref": f"#/$defs/{kind.name}"},
            }
        defaults = surface.keys["defaults"]
        inherited = {
            kind: self.closed_object(node.keys, {}, nullable=True)
            for kind, node in defaults.keys.items()
            if node.kind == "object"
        }
        made["defaults"] = self.closed_object(defaults.keys, inherited, nullable=True)
        return made

    def closed_object(self, keys: Mapping[str, Node], given: Mapping[str, Schema], *, nullable: bool = False) -> Schema:
        """An object with these keys and no others. `given` are the keys whose schema is made already."""
        properties = {}
        for key in sorted(keys):
            schema = given[key] if key in given else self.node(key, keys[key])
            doc = description(keys[key].doc)
            properties[key] = {**schema, "description": doc} if doc else schema
        return {
            "type": ["object", "null"] if nullable else "object",
            "additionalProperties": False,
            "properties": properties,
        }

    def node(self, key: str, node: Node) -> Schema:
        """The schema of a key's value."""
        if key in INSIDE:
            return self.define(key, self.closed_object(node.keys, {}, nullable=True))
        if key in _OWN_SCHEMAS and not node.shape:
            return dict(_OWN_SCHEMAS[key])
        if node.kind == "object" and not node.shape:
            return self.closed_object(node.keys, {}, nullable=True)
        if node.kind == "either" and node.shape:
            return {"anyOf": [self.define(node.shape, self.text_of(node)), self.define("image", _image())]}
        if node.kind == "either":
            inline = self.define("inline_config", self.closed_object(node.keys, {}))
            return {"anyOf": [{"type": ["string", "null"]}, inline]}
        if node.choices:
            return _or_expression({"enum": [*node.choices, None]})
        if node.shape:
            return self.shaped(node)
        if node.kind == "object":
            return _or_expression(self.closed_object(node.keys, {}, nullable=True))
        if node.kind == "map" and node.item is not None:
            return _or_expression({"type": ["object", "null"], "additionalProperties": self.node("", node.item)})
        return {"type": [_JSON_TYPES[node.kind], "null"]}

    def shaped(self, node: Node) -> Schema:
        """A reference to the definition of a shape."""
        name = node.shape if node.service == service().name else f"{node.service}.{node.shape}"
        return {"$ref": f"#/$defs/{name}"} if name in self.defs else self.define(name, self.shape(node))

    def define(self, name: str, schema: Schema) -> Schema:
        self.defs[name] = schema
        return {"$ref": f"#/$defs/{name}"}

    def shape(self, node: Node) -> Schema:
        shape = service(node.service).shapes[node.shape]
        if node.kind == "object":
            return _or_expression(self.closed_object(node.keys, {}, nullable=True))
        if node.kind in ("list", "map", "named"):
            assert node.item is not None
            item = self.shaped(node.item)
            if node.kind == "list":
                sizes = _bounds(shape, "minItems", "maxItems")
                return _or_expression({"type": ["array", "null"], "items": item, **sizes})
            sizes = _bounds(shape, "minProperties", "maxProperties")
            names = self.key_names(node, shape)
            return _or_expression({"type": ["object", "null"], **names, "additionalProperties": item, **sizes})
        if node.kind in ("integer", "number"):
            kind = _JSON_TYPES[node.kind]
            return _or_expression({"type": [kind, "null"], **_bounds(shape, "minimum", "maximum")})
        if node.kind == "boolean":
            return _or_expression({"type": ["boolean", "null"]})
        if shape.get("enum"):
            return _or_expression({"enum": [*shape["enum"], None]})
        constraints = _text_constraints(shape)
        if node.kind == "text":
            return {"anyOf": [{"type": ["string", "number", "boolean"], **constraints}, _EXPRESSION, _CONTENT_OF_FILE]}
        types = ["string", "null"]
        return _or_expression({"type": types, **constraints}) if constraints else {"type": types}

    def text_of(self, node: Node) -> Schema:
        """The text that stands in a place where an object may stand as well."""
        return self.shape(replace(node, kind="string"))

    def key_names(self, node: Node, shape: Mapping[str, Any]) -> Schema:
        """What the keys of a map must look like; those of a named list are the values of its name member."""
        if node.kind == "named":
            shapes = service(node.service).shapes
            item = shapes[shape["member"]["shape"]]
            name_shape = item["members"][KEYED[node.api]]["shape"]
        else:
            name_shape = shape["key"]["shape"]
        constraints = _text_constraints(service(node.service).shapes[name_shape])
        return {"propertyNames": constraints} if constraints else {}


_CONTENT_OF_FILE: Final[Schema] = {
    "type": "object",
    "properties": {"file": {"type": "string", "description": "A file beside the fleet file or below it, as it is."}},
    "required": ["file"],
    "additionalProperties": False,
}
"""What an environment entry takes in the place of a text."""


def _image() -> Schema:
    """An image by name: what a framework or an algorithm has, for completion and hover."""
    text = _or_expression({"type": "string"})
    versions = {
        framework: ", ".join(dict.fromkeys(image.version for image in image_uris.images(framework)))
        for framework in image_uris.frameworks()
    }
    listed = [{"const": name, "description": f"Versions: {known}."} for name, known in versions.items()]
    properties = {
        **{key: {**text, "description": node.doc} for key, node in IMAGE_KEYS.items()},
        "framework": {"anyOf": [*listed, _EXPRESSION], "description": IMAGE_KEYS["framework"].doc},
        "algorithm": {
            "anyOf": [{"enum": [*image_uris.algorithms()]}, _EXPRESSION],
            "description": IMAGE_KEYS["algorithm"].doc,
        },
        "processor": _or_expression({"enum": [*image_uris.PROCESSORS]}),
    }
    return {"type": "object", "additionalProperties": False, "properties": properties}


def _or_expression(schema: Schema) -> Schema:
    return {"anyOf": [schema, _EXPRESSION]}


def _whole(pattern: str) -> str:
    return f"^(?:{pattern})$"


def _bounds(shape: Mapping[str, Any], least: str, most: str) -> Schema:
    """The two bounds of a shape under the names they have for its type; a length of at least 0 goes without saying."""
    made = {}
    if "min" in shape and (shape["min"] or least == "minimum"):
        made[least] = shape["min"]
    if "max" in shape:
        made[most] = shape["max"]
    return made


def _text_constraints(shape: Mapping[str, Any]) -> Schema:
    made = _bounds(shape, "minLength", "maxLength")
    pattern = ecma_pattern(shape["pattern"]) if "pattern" in shape else None
    if pattern and shape["pattern"] not in (".*", r"[\S\s]*", r"[\s\S]*"):
        made["pattern"] = pattern
    return made


_FILE: Final = {
    "type": "object",
    "properties": {"file": {"type": "string", "pattern": rf"\.({'|'.join(FILE_TYPES)})$"}},
    "required": ["file"],
    "additionalProperties": False,
    "description": "A YAML, JSON or CSV file beside the fleet file.",
}
_OWN_SCHEMAS: Final[dict[str, Schema]] = {
    "tags": _or_expression(
        {
            "type": ["object", "null"],
            "propertyNames": {
                "maxLength": 128,
                "not": {"pattern": "^([aA][wW][sS]|[mM][mM][eE][pP][lL][aA][nN]):"},
            },
            "additionalProperties": {"type": ["string", "null"]},
        }
    ),
    "allow": _or_expression(
        {"type": ["object", "null"], "additionalProperties": {"type": "string", "pattern": r"\S"}},
    ),
    "for_each": {"anyOf": [_FILE, {"type": ["array", "object", "null"]}, _EXPRESSION]},
    "ignore_tags": {
        "type": ["object", "null"],
        "additionalProperties": False,
        "properties": {
            member: _or_expression({"type": ["array", "null"], "items": {"type": "string", "minLength": 1}})
            for member in ("keys", "prefixes")
        },
    },
    "quotas": {
        "anyOf": [
            _FILE,
            {
                "type": ["object", "null"],
                "propertyNames": {"pattern": _whole(INSTANCE_TYPE.pattern)},
                "additionalProperties": _or_expression({"type": "number", "minimum": 0}),
            },
            _EXPRESSION,
        ]
    },
    "prices": {"anyOf": [_FILE, {"type": "null"}, _EXPRESSION]},
    "protect": _or_expression({"type": ["boolean", "null"]}),
    "adopt": _or_expression({"type": ["boolean", "null"]}),
    "allow_empty": _or_expression({"type": ["boolean", "null"]}),
}


def schema_text() -> str:
    """The bytes of specs/fleet.schema.json, as text."""
    return json.dumps(fleet_schema(), indent=1, ensure_ascii=False) + "\n"


def main(arguments: list[str]) -> None:
    """Write the checked-in copy, or check that it is fresh. Raises SystemExit."""
    if arguments == ["--write"]:
        CHECKED_IN.write_text(schema_text(), encoding="utf-8")
    elif arguments == ["--check"]:
        _check()
    else:
        raise SystemExit("usage: python -m mmeplan.spec.schema --write | --check")


def _check() -> None:
    """Raises SystemExit where the copy isn't what its own botocore gives.

    What another botocore gives differs whenever AWS edits a sentence: no reason for a build to fail, and it is said.
    """
    again = "run python -m mmeplan.spec.schema --write"
    copy = json.loads(CHECKED_IN.read_text(encoding="utf-8")) if CHECKED_IN.exists() else {}
    fresh = fleet_schema()
    made_with, now = copy.pop("$comment", ""), fresh.pop("$comment")
    if copy == fresh:
        return
    if not copy or made_with == now:
        raise SystemExit(f"{CHECKED_IN.name} is not fresh; {again}")
    sys.stderr.write(f"{CHECKED_IN.name} is of another botocore than {botocore.__version__}; to follow it, {again}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
