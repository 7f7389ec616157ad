"""What YAML is read, what is refused, and where everything stands."""

from __future__ import annotations

import pytest

from mmeplan.errors import InputError, Problem
from mmeplan.spec import document
from mmeplan.spec.document import MAX_DEPTH, dotted, read_document


def problems(text: str) -> list[Problem]:
    with pytest.raises(InputError) as caught:
        read_document("fleet.yaml", text)
    return list(caught.value.problems)


def test_duplicate_keys_are_all_reported_with_both_lines() -> None:
    found = problems("a: 1\nb: 2\na: 3\nb: 4\n")
    assert [(p.line, p.column, p.message) for p in found] == [
        (3, 1, "duplicate key 'a'; it stands in line 1 already"),
        (4, 1, "duplicate key 'b'; it stands in line 2 already"),
    ]
    assert found[0].source_line == "a: 3"


def test_ten_thousand_duplicate_keys_are_a_thousand_problems() -> None:
    assert len(problems("a: 1\n" * 10_000)) == document.MAX_PROBLEMS


def test_keys_that_differ_by_quotes_only_are_duplicates() -> None:
    assert "duplicate" in problems("1: a\n'1': b\n")[0].message


def test_an_alias_stands_for_its_anchor_and_for_its_place() -> None:
    made = read_document("f", "a: &x {k: [1, 2]}\nb: *x\nc: &y word\nd: *y\n")
    assert made.value == {"a": {"k": [1, 2]}, "b": {"k": [1, 2]}, "c": "word", "d": "word"}
    assert made.position(("b",)) == (2, 1)
    assert made.position(("b", "k", 1)) == made.position(("a", "k", 1)) == (1, 15)


def test_an_anchor_on_a_key_can_be_used() -> None:
    assert read_document("f", "&a k: 1\nz: *a\n").value == {"k": 1, "z": "k"}


@pytest.mark.parametrize("text", ["a: *nope", "a: &a [*a]", "a: &a {b: *a}"])
def test_an_alias_without_an_anchor_before_it_is_refused(text: str) -> None:
    assert "has no anchor before it" in problems(text)[0].message


def test_an_alias_bomb_is_refused() -> None:
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    levels += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 10)]
    assert "aliases expand to more than 1,000,000 nodes" in problems("\n".join(levels))[0].message


def test_nesting_over_the_limit_is_refused_also_through_aliases() -> None:
    half = MAX_DEPTH // 2 + 1
    deep = "[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1)
    folded = f"a: &a {'[' * half}{']' * half}\nb: {'[' * half}*a{']' * half}\n"
    chained = "a: &a [x]\n" + "".join(f"b{i}: &a [*a]\n" for i in range(MAX_DEPTH + 1))
    for text in (f"a: {deep}", folded, chained):
        assert problems(text)[0].message == f"nested deeper than {MAX_DEPTH} levels"


def test_nesting_at_the_limit_is_read() -> None:
    depth = MAX_DEPTH - 1
    assert read_document("f", f"a: {'[' * depth}{']' * depth}").value["a"]


def test_a_file_over_the_size_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document, "MAX_BYTES", 2**20)
    assert problems("#" * (2**20 + 1))[0].message == "the file is larger than 1 MiB"


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("a: !!python/object/apply:os.system [ls]", "python/object/apply:os.system"),
        ("a: !!int 3", "int"),
        ("a: !mine {b: 1}", "!mine"),
        ("a: !!str [1]", "str"),
        ("!!int 3: x", "int"),
        ("a: !!binary aGVsbG8=", "binary"),
    ],
)
def test_tags_that_build_something_are_refused(text: str, tag: str) -> None:
    assert f"{tag} is not allowed" in problems(text)[0].message


def test_tags_that_say_what_is_plain_anyway_are_taken() -> None:
    text = "a: !!str 12\nb: !!map {c: !!seq [1]}\nd: ! 12\n!!str e: 1\n"
    assert read_document("f", text).value == {"a": "12", "b": {"c": [1]}, "d": "12", "e": 1}


def test_a_tab_for_indentation_is_explained() -> None:
    found = problems("a:\n\tb: 1\n")[0]
    assert (found.line, found.hint) == (2, "indent with spaces; YAML does not allow tabs")


def test_merge_keys_are_refused_but_a_quoted_one_is_a_key() -> None:
    assert "no merge keys" in problems("a: &a {x: 1}\nb: {<<: *a}\n")[0].message
    assert read_document("f", "'<<': 1").value == {"<<": 1}


def test_a_second_document_is_refused_where_it_begins() -> None:
    found = problems("a: 1\n---\nb: 2\n")[0]
    assert (found.line, "second one" in found.message) == (2, True)


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "~"])
def test_an_empty_document_is_none(text: str) -> None:
    assert read_document("f", text).value is None


@pytest.mark.parametrize("key", ["[a]: 1", "? {a: 1}\n: 2", "a: &x b\n*x : 3"])
def test_a_key_that_is_no_scalar_is_refused(key: str) -> None:
    assert "a mapping key must be" in problems(key)[0].message


@pytest.mark.parametrize(("character", "code"), [("\0", "U+0000"), ("\x01", "U+0001"), ("\x7f", "U+007F")])
def test_a_forbidden_character_is_named_with_its_place(character: str, code: str) -> None:
    found = problems(f"a: 1\nkäse: x{character}y\n")[0]
    assert (found.line, found.column) == (2, 8)
    assert found.message == f"not valid YAML: the character {code} is not allowed"
    assert "\0" not in found.source_line


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\x85", "\u2028", "\u2029"])
def test_every_line_end_of_yaml_is_counted(end: str) -> None:
    found = problems(end.join(["a: 1", "b: 2", "a: 3", ""]))[0]
    assert (found.line, found.column, found.source_line) == (3, 1, "a: 3")


def test_positions_of_block_and_flow_style() -> None:
    made = read_document("f", "a:\n  b:\n    - x\n    - {c: 1, d: [2, 3]}\n'e': 1\n")
    assert made.position(("a", "b")) == (2, 3)
    assert made.position(("a", "b", 0)) == (3, 7)
    assert made.position(("a", "b", 1, "d")) == (4, 14)
    assert made.position(("a", "b", 1, "d", 1)) == (4, 21)
    assert made.position(("e",)) == (5, 1)
    assert made.position(("a", "nope")) is None
    assert made.position(("a", "b", "c", "d")) is None
    assert made.nearest(("a", "b", 1, "zzz", 4)) == (4, 7)
    assert made.nearest(("zzz",)) == (1, 1)


def test_a_column_beyond_the_bits_kept_for_it_does_not_change_the_line() -> None:
    made = read_document("f", "a: [" + "x" * (2**20 + 5) + ", y]\n")
    position = made.position(("a", 1))
    assert position is not None
    assert position[0] == 1


def test_lines_are_given_without_their_ends() -> None:
    made = read_document("f", "a: 1\r\nb: 2\r\n")
    assert [made.line(number) for number in (0, 1, 2, 3, 9)] == ["", "a: 1", "b: 2", "", ""]


def test_syntax_errors_have_their_place() -> None:
    found = problems("a: [1, 2\nb: 3\n")[0]
    assert found.where == "fleet.yaml:2:2"
    assert problems("%YAML 3.0\n---\na: 1\n")[0].line == 1


def test_half_a_surrogate_pair_is_not_text() -> None:
    assert "not valid text" in problems("a: \ud800")[0].message


def test_a_dotted_path_shows_indices_in_brackets() -> None:
    assert dotted(("endpoints", "a", "containers", 0, "image")) == "endpoints.a.containers[0].image"
    assert dotted(()) == ""
