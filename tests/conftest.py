"""What holds for every test: no network but loopback, no deadlines, and `--accept` to rewrite golden files."""

from __future__ import annotations

import functools
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import botocore.session
import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")  # a busy machine is no reason for a law to fail

LOOPBACK = ("127.0.0.1", "::1", "localhost")


TESTS = Path(__file__).parent
PROOFS = (
    "benchmarks",
    "browser",
    "cli/test_advice_is_followed.py",
    "cli/test_environments.py",
    "cli/test_examples.py",
    "cli/test_hints_are_followed.py",
    "cli/test_interrupts.py",
    "cli/test_streams.py",
    "faults",
    "flow",
    "fuzz",
    "processes",
    "properties",
    "real",
    "simulation",
)
"""The long proofs, folders and files under tests/: README's test command leaves them out."""
BUT = ("simulation/test_decisions.py", "simulation/test_invariants.py")
"""What is quick among them, and tells most about a change."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the long proofs."""
    places, quick = ({TESTS / place for place in listed} for listed in (PROOFS, BUT))
    for item in items:
        if places & {item.path, *item.path.parents} and item.path not in quick:
            item.add_marker(pytest.mark.proof)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--accept", action="store_true", help="rewrite golden files with what is produced now")


@pytest.fixture(scope="session")
def accept(pytestconfig: pytest.Config) -> bool:
    """Whether golden files are to be rewritten."""
    return bool(pytestconfig.getoption("--accept"))


@pytest.fixture(autouse=True, scope="session")
def _no_network() -> Iterator[None]:
    """Refuse every connection that isn't to this machine."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: object) -> None:
        if self.family != socket.AF_UNIX and not (isinstance(address, tuple) and address[0] in LOOPBACK):
            raise AssertionError(f"a test tried to reach {address!r}")
        connect(self, address)  # type: ignore[arg-type]

    socket.socket.connect = guarded  # type: ignore[method-assign, assignment]
    yield
    socket.socket.connect = connect  # type: ignore[method-assign]


@pytest.fixture(autouse=True, scope="session")
def _service_models_are_read_once() -> None:
    """Tests make thousands of sessions of botocore; each would read its 2.6 MB of SageMaker's model again."""
    botocore.session.create_loader = functools.cache(botocore.session.create_loader)


@pytest.fixture(autouse=True)
def _no_aws_configuration(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No credentials, no profiles, no metadata service and no habits, whoever runs the tests."""
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    for name in [name for name in os.environ if name.startswith("AWS_ENDPOINT_URL")]:
        monkeypatch.delenv(name)
    ours = ("COLOR", "ENVIRONMENT", "FORMAT", "LOCK", "PARALLELISM", "PROFILE", "REGION")
    for name in ("COLUMNS", "FORCE_COLOR", "NO_COLOR", *(f"MMEPLAN_{name}" for name in ours)):
        monkeypatch.delenv(name, raising=False)
    nowhere = str(tmp_path_factory.getbasetemp() / "no-aws")
    monkeypatch.setenv("AWS_CONFIG_FILE", nowhere)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", nowhere)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
