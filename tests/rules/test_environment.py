"""The environment of containers: secrets, hub ids without a network, and members of a variant."""

from __future__ import annotations

import pytest

from mmeplan.rules.examples import fleet_file
from tests.rules.test_examples import findings_of

HUGGING_FACE, API_KEY, ACCESS_KEY = f"hf_{'aB3' * 12}", f"sk-proj-{'x9' * 16}", f"AKIA{'Z7' * 8}"
GITHUB = f"ghp_{'aB3' * 12}"


def found(rule: str, environment: str, model: str = "") -> list[str]:
    """The messages of one rule about a container's environment."""
    text = fleet_file(model=model, container=f"environment: {environment}")
    return [finding.message for finding in findings_of(text) if finding.rule == rule]


@pytest.mark.parametrize(
    ("value", "form"),
    [
        (HUGGING_FACE, "a Hugging Face token"),
        (f"--auth {HUGGING_FACE}", "a Hugging Face token"),
        (API_KEY, "an API key"),
        (ACCESS_KEY, "an AWS access key"),
        (GITHUB, "a GitHub token"),
        (f"github_pat_{'a1' * 20}", "a GitHub token"),
        (f"glpat-{'a1' * 10}", "a GitLab token"),
        ("-----BEGIN RSA PRIVATE KEY-----", "a private key"),
    ],
)
def test_a_token_is_told_by_its_form_and_never_shown(value: str, form: str) -> None:
    messages = found("MDL-17", f"{{SETTING: '{value}'}}")

    assert len(messages) == 1
    assert messages[0].startswith(f"The value of `SETTING` has the form of {form}, in plain text")
    assert value not in messages[0]


@pytest.mark.parametrize(
    "value", ["hf_transfer", "sk-learn", "task-classification-of-long-documents", "AKIAN", "ghp_short", "mask-" * 10]
)
def test_words_that_begin_like_a_token_are_none(value: str) -> None:
    assert found("MDL-17", f"{{SETTING: '{value}'}}") == []


@pytest.mark.parametrize(
    ("key", "value", "of_a_hub"),
    [("HF_TOKEN", "secret", True), ("ANY", HUGGING_FACE, True), ("ACCESS_TOKEN", "secret", False)],
)
def test_a_token_for_gated_weights_is_told_with_what_works_without_one(key: str, value: str, of_a_hub: bool) -> None:
    (message,) = found("MDL-17", f"{{{key}: {value}}}")

    assert ("a bucket of your own" in message) == of_a_hub


ISOLATED = "enable_network_isolation: true"


@pytest.mark.parametrize(
    ("environment", "model", "told"),
    [
        ("{HF_MODEL_ID: mistralai/Mistral-7B}", ISOLATED, True),
        ("{OPTION_MODEL_ID: mistralai/Mistral-7B}", ISOLATED, True),
        ("{SM_VLLM_MODEL: Qwen/Qwen3-8B}", ISOLATED, True),
        ("{SM_SGLANG_MODEL_PATH: Qwen/Qwen3-8B}", ISOLATED, True),
        ("{HF_MODEL_ID: gpt2}", ISOLATED, True),
        ("{MODEL_ID: ranker}", ISOLATED, False),
        ("{HF_MODEL_ID: mistralai/Mistral-7B}", "", False),
        ("{HF_MODEL_ID: /opt/ml/model}", ISOLATED, False),
        ("{HF_MODEL_ID: mistralai/Mistral-7B, HF_HUB_OFFLINE: 1}", ISOLATED, False),
    ],
)
def test_an_isolated_container_that_is_to_fetch_a_model_is_told(environment: str, model: str, told: bool) -> None:
    assert len(found("MDL-50", environment, model)) == told


@pytest.mark.parametrize(
    ("key", "member"),
    [
        ("CONTAINER_STARTUP_HEALTH_CHECK_TIMEOUT", "container_startup_health_check_timeout_in_seconds"),
        ("container_startup_health_check_timeout_in_seconds", "container_startup_health_check_timeout_in_seconds"),
        ("ModelDataDownloadTimeoutInSeconds", "model_data_download_timeout_in_seconds"),
        ("INFERENCE_AMI_VERSION", "inference_ami_version"),
        ("VOLUME_SIZE_IN_GB", "volume_size_in_gb"),
        ("MODEL_NAME", ""),
        ("INSTANCE_TYPE", ""),
        ("SAGEMAKER_MODEL_SERVER_TIMEOUT", ""),
    ],
)
def test_a_member_of_a_variant_in_the_environment_is_told_with_its_name(key: str, member: str) -> None:
    messages = found("MDL-51", f"{{{key}: 900}}")

    assert bool(messages) == bool(member)
    assert all(f"the variant's `{member}`" in message for message in messages)
