"""Plans of every released format version are read, verified and shown; a plan of another major version is refused."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from mmeplan import plan, render
from mmeplan.errors import InputError
from mmeplan.plan.document import FORMAT_VERSION
from mmeplan.plan.encoding import read_file, write
from mmeplan.plan.schema import plan_schema

STORED = sorted((Path(__file__).parent / "formats").glob("plan-*.json"))


def test_a_plan_of_each_released_version_is_stored() -> None:
    versions = [path.stem.removeprefix("plan-") for path in STORED]
    major, minor = (int(part) for part in FORMAT_VERSION.split("."))
    assert versions == [f"{major}.{number}" for number in range(minor + 1)]


@pytest.mark.parametrize("path", STORED, ids=lambda path: path.stem)
def test_a_stored_plan_is_read_verified_and_shown(path: Path) -> None:
    made = plan.read(path.read_text(), path.name)
    assert made.format_version == path.stem.removeprefix("plan-")
    assert made.applyable
    assert "endpoint/ranker" in render.text(made, width=100)
    assert plan.decode(plan.encode(made)) == made


@pytest.mark.parametrize("path", STORED, ids=lambda path: path.stem)
def test_a_document_is_written_whole_with_each_member_once(path: Path) -> None:
    made, written = plan.read(path.read_text(), path.name), StringIO()
    write(made, written)
    assert written.getvalue().endswith("}\n")

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        assert len(dict(pairs)) == len(pairs), [name for name, _ in pairs]
        return dict(pairs)

    assert json.loads(written.getvalue(), object_pairs_hook=once) == plan.encode(made)


@pytest.mark.parametrize("path", STORED, ids=lambda path: path.stem)
def test_a_stored_plan_that_was_edited_is_refused(path: Path) -> None:
    document = json.loads(path.read_text())
    document["steps"][0]["params"]["ExecutionRoleArn"] = "arn:aws:iam::123456789012:role/other"
    with pytest.raises(InputError, match="changed after it was made"):
        plan.read(json.dumps(document), path.name)


@pytest.mark.parametrize("path", STORED, ids=lambda path: path.stem)
def test_a_stored_plan_fits_the_schema(path: Path) -> None:
    """What an older version wrote is valid still: members that came later are not required."""
    jsonschema.Draft202012Validator(plan_schema()).validate(json.loads(path.read_text()))


def test_what_a_later_minor_version_adds_is_ignored_and_still_under_the_seal() -> None:
    document = json.loads(STORED[-1].read_text())
    with pytest.raises(InputError, match="changed after it was made"):
        plan.read(json.dumps({**document, "added": 1}), "plan.json")
    document["summary"]["added"] = 1
    assert plan.decode(document).summary == plan.decode(json.loads(STORED[-1].read_text())).summary


@pytest.mark.parametrize(
    ("name", "content", "told", "hint"),
    [
        ("plan.json", b"{\xff", "this is not a plan: not UTF-8", ""),
        ("plan.json", b"[]", "this is not a plan", "make a new one: mmeplan plan --out FILE"),
        ("plan.json", None, "can't be read: No such file or directory", "mmeplan plan --out FILE writes a plan"),
        ("fleet.yaml", None, "can't be read: No such file or directory", "mmeplan init writes a starter"),
        ("", None, "can't be read: Is a directory", ""),
    ],
)
def test_a_file_that_holds_no_plan_is_refused_with_what_to_type(
    name: str, content: bytes | None, told: str, hint: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError) as refused:
        read_file(str(path))
    assert [(problem.message, problem.hint) for problem in refused.value.problems] == [(told, hint)]


def test_a_file_that_is_no_json_is_no_plan(tmp_path: Path) -> None:
    (tmp_path / "fleet.yaml").write_text("version: 1\n")
    assert read_file(str(tmp_path / "fleet.yaml")) is None
    stored = tmp_path / "saved"
    stored.write_bytes(STORED[-1].read_bytes())
    assert read_file(str(stored)) == plan.read(STORED[-1].read_text(), "saved")


def test_another_major_version_is_refused() -> None:
    document = {**json.loads(STORED[-1].read_text()), "format_version": "2.0"}
    with pytest.raises(InputError, match=r"plan format 2\.0 is not known"):
        plan.read(json.dumps(document), "plan.json")
