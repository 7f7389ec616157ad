"""The rules whose whole question is a request shape: configs, variants, endpoints and deployments.

As shape_rules.py, whose `ShapeRule` they are: metadata only, `rules.walking` asks for them.
"""

from __future__ import annotations

from typing import Final

from mmeplan.rules.examples import ALARMS, ALL_AT_ONCE, blue_green, fleet_file, rolling
from mmeplan.rules.rule import ShapeRule

_CAPTURED: Final = (
    "{initial_sampling_percentage: 20, destination_s3_uri: s3://acme/capture, capture_options: [{capture_mode: Input}]}"
)


def _capture(bad: str) -> str:
    return fleet_file(config=f"data_capture_config: {bad}  # here")


_GOOD_CAPTURE: Final = fleet_file(config=f"data_capture_config: {_CAPTURED}")
_GOOD_BLUE_GREEN: Final = blue_green(ALL_AT_ONCE, rest="termination_wait_in_seconds: 120")
_ASYNC_OUTPUT: Final = "s3_output_path: s3://acme/out"
_TOPIC: Final = "arn:aws:sns:eu-west-1:123456789012:ranker"


def _async(inside: str) -> str:
    return fleet_file(config=f"async_inference_config: {inside}")


_GOOD_ASYNC: Final = _async(f"{{output_config: {{{_ASYNC_OUTPUT}}}}}")

RULES: Final = (
    ShapeRule(
        "CFG-01",
        "A config has production variants, and no more than SageMaker takes",
        "ProductionVariantList",
        bad=fleet_file(models="{}", without=("production_variants",), config="metrics_config: {}").replace(
            "    config:", "    config:  # here"
        ),
        good=fleet_file(),
    ),
    ShapeRule(
        "CFG-06",
        "An instance type is one that SageMaker hosts on",
        "ProductionVariantInstanceType",
        bad=fleet_file(variant="instance_type: m5.xlarge  # here"),
        good=fleet_file(),
        fix="Hosting types begin with `ml.`; not every training or EC2 type is among them.",
    ),
    ShapeRule(
        "CFG-08",
        "An initial instance count is one that SageMaker takes",
        "InitialTaskCount",
        bad=fleet_file(variant="initial_instance_count: 0  # here\ncapacity: autoscaled"),
        good=fleet_file(),
        fix="Start with at least one instance; an autoscaler may scale in to zero later where the endpoint allows it.",
    ),
    ShapeRule(
        "CFG-10",
        "A variant's weight is not negative",
        "VariantWeight",
        bad=fleet_file(variant="initial_variant_weight: -1  # here"),
        good=fleet_file(variant="initial_variant_weight: 1"),
    ),
    ShapeRule(
        "CFG-14",
        "A core dump config has a destination in S3",
        "ProductionVariantCoreDumpConfig",
        bad=fleet_file(variant="core_dump_config: {destination_s3_uri: acme/dumps}  # here"),
        good=fleet_file(variant="core_dump_config: {destination_s3_uri: s3://acme/dumps}"),
    ),
    ShapeRule(
        "CFG-15",
        "A volume size is one that SageMaker takes",
        "ProductionVariantVolumeSizeInGB",
        bad=fleet_file(variant="volume_size_in_gb: 1024  # here"),
        good=fleet_file(variant="volume_size_in_gb: 128"),
    ),
    ShapeRule(
        "CFG-19",
        "A model download timeout is one that SageMaker takes",
        "ProductionVariantModelDataDownloadTimeoutInSeconds",
        bad=fleet_file(variant="model_data_download_timeout_in_seconds: 30  # here"),
        good=fleet_file(variant="model_data_download_timeout_in_seconds: 1200"),
    ),
    ShapeRule(
        "CFG-20",
        "A startup health check timeout is one that SageMaker takes",
        "ProductionVariantContainerStartupHealthCheckTimeoutInSeconds",
        bad=fleet_file(variant="container_startup_health_check_timeout_in_seconds: 7200  # here"),
        good=fleet_file(variant="container_startup_health_check_timeout_in_seconds: 600"),
    ),
    ShapeRule(
        "CFG-23",
        "An inference AMI version is one that SageMaker knows",
        "ProductionVariantInferenceAmiVersion",
        bad=fleet_file(
            variant="instance_type: ml.p3.2xlarge\ninference_ami_version: al2-ami-sagemaker-inference-gpu-9  # here"
        ),
        good=fleet_file(
            variant="instance_type: ml.p3.2xlarge\ninference_ami_version: al2-ami-sagemaker-inference-gpu-2"
        ),
    ),
    ShapeRule(
        "CFG-25",
        "A capacity reservation has a known preference and an ARN",
        "ProductionVariantCapacityReservationConfig",
        bad=fleet_file(variant="capacity_reservation_config: {capacity_reservation_preference: open}  # here"),
        good=fleet_file(
            variant="capacity_reservation_config: {capacity_reservation_preference: capacity-reservations-only}"
        ),
    ),
    ShapeRule(
        "CFG-26",
        "A routing strategy is one that SageMaker knows",
        "RoutingStrategy",
        bad=fleet_file(variant="routing_config: {routing_strategy: ROUND_ROBIN}  # here"),
        good=fleet_file(variant="routing_config: {routing_strategy: LEAST_OUTSTANDING_REQUESTS}"),
    ),
    ShapeRule(
        "CFG-27",
        "Instance pools have a type and a priority each, within the API's numbers",
        "InstancePool",
        bad=fleet_file(variant="instance_pools: [{instance_type: ml.m5.xlarge}]  # here", without=("instance_type",)),
        good=fleet_file(
            variant="instance_pools: [{instance_type: ml.m5.xlarge, priority: 1}]", without=("instance_type",)
        ),
    ),
    ShapeRule(
        "CFG-29",
        "An instance provision timeout is one that SageMaker takes",
        "VariantInstanceProvisionTimeoutInSeconds",
        bad=fleet_file(variant="variant_instance_provision_timeout_in_seconds: 60  # here"),
        good=fleet_file(variant="variant_instance_provision_timeout_in_seconds: 600"),
    ),
    ShapeRule(
        "CFG-35",
        "An explainer config is complete and within the API's bounds",
        "ExplainerConfig",
        bad=fleet_file(
            config="explainer_config: {clarify_explainer_config: {shap_config: {number_of_samples: 100}}}  # here"
        ),
        good=fleet_file(
            config="explainer_config: {clarify_explainer_config: {shap_config: {shap_baseline_config: "
            "{shap_baseline: '1,2'}}}}"
        ),
    ),
    ShapeRule(
        "SLS-02",
        "A serverless variant has a concurrency that SageMaker takes",
        "ServerlessMaxConcurrency",
        bad=fleet_file(
            serverless=True, variant="serverless_config: {memory_size_in_mb: 2048, max_concurrency: 500}  # here"
        ),
        good=fleet_file(serverless=True),
    ),
    ShapeRule(
        "ASY-01",
        "Asynchronous inference has an output config",
        "AsyncInferenceConfig",
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
        bad=_async(
            f"{{output_config: {{{_ASYNC_OUTPUT}, notification_config: {{error_topic: '{_TOPIC}', "
            "include_inference_response_in: [ERROR]}}}  # here"
        ),
        good=_async(
            f"{{output_config: {{{_ASYNC_OUTPUT}, notification_config: {{error_topic: '{_TOPIC}', "
            "include_inference_response_in: [ERROR_NOTIFICATION_TOPIC]}}}"
        ),
    ),
    ShapeRule(
        "CAP-01",
        "Data capture has a percentage, a destination and capture options",
        "DataCaptureConfig",
        bad=_capture("{initial_sampling_percentage: 20, capture_options: [{capture_mode: Input}]}"),
        good=_GOOD_CAPTURE,
    ),
    ShapeRule(
        "CAP-02",
        "A sampling percentage is a percentage",
        "SamplingPercentage",
        bad=_capture(_CAPTURED.replace("20", "120")),
        good=_GOOD_CAPTURE,
    ),
    ShapeRule(
        "CAP-03",
        "Captured data goes to an S3 address",
        "DestinationS3Uri",
        bad=_capture(_CAPTURED.replace("s3://", "")),
        good=_GOOD_CAPTURE,
    ),
    ShapeRule(
        "CAP-04",
        "Capture options are modes that SageMaker knows",
        "CaptureOptionList, CaptureMode",
        bad=_capture(_CAPTURED.replace("Input}", "Inputs}")),
        good=_GOOD_CAPTURE,
    ),
    ShapeRule(
        "CAP-06",
        "Capture content types are media types, within the API's numbers",
        "CsvContentTypes, JsonContentTypes",
        bad=_capture(_CAPTURED[:-1] + ", capture_content_type_header: {csv_content_types: [csv]}}"),
        good=fleet_file(
            config=f"data_capture_config: {_CAPTURED[:-1]}, capture_content_type_header: {{csv_content_types: "
            f"[text/csv]}}}}"
        ),
    ),
    ShapeRule(
        "EP-10",
        "Excluded variant properties are ones that SageMaker knows",
        "VariantPropertyType",
        bad=fleet_file(
            endpoint="retain_all_variant_properties: true\n"
            "exclude_retained_variant_properties: [{variant_property_type: DesiredCount}]  # here"
        ),
        good=fleet_file(
            endpoint="retain_all_variant_properties: true\n"
            "exclude_retained_variant_properties: [{variant_property_type: DesiredWeight}]"
        ),
    ),
    ShapeRule(
        "DEP-02",
        "A blue/green policy has a traffic routing configuration",
        "BlueGreenUpdatePolicy",
        bad=fleet_file(
            endpoint=f"deployment_config:\n  blue_green_update_policy: {{termination_wait_in_seconds: 120}}  "
            f"# here\n  {ALARMS}"
        ),
        good=_GOOD_BLUE_GREEN,
    ),
    ShapeRule(
        "DEP-03",
        "Traffic routing has a known type and a wait interval",
        "TrafficRoutingConfig",
        bad=blue_green("{type: ALL_AT_ONCE}  # here"),
        good=_GOOD_BLUE_GREEN,
        fix="Write both; `wait_interval_in_seconds: 0` where there is nothing to wait for. AWS's own sample omits it.",
    ),
    ShapeRule(
        "DEP-08",
        "A termination wait is one that SageMaker takes",
        "TerminationWaitInSeconds",
        bad=blue_green(ALL_AT_ONCE, rest="termination_wait_in_seconds: 7200  # here"),
        good=_GOOD_BLUE_GREEN,
    ),
    ShapeRule(
        "DEP-09",
        "A maximum execution timeout is one that SageMaker takes",
        "MaximumExecutionTimeoutInSeconds",
        bad=blue_green(ALL_AT_ONCE, rest="maximum_execution_timeout_in_seconds: 86400  # here"),
        good=blue_green(ALL_AT_ONCE, rest="maximum_execution_timeout_in_seconds: 3600"),
    ),
    ShapeRule(
        "DEP-12",
        "A rolling policy has a batch size and a wait interval",
        "RollingUpdatePolicy",
        bad=rolling("{wait_interval_in_seconds: 60}  # here"),
        good=rolling("{maximum_batch_size: {type: INSTANCE_COUNT, value: 1}, wait_interval_in_seconds: 60}"),
    ),
    ShapeRule(
        "DEP-15",
        "Rollback alarms have names, within the API's numbers",
        "AlarmList, AlarmName",
        bad=blue_green(ALL_AT_ONCE, deployment="auto_rollback_configuration: {alarms: [{alarm_name: ' '}]}  # here"),
        good=_GOOD_BLUE_GREEN,
    ),
)
