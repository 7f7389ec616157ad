"""What is said of a part of mmeplan that isn't installed fits how mmeplan was installed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from mmeplan import installing


class Installed:
    """What importlib.metadata says of an installed mmeplan."""

    def __init__(self, files: dict[str, str]) -> None:
        self.files = files

    def read_text(self, name: str) -> str | None:
        return self.files.get(name)


EDITABLE = '{"dir_info": {"editable": true}, "url": "file:///home/ann/my%20mmeplan"}'
FROM_GIT = '{"url": "https://git.example.com/mmeplan", "vcs_info": {"vcs": "git", "commit_id": "0"}}'


@pytest.mark.parametrize(
    ("left", "files", "command"),
    [
        ("pipx_metadata.json", {"INSTALLER": "pip\n"}, "pipx inject mmeplan cel-expr-python"),
        ("uv-receipt.toml", {"INSTALLER": "uv"}, "uv tool install --with cel-expr-python mmeplan"),
        ("", {"INSTALLER": "pip\n"}, "/opt/py/bin/python -m pip install 'mmeplan[policies]'"),
        (
            "",
            {"INSTALLER": "pip\n", "direct_url.json": FROM_GIT},
            "/opt/py/bin/python -m pip install 'mmeplan[policies]'",
        ),
        ("", {"INSTALLER": "uv"}, "uv pip install --python /opt/py/bin/python 'mmeplan[policies]'"),
        ("", {"direct_url.json": "half a"}, "/opt/py/bin/python -m pip install 'mmeplan[policies]'"),
        (
            "",
            {"INSTALLER": "pip\n", "direct_url.json": EDITABLE},
            "/opt/py/bin/python -m pip install -e '/home/ann/my mmeplan[policies]'",
        ),
        (
            "",
            {"INSTALLER": "uv", "direct_url.json": EDITABLE},
            "uv pip install --python /opt/py/bin/python -e '/home/ann/my mmeplan[policies]'",
        ),
    ],
)
def test_the_tool_that_installed_mmeplan_adds_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, left: str, files: dict[str, str], command: str
) -> None:
    if left:
        (tmp_path / left).touch()
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    monkeypatch.setattr(sys, "executable", "/opt/py/bin/python")
    monkeypatch.setattr(installing, "distribution", lambda _name: Installed(files))
    assert installing.how_to_add("policies", "cel-expr-python") == command


@pytest.mark.parametrize(
    ("left", "files", "command"),
    [
        ("pipx_metadata.json", {}, "pipx upgrade mmeplan"),
        ("uv-receipt.toml", {}, "uv tool upgrade mmeplan"),
        ("", {"INSTALLER": "pip"}, "/opt/py/bin/python -m pip install 'boto3>=1.43.11'"),
        ("", {"INSTALLER": "uv"}, "uv pip install --python /opt/py/bin/python 'boto3>=1.43.11'"),
    ],
)
def test_the_tool_that_installed_mmeplan_makes_newer_what_it_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, left: str, files: dict[str, str], command: str
) -> None:
    if left:
        (tmp_path / left).touch()
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    monkeypatch.setattr(sys, "executable", "/opt/py/bin/python")
    monkeypatch.setattr(installing, "distribution", lambda _name: Installed(files))
    assert installing.how_to_update("boto3>=1.43.11") == command


def test_without_metadata_the_package_itself_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_name: str) -> None:
        raise installing.PackageNotFoundError

    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    monkeypatch.setattr(sys, "executable", "/opt/py/bin/python")
    monkeypatch.setattr(installing, "distribution", missing)
    said = installing.how_to_add("policies", "cel-expr-python")
    assert said == "/opt/py/bin/python -m pip install cel-expr-python"
