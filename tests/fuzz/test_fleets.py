"""Mutated fleet files, as many as take a few seconds; the long run is `python -m tests.fuzz fleets --runs 10000`."""

from __future__ import annotations

import random

from tests.fuzz import fleets


def test_no_mutated_fleet_file_gives_a_traceback() -> None:
    assert {fleets.one(seed) for seed in range(150)} == {"refused", "found", "planned"}


def test_a_seed_gives_the_same_file() -> None:
    assert fleets.mutated(random.Random(7)) == fleets.mutated(random.Random(7))
