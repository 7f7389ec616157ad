"""The environment of containers (MDL; the rest is in models.py and model_data.py)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from mmeplan.aws.shapes import service, snake
from mmeplan.rules.examples import fleet_file
from mmeplan.rules.facts import Container, Model
from mmeplan.rules.rule import Hit, Rule, ShapeRule

MAX_ENVIRONMENT_BYTES: Final = (
    32 * 1024
)  # keys and values of all containers of a model; ContainerDefinition.Environment


class EnvironmentSize(Rule):
    id = "MDL-15"
    title = "The environment of a model's containers is not too large together"
    severity = "error"
    basis = "doc"
    source = "botocore sagemaker/2017-07-24, ContainerDefinition.Environment: 32 KB over all containers"
    quote = (
        "If you pass multiple containers to a CreateModel request, then the maximum length of all of their maps, "
        "combined, is also 32 KB."
    )
    why = "The service refuses a model whose keys and values come to more, over all its containers."
    fix = "Move settings into a file of the artifact."
    bad = fleet_file(
        container="environment:\n" + "\n".join(f"  SETTING_{number}: {'x' * 1000}" for number in range(33))
    ).replace("  ranker:\n", "  ranker:  # here\n", 1)
    good = fleet_file(container="environment: {WORKERS: 2}")
    also = ("MDL-16",)

    def model(self, model: Model) -> Iterator[Hit]:
        size = 0
        for container in model.containers:
            if "Environment" in container.spec:
                size += sum(len(key.encode()) + len(value.encode()) for key, value in container.environment())
        if size > MAX_ENVIRONMENT_BYTES:
            yield (
                (),
                f"the environment comes to {size:,} bytes over all containers; the API takes {MAX_ENVIRONMENT_BYTES:,}",
            )


OLD_MAX_ENVIRONMENT: Final = 16  # entries per container in older revisions of the API reference


class ManyEnvironmentEntries(Rule):
    id = "MDL-16"
    title = "An environment fits older revisions of the API too"
    severity = "warning"
    basis = "conf"
    source = "API reference CreateModel: 16 entries in older revisions, more in the current shape"
    why = "Older tools and SDKs refuse what the current service takes."
    fix = "Nothing, where only current tools touch this model: allow it with that reason."
    bad = fleet_file(container="environment:  # here\n" + "\n".join(f"  SETTING_{number}: x" for number in range(17)))
    good = fleet_file(container="environment: {WORKERS: 2}")
    members = ("Environment",)

    def container(self, container: Container) -> Iterator[Hit]:
        count = len(container.spec["Environment"])
        most = service().shapes["EnvironmentMap"].get("max", count)
        if OLD_MAX_ENVIRONMENT < count <= most:  # above that MDL-12 speaks
            path = (*container.path, "Environment")
            yield path, f"{count} environment entries: older revisions of the API take {OLD_MAX_ENVIRONMENT}"


_SECRET_WORDS: Final = frozenset(
    ["PASSWORD", "PASSWD", "PASSPHRASE", "SECRET", "TOKEN", "CREDENTIAL", "CREDENTIALS", "APIKEY"]
)
_SECRET_KEYS: Final = frozenset(["API", "ACCESS", "PRIVATE", "SECRET", "SIGNING", "ENCRYPTION"])

_VOCABULARY: Final = frozenset(
    ["PAD", "EOS", "BOS", "UNK", "MASK", "SEP", "CLS", "STOP", "START", "END", "SPECIAL", "NEXT", "MAX"]
)
"""Words before TOKEN that speak of a tokenizer's vocabulary."""


def _names_a_secret(key: str) -> bool:
    words = key.upper().split("_")
    before = words[-2] if len(words) > 1 else ""
    if words[-1] == "TOKEN":
        return before not in _VOCABULARY
    return words[-1] in _SECRET_WORDS or (words[-1] == "KEY" and before in _SECRET_KEYS)


_HUGGING_FACE: Final = "a Hugging Face token"
_HUB_KEYS_OF_ACCESS: Final = ("HF_TOKEN", "HF_API_TOKEN", "HUGGING_FACE_HUGGING_FACE", "HUGGINGFACEHUB_API_TOKEN")
_OF_A_HUB: Final = "; gated weights need none where they lie in a bucket of your own (`model_data_source`)"
_TOKENS: Final = {
    _HUGGING_FACE: r"hf_[A-Za-z0-9]{30,}",
    "an API key": r"sk-[A-Za-z0-9_-]{20,}",
    "an AWS access key": r"(AKIA|ASIA)[A-Z0-9]{16}",
    "a GitHub token": r"(gh[opsur]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{22,})",
    "a GitLab token": r"glpat-[A-Za-z0-9_-]{20,}",
    "a Slack token": r"xox[abeoprs]-[A-Za-z0-9-]{10,}",
    "a Google API key": r"AIza[A-Za-z0-9_-]{35}",
    "an NVIDIA API key": r"nvapi-[A-Za-z0-9_-]{20,}",
    "a private key": r"-----BEGIN [A-Z ]*PRIVATE KEY-----",
}
"""Secrets that are told by their form, whatever the key: the issuers' documented prefixes."""
_FORMS: Final = {words: re.compile(rf"(?<![A-Za-z0-9_]){form}") for words, form in _TOKENS.items()}


class SecretInEnvironment(Rule):
    id = "MDL-17"
    title = "The environment holds no secrets"
    severity = "warning"
    basis = "doc"
    source = "botocore sagemaker/2017-07-24, ContainerDefinition.Environment: don't include any sensitive data"
    why = (
        "Everybody who may call DescribeModel reads it, and it stands in plain text in fleet.yaml, in plans and in "
        "logs. A secret is told by the words of its key, or by the form of its value, such as hf_…, sk-… or AKIA…. "
        "Weights of a gated model that lie in a bucket of your own need no token: download them once, and name the "
        "bucket in `model_data_source`."
    )
    fix = "Keep it in AWS Secrets Manager, give the container its ARN, and let the execution role read it."
    bad = fleet_file(container="environment:\n  DATABASE_PASSWORD: hunter2  # here")
    good = fleet_file(
        container="environment:\n"
        "  DATABASE_SECRET_ARN: arn:aws:secretsmanager:eu-west-1:123456789012:secret:ranker\n"
        "  MAX_TOKENS: 512"
    )
    members = ("Environment",)

    def container(self, container: Container) -> Iterator[Hit]:
        for key, value in container.environment():
            path = (*container.path, "Environment", key)
            form = next((words for words, form in _FORMS.items() if form.search(value)), "")
            instead = _OF_A_HUB if form == _HUGGING_FACE or key in _HUB_KEYS_OF_ACCESS else ""
            if form:
                yield path, f"the value of `{key}` has the form of {form}, in plain text{instead}"
            elif value and not value.startswith("arn:") and _names_a_secret(key):
                yield path, f"`{key}` looks like a secret in plain text{instead}"


_REMOTE = re.compile(r"(https?|s3)://(?!localhost|127\.|0\.0\.0\.0|\[::1\])", re.IGNORECASE)


class RemoteInIsolation(Rule):
    id = "MDL-38"
    title = "An isolated container is told of no remote addresses"
    severity = "warning"
    basis = "doc"
    source = (
        "botocore sagemaker/2017-07-24, CreateModelInput.EnableNetworkIsolation: no inbound or outbound network calls"
    )
    why = (
        "With network isolation the container reaches nothing, so an address in its environment points to a lost hope."
    )
    fix = "Put what it needs into the artifact, or drop `enable_network_isolation`."
    bad = fleet_file(
        model="enable_network_isolation: true",
        container="environment:\n  FEATURE_STORE: https://features.acme.example  # here",
    )
    good = fleet_file(container="environment:\n  FEATURE_STORE: https://features.acme.example")
    members = ("EnableNetworkIsolation",)

    def model(self, model: Model) -> Iterator[Hit]:
        if not model.request["EnableNetworkIsolation"]:
            return
        for container in model.containers:
            for key, value in container.environment():
                if _REMOTE.match(value):
                    path = (*container.path, "Environment", key)
                    yield path, f"`{key}` names a remote address, but the container has no network"


_HUB_KEYS: Final = (
    "HF_MODEL_ID",
    "OPTION_MODEL_ID",
    "SM_VLLM_MODEL",
    "SM_SGLANG_MODEL",
    "SM_SGLANG_MODEL_PATH",
    "MODEL_ID",
)
"""What tells the servers of Hugging Face, DJL (LMI), vLLM and SGLang which model to fetch."""
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
_SHORT_ID = re.compile(r"[A-Za-z0-9][\w.-]*")
_OFFLINE: Final = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")


class HubInIsolation(Rule):
    id = "MDL-50"
    title = "An isolated container fetches no model from a hub"
    severity = "warning"
    basis = "inf"
    source = (
        "botocore sagemaker/2017-07-24, CreateModelInput.EnableNetworkIsolation: no inbound or outbound network calls; "
        "the servers' documentation of HF_MODEL_ID, OPTION_MODEL_ID, SM_VLLM_MODEL and SM_SGLANG_MODEL_PATH"
    )
    why = "With network isolation the container reaches no hub: the server can't fetch the model; the endpoint fails."
    fix = (
        "Put the weights into a bucket of your own, name it in `model_data_source`, and set the key to /opt/ml/model; "
        "or drop `enable_network_isolation`."
    )
    bad = fleet_file(
        model="enable_network_isolation: true",
        container="environment:\n  HF_MODEL_ID: mistralai/Mistral-7B-Instruct-v0.3  # here",
    )
    good = fleet_file(model="enable_network_isolation: true", container="environment:\n  HF_MODEL_ID: /opt/ml/model")
    members = ("EnableNetworkIsolation",)

    def model(self, model: Model) -> Iterator[Hit]:
        for container in model.containers if model.request["EnableNetworkIsolation"] else ():
            environment = dict(container.environment())
            if any(environment.get(key, "").lower() in ("1", "true", "yes", "on") for key in _OFFLINE):
                continue  # the hub's cache lies in the image or in the artifact
            for key in _HUB_KEYS:
                value = environment.get(key, "")
                if _HUB_ID.fullmatch(value) or (key == "HF_MODEL_ID" and _SHORT_ID.fullmatch(value)):
                    path = (*container.path, "Environment", key)
                    yield path, f"`{key}` is to be fetched from a hub, but the container has no network"


_OF_ENVIRONMENTS: Final = ("InstanceType", "ModelName", "VariantName")
"""Members of a variant whose words are those of ordinary environment keys."""


def _folded(name: str) -> str:
    return name.replace("_", "").lower().removesuffix("inseconds")


class VariantInEnvironment(Rule):
    id = "MDL-51"
    title = "What belongs to a variant isn't set in the environment"
    severity = "warning"
    basis = "inf"
    source = "botocore sagemaker/2017-07-24, shape ProductionVariant: its members"
    why = "SageMaker reads it from the variant alone; in the environment it changes nothing, and the default holds."
    fix = "Move it to the variant in `production_variants`, under the name that the message has."
    bad = fleet_file(container="environment:\n  CONTAINER_STARTUP_HEALTH_CHECK_TIMEOUT_IN_SECONDS: 900  # here")
    good = fleet_file(variant="container_startup_health_check_timeout_in_seconds: 900")
    members = ("Environment",)

    def container(self, container: Container) -> Iterator[Hit]:
        names = {_folded(name): snake(name) for name in service().members("ProductionVariant")}
        for name in _OF_ENVIRONMENTS:
            names.pop(_folded(name), None)
        for key, _ in container.environment():
            if _folded(key) in names:
                path = (*container.path, "Environment", key)
                yield path, f"`{key}` is the variant's `{names[_folded(key)]}`, which the environment doesn't set"


SHAPES: Final = (
    ShapeRule(
        "MDL-12",
        "A container has no more environment entries than SageMaker takes",
        "EnvironmentMap",
        bad=fleet_file(
            container="environment:  # here\n" + "\n".join(f"  SETTING_{number}: x" for number in range(101))
        ),
        good=fleet_file(container="environment: {WORKERS: 2}"),
        fix="Move settings into a file of the artifact.",
    ),
    ShapeRule(
        "MDL-13",
        "An environment key is a shell name",
        "EnvironmentKey",
        bad=fleet_file(container="environment:\n  log.level: debug  # here"),
        good=fleet_file(container="environment:\n  LOG_LEVEL: debug"),
        fix="Use letters, digits and underscores; neither dots nor hyphens.",
    ),
    ShapeRule(
        "MDL-14",
        "An environment value is of a length that SageMaker takes",
        "EnvironmentValue",
        bad=fleet_file(container=f"environment:\n  PROMPT: {'long ' * 205}text  # here"),
        good=fleet_file(container="environment:\n  PROMPT: short"),
        fix="Shorten it, or put it into a file of the artifact.",
    ),
)
