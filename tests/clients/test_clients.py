"""Clients of others against a served world, each in an environment of its own: `python -m tests.clients NAME`."""

from __future__ import annotations

import json
import os
import subprocess
from typing import Any

import pytest

from tests.clients.environments import CLIENTS, ClientOfOthers
from tests.clients.exchanges import STORED, recording
from tests.contract.doors import REGION, http

CLIENT_S = 1200


@pytest.mark.clients
@pytest.mark.parametrize("name", CLIENTS)
def test_a_client(name: str, accept: bool) -> None:
    """Its script ends well; with --accept, what it asked and was answered is stored."""
    client = CLIENTS[name]
    if "MMEPLAN_CLIENTS" not in os.environ or not client.program.exists():
        pytest.skip(f"it runs by: python -m tests.clients {name}")
    asked = driven(client, *(["--accept"] if accept and client.suite else []))
    if accept:
        stored = driven(client, "--core") if client.suite else asked
        (STORED / f"{name}.json").write_text(json.dumps(stored, indent=1) + "\n")


def driven(client: ClientOfOthers, *options: str) -> list[dict[str, Any]]:
    """Run a client's script against a world of its own. What it asked and was answered."""
    exchanges: list[dict[str, Any]] = []
    with client.world() as sim:
        sim.respond = recording(sim, exchanges)  # type: ignore[method-assign]
        with http(sim, client.speed) as door:
            names = {"AWS_ENDPOINT_URL": door.url, "AWS_REGION": REGION, "AWS_DEFAULT_REGION": REGION}
            keys = {"AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any", "CLIENT_HOME": str(client.home)}
            ran = subprocess.run(
                [*client.command, *options],
                env={**os.environ, **names, **keys, "AWS_EC2_METADATA_DISABLED": "true"},
                capture_output=True,
                text=True,
                timeout=CLIENT_S,
            )
    assert ran.returncode == 0, ran.stderr[-3000:]
    assert len(exchanges) > 5
    return exchanges
