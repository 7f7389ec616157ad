"""comparing: a saved plan against the one that its own file gives now. Steps are derived, not trusted.

In: two plans. Out: sentences about what the saved one says otherwise; none where it does what a plan of its file does.
Pure. What isn't a function of file, live state and options is not compared: findings of reads of other services, the
order in which endpoints fit into a quota (`after`), and words (`explanation`, `notes`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from mmeplan import __version__
from mmeplan.diff import Change
from mmeplan.plan.document import Plan
from mmeplan.plan.encoding import plain
from mmeplan.plan.step import Step

_WORDS: Final = frozenset({"explanation", "notes"})
_ORDER: Final = frozenset({"after"})
_SHOWN: Final = 60  # characters of a value that differs
_SECRET: Final = ("Environment", "fields")
"""Members beneath which environment values lie: that they differ is told, and not what they are."""

_Key = tuple[str, str, str, str]


def differences(saved: Plan, again: Plan, used: Collection[str] = ()) -> tuple[str, ...]:
    """What the saved plan says, and a plan of the same file (`again`) says otherwise.

    `used` are models and configs (`kind/name`) that endpoints outside of the fleet use by now: that the saved plan
    deletes them is no difference, the guard of the delete sees it as well. Nor is it that something is used no more.
    """
    if again.refused and not saved.refused:
        errors = (finding for finding in again.findings if finding.severity == "error")
        return tuple(f"a plan of the same file is refused: {found.rule}: {found.message}" for found in errors)
    said, found = _changes(saved), _changes(again)
    kept = {key for key, change in said.items() if f"{change.kind}/{change.live_name}" in used}
    kept |= {key for key, change in said.items() if key in found and _is_left(change, found[key])}
    unseen = {key for key, change in found.items() if key not in said and _was_not_there(change, saved)}
    sentences = [*_of_changes(said, found, kept, unseen), *_of_steps(saved, again, said, found, kept, unseen)]
    if sentences and saved.tool_version != __version__:
        sentences.append(f"it was made by mmeplan {saved.tool_version}, and this is {__version__}")
    return tuple(dict.fromkeys(sentences))


def beyond(saved: Plan, rest: Plan) -> tuple[str, ...]:
    """What `rest`, a plan of the same file once the saved one was carried out in part, does and the saved one doesn't.

    It may wait for what the saved plan has begun. Guards are those of what is live now.
    """
    errors = (finding for finding in rest.findings if finding.severity == "error")
    sentences = [f"a plan of the same file is refused: {found.rule}: {found.message}" for found in errors]
    steps = {step.id: step for step in saved.steps}
    for step in rest.steps:
        if step.operation == "DescribeEndpoint":
            continue
        if step.id not in steps:
            sentences.append(f"the step {step.id}: a plan of the same file has it, and the plan doesn't")
        else:
            if step.is_gathered:
                sentences += _more_gathered(steps[step.id], step)
                continue
            fewer = all(call in steps[step.id].on_rollback for call in step.on_rollback)
            left_out = _ORDER | {"guard"} | ({"on_rollback"} if fewer else set())
            sentences += [f"the step {step.id}: {text}" for text in _unlike(steps[step.id], step, left_out)]
    return tuple(sentences)


def _changes(plan: Plan) -> dict[_Key, Change]:
    return {(change.kind, change.address, change.name, change.live_name): change for change in plan.changes}


def _is_left(said: Change, found: Change) -> bool:
    """Whether the saved plan does nothing to a model or config that could be deleted by now: another's endpoint, which
    used it, is gone.
    """
    return said.is_immutable and said.is_noop and found.action.deletes


def _was_not_there(change: Change, saved: Plan) -> bool:
    """Whether something else of the fleet has come since: the saved plan does nothing to it."""
    known = saved.snapshot.fingerprints
    declared = change.name != change.live_name or bool(change.location.line)
    return not declared and f"{change.kind}/{change.live_name}" not in known


def _of_changes(
    said: Mapping[_Key, Change], found: Mapping[_Key, Change], kept: set[_Key], unseen: set[_Key]
) -> Iterator[str]:
    gathered = {key for key in {*said, *found} if (said.get(key) or found[key]).is_gathered}
    for key in sorted({*said, *found} - kept - unseen - gathered):
        kind, _, name, live_name = key
        thing = f"the {kind.replace('_', ' ')} {live_name or name}"
        if key not in found:
            yield f"{thing}: the plan says {_doing(said[key])}, and a plan of the same file doesn't name it"
        elif key not in said:
            yield f"{thing}: the plan doesn't name it, and a plan of the same file says {_doing(found[key])}"
        else:
            yield from (f"{thing}: {text}" for text in _unlike(said[key], found[key], _WORDS))


def _of_steps(
    saved: Plan,
    again: Plan,
    said: Mapping[_Key, Change],
    found: Mapping[_Key, Change],
    kept: set[_Key],
    unseen: set[_Key],
) -> Iterator[str]:
    steps, others = ({step.id: step for step in plan.steps} for plan in (saved, again))
    left_out = {(said[key].kind, said[key].live_name) for key in kept}
    left_out |= {(found[key].kind, found[key].live_name) for key in unseen}
    for step_id in sorted({*steps, *others}):
        step = steps.get(step_id) or others[step_id]
        if any(name in (*step.params.values(), *step_id.split("@")[1:]) for _, name in left_out):
            continue
        if step.is_gathered and step_id in steps:  # what is done of it already is not done again
            yield from _more_gathered(steps[step_id], others[step_id]) if step_id in others else ()
        elif step_id not in others:
            yield f"the step {step_id}: the plan has it, and a plan of the same file doesn't"
        elif step_id not in steps:
            yield f"the step {step_id}: a plan of the same file has it, and the plan doesn't"
        else:
            yield from (f"the step {step_id}: {text}" for text in _unlike(steps[step_id], others[step_id], _ORDER))


def gathers_less(saved: Plan, again: Plan) -> bool:
    """Whether archives are left out of a plan of the same file that the saved plan has: they are there by now."""
    one, other = ([plain(step) for step in plan.steps if step.is_gathered] for plan in (saved, again))
    return one != other


def _more_gathered(said: Step, found: Step) -> Iterator[str]:
    """What a plan of the same file does beneath a prefix, and the saved step doesn't. The saved one may do more: others
    have done it since. The pointer is written on the condition of the one that was read.
    """
    mine, theirs = plain(said)["params"], plain(found)["params"]
    rows = [row for row in theirs.get("Archives", ()) if row not in mine.get("Archives", ())]
    if rows:
        yield f"the step {said.id}: a plan of the same file has {_shown(rows[0][0])}, and the plan doesn't"
    for member in sorted({*mine, *theirs}):
        if member != "Archives" and mine.get(member) != theirs.get(member):
            yield f"the step {said.id}: the plan and a plan of the same file differ in {member}"


def _doing(change: Change) -> str:
    return " and ".join(change.actions)


def _unlike(one: Change | Step, other: Change | Step, left_out: frozenset[str]) -> Iterator[str]:
    """The first place in which two differ."""
    mine, theirs = ({k: v for k, v in plain(it).items() if k not in left_out} for it in (one, other))
    if mine == theirs:
        return
    place, said, is_so = _first(mine, theirs, ())
    where = ".".join(map(str, place))
    if any(part in _SECRET for part in place):
        yield f"the plan and a plan of the same file differ in {where}"
    else:
        yield f"the plan says {_shown(said)} for {where}, and a plan of the same file says {_shown(is_so)}"


def _first(one: Any, other: Any, place: tuple[str | int, ...]) -> tuple[tuple[str | int, ...], Any, Any]:
    if isinstance(one, dict) and isinstance(other, dict):
        for key in sorted({*one, *other}):
            if one.get(key) != other.get(key):
                return _first(one.get(key), other.get(key), (*place, key))
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for index, (mine, theirs) in enumerate(zip(one, other, strict=True)):
            if mine != theirs:
                return _first(mine, theirs, (*place, index))
    return place, one, other


def _shown(value: Any) -> str:
    """A value as text; a container in full might hold environment values."""
    if isinstance(value, (dict, list)):
        return f"{len(value)} items" if value else "nothing"
    text = "nothing" if value in (None, "") else str(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
