"""Asynchronous inference (ASY)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from mmeplan.aws.s3 import s3_place
from mmeplan.kinds.resource import ApiPath
from mmeplan.live.ports import Answer
from mmeplan.rules.examples import fleet_file
from mmeplan.rules.facts import Config, FleetFacts, lies_elsewhere
from mmeplan.rules.online import OnlineRule, Question
from mmeplan.rules.policies import BY_IAM, MUTE, MUTE_MAY, Wish, refused, roles_of, simulations
from mmeplan.rules.rule import Constraints, Hit, Rule, ShapeRule

_MATRIX: Final = "Developer Guide, model-deploy-feature-matrix"
_ASYNC: Final = "async_inference_config: {output_config: {s3_output_path: s3://acme/out}}"
_GOOD: Final = fleet_file(config=_ASYNC)
_TOPICS: Final = (
    "async_inference_config:\n  output_config:\n    s3_output_path: s3://acme/out\n    notification_config:\n"
    "      error_topic: arn:aws:sns:eu-west-1:123456789012:ranker\n      include_inference_response_in: [%s]"
)
_ASYNC_OUTPUT: Final = "s3_output_path: s3://acme/out"
_TOPIC: Final = "arn:aws:sns:eu-west-1:123456789012:ranker"


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
        output = config.async_output
        topics = output.get("NotificationConfig") or {}
        for named, member, key in (
            ("SUCCESS_NOTIFICATION_TOPIC", "SuccessTopic", "success_topic"),
            ("ERROR_NOTIFICATION_TOPIC", "ErrorTopic", "error_topic"),
        ):
            if named in (topics.get("IncludeInferenceResponseIn") or ()) and not topics.get(member):
                path = ("AsyncInferenceConfig", "OutputConfig", "NotificationConfig", "IncludeInferenceResponseIn")
                yield path, f"`{named}` is named, but there is no `{key}`"


_CAPTURE: Final = (
    "data_capture_config:%s\n  initial_sampling_percentage: 20\n  destination_s3_uri: s3://acme/capture\n"
    "  capture_options: [{capture_mode: Input}, {capture_mode: %s}]"
)


class AsyncCapture(Rule):
    id = "ASY-07"
    title = "An asynchronous endpoint captures no data"
    severity = "error"
    basis = "inf"
    source = f"{_MATRIX}: the cell is blank"
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
    basis = "inf"
    source = f"{_MATRIX}: the cell is blank"
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


class AsyncMarketplace(Rule):
    id = "ASY-09"
    title = "An asynchronous endpoint hosts no Marketplace package"
    severity = "error"
    basis = "inf"
    source = f"{_MATRIX}: the cell is blank"
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


class AsyncInf1(Rule):
    id = "ASY-10"
    title = "Asynchronous inference does not run on inf1"
    severity = "error"
    basis = "inf"
    source = f"{_MATRIX}: the cell is blank"
    why = "Asynchronous inference is not supported on the first Inferentia generation."
    fix = "Choose another instance type."
    bad = fleet_file(config=_ASYNC, variant="instance_type: ml.inf1.xlarge  # here")
    good = _GOOD
    members = ("AsyncInferenceConfig",)

    def config(self, config: Config) -> Iterator[Hit]:
        for variant in config.variants:
            for path, kind in variant.of_family("inf1"):
                yield path, f"`{kind}` in an asynchronous config"


_PREREQUISITES: Final = "Developer Guide, async-inference-create-endpoint-prerequisites"


def _targets(config: Config) -> Iterator[tuple[Config, ApiPath, str, str]]:
    """(config, path, action, bucket and key or topic) for everything that asynchronous inference writes to."""
    output = config.async_output
    at: ApiPath = ("AsyncInferenceConfig", "OutputConfig")
    for member in ("S3OutputPath", "S3FailurePath"):
        bucket, key = s3_place(output.get(member))
        if bucket:
            yield (
                config,
                (*at, member),
                "s3:PutObject",
                "/".join(part for part in (bucket, key.strip("/"), "x.out") if part),
            )
    for member in ("SuccessTopic", "ErrorTopic"):
        topic = (output.get("NotificationConfig") or {}).get(member)
        if topic:
            yield config, (*at, "NotificationConfig", member), "sns:Publish", topic


class RoleWritesAndNotifies(OnlineRule):
    id = "ASY-11"
    title = "The role may write asynchronous answers, and notify"
    severity = "warning"
    basis = "doc"
    source = _PREREQUISITES
    why = (
        "Answers and failures are written by the endpoint's role, and topics are told by it: SageMaker sends a test "
        f"notification when the endpoint is made. {BY_IAM}"
    )
    fix = "Grant the role s3:PutObject on the output path and sns:Publish on the topics; create topics first."
    reads = ("SimulatePrincipalPolicy", "GetTopicAttributes")
    absent = ("NoSuchEntity", "NotFound", "NotFoundException")
    given = MUTE_MAY
    bad = fleet_file(
        model=MUTE, config="async_inference_config: {output_config: {s3_output_path: s3://acme/out}}  # here"
    )
    good = fleet_file(
        config="async_inference_config: {output_config: {s3_output_path: s3://acme/out, "
        f"notification_config: {{error_topic: '{_TOPIC}'}}}}}}"
    )

    def questions(self, facts: FleetFacts) -> Iterator[Question]:
        wanted = [target for config in facts.configs.values() for target in _targets(config)]
        wishes = []
        for config, path, action, name in wanted:
            if action == "sns:Publish":
                yield Question(config.resource, path, name, "GetTopicAttributes", {"TopicArn": name})
            for role in roles_of(config):
                arn = f"arn:{role.partition}:s3:::{name}" if action == "s3:PutObject" else name
                wishes.append(Wish(config.resource, path, role, (action,), arn))
        yield from simulations(wishes)

    def found(self, question: Question, answer: Answer) -> Iterator[str]:
        if question.operation == "SimulatePrincipalPolicy":
            yield from refused(question, answer)
        elif not answer:
            yield f"there is no topic {question.value!r}"


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
        output = config.async_output
        for member, arn in (output.get("NotificationConfig") or {}).items():
            parts = arn.split(":") if isinstance(arn, str) else []
            if len(parts) == 6 and parts[2] == "sns" and config.scope.region and parts[3] != config.scope.region:
                path = ("AsyncInferenceConfig", "OutputConfig", "NotificationConfig", member)
                yield path, lies_elsewhere("topic", parts[3], config.scope.region)


def _async(inside: str) -> str:
    return fleet_file(config=f"async_inference_config: {inside}")


_GOOD_ASYNC: Final = _async(f"{{output_config: {{{_ASYNC_OUTPUT}}}}}")

SHAPES: Final = (
    ShapeRule(
        "ASY-01",
        "Asynchronous inference has an output config",
        "AsyncInferenceConfig",
        constraints=Constraints(shapes=("AsyncInferenceOutputConfig",)),
        bad=_async("{client_config: {max_concurrent_invocations_per_instance: 4}}  # here"),
        good=_GOOD_ASYNC,
    ),
    ShapeRule(
        "ASY-03",
        "Concurrent invocations per instance are a number that SageMaker takes",
        "MaxConcurrentInvocationsPerInstance",
        bad=_async(
            f"{{output_config: {{{_ASYNC_OUTPUT}}}, client_config: {{max_concurrent_invocations_per_instance: "
            f"5000}}}}  # here"
        ),
        good=_async(
            f"{{output_config: {{{_ASYNC_OUTPUT}}}, client_config: {{max_concurrent_invocations_per_instance: 4}}}}"
        ),
    ),
    ShapeRule(
        "ASY-04",
        "A notification topic is the ARN of an SNS topic",
        "SnsTopicArn",
        bad=_async(f"{{output_config: {{{_ASYNC_OUTPUT}, notification_config: {{error_topic: ranker}}}}}}  # here"),
        good=_async(f"{{output_config: {{{_ASYNC_OUTPUT}, notification_config: {{error_topic: '{_TOPIC}'}}}}}}"),
    ),
    ShapeRule(
        "ASY-05",
        "Inference responses go into notifications that SageMaker knows",
        "AsyncNotificationTopicTypes",
        constraints=Constraints(shapes=("AsyncNotificationTopicTypeList", "AsyncNotificationTopicTypes")),
        bad=_async(
            f"{{output_config: {{{_ASYNC_OUTPUT}, notification_config: {{error_topic: '{_TOPIC}', "
            "include_inference_response_in: [ERROR]}}}  # here"
        ),
        good=_async(
            f"{{output_config: {{{_ASYNC_OUTPUT}, notification_config: {{error_topic: '{_TOPIC}', "
            "include_inference_response_in: [ERROR_NOTIFICATION_TOPIC]}}}"
        ),
    ),
)
