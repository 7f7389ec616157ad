"""An error in an item of a for_each names its file, row and key."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmeplan.errors import InputError
from mmeplan.spec import load
from mmeplan.spec.rows import member_of
from tests.unit.spec.conftest import HEAD

ENTRY = """\
endpoints:
  shop:
    for_each: {SOURCE}
    config:
      production_variants:
        main: {model_name: x, instance_type: ml.m5.large, initial_instance_count: "{{ each.value.n }}"}
"""
ROLE = "arn:aws:iam::1:role/{{ each.value.n }}"


def problems(folder: Path, source: str, before: str = "", environment: str | None = None) -> list[str]:
    text = HEAD + before + ENTRY.replace("{SOURCE}", source)
    (folder / "fleet.yaml").write_text(text)
    with pytest.raises(InputError) as caught:
        load(folder / "fleet.yaml", environment)
    return [problem.message for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("name,n\na,2\nb,two\n", "3:3"),
        ("name,n\n\na,2\n\nb,  two\n", "5:5"),
        ("n,name\n2,a\ntwo,b\n", "3:1"),
        ('name,note,n\na,x,2\nb,"1, 2",two\n', "3:10"),
        ('name,note,n\na,x,2\nb,"1\n2",two\n', "4:4"),
        ('name,note,n\na,"x\ny",2\nb,1,"two"\n', "4:5"),
        ("\ufeffname,n\r\na,2\r\nb,two\r\n", "3:3"),
    ],
)
def test_a_cell_of_a_table_is_named_by_line_and_column(tmp_path: Path, text: str, place: str) -> None:
    (tmp_path / "t.csv").write_bytes(text.encode())
    assert problems(tmp_path, "{file: t.csv}") == [f"expected an integer, got the string two (t.csv:{place}, key b)"]


@pytest.mark.parametrize(
    ("name", "text", "place"),
    [
        ("t.json", '[{"key": "a", "n": 1},\n {"key": "b",\n  "n": "two"}]', "3:3"),
        ("t.json", '{"a": {"n": 1},\n "b": {"n": "two"}}', "2:8"),
        ("t.yaml", "a: {n: 1}\nb:\n  n: two\n", "3:3"),
        ("t.yml", "- key: a\n  n: 1\n- key: b\n  n: two\n", "4:3"),
    ],
)
def test_a_member_of_a_yaml_or_json_table_too(tmp_path: Path, name: str, text: str, place: str) -> None:
    (tmp_path / name).write_text(text)
    assert problems(tmp_path, f"{{file: {name}}}") == [
        f"expected an integer, got the string two ({name}:{place}, key b)"
    ]


def test_items_in_the_fleet_file_are_named_by_their_own_line(tmp_path: Path) -> None:
    (message,) = problems(tmp_path, "[{key: a, n: 1}, {key: b, n: two}]")
    assert message == f"expected an integer, got the string two ({tmp_path}/fleet.yaml:5:41, key b)"


@pytest.mark.parametrize(("environment", "line"), [(None, 3), ("prod", 4)])
def test_items_of_a_variable_are_named_where_it_gets_its_value(
    tmp_path: Path, environment: str | None, line: int
) -> None:
    before = "variables: {m: {b: {n: two}}}\nenvironments: {prod: {variables: {m: {b: {n: two}}}}}\n"
    (message,) = problems(tmp_path, '"{{ m }}"', before, environment=environment)
    assert f"fleet.yaml:{line}:" in message
    assert message.endswith(", key b)")


def test_items_that_an_expression_makes_are_named_by_their_key(tmp_path: Path) -> None:
    (message,) = problems(tmp_path, "\"{{ [{'key': 'b', 'n': 'two'}] | list }}\"")
    assert message == "expected an integer, got the string two (key b)"


def test_the_same_error_of_many_rows_is_one_that_counts_them(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("name,n\n" + "".join(f"s{number},two\n" for number in range(100)))
    (message,) = problems(tmp_path, "{file: t.csv}")
    assert message == "expected an integer, got the string two (t.csv:2:4, key s0, and 99 more)"


def test_an_attribute_that_no_row_has_is_one_error_with_those_that_there_are(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("name,tag\na,1\nb,2\n")
    (message,) = problems(tmp_path, "{file: t.csv}")
    assert message == ("{{ each.value.n }}: has no attribute 'n'; there are name, tag (t.csv:2:1, key a, and 1 more)")


def test_an_error_of_the_template_is_nobodys(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("name,n\na,1\nb,2\n")
    text = "{file: t.csv}\n    protect: perhaps"
    assert problems(tmp_path, text) == ["expected true or false, got the string perhaps"]


def test_an_error_in_a_default_is_told_once_at_its_own_line(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("name,n\na,1\nb,2\n")
    before = "defaults: {endpoint: {protect: perhaps}, endpoint_config: {kms_key_id: '{{ nope }}'}}\n"
    found = problems(tmp_path, "{file: t.csv}", before)
    assert len(found) == 2
    assert all("key a" not in message for message in found)


def test_a_name_that_an_item_makes_is_its_rows(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("name,n\na,1\nb_2,2\n")
    (message,) = problems(tmp_path, "{file: t.csv}")
    assert message.endswith("(t.csv:3:1, key b_2)")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name,n\na,1\nb,2\na,3\n", "two items have the key 'a' (t.csv:2:1 and t.csv:4:1)"),
        ("name,n\na,1\n,2\n", "item 1 has no `key` or `name` (t.csv:3:1)"),
    ],
)
def test_items_without_a_key_of_their_own_are_named(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "t.csv").write_text(text)
    assert problems(tmp_path, "{file: t.csv}") == [f"for_each: {said}"]


@pytest.mark.parametrize(
    ("expression", "member"),
    [("{{ each.value.n }}", "n"), ("{{ each.value['n m'] | int }}", "n m"), ("{{ each.key }}", ""), ("{{ x }}", "")],
)
def test_the_member_that_an_expression_uses(expression: str, member: str) -> None:
    assert member_of(expression) == member
