"""What an endpoint needs and what goes after it, read from the plan document: `references`, and the order of steps."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from mmeplan.aws.variants import models
from mmeplan.kinds import ENDPOINT_CONFIG, MODEL, is_create, is_kind, kind_named, kind_of_operation
from mmeplan.plan import Change, Step
from mmeplan.render.door import ShownPlan


class Relations:
    """An index over one plan. `main` has the change of what the file declares at each address, `gone` what is deleted
    or forgotten under it, `beside` what else changes: kept generations that are claimed, a stand-in.
    """

    def __init__(self, plan: ShownPlan) -> None:
        self.main: dict[str, Change] = {}
        self.gone: dict[str, list[Change]] = defaultdict(list)
        self.beside: dict[str, list[Change]] = defaultdict(list)
        self.steps: dict[str, list[Step]] = defaultdict(list)
        self._by_name: dict[tuple[str, str], str] = {}
        for change in plan.changes:
            if not change.is_swapped and change.actions in (("delete",), ("forget",)):
                self.gone[change.address].append(change)
                continue
            self._enter(change)
            for name in filter(None, (change.live_name, change.name)):
                self._by_name[change.kind, name] = change.address
        for step in plan.steps:
            self.steps[step.address].append(step)
        self._address_of = {step.id: step.address for step in plan.steps}
        self._deleted_after: dict[str, list[str]] = defaultdict(list)
        for at in self.gone:
            for before in self._before(at):
                if before != at and at not in self._deleted_after[before]:
                    self._deleted_after[before].append(at)

    def _enter(self, change: Change) -> None:
        """Of several changes at one address the one that has a place in the file is the main one, else the last."""
        other = self.main.get(change.address)
        if other is not None:
            main, least = (other, change) if other.location.line and not change.location.line else (change, other)
            self.beside[change.address].append(least)
            change = main
        self.main[change.address] = change

    def address_of(self, kind: str, name: str) -> str:
        """The address of the object of that physical name, empty if the plan doesn't know it."""
        return self._by_name.get((kind, name), "")

    def params(self, at: str, operation: str) -> Mapping[str, Any]:
        """The parameters of that call for that address; empty if there is no such step."""
        return next((step.params for step in self.steps.get(at, ()) if step.operation == operation), {})

    def creates(self, change: Change) -> Step | None:
        """The step that creates an object; None where the plan has none."""
        if not change.action.creates:
            return None
        steps = self.steps.get(change.address, ())
        return next((step for step in steps if is_create(step.operation) and _creates(step, change)), None)

    def needs(self, endpoint: Change) -> tuple[str, tuple[str, ...]]:
        """The addresses of the config that the endpoint is to run, empty where it isn't the fleet's, and its models."""
        if not endpoint.references:
            return self._needs_by_name(endpoint)
        config = next((at for at in endpoint.references if _is_swapped_to(at)), "")
        change = self.main.get(config)
        models = list(change.references) if change else []
        models.sort(key=lambda at: change is None or at not in change.causes)
        return config, tuple(models)

    def family_of(self, endpoint: Change) -> tuple[str, ...]:
        """The addresses of everything that the endpoint's change is about: its config, models, and what it leaves."""
        config, models = self.needs(endpoint)
        return tuple(at for at in dict.fromkeys((config, *models, *self.left_by(endpoint.address))) if at)

    def left_by(self, endpoint: str) -> Iterator[str]:
        """Addresses of configs and models that are deleted once this endpoint has let go of them."""
        for at in self._deleted_after.get(endpoint, ()):
            yield at
            yield from self._deleted_after.get(at, ())

    def _before(self, at: str) -> Iterator[str]:
        """Addresses that the steps of this one wait for."""
        for step in self.steps.get(at, ()):
            yield from (self._address_of.get(step_id, "") for step_id in step.after)

    def _needs_by_name(self, endpoint: Change) -> tuple[str, tuple[str, ...]]:
        """The same where the document has no references: before format 1.1, and for an endpoint that goes.

        What proves a relation, in this order: causes, names in the steps, the steps' order, and at last equal names.
        """
        name = endpoint.address.partition("/")[2]
        guards = [getattr(step.guard, "config", None) for step in self.steps.get(endpoint.address, ())]
        configs = [step.params.get("EndpointConfigName") for step in self.steps.get(endpoint.address, ())]
        named = [str(n) for pair in zip(configs, guards, strict=True) for n in pair if n]
        proved = filter(_is_swapped_to, endpoint.causes)
        config = next(proved, "") or next(filter(None, (self.address_of(ENDPOINT_CONFIG.name, n) for n in named)), "")
        inline = f"{ENDPOINT_CONFIG.name}/{name}"
        if not config and (inline in self.main or inline in self.gone):
            config = inline
        change = self.main.get(config)
        found = list(change.causes) if change else []
        found += [self.address_of(MODEL.name, n) for _, n in model_names(self.params(config, "CreateEndpointConfig"))]
        found += [
            at
            for of in (config, endpoint.address)
            for at in self._before(of)
            if at.partition("/")[0] in ENDPOINT_CONFIG.refers_to
        ]
        models = dict.fromkeys(found or [f"{MODEL.name}/{config.partition('/')[2]}"])
        return config, tuple(at for at in models if at in self.main or at in self.gone)


def _creates(step: Step, change: Change) -> bool:
    kind = kind_of_operation(step.operation)
    return kind is not None and change.name == kind.name_in(step.params)


def _is_swapped_to(address: str) -> bool:
    kind = address.partition("/")[0]
    return is_kind(kind) and kind_named(kind).is_swapped_to


def model_names(config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(variant, physical name of a model) for every model in the parameters of CreateEndpointConfig."""
    return ((str(path[1]), str(name)) for path, name in models(config))
