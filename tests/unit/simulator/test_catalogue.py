"""The pages that say what becomes of each operation, held against the table of services and against botocore."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mmeplan.aws import shapes
from mmeplan.simulator import catalogue, nothing
from mmeplan.simulator.services import SAGEMAKER, SERVICES

ROOT = Path(__file__).parents[3]


def pages() -> tuple[str, str]:
    return (ROOT / catalogue.GUIDE).read_text(), (ROOT / catalogue.PAGE).read_text()


def test_the_pages_are_fresh() -> None:
    assert catalogue.stale(*pages()) == []


def test_every_operation_of_botocore_is_whole_or_empty_or_refused() -> None:
    for service in SERVICES:
        known = [*catalogue.whole(service), *catalogue.empty(service), *catalogue.refused(service)]
        assert sorted(known) == sorted(shapes.service(service.name).operations)


def test_a_new_hosting_operation_of_botocore_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """As PutEndpointPolicy was, which a version of botocore brought. Operations of training may come and go."""
    guide, known = pages()
    assert "PutEndpointPolicy" in known
    without = known.replace("PutEndpointPolicy, ", "").replace("CreateTrainingJob, ", "")
    assert catalogue.stale(guide, without) == [
        "docs/simulator-operations.md doesn't know sagemaker's PutEndpointPolicy"
    ]
    operations = shapes.service("sagemaker").operations
    monkeypatch.setitem(operations, "MoveEndpoint", {"http": {}})
    assert catalogue.stale(guide, known) == ["docs/simulator-operations.md doesn't know sagemaker's MoveEndpoint"]


def test_an_operation_that_is_carried_out_now_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SAGEMAKER.operations, "PutEndpointPolicy", SAGEMAKER.operations["AddTags"])  # type: ignore[index]
    assert catalogue.stale(*pages()) == [
        "docs/simulator.md doesn't say which operations are carried out",
        "docs/simulator-operations.md calls sagemaker's PutEndpointPolicy refused",
    ]


@pytest.mark.parametrize("operation", nothing.LISTS)
def test_a_list_of_what_is_not_here_is_empty(world: Any, operation: str) -> None:
    answer = world(operation)
    assert list(answer.values()) == [[]]
    model = shapes.service("sagemaker")
    assert set(model.shapes[model.output_shape(operation)].get("required", ())) <= set(answer)
