"""What a run says to type next: the options that it had, and those that shaped its file."""

from __future__ import annotations

from typing import Any

import pytest

from mmeplan.cli.options import Settings
from mmeplan.errors import Command

HAD: list[tuple[dict[str, Any], str]] = [
    ({}, ""),
    ({"local": True}, " --local"),
    ({"local": True, "local_db": "x.db"}, " --local-db x.db"),
    (
        {"region": "eu-west-1", "profile": "prod", "endpoint_url": "http://127.0.0.1:5"},
        " --region eu-west-1 --profile prod --endpoint-url http://127.0.0.1:5",
    ),
]
SHAPED = {"environment": "prod", "variables": (("a", "b"), ("c", "d"))}


@pytest.mark.parametrize(("options", "added"), HAD)
def test_a_command_is_said_with_the_options_that_the_run_had(options: dict[str, Any], added: str) -> None:
    assert Settings("fleet.yaml", **options).again(Command(("plan", "fleet.yaml"))) == f"mmeplan plan fleet.yaml{added}"


@pytest.mark.parametrize(("options", "added"), HAD)
def test_a_saved_plan_is_applied_where_it_was_made_without_what_shaped_it(options: dict[str, Any], added: str) -> None:
    """`apply plan.json -e prod` is refused, and without --local it would be about another SageMaker."""
    assert Settings("fleet.yaml", **options, **SHAPED).next_apply("plan.json") == f"mmeplan apply plan.json{added}"


def test_a_fleet_file_is_said_with_what_shaped_it() -> None:
    masked = "mmeplan plan fleet.yaml -e prod --var 'a=***' --var 'c=***' --local"
    settings = Settings("fleet.yaml", local=True, **SHAPED)
    command = Command(("plan", "fleet.yaml"), "prod", {"a": "b", "c": "d"})
    assert settings.same("plan", "fleet.yaml") == command
    assert settings.again(command) == masked
    assert settings.again(command, unmasked=True) == masked.replace("'a=***'", "a=b").replace("'c=***'", "c=d")
