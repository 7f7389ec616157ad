"""A service that repeats environment values in its errors tells nobody: no terminal, plan, event stream or journal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from mmeplan.cloud.aws import Cloud
from mmeplan.simulator.faults import Faults
from mmeplan.simulator.wire import ServiceError
from tests.cli.running import mmeplan
from tests.simulation.world import fleet, model, one

SECRET = "hunter2-hunter2"
TEXT = f"1 validation error detected: Value '{{TOKEN={SECRET}}}' at 'primaryContainer.environment' failed"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path)
    return tmp_path


def write(folder: Path, **model_members: Any) -> None:
    made = fleet(one()["endpoints"], models={"ranker": model(environment={"TOKEN": SECRET}, **model_members)})
    (folder / "fleet.yaml").write_text(yaml.safe_dump(made | {"region": "eu-west-1"}))


def everything(folder: Path, *commands: str) -> str:
    """All that the commands print and write, but the simulator's own file."""
    printed = [mmeplan(command, folder) for command in commands]
    files = [path for path in folder.rglob("*") if path.is_file() and "local.db" not in path.name]
    written = [path.read_text() for path in files if path.name != "fleet.yaml"]
    return "\n".join([*(result.stdout + result.stderr for result in printed), *written])


def failing(monkeypatch: pytest.MonkeyPatch, operation: str, code: str = "ValidationException") -> None:
    def error(_: Faults, asked: str) -> ServiceError | None:
        return ServiceError(code, TEXT, 400) if asked == operation else None

    monkeypatch.setattr(Faults, "take_error", error)


@pytest.mark.parametrize("json_", ["", " --json"])
@pytest.mark.parametrize("operation", ["CreateModel", "CreateEndpointConfig", "CreateEndpoint"])
def test_a_refused_write_tells_no_value(
    folder: Path, monkeypatch: pytest.MonkeyPatch, operation: str, json_: str
) -> None:
    failing(monkeypatch, operation)
    told = everything(folder, f"apply --local -y -v{json_}")
    assert "TOKEN=(masked)" in told
    assert SECRET not in told


@pytest.mark.parametrize("operation", ["DescribeModel", "DescribeEndpointConfig", "DescribeEndpoint", "ListTags"])
def test_a_read_that_fails_tells_no_value(folder: Path, monkeypatch: pytest.MonkeyPatch, operation: str) -> None:
    assert mmeplan("apply --local -y", folder).code == 0
    write(folder, tags={"other": "tag"})
    failing(monkeypatch, operation)
    told = everything(
        folder,
        *("plan --local -v", "plan --local --write json=plan.json --write md=plan.md --write html=plan.html"),
        *("drift --local", "drift --local --format json", "status --local", "status --local --format json"),
        *("apply --local -y", "snapshot --local --masked --out live.json"),
    )
    assert "(masked)" in told
    assert SECRET not in told


def test_a_failure_reason_tells_no_value(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = Cloud._answer

    def with_a_reason(self: Cloud, operation: str, params: Any) -> Any:
        given = answer(self, operation, params)
        failed = {"EndpointStatus": "Failed", "FailureReason": TEXT} if operation == "DescribeEndpoint" else {}
        return {**given, **failed}

    monkeypatch.setattr(Cloud, "_answer", with_a_reason)
    told = everything(folder, "apply --local -y", "status --local", "status --local --format json", "plan --local")
    assert "(masked)" in told
    assert SECRET not in told


def test_an_error_is_told_apart_by_what_the_service_said(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`Could not assume role` is tried again, also where `role` is an environment value."""
    times: list[str] = []

    def error(_: Faults, asked: str) -> ServiceError | None:
        times.append(asked)
        first = asked == "CreateModel" and times.count(asked) == 1
        return ServiceError("ValidationException", "Could not assume role x", 400) if first else None

    monkeypatch.setattr(Faults, "take_error", error)
    text = (folder / "fleet.yaml").read_text().replace(SECRET, "assume")
    (folder / "fleet.yaml").write_text(text)
    result = mmeplan("apply --local -y", folder)
    assert (result.code, times.count("CreateModel")) == (0, 2)
    assert "Could not (masked) role" in result.stderr
