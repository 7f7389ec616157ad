"""A change's action, and the words of the plan document that stand for it."""

from __future__ import annotations

import pytest

from mmeplan.diff import Action, action_of


@pytest.mark.parametrize(
    ("kind", "words", "effect", "reason", "action"),
    [
        ("model", ("create",), "none", "new", Action.CREATE),
        ("endpoint", ("update",), "traffic_shift", "config_changed", Action.SWAP),
        ("endpoint", ("update",), "in_place", "scaled", Action.SCALE),
        ("endpoint", ("update",), "none", "tags_changed", Action.TAG),
        ("endpoint", ("adopt", "update"), "none", "same", Action.TAG),
        ("endpoint", ("adopt",), "none", "same", Action.NO_OP),
        ("endpoint", ("read",), "none", "in_progress", Action.WAIT),
        ("endpoint", ("read",), "none", "unreadable", Action.UNREADABLE),
        ("endpoint", ("read",), "none", "conflict", Action.REFUSE),
        ("endpoint", ("create", "delete"), "create", "renamed", Action.RENAME),
        ("endpoint_config", ("create", "delete"), "none", "restored", Action.PLACEHOLDER),
        ("endpoint", ("delete", "create"), "outage", "failed", Action.DELETE_THEN_CREATE),
        ("model", ("delete",), "delete", "removed", Action.DELETE),
        ("model", ("forget",), "none", "retained", Action.FORGET),
    ],
)
def test_the_words_of_a_document_stand_for_one_action(
    kind: str, words: tuple[str, ...], effect: str, reason: str, action: Action
) -> None:
    assert action_of(kind, words, effect, reason) is action


def test_words_that_no_mmeplan_writes_are_refused() -> None:
    with pytest.raises(ValueError, match="unknown actions create, update"):
        action_of("model", ("create", "update"), "none", "new")
