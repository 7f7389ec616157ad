"""for_each: where items come from, what their keys are, and what is refused."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from mmeplan.spec import for_each
from mmeplan.spec.for_each import ForEachError, ItemFiles, items_of


def items(value: Any, folder: Path = Path()) -> list[tuple[str, Any]]:
    return items_of(value, ItemFiles(folder))


def refusal(value: Any, folder: Path = Path()) -> str:
    with pytest.raises(ForEachError) as caught:
        items(value, folder)
    return str(caught.value)


@pytest.mark.parametrize(
    ("value", "pairs"),
    [
        (["a", 2], [("a", "a"), ("2", 2)]),
        ({"a": 1, "b": None}, [("a", 1), ("b", None)]),
        ([{"key": "k", "name": "n"}], [("k", {"key": "k", "name": "n"})]),
        ([{"name": "n", "x": 1}], [("n", {"name": "n", "x": 1})]),
        ([{"region": "eu", "x": 1}], [("eu", {"region": "eu", "x": 1})]),
        ([], []),
        ({}, []),
        ({"file": 3}, [("file", 3)]),
        ({"file": "x", "more": 1}, [("file", "x"), ("more", 1)]),
    ],
)
def test_items_have_keys(value: Any, pairs: Any) -> None:
    assert items(value) == pairs


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_a_table_with_another_delimiter_is_told_so(tmp_path: Path, delimiter: str) -> None:
    (tmp_path / "t.csv").write_text(f"name{delimiter}n\na{delimiter}1\n")
    said = refusal({"file": "t.csv"}, tmp_path)
    assert said == f"t.csv:1: the columns are separated by {delimiter!r}; save the table with commas"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (["a", "a"], "two items have the key 'a'"),
        (["1", 1], "two items have the key '1'"),
        ("text", "expected a list"),
        (3, "expected a list"),
        (None, "expected a list"),
        ([[1]], "item 0 can't be a key"),
        ([True], "item 0 can't be a key"),
        ([""], "item 0 can't be a key"),
        ([{}], "item 0 has no `key` or `name`"),
        ([{"key": True}], "item 0 has no `key` or `name`"),
    ],
)
def test_items_without_a_key_of_their_own_are_refused(value: Any, said: str) -> None:
    assert said in refusal(value)


def test_too_many_items_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(for_each, "MAX_ITEMS", 3)
    assert "more than 3 items" in refusal([1, 2, 3, 4])


@pytest.mark.parametrize(
    ("name", "text", "pairs"),
    [
        ("i.yaml", "[a, b]", [("a", "a"), ("b", "b")]),
        ("i.yml", "a: 1", [("a", 1)]),
        ("i.JSON", '{"a": {"n": 1}}', [("a", {"n": 1})]),
        (
            "i.csv",
            "name,count,on\r\na, 2 ,no\r\n\r\nb,,true\r\n",
            [("a", {"name": "a", "count": 2, "on": "no"}), ("b", {"name": "b", "count": "", "on": True})],
        ),
        ("i.csv", '\ufeffname,text\na,"x, ""y""\nz"\n', [("a", {"name": "a", "text": 'x, "y"\nz'})]),
        ("i.csv", "", []),
        ("i.csv", "name\n", []),
    ],
)
def test_files_are_read_by_their_type(tmp_path: Path, name: str, text: str, pairs: Any) -> None:
    (tmp_path / name).write_bytes(text.encode())
    assert items({"file": name}, tmp_path) == pairs


@pytest.mark.parametrize(
    ("name", "raw", "said"),
    [
        ("i.csv", b"a,b\n1\n", "i.csv:2: the row has 1 cells, the header has 2"),
        ("i.csv", b"a,b\n1,2\n1,2,3\n", "i.csv:3: the row has 3 cells"),
        ("i.csv", b"a,a\n1,2\n", "each its own"),
        ("i.csv", b"a,\n1,2\n", "each its own"),
        ("i.csv", b'a\n"x\n', "not CSV"),
        ("i.csv", b"a\n\xff\n", "not UTF-8"),
        ("i.json", b"{", "is not JSON"),
        ("i.json", b'{"a": 1, "a": 2}', "the same key twice"),
        ("i.json", b"[NaN]", "NaN is not a value"),
        ("i.json", b"[" + b"9" * 5000 + b"]", "is not JSON"),
        ("i.json", b'["\\ud800"]', "is not JSON"),
        ("i.json", b"[" * 100_000, "is not JSON"),
        ("i.yaml", b"a: 1\na: 2\n", "i.yaml:2:1: duplicate key 'a'"),
        ("i.txt", b"a", "expected a file of the type yaml, yml, json, csv"),
    ],
)
def test_what_is_wrong_in_a_file_is_said(tmp_path: Path, name: str, raw: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(raw)
    assert said in refusal({"file": name}, tmp_path)


@pytest.mark.parametrize("name", ["../items.yaml", "sub/../../items.yaml", "/etc/passwd", "out/items.yaml"])
def test_a_path_that_leaves_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "items.yaml").write_text("[a]")
    folder = tmp_path / "fleet"
    (folder / "sub").mkdir(parents=True)
    (folder / "out").symlink_to(tmp_path)
    assert "must lie beside the fleet file" in refusal({"file": name}, folder)


@pytest.mark.parametrize("name", ["gone.yaml", "a\0b.yaml", "x" * 300 + ".yaml"])
def test_a_file_that_can_not_be_read_is_said(tmp_path: Path, name: str) -> None:
    assert "can't read" in refusal({"file": name}, tmp_path)


def test_folders_and_pipes_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "d.yaml").mkdir()
    os.mkfifo(tmp_path / "p.yaml")
    assert "is not a file" in refusal({"file": "d.yaml"}, tmp_path)
    assert "is not a file" in refusal({"file": "p.yaml"}, tmp_path)


def test_a_file_over_the_size_limit_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(for_each, "MAX_BYTES", 2**20)
    (tmp_path / "i.json").write_bytes(b" " * (2**20 + 1))
    assert "larger than 1 MiB" in refusal({"file": "i.json"}, tmp_path)


def test_a_file_is_read_once_and_its_digest_kept(tmp_path: Path) -> None:
    (tmp_path / "i.json").write_text(json.dumps(["a"]))
    files = ItemFiles(tmp_path)
    files.items("i.json")
    (tmp_path / "i.json").unlink()
    assert files.items("i.json") == ["a"]
    assert files.sources["i.json"].sha256.startswith("0eb5b8d6f81bc677")
