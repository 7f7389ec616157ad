"""`prices: {file: …}`: what is read of it, and what is wrong with it, at its place in the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmeplan.aws.prices import Prices
from mmeplan.errors import InputError
from mmeplan.spec import load
from mmeplan.spec.prices import text_of

HEAD = 'region: eu-west-1\ndate: "2026-11-30"\ncurrency: USD\nterms: on demand\n'
WHOLE = Prices(
    *("eu-west-1", "2026-11-30", "USD"),
    *({"ml.m5.xlarge": 0.257}, {"ml.m5.xlarge": 0.3}, {2048: 0.00004}, {2048: 0.00001}),
    "prices.yaml",
)


def loaded(folder: Path, text: str) -> Prices | None:
    (folder / "prices.yaml").write_text(text)
    (folder / "fleet.yaml").write_text("version: 1\nfleet: f\nprices: {file: prices.yaml}\n")
    return load(folder / "fleet.yaml").prices


def test_what_is_written_is_read(tmp_path: Path) -> None:
    assert loaded(tmp_path, text_of(WHOLE)) == WHOLE
    assert "e-" not in text_of(WHOLE)


def test_the_file_is_a_source_of_the_plan(tmp_path: Path) -> None:
    loaded(tmp_path, HEAD)
    assert [source.path for source in load(tmp_path / "fleet.yaml").sources][1:] == ["prices.yaml"]


def test_no_prices(tmp_path: Path) -> None:
    (tmp_path / "fleet.yaml").write_text("version: 1\nfleet: f\nprices:\n")
    assert load(tmp_path / "fleet.yaml").prices is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEAD + "instances:\n  ml.m5.xlarge: free\n", "prices.yaml:6:3: instances.ml.m5.xlarge: expected a price"),
        (HEAD + "instances:\n  ml.m5.xlarge: -1\n", "prices.yaml:6:3: instances.ml.m5.xlarge: expected a price"),
        (HEAD + "instances:\n  ml.m5.xlarge: .inf\n", "expected a price"),
        (HEAD + "instances:\n  ml.m5.xlarge: .nan\n", "expected a price"),
        (HEAD + "instances:\n  ml.m5.xlarge: true\n", "expected a price"),
        (HEAD + "instances:\n  m5.xlarge: 1\n", "prices.yaml:6:3: instances.m5.xlarge: expected an instance type"),
        (HEAD + "instances: [1]\n", "prices.yaml:5:1: expected prices by name"),
        (HEAD + "serverless:\n  big: 1\n", "prices.yaml:6:3: serverless.big: expected a memory size in MB"),
        (HEAD + "discount: 10\n", "prices.yaml:5:1: unknown key 'discount'"),
        (HEAD.replace("on demand", "spot"), "prices.yaml:4:1: the only terms that are known are 'on demand'"),
        (HEAD.replace("2026-11-30", "soon"), "prices.yaml:2:1: expected a date"),
        (HEAD.replace("eu-west-1", "Ireland"), "prices.yaml:1:1: expected a region"),
        (HEAD.replace("USD", "dollars"), "prices.yaml:3:1: expected a currency"),
        ("- 1\n", "prices.yaml:1:1: expected the texts region, date, currency, terms"),
        ("region: 1\n", "prices.yaml:1:1: expected the texts region, date, currency, terms"),
        ("a: [\n", "prices.yaml"),
    ],
)
def test_what_is_wrong_is_said_at_its_place(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError) as raised:
        loaded(tmp_path, text)
    (problem,) = raised.value.problems
    assert message in problem.message
    assert (problem.line, problem.path) == (3, "prices.file")


@pytest.mark.parametrize(
    "value", ["prices.yaml", "{ml.m5.xlarge: 1}", "[1]", "{file: missing.yaml}", "{file: ../../x}"]
)
def test_only_a_file_that_is_there(tmp_path: Path, value: str) -> None:
    (tmp_path / "fleet.yaml").write_text(f"version: 1\nfleet: f\nprices: {value}\n")
    with pytest.raises(InputError) as raised:
        load(tmp_path / "fleet.yaml")
    assert raised.value.problems[0].hint == "mmeplan prices --out FILE writes one"
