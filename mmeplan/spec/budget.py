"""What one fleet file may make: a budget that everything which is read and evaluated for it draws from.

A bound on each value doesn't bound a file: a thousand values, each below it, are a thousand times as much. So the file
and its `for_each` files, variables, expressions, `for_each` and entries share one `Budget`, from the first byte on. It
counts and never looks at a clock, so that a file is read on every machine or on none.
"""

from __future__ import annotations

from typing import Any, Final

MAX_READ: Final = 5_000_000  # values written in the files; 64 MiB of endpoints, written out, are about 3,000,000
MAX_NODES: Final = 20_000_000  # values read and made
MAX_CHARACTERS: Final = 250_000_000  # of the texts that are made
MAX_STEPS: Final = 100_000_000  # of evaluation: an item looked at, a comparison, 16 characters of a text
MAX_ENTRIES: Final = 300_000  # 100,000 endpoints, each with a model and a config

_COMPILING: Final = 20  # steps for each character inside `{{ … }}` that is compiled


class OverBudgetError(Exception):
    """The file makes more than a file may; the message is a sentence for people, `path` where that was seen."""

    def __init__(self, what: str, path: tuple[str | int, ...] = ()) -> None:
        super().__init__(f"more than {what}")
        self.path = path


class Budget:
    """What one load has used so far. Each method raises OverBudgetError where that is more than the file may."""

    def __init__(self) -> None:
        self.nodes_read = 0
        self.nodes = 0
        self.characters = 0
        self.steps = 0
        self.entries = 0
        self.compiled: dict[str, Any] = {}
        """Text of an expression → what evaluates it, so that each is compiled, and counted, once."""

    def read(self, nodes: int) -> None:
        """So many values stand in a file."""
        self.nodes_read += nodes
        if self.nodes_read > MAX_READ:
            raise OverBudgetError(f"{MAX_READ:,} values in the fleet file and its `for_each` files")
        self.make(nodes)

    def make(self, nodes: int, characters: int = 0) -> None:
        """So many values, and texts of so many characters, are made."""
        self.nodes += nodes
        self.characters += characters
        if self.nodes > MAX_NODES:
            raise OverBudgetError(f"{MAX_NODES:,} values are made of the file")
        if self.characters > MAX_CHARACTERS:
            raise OverBudgetError(f"{MAX_CHARACTERS:,} characters are made by its expressions")

    def work(self, steps: int) -> None:
        """So many steps of evaluation are taken."""
        self.steps += steps
        if self.steps > MAX_STEPS:
            raise OverBudgetError(f"{MAX_STEPS:,} steps are taken by its expressions")

    def foresee(self, nodes: int, steps: int) -> None:
        """So much will be made and done: told before it is begun, and not counted yet."""
        before = self.nodes, self.steps
        self.make(nodes)
        self.work(steps)
        self.nodes, self.steps = before

    def compile(self, text: str) -> None:
        """An expression is compiled."""
        inside = sum(len(part.split("}}", 1)[0]) for part in text.split("{{")[1:])
        self.work(inside * _COMPILING)

    def add_entry(self) -> None:
        """One more model, endpoint config or endpoint."""
        self.entries += 1
        if self.entries > MAX_ENTRIES:
            raise OverBudgetError(f"{MAX_ENTRIES:,} models, endpoint configs and endpoints")


def nodes_of(value: Any, limit: int = MAX_NODES) -> int:
    """How many values a plain value consists of, nested ones counted each time they appear; stops above `limit`."""
    count = 0
    waiting = [value]
    while waiting and count <= limit:
        inner = waiting.pop()
        count += 1
        if isinstance(inner, dict):
            waiting.extend(inner.values())
        elif isinstance(inner, list):
            waiting.extend(inner)
    return count
