"""The examples run as they stand, and each lives the life that its README promises."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.running import Result, mmeplan

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted(path.parent for path in (ROOT / "examples").glob("*/fleet.yaml"))
# what a reviewer would edit in each: (text in the file, another text) that needs a new config but no new model
CONFIG_EDITS = {
    "ab-variants": ("ml.m5.xlarge", "ml.m5.2xlarge"),
    "async": ("ml.g5.xlarge", "ml.g5.2xlarge"),
    "multi-model-archives": ("ml.m5.xlarge", "ml.m5.2xlarge"),
    "autoscaling": (
        "initial_instance_count: 2\n",
        "initial_instance_count: 2\n          container_startup_health_check_timeout_in_seconds: 300\n",
    ),
    "multi-model-knn": ("ml.m5.xlarge", "ml.m5.2xlarge"),
    "policies": ("ml.m5.xlarge", "ml.m5.2xlarge"),
    "serial-pipeline": ("ml.c5.xlarge", "ml.c5.2xlarge"),
    "serverless": ("memory_size_in_mb: 3072", "memory_size_in_mb: 4096"),
    "tenants-csv": ('"{{ each.value.instance_type }}"', "ml.r5.large"),
}


@pytest.fixture(autouse=True)
def _eighty_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


@pytest.fixture(params=EXAMPLES, ids=lambda path: path.name)
def example(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy of an example, to work in."""
    folder = tmp_path / request.param.name
    shutil.copytree(request.param, folder, ignore=shutil.ignore_patterns(".mmeplan"))
    return folder


def planned(folder: Path) -> dict[str, Any]:
    """The plan of a folder's fleet, as a document."""
    result = mmeplan("plan --local --format json fleet.yaml", folder)
    assert result.code == 0, result.stderr
    document: dict[str, Any] = json.loads(result.stdout)
    return document


def operations(document: dict[str, Any]) -> set[str]:
    return {step["operation"] for step in document["steps"]}


def apply(folder: Path) -> Result:
    result = mmeplan("apply --local --yes fleet.yaml", folder)
    assert result.code == 0, result.stdout + result.stderr
    return result


def edit(folder: Path, old: str, new: str) -> None:
    path = folder / "fleet.yaml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def test_every_example_has_a_readme_and_an_edit() -> None:
    assert {path.name for path in EXAMPLES} == set(CONFIG_EDITS)
    assert all((path / "README.md").exists() for path in EXAMPLES)


def test_an_example_plans_changes_then_applies_then_plans_nothing(example: Path) -> None:
    assert mmeplan("plan --local --detailed-exitcode fleet.yaml", example).code == 2
    apply(example)
    again = mmeplan("plan --local --detailed-exitcode fleet.yaml", example)
    assert again.code == 0
    assert "No changes" in again.stdout
    assert planned(example)["steps"] == []


def test_a_config_edit_swaps_and_leaves_the_model_alone_and_its_revert_creates_nothing(example: Path) -> None:
    apply(example)
    old, new = CONFIG_EDITS[example.name]
    edit(example, old, new)
    document = planned(example)
    assert operations(document) == {"CreateEndpointConfig", "UpdateEndpoint", "AddTags"}
    assert all(change["actions"] == ["no-op"] for change in document["changes"] if change["kind"] == "model")
    assert all(names for names in document["kept"].values()), "the config that is left is kept for a rollback"
    apply(example)
    assert planned(example)["steps"] == []
    edit(example, new, old)
    assert operations(planned(example)) == {"UpdateEndpoint", "AddTags"}, "the kept config is used again"
    apply(example)
    assert planned(example)["steps"] == []


def test_a_tag_edit_makes_tag_calls_and_nothing_else(example: Path) -> None:
    apply(example)
    path = example / "fleet.yaml"
    document = yaml.safe_load(path.read_text())
    document.setdefault("defaults", {}).setdefault("tags", {})["cost-centre"] = "4711"
    path.write_text(yaml.safe_dump(document))
    scaled = "autoscaling" in str(document)  # a scalable target has tags of its own
    assert operations(planned(example)) == {"AddTags", *(["TagResource"] if scaled else [])}
    apply(example)
    assert planned(example)["steps"] == []
    del document["defaults"]["tags"]["cost-centre"]
    path.write_text(yaml.safe_dump(document))
    seal = {"AddTags"} if "'tags': {'" in str(document) else set()  # where tags stay, the seal on them is renewed
    gone = {"DeleteTags", *(["UntagResource"] if scaled else [])}
    assert operations(planned(example)) == gone | seal
    apply(example)
    assert planned(example)["steps"] == []


def test_reordering_the_file_changes_nothing(example: Path) -> None:
    apply(example)
    path = example / "fleet.yaml"
    path.write_text(yaml.safe_dump(_reversed(yaml.safe_load(path.read_text())), sort_keys=False))
    assert planned(example)["steps"] == []


def _reversed(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _reversed(item) for key, item in reversed(value.items())}
    return [_reversed(item) for item in value] if isinstance(value, list) else value


def test_destroying_an_example_leaves_nothing_behind(example: Path) -> None:
    apply(example)
    result = mmeplan("destroy --local --yes fleet.yaml", example)
    assert result.code == 0, result.stderr
    snapshot = mmeplan("snapshot --local fleet.yaml", example)
    objects = json.loads(snapshot.stdout)["objects"]
    objects.pop("artifacts", None)  # archives stay: a destroy deletes none
    assert {item["status"] for named in objects.values() for item in named.values()} == {"absent"}


@pytest.mark.parametrize("folder", EXAMPLES, ids=lambda path: path.name)
def test_the_readme_shows_the_plan_as_it_is(folder: Path, tmp_path: Path, accept: bool) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy, ignore=shutil.ignore_patterns(".mmeplan"))
    shown = mmeplan("plan --local fleet.yaml", copy).stdout.rstrip() + "\n"
    readme = folder / "README.md"
    before, rest = readme.read_text().split("<!-- plan -->\n")
    _, after = rest.split("<!-- end of plan -->")
    wanted = f"{before}<!-- plan -->\n```text\n{shown}```\n<!-- end of plan -->{after}"
    if accept:
        readme.write_text(wanted)
    assert readme.read_text() == wanted
