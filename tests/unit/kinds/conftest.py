"""Graphs from the text of a fleet."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mmeplan.graph import Graph, compile
from mmeplan.spec import load_text


@pytest.fixture
def compiled() -> Callable[..., Graph]:
    """Compile a text that follows `version` and `fleet`."""

    def make(text: str, salts: dict[str, str] | None = None) -> Graph:
        return compile(load_text(("version: 1\nfleet: shop\n" + text).encode()), salts)

    return make
