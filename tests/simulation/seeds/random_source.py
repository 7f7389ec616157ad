"""A random source made from a seed: the same on every Python, every machine and under every hash seed.

Only `random.Random(seed).random()` is used: it is the one method whose sequence Python promises never to change.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class RandomSource:
    """What a seed draws, in the order in which it is asked."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed).random

    def flip(self, probability: float) -> bool:
        """True with this probability."""
        return self._random() < probability

    def between(self, low: int, high: int) -> int:
        """A whole number from `low` to `high`, both included."""
        return low + int(self._random() * (high - low + 1))

    def pick(self, options: Sequence[T]) -> T:
        """One of the options; one that stands there twice comes twice as often."""
        return options[int(self._random() * len(options))]

    def some(self, options: Sequence[T], low: int, high: int) -> list[T]:
        """From `low` to `high` different places of the options, in their order."""
        count = min(len(options), self.between(low, high))
        left = list(range(len(options)))
        taken = sorted(left.pop(int(self._random() * len(left))) for _ in range(count))
        return [options[place] for place in taken]
