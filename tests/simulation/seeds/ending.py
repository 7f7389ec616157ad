"""How every life ends: nothing fails any more, a person does what the messages ask for, and two applies must do.

Then the world is as the file says, nothing is left over, a plan is empty, and planned twice it is the same bytes.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mmeplan import graph
from mmeplan.diff import ManualChange
from mmeplan.identity import PROTECT_TAG
from mmeplan.plan import Plan, encode
from mmeplan.simulator import ServiceError
from mmeplan.spec import load_text
from tests.simulation.seeds import oracle
from tests.simulation.seeds.account import KINDS, models_of
from tests.simulation.world import Broken

if TYPE_CHECKING:
    from tests.simulation.seeds.living import Life

MOST_APPLIES = 2
ANY = "*"
PLANNED_AGAIN = 4  # one seed in so many plans its fixpoint twice more
ANOTHER_NAME = "uses it, so set replace_salt"  # of a refusal: what stands in the way stays
MOST_ADVICE = 8  # how often a person does what a refusal advises
_KIND = {"model": "model", "endpoint_config": "endpoint-config", "endpoint": "endpoint"}
_DELETE = {
    "model": ("DeleteModel", "ModelName"),
    "endpoint_config": ("DeleteEndpointConfig", "EndpointConfigName"),
    "endpoint": ("DeleteEndpoint", "EndpointName"),
}


def reach_fixpoint(life: Life, fleet: Mapping[str, Any]) -> None:
    """At most two applies, then everything is right. Raises Broken."""
    fleet = _unprotected(fleet)
    plan, fleet = _settle(life, fleet)
    wrong = oracle.differences(life.account, fleet) + oracle.orphans(life.account, fleet)
    wrong += oracle.old_salts(life.account, fleet, life.watch.salts)
    wrong += oracle.borrowed(life.account, frozenset(life.moved))
    if wrong:
        raise Broken(f"fixpoint: the plan is empty, and {'; '.join(wrong)}")
    _without_drift(life, fleet)
    if life.seed % PLANNED_AGAIN == 0:
        _planned_again(life, fleet, plan)


def _without_drift(life: Life, fleet: Mapping[str, Any]) -> None:
    """What was applied last is what is live: `mmeplan drift` has nothing to tell.

    Except: a model or config that has lost every tag of ours. Robbed, or left behind by `on_remove: retain` and wanted
    again since: nobody can tell. And the tags of a superseded generation, where an apply ended between the two calls
    that change them: no plan changes them any more (docs/reliability.md, window 10).
    """
    found = [
        change
        for change in life.drift(life.hand({}), fleet).found
        if not _without_our_tags(life, change) and not _half_tagged(life, fleet, change)
    ]
    if found:
        raise Broken(f"drift: everything was applied, and {[(one.name, one.what, one.explanation) for one in found]}")


def _half_tagged(life: Life, fleet: Mapping[str, Any], change: ManualChange) -> bool:
    """Whether these are tags of a generation that the file has superseded, in a life in which an apply ended early."""
    ended_early = any(life.lived.counts[word] for word in ("died", "gave up", "incomplete"))
    return ended_early and change.what == "tags" and change.kind != "endpoint" and not _is_declared(fleet, change.name)


def _is_declared(fleet: Mapping[str, Any], name: str) -> bool:
    """Whether the file's own models and configs have this physical name."""
    return any(
        resource.physical_name == name
        for resource in graph.compile(
            load_text(json.dumps(fleet).encode(), environment=oracle.environment(fleet))
        ).resources.values()
    )


def _without_our_tags(life: Life, one: ManualChange) -> bool:
    stored = life.account.find(_KIND[one.kind], one.name) if one.what == "ownership" else None
    return stored is not None and not any(key.startswith("mmeplan:") for key in stored.tags or {})


def _planned_again(life: Life, fleet: Mapping[str, Any], plan: Plan) -> None:
    """The same plan from the same world, to the byte; and from the file in another order, but for its lines."""
    again = life.plan(life.hand({}), fleet)
    if (again.plan_id, _bytes(again)) != (plan.plan_id, _bytes(plan)):
        raise Broken("bytes: two plans of one world differ")
    backwards = life.plan(life.hand({}), fleet, backwards=True)
    if _unordered(backwards) != _unordered(plan):
        raise Broken("bytes: the plan depends on the order of the file")


def destroy(life: Life, fleet: Mapping[str, Any]) -> None:
    """The file is emptied: nothing of ours is left but what others use."""
    empty = {**_unprotected(fleet), "models": {}, "endpoints": {}}
    empty.pop("endpoint_configs", None)
    _settle(life, empty)
    in_use = _in_use(life)
    left = [(kind, item.name) for kind in KINDS for item in life.account.all(kind) if oracle.is_owned(item)]
    orphans = [item for item in left if item not in in_use and (item[0], ANY) not in in_use]
    if orphans:
        raise Broken(f"destroy: {orphans} are left")


def _models(config: Any, in_use: set[tuple[str, str]]) -> list[str]:
    if ("endpoint-config", config.name) not in in_use:
        return []
    return models_of(config.body)


def _settle(life: Life, fleet: Mapping[str, Any]) -> tuple[Plan, Mapping[str, Any]]:
    """Apply until the plan is empty; that, and the file by then.

    Raises Broken where that takes more than two, or a complete one isn't the last.
    """
    applies, advice = 0, 0
    while True:
        hand = life.hand({"fleet": fleet})
        plan = life.plan(hand, fleet)
        if plan.refused:
            advice += 1
            salted = _salted(fleet, plan)
            if advice > MOST_ADVICE or not (_follow_advice(life, plan) or salted != fleet):
                raise Broken(f"fixpoint: refused, and doing as told doesn't help: {[f.message for f in plan.findings]}")
            fleet = salted
            continue
        if not plan.complete:
            raise Broken("fixpoint: the plan isn't complete, and everything can be read")
        steps = [step for step in plan.steps if not _kept_by_others(life, step)]
        if not steps and not (plan.has_changes and not plan.steps):
            return plan, fleet
        applies += 1
        if applies > MOST_APPLIES:
            raise Broken(f"fixpoint: two applies are not enough; still to do: {[step.id for step in steps]}")
        outcome = life.carry_out(hand, plan, {"fleet": fleet})
        life.lived.saw("last applies")
        if not outcome.complete and applies == MOST_APPLIES:
            ended = [f"{result.step}: {result.detail}" for result in outcome.failed] + list(outcome.unverified)
            raise Broken(f"fixpoint: nothing fails any more, and the apply does: {ended}")


def _kept_by_others(life: Life, step: Any) -> bool:
    """A delete that is planned again and again, because another team's endpoint runs on what is to go.

    Or may run on it: where the config that it runs was deleted, nobody can say which models it uses.
    """
    kinds = {"DeleteModel": "model", "DeleteEndpointConfig": "endpoint-config"}
    kind = kinds.get(step.operation)
    in_use = _in_use(life)
    return kind is not None and ((kind, next(iter(step.params.values()))) in in_use or (kind, ANY) in in_use)


def _in_use(life: Life) -> set[tuple[str, str]]:
    """(kind, name) of what endpoints of others use; `ANY` model where that can't be known."""
    in_use = oracle.used(life.account, by_others=True)
    in_use |= {("model", ANY)} if oracle.models_unknown(life.account, in_use) else set()
    return in_use | {("model", name) for item in life.account.all("endpoint-config") for name in _models(item, in_use)}


def _follow_advice(life: Life, plan: Plan) -> bool:
    """What a refusal advises, done by a person: take the thing away that stands in the way."""
    done = False
    for change in plan.changes:
        if change.refusal and change.live_name:
            stored = life.account.find(_KIND[change.kind], change.live_name)
            if stored is None or ANOTHER_NAME in change.refusal:
                continue
            operation, member = _DELETE[change.kind]
            calls: list[tuple[str, dict[str, Any]]] = [(operation, {member: change.live_name})]
            if "protected" in change.refusal:
                calls = [("DeleteTags", {"ResourceArn": stored.arn, "TagKeys": [PROTECT_TAG]})]
            for name, request in calls:
                try:
                    life.account.call(name, **request)
                    done = True
                except ServiceError:
                    continue
            if change.kind == "endpoint":
                life.watch.by_others(change.live_name)
    life.later(1000)
    return done


_PINS = re.compile(r"(model|endpoint_config)/([A-Za-z0-9-]+)")
"""Addresses in a refusal that asks for their `name:` to be dropped."""


def _salted(fleet: Mapping[str, Any], plan: Plan) -> Mapping[str, Any]:
    """The file of a person who gives another name to what stands in the way of one in use, or drops a pin, as told."""
    salted = copy.deepcopy(dict(fleet))
    for change in plan.changes:
        if ANOTHER_NAME in change.refusal:
            kind, _, name = change.address.partition("/")
            entries = salted.get({"model": "models"}.get(kind, "endpoint_configs")) or {}
            entry = entries[name] if name in entries else salted["endpoints"][name]["config"]
            entry["replace_salt"] = f"{entry.get('replace_salt', '')}x"
        for kind, name in _PINS.findall(change.refusal.partition("drop `name:` of ")[2].partition("(")[0]):
            entries = salted.get({"model": "models"}.get(kind, "endpoint_configs")) or {}
            entry = entries[name] if name in entries else salted["endpoints"][name]["config"]
            entry.pop("name", None)
    return salted


def _unprotected(fleet: Mapping[str, Any]) -> dict[str, Any]:
    """The file that the person writes who has read that an endpoint is protected."""
    endpoints = {
        name: {key: value for key, value in entry.items() if key != "protect"}
        for name, entry in fleet["endpoints"].items()
    }
    return {**fleet, "endpoints": endpoints}


def _bytes(plan: Plan) -> str:
    """The plan's document without its times."""
    document = encode(replace(plan, created_at=""))
    document["snapshot"]["observed_at"] = ""
    return json.dumps(document)


def _unordered(plan: Plan) -> str:
    """The plan without what follows the order of the file: lines, the file's digest, the order of its findings."""

    def bare(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: bare(item) for key, item in value.items() if key not in ("line", "column", "location")}
        return [bare(item) for item in value] if isinstance(value, list) else value

    document = bare(json.loads(_bytes(replace(plan, source=(), plan_id="", seal=""))))
    document["findings"].sort(key=json.dumps)
    return json.dumps(document)
