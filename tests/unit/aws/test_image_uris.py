"""Images by name: the same addresses as the SageMaker Python SDK gives, and a sentence for each name without one."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

from mmeplan import graph, spec
from mmeplan.aws import image_uris
from mmeplan.errors import InputError

ANSWERS: dict[str, str] = json.loads((Path(__file__).parents[2] / "images" / "answers.json").read_text())
"""Framework, version, processor, Python, base → a digest of what the SDK answered for every region."""


def name_of(answer: str) -> tuple[dict[str, str], str]:
    """The image by name of an answer, and its processor."""
    framework, version, processor, *rest = answer.split()
    member = "algorithm" if framework in image_uris.algorithms() else "framework"
    name = {member: framework, "version": version}
    for text in rest:
        name["base_framework_version" if text.startswith(("pytorch", "tensorflow")) else "py_version"] = text
    return name, processor


def resolved(name: dict[str, str], processor: str) -> str:
    """A digest of the addresses in all regions."""
    framework = name.get("framework") or name["algorithm"]
    regions = sorted({region for image in image_uris.images(framework) for region in image.accounts})
    lines = []
    for region in regions:
        with contextlib.suppress(image_uris.ImageError):
            lines.append(f"{region} {image_uris.resolve(name, region, frozenset({processor}))}")
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def test_every_name_has_the_addresses_that_the_sdk_answered() -> None:
    """Answers that were released stay: another address for a name would roll the fleets that have it."""
    assert len(ANSWERS) > 700
    wrong = [answer for answer, digest in ANSWERS.items() if resolved(*name_of(answer)) != digest]
    assert wrong == []


def test_nothing_is_in_the_table_that_the_sdk_did_not_answer() -> None:
    answered = {(*answer.split()[:2],) for answer in ANSWERS}
    known = (*image_uris.frameworks(), *image_uris.algorithms())
    assert {(image.framework, image.version) for name in known for image in image_uris.images(name)} == answered


@pytest.mark.sdk
@pytest.mark.skipif(importlib.util.find_spec("sagemaker") is None, reason="the SageMaker Python SDK isn't installed")
def test_the_installed_sdk_still_gives_the_answers_of_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "images"))
    import make

    _, digests = make.table(make.installed_sdk())
    assert {name: digests.get(name) for name in ANSWERS} == ANSWERS


LITERAL = {
    "pytorch on a GPU": (
        {"framework": "pytorch", "version": "2.6.0"},
        "eu-west-1",
        "ml.g5.xlarge",
        "763104351884.dkr.ecr.eu-west-1.amazonaws.com/pytorch-inference:2.6.0-gpu-py312",
    ),
    "pytorch on Graviton": (
        {"framework": "pytorch", "version": "2.6.0"},
        "us-east-1",
        "ml.c7g.xlarge",
        "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-inference-arm64:2.6.0-cpu-py312-ubuntu22.04-sagemaker",
    ),
    "xgboost": (
        {"framework": "xgboost", "version": "1.7-1"},
        "us-west-2",
        "ml.m5.xlarge",
        "246618743249.dkr.ecr.us-west-2.amazonaws.com/sagemaker-xgboost:1.7-1",
    ),
    "knn in China": (
        {"algorithm": "knn"},
        "cn-north-1",
        "ml.m5.xlarge",
        "390948362332.dkr.ecr.cn-north-1.amazonaws.com.cn/knn:1",
    ),
    "triton": (
        {"framework": "sagemaker-tritonserver", "version": "25.09"},
        "us-east-1",
        "ml.g5.xlarge",
        "763104351884.dkr.ecr.us-east-1.amazonaws.com/sagemaker-tritonserver:25.09-py3",
    ),
}


@pytest.mark.parametrize(("name", "region", "kind", "address"), LITERAL.values(), ids=LITERAL)
def test_an_address_is_what_it_was(name: dict[str, str], region: str, kind: str, address: str) -> None:
    assert image_uris.resolve(name, region, frozenset({image_uris.processor_of(kind)})) == address


@pytest.mark.parametrize(
    ("kind", "processor"),
    [
        ("ml.m5.xlarge", "cpu"),
        ("ml.g5.xlarge", "gpu"),
        ("ml.p4d.24xlarge", "gpu"),
        ("ml.c7g.large", "graviton"),
        ("ml.inf1.xlarge", "inf1"),
        ("ml.inf2.xlarge", "neuronx"),
        ("ml.trn1.2xlarge", "neuronx"),
        ("m5.xlarge", ""),
    ],
)
def test_an_instance_type_has_a_processor(kind: str, processor: str) -> None:
    assert image_uris.processor_of(kind) == processor


@pytest.mark.parametrize("address", [case[3] for case in LITERAL.values()])
def test_what_is_at_an_address_can_be_said(address: str) -> None:
    assert image_uris.name_at(address)
    assert image_uris.name_at(address.replace("dkr", "dkr-x")) == ""
    assert image_uris.name_at("ranker:1") == ""


# --- in a fleet file --------------------------------------------------------------------------------------------------


def fleet(image: Any, *kinds: str, region: str | None = "eu-west-1") -> bytes:
    """A fleet file with one model of this image, and a variant for each instance type."""
    variants = {
        f"v{number}": {"model": "ranker", "instance_type": kind, "initial_instance_count": 2}
        for number, kind in enumerate(kinds)
    }
    container = {"image": image, "model_data_url": "s3://acme/ranker.tar.gz"}
    return json.dumps(
        {
            "version": 1,
            "fleet": "shop",
            "region": region,
            "models": {"ranker": {"primary_container": container}},
            "endpoints": {"ranker": {"config": {"production_variants": variants}}} if kinds else {},
        }
    ).encode()


def image_of(text: bytes) -> str:
    return str(graph.compile(spec.load_text(text)).resources["model/ranker"].request["PrimaryContainer"]["Image"])


def test_the_digest_is_taken_over_the_address_as_if_it_had_been_written() -> None:
    by_name = fleet({"framework": "pytorch", "version": "2.6.0"}, "ml.g5.xlarge")
    written = fleet(LITERAL["pytorch on a GPU"][3], "ml.g5.xlarge")
    first, second = (graph.compile(spec.load_text(text)).resources["model/ranker"] for text in (by_name, written))
    assert (first.digest, first.physical_name, first.request) == (second.digest, second.physical_name, second.request)


def test_a_pipeline_has_each_of_its_images_by_name() -> None:
    text = json.loads(fleet("x", "ml.m5.xlarge"))
    text["models"]["ranker"] = {
        "containers": [
            {"image": {"framework": "sklearn", "version": "1.2-1"}},
            {"image": {"framework": "xgboost", "version": "1.7-1"}},
        ]
    }
    compiled = graph.compile(spec.load_text(json.dumps(text).encode()))
    images = [
        container["Image"].partition("/")[2] for container in compiled.resources["model/ranker"].request["Containers"]
    ]
    assert images == ["sagemaker-scikit-learn:1.2-1-cpu-py3", "sagemaker-xgboost:1.7-1"]


@pytest.mark.parametrize("kinds", [("ml.m5.xlarge",), ("ml.g5.xlarge",), ()])
def test_a_processor_that_is_written_needs_no_variant_and_wins(kinds: tuple[str, ...]) -> None:
    image = {"framework": "pytorch", "version": "2.6.0", "processor": "cpu"}
    assert image_of(fleet(image, *kinds)).endswith("2.6.0-cpu-py312")


def test_serverless_variants_and_pools_say_what_an_image_runs_on() -> None:
    text = json.loads(fleet({"framework": "pytorch", "version": "2.6.0"}, "ml.g5.xlarge"))
    variant = text["endpoints"]["ranker"]["config"]["production_variants"]["v0"]
    del variant["instance_type"], variant["initial_instance_count"]
    variant["serverless_config"] = {"memory_size_in_mb": 2048, "max_concurrency": 5}
    assert image_of(json.dumps(text).encode()).endswith("cpu-py312")
    del variant["serverless_config"]
    variant["instance_pools"] = [{"instance_type": "ml.g5.xlarge", "priority": 1}]
    assert image_of(json.dumps(text).encode()).endswith("gpu-py312")


ON_CPU = ("ml.m5.large",)
PYTORCH = {"framework": "pytorch", "version": "2.6.0"}
WRONG: dict[str, tuple[Any, tuple[str, ...], str, str]] = {
    "an alias": ({**PYTORCH, "version": "2.6"}, ON_CPU, "'2.6' is an alias", 'write version: "2.6.0"'),
    "no version": ({"framework": "pytorch"}, ON_CPU, "several versions", "2.5.1, 2.6.0; mmeplan images"),
    "a version that is near": (
        {"framework": "xgboost", "version": "1.7"},
        ON_CPU,
        "xgboost has no version '1.7'",
        "did you mean 1.7-1?",
    ),
    "a version that is far": (
        {**PYTORCH, "version": "x"},
        ON_CPU,
        "has no version",
        "mmeplan images pytorch",
    ),
    "misspelled": (
        {**PYTORCH, "framework": "pytoch"},
        ON_CPU,
        "no framework 'pytoch'",
        "did you mean pytorch",
    ),
    "unknown": ({**PYTORCH, "framework": "acme"}, ON_CPU, "no framework 'acme'", "mmeplan images lists them"),
    "an algorithm": ({"framework": "knn"}, ON_CPU, "'knn' is no framework", "write algorithm: knn"),
    "a framework": ({"algorithm": "pytorch"}, ON_CPU, "is no algorithm", "write framework: pytorch"),
    "nothing": ({}, ON_CPU, "either `framework` or `algorithm`", "write one of them"),
    "both": ({**PYTORCH, "algorithm": "knn"}, ON_CPU, "either `framework` or `algorithm`", "write one"),
    "two processors": (PYTORCH, ("ml.m5.large", "ml.g5.xlarge"), "run on cpu and gpu", "write a model for each"),
    "no processor": (PYTORCH, (), "no variant of the file says what it runs on", "write processor: one of cpu, gpu"),
    "another processor": (
        PYTORCH,
        ("ml.inf2.xlarge",),
        "no image for neuronx",
        "there are those for cpu, gpu, graviton",
    ),
    "arm": ({"algorithm": "knn"}, ("ml.c7g.large",), "no image for graviton", "those for all but graviton"),
    "a processor without": (
        {**PYTORCH, "processor": "inf1"},
        ON_CPU,
        "no image for inf1",
        "there are those for cpu",
    ),
    "another Python": (
        {**PYTORCH, "py_version": "py310"},
        ON_CPU,
        "no py_version",
        "write py_version: py312",
    ),
    "Python for what has none": (
        {"algorithm": "knn", "py_version": "py3"},
        ON_CPU,
        "has no `py_version`",
        "drop `py_version`",
    ),
    "no base": (
        {"framework": "huggingface", "version": "4.6.1", "py_version": "py36"},
        ON_CPU,
        "has several values of `base_framework_version`",
        "write base_framework_version: pytorch1.7.1, pytorch1.8.1, tensorflow2.4.1",
    ),
}


@pytest.mark.parametrize(("image", "kinds", "message", "hint"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_with_a_name_is_said_at_its_place(
    image: Any, kinds: tuple[str, ...], message: str, hint: str
) -> None:
    with pytest.raises(InputError) as caught:
        graph.compile(spec.load_text(fleet(image, *kinds)))
    (problem,) = caught.value.problems
    assert message in problem.message
    assert hint in problem.hint
    assert problem.path.startswith("models.ranker.primary_container.image")
    assert problem.line


def test_an_address_needs_a_region_and_a_registry_there() -> None:
    for region, message, hint in (
        (None, "the region isn't known", "write `region:`, or pass --region"),
        ("mx-central-1", "knn 1 has no registry in mx-central-1", "mmeplan images knn --format json"),
    ):
        with pytest.raises(InputError) as caught:
            graph.compile(spec.load_text(fleet({"algorithm": "knn"}, "ml.m5.large", region=region)))
        (problem,) = caught.value.problems
        assert message in problem.message
        assert hint in problem.hint


def test_a_number_for_an_image_is_asked_for_as_a_text() -> None:
    with pytest.raises(InputError, match="expected a string, got the integer 5"):
        spec.load_text(fleet(5, "ml.m5.large"))
