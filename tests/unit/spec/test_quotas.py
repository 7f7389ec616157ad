"""`quotas`: inline, in a file beside the fleet file in any of its forms, and what is wrong with them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mmeplan.errors import InputError
from mmeplan.spec import Fleet, Quota, load, load_text

HEAD = "version: 1\nfleet: f\n"


def beside(folder: Path, name: str, content: str) -> Fleet:
    (folder / name).write_text(content)
    (folder / "fleet.yaml").write_text(f"{HEAD}quotas: {{file: {name}}}\n")
    return load(folder / "fleet.yaml")


def test_inline_and_with_an_expression() -> None:
    text = f"{HEAD}variables: {{most: 7}}\nquotas: {{ml.m5.xlarge: 20, ml.g5.xlarge: '{{{{ most }}}}'}}\n"
    found = load_text(text.encode()).quotas
    assert found == {"ml.m5.xlarge": Quota(20, "fleet.yaml"), "ml.g5.xlarge": Quota(7, "fleet.yaml")}
    assert load_text(HEAD.encode()).quotas == {}
    assert load_text(f"{HEAD}quotas:\n".encode()).quotas == {}


SERVICE_QUOTAS = {
    "Quotas": [
        {"QuotaName": "ml.m5.xlarge for endpoint usage", "Value": 20.0},
        {"QuotaName": "ml.m5.xlarge for training job usage", "Value": 1.0},
        {"QuotaName": "Number of endpoints", "Value": 100.0},
    ]
}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("quotas.yaml", "ml.m5.xlarge: 20\n"),
        ("quotas.csv", "instance_type,quota\nml.m5.xlarge,20\n"),
        ("quotas.json", json.dumps({"ml.m5.xlarge": 20})),
        ("service-quotas.json", json.dumps(SERVICE_QUOTAS)),
    ],
)
def test_a_file_in_each_of_its_forms(tmp_path: Path, name: str, content: str) -> None:
    fleet = beside(tmp_path, name, content)
    assert fleet.quotas == {"ml.m5.xlarge": Quota(20, name)}
    assert [source.path for source in fleet.sources][1:] == [name]  # a changed quota makes a saved plan stale


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("{m5.xlarge: 1}", "'m5.xlarge' is not an instance type"),
        ("{ml.m5.xlarge: many}", "expected a number of instances, got 'many'"),
        ("{ml.m5.xlarge: -1}", "expected a number of instances, got -1"),
        ("{ml.m5.xlarge: true}", "expected a number of instances, got True"),
        ("[1]", "expected instance types with their quotas"),
        ("12", "expected instance types with their quotas"),
        ("{file: nowhere.yaml}", "can't read 'nowhere.yaml'"),
        ("{file: ../up.yaml}", "must lie beside the fleet file"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(value: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as refused:
        load_text(f"{HEAD}quotas: {value}\n".encode())
    assert refused.value.problems[0].line == 3


def test_what_is_wrong_in_a_file_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"quotas\.yaml: ml\.m5\.xlarge: expected a number"):
        beside(tmp_path, "quotas.yaml", "ml.m5.xlarge: x\n")
