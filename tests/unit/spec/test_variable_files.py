"""`--var-file`: what a file of variables may be, and which value wins."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from mmeplan.errors import InputError
from mmeplan.spec import Fleet, VariableFile, load_text, read_variables, variable_files

FLEET = b"""\
version: 1
fleet: x
variables: {tag: "1", count: 1, stores: {}, note: none}
environments: {prod: {variables: {count: 7}}}
endpoints:
  "ranker-{{ each.key }}":
    for_each: "{{ stores }}"
    tags: {tag: "{{ tag }}", note: "{{ note }}", number: "{{ 'yes' if count is number else 'no' }}"}
    config:
      production_variants: {main: {model_name: m, instance_type: ml.m5.large, initial_instance_count: "{{ count }}"}}
"""
STORES = VariableFile("stores.json", {"stores": ["berlin"]})


def loaded(*files: VariableFile, variables: dict[str, str] | None = None, environment: str | None = None) -> Fleet:
    return load_text(FLEET, environment=environment, variables=variables, variable_files=(STORES, *files))


def count_of(fleet: Fleet) -> int:
    config = fleet.endpoints["ranker-berlin"].config
    assert config is not None
    count: int = config.request["ProductionVariants"]["main"]["InitialInstanceCount"]
    return count


def read(folder: Path, name: str, raw: bytes) -> VariableFile:
    (folder / name).write_bytes(raw)
    return read_variables(folder / name)


@pytest.mark.parametrize(
    ("name", "raw", "values"),
    [
        ("a.json", b'{"tag": "1.10", "stores": {"berlin": [1, 2.5, true, null]}}', None),
        ("a.yaml", b"tag: '1.10'\nstores: {berlin: [1, 2.5, true, null]}\n", None),
        ("a.yml", b"", {}),
        ("a.json", b"{}", {}),
    ],
)
def test_a_file_is_read_by_its_type_and_keeps_types(tmp_path: Path, name: str, raw: bytes, values: Any) -> None:
    expected = {"tag": "1.10", "stores": {"berlin": [1, 2.5, True, None]}} if values is None else values

    assert read(tmp_path, name, raw) == VariableFile(str(tmp_path / name), expected)


@pytest.mark.parametrize(
    ("name", "raw", "said"),
    [
        ("a.json", b"[1]", "is no mapping; it holds variables as NAME: VALUE"),
        ("a.json", b"{", "is not JSON"),
        ("a.json", b'{"a": 1, "a": 2}', "an object has the same key twice: a, a"),
        ("a.yaml", b"a: 1\na: 2\n", "a.yaml"),
        ("a.yaml", b"\xff", "is not UTF-8"),
        ("a.tfvars", b"a = 1", "expected a file of the type .json, .yaml, .yml"),
        ("a.json", b" " * (variable_files.MAX_BYTES + 1), "is larger than 1 MiB"),
    ],
)
def test_what_is_no_file_of_variables_is_refused(tmp_path: Path, name: str, raw: bytes, said: str) -> None:
    with pytest.raises(InputError, match="--var-file: ") as caught:
        read(tmp_path, name, raw)

    assert said in str(caught.value)


def test_only_a_regular_file_is_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.json")
    (tmp_path / "folder.json").mkdir()
    for name, said in (
        ("pipe", "is not a file"),
        ("folder", "is not a file"),
        ("gone", "No such file"),
        ("a\0", "null"),
    ):
        with pytest.raises(InputError, match=said):
            read_variables(tmp_path / f"{name}.json")


def test_a_later_file_wins_and_var_over_all() -> None:
    one, two = VariableFile("one.json", {"count": 2}), VariableFile("two.json", {"count": 3})

    assert count_of(loaded(environment="prod")) == 7
    assert count_of(loaded(one, environment="prod")) == 2
    assert count_of(loaded(one, two)) == 3
    assert count_of(loaded(two, one)) == 2
    assert count_of(loaded(one, two, variables={"count": "4"})) == 4


def test_a_value_is_taken_as_it_is() -> None:
    fleet = loaded(VariableFile("one.json", {"tag": "{{ account }}", "note": "no", "count": 2}))

    assert fleet.endpoints["ranker-berlin"].tags == {"tag": "{{ account }}", "note": "no", "number": "yes"}


def test_a_name_that_is_not_declared_is_refused() -> None:
    with pytest.raises(InputError) as caught:
        loaded(VariableFile("one.json", {"cuont": 2, "other": 1}))

    assert [(problem.message, problem.hint) for problem in caught.value.problems] == [
        ("'cuont' of --var-file one.json: the file declares no such variable", "did you mean count?"),
        ("'other' of --var-file one.json: the file declares no such variable", "did you mean note?"),
    ]


def test_a_fleet_knows_its_files() -> None:
    assert loaded().variable_files == (STORES,)


def test_many_files_are_bounded_together() -> None:
    large = VariableFile("large.json", {"stores": list(range(200_000))})

    with pytest.raises(InputError, match="more than 5,000,000 values"):
        loaded(*[large] * 26)
