"""What is done beneath multi-model prefixes: archives that are missing are written, the pointer moves, old ones go.

In: the declared archives, and the listing. Out: a `Change` for each set, and the `Doing` that its steps carry out. The
change counts and names the first few; nobody reads five thousand lines.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

from mmeplan.diff.changes import Action, Change, Reason, Refusal
from mmeplan.diff.immutables import change_of
from mmeplan.diff.inputs import Inputs
from mmeplan.identity import Deployment
from mmeplan.kinds import LiveArchives, Resource, as_a
from mmeplan.kinds.artifacts import (
    DIGEST_MARK,
    ENVIRONMENT_MARK,
    FLEET_MARK,
    Archive,
    Declared,
    Doing,
    Known,
    Stored,
    Superseded,
    Transfer,
    is_archive,
    is_marked,
    known,
    undeclared,
)

_UNSEEN: Final = "not compared: local sources aren't read for this"
NAMED: Final = 3  # keys that are named; the others are counted
_OVERWRITTEN: Final = "which mmeplan never overwrites: put {{ source.digest8 }} or a version into `key`"
_NOT_MOVED: Final = "which mmeplan never overwrites: remove it, or name another key in `publish`"


def gathered_change(inputs: Inputs, resource: Resource, *, prune: bool) -> Change:
    """The change of a set of archives."""
    live = _live(inputs, resource)
    if live is None or live.status == "unreadable":
        why = f"could not be read: {live.error}" if live is not None else "nobody looked beneath the prefix"
        return change_of(resource, Action.UNREADABLE, "unreadable", why, live=live)
    declared = _declared(resource)
    if declared.is_unseen:
        return change_of(resource, Action.NO_OP, "same", _UNSEEN, live=live)
    if refusal := _refusal(declared, live) or _unwanted(inputs, resource, live, prune=prune):
        return change_of(
            resource, Action.REFUSE, "conflict", "can't be as declared", refusal=refusal, refused=Refusal.CONTENT
        )
    doing = doing_of(inputs, resource, prune=prune)
    words = told(doing)
    notes = _notes(inputs, resource, live, doing, prune=prune)
    if not words:
        count = _count(len(declared.archives), "archive")
        return change_of(resource, Action.NO_OP, "same", f"unchanged: {count}", live=live, notes=notes)
    reason: Reason = "content_changed" if live.stored else "new"
    return change_of(resource, Action.UPDATE, reason, words, live=live, effect="in_place", notes=notes)


def doing_of(inputs: Inputs, resource: Resource, *, prune: bool) -> Doing:
    """What is done to a set of archives that was listed and isn't refused."""
    live, declared = _live(inputs, resource), _declared(resource)
    if live is None or not live.is_present or declared.is_unseen:
        return Doing()
    wanted = list(known(declared, live))
    missing = {one.key: one for one in reversed(wanted) if one.key not in live.stored}  # one key may stand for several
    uploads = tuple(_transfer(one, live) for one in reversed(missing.values()))
    targets = {one.archive.name: one.key for one in wanted}
    moves = bool(declared.publish[0]) and live.targets != targets
    return Doing(
        uploads,
        targets if moves else None,
        declared.publish if declared.publish[0] else ("", ""),
        live.pointer_etag,
        tuple((one.key, one.etag) for one in _to_prune(inputs, resource, live)) if prune else (),
        tuple(sorted((live.targets or {}).keys() - targets.keys())) if moves else (),
    )


def told(doing: Doing) -> str:
    """What is done, in words: counts, and the first names. Empty for nothing."""
    parts = []
    copied = [one for one in doing.uploads if one.etag]
    sent = [one for one in doing.uploads if not one.etag]
    for some, word in ((sent, "uploaded"), (copied, "copied")):
        if some:
            sizes = [one.size for one in some if one.size is not None]
            size = f" ({'at least ' if len(sizes) < len(some) else ''}{bytes_text(sum(sizes))})" if sizes else ""
            parts.append(f"{_count(len(some), 'archive')} {_are(some)} {word}{size}: {_first(o.key for o in some)}")
    if doing.targets is not None:
        where = f"s3://{doing.pointer[0]}/{doing.pointer[1]}"
        leaving = f", without {_first(doing.leaving)}" if doing.leaving else ""
        parts.append(f"the pointer {where} {'moves' if doing.pointer_etag else 'is made'}{leaving}")
    if doing.prune:
        keys = [key for key, _ in doing.prune]
        parts.append(f"{_count(len(keys), 'archive')} {_are(keys)} pruned: {_first(keys)}")
    return "; ".join(parts)


def bytes_text(size: int) -> str:
    """`1.5 GB`: bytes as S3's console shows them, in powers of 1000."""
    for unit, power in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= power:
            return f"{size / power:.1f} {unit}"
    return f"{size} bytes"


def strays(declared: Declared, live: LiveArchives) -> tuple[Superseded, ...]:
    """What lies beneath a closed prefix and is no generation of a declared archive."""
    told = declared.closed and not declared.is_unseen
    return tuple(one for one in undeclared(declared, live) if not one.back) if told else ()


def _refusal(declared: Declared, live: LiveArchives) -> str:
    """Why nothing may be done: a source that isn't there, or a key, or the pointer's, that holds something else."""
    gone = [one.source for one in declared.archives if one.is_remote and _is_missing(one, live)]
    if gone:
        return f"{_count(len(gone), 'source')} {_are(gone)} not there: {_first(gone)}"
    other = [one.key for one in known(declared, live) if one.key in live.stored and _is_other(one, live)]
    if other:
        keys = f"{_count(len(other), 'key')} {'holds' if len(other) == 1 else 'hold'}"
        return f"{keys} something else than declared, {_OVERWRITTEN}: {_first(other)}"
    if declared.publish[0] and live.pointer_etag and live.targets is None:
        where = "s3://" + "/".join(declared.publish)
        return f"{where} holds something else than a pointer, {_NOT_MOVED}"
    return ""


def _unwanted(inputs: Inputs, resource: Resource, live: LiveArchives, *, prune: bool) -> str:
    """Why what would be done can't be what is wanted: the pointer isn't ours, or a table lost everything."""
    declared, doing = _declared(resource), doing_of(inputs, resource, prune=prune)
    if doing.targets is not None and live.pointer_etag:
        where = f"s3://{'/'.join(declared.publish)}"
        marks = live.pointer_marks
        if not live.targets and not marks.get(FLEET_MARK):
            return f"{where} holds an empty mapping without mmeplan's mark, {_NOT_MOVED}"
        if not all(is_archive(key) for key in (live.targets or {}).values()):  # of a snapshot
            return f"{where} holds something else than a pointer, {_NOT_MOVED}"
        if marks.get(FLEET_MARK) and not is_marked(marks, resource.deployment):
            other = Deployment(marks[FLEET_MARK], marks.get(ENVIRONMENT_MARK, ""))
            return f"{where} is the pointer of {other.words}, {_NOT_MOVED}"
    if doing.prune and live.sharers:
        others = f"{_count(len(live.sharers), 'model')} of others ({_first(live.sharers)})"
        serve = f"{others} {'serves' if len(live.sharers) == 1 else 'serve'} from s3://{live.name}, too"
        return f"{serve}, and may need what would be pruned: give each fleet and environment a prefix of its own"
    if not declared.archives and not declared.allow_empty and ((doing.targets == {} and live.targets) or doing.prune):
        lost = "the pointer would name nothing" if doing.targets is not None else "what is there would be pruned"
        why = f"the table is empty, and {lost}"
        return f"{why}: put the archives back, or write `allow_empty: true` under `artifacts`"
    return ""


def _is_missing(one: Archive, live: LiveArchives) -> bool:
    """Whether a source in S3 was asked for and isn't there."""
    asked = one.needs_digest or one.key("") not in live.stored
    return asked and live.source(one.source) is None


def _is_other(one: Known, live: LiveArchives) -> bool:
    """Whether what lies under a declared key is seen to be something else.

    A key that holds the digest says what is under it, as far as its size isn't another; of a plain key the mark does.
    """
    stored = live.stored[one.key]
    if one.archive.is_plain:
        marks, source = live.marks(one.key) or {}, live.source(one.archive.source)
        content = one.archive.digest or (source.digest if source else "")
        return marks.get(DIGEST_MARK) != content
    return one.archive.size is not None and one.archive.needs_digest and one.archive.size != stored.size


def _transfer(one: Known, live: LiveArchives) -> Transfer:
    source = live.source(one.archive.source) if one.archive.is_remote else None
    if source is not None:
        return Transfer(one.key, one.archive.source, source.digest, source.size, source.etag)
    return Transfer(one.key, one.archive.source, one.digest, one.archive.size)


def _to_prune(inputs: Inputs, resource: Resource, live: LiveArchives) -> list[Stored]:
    """What is pruned: the deployment's own, beyond what is kept, and not what the pointer that was read names."""
    declared, now = _declared(resource), datetime.fromisoformat(inputs.snapshot.observed_at)
    named = set((live.targets or {}).values())
    before = now - timedelta(days=declared.days)
    return [
        one.stored
        for one in undeclared(declared, live)
        if (not one.back or one.back > declared.generations)
        and one.since
        and datetime.fromisoformat(one.since) < before
        and one.stored.key not in named
        and is_marked(live.marks(one.stored.key) or {}, resource.deployment)
    ]


def _notes(inputs: Inputs, resource: Resource, live: LiveArchives, doing: Doing, *, prune: bool) -> tuple[str, ...]:
    declared = _declared(resource)
    rest = undeclared(declared, live)
    notes = []
    if doing.prune:
        notes.append("an instance that has a pruned archive loaded answers on from it until it is unloaded")
    old, stray = [one for one in rest if one.back], [one for one in rest if not one.back]
    pruned = {key for key, _ in doing.prune}
    left = [one for one in old if one.stored.key not in pruned]
    if left:
        more = "" if prune else "; --prune-artifacts takes away what is older than `keep`"
        notes.append(f"{_count(len(left), 'superseded archive')} {_stay(left)}{more}")
    others = [one for one in stray if one.stored.key not in pruned]
    if others:
        names = _first(one.stored.key for one in others)
        notes.append(f"{_count(len(others), 'archive')} {'is' if len(others) == 1 else 'are'} not declared: {names}")
    return tuple(notes)


def _stay(some: Sequence[object]) -> str:
    return "stays" if len(some) == 1 else "stay"


def _are(some: Sequence[object]) -> str:
    return "is" if len(some) == 1 else "are"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _first(keys: Iterable[str]) -> str:
    found = sorted(keys)
    more = f" and {len(found) - NAMED:,} more" if len(found) > NAMED else ""
    return ", ".join(found[:NAMED]) + more


def _live(inputs: Inputs, resource: Resource) -> LiveArchives | None:
    return as_a(inputs.snapshot.get(resource.kind, resource.physical_name), LiveArchives)


def _declared(resource: Resource) -> Declared:
    assert resource.entry.artifacts is not None
    return resource.entry.artifacts
