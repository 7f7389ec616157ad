"""`{file: NAME}` as the value of an environment entry."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from mmeplan.errors import InputError
from mmeplan.graph import compile
from mmeplan.planning import files_of
from mmeplan.spec import Fleet, for_each, load

TEMPLATE = "{% for message in messages %}<|{{ message.role }}|>\r\n{{ 'é' }}{% endfor %}\n"
FLEET = """\
version: 1
fleet: chat
account: "123456789012"
region: eu-west-1
variables: {template: chat, mask: '***'}
%s
endpoints:
  chat: {config: {production_variants: {main: {model: chat, instance_type: ml.m5.large, initial_instance_count: 2}}}}
"""
MODELS = """\
models:
  chat:
    primary_container: {image: 123456789012.dkr.ecr.eu-west-1.amazonaws.com/chat:1, environment: {CHAT: %s}}
"""
PIPELINE = """\
models:
  chat:
    containers:
      - {image: 123456789012.dkr.ecr.eu-west-1.amazonaws.com/chat:1}
      - {image: 123456789012.dkr.ecr.eu-west-1.amazonaws.com/chat:1, environment: {CHAT: %s}}
"""


def loaded(folder: Path, models: str) -> Fleet:
    (folder / "fleet.yaml").write_text(FLEET % models)
    return load(folder / "fleet.yaml")


def refused(folder: Path, value: str) -> str:
    with pytest.raises(InputError) as caught:
        loaded(folder, MODELS % value)
    (problem,) = caught.value.problems
    assert problem.line == 8
    return problem.message


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "chat.jinja").write_bytes(TEMPLATE.encode())
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "other.txt").write_text("other")
    return tmp_path


def test_the_content_is_taken_as_it_is(folder: Path) -> None:
    container = loaded(folder, MODELS % "{file: chat.jinja}").models["chat"].request["PrimaryContainer"]

    assert container["Environment"] == {"CHAT": TEMPLATE}


def test_every_container_may_have_such_a_value_and_its_name_may_hold_expressions(folder: Path) -> None:
    fleet = loaded(folder, PIPELINE % "{file: '{{ template }}.jinja'}")

    assert fleet.models["chat"].request["Containers"][1]["Environment"] == {"CHAT": TEMPLATE}


def test_a_default_may_have_such_a_value_and_an_entry_another(folder: Path) -> None:
    default = (
        "defaults: {model: {primary_container: {environment: {CHAT: {file: chat.jinja}, MORE: {file: chat.jinja}}}}}\n"
    )
    fleet = loaded(folder, default + MODELS % "{file: below/other.txt}")

    assert fleet.models["chat"].request["PrimaryContainer"]["Environment"] == {"CHAT": "other", "MORE": TEMPLATE}


def test_another_content_is_another_model(folder: Path) -> None:
    before = compile(loaded(folder, MODELS % "{file: chat.jinja}")).resources["model/chat"].physical_name
    (folder / "chat.jinja").write_text("another")
    after = compile(loaded(folder, MODELS % "{file: chat.jinja}")).resources["model/chat"].physical_name

    assert before != after


def test_the_file_is_one_of_the_fleets(folder: Path) -> None:
    fleet = loaded(folder, MODELS % "{file: below/other.txt}")

    assert fleet.sources[1].path == "below/other.txt"
    assert fleet.sources[1].sha256 == hashlib.sha256(b"other").hexdigest()
    assert files_of(fleet) == [str(folder / "fleet.yaml"), str(folder / "below" / "other.txt")]


@pytest.mark.parametrize("name", ["../chat.jinja", "/etc/hostname", "link.jinja"])
def test_a_file_elsewhere_is_refused(folder: Path, name: str) -> None:
    (folder.parent / "chat.jinja").write_text("elsewhere")
    (folder / "link.jinja").symlink_to(folder.parent / "chat.jinja")

    told = f"{name!r} must lie beside the fleet file, below it, or elsewhere in its git repository"
    assert refused(folder, f"{{file: {name}}}") == told


def test_what_is_no_regular_file_is_refused(folder: Path) -> None:
    os.mkfifo(folder / "pipe")

    assert refused(folder, "{file: pipe}") == "'pipe' is not a file"
    assert refused(folder, "{file: below}") == "'below' is not a file"
    assert refused(folder, "{file: gone}") == "can't read 'gone': No such file or directory"


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"\xff", "'odd' is not UTF-8: invalid start byte at byte 0"),
        (b"a\0b", "'odd' holds a NUL, which no environment variable can"),
        (b"x" * (for_each.MAX_TEXT_BYTES + 1), "'odd' is larger than 1 MiB"),
    ],
)
def test_what_is_no_text_is_refused(folder: Path, raw: bytes, said: str) -> None:
    (folder / "odd").write_bytes(raw)

    assert refused(folder, "{file: odd}") == said


def test_a_template_in_the_fleet_file_is_told_where_it_belongs(folder: Path) -> None:
    for value in ("'{% for m in messages %}{{ m }}{% endfor %}'", "'{{ messages }}'"):
        with pytest.raises(InputError) as caught:
            loaded(folder, MODELS % value)
        assert "CHAT: {file: NAME}" in caught.value.problems[0].hint


def test_another_mapping_is_told_what_a_file_looks_like(folder: Path) -> None:
    with pytest.raises(InputError) as caught:
        loaded(folder, MODELS % "{fil: chat.jinja}")

    assert caught.value.problems[0].hint == "CHAT: {file: NAME} takes the content of a file beside the fleet file"


@pytest.mark.parametrize("value", ['"(masked, 0a1b2c3d)"', '"***"', '"{{ mask }}"'])
def test_what_stands_for_a_masked_value_is_refused_however_it_comes(folder: Path, value: str) -> None:
    said = refused(folder, value)
    assert said.endswith(
        "stands for a value that was masked: write the value itself, or {file: NAME} where it really is this text"
    )


@pytest.mark.parametrize(
    "value", ['"(masked, 0a1b2c3)"', '"(masked, 0A1B2C3D)"', '"x (masked, 0a1b2c3d)"', '"****"', '"* * *"']
)
def test_what_only_resembles_a_mask_is_a_value(folder: Path, value: str) -> None:
    container = loaded(folder, MODELS % value).models["chat"].request["PrimaryContainer"]
    assert container["Environment"]["CHAT"] == value.strip('"')


def test_a_value_that_really_is_such_a_text_is_a_files_content(folder: Path) -> None:
    (folder / "stars").write_text("***")
    container = loaded(folder, MODELS % "{file: stars}").models["chat"].request["PrimaryContainer"]
    assert container["Environment"]["CHAT"] == "***"
