"""One endpoint and the tree beneath it: its config, its models, and the generations that go, as texts without layout.

In: a shown plan, its relations, a change. Out: `Node`s, which every output lays out in its own way.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from mmeplan.plan import Change, Drift, FieldChange
from mmeplan.render.door import ShownPlan, is_masked
from mmeplan.render.relations import Relations
from mmeplan.render.report import headline, is_gone, sentences_of, sign_of, words_of
from mmeplan.render.traffic import VariantRow, variant_rows
from mmeplan.render.values import FieldGroup, counted, field_groups, place, value_text

OWN_TAGS: Final = "mmeplan:"  # bookkeeping tags, shown only where nothing else is
_MOST_GENERATIONS: Final = 20  # deletions under one endpoint that are listed


@dataclass(frozen=True, slots=True)
class Node:
    """One object: what happens to it and why. `details` are (label, value) of what is new.

    An endpoint has `variants`, and beneath it the tree of what follows: `children`.
    """

    symbol: str
    style: str
    address: str
    words: str
    words_style: str = ""
    place: str = ""
    sentences: tuple[str, ...] = ()
    groups: tuple[FieldGroup, ...] = ()
    details: tuple[tuple[str, str], ...] = ()
    tags: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    variants: tuple[VariantRow, ...] = ()
    children: tuple[Node, ...] = ()


def drift_node(drift: Drift) -> Node:
    """An endpoint that somebody changed outside mmeplan, told in the order of time: what was applied → what is live.

    The plan document has it the other way round.
    """
    fields = (replace(item, before=item.after, after=item.before) for item in drift.fields)
    return Node("!", "warning", drift.address, drift.explanation, groups=field_groups(fields))


def block_of(plan: ShownPlan, relations: Relations, change: Change, covered: set[str]) -> Node:
    """An endpoint's change in full. Objects in `covered` are only referred to; `covered` is kept up."""
    config, _ = relations.needs(change)
    kept = plan.kept.get(change.address, ()) if change.effect == "traffic_shift" else ()
    return Node(
        *sign_of(change),
        change.address,
        *headline(change),
        place=place(change.location),
        sentences=sentences_of(change),
        groups=field_groups(_own_fields(change, relations.main.get(config))),
        tags=_tag_texts(change),
        notes=(*change.notes, *([f"kept for a rollback: {', '.join(kept)}"] if kept else ())),
        variants=variant_rows(change, relations, config),
        children=_child_nodes(relations, change, covered),
    )


def loose_nodes(plan: ShownPlan, relations: Relations, covered: set[str]) -> list[Node]:
    """Changes of configs and models that no endpoint's block accounts for."""
    others = (c for c in plan.changes if c.kind != "endpoint" and not c.is_noop and c.address not in covered)
    return [_node_of(relations, change) for change in others]


def _child_nodes(relations: Relations, endpoint: Change, covered: set[str]) -> tuple[Node, ...]:
    """The nodes beneath an endpoint. What stands in full above is only referred to; `covered` is kept up."""
    nodes: list[Node] = []
    gone: list[Change] = []
    family = relations.family_of(endpoint)
    for at in family:
        change = relations.main.get(at)
        if change is not None and not _is_silent(change, endpoint):
            if at in covered and not change.is_noop:
                nodes.append(Node(*sign_of(change), at, f"{change.name}, see above", words_style="dim"))
            else:
                nodes.append(_node_of(relations, change))
        if at not in covered:
            nodes += [_node_of(relations, other) for other in relations.beside.get(at, ()) if not other.is_noop]
            gone += relations.gone.get(at, ())
    covered.update(family)
    nodes += [_node_of(relations, change) for change in gone[:_MOST_GENERATIONS]]
    if len(gone) > _MOST_GENERATIONS:
        nodes.append(Node("-", "delete", counted(len(gone) - _MOST_GENERATIONS, "more generation"), "deleted"))
    return tuple(nodes)


def _is_silent(change: Change, endpoint: Change) -> bool:
    """An unchanged object is worth a line only beside one that changes, under an endpoint whose config changes."""
    return change.is_noop and change.reason == "same" and endpoint.effect not in ("traffic_shift", "outage", "create")


def _node_of(relations: Relations, change: Change) -> Node:
    """A config or model in full; one that goes in a line."""
    if is_gone(change):
        return Node(*sign_of(change), change.address, *words_of(change))
    fresh = change.action.creates and not change.fields and change.reason in ("new", "restored")
    return Node(
        *sign_of(change),
        change.address,
        *words_of(change),
        place="" if change.is_noop else place(change.location),
        sentences=sentences_of(change),
        groups=field_groups(change.fields),
        details=_model_details(relations.params(change.address, "CreateModel")) if fresh else (),
        tags=_tag_texts(change),
        notes=change.notes,
    )


def _model_details(params: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Image, data and the like of a new model, from the request that creates it."""
    containers = [params["PrimaryContainer"]] if "PrimaryContainer" in params else list(params.get("Containers") or ())
    several = len(containers) > 1
    return tuple(
        (f"container {number} {key}" if several else key, value)
        for number, container in enumerate(containers, start=1)
        for key, value in _container_details(container)
        if value
    )


def _container_details(container: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    yield "package", str(container.get("ModelPackageName") or "")
    yield "image", str(container.get("Image") or "")
    source = (container.get("ModelDataSource") or {}).get("S3DataSource") or {}
    data = str(container.get("ModelDataUrl") or source.get("S3Uri") or "")
    yield "data", f"{data} (many models)" if data and container.get("Mode") == "MultiModel" else data
    variables = container.get("Environment") or {}
    yield "environment", ", ".join(key if is_masked(value) else f"{key}={value}" for key, value in variables.items())


def _own_fields(endpoint: Change, config: Change | None) -> tuple[FieldChange, ...]:
    """The endpoint's own fields without those that its config tells of just the same."""

    def identity(item: FieldChange) -> tuple[str, str, str]:
        return item.field, value_text(item.before), value_text(item.after)

    covered = set(map(identity, config.fields)) if config is not None else set()
    return tuple(item for item in endpoint.fields if identity(item) not in covered)


def _tag_texts(change: Change) -> tuple[str, ...]:
    """`+team=pricing`, `-owner`. mmeplan's own tags are told only where there are no others, without their values."""
    added = [f"+{key}={value}" for key, value in change.tags_added.items() if not key.startswith(OWN_TAGS)]
    removed = [f"-{key}" for key in change.tags_removed if not key.startswith(OWN_TAGS)]
    if added or removed or change.reason != "tags_changed":
        return (*added, *removed)
    return (*(f"+{key}" for key in change.tags_added), *(f"-{key}" for key in change.tags_removed))
