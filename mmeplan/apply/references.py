"""The reference scan: which configs and models any live endpoint of the account and region still needs.

A config or model in use can be deleted (SageMaker accepts it) and then breaks the next update, scale-out or patching of
its endpoint. So nothing goes before *all* endpoints were asked, other teams' included, pending configs included.
Source: DeleteEndpointConfig's documentation; docs/sagemaker.md, "Deletion".

The first look describes every endpoint; later ones only those that were modified since. What is found in use is asked
once more before the answer is given, so that an endpoint that went meanwhile keeps nothing alive.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from mmeplan.apply.retrying import MODIFIED_MARGIN_S, SCAN_VALID_S
from mmeplan.aws.failures import Failure, classify
from mmeplan.errors import CloudError
from mmeplan.live import Answer, Clock, Reader, live_endpoint, models_of, pages


class References:
    """Who uses what, read when first asked and looked at again when that is older than SCAN_VALID_S.

    Names are compared without regard to letter case, as the service does.
    """

    def __init__(self, reader: Reader, clock: Clock) -> None:
        self._reader = reader
        self._clock = clock
        self._looked_at: datetime | None = None
        self._modified = ""  # the latest LastModifiedTime seen: the service's own clock, not ours
        self._runs: dict[str, tuple[str, ...]] = {}  # endpoint → configs in force and pending
        self._users: dict[str, set[str]] = {}  # config → endpoints
        self._models: dict[str, frozenset[str] | None] = {}  # config → its models; None: it is gone, they are unknown

    def forget(self) -> None:
        """Look again next time: something that this apply did may have moved references."""
        self._looked_at = None

    def user_of(self, kind: str, name: str, stand_ins: Iterable[str] = ()) -> str:
        """The name of an endpoint whose config in force or pending is, or refers to, this object; "" for none.

        `stand_ins` are configs that took the names of others: the models of their endpoints are unknown, so that any
        model may be one of them.

        Raises CloudError where any endpoint or config can't be read: then nothing may be deleted.
        """
        now = self._clock.now()
        if self._looked_at is None or (now - self._looked_at).total_seconds() > SCAN_VALID_S:
            self._look()
            self._looked_at = now
        vague = frozenset(config.lower() for config in stand_ins)
        suspects = sorted(self._suspects(kind, name.lower(), vague))
        if suspects:
            self._describe(suspects)
            suspects = sorted(self._suspects(kind, name.lower(), vague))
        return suspects[0] if suspects else ""

    def _suspects(self, kind: str, name: str, vague: frozenset[str]) -> set[str]:
        if kind == "endpoint_config":
            return self._users.get(name, set())
        used = [config for config, users in self._users.items() if users]
        self._read_models(used)
        asked = [config for config in used if config in vague or self._may_use(config, name)]
        return {user for config in asked for user in self._users[config]}

    def _may_use(self, config: str, model: str) -> bool:
        """Whether the config refers to the model. One that was deleted while in use may refer to any."""
        models = self._models[config]
        return models is None or model in models

    def _look(self) -> None:
        params: dict[str, Any] = {"MaxResults": 100}
        if self._modified:
            since = datetime.fromisoformat(self._modified) - timedelta(seconds=MODIFIED_MARGIN_S)
            params["LastModifiedTimeAfter"] = since
        listed, modified = [], self._modified
        for page in pages(self._reader, "ListEndpoints", params):
            for summary in page.get("Endpoints", ()):
                listed.append(summary["EndpointName"])
                modified = max(modified, str(summary.get("LastModifiedTime", "")))
        self._describe(listed)
        self._modified = modified  # only now: what could not be read is asked for again next time

    def _describe(self, endpoints: list[str]) -> None:
        """Read what these endpoints run now, in the place of what was known of them."""
        answers = self._read_all("DescribeEndpoint", "EndpointName", endpoints)
        for endpoint, answer in zip(endpoints, answers, strict=True):
            for config in self._runs.pop(endpoint, ()):
                self._users[config].discard(endpoint)
            if answer is None:
                continue
            configs = tuple(name.lower() for name in live_endpoint(answer).configs)
            self._runs[endpoint] = configs
            for config in configs:
                self._users.setdefault(config, set()).add(endpoint)

    def _read_models(self, configs: list[str]) -> None:
        unknown = [config for config in configs if self._models.get(config) is None]  # a config never changes
        answers = self._read_all("DescribeEndpointConfig", "EndpointConfigName", unknown)
        for config, answer in zip(unknown, answers, strict=True):
            self._models[config] = (
                frozenset(model.lower() for model in models_of(answer)) if answer is not None else None
            )

    def _read_all(self, operation: str, member: str, names: list[str]) -> list[Answer | None]:
        """The answers in order; None for what doesn't exist. Raises CloudError for anything else that can't be read."""
        found: list[Answer | None] = []
        for answer in self._reader.gather([(operation, {member: name}) for name in names]):
            if not isinstance(answer, Exception):
                found.append(answer)
            elif (
                isinstance(answer, CloudError)
                and classify(answer.code, answer.message, answer.status) is Failure.NOT_FOUND
            ):
                found.append(None)
            else:
                raise answer
        return found
