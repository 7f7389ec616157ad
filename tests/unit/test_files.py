"""Files of a command: all or none, never half, never through a link's back, never in a device's place."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TextIO

import pytest

from mmeplan.errors import InputError
from mmeplan.files import PRIVATE, Writing, text_of, write_all


def broken(stream: TextIO) -> None:
    stream.write("half")
    raise OSError(28, "No space left on device")


def test_all_are_written_or_none(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("before")
    with pytest.raises(InputError, match="No space left on device"):
        write_all([Writing(tmp_path / "a", text_of("after")), Writing(tmp_path / "b", broken)])
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a": "before"}


@pytest.mark.parametrize("last", ["nowhere/b", "folder"])
def test_a_place_that_can_not_be_written_spoils_no_other(tmp_path: Path, last: str) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError) as error:
        write_all([Writing(tmp_path / "a", text_of("x")), Writing(tmp_path / last, text_of("y"))])
    assert str(tmp_path / last) in str(error.value)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["folder"]


def test_a_private_file_is_private_from_its_first_byte(tmp_path: Path) -> None:
    target = tmp_path / "plan.json"
    target.write_text("old")
    target.chmod(0o644)
    seen = []

    def look(stream: TextIO) -> None:
        seen.append(stat.S_IMODE(os.fstat(stream.fileno()).st_mode))
        stream.write("new")

    write_all([Writing(target, look, PRIVATE)])
    assert (seen, stat.S_IMODE(target.stat().st_mode), target.read_text()) == ([0o600], 0o600, "new")


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to("real")
    write_all([Writing(tmp_path / "link", text_of("new"))])
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "new"


def test_a_device_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    link = tmp_path / "null"
    link.symlink_to(os.devnull)
    write_all([Writing(link, text_of("x"))])
    assert link.is_symlink()
    assert stat.S_ISCHR(Path(os.devnull).stat().st_mode)
