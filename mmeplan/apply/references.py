"""The reference scan: which configs and models any live endpoint of the account and region still needs.

A config or model in use can be deleted (SageMaker accepts it) and then breaks the next update, scale-out or patching of
its endpoint. So nothing goes before *all* endpoints were asked, other teams' included, pending configs included, and
the inference components that are placed on them.
Source: DeleteEndpointConfig's documentation; docs/sagemaker.md, "Deletion".

The first look describes every endpoint; later ones only those that were modified since. What is found in use is asked
once more before the answer is given, so that an endpoint that went meanwhile keeps nothing alive.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from mmeplan.apply.retrying import MODIFIED_MARGIN_S, SCAN_VALID_S
from mmeplan.aws.failures import Failure, failure_of
from mmeplan.errors import CloudError
from mmeplan.kinds import ENDPOINT, ENDPOINT_CONFIG, kind_named
from mmeplan.live import Answer, Clock, Component, Reader, Usage, describe_call, live_endpoint, pages, read_components


class References:
    """Who uses what, read when first asked and looked at again when that is older than SCAN_VALID_S."""

    def __init__(self, reader: Reader, clock: Clock) -> None:
        self._reader = reader
        self._clock = clock
        self._looked_at: float | None = None
        self._modified = ""  # the latest LastModifiedTime seen: the service's own clock, not ours
        self._usage = Usage()
        self._asked_components = False  # since the last look
        self._components: list[Component] | None = None  # None where the caller may not read them

    def forget(self) -> None:
        """Look again next time: something that this apply did may have moved references."""
        self._looked_at = None

    def user_of(self, kind: str, name: str, placeholders: Iterable[str] = ()) -> str:
        """The name of an endpoint whose config in force or pending is, or refers to, this object; "" for none.

        `placeholders` are configs that took the names of others: which models their endpoints run is unknown.
        Raises CloudError where any endpoint or config can't be read: then nothing may be deleted.
        """
        now = self._clock.monotonic()
        if self._looked_at is None or now - self._looked_at > SCAN_VALID_S:
            self._look()
            self._looked_at = now
        suspects = self._suspects(kind, name, placeholders)
        if suspects:
            self._describe(suspects)
            suspects = self._suspects(kind, name, placeholders)
        return suspects[0] if suspects else ""

    def component_of(self, kind: str, name: str) -> str | None:
        """The name of an inference component that uses this object; "" for none, None where the caller may not read
        them. To be asked after `user_of`. Raises CloudError where they can't be read for another reason.
        """
        if kind_named(kind).is_swapped_to or not self._usage.may_host_components:
            return ""
        if not self._asked_components:
            try:
                self._components = read_components(self._reader)
            except CloudError as error:
                if failure_of(error) is not Failure.DENIED:
                    raise
                self._components = None
            self._asked_components = True
        if self._components is None:
            return None
        return next((component.name for component in self._components if component.uses(name)), "")

    def _suspects(self, kind: str, name: str, placeholders: Iterable[str]) -> list[str]:
        if not kind_named(kind).is_swapped_to:  # endpoints need it through the configs that refer to it
            configs = self._usage.configs_to_read()
            for config, answer in zip(configs, self._read_all(ENDPOINT_CONFIG.name, configs), strict=True):
                self._usage.set_config(config, answer)
        return sorted({endpoint for _, endpoint in self._usage.users_of(kind, name, placeholders)})

    def _look(self) -> None:
        self._asked_components = False
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
        for endpoint, answer in zip(endpoints, self._read_all(ENDPOINT.name, endpoints), strict=True):
            configs = live_endpoint(answer).configs if answer is not None else ()
            if answer is not None and not configs:
                text = f"it isn't said which config {endpoint} runs, so nothing can be known to be unused"
                raise CloudError("DescribeEndpoint", "UnreadableAnswer", text)
            self._usage.set_endpoint(endpoint, configs)

    def _read_all(self, kind: str, names: list[str]) -> list[Answer | None]:
        """The answers in order; None for what doesn't exist. Raises CloudError for anything else that can't be read."""
        found: list[Answer | None] = []
        for answer in self._reader.gather([describe_call(kind, name) for name in names]):
            if not isinstance(answer, Exception):
                found.append(answer)
            elif isinstance(answer, CloudError) and failure_of(answer) is Failure.NOT_FOUND:
                found.append(None)
            else:
                raise answer
        return found
