"""Environment values in what a service says."""

from __future__ import annotations

from typing import Any

import pytest

from mmeplan.live import Veil

SECRET = 'pa55 "word" <é>'


def knowing(*values: str, **others: Any) -> Veil:
    veil = Veil()
    environment = {f"KEY{index}": value for index, value in enumerate(values)}
    veil.learn([{"PrimaryContainer": {"Environment": environment}, **others}])
    return veil


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (f"KEY={SECRET} is wrong", "KEY=(masked) is wrong"),
        ('{"KEY": "pa55 \\"word\\" <\\u00e9>"}', '{"KEY": "(masked)"}'),
        ("&lt;pa55&gt; pa55 &quot;word&quot; &lt;é&gt;", "&lt;pa55&gt; (masked)"),
        ('cut off at pa55 "wo', "cut off at (masked)"),
        (f"{SECRET}{SECRET}", "(masked)(masked)"),
        ("nothing", "nothing"),
    ],
)
def test_a_value_is_masked_however_it_is_written(said: str, shown: str) -> None:
    assert knowing(SECRET).text(said) == shown


def test_what_is_shown_elsewhere_short_or_common_stays() -> None:
    veil = knowing("ranker", "1", "true", "prod", "s3://bucket/model", ModelName="ranker", Data="s3://bucket/model")
    said = "1 error: ranker at s3://bucket/model is true in production, not in prod"
    assert veil.text(said) == said.replace("in prod", "in (masked)").replace("(masked)uction", "production")


def test_the_longest_value_goes_first() -> None:
    assert knowing("hunter2-hunter2", "hunter2-hunter2-hunter2").text("x hunter2-hunter2-hunter2 y") == "x (masked) y"


def test_what_was_learned_is_read_when_it_is_needed() -> None:
    read: list[int] = []

    def documents() -> Any:
        read.append(1)
        yield {"Containers": [{"Environment": {"A": "one-secret"}}, {"Environment": {"B": "two-secret"}}]}

    veil = Veil()
    veil.learn(documents())
    assert read == []
    assert veil.text("one-secret, two-secret") == veil.text("one-secret, two-secret") == "(masked), (masked)"
    assert read == [1]
