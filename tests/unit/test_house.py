"""What holds the house together, as far as a grep or a syntax tree can see it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "mmeplan"

RAW_MEMBERS = re.compile(
    r"\.describe(\.get\(|\[)|get\(\"(EndpointStatus|PendingDeploymentSummary|FailureReason|LastDeploymentConfig)\""
)
"""A look-up in a Describe answer."""

ANSWERS_ARE_READ_IN = ("live/", "simulator/", "kinds/")
"""`live` and `kinds` type answers; canonicalisation makes requests of them; the simulator makes them."""


def sources(*folders: str) -> Iterator[tuple[str, str]]:
    for folder in folders:
        place = PACKAGE / folder
        for path in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
            yield str(path.relative_to(PACKAGE)), path.read_text(encoding="utf-8")


def test_describe_answers_are_read_in_live_and_in_canonicalisation_alone() -> None:
    reading = [
        f"{name}: {line.strip()}"
        for name, text in sources(".")
        if not name.startswith(ANSWERS_ARE_READ_IN)
        for line in text.splitlines()
        if RAW_MEMBERS.search(line)
    ]

    assert reading == []


def decisions_by(attribute: str, tree: ast.AST) -> Iterator[int]:
    """Lines on which something is compared or tested by that attribute."""
    for node in ast.walk(tree):
        tested: list[ast.AST] = []
        if isinstance(node, ast.Compare):
            tested = [node.left, *node.comparators]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get":
            tested = list(node.args)  # a table that is looked up by it
        elif isinstance(node, ast.Subscript):
            tested = [node.slice]
        for expression in tested:
            for inner in ast.walk(expression):
                if isinstance(inner, ast.Attribute) and inner.attr == attribute:
                    yield inner.lineno


@pytest.mark.parametrize("attribute", ["reason", "explanation"])
def test_nothing_is_decided_by_what_is_for_people(attribute: str) -> None:
    """A change says what is done by its `action`; `reason` and `explanation` are for readers of the plan."""
    deciding = [
        f"{name}:{line}"
        for name, text in sources("plan", "apply", "diff", "engine.py", "planning.py", "history.py", "rules")
        for line in decisions_by(attribute, ast.parse(text))
    ]

    assert deciding == []


def test_a_step_is_known_by_the_type_of_its_guard() -> None:
    """No guard or wait is looked up by a member's name, but where the document is read."""
    looked_up = re.compile(r"\.(guard|wait)(\.get\(|\[)|\" in \w+\.(guard|wait)\b")

    assert [name for name, text in sources(".") if looked_up.search(text)] == []


def test_one_table_has_the_partitions_of_regions() -> None:
    partition = re.compile(r"\"aws-(cn|us-gov|iso|iso-b|iso-e|iso-f|eusc)\"")
    homes = {name for name, text in sources(".") if partition.search(text)}

    assert homes == {"aws/partitions.py"}


@pytest.mark.parametrize(
    ("fact", "home"),
    [
        ('ProductionVariants": "VariantName', "aws/variants.py"),
        ("mmeplan:served", "identity.py"),
        ("mmeplan:rolled-back", "identity.py"),
        ('"traffic_shift", "delete", "outage")', "diff/changes.py"),
    ],
)
def test_a_fact_has_one_home(fact: str, home: str) -> None:
    literal = [name for name, text in sources(".") if fact in re.sub(r'"""(.|\n)*?"""', "", text)]

    assert literal == [home]


def test_who_owns_a_count_is_said_in_one_place() -> None:
    """Where `autoscaled_variants` is; rules look at each key by itself, and the simulator does as SageMaker."""
    asks = re.compile(r'get\("(capacity|ManagedInstanceScaling|autoscaling)"\)')
    found = {name for name, text in sources(".") if asks.search(text) and not name.startswith(("rules/", "simulator/"))}

    assert found == {"kinds/endpoint_config.py", "plan/encoding.py"}  # of a plan `capacity` is a table of instances


def test_the_tags_of_the_past_are_read_and_written_in_history_alone() -> None:
    tags = re.compile(r"\b(SERVED_TAG|WENT_BACK_TAG)\b")
    known = {"identity.py", "history.py", "plan/steps.py"}

    assert {name for name, text in sources(".") if tags.search(text)} <= known
