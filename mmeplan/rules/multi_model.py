"""Multi-model containers: the model itself (group MME, first half; its hosting is in multi_model_hosting.py)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from mmeplan.rules.artifacts import prefix_is_usable
from mmeplan.rules.examples import fleet_file
from mmeplan.rules.facts import Container, FleetFacts, Model
from mmeplan.rules.rule import FleetHit, Hit, Rule

_GUIDE: Final = "Developer Guide, create-multi-model-endpoint"
_MATRIX: Final = "Developer Guide, model-deploy-feature-matrix"


class PrefixNotArchive(Rule):
    id = "MME-01"
    title = "A multi-model container's artifacts lie under an S3 prefix"
    severity = "error"
    basis = "doc"
    source = f"{_GUIDE}: ModelDataUrl is the prefix in Amazon S3 where the models are located"
    why = (
        "The container loads `TargetModel` from beneath the prefix; an archive is one model, and has "
        "nothing beneath it."
    )
    fix = "Set `model_data_url: s3://BUCKET/PREFIX/`, or drop `mode: MultiModel`."
    bad = fleet_file(multi_model=True, container="model_data_url: s3://acme-models/ranker.tar.gz  # here")
    good = fleet_file(multi_model=True)
    members = ("Mode",)

    def container(self, container: Container) -> Iterator[Hit]:
        if not container.multi_model:
            return
        url = container.spec.get("ModelDataUrl")
        if url is None:
            if "ModelDataSource" not in container.spec:  # MME-07 says what is wrong with that
                yield container.path, "a MultiModel container needs `model_data_url`, the prefix of its artifacts"
        elif not prefix_is_usable(url):
            what = "an archive" if url.endswith(".tar.gz") else "not an s3:// address"
            yield (*container.path, "ModelDataUrl"), f"`{url}` is {what}; a MultiModel container needs an S3 prefix"


class PrefixSlash(Rule):
    id = "MME-02"
    title = "A multi-model prefix ends with a slash"
    severity = "warning"
    basis = "obs"
    source = f"{_GUIDE}; Amazon S3 User Guide, organizing objects using prefixes"
    why = "S3 compares prefixes letter by letter: `…/models` also matches `…/models-old/`."
    fix = "End `model_data_url` with `/`."
    bad = fleet_file(multi_model=True, container="model_data_url: s3://acme-models/ranker  # here")
    good = fleet_file(multi_model=True)
    members = ("Mode",)

    def container(self, container: Container) -> Iterator[Hit]:
        url = container.spec.get("ModelDataUrl")
        if container.multi_model and isinstance(url, str) and prefix_is_usable(url) and not url.endswith("/"):
            yield (*container.path, "ModelDataUrl"), f"`{url}` matches its siblings too: it doesn't end with `/`"


_PIPELINE: Final = """
    - image: 123456789012.dkr.ecr.eu-west-1.amazonaws.com/prepare:1
      mode: %s
    - image: 123456789012.dkr.ecr.eu-west-1.amazonaws.com/predict:1
      mode: MultiModel%s
      model_data_url: s3://acme-models/predict/
"""


class OneMultiModelContainer(Rule):
    id = "MME-04"
    title = "A model has at most one multi-model container"
    severity = "error"
    basis = "obs"
    source = (
        f'{_GUIDE}; CreateModel answers "More than one container in MultiModel mode is not supported with inference '
        'pipeline."'
    )
    why = "`TargetModel` of a request names one artifact, for one container."
    fix = "Make the others SingleModel."
    bad = fleet_file(
        containers=(_PIPELINE % ("MultiModel\n      model_data_url: s3://acme-models/prepare/", "  # here"))
    )
    good = fleet_file(containers=_PIPELINE % ("SingleModel", ""))

    def model(self, model: Model) -> Iterator[Hit]:
        if not model.multi_model or len(model.containers) < 2:
            return
        for container in [container for container in model.containers if container.multi_model][1:]:
            yield (*container.path, "Mode"), "a second MultiModel container in one model"


class CacheWithoutMultiModel(Rule):
    id = "MME-05"
    title = "`multi_model_config` belongs to a multi-model container"
    severity = "error"
    basis = "inf"
    source = "botocore sagemaker/2017-07-24, ContainerDefinition.MultiModelConfig"
    why = "A container that serves one model has no cache of models."
    fix = "Set `mode: MultiModel`, or drop `multi_model_config`."
    bad = fleet_file(container="multi_model_config: {model_cache_setting: Disabled}  # here")
    good = fleet_file(multi_model=True, container="multi_model_config: {model_cache_setting: Disabled}")
    members = ("MultiModelConfig",)

    def container(self, container: Container) -> Iterator[Hit]:
        if container.spec.get("Mode", "SingleModel") == "SingleModel":
            yield (*container.path, "MultiModelConfig"), "`multi_model_config` on a container that is not MultiModel"


class DataSourceWithMultiModel(Rule):
    id = "MME-07"
    title = "A multi-model container has no data sources"
    severity = "error"
    basis = "doc"
    source = "botocore sagemaker/2017-07-24, ContainerDefinition.ModelDataSource: not with multi-model endpoints"
    why = "Its artifacts are found by `TargetModel` beneath `model_data_url`, packed; data sources don't apply."
    fix = "Use `model_data_url` with the prefix."
    bad = fleet_file(
        multi_model=True,
        container="model_data_source:  # here\n  s3_data_source: {s3_uri: s3://acme-models/ranker/, "
        "s3_data_type: S3Prefix, compression_type: None}",
        without=("model_data_url",),
    )
    good = fleet_file(multi_model=True)
    members = ("ModelDataSource", "AdditionalModelDataSources")

    def container(self, container: Container) -> Iterator[Hit]:
        if container.multi_model:
            for member in ("ModelDataSource", "AdditionalModelDataSources"):
                if member in container.spec:
                    yield (*container.path, member), "a MultiModel container takes `model_data_url` only"


class PackageWithMultiModel(Rule):
    id = "MME-17"
    title = "A multi-model container has no model package"
    severity = "error"
    basis = "doc"
    source = f"{_MATRIX}: Marketplace model packages"
    why = "A package brings one model; it can't be hosted in MultiModel mode."
    fix = "Name an `image`, or drop `mode: MultiModel`."
    bad = fleet_file(multi_model=True, container="model_package_name: ranker  # here", without=("image",))
    good = fleet_file(multi_model=True)
    members = ("ModelPackageName",)

    def container(self, container: Container) -> Iterator[Hit]:
        if container.multi_model:
            yield (*container.path, "ModelPackageName"), "a model package can't run in MultiModel mode"


_TWO_MODELS: Final = """
    ranker:
      execution_role_arn: arn:aws:iam::123456789012:role/sagemaker
      primary_container:
        image: 123456789012.dkr.ecr.eu-west-1.amazonaws.com/ranker:1.4
        mode: MultiModel
        model_data_url: s3://acme-models/ranker/
    searcher:
      execution_role_arn: arn:aws:iam::123456789012:role/sagemaker
      primary_container:
        image: 123456789012.dkr.ecr.eu-west-1.amazonaws.com/ranker:1.4
        mode: MultiModel
        model_data_url: s3://acme-models/%s
"""
_BOTH: Final = """
    main: {model: ranker, instance_type: ml.m5.xlarge, initial_instance_count: 2}
    next: {model: searcher, instance_type: ml.m5.xlarge, initial_instance_count: 2}
"""


class NestedPrefixes(Rule):
    id = "MME-23"
    title = "Multi-model prefixes don't contain one another"
    severity = "warning"
    basis = "doc"
    source = "Developer Guide, multi-model-endpoint-security"
    why = "Whoever may invoke an endpoint may invoke every artifact beneath its prefix, the other model's among them."
    fix = "Give each model a prefix of its own, side by side."
    bad = fleet_file(models=_TWO_MODELS % "ranker/searcher/  # here", variants=_BOTH)
    good = fleet_file(models=_TWO_MODELS % "searcher/", variants=_BOTH)

    def fleet(self, facts: FleetFacts) -> Iterator[FleetHit]:
        found: list[tuple[str, str, Container]] = []
        for address, model in facts.models.items():
            for container in model.containers if model.multi_model else ():
                url = container.spec.get("ModelDataUrl")
                if container.multi_model and isinstance(url, str) and prefix_is_usable(url):
                    found.append((url.rstrip("/") + "/", address, container))
        outer: list[tuple[str, str]] = []  # prefixes that hold the current one, in sorted order the outermost first
        for prefix, address, container in sorted(found, key=lambda item: item[:2]):
            while outer and not prefix.startswith(outer[-1][0]):
                outer.pop()
            if outer:
                how = "is the prefix of" if outer[-1][0] == prefix else f"lies beneath {outer[-1][0]}, the prefix of"
                path = (*container.path, "ModelDataUrl")
                yield container.owner.resource, path, f"`{prefix}` {how} {outer[-1][1]}"
            outer.append((prefix, address))


RULES: Final = (
    PrefixNotArchive(),
    PrefixSlash(),
    OneMultiModelContainer(),
    CacheWithoutMultiModel(),
    DataSourceWithMultiModel(),
    PackageWithMultiModel(),
    NestedPrefixes(),
)
