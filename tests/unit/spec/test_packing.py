"""Folders are packed reproducibly: the same files, the same digest, whatever their times, owners and order."""

from __future__ import annotations

import hashlib
import io
import os
import shlex
import subprocess
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmeplan.spec.packing import PackingError, look_at, pack


def packed(folder: Path) -> tuple[bytes, str]:
    stream = io.BytesIO()
    digest = pack(folder, stream)
    return stream.getvalue(), digest


def test_a_file_is_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "x.tar.gz"
    path.write_bytes(b"abc")
    assert look_at(path).digest == hashlib.sha256(b"abc").hexdigest()
    assert look_at(path).size == 3


def test_times_owners_and_order_make_no_difference(tmp_path: Path) -> None:
    for number, name in enumerate(("one", "two")):
        folder = tmp_path / name
        for file in ("b", "a/c") if number else ("a/c", "b"):
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / file).write_text(file)
            os.utime(folder / file, (number, number))
    (one, first), (two, second) = packed(tmp_path / "one"), packed(tmp_path / "two")
    assert first == second == look_at(tmp_path / "one").digest
    assert one == two


def test_members_have_no_times_owners_or_ways_out(tmp_path: Path) -> None:
    (tmp_path / "f" / "code").mkdir(parents=True)
    (tmp_path / "f" / "code" / "run.sh").write_text("x")
    (tmp_path / "f" / "code" / "run.sh").chmod(0o700)
    with tarfile.open(fileobj=io.BytesIO(packed(tmp_path / "f")[0])) as archive:
        members = archive.getmembers()
    assert [(m.name, m.mode, m.mtime, m.uid, m.gid, m.uname) for m in members] == [
        ("code", 0o755, 0, 0, 0, ""),
        ("code/run.sh", 0o755, 0, 0, 0, ""),
    ]


@pytest.mark.parametrize("make", [os.symlink, os.link])
def test_links_are_refused_and_hard_ones_are_files(tmp_path: Path, make: object) -> None:
    (tmp_path / "f").mkdir()
    (tmp_path / "outside").write_text("secret")
    make(tmp_path / "outside", tmp_path / "f" / "in")  # type: ignore[operator]
    if make is os.link:
        assert look_at(tmp_path / "f").digest
        return
    with pytest.raises(PackingError, match="is a link"):
        look_at(tmp_path / "f")


@pytest.mark.parametrize("what", ["empty", "pipe", "absent"])
def test_what_is_no_archive_is_refused(tmp_path: Path, what: str) -> None:
    folder = tmp_path / "f"
    if what != "absent":
        folder.mkdir()
    if what == "pipe":
        os.mkfifo(folder / "p")
    with pytest.raises(PackingError):
        look_at(folder)


@given(
    st.dictionaries(
        st.from_regex(r"[a-z]{1,8}(/[a-z]{1,8}){0,2}\.x", fullmatch=True), st.binary(max_size=64), min_size=1
    )
)
def test_what_is_packed_is_what_is_unpacked(tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes]) -> None:
    folder = tmp_path_factory.mktemp("f")
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    body, digest = packed(folder)
    with tarfile.open(fileobj=io.BytesIO(body)) as archive:
        found = {m.name: archive.extractfile(m).read() for m in archive if m.isfile()}  # type: ignore[union-attr]
    assert found == files
    assert digest == look_at(folder).digest


@pytest.mark.parametrize("name", [".env", ".git", "code/.git", "code/.aws/credentials", ".gitignore"])
def test_names_that_begin_with_a_dot_are_refused_and_told(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "paris"
    (folder / name).parent.mkdir(parents=True)
    (folder / name).write_text("secret")
    (folder / "weights").write_text("0.5")
    told = name.removesuffix("/credentials")
    with pytest.raises(PackingError) as caught:
        look_at(folder)
    assert f"it holds {told!r}, and names that begin with a dot aren't packed" in str(caught.value)
    assert str(caught.value).endswith(f"tar -czf paris.tar.gz --exclude=./{told} -C paris .")
    with pytest.raises(PackingError):
        pack(folder, io.BytesIO())


def test_of_many_hidden_names_the_first_are_told(tmp_path: Path) -> None:
    for number in range(5):
        (tmp_path / f".{number}").write_text("secret")
    with pytest.raises(PackingError, match=r"it holds '\.0', '\.1', '\.2' and 2 more, and"):
        look_at(tmp_path)


def test_what_is_typed_to_pack_without_them_does_it(tmp_path: Path) -> None:
    folder = tmp_path / "two words"
    (folder / "code").mkdir(parents=True)
    for name in (".env", "code/.env", "code/run.py"):
        (folder / name).write_text("x")
    with pytest.raises(PackingError) as caught:
        look_at(folder)
    typed = str(caught.value).partition("pack the folder yourself: ")[2]
    subprocess.run(shlex.split(typed), cwd=tmp_path, check=True)
    with tarfile.open(tmp_path / "two words.tar.gz") as archive:
        assert sorted(archive.getnames()) == [".", "./code", "./code/run.py"]


def test_what_notebooks_and_the_finder_leave_behind_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "f" / "code" / ".ipynb_checkpoints").mkdir(parents=True)
    (tmp_path / "f" / "code" / "run.py").write_text("x")
    before = look_at(tmp_path / "f").digest
    (tmp_path / "f" / "code" / ".ipynb_checkpoints" / "run.py").write_text("x")
    (tmp_path / "f" / ".DS_Store").write_text("x")
    body, digest = packed(tmp_path / "f")
    with tarfile.open(fileobj=io.BytesIO(body)) as archive:
        assert archive.getnames() == ["code", "code/run.py"]
    assert digest == before
