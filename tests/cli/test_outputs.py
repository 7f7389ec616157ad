"""`--write` and `--format github` as a user meets them, in and out of a workflow."""

from __future__ import annotations

import json
import re
import stat
from pathlib import Path

import pytest

from tests.cli.running import mmeplan
from tests.flow.runner import outputs_of

SECRET = "not-for-everyone"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the starter fleet."""
    assert mmeplan("init", tmp_path).code == 0
    path = tmp_path / "fleet.yaml"
    path.write_text(path.read_text().replace("LOG_LEVEL: info", f"LOG_LEVEL: {SECRET}"))
    return tmp_path


@pytest.fixture
def step(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same as a step of a workflow; the folder of the runner's files."""
    files = folder / "runner"
    files.mkdir()
    monkeypatch.setenv("GITHUB_OUTPUT", str(files / "output"))
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(files / "summary"))
    monkeypatch.setenv("GITHUB_WORKSPACE", str(folder.parent))
    return files


WRITES = "--write md=plan.md --write html=plan.html --write text=plan.txt --write json=shown.json"


def test_one_plan_goes_to_several_files_at_once(folder: Path) -> None:
    planned = mmeplan(f"plan --local {WRITES} --out plan.json", folder)
    assert planned.code == 0, planned.stderr
    assert (
        (folder / "plan.md").read_text().startswith("<!-- mmeplan:fleet=starter;environment=;path=fleet.yaml;region=")
    )
    assert "<!doctype html>" in (folder / "plan.html").read_text().lower()[:200]
    assert (folder / "plan.txt").read_text() == planned.stdout
    assert json.loads((folder / "shown.json").read_text())["masked"] is True
    for name in ("plan.md", "plan.html", "plan.txt", "shown.json"):
        assert SECRET not in (folder / name).read_text()
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o666 & ~umask()
    assert stat.S_IMODE((folder / "plan.json").stat().st_mode) == 0o600
    again = mmeplan(f"show plan.json {WRITES.replace('=plan', '=again')}", folder)
    assert again.code == 0, again.stderr
    first, second = ((folder / name).read_text().splitlines() for name in ("plan.md", "again.md"))
    assert second[:-1] == first[:-1], "all but how to apply it"


def umask() -> int:
    import os

    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_files_with_environment_values_are_private(folder: Path) -> None:
    assert mmeplan("plan --local --write text=plan.txt --show-environment", folder).code == 0
    assert SECRET in (folder / "plan.txt").read_text()
    assert stat.S_IMODE((folder / "plan.txt").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ("--write plan.md", "expected FORMAT=FILE"),
        ("--write md=", "expected FORMAT=FILE"),
        ("--write pdf=plan.pdf", "there is no format 'pdf', only text, json, markdown, html"),
        ("--write plan=plan.json", "--out FILE saves a plan for apply"),
        ("--write md=a --write html=./a", "the same file"),
        ("--write md=fleet.yaml", "the same file"),
        ("--out plan.json --write json=plan.json", "the same file"),
        ("--write md=a.md --write html=no/such/folder.html", "no/such/folder.html"),
        ("--format github --show-environment", "environment values stay masked"),
    ],
)
def test_what_can_not_be_written_is_told_and_nothing_is(folder: Path, options: str, told: str) -> None:
    before = (folder / "fleet.yaml").read_text()
    ended = mmeplan(f"plan --local {options}", folder)
    assert ended.code in (1, 2)
    assert told in ended.stderr
    assert {path.name for path in folder.iterdir()} <= {"fleet.yaml", ".mmeplan"}
    assert (folder / "fleet.yaml").read_text() == before


def test_a_step_is_told_everything(folder: Path, step: Path) -> None:
    ended = mmeplan("plan --local --format github --detailed-exitcode", folder)
    assert ended.code == 2
    said = outputs_of(step / "output")
    assert (said["changes"], said["exit"], said["worst_effect"]) == ("3", "2", "create")
    assert said["plan_id"].startswith("sha256:")
    assert (step / "summary").read_text().startswith("<!-- mmeplan:")
    for text in (ended.stdout, (step / "output").read_text(), (step / "summary").read_text()):
        assert SECRET not in text


def test_a_saved_plan_is_told_in_the_same_words(folder: Path, step: Path) -> None:
    mmeplan("plan --local --out plan.json --format github", folder)
    first = outputs_of(step / "output")
    (step / "output").unlink()
    mmeplan("show plan.json --format github", folder)
    assert outputs_of(step / "output") == first


def test_outside_of_a_workflow_it_says_what_is_missing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"):
        monkeypatch.delenv(name, raising=False)
    ended = mmeplan("plan --local --format github", folder)
    assert ended.code == 0
    assert "GITHUB_OUTPUT isn't set" in ended.stderr
    assert "GITHUB_STEP_SUMMARY isn't set" in ended.stderr
    assert "::group::The plan" in ended.stdout


def test_a_summary_that_is_full_stays_as_it_is(folder: Path, step: Path) -> None:
    (step / "summary").write_text("x" * (1024 * 1024 - 100))
    ended = mmeplan("plan --local --format github", folder)
    assert ended.code == 0
    assert "the step's summary is full" in ended.stderr
    assert (step / "summary").stat().st_size == 1024 * 1024 - 100
    assert outputs_of(step / "output")["exit"] == "2"


def test_a_runner_file_that_can_not_be_written_is_told(
    folder: Path, step: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_OUTPUT", str(step / "no" / "output"))
    ended = mmeplan("plan --local --format github", folder)
    assert ended.code == 1
    assert "no/output  error  can't be written" in ended.stderr


def test_a_broken_file_is_told_as_well(folder: Path, step: Path) -> None:
    path = folder / "fleet.yaml"
    path.write_text(path.read_text().replace("endpoints:", "endpointz:"))
    ended = mmeplan("plan --local --format github --write md=plan.md", folder)
    assert ended.code == 1
    assert outputs_of(step / "output")["exit"] == "1"
    assert f"::error file={folder.name}/fleet.yaml,line=" in ended.stdout
    text = (folder / "plan.md").read_text()
    assert text.startswith(f"<!-- mmeplan:fleet=starter;environment=;path={folder.name}%2Ffleet.yaml -->\n")
    assert "there is no plan; 1 error" in text
    assert (step / "summary").read_text() == text


def test_a_refused_file_and_missing_credentials_are_told_as_well(folder: Path, step: Path) -> None:
    ended = mmeplan("plan --format github --write md=plan.md -e staging", folder)
    assert ended.code == 1, "there are no credentials here"
    assert outputs_of(step / "output")["labels"] == "mmeplan:error"
    text = (folder / "plan.md").read_text()
    assert text.startswith(f"<!-- mmeplan:fleet=starter;environment=staging;path={folder.name}%2Ffleet.yaml -->\n")
    assert "credentials" in text

    path = folder / "fleet.yaml"
    path.write_text(path.read_text().replace("ml.m5.large", "ml.m5.lardge"))
    (step / "output").unlink()
    ended = mmeplan("plan --local --format github --write md=plan.md", folder)
    assert ended.code in (1, 3)
    assert outputs_of(step / "output")["exit"] == str(ended.code)
    assert "lardge" in (folder / "plan.md").read_text()


def test_several_files_are_validated_at_once(folder: Path) -> None:
    (folder / "other.yaml").write_text((folder / "fleet.yaml").read_text())
    good = mmeplan("validate fleet.yaml other.yaml", folder)
    assert (good.code, good.stdout) == (0, "No findings.\n")
    (folder / "broken.yaml").write_text("fleet: [")
    ended = mmeplan("validate fleet.yaml broken.yaml missing.yaml", folder)
    assert ended.code == 1
    assert "broken.yaml:2:1  error" in ended.stderr
    assert "missing.yaml  error" in ended.stderr
    assert ended.stdout == ""
    found = json.loads(mmeplan("validate --format json fleet.yaml broken.yaml missing.yaml", folder).stdout)
    assert {item["file"] for item in found} == {"broken.yaml", "missing.yaml"}


# --- a rendering whose environment values are masked ----------------------------------------------------------------


@pytest.fixture
def masked(folder: Path) -> Path:
    """The folder, with what `plan --format json` printed."""
    (folder / "masked.json").write_text(mmeplan("plan --local --format json", folder).stdout)
    return folder


@pytest.mark.parametrize("format_", ["text", "json", "markdown", "html"])
def test_a_masked_plan_is_shown_as_the_plan_itself_is(masked: Path, format_: str) -> None:
    assert mmeplan("plan --local --out plan.json", masked).code == 0
    shown, of_the_plan = (mmeplan(f"show {name} --format {format_}", masked) for name in ("masked.json", "plan.json"))
    assert shown.code == 0
    applies = r"(Next: |<p>Apply it: (<code>)?|Apply it: `)mmeplan apply plan\.json(`|</code></p>)?"
    assert shown.stdout.split() == re.sub(applies, "", of_the_plan.stdout).split()
    assert "a rendering with masked environment values, which can't be applied" in shown.stderr


def test_a_masked_plan_has_no_values_to_show_and_is_not_applied(masked: Path) -> None:
    assert "they are not in the file" in mmeplan("show masked.json --show-environment", masked).stderr
    refused = mmeplan("apply masked.json --local --yes", masked)
    assert refused.code == 1
    assert "it can't be applied" in refused.stderr


def test_a_masked_plan_that_contradicts_itself_is_refused(masked: Path) -> None:
    document = json.loads((masked / "masked.json").read_text())
    document["steps"][0]["after"] = ["nothing"]
    (masked / "masked.json").write_text(json.dumps(document))
    assert "this plan contradicts itself" in mmeplan("show masked.json", masked).stderr
