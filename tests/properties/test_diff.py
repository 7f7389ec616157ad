"""Laws of the diff: nothing differs from itself, and every leaf that differs is told once."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from mmeplan.diff import diff
from mmeplan.diff.fields import field_changes, tag_changes
from mmeplan.spec import IgnoredTags
from tests.simulation.fleets import lives
from tests.simulation.test_whole_lives import ROBUST
from tests.simulation.world import World

LEAVES = st.none() | st.booleans() | st.integers(-5, 5) | st.floats(-5, 5, width=32) | st.text(max_size=3)
NAMES = st.sampled_from(["A", "B", "Subnets", "Environment", "x.y", "it's"])
TREES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=8
)
TREE = st.dictionaries(NAMES, TREES, max_size=4)
TAGS = st.dictionaries(
    st.sampled_from(["a", "b", "aws:x", "AWS:y", "mmeplan:fleet"]), st.sampled_from("12"), max_size=4
)


@settings(ROBUST, max_examples=200)
@given(TREE)
def test_nothing_differs_from_itself(tree: dict[str, Any]) -> None:
    assert field_changes(tree, dict(reversed(tree.items()))) == ()


@settings(ROBUST, max_examples=300)
@given(TREE, TREE)
def test_something_is_told_iff_something_differs_and_each_place_once(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    changes = field_changes(one, other)
    if one == other:
        assert changes == ()
    paths = [change.path for change in changes]
    assert len(set(paths)) == len(paths)
    back = {change.path: (change.after, change.before) for change in field_changes(other, one)}
    assert {change.path: (change.before, change.after) for change in changes} == back


@settings(ROBUST, max_examples=200)
@given(TAGS, TAGS)
def test_tag_changes_lead_from_what_is_live_to_what_is_wanted(wanted: dict[str, str], live: dict[str, str]) -> None:
    wanted = {key: value for key, value in wanted.items() if not key.lower().startswith("aws:")}
    added, removed = tag_changes(wanted, live, IgnoredTags())
    after = {key: value for key, value in {**live, **added}.items() if key not in removed}
    assert {key: value for key, value in after.items() if not key.lower().startswith("aws:")} == wanted
    assert {key for key in live if key.lower().startswith("aws:")} <= set(after)
    assert tag_changes(wanted, after, IgnoredTags()) == ({}, ())


@settings(ROBUST, max_examples=100)
@given(TAGS, TAGS, st.frozensets(st.sampled_from("abc")))
def test_tags_of_others_are_neither_added_nor_removed(
    wanted: dict[str, str], live: dict[str, str], keys: frozenset[str]
) -> None:
    others = IgnoredTags(keys | frozenset(list(live)[:1]))
    _, removed = tag_changes(others.without(wanted), live, others)
    assert not [key for key in removed if others.covers(key)]
    assert others.without(dict.fromkeys(removed, "")).keys() == set(removed)


@settings(ROBUST, max_examples=15)
@given(lives(edits=1))
def test_a_fleet_that_was_applied_does_not_differ_from_what_is_live(life: list[Any]) -> None:
    with World() as world:
        world.apply(life[0])
        compiled = world.compile(life[0])
        found = diff(compiled, world.observe(compiled))
        assert all(change.is_noop for change in found.changes), found.changes
        assert not found.drift
        assert diff(compiled, world.observe(compiled)) == found
