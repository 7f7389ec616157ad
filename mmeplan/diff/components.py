"""Inference components in the way of a deletion: a model that one uses is kept, an endpoint with one isn't deleted.

In: what `observe_users` found. Out: the change as it may be. Source: docs/sagemaker.md, "Inference components".
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from mmeplan.diff.changes import Change, Refusal
from mmeplan.diff.fields import listed
from mmeplan.live import COMPONENTS_UNREAD, LiveObject, Snapshot

_SHOWN: Final = 5
"""How many names a sentence has."""


def user_among_components(snapshot: Snapshot, live: LiveObject) -> str:
    """What may use an object among inference components, as a clause; empty where nothing does."""
    names = snapshot.components.get(f"{live.kind}/{live.name}", ())
    if names is None:
        return f"whether an inference component uses it {COMPONENTS_UNREAD}"
    return f"{_worded(names)} {'use' if len(names) > 1 else 'uses'} it" if names else ""


def without_components(snapshot: Snapshot, change: Change) -> Change:
    """The change, refused where it deletes an endpoint on which inference components are placed."""
    if not (change.is_swapped and change.action.deletes) or change.refusal:
        return change
    names = snapshot.components.get(f"{change.kind}/{change.live_name}", ())
    if names is None:
        note = (
            f"whether inference components are placed on {change.live_name} {COMPONENTS_UNREAD}; "
            "SageMaker refuses to delete it while any is"
        )
        return replace(change, notes=(*change.notes, note))
    if not names:
        return change
    several = len(names) > 1
    refusal = (
        f"{_worded(names)} {'are' if several else 'is'} placed on {change.live_name}, and SageMaker deletes no "
        "endpoint with inference components; once nothing calls them, `aws sagemaker delete-inference-component "
        f"--inference-component-name {names[0]}`{' and the others alike' if several else ''}"
    )
    return replace(change, refusal=refusal, refused=Refusal.COMPONENTS)


def _worded(names: tuple[str, ...]) -> str:
    """`the inference component a`, `the inference components a, b and c`; of many the first, and how many more."""
    more = len(names) - _SHOWN
    shown = [*names[:_SHOWN], f"{more} more"] if more > 0 else list(names)
    return f"the inference component{'s' if len(names) > 1 else ''} {listed(shown)}"
