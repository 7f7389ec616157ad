"""Which config and which models an endpoint's change is about, derived from the plan document alone.

In: a `Plan`. Out: look-ups by address. What proves a relation, in this order: a change's `causes`, the names in the
parameters of a step, the step's `after`, and last the names themselves (the config that stands inside an endpoint has
the endpoint's name). Called by `view`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, Final

from mmeplan.aws.variants import models
from mmeplan.plan import Change
from mmeplan.plan.document import Plan
from mmeplan.plan.step import Step

_GONE: Final = (("delete",), ("forget",))


class Relations:
    """An index over one plan. `main` has the change of each address, `gone` what is deleted or forgotten under it."""

    def __init__(self, plan: Plan) -> None:
        self.main: dict[str, Change] = {}
        self.gone: dict[str, list[Change]] = defaultdict(list)
        self.steps: dict[str, list[Step]] = defaultdict(list)
        self._address_of_step: dict[str, str] = {}
        self._by_name: dict[tuple[str, str], str] = {}
        for change in plan.changes:
            if change.actions in _GONE and change.kind != "endpoint":
                self.gone[change.address].append(change)
                continue
            self.main[change.address] = change
            for name in (change.live_name, change.name):
                if name:
                    self._by_name[change.kind, name] = change.address
        for step in plan.steps:
            self.steps[step.address].append(step)
            self._address_of_step[step.id] = step.address
        self._followers = self._deletions_after()

    def address_of(self, kind: str, name: str) -> str:
        """The address of the object of that physical name, empty if the plan doesn't know it."""
        return self._by_name.get((kind, name), "")

    def params(self, at: str, operation: str) -> Mapping[str, Any]:
        """The parameters of that call for that address; empty if there is no such step."""
        return next((step.params for step in self.steps.get(at, ()) if step.operation == operation), {})

    def config_of(self, endpoint: Change) -> str:
        """The address of the config that the endpoint is to run, empty where it lies outside the fleet."""
        for cause in endpoint.causes:
            if cause.startswith("endpoint_config/"):
                return cause
        for step in self.steps.get(endpoint.address, ()):
            for name in (step.params.get("EndpointConfigName"), getattr(step.guard, "config", None)):
                at = self.address_of("endpoint_config", str(name)) if name else ""
                if at:
                    return at
        inline = f"endpoint_config/{endpoint.address.partition('/')[2]}"
        return inline if inline in self.main or inline in self.gone else ""

    def family_of(self, endpoint: Change) -> tuple[str, ...]:
        """The addresses of everything that the endpoint's change is about: its config, models, and what it leaves."""
        config = self.config_of(endpoint)
        known = (config, *self.models_of(endpoint, config), *self.left_by(endpoint.address))
        return tuple(dict.fromkeys(at for at in known if at))

    def models_of(self, endpoint: Change, config: str) -> tuple[str, ...]:
        """The addresses of the models behind the endpoint, as far as the document tells."""
        found = dict.fromkeys(self._models(endpoint, config)) or {f"model/{config.partition('/')[2]}": None}
        return tuple(at for at in found if at in self.main or at in self.gone)

    def _models(self, endpoint: Change, config: str) -> Iterator[str]:
        change = self.main.get(config)
        if change is not None:
            yield from (cause for cause in change.causes if cause.startswith("model/"))
        for _, name in model_names(self.params(config, "CreateEndpointConfig")):
            yield self.address_of("model", name)
        for at in (config, endpoint.address):
            for step in self.steps.get(at, ()):
                yield from (a for a in map(self._after, step.after) if a.startswith("model/"))

    def _after(self, step_id: str) -> str:
        return self._address_of_step.get(step_id, "")

    def left_by(self, endpoint: str) -> Iterator[str]:
        """Addresses of configs and models that are deleted once this endpoint has let go of them."""
        for at in self._followers.get(endpoint, ()):
            yield at
            yield from self._followers.get(at, ())

    def _deletions_after(self) -> Mapping[str, list[str]]:
        """Address → addresses of the configs and models whose deletion waits for it."""
        made: dict[str, list[str]] = defaultdict(list)
        for at in self.gone:
            for step in self.steps.get(at, ()):
                for before in map(self._after, step.after):
                    if before != at and at not in made[before]:
                        made[before].append(at)
        return made


def model_names(config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(variant, physical name of a model) for every model in the parameters of CreateEndpointConfig."""
    return ((str(path[1]), str(name)) for path, name in models(config))
