"""Damaged plans and snapshots: one InputError with the place of what is wrong, whatever it is."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mmeplan import live, plan
from mmeplan.documents import MOST_DEPTH, DamagedError, parsed
from mmeplan.errors import InputError
from tests.simulation.forgeries import sealed

GOLDEN = Path(__file__).parents[2] / "golden" / "mixed"
PLAN: dict[str, Any] = json.loads((GOLDEN / "plan.json").read_text())
SNAPSHOT: dict[str, Any] = json.loads((GOLDEN / "snapshot.json").read_text())
CREATE = next(index for index, step in enumerate(PLAN["steps"]) if step["operation"] == "CreateModel")
MODEL, ENDPOINT = (
    next(name for name, item in SNAPSHOT["objects"][kind].items() if item["status"] == "present")
    for kind in ("model", "endpoint")
)
VARIANT = ("objects", "endpoint", ENDPOINT, "describe", "ProductionVariants", 0)


def told(read: Callable[[str, str], object], text: str) -> list[str]:
    with pytest.raises(InputError) as refused:
        read(text, "it.json")
    assert all(problem.file == "it.json" and problem.hint for problem in refused.value.problems)
    return [problem.message for problem in refused.value.problems]


def with_value(document: dict[str, Any], place: tuple[str | int, ...], value: Any) -> dict[str, Any]:
    made = copy.deepcopy(document)
    holder: Any = made
    for part in place[:-1]:
        holder = holder[part]
    holder[place[-1]] = value
    return made


@pytest.mark.parametrize(
    ("place", "value", "where"),
    [
        (("options", "parallelism"), "9", "options.parallelism: input should be a valid integer"),
        (("options", "parallelism"), True, "options.parallelism: input should be a valid integer"),
        (("summary",), [], "summary: "),
        (("changes", 1, "tags_added"), {"a": 1}, "changes[1].tags_added.a: input should be a valid string"),
        (("changes", 0, "actions"), "create", "changes[0].actions: "),
        (("findings",), [{"rule": "X-01"}], "findings[0].severity: field required"),
        (("steps", 0, "operation"), "DeleteDomain", "steps[0].operation: mmeplan makes no call 'DeleteDomain'"),
        (("steps", 0, "guard", "desired"), 5, "steps[0].guard.desired: "),
        (("steps", 0, "wait"), {"timeout_s": "soon"}, "steps[0].wait.timeout_s: input should be a valid number"),
        (
            ("steps", CREATE, "params", "PrimaryContainer"),
            [],
            f"steps[{CREATE}].params.PrimaryContainer: member must be of type structure",
        ),
        (
            ("steps", CREATE, "params", "Tags", 0, "Key"),
            7,
            f"steps[{CREATE}].params.Tags[0].Key: member must be of type string",
        ),
        (("steps", CREATE, "params", "Imge"), "x", f"steps[{CREATE}].params.Imge: unknown member"),
        (("steps", 0, "on_rollback"), [{"operation": "X", "params": {}}], "steps[0].on_rollback[0].operation: "),
    ],
)
def test_a_member_of_a_plan_that_is_of_another_type_is_named(place: Any, value: Any, where: str) -> None:
    (message, *_) = told(plan.read, json.dumps(sealed(with_value(PLAN, place, value))))
    assert message.startswith(f"this plan is damaged: {where}")


@pytest.mark.parametrize(
    ("place", "value", "where"),
    [
        (("account",), 123456789012, "account: Input should be a valid string"),
        (("objects", "model"), [], "objects.model: "),
        (("objects", "model", MODEL, "status"), "there", f"objects.model.{MODEL}.status: "),
        (("objects", "model", MODEL, "tags"), {"a": None}, f"objects.model.{MODEL}.tags.a: "),
        (("objects", "model", MODEL, "describe", "ModelArn"), 1, f"objects.model.{MODEL}.describe.ModelArn: "),
        (("observed_at",), "yesterday", "observed_at: this is no ISO 8601 moment with a time zone"),
        (
            ("objects", "model", MODEL, "describe", "CreationTime"),
            "2026-01-01T00:00:00",
            f"objects.model.{MODEL}.describe.CreationTime: this is no ISO 8601 moment with a time zone",
        ),
        (
            (*VARIANT, "DesiredWeight"),
            "much",
            f"objects.endpoint.{ENDPOINT}.describe.ProductionVariants[0].DesiredWeight",
        ),
        ((*VARIANT, "VariantName"), None, f"objects.endpoint.{ENDPOINT}.describe.ProductionVariants[0].VariantName"),
        (
            ("objects", "endpoint", ENDPOINT, "describe", "EndpointStatus"),
            None,
            f"objects.endpoint.{ENDPOINT}.describe.EndpointStatus: every answer has it",
        ),
    ],
)
def test_a_member_of_a_snapshot_that_is_of_another_type_is_named(place: Any, value: Any, where: str) -> None:
    (message, *_) = told(live.read, json.dumps(with_value(SNAPSHOT, place, value)))
    assert message.startswith(f"this snapshot is damaged: {where}")


NESTED = 100_000
TEXTS = [
    ("[" * NESTED, "nested deeper than 100 levels"),
    ('{"a":' * NESTED, "nested deeper than 100 levels"),
    ("[" * (MOST_DEPTH + 1) + "]" * (MOST_DEPTH + 1), "nested deeper than 100 levels"),
    ("9" * 5000, "a number has too many digits"),
    (f'{{"a": [0, {2**63}]}}', "a[1]: a number has too many digits"),
    ('{"a": {"b": "\\ud800"}}', "a.b: half of a surrogate pair is no text"),
    ('{"a": {"\\udfff": 1}}', "a: half of a surrogate pair in a key is no text"),
    ("NaN", "NaN is not a number of JSON"),
    ("[-Infinity]", "-Infinity is not a number of JSON"),
    ("1e999", "1e999 is beyond every number"),
    ("{", "Expecting property name"),
    ("", "Expecting value"),
]


@pytest.mark.parametrize(("text", "said"), TEXTS, ids=[text[:20] for text, _ in TEXTS])
@pytest.mark.parametrize("read", [plan.read, live.read])
def test_what_python_or_the_next_program_can_not_bear_is_refused(read: Any, text: str, said: str) -> None:
    with pytest.raises(DamagedError) as damaged:
        parsed(text)
    assert said in str(damaged.value)
    (message,) = told(read, text)
    assert said in message


def test_whole_surrogate_pairs_and_all_of_64_bits_are_read() -> None:
    assert parsed('{"\\ud83d\\ude00": [9223372036854775807, -1.5e300, "\\ud83d\\ude00", "é"]}')


def test_of_many_problems_the_first_ten_lines_are_told() -> None:
    broken = {**PLAN, "changes": [{**change, "kind": 1} for change in PLAN["changes"] * 9]}
    messages = told(plan.read, json.dumps(broken))
    assert len(messages) == 10
    assert "more like these" in messages[-1]
