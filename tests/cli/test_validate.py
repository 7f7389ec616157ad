"""`mmeplan validate` for machines: JSON, SARIF and GitHub's workflow commands, for unreadable files as well."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from mmeplan import rules
from mmeplan.plan import Finding
from mmeplan.render.github import annotations_text
from mmeplan.render.sarif import sarif_text
from tests.cli.running import mmeplan

CAPTURE = "data_capture_config: {capture_options: []}"


SARIF = jsonschema.Draft202012Validator(
    json.loads((Path(__file__).parents[1] / "rules" / "sarif-schema-2.1.0.json").read_text(encoding="utf-8"))
)
"""The official schema; tests/rules/sarif-schema-2.1.0.md says where it is from. It admits no member that it lacks."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a fleet that has an error, a warning, and a note."""
    bad = rules.find("CFG-06").bad.replace("initial_instance_count: 2", "initial_instance_count: 1")
    allowed = 'allow: {CFG-41: "kept for later"}\nmodels:\n  spare: {primary_container: {image: IMAGE}}'
    image = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/spare:1"
    (tmp_path / "fleet.yaml").write_text(bad.replace("models:", allowed.replace("IMAGE", f'"{image}"'), 1))
    return tmp_path


@pytest.fixture
def unreadable(tmp_path: Path) -> Path:
    """A folder with a file that is no fleet, for two reasons."""
    (tmp_path / "fleet.yaml").write_text("version: 1\nfleet: x\nendpoint: {}\nmodels: {a: {nmae: x}}\n")
    return tmp_path


def sarif_of(folder: Path, code: int) -> dict[str, Any]:
    result = mmeplan("validate --format sarif", folder)
    assert (result.code, result.stderr) == (code, "")
    document: dict[str, Any] = json.loads(result.stdout)
    SARIF.validate(document)
    return document


def test_sarif_has_each_finding_with_its_place_its_level_and_the_help_of_its_rule(folder: Path) -> None:
    (run,) = sarif_of(folder, 3)["runs"]
    found = {result["ruleId"]: result for result in run["results"]}
    lines = (folder / "fleet.yaml").read_text().splitlines()

    assert {rule: result["level"] for rule, result in found.items()} == {
        "CFG-06": "error",
        "CFG-09": "warning",
        "CFG-41": "note",
    }
    place = found["CFG-06"]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"] == {"uri": "fleet.yaml", "uriBaseId": "%SRCROOT%"}
    line = lines[place["region"]["startLine"] - 1]
    assert line.endswith("# here")
    assert line[place["region"]["startColumn"] - 1 :].startswith("instance_type: m5.xlarge")
    described = run["tool"]["driver"]["rules"][found["CFG-06"]["ruleIndex"]]
    assert described["id"] == "CFG-06"
    assert "# CFG-06" in described["help"]["markdown"]
    assert found["CFG-41"]["suppressions"] == [{"kind": "inSource", "justification": "kept for later"}]


def test_a_finding_keeps_its_fingerprint_while_its_line_moves(folder: Path) -> None:
    def prints() -> list[Any]:
        return [result["partialFingerprints"] for result in sarif_of(folder, 3)["runs"][0]["results"]]

    before = prints()
    path = folder / "fleet.yaml"
    path.write_text(f"# a line more\n{path.read_text()}")

    assert prints() == before
    assert len({json.dumps(mark) for mark in before}) == len(before)


def test_the_official_schema_refuses_what_sarif_does_not_know(folder: Path) -> None:
    document = sarif_of(folder, 3)
    document["runs"][0]["results"][0]["level"] = "fatal"
    document["runs"][0]["tool"]["driver"]["colour"] = "red"

    assert sorted(".".join(map(str, error.absolute_path)) for error in SARIF.iter_errors(document)) == [
        "runs.0.results.0.level",
        "runs.0.tool.driver",
    ]


def test_sarif_of_a_good_fleet_has_no_results(folder: Path) -> None:
    (folder / "fleet.yaml").write_text(rules.find("CFG-06").good)

    assert sarif_of(folder, 0)["runs"][0]["results"] == []


def test_what_keeps_the_file_from_being_read_comes_out_in_every_format(unreadable: Path) -> None:
    (run,) = sarif_of(unreadable, 1)["runs"]
    listed = json.loads(mmeplan("validate --format json", unreadable).stdout)
    annotated = mmeplan("validate --format github", unreadable)

    assert [result["ruleId"] for result in run["results"]] == ["INPUT", "INPUT"]
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == ["INPUT"]
    assert [(finding["rule"], finding["line"]) for finding in listed] == [("INPUT", 3), ("INPUT", 4)]
    assert annotated.code == 1
    assert annotated.stdout.startswith("::error file=fleet.yaml,line=3,col=")
    assert mmeplan("validate", unreadable).stderr.count("fleet.yaml:") == 2


def test_a_file_that_is_not_there_is_a_result_without_a_line(tmp_path: Path) -> None:
    (result,) = sarif_of(tmp_path, 1)["runs"][0]["results"]

    assert "region" not in result["locations"][0]["physicalLocation"]


@pytest.mark.parametrize(
    "rule", [rule for rule in rules.all_rules() if rule.stage == "static"], ids=lambda rule: rule.id
)
def test_sarif_of_every_example_fits_the_schema(rule: rules.Rule, tmp_path: Path) -> None:
    (tmp_path / "fleet.yaml").write_text(rule.bad or rule.good)

    sarif_of(tmp_path, mmeplan("validate", tmp_path).code)


def finding(severity: Any = "error", message: str = "m", file: str = "fleet.yaml", line: int = 1) -> Finding:
    return Finding("R-01", severity, "model/x", "models.x", message, "", "", file, line, 3 if line else 0)


def test_a_path_with_blanks_or_from_the_root_is_a_legal_uri() -> None:
    for file, uri in (("my fleet#1.yaml", "my%20fleet%231.yaml"), ("/srv/ü.yaml", "file:///srv/%C3%BC.yaml")):
        document = json.loads(sarif_text([finding(file=file)], [], version="1.0.0"))
        SARIF.validate(document)
        location = document["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]
        assert location["uri"] == uri


def test_annotations_show_the_worst_first_and_name_line_and_rule(folder: Path) -> None:
    result = mmeplan("validate --format github", folder)

    assert result.code == 3
    assert re.findall(r"^::(\w+) file=fleet.yaml,line=(\d+),col=\d+,title=([\w-]+)::", result.stdout, re.M) == [
        ("error", "20", "CFG-06"),
        ("warning", "19", "CFG-09"),
    ]


def test_a_good_fleet_has_no_annotations(folder: Path) -> None:
    (folder / "fleet.yaml").write_text(rules.find("CFG-06").good)

    assert mmeplan("validate --format github", folder).stdout == ""


def test_what_has_a_meaning_in_a_command_is_escaped() -> None:
    text = annotations_text([finding(message="100 %: a, b\r\n::error::x", file="a,b:c%.yaml")])

    assert text == "::error file=a%2Cb%3Ac%25.yaml,line=1,col=3,title=R-01::100 %25: a, b%0D%0A::error::x\n"


def test_a_finding_without_a_line_has_no_line() -> None:
    assert annotations_text([finding(file="", line=0)]) == "::error title=R-01::m\n"


def test_ten_of_a_kind_are_shown_and_the_last_says_how_many_there_are_besides() -> None:
    many = [finding("warning", f"w{n}") for n in range(12)] + [finding("error", f"e{n}") for n in range(13)]
    lines = annotations_text(many).splitlines()

    assert [line.split(" ")[0] for line in lines] == ["::error"] * 10 + ["::warning"] * 10
    assert [line for line in lines if "more" in line] == [lines[9], lines[19]]
    assert lines[9].endswith("::e9%0A… and 3 more errors; mmeplan validate shows them all")
    assert lines[19].endswith("::w9%0A… and 2 more warnings; mmeplan validate shows them all")
    assert "more" not in annotations_text(many[:10])
