"""A fleet file in a folder of its own, with tables beside it from which its entries come.

In: a fleet as plain data. Out: fleet.yaml and the files that its `for_each` reads; together they say the same.
"""

from __future__ import annotations

import csv
import json
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

Fleet = dict[str, Any]

FILE = "fleet.yaml"
_ENDPOINT_KEYS = ("config", "name", "tags", "on_remove", "protect", "deployment_config", "adopt")
_PLAIN = {"execution_role_arn", "primary_container"}


class Folder:
    """One folder on the disk, in which a person edits one fleet."""

    def __init__(self) -> None:
        self._made = tempfile.TemporaryDirectory(prefix="mmeplan-fleet-")
        self.path = Path(self._made.name)
        self.edited: set[str] = set()  # files that somebody has touched since they were written

    def close(self) -> None:
        self._made.cleanup()

    def write(self, fleet: Fleet) -> Path:
        """The fleet's files, in the place of what was there. The path of its fleet.yaml."""
        self.edited.clear()
        for file in self._files():
            file.unlink()
        (self.path / "tables").mkdir(exist_ok=True)
        models = self._models(fleet["models"])
        endpoints = self._endpoints(fleet["endpoints"])
        whole = {**fleet, "models": models, "endpoints": endpoints}
        (self.path / FILE).write_text(json.dumps(whole), encoding="utf-8")
        return self.path / FILE

    def edit(self, number: int) -> str:
        """Somebody saves one of the files with another line at its end. The name by which a plan knows it."""
        files = self._files()
        if not files:
            return ""
        file = files[number % len(files)]
        file.write_text(file.read_text(encoding="utf-8") + "\n", encoding="utf-8")
        name = str(file) if file.name == FILE else str(file.relative_to(self.path))
        self.edited.add(name)
        return name

    def known(self) -> list[str]:
        """The files by the names that a plan has for them."""
        return [str(file) if file.name == FILE else str(file.relative_to(self.path)) for file in self._files()]

    def _files(self) -> list[Path]:
        return sorted(path for path in self.path.rglob("*") if path.is_file())

    def _models(self, models: Fleet) -> Fleet:
        """Plain models are rows of a table; models without an environment have one of their own."""
        rows: dict[bool, list[tuple[str, Fleet]]] = defaultdict(list)
        written: Fleet = {}
        for name, entry in models.items():
            container = entry.get("primary_container", {})
            level = container.get("environment")
            if set(entry) == _PLAIN and set(container) <= {"image", "environment"} and set(level or {}) <= {"LEVEL"}:
                rows[level is not None].append((name, entry))
            else:
                written[name] = entry
        for has_level, found in rows.items():
            file = f"tables/{'levels' if has_level else 'plain'}.csv"
            with (self.path / file).open("w", encoding="utf-8", newline="") as stream:
                table = csv.writer(stream)
                table.writerow(["name", "image", "level"])
                for name, entry in found:
                    container = entry["primary_container"]
                    table.writerow([name, container["image"], container.get("environment", {}).get("LEVEL", "-")])
            container = {"image": "{{ each.value.image }}"}
            if has_level:
                container["environment"] = {"LEVEL": "{{ each.value.level | string }}"}
            key = "{{ each.key }}" if has_level else "{{each.key}}"
            role = found[0][1]["execution_role_arn"]
            written[key] = {"for_each": {"file": file}, "execution_role_arn": role, "primary_container": container}
        return written

    def _endpoints(self, endpoints: Fleet) -> Fleet:
        """Endpoints are items of a JSON file for each set of keys that they have."""
        groups: dict[tuple[str, ...], Fleet] = defaultdict(dict)
        written: Fleet = {}
        for name, entry in endpoints.items():
            if set(entry) <= set(_ENDPOINT_KEYS):
                groups[tuple(sorted(entry))][name] = entry
            else:
                written[name] = entry
        for number, (keys, found) in enumerate(groups.items()):
            file = f"tables/endpoints-{number}.json"
            (self.path / file).write_text(json.dumps(found), encoding="utf-8")
            values = {key: f"{{{{ each.value.{key} }}}}" for key in keys}
            written["{{" + " " * number + "each.key }}"] = {"for_each": {"file": file}, **values}
        return written
