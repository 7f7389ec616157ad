"""Fleet files: the examples and the golden fleets, mutated in bytes, lines, YAML nodes and expressions.

Each is loaded, compiled, checked by all rules, and planned for an empty account.
"""

from __future__ import annotations

import copy
import random
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml

from mmeplan import graph, rules
from mmeplan.errors import FleetRefused, MmeplanError
from mmeplan.live import Snapshot
from mmeplan.planning import planned_from
from mmeplan.spec import load_text

ROOT: Final = Path(__file__).parents[2]
MOMENT: Final = "2026-01-01T00:00:00Z"

BYTES: Final = (
    b"\x00",
    b"\xff",
    b"\xef\xbb\xbf",
    b"\r",
    b"\t",
    b"*",
    b"&a ",
    b"!!x ",
    b"<<: ",
    b"---\n",
    b"[",
    b"{",
    b"'",
    b'"',
)
SCALARS: Final[tuple[Any, ...]] = (
    *(None, True, 0, -1, 2**31, 2**63, 10**400, 1e308, float("nan"), float("inf"), "", " ", "x" * 5000, "\x1b[31m"),
    *("\u202e", "\U0001f600", "no", "1.10", "{{", "ml.m5.large", "../../etc/passwd", "s3://", "arn:aws:iam::1:role/x"),
    *([], {}, [[]], [{}], {"": ""}, {"file": "/dev/zero"}, {"file": "nothing.csv"}, {"key": {"key": {}}}),
)
EXPRESSIONS: Final = (
    *(
        "{{ nope }}",
        "{{ 1 / 0 }}",
        "{{ [] }}",
        "{{ none }}",
        "{{",
        "{{ }}",
        "{% if x %}",
        "{{ each.key }}",
        "{{ fleet }}",
    ),
    *(
        "{{ range(9) | list }}",
        "{{ '%999d' % 1 }}",
        "{{ 'a' * 99999 }}",
        "{{ x | attr('__class__') }}",
        "{{ 10**9999 }}",
    ),
    *("{{ {}.fromkeys(range(9)) }}", "{{ [1] | sort | unique | max }}", "{{ 'a'.rfind('b') }}", "{{ (1, 2)[::-1] }}"),
    *(
        "{{ 1 < 2 < x }}",
        "{{ 'a' in [1] }}",
        "{{ [3] | select('in', 3) | list }}",
        "{{ -'a' }}",
        "{{ ''[0] }}",
        "{{ {1: 2} }}",
    ),
)


@cache
def seeds() -> tuple[bytes, ...]:
    """The fleet files that are mutated."""
    paths = [*ROOT.glob("examples/*/fleet.yaml"), *ROOT.glob("tests/golden/*/fleet.yaml")]
    return tuple(path.read_bytes() for path in sorted(paths))


def mutated(rng: random.Random) -> bytes:
    """A fleet file with one to four mutations."""
    text = rng.choice(seeds())
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        text = rng.choice((_of_bytes, _of_lines, _of_nodes, _of_nodes, _of_expressions))(text, rng)
    return text


def one(seed: int) -> str:
    """Feed the mutated file of this seed to mmeplan: `refused`, `found` (errors of rules) or `planned`."""
    rng = random.Random(seed)
    raw = mutated(rng)
    try:
        fleet = load_text(raw, folder=ROOT / "examples" / "tenants-csv", environment=rng.choice((*[None] * 7, "prod")))
        compiled = graph.compile(fleet)
        found = rules.check(fleet, compiled)
        snapshot = Snapshot(MOMENT, fleet.account or "123456789012", fleet.region or "eu-west-1", fleet.name, {})
        planned_from(fleet, snapshot)
    except FleetRefused:
        return "found"
    except MmeplanError as error:
        return "refused" if str(error) else "an error without a word"
    crashed = [finding for finding in found if "rule itself" in finding.message]
    assert not crashed, crashed
    return "found" if any(finding.severity == "error" for finding in found) else "planned"


# --- mutations --------------------------------------------------------------------------------------------------------


def _of_bytes(text: bytes, rng: random.Random) -> bytes:
    start = rng.randrange(len(text) + 1)
    end = min(len(text), start + rng.choice((0, 1, 3, 40)))
    return (
        text[:start]
        + rng.choice((b"", bytes([rng.randrange(256)]), rng.choice(BYTES), text[start:end] * 3))
        + text[end:]
    )


def _of_lines(text: bytes, rng: random.Random) -> bytes:
    lines = text.splitlines(keepends=True) or [b"\n"]
    at, other = rng.randrange(len(lines)), rng.randrange(len(lines))
    change = rng.randrange(4)
    if change == 0:
        lines[at], lines[other] = lines[other], lines[at]
    elif change == 1:
        lines.insert(at, lines[other])
    elif change == 2:
        del lines[at]
    else:
        lines[at] = b" " * rng.randrange(1, 5) + lines[at]
    return b"".join(lines)


def _of_nodes(text: bytes, rng: random.Random) -> bytes:
    return _replaced(text, rng, SCALARS)


def _of_expressions(text: bytes, rng: random.Random) -> bytes:
    return _replaced(text, rng, EXPRESSIONS)


def _replaced(text: bytes, rng: random.Random, values: tuple[Any, ...]) -> bytes:
    """One node of the YAML gives way to a value, to another node of the file, or goes."""
    try:
        root = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError):
        return _of_bytes(text, rng)
    places = _places(root)
    if not places:
        return _of_bytes(text, rng)
    parent, key = rng.choice(places)
    change = rng.randrange(5)
    if change == 0:
        del parent[key]
    elif change == 1:
        other, name = rng.choice(places)
        parent[key] = copy.deepcopy(other[name]) if name in _keys(other) else None
    else:
        parent[key] = rng.choice(values)
    return yaml.safe_dump(root, allow_unicode=True, sort_keys=False).encode("utf-8", "surrogatepass")


def _places(root: Any) -> list[tuple[Any, Any]]:
    found, waiting = [], [root]
    while waiting:
        value = waiting.pop()
        for key in _keys(value):
            found.append((value, key))
            waiting.append(value[key])
    return found


def _keys(value: Any) -> list[Any]:
    return list(value) if isinstance(value, dict) else list(range(len(value))) if isinstance(value, list) else []
