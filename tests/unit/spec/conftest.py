"""Short ways to load a fleet from text, and to see what is refused about one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mmeplan.errors import InputError, Problem
from mmeplan.spec import Fleet, load_text

HEAD = "version: 1\nfleet: shop\n"

Load = Callable[..., Fleet]
Refused = Callable[..., list[Problem]]


@pytest.fixture
def loaded() -> Load:
    """Load a text that follows `version` and `fleet` (lines 1 and 2)."""

    def load(text: str, environment: str | None = None, variables: dict[str, str] | None = None, **more: Any) -> Fleet:
        return load_text((HEAD + text).encode(), "fleet.yaml", environment, variables, **more)

    return load


@pytest.fixture
def refused(loaded: Load) -> Refused:
    """The problems of a text that follows `version` and `fleet`; a failure where there are none."""

    def load(text: str, *arguments: Any, **more: Any) -> list[Problem]:
        with pytest.raises(InputError) as caught:
            loaded(text, *arguments, **more)
        return list(caught.value.problems)

    return load
