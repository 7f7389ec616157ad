"""The tree beneath an endpoint: its config, its models, and the generations that go, each with what happens to it.

In: a plan's relations and a change. Out: `Node`s. Called by `view`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from mmeplan.plan import Change, FieldChange
from mmeplan.render.relations import Relations
from mmeplan.render.values import FieldGroup, counted, field_groups, is_masked, place, value_text

OWN_TAGS: Final = "mmeplan:"  # bookkeeping tags, shown only where nothing else is
_ANY_GENERATIONS: Final = 20  # deletions under one endpoint that are listed


@dataclass(frozen=True, slots=True)
class Node:
    """One config or model: what happens to it and why. `details` are (label, value) of what is new."""

    symbol: str
    style: str
    address: str
    words: str
    place: str = ""
    words_style: str = ""
    sentences: tuple[str, ...] = ()
    groups: tuple[FieldGroup, ...] = ()
    details: tuple[tuple[str, str], ...] = ()
    tags: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def symbol_of(change: Change) -> tuple[str, str]:
    """The sign before an address, and its style."""
    actions = change.actions
    if change.refusal:
        return "✗", "danger"
    if change.reason == "unreadable":
        return "?", "danger"
    if len(actions) > 1 and {"create", "delete"} <= set(actions):
        return "±", "danger" if change.effect == "outage" else "update"
    if actions[:1] == ("adopt",):
        return "⇄", "update"
    known = {"create": ("+", "create"), "delete": ("-", "delete"), "update": ("~", "update"), "forget": ("○", "update")}
    if actions[:1] == ("read",):
        return ("~", "update") if change.reason == "in_progress" else ("?", "danger")
    return known.get(actions[0] if actions else "", ("=", "dim"))


def child_nodes(relations: Relations, endpoint: Change, config: str, told: set[str]) -> tuple[Node, ...]:
    """The nodes beneath an endpoint. What an earlier endpoint told in full is only referred to; `told` is kept up."""
    nodes: list[Node] = []
    gone: list[Change] = []
    family = relations.family_of(endpoint)
    for at in family:
        change = relations.main.get(at)
        if change is not None and not _is_silent(change, endpoint, nodes):
            nodes.append(_reference(change) if at in told and not change.is_noop else node_of(relations, change))
        if at not in told:
            gone += relations.gone.get(at, ())
    told.update(family)
    nodes += [gone_node(change) for change in gone[:_ANY_GENERATIONS]]
    if len(gone) > _ANY_GENERATIONS:
        nodes.append(Node("-", "delete", counted(len(gone) - _ANY_GENERATIONS, "more generation"), "deleted"))
    return tuple(nodes)


def _is_silent(change: Change, endpoint: Change, before: Iterable[Node]) -> bool:
    """An unchanged object is worth a line only beside one that changes, under an endpoint whose config changes."""
    return change.is_noop and change.reason == "same" and endpoint.effect not in ("traffic_shift", "outage", "create")


def node_of(relations: Relations, change: Change) -> Node:
    """A config or model that stays or comes, told in full."""
    symbol, style = symbol_of(change)
    words, words_style = _words(change)
    fresh = "create" in change.actions and not change.fields and change.reason in ("new", "restored")
    return Node(
        symbol=symbol,
        style=style,
        address=change.address,
        words=words,
        place="" if change.is_noop else place(change.location),
        words_style=words_style,
        sentences=_sentences(change),
        groups=field_groups(change.fields),
        details=_model_details(relations.params(change.address, "CreateModel")) if fresh else (),
        tags=tag_texts(change),
        notes=change.notes,
    )


def gone_node(change: Change) -> Node:
    """A config or model that goes, or is left alone from now on."""
    symbol, style = symbol_of(change)
    name = change.live_name or change.name
    if "delete" not in change.actions:
        return Node(symbol, style, change.address, f"stays live, no longer managed, {name}")
    why = ", a superseded generation" if change.reason == "superseded" else ""
    return Node(symbol, style, change.address, f"deleted, {name}{why}")


def _reference(change: Change) -> Node:
    symbol, style = symbol_of(change)
    return Node(symbol, style, change.address, f"{change.name}, see above", words_style="dim")


def _words(change: Change) -> tuple[str, str]:
    live, name = change.live_name, change.name
    if change.refusal:
        return f"REFUSED: {change.refusal}", "danger"
    if "create" in change.actions:
        renamed = live and live != name
        word = "restored" if change.reason == "restored" else "new"
        return (f"{word}, {live} → {name}" if renamed else f"{word}, {name}"), ""
    if change.is_noop:
        return f"{'re-used' if change.reason == 'reused' else 'unchanged'}, {live or name}", "dim"
    if change.actions == ("adopt",):
        return f"taken under management, {live or name}", ""
    if change.reason == "unreadable":
        return "UNREADABLE", "danger"
    word = "re-used" if change.reason == "reused" else "tags only"
    return f"{word}, {live or name}", ""


_TOLD_BY_WORDS: Final = frozenset({"same", "new", "content_changed", "tags_changed", "replace_requested"})


def _sentences(change: Change) -> tuple[str, ...]:
    if change.reason == "dependency_changed" and change.causes:
        return (f"its content is the same; what it refers to gets a new name ({', '.join(change.causes)})",)
    if change.reason == "replace_requested":
        return ("a fresh object was asked for (--replace)",)
    if change.reason == "reused":
        return ("kept from before, with this very content: nothing is created",)
    return () if change.reason in _TOLD_BY_WORDS or change.actions == ("adopt",) else (change.explanation,)


def _model_details(params: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Image, data and the like of a new model, from the request that creates it."""
    containers = [params["PrimaryContainer"]] if "PrimaryContainer" in params else list(params.get("Containers") or ())
    made: list[tuple[str, str]] = []
    for number, container in enumerate(containers, start=1):
        label = f"container {number}" if len(containers) > 1 else ""
        made += [(f"{label} {key}".strip(), value) for key, value in _container_details(container) if value]
    return tuple(made)


def _container_details(container: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    yield "package", str(container.get("ModelPackageName") or "")
    yield "image", str(container.get("Image") or "")
    source = (container.get("ModelDataSource") or {}).get("S3DataSource") or {}
    data = str(container.get("ModelDataUrl") or source.get("S3Uri") or "")
    several = " (many models)" if container.get("Mode") == "MultiModel" else ""
    yield "data", data + several if data else ""
    variables = container.get("Environment") or {}
    yield "environment", ", ".join(key if is_masked(value) else f"{key}={value}" for key, value in variables.items())


def endpoint_fields(endpoint: Change, config: Change | None) -> tuple[FieldChange, ...]:
    """The endpoint's own fields without those that its config tells of just the same."""
    told = set(map(_identity, config.fields)) if config is not None else set()
    return tuple(item for item in endpoint.fields if _identity(item) not in told)


def _identity(item: FieldChange) -> tuple[str, str, str]:
    return item.field, value_text(item.before), value_text(item.after)


def tag_texts(change: Change) -> tuple[str, ...]:
    """`+team=pricing`, `-owner`. mmeplan's own tags are told only where there are no others, without their values."""
    added = [f"+{key}={value}" for key, value in change.tags_added.items() if not key.startswith(OWN_TAGS)]
    removed = [f"-{key}" for key in change.tags_removed if not key.startswith(OWN_TAGS)]
    if added or removed or change.reason not in ("tags_changed",):
        return (*added, *removed)
    own = [f"+{key}" for key in change.tags_added]
    return (*own, *(f"-{key}" for key in change.tags_removed))
