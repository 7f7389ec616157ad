"""`mmeplan plan FLEET… -e …`: several plans in one report, the worst first."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from mmeplan.render.markup import length
from tests.cli.running import Result, mmeplan

ROOT = Path(__file__).parents[2]
SECRET = "not-for-everyone"
FLEET = """\
version: 1
fleet: {name}
region: eu-west-1
environments: {{staging: {{}}, prod: {{}}}}
models:
  {name}:
    execution_role_arn: arn:aws:iam::123456789012:role/serving
    primary_container:
      image: 123456789012.dkr.ecr.eu-west-1.amazonaws.com/scorer:1
      environment: {{API_KEY: not-for-everyone}}
endpoints:
  {name}:
    name: "{name}-{{{{ environment }}}}"
    config:
      production_variants:
        main: {{model: {name}, instance_type: ml.m5.large, initial_instance_count: 1}}
"""


def write(folder: Path, name: str, text: str = "") -> Path:
    path = folder / "fleets" / name / "fleet.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text or FLEET.format(name=name))
    return path


def run(folder: Path, command: str) -> Result:
    return mmeplan(f"{command} --local-db aws.db", folder)


@pytest.fixture(scope="module")
def applied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two fleets that are live, and then: one deletes its endpoint, one is as it was, and a third is broken."""
    folder = tmp_path_factory.mktemp("applied")
    for name in ("alike", "gone"):
        assert run(folder, f"apply --yes -e prod {write(folder, name)}").code == 0
    write(folder, "gone", FLEET.format(name="gone").partition("endpoints:")[0] + "endpoints: {}\n")
    write(folder, "broken", FLEET.format(name="broken") + "nonsense: [\n")
    return folder


@pytest.fixture
def fleets(applied: Path, tmp_path: Path) -> Path:
    """The same in a folder of its own."""
    return Path(shutil.copytree(applied, tmp_path / "fleets-of-one-test"))


ALL = "fleets/alike/fleet.yaml fleets/gone/fleet.yaml fleets/broken/fleet.yaml"


def test_an_error_in_one_fleet_hides_no_other_plan_and_the_worst_comes_first(fleets: Path) -> None:
    ended = run(fleets, f"plan -e prod {ALL} --out plans")
    assert ended.code == 1
    assert ended.stdout.startswith("3 plans: 1 without a plan, DELETION in 1, 1 without changes\n")
    lines = ended.stdout.splitlines()
    rows = [line for line in lines[1:6] if line]
    assert [row.split()[1].split("/")[1] for row in rows[:2]] == ["broken", "gone"]
    assert "= No changes: fleets/alike/fleet.yaml (prod)" in lines
    assert "not valid YAML" in ended.stdout
    assert sorted(path.name for path in (fleets / "plans").iterdir()) == [
        "fleets-alike-fleet.prod.json",
        "fleets-gone-fleet.prod.json",
    ]
    assert run(fleets, "apply --yes plans/fleets-gone-fleet.prod.json").code == 0
    assert run(fleets, "plan -e prod fleets/alike/fleet.yaml fleets/gone/fleet.yaml --detailed-exitcode").code == 0


@pytest.mark.parametrize(
    ("names", "options", "code"),
    [
        ("alike", "--together", 0),
        ("alike gone", "", 0),
        ("alike gone", "--detailed-exitcode", 2),
        ("alike refused", "--detailed-exitcode", 3),
        ("refused gone", "", 3),
        ("gone refused broken", "", 1),
    ],
)
def test_the_exit_code_is_the_worst_plans(fleets: Path, names: str, options: str, code: int) -> None:
    write(fleets, "refused", FLEET.format(name="refused").replace("ml.m5.large", "ml.bogus"))
    files = " ".join(f"fleets/{name}/fleet.yaml" for name in names.split())
    ended = run(fleets, f"plan -e prod {files} {options} --format json")
    assert ended.code == code
    document = json.loads(ended.stdout)
    assert document["exit"] == (2 if "gone" in names and code == 0 else code)
    assert len(document["plans"]) == len(names.split())


def test_each_environment_has_a_plan(fleets: Path) -> None:
    document = json.loads(run(fleets, "plan fleets/alike/fleet.yaml -e staging -e prod --format json").stdout)
    assert [(item["environment"], item["exit"]) for item in document["plans"]] == [("staging", 2), ("prod", 0)]
    one = json.loads(run(fleets, "plan fleets/alike/fleet.yaml -e prod --format json").stdout)
    assert "plan_id" in one


def test_the_document_has_a_schema_and_is_not_applied(fleets: Path) -> None:
    document = json.loads(run(fleets, f"plan -e prod {ALL} --format json --write json=report.json").stdout)
    schema = json.loads((ROOT / "specs/report.schema.json").read_text())
    Draft202012Validator(schema).validate(document)
    assert document["format_version"] == "1.0"
    for command in ("apply --yes report.json", "show report.json"):
        ended = mmeplan(command, fleets)
        assert ended.code == 1
        assert "this is a report of several plans, and no plan" in ended.stderr
        assert "--out FOLDER" in ended.stderr


@pytest.mark.parametrize("format_", ["text", "json", "markdown", "html", "github"])
def test_no_output_tells_a_secret(fleets: Path, format_: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"):
        monkeypatch.setenv(name, str(fleets / name))
    write(fleets, "new")
    ended = run(fleets, f"plan -e prod {ALL} fleets/new/fleet.yaml --format {format_} --full")
    assert "fleets/new/fleet.yaml" in ended.stdout
    told = "".join(path.read_text() for path in fleets.glob("GITHUB_*"))
    assert SECRET not in ended.stdout + ended.stderr + told
    if format_ != "github":
        return
    assert "exit<<" in told
    assert "\n1\n" in told
    assert "mmeplan:error,mmeplan:delete,mmeplan:create" in told
    assert "3 plans" not in told
    assert "## 4 plans: 1 without a plan" in told


def test_a_plan_of_before_does_not_stay_in_the_folder(fleets: Path) -> None:
    assert run(fleets, "plan -e prod fleets/alike/fleet.yaml fleets/gone/fleet.yaml --out plans").code == 0
    write(fleets, "alike", "version: 1\nnonsense: [\n")
    assert run(fleets, "plan -e prod fleets/alike/fleet.yaml fleets/gone/fleet.yaml --out plans").code == 1
    assert [path.name for path in (fleets / "plans").iterdir()] == ["fleets-gone-fleet.prod.json"]


def test_two_files_of_one_name_are_saved_apart(fleets: Path) -> None:
    (fleets / "fleets-alike").mkdir()
    (fleets / "fleets-alike/fleet.yaml").write_text((fleets / "fleets/alike/fleet.yaml").read_text())
    ended = run(fleets, "plan -e prod fleets/alike/fleet.yaml fleets-alike/fleet.yaml --out plans --format json")
    saved = {item["path"]: item["saved"] for item in json.loads(ended.stdout)["plans"]}
    names = [Path(saved[f"{folder}/fleet.yaml"]).name for folder in ("fleets/alike", "fleets-alike")]
    assert len(set(names)) == 2
    for name in names:
        assert re.fullmatch(r"fleets-alike-fleet\.prod-[0-9a-f]{8}\.json", name), (
            "neither has the name that it has alone"
        )


def test_a_fleet_is_never_planned_from_the_snapshot_of_another(fleets: Path) -> None:
    """A folder of all fleets is read for some of them: a file's name is of one fleet, whatever others there are."""
    (fleets / "fleets-alike").mkdir()
    (fleets / "fleets-alike/fleet.yaml").write_text((fleets / "fleets/alike/fleet.yaml").read_text())
    both = "fleets/alike/fleet.yaml fleets-alike/fleet.yaml"
    assert run(fleets, f"snapshot -e prod {both} --out seen").code == 0
    alone = mmeplan("plan -e prod --together fleets-alike/fleet.yaml --snapshot seen --format json", fleets)
    assert alone.code == 1
    (item,) = json.loads(alone.stdout)["plans"]
    assert "no snapshot of it is stored there" in item["findings"][0]["message"]
    assert mmeplan(f"plan -e prod {both} --snapshot seen", fleets).code == 0


def test_a_folder_of_snapshots_and_what_goes_wrong_in_one(fleets: Path) -> None:
    several = "snapshot -e prod fleets/alike/fleet.yaml fleets/gone/fleet.yaml"
    done = run(fleets, f"{several} --out seen --masked")
    assert (done.code, done.stderr) == (0, "wrote 2 snapshots to seen\n")
    assert sorted(path.name for path in (fleets / "seen").iterdir()) == [
        "fleets-alike-fleet.prod.json",
        "fleets-gone-fleet.prod.json",
    ]
    for path in (fleets / "seen").iterdir():
        assert path.stat().st_mode & 0o077 == 0
        assert SECRET not in path.read_text()
    write(fleets, "alike", "version: 1\nnonsense: [\n")
    broken = run(fleets, f"{several} --out seen")
    assert broken.code == 1
    assert "fleets/alike/fleet.yaml" in broken.stderr
    assert [path.name for path in (fleets / "seen").iterdir()] == ["fleets-gone-fleet.prod.json"]
    assert run(fleets, "snapshot -e prod fleets/gone/fleet.yaml --together --out one").code == 0
    assert (fleets / "one/fleets-gone-fleet.prod.json").exists()
    (fleets / "file").touch()
    for options, told in (
        (several, "several snapshots need --out FOLDER"),
        (f"{several} --out file", "several snapshots need a folder, and this is a file"),
        ("snapshot -e prod fleets/gone/fleet.yaml --out seen", "one snapshot is saved in a file"),
    ):
        refused = run(fleets, options)
        assert refused.code == 1
        assert told in " ".join(refused.stderr.split())


def test_each_is_planned_from_its_own_snapshot(fleets: Path) -> None:
    (fleets / "seen").mkdir()
    for name in ("alike", "gone"):
        run(fleets, f"snapshot -e prod fleets/{name}/fleet.yaml --out seen/fleets-{name}-fleet.prod.json")
    command = "plan -e prod fleets/alike/fleet.yaml fleets/gone/fleet.yaml --format json --snapshot"
    document = json.loads(mmeplan(f"{command} seen", fleets).stdout)
    assert [item["plan"]["summary"]["worst_effect"] for item in document["plans"]] == ["delete", "none"]
    refused = mmeplan(f"{command} seen/fleets-gone-fleet.prod.json", fleets)
    assert refused.code == 1
    assert "a snapshot is of one fleet" in refused.stderr


@pytest.mark.parametrize("option", ["--iam", "--target endpoint/x", "--replace model/x", "--allow-outage endpoint/x"])
def test_options_about_one_fleet_are_a_usage_error(fleets: Path, option: str) -> None:
    ended = run(fleets, f"plan {option} fleets/alike/fleet.yaml fleets/gone/fleet.yaml")
    assert ended.code == 1
    assert f"{option.split()[0]} is about one fleet in one environment" in ended.stderr


def test_one_plan_is_not_saved_as_a_folder(fleets: Path) -> None:
    (fleets / "plans").mkdir()
    ended = run(fleets, "plan -e prod fleets/alike/fleet.yaml --out plans")
    assert ended.code == 1
    assert "one plan is saved in a file, and this is a folder" in ended.stderr


def test_thirty_fleets_are_one_comment(tmp_path: Path) -> None:
    files = " ".join(str(write(tmp_path, f"fleet-{number:02}").relative_to(tmp_path)) for number in range(30))
    assert run(tmp_path, "apply --yes -e prod fleets/fleet-17/fleet.yaml").code == 0
    write(tmp_path, "fleet-17", FLEET.format(name="fleet-17").partition("endpoints:")[0] + "endpoints: {}\n")
    ended = run(tmp_path, f"plan -e prod {files} --format markdown")
    assert ended.code == 0
    text = ended.stdout
    assert length(text) <= 60_000
    assert text.startswith("<!-- mmeplan:fleet=%2A;environment=prod -->\n")
    assert "## 30 plans: DELETION in 1, new endpoints in 29" in text
    rows = re.findall(r"^\| `fleets/(fleet-\d\d)/fleet.yaml \(prod\)` \| ", text, re.MULTILINE)
    assert rows == ["fleet-17", *(f"fleet-{number:02}" for number in range(30) if number != 17)]
    assert "> - `fleets/fleet-17/fleet.yaml (prod)`: **DELETION** of `endpoint/fleet-17`" in text
    assert text.count("<details>") == text.count("</details>")
    assert text.index("<summary><code>fleets/fleet-17/") < text.index("<summary><code>fleets/fleet-00/")
