"""`artifacts:` of a model: what is loaded of it, and what is refused, each with its line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from mmeplan import graph
from mmeplan.errors import InputError
from mmeplan.kinds.artifacts import Declared
from mmeplan.spec import load_text

ROLE = "arn:aws:iam::123456789012:role/serving"
IMAGE = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/ranker:1"


def text_of(artifacts: Any, **container: Any) -> bytes:
    made = {"image": IMAGE, "mode": "MultiModel", "model_data_url": "s3://acme-models/prices/", **container}
    model = {"execution_role_arn": ROLE, "primary_container": made, "artifacts": artifacts}
    return yaml.safe_dump({"version": 1, "fleet": "f", "models": {"prices": model}, "endpoints": {}}).encode()


def declared(folder: Path, artifacts: Any, **container: Any) -> Declared:
    found = load_text(text_of(artifacts, **container), folder=folder).models["prices"].artifacts
    assert found is not None
    return found


def refused(folder: Path, artifacts: Any, **container: Any) -> str:
    with pytest.raises(InputError) as caught:
        graph.compile(load_text(text_of(artifacts, **container), folder=folder))
    return "\n".join(f"{p.path}: {p.message}; {p.hint}" for p in caught.value.problems)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "paris").mkdir()
    (tmp_path / "paris" / "weights").write_text("0.5")
    (tmp_path / "berlin.tar.gz").write_bytes(b"packed")
    return tmp_path


def test_a_mapping_gives_sources_and_the_default_key_holds_the_digest(folder: Path) -> None:
    made = declared(
        folder, {"for_each": {"paris": "./paris/", "berlin": "berlin.tar.gz", "rome": "s3://b/rome.tar.gz"}}
    )
    by_name = {one.name: one for one in made.archives}
    assert list(by_name) == ["berlin", "paris", "rome"]
    assert by_name["berlin"].key(by_name["berlin"].digest) == f"berlin/{by_name['berlin'].digest[:8]}.tar.gz"
    assert by_name["berlin"].size == 6
    assert by_name["paris"].size is None
    assert by_name["rome"].digest == ""
    assert by_name["rome"].needs_digest
    assert (made.publish, made.generations, made.days, made.closed) == (("", ""), 1, 7, False)


def test_a_table_gives_versions(folder: Path) -> None:
    (folder / "t.csv").write_text("key,source,version\nrome,s3://b/rome.tar.gz,2026-12-01\n")
    made = declared(folder, {"for_each": {"file": "t.csv"}, "key": "{{ each.key }}-{{ source.version }}.tar.gz"})
    (one,) = made.archives
    assert one.key("") == "rome-2026-12-01.tar.gz"
    assert not one.needs_digest
    assert not one.is_plain
    assert one.pattern().fullmatch("rome-2025-01-01.tar.gz")
    assert made.table == "t.csv"


def test_a_glob_gives_folders_and_files_by_their_names(folder: Path) -> None:
    made = declared(folder, {"for_each": {"glob": "*"}})
    assert {one.name: one.source for one in made.archives} == {"berlin": "berlin.tar.gz", "paris": "paris"}


def test_the_models_own_digest_does_not_depend_on_its_archives(folder: Path) -> None:
    with_, without = text_of({"for_each": {"paris": "./paris/"}}), text_of(None)
    one, other = (graph.compile(load_text(text, folder=folder)).resources["model/prices"] for text in (with_, without))
    assert (one.digest, one.request) == (other.digest, other.request)


@pytest.mark.parametrize(
    ("artifacts", "said"),
    [
        ({}, "artifacts has no for_each"),
        ({"for_each": {"x": "nothing.tar.gz"}}, "isn't there"),
        ({"for_each": {"x": "../outside.tar.gz"}}, "must lie beside the fleet file"),
        ({"for_each": {"x": "/etc/passwd"}}, "must lie beside the fleet file"),
        ({"for_each": {"x": "s3://bucket/x.zip"}}, "is not the address of a .tar.gz"),
        ({"for_each": {"x": "berlin.tar.gz"}, "key": "{{ each.key }}.zip"}, "doesn't end in .tar.gz"),
        ({"for_each": {"x": "berlin.tar.gz"}, "key": "../{{ each.key }}.tar.gz"}, "leads out of the prefix"),
        ({"for_each": {"a": "berlin.tar.gz", "b": "berlin.tar.gz"}, "key": "same.tar.gz"}, "would have the same key"),
        ({"for_each": {"x": "berlin.tar.gz"}, "key": "{{ source.version }}.tar.gz"}, "version"),
        ({"for_each": {"x": "berlin.tar.gz"}, "publish": "targets.json"}, "is not a place for the pointer"),
        ({"for_each": {"x": "berlin.tar.gz"}, "publish": "s3://acme-models/prices/t.json"}, "beneath the prefix"),
        ({"for_each": {"x": "berlin.tar.gz"}, "keep": {"days": -1}}, "can't be negative"),
        ({"for_each": {"x": "berlin.tar.gz"}, "membership": "shut"}, "expected one of open, closed"),
        ({"for_each": {"x": "berlin.tar.gz"}, "publsh": "s3://a/b"}, "publsh"),
        ({"for_each": {"glob": "no*where"}}, "nothing fits"),
        ({"for_each": {"x\x01": "berlin.tar.gz"}}, "control characters"),
    ],
)
def test_what_is_refused(folder: Path, artifacts: Any, said: str) -> None:
    assert said in refused(folder, artifacts)


@pytest.mark.parametrize(
    ("container", "said"),
    [
        ({"mode": "SingleModel", "model_data_url": "s3://b/m.tar.gz"}, "need a MultiModel container"),
        ({"model_data_url": "s3://acme-models/prices"}, "is not a prefix"),
    ],
)
def test_a_model_without_a_prefix_has_no_archives(folder: Path, container: Any, said: str) -> None:
    assert said in refused(folder, {"for_each": {"x": "berlin.tar.gz"}}, **container)


def test_a_pointer_that_nobody_could_read_back_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = {"for_each": {"paris": "./paris/", "rome": "s3://b/rome.tar.gz"}, "publish": "s3://c/t.json"}
    monkeypatch.setattr("mmeplan.spec.artifacts.MOST_POINTER", 64)
    text = refused(folder, said)
    assert "the pointer of 2 archives would have 71 bytes, and 64 are read" in text
    assert "shorten the keys" in text
    monkeypatch.setattr("mmeplan.spec.artifacts.MOST_POINTER", 71)
    assert len(declared(folder, said).archives) == 2


def test_a_link_in_a_folder_is_refused(folder: Path) -> None:
    (folder / "paris" / "link").symlink_to("/etc/passwd")
    assert "'link' is a link" in refused(folder, {"for_each": {"paris": "./paris/"}})


def test_two_models_share_no_prefix(folder: Path) -> None:
    document = yaml.safe_load(text_of({"for_each": {"x": "berlin.tar.gz"}}))
    document["models"]["other"] = yaml.safe_load(yaml.safe_dump(document["models"]["prices"]))
    document["models"]["other"]["primary_container"]["model_data_url"] += "deeper/"
    with pytest.raises(InputError, match="same prefix"):
        graph.compile(load_text(yaml.safe_dump(document).encode(), folder=folder))


def test_what_is_expanded_declares_the_same_archives(folder: Path) -> None:
    from mmeplan.expanding import expanded, yaml_of

    (folder / "t.csv").write_text("key,source\nparis,./paris/\nrome,s3://b/rome.tar.gz\n")
    keep = {"generations": 2, "days": 3}
    said = {"for_each": {"file": "t.csv"}, "publish": "s3://c/t.json", "membership": "closed", "keep": keep}
    fleet = load_text(text_of(said), folder=folder)
    text = yaml_of(expanded(fleet, {}, show_environment=True), show_environment=True)
    again = load_text(text.encode(), folder=folder)
    one, other = (each.models["prices"].artifacts for each in (fleet, again))
    assert one is not None
    assert other is not None
    assert one.archives == other.archives
    assert (one.publish, one.generations, one.days, one.closed) == (other.publish, 2, 3, True)


@pytest.mark.parametrize("pattern", ["", "a**"])
def test_what_is_no_pattern_is_refused_in_words(folder: Path, pattern: str) -> None:
    assert "is no pattern" in refused(folder, {"for_each": {"glob": pattern}})


def test_a_glob_passes_over_names_that_begin_with_a_dot(folder: Path) -> None:
    (folder / ".git").mkdir()
    (folder / ".git" / "config").write_text("secret")
    (folder / ".ipynb_checkpoints").mkdir()
    (folder / ".ipynb_checkpoints" / "weights").write_text("0.4")
    assert [one.name for one in declared(folder, {"for_each": {"glob": "*"}}).archives] == ["berlin", "paris"]
    asked = declared(folder, {"for_each": {"glob": ".ipynb*"}})
    assert [one.name for one in asked.archives] == [".ipynb_checkpoints"]


@pytest.mark.parametrize("source", ["a\0b.tar.gz", "x" * 5000 + ".tar.gz", "x" * 5000])
def test_a_source_that_no_file_system_has_is_refused(folder: Path, source: str) -> None:
    assert "the source of 'k'" in refused(folder, {"for_each": {"k": source}})


@pytest.mark.parametrize(
    "template",
    [
        "{{ each.key }}/{{ source.digest[:12] }}.tar.gz",
        "{{ each.key }}/{{ source.digest8 | upper }}.tar.gz",
        "{{ each.key }}/{{ source.digest8 ~ (source.version | replace('.', '-')) }}.tar.gz",
    ],
)
def test_a_digest_or_version_that_a_template_changes_is_refused(folder: Path, template: str) -> None:
    (folder / "t.csv").write_text("key,source,version\nrome,s3://b/rome.tar.gz,1.2\n")
    assert "they can only stand in it as they are" in refused(folder, {"for_each": {"file": "t.csv"}, "key": template})


def test_a_version_that_is_read_from_the_row_is_a_version_too(folder: Path) -> None:
    (folder / "t.csv").write_text("key,source,version\nrome,s3://b/rome.tar.gz,7\n")
    made = declared(folder, {"for_each": {"file": "t.csv"}, "key": "{{ each.key }}/{{ each.value.version }}.tar.gz"})
    (one,) = made.archives
    assert (one.key(""), one.is_plain) == ("rome/7.tar.gz", False)
    assert one.pattern().fullmatch("rome/6.tar.gz")


def test_a_version_with_a_slash_is_refused(folder: Path) -> None:
    (folder / "t.csv").write_text("key,source,version\nrome,s3://b/rome.tar.gz,2026/12\n")
    assert "holds a slash" in refused(
        folder, {"for_each": {"file": "t.csv"}, "key": "{{ each.key }}/{{ source.version }}.tar.gz"}
    )


def test_what_s3_has_no_room_for_is_refused(folder: Path) -> None:
    url = f"s3://acme-models/{'p' * 1010}/"
    assert "1,024 bytes" in refused(folder, {"for_each": {"paris": "./paris/"}}, model_data_url=url)
    pointer = f"s3://acme-config/{'k' * 1020}.json"
    assert "is no key that S3 takes" in refused(folder, {"for_each": {"paris": "./paris/"}, "publish": pointer})


@pytest.mark.parametrize("member", ["days", "generations"])
def test_more_than_anybody_keeps_is_refused(folder: Path, member: str) -> None:
    assert "can't be more than" in refused(folder, {"for_each": {"paris": "./paris/"}, "keep": {member: 10**12}})


@pytest.mark.parametrize("source", [".", "./", "../inner"])
def test_a_folder_that_holds_the_fleet_file_is_no_archive(tmp_path: Path, source: str) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    (inner / "fleet.yaml").write_text("")
    assert "holds the fleet file" in refused(inner, {"for_each": {"paris": source}})


def test_a_repository_around_the_fleet_is_no_archive(tmp_path: Path) -> None:
    (tmp_path / "deploy").mkdir()
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "config").write_text("secret")
    assert "holds the fleet file" in refused(tmp_path / "deploy", {"for_each": {"paris": "../"}})


def test_a_hidden_name_in_a_folder_is_refused(folder: Path) -> None:
    (folder / "paris" / ".env").write_text("SECRET=1")
    assert "it holds '.env', and names that begin with a dot" in refused(folder, {"for_each": {"paris": "./paris/"}})


def test_a_glob_has_as_many_items_as_a_table_at_most(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mmeplan.spec.artifacts.MAX_ITEMS", 1)
    assert "more than 1 items fit '*'" in refused(folder, {"for_each": {"glob": "*"}})


def test_two_paths_of_a_glob_with_one_name_are_refused(folder: Path) -> None:
    (folder / "paris.tar.gz").write_bytes(b"x")
    assert "two paths that fit '*' have the name 'paris'" in refused(folder, {"for_each": {"glob": "*"}})
