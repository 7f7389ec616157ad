"""specs/plan.schema.json: the JSON Schema of the plan document, generated from its types.

`python -m mmeplan.plan.schema --write` writes it, `--check` (CI) says whether the copy is fresh.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from mmeplan.plan.document import FORMAT_VERSION, Plan

FILE = Path("specs/plan.schema.json")


def plan_schema() -> dict[str, Any]:
    """JSON Schema, draft 2020-12. Readers ignore members they don't know: a minor version may add some."""
    schema = TypeAdapter(Plan).json_schema(mode="serialization")
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"mmeplan plan document, format {FORMAT_VERSION}",
    }
    return {**head, **{key: value for key, value in schema.items() if key != "title"}}


def text() -> str:
    """The file's content."""
    return json.dumps(plan_schema(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    if "--write" in sys.argv:
        FILE.write_text(text(), encoding="utf-8")
    elif FILE.read_text(encoding="utf-8") != text():
        sys.exit(f"{FILE} is stale: python -m mmeplan.plan.schema --write")
