"""Rules of other packages: the example is installed and run, and a broken package is a finding and no crash."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from mmeplan import graph, rules, spec
from mmeplan.rules import Rule, plugins
from mmeplan.rules.checking import check
from mmeplan.rules.registry import ALL_RULES

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "rules-package"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the example package is installed, metadata and all, as pip does it."""
    target = tmp_path_factory.mktemp("installed")
    copy = tmp_path_factory.mktemp("source") / "package"
    shutil.copytree(EXAMPLE, copy, ignore=shutil.ignore_patterns("__pycache__", "dist"))
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check"]
    subprocess.run(
        [sys.executable, "-m", "pip", "install", *options, "--target", str(target), str(copy)],
        check=True,
        timeout=120,
    )
    return target


def mmeplan(installed: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(installed), str(ROOT)))}
    command = [sys.executable, "-m", "mmeplan", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60)


def test_the_installed_example_finds_what_it_is_for_at_the_marked_line(installed: Path, tmp_path: Path) -> None:
    code = "import acme_fleet_rules as a; print(a.RULES[0].bad, end='')"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(installed), str(ROOT)))}
    bad = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    ).stdout
    (tmp_path / "fleet.yaml").write_text(bad)
    result = mmeplan(installed, tmp_path, "validate", "--format", "json")
    here = next(number for number, line in enumerate(bad.splitlines(), 1) if line.endswith("# here"))

    assert result.returncode == 3, result.stderr
    assert [(found["rule"], found["line"]) for found in json.loads(result.stdout)] == [("ACME-01", here)]


def test_a_rule_of_policy_can_be_allowed(installed: Path, tmp_path: Path) -> None:
    text = rules.find("CFG-06").good.replace("fleet: example", 'fleet: example\nallow: {ACME-01: "a test fleet"}')
    (tmp_path / "fleet.yaml").write_text(text)
    result = mmeplan(installed, tmp_path, "validate", "--format", "json")

    assert result.returncode == 0
    assert [(found["rule"], found["severity"]) for found in json.loads(result.stdout)] == [("ACME-01", "note")]


def test_without_the_package_its_rule_is_unknown(tmp_path: Path) -> None:
    assert "ACME-01" not in {rule.id for rule in rules.all_rules()}


# --- packages that are broken ----------------------------------------------------------------------------------------


class Fine(Rule):
    """A rule that says all it has to."""

    id, title, severity, basis, source = "ACME-01", "a", "warning", "policy", "b"
    why, fix, bad, good = "c.", "d.", "", ""


class Untitled(Fine):
    id = "ACME-02"
    title = None  # type: ignore[assignment]


class Taken(Fine):
    id = "CFG-06"


class Nameless(Fine):
    id = "acme"


class Grave(Fine):
    id, severity = "ACME-03", "fatal"


class Baseless(Fine):
    id, basis = "ACME-04", "rumour"


class Failing(Fine):
    """A rule that can't even be made."""

    def __init__(self) -> None:
        raise RuntimeError("planted")


MIXED: tuple[Any, ...] = (Fine, Grave)
FINE = [Fine(), ()]
NO_RULE = "text"


@pytest.fixture
def loading(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Load this module's objects as if they were entry points."""
    module = sys.modules[__name__]
    monkeypatch.setitem(sys.modules, "tests_of_packages", module)

    def load(*names: str) -> tuple[list[str], tuple[str, ...]]:
        points = [EntryPoint(name, f"tests_of_packages:{name}", plugins.GROUP) for name in names]
        found, broken = plugins.load(points, {rule.id for rule in ALL_RULES})
        return [rule.id for rule in found], broken

    return load


@pytest.mark.parametrize("name", ["Fine", "FINE"])
def test_a_class_and_a_sequence_of_rules_are_rules(loading: Any, name: str) -> None:
    assert loading(name) == (["ACME-01"], ())


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("Untitled", "ValueError: Untitled has no title"),
        ("Taken", "ValueError: there is a rule CFG-06 already"),
        ("Nameless", "ValueError: 'acme' is not an id like ACME-01"),
        ("Grave", "ValueError: ACME-03 has a severity other than error, warning and note"),
        ("Baseless", "ValueError: ACME-04 has no basis; `policy` is for rules of your own"),
        ("Failing", "RuntimeError: planted"),
        ("MIXED", "ValueError: ACME-03 has a severity other than error, warning and note"),
        ("NO_RULE", "TypeError: 'text' is neither a Rule nor a sequence of rules"),
        ("missing", "AttributeError: "),
    ],
)
def test_a_broken_package_is_told_and_the_others_are_used(loading: Any, name: str, why: str) -> None:
    found, (broken,) = loading(name, "Fine")

    assert found == ["ACME-01"]
    assert broken.startswith(f"the rules 'tests_of_packages:{name}' can't be used: {why}")


def test_two_packages_can_not_have_one_id(loading: Any) -> None:
    found, (broken,) = loading("Fine", "FINE")

    assert found == ["ACME-01"]
    assert "there is a rule ACME-01 already" in broken


def test_a_broken_package_is_an_error_that_can_be_allowed() -> None:
    text = rules.find("CFG-06").good
    for written, severity in (("", "error"), ('allow: {RULE-00: "known"}\n', "note")):
        fleet = spec.load_text((written + text).encode())
        found = check(fleet, graph.compile(fleet), ALL_RULES, ["the rules 'x' can't be used: planted"])

        assert [(finding.rule, finding.severity, finding.message) for finding in found] == [
            ("RULE-00", severity, "The rules 'x' can't be used: planted")
        ]
