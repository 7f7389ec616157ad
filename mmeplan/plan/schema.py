"""specs/plan.schema.json and specs/drift.schema.json: the JSON Schemas of the documents, generated from their types.

`python -m mmeplan.plan.schema --write` writes them, `--check` (CI) says whether the copies are fresh.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from mmeplan.plan.document import FORMAT_VERSION, Plan
from mmeplan.plan.drifting import DRIFT_FORMAT_VERSION, DriftReport

FILE = Path("specs/plan.schema.json")
DRIFT_FILE = Path("specs/drift.schema.json")


def plan_schema() -> dict[str, Any]:
    """JSON Schema, draft 2020-12. Readers ignore members they don't know: a minor version may add some."""
    return _schema(Plan, f"mmeplan plan document, format {FORMAT_VERSION}")


def drift_schema() -> dict[str, Any]:
    """JSON Schema of `mmeplan drift --format json`."""
    return _schema(DriftReport, f"mmeplan drift report, format {DRIFT_FORMAT_VERSION}")


def _schema(of: type, title: str) -> dict[str, Any]:
    schema = TypeAdapter(of).json_schema(mode="serialization")
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title}
    return {**head, **{key: value for key, value in schema.items() if key != "title"}}


def text(schema: dict[str, Any] | None = None) -> str:
    """A file's content; the plan schema's where none is given."""
    return json.dumps(schema or plan_schema(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    for file, content in ((FILE, text()), (DRIFT_FILE, text(drift_schema()))):
        if "--write" in sys.argv:
            file.write_text(content, encoding="utf-8")
        elif file.read_text(encoding="utf-8") != content:
            sys.exit(f"{file} is stale: python -m mmeplan.plan.schema --write")
