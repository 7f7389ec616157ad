"""specs/events.schema.json: the JSON Schema of one line of `apply --json`, generated from `Event`.

`python -m mmeplan.apply.schema --write` writes it, `--check` (CI) says whether the copy is fresh.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from mmeplan.apply.events import FORMAT_VERSION, Event

FILE = Path("specs/events.schema.json")


def events_schema() -> dict[str, Any]:
    """JSON Schema, draft 2020-12. A minor version may add members and kinds; readers ignore them."""
    schema = TypeAdapter(Event).json_schema(mode="serialization")
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"one event of an mmeplan apply, format {FORMAT_VERSION}",
    }
    return {**head, **{key: value for key, value in schema.items() if key != "title"}}


def text() -> str:
    """The file's content."""
    return json.dumps(events_schema(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    if "--write" in sys.argv:
        FILE.write_text(text(), encoding="utf-8")
    elif FILE.read_text(encoding="utf-8") != text():
        sys.exit(f"{FILE} is stale: python -m mmeplan.apply.schema --write")
