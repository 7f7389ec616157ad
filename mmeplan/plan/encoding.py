"""The plan's JSON document, both ways, and its two digests.

`plan_id` is a digest of what the plan does: of its deployment, changes, steps and fingerprints, without the lines on
which entries stand, so that a comment in the fleet file doesn't change it. `seal` is the digest of the whole document
without times: a file that was edited no longer matches. The same inputs give the same digests everywhere. Written piece
by piece, so that a large plan is never in memory as text.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, Final, TextIO

from mmeplan.diff import Change, Drift, FieldChange, Location, VariantTraffic, action_of
from mmeplan.documents import MOST_BYTES, DamagedError, parsed, refusal
from mmeplan.errors import InputError, Problem
from mmeplan.plan import consistency
from mmeplan.plan.document import (
    FORMAT_VERSION,
    Capacity,
    Cost,
    InstanceCapacity,
    Observed,
    Options,
    Plan,
    PricedUsage,
    ReservedCapacity,
    SourceFile,
    Summary,
)
from mmeplan.plan.finding import Finding
from mmeplan.plan.step import Step, step_of
from mmeplan.spec import VariableFile

_LISTS: Final = ("changes", "steps", "drift", "findings")
_OUTSIDE_SEAL: Final = ("plan_id", "seal", "created_at", "tool_version", "commit")
"""Members that may differ between two runs with the same inputs, and the digests."""
_WITHOUT_SEAL: Final = ("1.0", "1.1")
_DEPLOYMENT: Final = ("fleet", "environment", "account", "region")
_PIECE: Final = 100  # changes or steps that are hashed at a time
_HINT: Final = "make a new one: mmeplan plan --out FILE"


def with_id(plan: Plan) -> Plan:
    """The plan with its `plan_id` and `seal` filled in."""
    return replace(plan, plan_id=plan_id(plan), seal=_seal(plan))


def plan_id(plan: Plan) -> str:
    """`sha256:` and the digest of what the plan does, made piece by piece to stay small in memory."""
    deployment = {name: getattr(plan, name) for name in _DEPLOYMENT}
    return _id(deployment, plan.snapshot.fingerprints, {"changes": plan.changes, "steps": plan.steps})


def _document_id(document: Mapping[str, Any]) -> str:
    """The same of a document as it was read, with every member that it has."""
    deployment = {name: document.get(name) for name in _DEPLOYMENT}
    changes = [_without_lines(change) for change in document["changes"]]
    fingerprints = document["snapshot"].get("fingerprints")
    return _id(deployment, fingerprints, {"changes": changes, "steps": document["steps"]})


def _id(deployment: Mapping[str, Any], fingerprints: Any, lists: Mapping[str, Sequence[Any]]) -> str:
    return _digest({**deployment, "fingerprints": fingerprints}, lists, _canonical_without_lines)


def _without_lines(change: Mapping[str, Any]) -> dict[str, Any]:
    """A change of a document without its place in the file."""
    found = {key: value for key, value in change.items() if key != "location"}
    if "fields" in found:
        found["fields"] = [{key: value for key, value in item.items() if key != "line"} for item in found["fields"]]
    return found


def _seal(plan: Plan) -> str:
    """`sha256:` and the digest of the canonical document without times."""
    snapshot = {"digest": plan.snapshot.digest, "fingerprints": plan.snapshot.fingerprints}
    return _digest({**_head(plan), "snapshot": snapshot}, _lists(plan), _canonical_json)


def _document_seal(document: Mapping[str, Any]) -> str:
    """The same of a document as it was read: so older minor versions keep theirs, which they call `plan_id`."""
    head = {key: value for key, value in document.items() if key not in _LISTS}
    snapshot = {name: document["snapshot"].get(name) for name in ("digest", "fingerprints")}
    return _digest({**head, "snapshot": snapshot}, {name: document[name] for name in _LISTS}, _canonical_json)


def _is_as_made(document: Mapping[str, Any]) -> bool:
    """Whether a document is as it was written. Up to format 1.1 `plan_id` was the digest of the whole."""
    told = (document["plan_id"], document.get("seal", ""))
    whole = _document_seal(document)
    if str(document["format_version"]) in _WITHOUT_SEAL:
        return told == (whole, "")
    return told == (_document_id(document), whole)


def _digest(head: Mapping[str, Any], lists: Mapping[str, Sequence[Any]], canonical: Callable[[Any], str]) -> str:
    sha = hashlib.sha256()
    sha.update(canonical({k: v for k, v in head.items() if k not in _OUTSIDE_SEAL}).encode("ascii"))
    for items in lists.values():
        for start in range(0, len(items), _PIECE):
            sha.update(b"\n" + canonical(items[start : start + _PIECE]).encode("ascii"))
    return f"sha256:{sha.hexdigest()}"


def encode(plan: Plan) -> dict[str, Any]:
    """The JSON document as plain data. Members of 1.0 that are empty are there, so that readers need no defaults."""
    document: dict[str, Any] = json.loads(_json({**_head(plan), **_lists(plan)}))
    return document


def write(plan: Plan, stream: TextIO) -> None:
    """Write the document to a stream, one change or step a line: readable in a diff, and small in memory."""
    head = (f"{json.dumps(key)}: {_json(value)}" for key, value in _head(plan).items())
    stream.write("{" + ",\n ".join(head))
    for name, items in _lists(plan).items():
        stream.write(f',\n "{name}": [')
        for index, item in enumerate(items):
            stream.write(("," if index else "") + "\n  " + _json(item))
        stream.write("]")
    stream.write("}\n")


def _head(plan: Plan) -> dict[str, Any]:
    """The document without its long lists, the version and the id first."""
    names = [member.name for member in fields(plan) if member.name not in _LISTS]
    head = {name: getattr(plan, name) for name in ("format_version", "plan_id", "seal", *names)}
    left_out = {"seal": "", "cost": None}
    return {name: value for name, value in head.items() if name not in left_out or value != left_out[name]}


def _lists(plan: Plan) -> dict[str, tuple[Any, ...]]:
    return {name: getattr(plan, name) for name in _LISTS}


def _members(value: Any) -> dict[str, Any]:
    """What json makes of a frozen dataclass: the members that its document has, in order."""
    if isinstance(value, Step):
        return value.members()
    members = {name: getattr(value, name) for name in getattr(value, "MEMBERS", value.__slots__)}
    for name, default in _left_out(value).items():
        if members[name] == default:
            del members[name]
    return members


def _placeless(value: Any) -> dict[str, Any]:
    """The same without places in the file."""
    members = _members(value)
    if isinstance(value, Change | FieldChange):
        members.pop("location", None)
        members.pop("line", None)
    return members


def _left_out(value: Any) -> dict[str, Any]:
    """Members that are left out where they say nothing, so that other plans keep their bytes and ids."""
    if isinstance(value, VariantTraffic):
        return {"instance_type_before": "", "kept": False, "pools": ()}
    if isinstance(value, Change):
        return {"tags_before": {}}
    if isinstance(value, Options):
        return {
            "variable_files": (),
            "base": "",
            "base_unseen": "",
            "behind": (),
            "outdated": (),
            "prune_artifacts": False,
        }
    if isinstance(value, InstanceCapacity):
        return {"assumed": 0, "least_now": None, "least_after": None}
    return {"reservations": ()} if isinstance(value, Capacity) else {}


def plain(value: Any) -> Any:
    """A change, a step or another part of the document as plain data."""
    return json.loads(_json(value))


_json: Final = json.JSONEncoder(default=_members).encode
_canonical_json: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), default=_members).encode
_canonical_without_lines: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), default=_placeless).encode
"""Made once: `json.dumps` with options makes an encoder for each call."""


# --- reading --------------------------------------------------------------------------------------------------------


def read(text: str, file: str) -> Plan:
    """A plan from the text of its file.

    Raises InputError: not a plan, another major version, a rendering with masked values, damaged, changed after it was
    made, or one that contradicts itself.
    """
    document = _parsed(text, file)
    plan = _decoded(document, text, file, calls=True)
    if not _is_as_made(document):
        raise _refusal("the plan file was changed after it was made: its content doesn't match its digests", file)
    return _consistent(plan, file)


def _consistent(plan: Plan, file: str, *, masked: bool = False) -> Plan:
    problems = consistency.problems_of(plan, masked=masked)
    if problems:
        raise refusal(problems, file, _HINT, "this plan contradicts itself: ")
    return plan


def _parsed(text: str, file: str) -> dict[str, Any]:
    """The document, whatever its members. Raises InputError where it is none, or none that this version reads."""
    try:
        return _document(parsed(text), file)
    except DamagedError as error:
        raise _refusal(f"this is not a plan: {error}", file) from None


def read_to_show(path: str) -> tuple[Plan, bool]:
    """The plan of a file, and whether it is a rendering with masked environment values: fit to be shown, and no more.

    What such a one says is not held against its plan_id, which is that of the plan with its values. Raises InputError,
    as `read`.
    """
    text = _text_of(path)
    if text is None:
        raise InputError([Problem("this is not a plan", path, hint="mmeplan plan --out FILE writes one")])
    try:
        document = parsed(text)
    except DamagedError:
        return read(text, path), False
    if not (isinstance(document, dict) and document.pop("masked", False)):
        return read(text, path), False
    return _consistent(decode(document, path), path, masked=True), True


def read_file(path: str) -> Plan | None:
    """The plan of a file; None where it is no JSON, and so a fleet file perhaps. Raises InputError, as `read`."""
    text = _text_of(path)
    return None if text is None else read(text, path)


def _text_of(path: str) -> str | None:
    """The text of a plan's file; None where it is no JSON. Raises InputError."""
    try:
        with Path(path).open("rb") as stream:  # opened once: it may be a pipe
            first = stream.read(1)
            if first != b"{" and not path.endswith(".json"):
                return None
            rest = stream.read(MOST_BYTES)
            if len(rest) == MOST_BYTES:
                raise _refusal(f"this is not a plan: it is longer than {MOST_BYTES:,} bytes", path)
            return (first + rest).decode("utf-8")
    except UnicodeDecodeError:
        raise InputError([Problem("this is not a plan: not UTF-8", path)]) from None
    except OSError as error:
        starts = "mmeplan plan --out FILE writes a plan" if path.endswith(".json") else "mmeplan init writes a starter"
        hint = starts if isinstance(error, FileNotFoundError) else ""
        raise InputError([Problem(f"can't be read: {error.strerror or error}", path, hint=hint)]) from None


def decode(document: Any, file: str = "") -> Plan:
    """A plan from its JSON document, which isn't held against itself: `read` does that.

    Members that this version doesn't know are ignored (a newer minor version). Raises InputError, as `read`.
    """
    return _decoded(_document(document, file), json.dumps(document), file)


def _document(document: Any, file: str) -> dict[str, Any]:
    """The same, of a version that is read, and with environment values. Raises InputError."""
    if isinstance(document, dict) and "plans" in document:
        raise refusal(["this is a report of several plans, and no plan"], file, "mmeplan plan --out FOLDER saves each")
    if not isinstance(document, dict) or "plan_id" not in document or "format_version" not in document:
        raise _refusal("this is not a plan", file)
    version = str(document["format_version"])
    if version.split(".")[0] != FORMAT_VERSION.split(".")[0]:
        raise _refusal(f"plan format {version[:20]} is not known; this mmeplan reads {FORMAT_VERSION}", file)
    if document.get("masked"):
        raise _refusal("this is a rendering whose environment values are masked; it can't be applied", file)
    return document


def _decoded(document: dict[str, Any], text: str, file: str, *, calls: bool = False) -> Plan:
    """The plan of a document whose members have their types; with `calls`, its calls those of the API."""
    from mmeplan.plan import typed  # pydantic is imported where a plan is read

    problems = typed.members_wrong(text) or (typed.calls_wrong(document) if calls else [])
    if problems:
        raise refusal(problems, file, _HINT, "this plan is damaged: ")
    try:
        return _plan(document)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise _refusal(f"this plan is damaged: {error}", file) from None


def _refusal(message: str, file: str) -> InputError:
    return refusal([message], file, _HINT)


def _plan(document: dict[str, Any]) -> Plan:
    known = {member.name for member in fields(Plan)}
    values = {key: value for key, value in document.items() if key in known}
    capacity = document.get("capacity")
    return Plan(
        **{
            **values,
            "source": tuple(_make(SourceFile, item) for item in document["source"]),
            "options": _options(document["options"]),
            "snapshot": _make(Observed, document["snapshot"]),
            "summary": _make(Summary, document["summary"]),
            "changes": tuple(_change(item) for item in document["changes"]),
            "steps": tuple(step_of(item) for item in document["steps"]),
            "drift": tuple(_make(Drift, {**d, "fields": _fields(d.get("fields", ()))}) for d in document["drift"]),
            "findings": tuple(_make(Finding, item) for item in document["findings"]),
            "capacity": _capacity(capacity) if capacity is not None else None,
            "cost": _cost(document["cost"]) if document.get("cost") is not None else None,
            "kept": {at: tuple(names) for at, names in document["kept"].items()},
        }
    )


def _options(item: Mapping[str, Any]) -> Options:
    files = tuple(_make(VariableFile, file) for file in item.get("variable_files") or ())
    options: Options = _make(Options, {**item, "variable_files": files})
    return options


def _capacity(item: Mapping[str, Any]) -> Capacity:
    return Capacity(
        item["parallelism"],
        tuple(_make(InstanceCapacity, row) for row in item["types"]),
        tuple(_make(ReservedCapacity, row) for row in item.get("reservations") or ()),
    )


def _cost(item: Mapping[str, Any]) -> Cost:
    usage = tuple(_make(PricedUsage, row) for row in item["usage"])
    cost: Cost = _make(Cost, {**item, "usage": usage})
    return cost


def _change(item: dict[str, Any]) -> Change:
    words = tuple(item["actions"])
    nested = {
        "action": action_of(item["kind"], words, item["effect"], item["reason"]),
        "adopts": "adopt" in words,
        "location": _make(Location, item.get("location", {})),
        "fields": _fields(item.get("fields", ())),
        "traffic": tuple(_make(VariantTraffic, variant) for variant in item.get("traffic", ())),
    }
    change: Change = _make(Change, {**item, **nested})
    return change


def _fields(items: Sequence[dict[str, Any]]) -> tuple[FieldChange, ...]:
    return tuple(FieldChange((), item["before"], item["after"], item["field"], item.get("line", 0)) for item in items)


def _make(kind: Any, item: Mapping[str, Any]) -> Any:
    known = {member.name for member in fields(kind)}
    return kind(**{k: tuple(v) if isinstance(v, list) else v for k, v in item.items() if k in known})
