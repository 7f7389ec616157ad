"""Who uses what: the configs that endpoints run or move to, and the models that those configs refer to.

One index for two looks: `observe_users` at plan time, where something would be deleted, and the scan right before each
delete (`apply.references`), which decides.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from mmeplan.errors import CloudError
from mmeplan.identity import STAND_IN_TAG
from mmeplan.kinds import ENDPOINT, ENDPOINT_CONFIG, kind_named, models_of
from mmeplan.live.objects import describe_call, live_endpoint
from mmeplan.live.observing import PAGE, pages
from mmeplan.live.ports import Reader
from mmeplan.live.snapshot import Snapshot


class Usage:
    """An index that is filled answer by answer. Names are compared without regard to letter case, as the service does.

    A config whose models are unknown (it was deleted while in use, or another one took its name) may refer to any.
    """

    def __init__(self) -> None:
        self._configs: dict[str, tuple[str, ...]] = {}  # endpoint → its configs in force and pending
        self._endpoints: dict[str, set[str]] = {}  # config → endpoints
        self._models: dict[str, frozenset[str] | None] = {}  # config → its models; None: unknown

    def set_endpoint(self, endpoint: str, configs: Iterable[str]) -> None:
        """What an endpoint runs and moves to now; nothing where it is gone."""
        for config in self._configs.pop(endpoint, ()):
            self._endpoints[config].discard(endpoint)
        self._configs[endpoint] = tuple(config.lower() for config in configs)
        for config in self._configs[endpoint]:
            self._endpoints.setdefault(config, set()).add(endpoint)

    def set_config(self, config: str, models: Iterable[str] | None) -> None:
        """The models that a config refers to; None where they are unknown."""
        self._models[config.lower()] = None if models is None else frozenset(model.lower() for model in models)

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
    """The snapshot with those of the (kind, name) objects that an endpoint outside of it runs or is moving to.

    What can't be read leaves `users` as it was: then the plan shows the deletion, and the apply, which must be able to
    read all of it, decides.
    """
    wanted = list(wanted)
    if not wanted:
        return snapshot
    known = {name.lower() for name in snapshot.objects.get(ENDPOINT.name, {})}
    try:
        listed = pages(reader, "ListEndpoints", {"MaxResults": PAGE})
        names = sorted(str(summary["EndpointName"]) for page in listed for summary in page.get("Endpoints", ()))
    except CloudError:
        return snapshot
    usage = Usage()
    others = [name for name in names if name.lower() not in known]
    for name, answer in zip(
        others, reader.gather([describe_call(ENDPOINT.name, name) for name in others]), strict=True
    ):
        if not isinstance(answer, Exception):
            usage.set_endpoint(name, live_endpoint(answer).configs)
    configs = usage.configs_to_read()
    answers = reader.gather([describe_call(ENDPOINT_CONFIG.name, config) for config in configs])
    for config, answer in zip(configs, answers, strict=True):
        usage.set_config(config, None if isinstance(answer, Exception) else models_of(answer))
    placeholders = [live.name for live in snapshot.present(ENDPOINT_CONFIG.name) if live.tag(STAND_IN_TAG) is not None]
    found = ((kind, name, usage.users_of(kind, name, placeholders)) for kind, name in wanted)
    return replace(snapshot, users={f"{kind}/{name}": users[0][1] for kind, name, users in found if users})
