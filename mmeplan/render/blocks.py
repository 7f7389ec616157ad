"""One endpoint and the tree beneath it: its config, its models, and the generations that go, as texts without layout.

In: a shown plan, its relations, a change. Out: `Node`s, which every output lays out in its own way.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

from mmeplan.aws.image_uris import name_at
from mmeplan.plan import Change, Drift, FieldChange, asked_of, cautions, is_own, tag_fields, tags_of
from mmeplan.plan.cautions import CAUTIONS
from mmeplan.plan.rollout import rollout_text
from mmeplan.render.door import ShownPlan, is_masked
from mmeplan.render.relations import Relations
from mmeplan.render.report import headline, is_gone, sentences_of, sign_of, words_of
from mmeplan.render.traffic import VariantRow, variant_rows
from mmeplan.render.values import FieldGroup, counted, field_groups, listed, place, value_text

_MOST_NAMED: Final = 50  # endpoints that are named because they drifted like one that is shown
_MOST_GENERATIONS: Final = 20  # deletions under one endpoint that are listed


@dataclass(frozen=True, slots=True)
class Node:
    """One object: what happens to it and why. `details` are (label, value) of a new model, `asked` what else is asked
    for of what is new, and `asked_more` how many fields of that are left out.

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
    asked: tuple[FieldGroup, ...] = ()
    asked_more: int = 0
    tags: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    variants: tuple[VariantRow, ...] = ()
    children: tuple[Node, ...] = ()


def drift_nodes(plan: ShownPlan) -> list[Node]:
    """Endpoints that somebody changed outside mmeplan, told in the order of time: what was applied → what is live.

    The plan document has it the other way round. Those that were changed alike are one node.
    """
    found: dict[str, list[Drift]] = defaultdict(list)
    for drift in plan.drift:
        found[repr((drift.explanation, [(item.field, item.before, item.after) for item in drift.fields]))].append(drift)
    return [_drift_node(alike, plan.account) for alike in found.values()]


def _drift_node(alike: list[Drift], account: str) -> Node:
    first = alike[0]
    fields = (replace(item, before=item.after, after=item.before) for item in first.fields)
    others = [drift.address for drift in alike[1:]]
    named = (f"and {len(others):,} more alike: {listed(others, _MOST_NAMED)}",) if others else ()
    return Node("!", "warning", first.address, first.explanation, sentences=named, groups=field_groups(fields, account))


@dataclass(frozen=True)
class Blocks:
    """Makes the nodes of one plan. `room` is how many of the fields that are asked for of a new object are shown, 0 for
    all; `full`: those of a new generation as well.
    """

    plan: ShownPlan
    relations: Relations
    room: int = 0
    full: bool = False

    def block(self, change: Change, covered: set[str], alike: str = "") -> Node:
        """An endpoint's change in full; `alike` names others that are changed alike.

        Objects in `covered` are only referred to; `covered` is kept up.
        """
        config, _ = self.relations.needs(change)
        kept = self.plan.kept.get(change.address, ()) if change.effect == "traffic_shift" and not change.refusal else ()
        variants = variant_rows(change, self.relations, config)
        asked, more = self._asked(change) if change.action.creates else ((), 0)
        return Node(
            *sign_of(change),
            change.address,
            *headline(change),
            place=place(change.location),
            sentences=(*([alike] if alike else []), *sentences_of(change)),
            groups=self._groups(change, _own_fields(change, self.relations.main.get(config))),
            details=_deployment_details(self.relations, change),
            asked=asked,
            asked_more=more,
            tags=_tag_texts(self.relations, change),
            notes=(*change.notes, *([f"kept for a rollback: {', '.join(kept)}"] if kept else ())),
            variants=variants,
            children=self._children(change, covered, told=bool(variants)),
        )

    def loose(self, covered: set[str]) -> list[Node]:
        """Changes of configs and models that no endpoint's block accounts for."""
        changes = self.plan.changes
        others = (c for c in changes if not c.is_swapped and not c.is_noop and c.address not in covered)
        return [self._node(change) for change in others]

    def _children(self, endpoint: Change, covered: set[str], *, told: bool) -> tuple[Node, ...]:
        """The nodes beneath an endpoint. What stands in full above is only referred to; `covered` is kept up.

        `told`: the endpoint's own rows tell of its variants.
        """
        nodes: list[Node] = []
        gone: list[Change] = []
        relations = self.relations
        family = relations.family_of(endpoint)
        for at in family:
            change = relations.main.get(at)
            if change is not None and not _is_silent(change, endpoint):
                if at in covered and not change.is_noop:
                    nodes.append(Node(*sign_of(change), at, f"{change.name}, see above", words_style="dim"))
                else:
                    nodes.append(self._node(change, told=told))
            if at not in covered:
                nodes += [self._node(other) for other in relations.beside.get(at, ()) if not other.is_noop]
                gone += relations.gone.get(at, ())
        covered.update(family)
        nodes += [self._node(change) for change in gone[:_MOST_GENERATIONS]]
        if len(gone) > _MOST_GENERATIONS:
            nodes.append(Node("-", "delete", counted(len(gone) - _MOST_GENERATIONS, "more generation"), "deleted"))
        return tuple(nodes)

    def _node(self, change: Change, *, told: bool = False) -> Node:
        """A config or model in full; one that goes in a line."""
        if is_gone(change):
            return Node(*sign_of(change), change.address, *words_of(change))
        fresh = change.action.creates and (is_new(change) or self.full)
        asked, more = self._asked(change, told=told) if fresh else ((), 0)
        return Node(
            *sign_of(change),
            change.address,
            *words_of(change),
            place="" if change.is_noop else place(change.location),
            sentences=sentences_of(change),
            groups=self._groups(change, change.fields),
            details=_model_details(self.relations.params(change.address, "CreateModel"))
            if fresh and not self.full
            else (),
            asked=asked,
            asked_more=more,
            tags=_tag_texts(self.relations, change),
            notes=change.notes,
        )

    def _groups(self, change: Change, fields: Iterable[FieldChange]) -> tuple[FieldGroup, ...]:
        own = (*fields, *tag_fields_of(self.relations, change))
        return field_groups(own, self.plan.account)

    def _asked(self, change: Change, *, told: bool = False) -> tuple[tuple[FieldGroup, ...], int]:
        """What the request that creates an object asks for beside what stands elsewhere; how much of it is left out."""
        fields = [item for item in asked_fields(self.relations, change) if self.full or not _stands(item.field, told)]
        words = cautions(fields, self.plan.account)
        if self.room and len(fields) > self.room:
            fields.sort(key=lambda item: item.field not in words)
        shown = fields[: self.room] if self.room else fields
        return field_groups(shown, self.plan.account), len(fields) - len(shown)


class Cautioned(NamedTuple):
    """A word of `plan.cautions`, and the objects with the fields that it is about: `model/ranker`, its fields."""

    word: str
    objects: tuple[tuple[str, tuple[str, ...]], ...]


def cautioned(plan: ShownPlan, relations: Relations) -> tuple[Cautioned, ...]:
    """What must not be overlooked in the fields of all objects that change, by its word."""
    found: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for change in plan.changes:
        if change.is_noop or change.action.leaves_fleet:
            continue
        own: tuple[FieldChange, ...] = change.fields
        if change.is_swapped:
            own = _own_fields(change, relations.main.get(relations.needs(change)[0]))
        new = asked_fields(relations, change) if change.is_swapped or is_new(change) else ()
        for field, word in cautions((*own, *tag_fields_of(relations, change), *new), plan.account).items():
            found[word][change.address].append(field)
    return tuple(
        Cautioned(word, tuple((at, tuple(fields)) for at, fields in found[word].items()))
        for word in dict.fromkeys(caution.word for caution in CAUTIONS)
        if word in found
    )


def is_new(change: Change) -> bool:
    """Whether a config or model is created that has no generation before it."""
    return change.action.creates and change.reason in ("new", "restored")


def asked_fields(relations: Relations, change: Change) -> tuple[FieldChange, ...]:
    """What the request that creates an object asks for; nothing where it isn't created."""
    step = relations.creates(change)
    return asked_of(step) if step is not None else ()


def tags_after(relations: Relations, change: Change) -> Mapping[str, str]:
    """The tags that an object gets: all of what is created, else those that are set."""
    step = relations.creates(change)
    return change.tags_added if step is None else tags_of(step)


def tags_gone(relations: Relations, change: Change) -> tuple[str, ...]:
    """The tags that an object loses; where it is made anew, those that the one before had."""
    step = relations.creates(change)
    after = tags_of(step) if step is not None else {}
    return change.tags_removed if step is None else tuple(key for key in change.tags_before if key not in after)


def tag_fields_of(relations: Relations, change: Change) -> tuple[FieldChange, ...]:
    """What a change of mmeplan's own tags means, in the words of the fleet file."""
    if change.action.leaves_fleet or not (change.live_name or change.tags_added or change.tags_removed):
        return ()
    return tag_fields(tags_after(relations, change), tags_gone(relations, change), change.tags_before)


_IN_DETAILS: Final = re.compile(
    r"(?:primary_container|containers\[\d+\])\."
    r"(?:image|model_package_name|model_data_url|model_data_source\.s3_data_source\.s3_uri|environment\..*)"
    r"|deployment_config\..*",
    re.DOTALL,
)
_IN_ROWS: Final = re.compile(
    r"production_variants\.[^.]+\.(?:model_name|instance_type|initial_instance_count|initial_variant_weight"
    r"|serverless_config\..*)"
)


def _stands(field: str, told: bool) -> bool:
    """Whether other lines of a block show a field: the details, or the rows of the variants."""
    return bool(_IN_DETAILS.fullmatch(field) or (told and _IN_ROWS.fullmatch(field)))


def _is_silent(change: Change, endpoint: Change) -> bool:
    """An unchanged object is worth a line only beside one that changes, under an endpoint whose config changes."""
    return change.is_noop and change.reason == "same" and endpoint.effect not in ("traffic_shift", "outage", "create")


def _deployment_details(relations: Relations, change: Change) -> tuple[tuple[str, str], ...]:
    """How a new endpoint will be updated, and the alarms that roll updates back."""
    operation = "CreateEndpoint" if change.action.creates else "UpdateEndpoint"
    deployment = relations.params(change.address, operation).get("DeploymentConfig") or {}
    watched = (deployment.get("AutoRollbackConfiguration") or {}).get("Alarms") or ()
    alarms = [str(alarm.get("AlarmName")) for alarm in watched]
    rows = (
        [("later updates", rollout_text(deployment, variants=len(change.traffic)))]
        if deployment and change.action.creates
        else []
    )
    return (*rows, *([("alarms", ", ".join(alarms))] if alarms else []))


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
    image = str(container.get("Image") or "")
    yield "image", f"{image} ({name})" if (name := name_at(image)) else image
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


def _tag_texts(relations: Relations, change: Change) -> tuple[str, ...]:
    """`+team=pricing`, `owner=bob → alice`, `-cost-centre=42`; of what is new all its tags.

    mmeplan's own tags are told only where nothing else is told of a change of tags, without their values.
    """
    before = change.tags_before
    texts = [
        f"{key}={before[key]} → {value}" if key in before else f"+{key}={value}"
        for key, value in tags_after(relations, change).items()
        if not is_own(key) and before.get(key) != value
    ]
    gone = (key for key in tags_gone(relations, change) if not is_own(key))
    texts += [f"-{key}={before[key]}" if key in before else f"-{key}" for key in gone]
    if texts or change.reason != "tags_changed" or tag_fields_of(relations, change):
        return tuple(texts)
    return (*(f"+{key}" for key in change.tags_added), *(f"-{key}" for key in change.tags_removed))
