"""Who uses what: the configs that endpoints run or move to, the models that those configs refer to, and the inference
components that are placed on endpoints, with the models that they name.

One index for two looks: `observe_users` at plan time, where something would be deleted, and the scan right before each
delete (`apply.references`), which decides. Components are asked for only where an endpoint may host them: a variant of
its config names no model, or its config isn't known. Source: docs/sagemaker.md, "Inference components".
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from mmeplan.aws.failures import Failure, failure_of
from mmeplan.aws.variants import hosts_components
from mmeplan.errors import CloudError
from mmeplan.identity import STAND_IN_TAG
from mmeplan.kinds import ENDPOINT, ENDPOINT_CONFIG, Carried, LiveObject, kind_named, models_of
from mmeplan.live.objects import describe_call, live_endpoint, live_object
from mmeplan.live.observing import PAGE, pages
from mmeplan.live.ports import Reader
from mmeplan.live.snapshot import Snapshot

COMPONENT_ACTIONS: Final = ("sagemaker:ListInferenceComponents", "sagemaker:DescribeInferenceComponent")
"""What reading inference components asks for."""
COMPONENTS_UNREAD: Final = f"can't be read: grant {' and '.join(COMPONENT_ACTIONS)}"


@dataclass(frozen=True, slots=True)
class Component:
    """An inference component: the endpoint that it is placed on, and the models that it names."""

    name: str
    endpoint: str
    models: frozenset[str] = frozenset()

    def uses(self, model: str) -> bool:
        """Whether it names that model, in any letter case."""
        return model.lower() in {name.lower() for name in self.models}


def placed_components(reader: Reader, endpoint: str = "") -> tuple[str, ...]:
    """The names of the inference components of an endpoint, or of the account and region, sorted. Raises CloudError."""
    params: dict[str, Any] = {"MaxResults": PAGE, **({"EndpointNameEquals": endpoint} if endpoint else {})}
    listed = pages(reader, "ListInferenceComponents", params)
    found = (item["InferenceComponentName"] for page in listed for item in page.get("InferenceComponents", ()))
    return tuple(sorted(map(str, found)))


def read_components(reader: Reader) -> list[Component]:
    """All inference components of the account and region with the models that they name. Raises CloudError."""
    names = placed_components(reader)
    answers = reader.gather([("DescribeInferenceComponent", {"InferenceComponentName": name}) for name in names])
    found: list[Component] = []
    for name, answer in zip(names, answers, strict=True):
        if not isinstance(answer, Exception):
            found.append(Component(name, str(answer.get("EndpointName", "")), frozenset(_models_named(answer))))
        elif not (isinstance(answer, CloudError) and failure_of(answer) is Failure.NOT_FOUND):
            raise answer
    return found


def _models_named(answer: Mapping[str, Any]) -> Iterator[str]:
    """The models of a DescribeInferenceComponent answer: of its one specification, or of one for each instance type."""
    for specification in (answer.get("Specification") or {}, *(answer.get("Specifications") or ())):
        if specification.get("ModelName"):
            yield str(specification["ModelName"])


class Usage:
    """An index that is filled answer by answer. Names are compared without regard to letter case, as the service does.

    A config whose models are unknown (it was deleted while in use, or another one took its name) may refer to any.
    """

    def __init__(self) -> None:
        self._configs: dict[str, tuple[str, ...]] = {}  # endpoint → its configs in force and pending
        self._endpoints: dict[str, set[str]] = {}  # config → endpoints
        self._models: dict[str, frozenset[str] | None] = {}  # config → its models; None: unknown
        self._hosting: set[str] = set()  # configs with a variant that names no model

    def set_endpoint(self, endpoint: str, configs: Iterable[str]) -> None:
        """What an endpoint runs and moves to now; nothing where it is gone."""
        for config in self._configs.pop(endpoint, ()):
            self._endpoints[config].discard(endpoint)
        self._configs[endpoint] = tuple(config.lower() for config in configs)
        for config in self._configs[endpoint]:
            self._endpoints.setdefault(config, set()).add(endpoint)

    def set_config(self, config: str, describe: Mapping[str, Any] | None) -> None:
        """What a config refers to, by its Describe answer; None where that is unknown."""
        models = None if describe is None else frozenset(model.lower() for model in models_of(describe))
        self._models[config.lower()] = models
        if describe is not None and hosts_components(describe):
            self._hosting.add(config.lower())

    @property
    def may_host_components(self) -> bool:
        """Whether inference components may be placed on an endpoint; those of unknown configs count."""
        in_use = {config for config, users in self._endpoints.items() if users}
        return any(config in self._hosting or self._models.get(config) is None for config in in_use)

    def configs_to_read(self) -> list[str]:
        """The configs in use whose models aren't known. A config never changes, so each is read once."""
        return [config for config, users in self._endpoints.items() if users and self._models.get(config) is None]

    def users_of(self, kind: str, name: str, placeholders: Iterable[str] = ()) -> list[tuple[str, str]]:
        """(config, endpoint) pairs that need this config or model, by config and endpoint.

        `placeholders` are configs that took the names of others: any model may be one of theirs.
        """
        unknown = {config.lower() for config in placeholders}

        def needs(config: str) -> bool:
            if kind_named(kind).is_swapped_to:
                return config == name.lower()
            models = self._models.get(config)
            return config in unknown or models is None or name.lower() in models

        return sorted((config, user) for config, users in self._endpoints.items() if needs(config) for user in users)


def observe_users(reader: Reader, snapshot: Snapshot, wanted: Iterable[tuple[str, str]]) -> Snapshot:
    """The snapshot with those of the (kind, name) objects that an endpoint outside of it runs or is moving to, and
    those that inference components use or are placed on.

    What can't be read leaves `users` as it was: then the plan shows the deletion, and the apply, which must be able to
    read all of it, decides. Of components nothing is assumed: what they may use is then said to be unknown.
    """
    wanted = list(wanted)
    immutable = [(kind, name) for kind, name in wanted if kind_named(kind).is_immutable]
    swapped = [name for kind, name in wanted if kind_named(kind).is_swapped]
    usage = Usage()
    if immutable:
        try:
            snapshot = _with_users(reader, snapshot, usage, immutable)
        except CloudError:
            return snapshot
    hosting = [live for live in snapshot.endpoints() if _may_host(snapshot, live.configs)]
    referred = [(kind, name) for kind, name in immutable if not kind_named(kind).is_swapped_to]
    found: dict[str, tuple[str, ...] | None] = {}
    if referred and (hosting or usage.may_host_components):
        found |= _users_among_components(reader, referred)
    for live in hosting:
        if live.name in swapped:
            found[f"{ENDPOINT.name}/{live.name}"] = _placed(reader, live.name)
    return replace(snapshot, components=found)


def _with_users(reader: Reader, snapshot: Snapshot, usage: Usage, wanted: Collection[tuple[str, str]]) -> Snapshot:
    """The snapshot with the users among the endpoints outside of it, which `usage` knows then. Raises CloudError."""
    known = {name.lower() for name in snapshot.objects.get(ENDPOINT.name, {})}
    listed = pages(reader, "ListEndpoints", {"MaxResults": PAGE})
    names = sorted(str(summary["EndpointName"]) for page in listed for summary in page.get("Endpoints", ()))
    others = [name for name in names if name.lower() not in known]
    for name, answer in zip(
        others, reader.gather([describe_call(ENDPOINT.name, name) for name in others]), strict=True
    ):
        if not isinstance(answer, Exception):
            usage.set_endpoint(name, live_endpoint(answer).configs)
    configs = usage.configs_to_read()
    answers = reader.gather([describe_call(ENDPOINT_CONFIG.name, config) for config in configs])
    for config, answer in zip(configs, answers, strict=True):
        usage.set_config(config, None if isinstance(answer, Exception) else answer)
    placeholders = [live.name for live in snapshot.present(ENDPOINT_CONFIG.name) if live.tag(STAND_IN_TAG) is not None]
    found = ((kind, name, usage.users_of(kind, name, placeholders)) for kind, name in wanted)
    return replace(snapshot, users={f"{kind}/{name}": users[0][1] for kind, name, users in found if users})


def _may_host(snapshot: Snapshot, configs: Iterable[str]) -> bool:
    """Whether inference components may be placed on an endpoint that runs or moves to these configs."""
    seen = [snapshot.endpoint_config(config) for config in configs]
    return any(config is None or not config.describe or config.hosts_components for config in seen)


def _users_among_components(reader: Reader, wanted: Iterable[tuple[str, str]]) -> dict[str, tuple[str, ...] | None]:
    """`kind/name` → the inference components that use it; None where they can't be read."""
    try:
        components = read_components(reader)
    except CloudError:
        return dict.fromkeys((f"{kind}/{name}" for kind, name in wanted), None)
    return {
        f"{kind}/{name}": tuple(component.name for component in components if component.uses(name))
        for kind, name in wanted
    }


def _placed(reader: Reader, endpoint: str) -> tuple[str, ...] | None:
    """The inference components of an endpoint; None where they can't be read."""
    try:
        return placed_components(reader, endpoint)
    except CloudError:
        return None


def carried_by(reader: Reader, kind: str, name: str) -> list[str]:
    """What an object carries, in words (`the scheduled action nightly`): it goes where that is deleted.

    Raises CloudError.
    """
    of = kind_named(kind)
    live = live_object(kind, name, "present")
    found = [
        inner.inner_words(inner.name_in({**request, **item}))
        for inner in of.children
        for request in (inner.listings([], [live]) if inner.listings else ())
        for page in pages(reader, inner.describe_operation, request)
        for item in page.get(inner.listed, ())
    ]
    return [*found, *_listed(reader, of.carries, live)]


def _listed(reader: Reader, carried: Iterable[Carried], live: LiveObject) -> list[str]:
    return [
        f"the {beside.words} {item[beside.name]}"
        for beside in carried
        for page in pages(reader, beside.operation, beside.params(live))
        for item in page.get(beside.listed, ())
    ]


def observe_carried(reader: Reader, snapshot: Snapshot, wanted: Iterable[tuple[str, str]]) -> Snapshot:
    """The snapshot with what else would go with the (kind, name) objects, or names them: in `users`, as words.

    An empty text says that there is none. What can't be read is said there too: nothing is deleted that may carry
    something unknown.
    """
    found = {}
    for kind, name in wanted:
        of, live = kind_named(kind), snapshot.get(kind, name)
        if live is None or not live.is_present:
            continue
        try:
            words = ", ".join(_listed(reader, (*of.carries, *of.pointed_at(live)), live))
        except CloudError as error:
            words = f"what can't be read ({error})"
        found[f"{kind}/{name}"] = words
    return replace(snapshot, users={**snapshot.users, **found}) if found else snapshot
