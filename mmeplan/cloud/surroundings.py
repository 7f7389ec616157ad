"""What botocore makes of this machine: profile, region, credentials, endpoints, proxies, CAs; one unsigned question.

In: the options of a run. Out: facts, for `mmeplan doctor`. No secret leaves this module: of credentials it tells the
provider that had them and when they end.
Sources: botocore 1.43: session.py, credentials.py (`METHOD`), configprovider.py, endpoint.py; AWS SDKs and Tools
Reference Guide, "Service-specific endpoints".
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final, TypeVar

import botocore.session
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.utils import get_environ_proxies

from mmeplan.aws.partitions import partition_of
from mmeplan.cloud.clock import is_loopback
from mmeplan.errors import CredentialsError, MmeplanError

ANSWER_S: Final = 5
"""How long the unsigned question waits for a connection, and then for an answer."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Keys:
    """Where credentials come from, by botocore's name of the provider, and when they end; None: nobody says."""

    method: str
    ends_at: datetime | None


@dataclass(frozen=True, slots=True)
class Heard:
    """An answer to the unsigned question. `ahead_s` is by how much the local clock is ahead of its Date, in seconds;
    negative where it is behind, None where the answer has no date. `is_of_aws`: it has the id of a request.
    """

    status: int
    ahead_s: float | None
    is_of_aws: bool


class Surroundings:
    """The facts for one run. Each member is asked of botocore when it is wanted."""

    def __init__(self, profile: str | None = None, endpoint_url: str | None = None) -> None:
        self._endpoint_url = endpoint_url
        self._session = botocore.session.Session(profile=profile)

    @property
    def profile(self) -> str:
        """The profile in use; empty where none is named."""
        return self._session.profile or ""

    @property
    def has_keys_beside_profile(self) -> bool:
        """Whether the environment has keys, which win over the profile that AWS_PROFILE names."""
        named = self._session.instance_variables().get("profile") is not None
        return not named and bool(self.profile) and bool(os.environ.get("AWS_ACCESS_KEY_ID"))

    def require_profile(self) -> None:
        """Raises CredentialsError where the configuration can't be read, or has no such profile."""
        _told(self._session.get_scoped_config)

    def region(self) -> str:
        """The region of AWS_DEFAULT_REGION or the profile; empty where there is none. Raises CredentialsError."""
        return str(_told(lambda: self._session.get_config_variable("region")) or "")

    def has_sagemaker(self, region: str) -> bool:
        """Whether botocore's list of regions has SageMaker there. AWS may have opened it since."""
        known = self._session.get_available_regions("sagemaker", partition_of(region))
        return region in known

    def keys(self) -> Keys | None:
        """The credentials that boto3 would use, fetched; None where it finds none. Raises CredentialsError."""

        def fetched() -> Keys | None:
            found = self._session.get_credentials()
            if found is None:
                return None
            found.get_frozen_credentials()
            return Keys(str(found.method), getattr(found, "_expiry_time", None))

        return _told(fetched)

    def endpoint(self, service: str, region: str) -> str:
        """The URL where a service is asked. Raises MmeplanError where it is none."""
        return str(_told(lambda: self._client(service, region).meta.endpoint_url))

    def endpoint_from(self) -> str:
        """What has given SageMaker's URL: an option, a variable, the configuration file; empty: it is AWS's own."""
        if self._endpoint_url:
            return "--endpoint-url"
        if str(self._session.get_config_variable("ignore_configured_endpoint_urls")).lower() == "true":
            return ""
        for name in ("AWS_ENDPOINT_URL_SAGEMAKER", "AWS_ENDPOINT_URL"):
            if os.environ.get(name):
                return name
        config = _told(self._session.get_scoped_config)
        return "the AWS configuration file" if {"endpoint_url", "services"} & config.keys() else ""

    def proxies(self, url: str) -> Mapping[str, str]:
        """The proxies by which a URL is reached, by scheme."""
        found: Mapping[str, str] = get_environ_proxies(url)
        return found

    def ca_bundle(self) -> tuple[str, str]:
        """The file of the CAs that are trusted, and what names it; empty: botocore's own."""
        configured = _told(lambda: self._session.get_config_variable("ca_bundle"))
        if configured:
            return str(configured), "AWS_CA_BUNDLE" if os.environ.get("AWS_CA_BUNDLE") else "ca_bundle of the profile"
        return os.environ.get("REQUESTS_CA_BUNDLE", ""), "REQUESTS_CA_BUNDLE"

    def ask(self, region: str, now: Callable[[], datetime]) -> Heard:
        """Ask SageMaker for a list without credentials: whatever it answers, it can be reached. Raises MmeplanError."""

        def asked() -> tuple[Mapping[str, Any], datetime, datetime]:
            client = self._client("sagemaker", region)
            before = now()
            try:
                answer = client.list_models(MaxResults=1)
            except ClientError as refused:
                answer = refused.response
            return answer.get("ResponseMetadata", {}), before, now()

        metadata, before, after = _told(asked)
        headers = metadata.get("HTTPHeaders", {})
        has_id = bool(headers.get("x-amzn-requestid"))
        return Heard(int(metadata.get("HTTPStatusCode", 0)), _ahead(headers.get("date"), before, after), has_id)

    def is_here(self, url: str) -> bool:
        """Whether a URL is on this machine."""
        return is_loopback(url)

    def _client(self, service: str, region: str) -> Any:
        config = Config(
            signature_version=UNSIGNED,
            connect_timeout=ANSWER_S,
            read_timeout=ANSWER_S,
            retries={"mode": "standard", "total_max_attempts": 1},
        )
        return self._session.create_client(service, region, endpoint_url=self._endpoint_url, config=config)


def within(seconds: float, call: Callable[[], T]) -> T:
    """What a call gives. Raises TimeoutError where it takes longer: then it is left alone, and ends with mmeplan."""
    given: list[T] = []
    raised: list[BaseException] = []

    def run() -> None:
        try:
            given.append(call())
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
            raised.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if raised:
        raise raised[0]
    if not given:
        raise TimeoutError
    return given[0]


def _told(call: Callable[[], T]) -> T:
    """What botocore says; whatever it raises becomes one CredentialsError with its words."""
    try:
        return call()
    except MmeplanError:
        raise
    except (BotoCoreError, ClientError, OSError, ValueError) as error:
        raise CredentialsError(str(error)) from None


def _ahead(date: str | None, before: datetime, after: datetime) -> float | None:
    """Seconds by which [before, after] lies after the second that a Date header names; 0 where they meet."""
    try:
        named = parsedate_to_datetime(date or "")
    except ValueError:
        return None
    told = named if named.tzinfo else named.replace(tzinfo=UTC)
    early, late = (before - told).total_seconds() - 1, (after - told).total_seconds()
    return early if early > 0 else late if late < 0 else 0.0
