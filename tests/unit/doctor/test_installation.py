"""What is installed, held against what mmeplan declares."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.requirements import Requirement
from packaging.version import Version

from mmeplan.doctor import installation
from mmeplan.installing import how_to_add
from mmeplan.render import CheckRow

REQUIRES = [
    "boto3>=1.43.11",
    "pydantic>=2.9",
    "networkx (>=3.2.1)",
    "cel-expr-python>=0.1.3; (sys_platform != 'darwin' or platform_machine != 'x86_64') and extra == 'policies'",
    'cryptography>=42; extra == "signing"',
    "boto3-stubs[sagemaker,sts]>=1.43; extra == 'dev'",
]
HAS = {"boto3": "1.43.11", "botocore": "1.43.11", "pydantic": "2.10.0", "networkx": "3.4", "cel-expr-python": "0.1.3"}


class Installed:
    """The metadata of mmeplan."""

    requires = REQUIRES
    metadata = {"Requires-Python": ">=3.11"}  # noqa: RUF012

    def read_text(self, _name: str) -> None:
        return None


@pytest.fixture
def has(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    packages = dict(HAS)

    def version(name: str) -> str:
        if name not in packages:
            raise PackageNotFoundError(name)
        return packages[name]

    monkeypatch.setattr(installation, "version", version)
    monkeypatch.setattr(installation, "distribution", lambda _: Installed())
    return packages


def by_name(rows: Any) -> dict[str, CheckRow]:
    return {row.name: row for row in rows}


def test_what_is_new_enough_is_one_row(has: dict[str, str]) -> None:
    (row,) = installation.versions()
    assert (row.state, "boto3 1.43.11" in row.said) == ("ok", True)


@pytest.mark.parametrize(
    ("package", "version"), [("pydantic", "2.8.9"), ("networkx", "3.2"), ("boto3", "1.9.300"), ("boto3", "")]
)
def test_what_is_older_or_missing_is_an_error_with_its_command(has: dict[str, str], package: str, version: str) -> None:
    has[package] = version
    if not version:
        del has[package]
    row = by_name(installation.versions())[package]
    assert row.state == "error"
    assert f"-m pip install '{package}>=" in row.next


def test_a_python_that_is_too_old_is_told(has: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installation.platform, "python_version", lambda: "3.9.20")
    assert by_name(installation.versions())["Python"].state == "error"


def test_an_extra_that_is_not_there_is_an_error_only_where_the_fleet_uses_it(has: dict[str, str]) -> None:
    del has["cel-expr-python"]
    rows = by_name(installation.extras())
    assert {name: row.state for name, row in rows.items()} == {"extra policies": "skipped", "extra signing": "skipped"}
    assert rows["extra policies"].next == how_to_add("policies", "cel-expr-python")
    assert by_name(installation.extras(["policies"]))["extra policies"].state == "error"


def test_an_extra_that_is_too_old_counts_as_missing(has: dict[str, str]) -> None:
    has["cryptography"] = "41.0.7"
    assert "41.0.7 is older than 42" in by_name(installation.extras())["extra signing"].said


def test_without_metadata_nothing_is_known_and_nothing_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Any:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(installation, "distribution", missing)
    assert [row.state for row in installation.versions()] == ["skipped"]
    assert list(installation.extras()) == []


def test_every_extra_of_ours_says_what_it_is_for() -> None:
    names = {row.name.removeprefix("extra ") for row in installation.extras()}
    assert names == set(installation.PURPOSES)


NUMBERS = st.lists(st.integers(0, 30), min_size=1, max_size=4).map(lambda parts: ".".join(map(str, parts)))


@given(NUMBERS, NUMBERS)
def test_versions_are_compared_as_packaging_does(found: str, least: str) -> None:
    assert installation._is_older(found, least) is (Version(found) < Version(least))


@pytest.mark.parametrize("text", REQUIRES)
def test_requirements_are_read_as_packaging_does(text: str) -> None:
    installed = Installed()
    installed.requires = [text]
    (read,) = installation._needed(installed)  # type: ignore[arg-type]
    wanted = Requirement(text)
    assert (read.package, f">={read.least}") == (wanted.name, str(wanted.specifier))
    assert wanted.marker is None or wanted.marker.evaluate({"extra": read.extra, "sys_platform": "linux"})
