"""A plan in words: what happens to it as a whole, and to each object. Every output takes its words from here.

In: a shown plan, its relations, a change. Out: phrases without layout. Decided by `Change.action` and `Change.effect`;
reasons only choose between words.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from mmeplan.kinds import is_kind, kind_named, kinds
from mmeplan.plan import EFFECTS, Action, Change, DriftReport
from mmeplan.plan.gates import OUTAGE_GATES
from mmeplan.render.door import ShownPlan
from mmeplan.render.relations import Relations
from mmeplan.render.style import clean, shorten_left
from mmeplan.render.values import FILE_ROOM, counted, listed

SPECULATIVE: Final = "speculative: made from a snapshot to be read; it can't be applied"
WORST_FIRST: Final = EFFECTS[::-1]
_MOST_VARYING: Final = 5  # fields that are named


def kinds_in_order() -> tuple[str, ...]:
    """The kinds in the order in which they are told of: who refers before what is referred to."""
    return tuple(kind.name for kind in reversed(kinds()))


def noun_of(kind: str) -> str:
    """What an object of a kind is called."""
    return kind_named(kind).words if is_kind(kind) else "object"


class Phrase(NamedTuple):
    """Words and the style that they get: danger, update, create, delete, dim, good, bold, or none."""

    text: str
    style: str = ""


class _EffectWords(NamedTuple):
    """What an effect on traffic is called: beside an address, for some endpoints, for the requests to one, for many."""

    badge: str
    on: str
    requests: Phrase
    alike: tuple[str, str] = ("is treated", "are treated")


_EFFECTS: Final[Mapping[str, _EffectWords]] = {
    "outage": _EffectWords("outage", "OUTAGE on {}", Phrase("OUTAGE", "danger"), ("goes down", "go down")),
    "delete": _EffectWords(
        "deleted", "{} gone for good", Phrase("gone for good", "danger"), ("is deleted", "are deleted")
    ),
    "traffic_shift": _EffectWords(
        "traffic shifts", "traffic shifts on {}", Phrase("shifts"), ("shifts its traffic", "shift their traffic")
    ),
    "in_place": _EffectWords(
        "in place", "{} changed in place", Phrase("in place"), ("is changed in place", "are changed in place")
    ),
    "create": _EffectWords("created", "", Phrase("starts"), ("is created", "are created")),
    "none": _EffectWords("no effect", "", Phrase("none")),
}
BADGES: Final = {"refused": "refused", **{effect: words.badge for effect, words in _EFFECTS.items()}}
"""(effect, or `refused`) → the word beside an address, the worst first."""

_USUAL: Final = {"create": Action.CREATE, "traffic_shift": Action.SWAP, "in_place": Action.SCALE}
"""What is usually done for an effect. What is done otherwise is `treated`."""


# --- one object -------------------------------------------------------------------------------------------------------

_SIGNS: Final[Mapping[Action, Phrase]] = {
    Action.NO_OP: Phrase("=", "dim"),
    Action.CREATE: Phrase("+", "create"),
    Action.TAG: Phrase("~", "update"),
    Action.SCALE: Phrase("~", "update"),
    Action.UPDATE: Phrase("~", "update"),
    Action.SWAP: Phrase("~", "update"),
    Action.WAIT: Phrase("~", "update"),
    Action.DELETE: Phrase("-", "delete"),
    Action.FORGET: Phrase("○", "update"),
    Action.REFUSE: Phrase("?", "danger"),
    Action.UNREADABLE: Phrase("?", "danger"),
}
_ADVICE: Final = re.compile(r"; (?![^()]*\))")  # outside of parentheses, in which a reason stands
_UNREADABLE: Final = "UNREADABLE: nothing is planned for it"
_IN_HEADLINE: Final = frozenset({"new", "scale_changed", "in_progress", "tags_changed", "dependency_changed"})
_IN_WORDS: Final = frozenset({"same", "new", "content_changed", "tags_changed"})


def sign_of(change: Change) -> Phrase:
    """The sign before an address."""
    if change.refusal:
        return Phrase("✗", "danger")
    if change.action.creates and change.action.deletes:
        return Phrase("±", "danger" if change.effect == "outage" else "update")
    if change.adopts and change.action is not Action.UNREADABLE:
        return Phrase("⇄", "update")
    return _SIGNS[change.action]


def is_gone(change: Change) -> bool:
    """Whether a config or model is deleted, or left alone from now on."""
    return change.action.leaves_fleet and not change.adopts


def words_of(change: Change) -> Phrase:
    """What happens to a config or model, with its physical name."""
    live, name = change.live_name, change.name
    there = live or name
    if is_gone(change):
        if change.action is Action.FORGET:
            return Phrase(f"stays live, no longer managed, {there}")
        return Phrase(f"deleted, {there}{', a superseded generation' if change.reason == 'superseded' else ''}")
    if change.refusal:
        return Phrase(f"REFUSED: {_without_advice(change.refusal)}", "danger")
    if change.action.creates:
        word = "restored" if change.reason == "restored" else "new"
        return Phrase(f"{word}, {live} → {name}" if live and live != name else f"{word}, {name}")
    if change.is_gathered and change.action in (Action.UPDATE, Action.NO_OP):
        doing = change.action is Action.UPDATE
        return Phrase(f"{'written to' if doing else 'unchanged'}, s3://{there}", "update" if doing else "dim")
    if change.action is Action.UPDATE:
        return Phrase(f"changed in place, {there}", "update")
    reused = change.reason == "reused"
    if change.is_noop:
        return Phrase(f"{'re-used' if reused else 'unchanged'}, {there}", "dim")
    if change.action is Action.NO_OP:
        return Phrase(f"taken under management, {there}")
    if change.action is Action.UNREADABLE:
        return Phrase("UNREADABLE", "danger")
    return Phrase(f"{'re-used' if reused else 'tags only'}, {there}")


def _without_advice(refusal: str) -> str:
    """Why a change is refused. What to do stands beside it, in the error that says the same."""
    return _ADVICE.split(refusal, maxsplit=1)[0]


def headline(change: Change) -> Phrase:
    """What happens to an endpoint's traffic."""
    if change.refusal:
        return Phrase(f"REFUSED: {_without_advice(change.refusal)}", "danger")
    if change.action is Action.UNREADABLE:
        return Phrase(_UNREADABLE, "danger")
    sentence = change.explanation
    whole = f"it {sentence}" if sentence.startswith("is ") else sentence  # the subject is left out of some
    if change.action is Action.WAIT:
        return Phrase(whole, "update")
    match change.effect:
        case "outage":
            return Phrase(f"OUTAGE: {sentence}", "danger")
        case "delete":
            return Phrase(f"DELETED: {sentence}", "danger")
        case "traffic_shift":
            return Phrase(f"traffic shifts: {change.rollout or 'blue/green'}", "update")
        case "in_place":
            return Phrase("in place, no new fleet", "update")
        case "create" if change.action.deletes:
            return Phrase("deleted and created: it serves nothing now", "update")
        case "create":
            return Phrase(f"created: {whole}", "create")
    if change.adopts and change.action is Action.NO_OP:
        return Phrase("taken under management; no effect on traffic", "update")
    return Phrase(f"no effect on traffic: {sentence}")


def sentences_of(change: Change) -> tuple[str, ...]:
    """What the headline or the words of an object leave open."""
    if change.is_swapped:
        if change.refusal:
            return ()
        if change.adopts and change.effect != "none":
            return ("taken under management first",)
        if change.effect in ("outage", "delete", "none") and change.action is not Action.UNREADABLE:
            return ()
        return () if change.reason in _IN_HEADLINE else (change.explanation,)
    if change.is_gathered and change.action is Action.UPDATE:
        return tuple(change.explanation.split("; "))
    if change.reason == "dependency_changed" and change.causes:
        return (f"its content is the same; what it refers to gets a new name ({', '.join(change.causes)})",)
    if change.reason == "replace_requested":
        return ("a fresh object was asked for (--replace)",)
    if change.reason == "reused":
        return ("kept from before, with this very content: nothing is created",)
    adopted = change.adopts and change.action is Action.NO_OP
    return () if change.reason in _IN_WORDS or adopted else (change.explanation,)


def badge_of(change: Change) -> str:
    """The key of `BADGES` that stands for an endpoint's change."""
    return "refused" if change.refusal else change.effect if change.effect in _EFFECTS else "none"


_IN_BADGE: Final = frozenset({"refused", "outage", "deleted", "traffic shifts", "created", "no effect on traffic"})


def beside_badge(change: Change) -> str:
    """The headline without what the badge beside it says already."""
    words = headline(change).text
    said, colon, rest = words.partition(": ")
    return rest if colon and said.lower() in _IN_BADGE else words


def actions_of(change: Change) -> tuple[Phrase, ...]:
    """What is done, in the words of the plan document; what must not be overlooked in the style `danger`."""
    if change.refusal:
        return (Phrase("refused", "danger"),)
    if change.action is Action.UNREADABLE:
        return (Phrase("unreadable", "danger"),)
    risky = "delete" if change.is_swapped and change.effect in ("outage", "delete") else ""
    words = ("wait" if word == "read" else word for word in change.actions)
    return tuple(Phrase(word, "danger" if word == risky else "") for word in words)


def requests_of(change: Change, *, brief: bool = False) -> Phrase:
    """What the requests to an endpoint go through; where not `brief`, with its rollout or counts."""
    if not change.is_swapped:
        return Phrase("–")
    phrase = _EFFECTS.get(change.effect, _EFFECTS["none"]).requests
    if brief:
        return phrase
    if change.effect == "traffic_shift":
        return Phrase(f"{phrase.text}: {change.rollout or 'blue/green'}")
    moved = [item for item in change.traffic if item.instances_before != item.instances_after]
    if change.effect != "in_place" or not moved:
        return phrase
    counts = (f"{item.variant} {item.instances_before} → {item.instances_after}" for item in moved[:2])
    return Phrase(f"{phrase.text}: {', '.join(counts)}")


class Why(NamedTuple):
    """What makes a change necessary: its own fields, the objects at the root of it, or else a sentence (of `name`)."""

    sentence: str
    name: str = ""
    fields: tuple[str, ...] = ()
    roots: tuple[str, ...] = ()


_SENTENCE_SAYS_MORE: Final = frozenset({"unreadable", "hosting_changed", "renamed_physically", "failed"})


def why(relations: Relations, change: Change) -> Why:
    """What makes a change necessary."""
    if change.refusal or change.reason in _SENTENCE_SAYS_MORE:
        return Why(_without_advice(change.refusal) or change.explanation)
    if is_gone(change) and not change.is_swapped:
        return Why(change.explanation, change.live_name or change.name)
    own = change.fields if change.reason in ("content_changed", "scale_changed") else ()
    roots = tuple(at for at in _roots(relations, change) if at != change.address)
    return Why(change.explanation, "", tuple(item.field for item in own), roots)


def _roots(relations: Relations, change: Change) -> list[str]:
    """The changes at the beginning of the chain of causes, and those on the way that have fields of their own."""
    found: dict[str, None] = {}
    waiting, seen = list(change.causes), {change.address}
    while waiting:
        at = waiting.pop(0)
        if at in seen:
            continue
        seen.add(at)
        cause = relations.main.get(at)
        further = cause.causes if cause is not None else ()
        if cause is None or cause.fields or not further:
            found[at] = None
        waiting += further
    return list(found)


def state_of(change: Change) -> str:
    """How an object is drawn: same, danger, delete, create or update."""
    if change.is_noop:
        return "same"
    if change.refusal or change.action is Action.UNREADABLE or change.effect == "outage":
        return "danger"
    if is_gone(change):
        return "delete"
    fresh = change.action is Action.CREATE and not change.adopts and not change.live_name
    return "create" if fresh else "update"


# --- objects together -------------------------------------------------------------------------------------------------


def rank(change: Change) -> int:
    """A number to sort by: refusals, then the effects on traffic from the worst to the mildest."""
    return -1 if change.refusal else WORST_FIRST.index(change.effect) if change.effect in WORST_FIRST else 0


def is_worst(change: Change) -> bool:
    """Whether a reviewer wants to see it among however many."""
    return bool(change.refusal) or change.effect in ("outage", "delete")


def named_alike(others: Sequence[Change], varies: Sequence[str], room: int) -> str:
    """`and 19 more alike: endpoint/b, endpoint/c, …; they differ in model_data_url`; empty without others."""
    if not others:
        return ""
    differ = f"; they differ in {listed(varies, _MOST_VARYING)}" if varies else ""
    return f"and {len(others):,} more alike: {listed([change.address for change in others], room)}{differ}"


def more_beside(rest: Sequence[Change]) -> str:
    """`… and 480 more endpoints are created (endpoint/e020 … endpoint/e499); --full shows them`; empty without."""
    if not rest:
        return ""
    first, alone = rest[0], len(rest) == 1
    usual = first.effect in ("outage", "delete") or (first.action is _USUAL.get(first.effect) and not first.adopts)
    words = _EFFECTS[first.effect if usual else "none"].alike[not alone]
    names = first.address if alone else f"{first.address} … {rest[-1].address}"
    return f"… and {counted(len(rest), 'more endpoint')} {words} ({names}); --full shows {'it' if alone else 'them'}"


def together(change: Change, effect: str = "") -> str:
    """What happens to a drawn object, or to some that are drawn as one and have the same effect on traffic."""
    return "unchanged" if change.is_noop else effect.replace("_", " ") or ", ".join(change.actions)


def dangers(plan: ShownPlan) -> Iterator[tuple[str, list[Change]]]:
    """(`OUTAGE`, endpoints) and (`DELETION`, endpoints) that no gate tells of already."""
    gated = {
        finding.address
        for finding in plan.findings
        if finding.severity == "error" and (finding.rule.startswith("GATE-") or finding.rule in OUTAGE_GATES)
    }
    found: dict[str, list[Change]] = defaultdict(list)
    for change in plan.changes:
        if change.is_swapped and not change.refusal and change.address not in gated:
            found[change.effect].append(change)
    yield from ((word, found[e]) for e, word in (("outage", "OUTAGE"), ("delete", "DELETION")) if found[e])


def danger_lines(plan: ShownPlan) -> tuple[str, ...]:
    """`OUTAGE of 1 endpoint: endpoint/ranker`, for what no gate tells of already."""
    return tuple(
        f"{word} of {counted(len(changes), 'endpoint')}: {listed([change.address for change in changes], 10)}"
        for word, changes in dangers(plan)
    )


def remarks(plan: ShownPlan) -> tuple[tuple[str, str], ...]:
    """Notes on objects that don't change, one for all objects with the same note: (addresses, note)."""
    found: dict[str, list[str]] = defaultdict(list)
    for change in plan.changes:
        for note in change.notes if change.is_noop else ():
            found[note].append(change.address)
    return tuple((listed(addresses, 3), note) for note, addresses in found.items())


# --- the whole plan ---------------------------------------------------------------------------------------------------


def title(plan: ShownPlan | DriftReport) -> str:
    """`fleet prices (prod) · account 123456789012 · eu-west-1`."""
    environment = f" ({plan.environment})" if plan.environment else ""
    return f"fleet {plan.fleet}{environment} · account {plan.account} · {plan.region}"


def short_id(plan: ShownPlan) -> str:
    """The first twelve hex digits of the plan's id."""
    return plan.plan_id.removeprefix("sha256:")[:12]


_BEHIND: Final = "the branch is behind {0}, which has {1}: that is not deleted; merge {0} and plan again to apply this"
_OUTDATED: Final = (
    "the branch is behind {0}, which has changed {1} since: this plan sets it back; merge {0} and plan again"
)
_UNSEEN: Final = "the branch {} could not be looked at ({}): what looks deleted may only be missing in this branch"


def marks(plan: ShownPlan) -> tuple[str, ...]:
    """What a reader must know about the whole plan before anything else."""
    options, targets = plan.options, ", ".join(plan.options.targets)
    marks = (
        (options.destroy, "destroy: everything that this fleet owns goes"),
        (options.rollback, f"rollback: {targets} goes back to {options.rollback}"),
        (options.targets and not options.rollback, f"only {targets} and what that depends on (--target)"),
        (options.replace, f"made anew without a difference: {', '.join(options.replace)} (--replace)"),
        (options.behind, _BEHIND.format(options.base, listed(options.behind, _MOST_VARYING))),
        (options.outdated, _OUTDATED.format(options.base, listed(options.outdated, _MOST_VARYING))),
        (options.base_unseen, _UNSEEN.format(options.base, options.base_unseen)),
        (plan.errored, "not everything could be read, so this plan may lack changes"),
    )
    return tuple(text for holds, text in marks if holds)


_OWNS_NOTHING = "Nothing that is live carries this fleet's tags, or all of it is kept."


def others_title(plan: ShownPlan) -> str:
    """The heading above what no endpoint accounts for."""
    others = {change.kind for change in plan.changes if not change.is_swapped and not change.is_noop}
    immutable = all(kind_named(kind).is_immutable for kind in others if is_kind(kind))
    return "Other configs and models" if immutable else "Other objects"


def traffic_words(plan: ShownPlan) -> str:
    """What happens to requests, worst first; empty where nothing does."""
    effects = Counter[str](change.effect for change in plan.changes if change.is_swapped and not change.refusal)
    found = ((words.on, effects[effect]) for effect, words in _EFFECTS.items() if words.on and effects[effect])
    return ", ".join(text.format(counted(number, "endpoint")) for text, number in found)


def summary_line(plan: ShownPlan) -> str:
    """`Plan: 1 to create, 1 to update, 0 to delete; traffic shifts on 1 endpoint.` It agrees with the exit code."""
    if plan.refused:
        return f"Refused: {_errors(plan)}. Nothing can be applied."
    if not plan.has_changes:
        if plan.errored or not plan.complete:
            return f"No changes found. {_not_seen(plan)}"
        if plan.options.destroy:
            return f"No changes. {_OWNS_NOTHING}"
        file = shorten_left(plan.source[0].path, FILE_ROOM) if plan.source else "the fleet file"
        return f"No changes. What is live is what {clean(file)} says."
    counts, traffic = plan.summary, traffic_words(plan)
    head = "Speculative plan" if plan.options.speculative else "Destroy plan" if plan.options.destroy else "Plan"
    line = f"{head}: {counts.create:,} to create, {counts.update:,} to update, {counts.delete:,} to delete"
    return f"{line}; {traffic}." if traffic else f"{line}."


def worst_word(plan: ShownPlan) -> str:
    """`unchanged`, `refused`, or the worst effect on traffic: what comments of two runs are compared by."""
    return "refused" if plan.refused else plan.summary.worst_effect if plan.has_changes else "unchanged"


def verdict(plan: ShownPlan, about: str) -> str:
    """The same as a headline, the worst first: `prices: OUTAGE on 1 endpoint; 1 to create, …`."""
    if plan.refused:
        return f"Refused: {about}, {_errors(plan)}"
    if not plan.has_changes:
        return f"No changes{'' if plan.complete and not plan.errored else ' found'}: {about}"
    head = "Speculative plan for " if plan.options.speculative else "Destroy plan for " if plan.options.destroy else ""
    return f"{head}{about}: {'; '.join(part for part in (traffic_words(plan), object_words(plan)) if part)}"


def object_words(plan: ShownPlan) -> str:
    """`1 to create, 2 to delete`; empty where nothing is done."""
    counts = plan.summary
    numbers = (("create", counts.create), ("update", counts.update), ("delete", counts.delete))
    return ", ".join(f"{number:,} to {word}" for word, number in numbers if number)


def verdict_in_brief(plan: ShownPlan) -> tuple[Phrase, str]:
    """The verdict without the fleet and the numbers, and a sentence beneath it."""
    if plan.refused:
        return Phrase(f"Refused: {_errors(plan)}", "danger"), "Nothing can be applied."
    if not plan.has_changes:
        if plan.errored or not plan.complete:
            return Phrase("No changes found", "warning"), _not_seen(plan)
        said = _OWNS_NOTHING if plan.options.destroy else "What is live is what the file says."
        return Phrase("No changes", "good"), said
    worst = traffic_words(plan)
    if not worst:
        return Phrase(f"{counted(plan.summary.changes, 'change')}; what serves now notices nothing", "good"), ""
    style = "danger" if plan.summary.worst_effect in ("outage", "delete") else "update"
    return Phrase(worst[:1].upper() + worst[1:], style), ""


def _errors(plan: ShownPlan) -> str:
    return counted(sum(finding.severity == "error" for finding in plan.findings), "error")


def _not_seen(plan: ShownPlan) -> str:
    return "Not everything could be read." if plan.errored else "Only the targets were looked at."
