"""specs/{plan,drift,report}.schema.json: the JSON Schemas of the documents, generated from their types.

`python -m mmeplan.plan.schema --write` writes them, `--check` (CI) says whether the copies are fresh.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass, make_dataclass
from functools import cache, reduce
from operator import or_
from pathlib import Path
from types import GenericAlias, UnionType
from typing import Any, Final, Literal, get_args, get_origin, get_type_hints

from pydantic import TypeAdapter

from mmeplan.diff import Change, Drift, FieldChange
from mmeplan.plan.document import FORMAT_VERSION, Plan
from mmeplan.plan.drifting import DRIFT_FORMAT_VERSION, DriftReport
from mmeplan.plan.reporting import REPORT_FORMAT_VERSION, PlanReport
from mmeplan.plan.step import Step

FILE = Path("specs/plan.schema.json")
DRIFT_FILE = Path("specs/drift.schema.json")
REPORT_FILE = Path("specs/report.schema.json")


_DOCUMENT: Final[Mapping[type, tuple[str, str]]] = {
    Change: (
        "PlannedChange",
        "One object's change as the document has it; docs/plan-format.md has the vocabulary.",
    ),
    Drift: ("PlannedDrift", "A live endpoint that isn't what was applied last."),
    FieldChange: (
        "PlannedField",
        "One value that differs: its dotted name as in the file, before and after (None: absent), and its line.",
    ),
    Step: (
        "Step",
        """One API call of the apply, with everything it needs.

`operation` and `params` are the API's. `after` are ids of steps that must be done first. `guard` is what must hold
of the object right before the call, `wait` what must become true after it (both: docs/plan-format.md).
`on_rollback` are the calls that follow where SageMaker rolls this update back: `operation`, `params`, and `clean`
for those that are made only on request (`apply --clean`).""",
    ),
}
"""Types of which the document has other members than the type: their name and description in the schema."""


@dataclass(frozen=True, kw_only=True)
class Desire:
    """Weight, count or concurrency of a variant, in the API's members."""

    VariantName: str
    DesiredWeight: float = 0
    DesiredInstanceCount: int = 0
    ServerlessUpdateConfig: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Before:
    """The same as the plan saw it, by the variant's name; concurrency that isn't set is null."""

    DesiredWeight: float = 0
    DesiredInstanceCount: int = 0
    ServerlessUpdateConfig: Mapping[str, int | None] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Guard:
    """What must hold of an object right before a call (docs/plan-format.md); which members, the operation says."""

    absent: str = ""
    digest: str = ""
    salt: str | None = None
    pinned: bool = False
    config: str = ""
    owned_by: str = ""
    environment: str = ""
    wait_until_gone: bool = False
    kind: str = ""
    name: str = ""
    endpoint: str = ""
    in_force: str = ""
    unreferenced: str = ""
    stand_ins: tuple[str, ...] = ()
    once: tuple[tuple[str, str], ...] = ()
    created_at: str = ""
    pending: str = ""
    desired: tuple[Desire, ...] = ()
    before: Mapping[str, Before] = field(default_factory=dict)
    holds: tuple[Desire, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Wait:
    """What must become true after a call; no member where nothing must."""

    endpoint: str = ""
    until: Literal["", "InService", "gone"] = ""
    config: str = ""
    timeout_s: float = 0
    desired: tuple[Desire, ...] = ()


@dataclass(frozen=True, kw_only=True)
class FollowUp:
    """A call that follows where SageMaker rolls an update back; `clean`: on request alone."""

    operation: str
    params: Mapping[str, Any]
    clean: bool = False


_PLAIN: Final[Mapping[tuple[type, str], Any]] = {
    (Change, "reason"): str,
    (Change, "effect"): str,
    (Step, "guard"): Guard,
    (Step, "wait"): Wait,
    (Step, "on_rollback"): tuple[FollowUp, ...],
}
"""Members of which the document has another type. A minor version may add words to the texts, and members to all."""


_REQUIRED: Final = frozenset({"field"})
"""Members that every document has, although the type has a default."""


def plan_schema() -> dict[str, Any]:
    """JSON Schema, draft 2020-12. Readers ignore members they don't know: a minor version may add some."""
    return _schema(Plan, f"mmeplan plan document, format {FORMAT_VERSION}")


def drift_schema() -> dict[str, Any]:
    """JSON Schema of `mmeplan drift --format json`."""
    return _schema(DriftReport, f"mmeplan drift report, format {DRIFT_FORMAT_VERSION}")


def report_schema() -> dict[str, Any]:
    """JSON Schema of `mmeplan plan --format json` of several fleets or environments."""
    return _schema(PlanReport, f"mmeplan report of plans, format {REPORT_FORMAT_VERSION}")


def _schema(of: type, title: str) -> dict[str, Any]:
    schema = TypeAdapter(document_type(of)).json_schema(mode="serialization")
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title}
    return {**head, **{key: value for key, value in schema.items() if key != "title"}}


@cache
def document_type(of: type) -> type:
    """The dataclass of the members that the document has of a type, nested types likewise."""
    hints = get_type_hints(of)
    defaults = {member.name: member for member in fields(of)}
    members: list[tuple[str, Any, Any]] = []
    for name in getattr(of, "MEMBERS", defaults):
        hint = _PLAIN.get((of, name))
        hint = hint or _document_hint(
            hints[name] if name in hints else get_type_hints(getattr(of, name).fget)["return"]
        )
        member = defaults.get(name)
        factory = member.default_factory if member else MISSING
        if member and member.default is None and hint in (Guard, Wait):
            factory = hint
        default = member.default if member and name not in _REQUIRED else MISSING
        members.append(
            (name, hint, field(default_factory=factory) if factory is not MISSING else field(default=default))
        )
    title, description = _DOCUMENT.get(of, (of.__name__, of.__doc__))
    return make_dataclass(title, members, namespace={"__doc__": description}, frozen=True, kw_only=True)


def _document_hint(hint: Any) -> Any:
    if isinstance(hint, type) and is_dataclass(hint) and not isinstance(hint, GenericAlias):
        return document_type(hint)
    if isinstance(hint, UnionType):
        return reduce(or_, map(_document_hint, get_args(hint)))
    if get_origin(hint) is tuple:
        return tuple[tuple(_document_hint(item) for item in get_args(hint))]  # type: ignore[misc]
    return hint


def text(schema: dict[str, Any] | None = None) -> str:
    """A file's content; the plan schema's where none is given."""
    return json.dumps(schema or plan_schema(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    documents = ((FILE, plan_schema), (DRIFT_FILE, drift_schema), (REPORT_FILE, report_schema))
    for file, content in ((file, text(schema())) for file, schema in documents):
        if "--write" in sys.argv:
            file.write_text(content, encoding="utf-8")
        elif file.read_text(encoding="utf-8") != content:
            sys.exit(f"{file} is stale: python -m mmeplan.plan.schema --write")
