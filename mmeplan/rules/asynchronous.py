"""Asynchronous inference and data capture (groups ASY and CAP)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from mmeplan.rules.examples import fleet_file
from mmeplan.rules.facts import Config
from mmeplan.rules.rule import Hit, Rule

_MATRIX: Final = "Developer Guide, model-deploy-feature-matrix"
_ASYNC: Final = "async_inference_config: {output_config: {s3_output_path: s3://acme/out}}"
_GOOD: Final = fleet_file(config=_ASYNC)
_TOPICS: Final = (
    "async_inference_config:\n  output_config:\n    s3_output_path: s3://acme/out\n    notification_config:\n"
    "      error_topic: arn:aws:sns:eu-west-1:123456789012:ranker\n      include_inference_response_in: [%s]"
)
_CAPTURE: Final = (
    "data_capture_config:%s\n  initial_sampling_percentage: 20\n  destination_s3_uri: s3://acme/capture\n"
    "  capture_options: [{capture_mode: Input}, {capture_mode: %s}]"
)
_HEADER: Final = "\n  capture_content_type_header: %s"


class OutputPath(Rule):
    id = "ASY-02"
    title = "Asynchronous inference says where its answers go"
    severity = "warning"
    basis = "doc"
    source = "Developer Guide, async-inference-create-endpoint"
    why = "Without `s3_output_path` answers go to a bucket that SageMaker chooses, which few applications look into."
    fix = "Set `s3_output_path`."
    bad = fleet_file(config="async_inference_config: {output_config: {}}  # here")
    good = _GOOD
    members = ("AsyncInferenceConfig",)

    def config(self, config: Config) -> Iterator[Hit]:
        output = (config.request["AsyncInferenceConfig"] or {}).get("OutputConfig")
        if output is not None and not output.get("S3OutputPath"):
            yield ("AsyncInferenceConfig", "OutputConfig"), "`s3_output_path` is missing"


class ResponsesHaveTopics(Rule):
    id = "ASY-06"
    title = "Inference responses are included in notifications that exist"
    severity = "warning"
    basis = "inf"
    source = "botocore sagemaker/2017-07-24, AsyncInferenceNotificationConfig.IncludeInferenceResponseIn"
    why = "A topic that isn't configured carries no responses."
    fix = "Set the topic, or drop it from `include_inference_response_in`."
    bad = fleet_file(config=_TOPICS % "SUCCESS_NOTIFICATION_TOPIC" + "  # here")
    good = fleet_file(config=_TOPICS % "ERROR_NOTIFICATION_TOPIC")
    members = ("AsyncInferenceConfig",)

    def config(self, config: Config) -> Iterator[Hit]:
        output = (config.request["AsyncInferenceConfig"] or {}).get("OutputConfig") or {}
        topics = output.get("NotificationConfig") or {}
        for named, member, key in (
            ("SUCCESS_NOTIFICATION_TOPIC", "SuccessTopic", "success_topic"),
            ("ERROR_NOTIFICATION_TOPIC", "ErrorTopic", "error_topic"),
        ):
            if named in (topics.get("IncludeInferenceResponseIn") or ()) and not topics.get(member):
                path = ("AsyncInferenceConfig", "OutputConfig", "NotificationConfig", "IncludeInferenceResponseIn")
                yield path, f"`{named}` is named, but there is no `{key}`"


class AsyncCapture(Rule):
    id = "ASY-07"
    title = "An asynchronous endpoint captures no data"
    severity = "error"
    basis = "doc"
    source = _MATRIX
    why = "Asynchronous inference has no data capture; requests and answers lie in S3 already."
    fix = "Drop `data_capture_config`."
    bad = fleet_file(config=f"{_ASYNC}\n{_CAPTURE % ('  # here', 'Output')}")
    good = _GOOD
    members = ("AsyncInferenceConfig",)

    def config(self, config: Config) -> Iterator[Hit]:
        if config.request.get("DataCaptureConfig") is not None:
            yield ("DataCaptureConfig",), "data capture and asynchronous inference in one config"


class OneAsyncVariant(Rule):
    id = "ASY-08"
    title = "An asynchronous endpoint has one production variant"
    severity = "error"
    basis = "doc"
    source = _MATRIX
    why = "Asynchronous inference does not split traffic."
    fix = "Give each variant an endpoint of its own."
    bad = fleet_file(
        config=_ASYNC,
        variants="""
            main: {model: ranker, instance_type: ml.m5.xlarge, initial_instance_count: 2}
            next: {model: ranker, instance_type: ml.m5.xlarge, initial_instance_count: 2}
        """,
    ).replace("production_variants:", "production_variants:  # here")
    good = _GOOD
    members = ("AsyncInferenceConfig",)

    def config(self, config: Config) -> Iterator[Hit]:
        if len(config.production) > 1:
            yield ("ProductionVariants",), f"{len(config.production)} production variants in an asynchronous config"


class AsyncInf1(Rule):
    id = "ASY-10"
    title = "Asynchronous inference does not run on inf1"
    severity = "error"
    basis = "doc"
    source = _MATRIX
    why = "Asynchronous inference is not supported on the first Inferentia generation."
    fix = "Choose another instance type."
    bad = fleet_file(config=_ASYNC, variant="instance_type: ml.inf1.xlarge  # here")
    good = _GOOD
    members = ("AsyncInferenceConfig",)

    def config(self, config: Config) -> Iterator[Hit]:
        for variant in config.variants:
            for path, kind in variant.of_family("inf1"):
                yield path, f"`{kind}` in an asynchronous config"


class CaptureModesOnce(Rule):
    id = "CAP-05"
    title = "Capture modes don't overlap"
    severity = "warning"
    basis = "inf"
    source = "botocore sagemaker/2017-07-24, shape CaptureMode"
    why = "`InputAndOutput` holds both, and a mode that stands there twice says nothing more."
    fix = "Write each mode once, or `InputAndOutput` alone."
    bad = fleet_file(config=(_CAPTURE % ("", "InputAndOutput")) + "  # here")
    good = fleet_file(config=_CAPTURE % ("", "Output"))
    members = ("DataCaptureConfig",)

    def config(self, config: Config) -> Iterator[Hit]:
        options = (config.request["DataCaptureConfig"] or {}).get("CaptureOptions") or ()
        counts = Counter(option.get("CaptureMode") for option in options)
        path = ("DataCaptureConfig", "CaptureOptions")
        for mode, count in counts.items():
            if mode is not None and count > 1:
                yield path, f"`{mode}` stands there {count} times"
        if "InputAndOutput" in counts and ("Input" in counts or "Output" in counts):
            yield path, "InputAndOutput holds Input and Output already"


class ContentTypeOnce(Rule):
    id = "CAP-07"
    title = "A capture content type is CSV or JSON, not both"
    severity = "warning"
    basis = "inf"
    source = "botocore sagemaker/2017-07-24, shape CaptureContentTypeHeader"
    why = "Which of the two ways a body of that type is then stored is not documented."
    fix = "Keep it in one of the two lists."
    bad = fleet_file(
        config=_CAPTURE % ("", "Output")
        + _HEADER % "{csv_content_types: [text/csv], json_content_types: [text/csv]}  # here"
    )
    good = fleet_file(
        config=_CAPTURE % ("", "Output")
        + _HEADER % "{csv_content_types: [text/csv], json_content_types: [application/json]}"
    )
    members = ("DataCaptureConfig",)

    def config(self, config: Config) -> Iterator[Hit]:
        header = (config.request["DataCaptureConfig"] or {}).get("CaptureContentTypeHeader") or {}
        both = set(header.get("CsvContentTypes") or ()) & set(header.get("JsonContentTypes") or ())
        for kind in sorted(both):
            yield ("DataCaptureConfig", "CaptureContentTypeHeader"), f"`{kind}` is in the CSV and in the JSON list"


class SomeContentTypes(Rule):
    id = "CAP-11"
    title = "A capture content type header names content types"
    severity = "error"
    basis = "obs"
    source = (
        "botocore sagemaker/2017-07-24, shapes CsvContentTypes, JsonContentTypes: at least one item; "
        "terraform-provider-aws tests"
    )
    why = "The service refuses a header without any content type."
    fix = "Name the types in `csv_content_types` or `json_content_types`, or drop the header."
    bad = fleet_file(config=_CAPTURE % ("", "Output") + _HEADER % "{}  # here")
    good = fleet_file(config=_CAPTURE % ("", "Output") + _HEADER % "{csv_content_types: [text/csv]}")
    members = ("DataCaptureConfig",)

    def config(self, config: Config) -> Iterator[Hit]:
        header = (config.request["DataCaptureConfig"] or {}).get("CaptureContentTypeHeader")
        if header is not None and all(kinds is None for kinds in header.values()):
            yield ("DataCaptureConfig", "CaptureContentTypeHeader"), "the header names no content type"


class AsyncMarketplace(Rule):
    id = "ASY-09"
    title = "An asynchronous endpoint hosts no Marketplace package"
    severity = "error"
    basis = "doc"
    source = _MATRIX
    why = "Asynchronous inference does not support model packages of AWS Marketplace."
    fix = "Host the package for real-time inference, or drop `async_inference_config`."
    bad = fleet_file(
        model="enable_network_isolation: true",
        container="model_package_name: arn:aws:sagemaker:eu-west-1:985815980388:model-package/ranker-0f1e2d3c",
        config=f"{_ASYNC}  # here",
        without=("image", "model_data_url"),
    )
    good = _GOOD
    members = ("AsyncInferenceConfig",)

    def config(self, config: Config) -> Iterator[Hit]:
        for variant in config.variants:
            for model in variant.models:
                if model.marketplace:
                    message = f"the variant {variant.name!r} hosts the Marketplace package of {model.resource.address}"
                    yield ("AsyncInferenceConfig",), message


class TopicInRegion(Rule):
    id = "ASY-12"
    title = "Notification topics lie in the fleet's region"
    severity = "warning"
    basis = "inf"
    source = "botocore sagemaker/2017-07-24, shape SnsTopicArn: the ARN names the topic's region"
    why = "Endpoints notify topics of their own region; whether they reach others is not documented."
    fix = "Name a topic of this region; `{{ region }}` in the ARN keeps one file good for several."
    bad = fleet_file(
        config=(_TOPICS % "ERROR_NOTIFICATION_TOPIC").replace(
            "eu-west-1:123456789012:ranker", "us-east-1:123456789012:ranker  # here"
        )
    )
    good = fleet_file(config=_TOPICS % "ERROR_NOTIFICATION_TOPIC")
    members = ("AsyncInferenceConfig",)

    def config(self, config: Config) -> Iterator[Hit]:
        output = (config.request["AsyncInferenceConfig"] or {}).get("OutputConfig") or {}
        for member, arn in (output.get("NotificationConfig") or {}).items():
            parts = arn.split(":") if isinstance(arn, str) else []
            if len(parts) == 6 and parts[2] == "sns" and config.scope.region and parts[3] != config.scope.region:
                path = ("AsyncInferenceConfig", "OutputConfig", "NotificationConfig", member)
                yield path, f"the topic is in {parts[3]}, the fleet in {config.scope.region}"


RULES: Final = (
    OutputPath(),
    ResponsesHaveTopics(),
    AsyncCapture(),
    OneAsyncVariant(),
    AsyncInf1(),
    CaptureModesOnce(),
    ContentTypeOnce(),
    SomeContentTypes(),
    AsyncMarketplace(),
    TopicInRegion(),
)
