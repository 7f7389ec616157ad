"""The ports over boto3: the only module that imports it. AWS, another endpoint URL, and the simulator are one code.

In: operations and requests by their API names. Out: plain data, or `CloudError`s.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import boto3
import botocore.loaders
import botocore.session
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    CredentialRetrievalError,
    HTTPClientError,
    IncompleteReadError,
    LoginError,
    NoAuthTokenError,
    NoCredentialsError,
    NoRegionError,
    ParamValidationError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
    UnauthorizedSSOTokenError,
)
from botocore.parsers import ResponseParserError
from botocore.response import StreamingBody

from mmeplan import __version__
from mmeplan.aws.partitions import partition_of
from mmeplan.cloud import answers
from mmeplan.cloud.clock import UNTRUSTED, Pace, is_loopback, repeated
from mmeplan.errors import CloudError, ConnectionFailedError, CredentialsError
from mmeplan.live import READS, Answer, Call, Clock, Progress, Veil

CONCURRENCY: Final = 8  # reads under way at once
CONNECT_TIMEOUT_S: Final = 10
READ_TIMEOUT_S: Final = 60
INVOKE_TIMEOUT_S: Final = 70  # a model may take 60 s to load (Developer Guide, invoke-multi-model-endpoint)
MESSAGE_CHARACTERS: Final = 4000  # of an error's words; SageMaker's own longest are some hundred
BODY_BYTES: Final = 4 * 1024 * 1024  # of an answer's body at the most, whatever range was asked for

_SERVICES: Final = {
    "AbortMultipartUpload": "s3",
    "BatchGetImage": "ecr",
    "CompleteMultipartUpload": "s3",
    "CopyObject": "s3",
    "CreateMultipartUpload": "s3",
    "DeleteObject": "s3",
    "DescribeAlarms": "cloudwatch",
    "DescribeImages": "ecr",
    "DescribeInstanceTypes": "ec2",
    "DescribeKey": "kms",
    "DescribeRouteTables": "ec2",
    "DeleteScalingPolicy": "application-autoscaling",
    "DeregisterScalableTarget": "application-autoscaling",
    "DescribeScalableTargets": "application-autoscaling",
    "DescribeScalingPolicies": "application-autoscaling",
    "DescribeScheduledActions": "application-autoscaling",
    "DescribeSecurityGroups": "ec2",
    "DescribeSubnets": "ec2",
    "DescribeVpcEndpoints": "ec2",
    "GetBucketEncryption": "s3",
    "GetBucketLocation": "s3",
    "GetCallerIdentity": "sts",
    "GetKeyPolicy": "kms",
    "GetObject": "s3",
    "GetProducts": "pricing",
    "GetResources": "resourcegroupstaggingapi",
    "GetRole": "iam",
    "GetTopicAttributes": "sns",
    "HeadObject": "s3",
    "InvokeEndpoint": "sagemaker-runtime",
    "ListAWSDefaultServiceQuotas": "service-quotas",
    "ListObjectVersions": "s3",
    "ListObjectsV2": "s3",
    "ListServiceQuotas": "service-quotas",
    "ListTagsForResource": "application-autoscaling",
    "PutObject": "s3",
    "PutScalingPolicy": "application-autoscaling",
    "RegisterScalableTarget": "application-autoscaling",
    "SimulatePrincipalPolicy": "iam",
    "TagResource": "application-autoscaling",
    "UntagResource": "application-autoscaling",
    "UploadPart": "s3",
    "UploadPartCopy": "s3",
}
_UNPACED: Final = frozenset(
    {
        *("CompleteMultipartUpload", "CopyObject", "CreateMultipartUpload", "DeleteObject", "HeadObject", "PutObject"),
        *("UploadPart", "UploadPartCopy"),
    }
)
"""What archives are written with: S3 takes 3,500 writes and 5,500 reads a second and prefix (S3 user guide, "Best
practices design patterns: optimizing Amazon S3 performance"), SageMaker far less."""
_NO_CREDENTIALS: Final = (
    CredentialRetrievalError,
    LoginError,
    NoAuthTokenError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
    UnauthorizedSSOTokenError,
)

_UNREADABLE: Final = (
    ArithmeticError,
    AttributeError,
    LookupError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
)
"""What botocore's parsers raise where an answer is of another form than they expect."""

BeforeSend = Callable[..., Any]
Trace = Callable[[str], None]
"""Told each call and how it ended, in a line: operation, the names in its request, and the error's code."""


@dataclass(frozen=True)
class Door:
    """An in-process service behind the whole boto3 stack: a `before-send` handler in the place of a socket."""

    before_send: BeforeSend
    account: str


class _DoorFailedError(BaseException):
    """A fault of the in-process service itself, on its way through boto3, which takes every Exception for an answer."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


def _as_it_is(before_send: BeforeSend) -> BeforeSend:
    """The same handler; what it raises that no connection raises isn't taken for an answer that can't be read."""

    def send(*given: Any, **named: Any) -> Any:
        try:
            return before_send(*given, **named)
        except (BotoCoreError, ClientError, OSError):
            raise
        except Exception as error:
            raise _DoorFailedError(error) from error

    return send


_models = functools.cache(botocore.loaders.create_loader)
"""botocore's service models by the folders they are read from. They are read once in a process, however many fleets it
plans: SageMaker's alone is 2.6 MB of JSON."""


def _core(profile: str | None) -> botocore.session.Session:
    """A session of botocore that shares its service models with every other one.

    Raises ProfileNotFound.
    """
    core = botocore.session.get_session()
    if profile is not None:
        core.set_config_variable("profile", profile)
    models = _models(core.get_config_variable("data_path"))
    models.search_paths[:] = dict.fromkeys(models.search_paths)  # boto3 adds its own folder for each session
    core.register_component("data_loader", models)
    return core


class Cloud:
    """Reader and Writer over boto3 clients, made when they are first needed."""

    def __init__(
        self,
        clock: Clock,
        *,
        profile: str | None = None,
        region: str | None = None,
        endpoint_url: str | None = None,
        door: Door | None = None,
        trace: Trace | None = None,
    ) -> None:
        """Raises CredentialsError where the profile or the region is not known."""
        self._clock = clock
        self._door = door
        self._trace = trace
        self.veil = Veil()
        self._heard = door is not None
        self._endpoint_url = endpoint_url
        self._lock = threading.Lock()
        self._clients: dict[str, Any] = {}
        self._near: set[str] = set()
        self._pace = None if door else Pace(clock)
        try:
            if door:
                self._session = boto3.session.Session(
                    botocore_session=_core(None),
                    region_name=region,
                    aws_access_key_id=door.account,
                    aws_secret_access_key="simulated",  # noqa: S106 - any secret will do there
                )
            else:
                self._session = boto3.session.Session(
                    botocore_session=_core(profile), profile_name=profile, region_name=region
                )
        except (BotoCoreError, ValueError) as error:
            raise CredentialsError(str(error)) from None
        if not self._session.region_name:
            raise CredentialsError("no region is known", hint="write `region:` in the fleet file, or pass --region")
        self.region: str = self._session.region_name

    def read(self, operation: str, params: Mapping[str, Any]) -> Answer:
        """One read, repeated while its failure is one that passes. Raises CloudError; ValueError for a write."""
        if not operation.startswith(READS):
            raise ValueError(f"{operation} is not a read")
        return repeated(lambda: self._call(operation, params), self._clock, lambda: self._heard)

    def gather(self, calls: Sequence[Call], progress: Progress | None = None) -> list[Answer | Exception]:
        """Many reads at once, answers in order; a failed one has its CloudError in its place."""
        if self._door or len(calls) < 2:
            return [self._attempt(call, index, len(calls), progress) for index, call in enumerate(calls, start=1)]
        answers: list[Answer | Exception] = [{}] * len(calls)
        pool = ThreadPoolExecutor(max_workers=min(CONCURRENCY, len(calls)))
        try:
            futures = {pool.submit(self._attempt, call, 0, 0, None): index for index, call in enumerate(calls)}
            for done, future in enumerate(as_completed(futures), start=1):
                answers[futures[future]] = future.result()
                if progress:
                    progress(done, len(calls))
        finally:
            pool.shutdown(cancel_futures=True)  # Ctrl-C doesn't wait for thousands of reads that have yet to begin
        return answers

    @property
    def is_near(self) -> bool:
        """Whether SageMaker is on this machine, however its URL was given, and needs no sparing.

        Raises CredentialsError.
        """
        try:
            self._client("sagemaker")
        except (BotoCoreError, ValueError) as error:
            raise CredentialsError(str(error)) from None
        return "sagemaker" in self._near

    def write(self, operation: str, params: Mapping[str, Any]) -> Answer:
        """One write, made once. Raises CloudError."""
        return self._call(operation, params)

    def _attempt(self, call: Call, index: int, total: int, progress: Progress | None) -> Answer | Exception:
        try:
            return self.read(*call)
        except CloudError as error:
            return error
        finally:
            if progress:
                progress(index, total)

    def _call(self, operation: str, params: Mapping[str, Any]) -> Answer:
        """One call, told to the trace; environment values are masked in what the service says. Raises CloudError."""
        if operation == "CreateModel":
            self.veil.learn((params,))
        try:
            answer = self._answer(operation, params)
        except CloudError as error:
            error.masked(self.veil.text(error.message))
            self._tell(operation, params, f" → {error.code}: {error.message}")
            raise
        self._tell(operation, params)
        if operation == "DescribeModel":
            self.veil.learn((answer,))
        return self.veil.answer(answer)

    def _tell(self, operation: str, params: Mapping[str, Any], ending: str = "") -> None:
        if self._trace is not None:
            names = " ".join(f"{key}={value}" for key, value in params.items() if isinstance(value, (str, int)))
            self._trace(f"{operation} {names}{ending}")

    def _answer(self, operation: str, params: Mapping[str, Any]) -> Answer:
        service = _SERVICES.get(operation, "sagemaker")
        try:
            client = self._client(service)
            if self._pace and service not in self._near and operation not in _UNPACED:
                self._pace.wait()
            answer = getattr(client, xform_name(operation))(**params)
            if isinstance(answer.get("Body"), StreamingBody):
                answer["Body"] = _beginning(answer["Body"])
            self._heard = True
        except _DoorFailedError as failed:
            raise failed.error from None
        except ClientError as error:
            self._heard = True
            raise _service_error(operation, error) from None
        except _NO_CREDENTIALS as error:
            raise CredentialsError(str(error)) from None
        except ParamValidationError as error:
            raise CloudError(operation, "ParamValidation", str(error)) from None
        except (HTTPClientError, ConnectionError, IncompleteReadError, ResponseParserError) as error:
            if UNTRUSTED in str(error):  # before anything was sent, and so again each time
                refused = CloudError(operation, "UntrustedCertificate", str(error))
                refused.hint = "AWS_CA_BUNDLE names a file with the CA of what answers here (PEM), a proxy perhaps"
                raise refused from None
            raise ConnectionFailedError(operation, str(error)) from None
        except BotoCoreError as error:
            raise CloudError(operation, type(error).__name__, str(error)) from None
        except _UNREADABLE as error:
            raise ConnectionFailedError(operation, f"the answer can't be read ({type(error).__name__})") from None
        answer.pop("ResponseMetadata", None)
        return {key: _plain(value) for key, value in answer.items()}

    def _client(self, service: str) -> Any:
        with self._lock:
            if service not in self._clients:
                self._clients[service] = self._make_client(service)
            return self._clients[service]

    def _make_client(self, service: str) -> Any:
        config = Config(
            retries={"mode": "standard", "total_max_attempts": 1},
            connect_timeout=CONNECT_TIMEOUT_S,
            read_timeout=INVOKE_TIMEOUT_S if service == "sagemaker-runtime" else READ_TIMEOUT_S,
            max_pool_connections=CONCURRENCY,
            user_agent=f"mmeplan/{__version__}" if self._door else None,  # botocore composes its own anew for each call
            user_agent_extra=f"mmeplan/{__version__}",
        )
        region = self._price_list_region() if service == "pricing" else None
        made = self._session.client(service, region, config=config, endpoint_url=self._endpoint_url)  # type: ignore[call-overload]
        if self._door or is_loopback(made.meta.endpoint_url):  # botocore has many ways to be given another URL
            self._near.add(service)
        made.meta.events.register("after-call.*", answers.check)
        if self._door:
            made.meta.events.register("before-send.*", _as_it_is(self._door.before_send))
        return made

    def _price_list_region(self) -> str | None:
        """The region of the partition whose price list is asked: it has the prices of all. None: the session's own.

        Raises CloudError where the partition has none, such as GovCloud's. Source: botocore's data/endpoints.json.
        """
        if self._endpoint_url or self._door:
            return None
        known = self._session.get_available_regions("pricing", partition_of(self.region))
        if not known:
            raise CloudError("GetProducts", "NoEndpoint", f"{partition_of(self.region)} has no price list to be asked")
        return "us-east-1" if "us-east-1" in known else known[0]


def _beginning(body: StreamingBody) -> bytes:
    """The first `BODY_BYTES` of an answer's body; the connection is given up where there is more."""
    try:
        return body.read(BODY_BYTES)
    finally:
        body.close()


def _service_error(operation: str, error: ClientError) -> CloudError:
    body = error.response.get("Error", {})
    metadata = error.response.get("ResponseMetadata", {})
    return CloudError(
        operation,
        str(body.get("Code", "Unknown")),
        _bounded(str(body.get("Message", error))),
        status=int(metadata.get("HTTPStatusCode", 400)),
        request_id=str(metadata.get("RequestId", "")),
    )


def _bounded(message: str) -> str:
    """A service's words without the rest of a page that stands in their place."""
    return message if len(message) <= MESSAGE_CHARACTERS else f"{message[:MESSAGE_CHARACTERS]}…"


def _plain(value: Any) -> Any:
    """An answer as JSON data: times become ISO 8601 text in UTC."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return value
