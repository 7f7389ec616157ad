"""Rules are found in the modules of `mmeplan/rules/groups`; a new one touches the module of its prefix alone."""

from __future__ import annotations

import importlib
import inspect
import re
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from mmeplan import graph, spec
from mmeplan.rules import groups, pages
from mmeplan.rules.checking import check
from mmeplan.rules.groups import shadow
from mmeplan.rules.registry import ALL_RULES, discover, rules_of
from mmeplan.rules.rule import Constraints, Rule

GROUPS = sorted(Path(inspect.getfile(groups)).parent.glob("[a-z]*.py"))
BY_MODULE = {path.stem: [*rules_of(importlib.import_module(f"{groups.__name__}.{path.stem}"))] for path in GROUPS}
SUBJECTS = {
    "ARN": {"execution_roles", "names"},
    "ASC": {"autoscaling", "scaling"},
    "CFG": {"accelerators", "endpoint_configs", "instances"},
    "EP": {"callers", "endpoints"},
    "MDL": {"environment", "execution_roles", "model_data", "model_packages", "models"},
    "MME": {"multi_model", "multi_model_hosting"},
}
"""The prefixes whose rules stand in several modules, one for each subject."""

NEW_RULE = """

class HeavyShadow(Rule):
    id = "SHD-99"
    title = "A shadow variant has an instance"
    severity = "warning"
    basis = "inf"
    source = "a test"
    why = "It answers nothing."
    fix = "Give it one."
    bad = fleet_file(config=_SHADOW % "  # here")
    good = fleet_file()
    members = ("ShadowProductionVariants",)

    def config(self, config: Config) -> Iterator[Hit]:
        yield ("ShadowProductionVariants",), "a shadow variant"
"""


@pytest.fixture
def with_new_rule(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Rule, ...]:
    """The rules of a package that has one group, shadow.py, with one more class at its end."""
    package = tmp_path / "groups_with_a_new_rule"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "shadow.py").write_text(inspect.getsource(shadow) + NEW_RULE)
    monkeypatch.syspath_prepend(tmp_path)
    return discover(importlib.import_module(package.name))


def test_a_class_in_the_module_of_its_prefix_is_a_rule(with_new_rule: tuple[Rule, ...]) -> None:
    assert [rule.id for rule in with_new_rule] == [*(f"SHD-0{number}" for number in range(1, 7)), "SHD-99"]


def test_a_new_rule_is_checked_and_has_its_page_and_its_row(with_new_rule: tuple[Rule, ...]) -> None:
    rules = (*(rule for rule in ALL_RULES if not rule.id.startswith("SHD-")), *with_new_rule)
    new = with_new_rule[-1]
    fleet = spec.load_text(new.bad.encode())
    written = pages.documents(rules)

    assert [finding.rule for finding in check(fleet, graph.compile(fleet), rules)] == ["SHD-99"]
    assert new.title in written[pages.PAGES / "SHD-99.md"]
    assert "[SHD-99](SHD-99.md)" in written[pages.PAGES / "index.md"]
    assert '"SHD-99"' in written[pages.INDEX]


def test_every_module_of_the_groups_defines_rules_and_no_id_is_given_twice() -> None:
    ids = [rule.id for rules in BY_MODULE.values() for rule in rules]

    assert [name for name, rules in BY_MODULE.items() if not rules] == []
    assert [rule_id for rule_id, count in Counter(ids).items() if count > 1] == []
    assert sorted(ids) == [rule.id for rule in ALL_RULES]


def test_the_rules_of_a_prefix_stand_in_one_module_or_one_for_each_subject() -> None:
    homes: dict[str, set[str]] = defaultdict(set)
    for name, rules in BY_MODULE.items():
        for rule in rules:
            homes[rule.id.split("-")[0]].add(name)

    assert {prefix: found for prefix, found in homes.items() if len(found) > 1} == SUBJECTS


@pytest.mark.parametrize("kind", Constraints._fields)
def test_a_constraint_of_the_shapes_belongs_to_one_rule(kind: str) -> None:
    counts = Counter(item for rule in ALL_RULES for item in getattr(rule.constraints, kind))

    assert counts
    assert [item for item, count in counts.items() if count > 1] == []


def test_no_rule_reads_a_raw_describe_answer() -> None:
    reading = re.compile(
        r"\.describe[.\[]|get\(\"(EndpointConfigName|EndpointStatus|PendingDeploymentSummary|LastDeploymentConfig"
        r"|DesiredInstanceCount|CreationTime|LastModifiedTime)\""
    )
    reads = {
        path.name for path in GROUPS[0].parents[1].rglob("*.py") if reading.search(path.read_text(encoding="utf-8"))
    }

    assert reads == set()


def test_the_files_that_the_change_task_names_exist() -> None:
    root = GROUPS[0].parents[3]
    named = re.findall(r"[\w/]*/?\w+\.(?:py|json|md)\b", (root / "CONTRIBUTING.md").read_text(encoding="utf-8"))
    known = {
        str(path.relative_to(root))
        for folder in ("mmeplan", "tests", "docs", "specs")
        for path in (root / folder).rglob("*.*")
    } | {"README.md", "mmeplan/rules/groups/PREFIX.py", *(f"ci/{path.name}" for path in (root / ".ci").glob("*.py"))}

    assert len(named) > 10
    assert [name for name in named if not any(path.endswith(name) for path in known)] == []


def test_no_group_imports_another_and_the_framework_knows_the_rules_about_rules_alone() -> None:
    importing = re.compile(
        r"^\s*from mmeplan\.rules\.groups(?:\.(\w+))? import|^from mmeplan\.rules import groups", re.M
    )
    files = {path.name: path.read_text(encoding="utf-8") for path in GROUPS[0].parents[1].glob("*.py")}
    found = {name: set(importing.findall(text)) for name, text in files.items() if importing.search(text)}

    assert [path.name for path in GROUPS if importing.search(path.read_text(encoding="utf-8"))] == []
    assert found == {"recording.py": {"rules"}, "registry.py": {""}}
