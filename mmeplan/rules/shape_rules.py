"""The rules whose whole question is a request shape: metadata only, `rules.walking` asks for them.

One row per id, with the shape it cites, and the lines that make its example bad and good.
"""

from __future__ import annotations

from typing import Final

from mmeplan.rules.examples import PREDICT, PREPARE, fleet_file
from mmeplan.rules.rule import ShapeRule

_SUBNETS: Final = "vpc_config: {security_group_ids: [sg-0a1b2c3d], subnets: [subnet-0a1b2c3d, subnet-4e5f6a7b]}"
_NAMELESS: Final = f"- image: {PREPARE}\n- image: {PREDICT}"
_LONG: Final = "x" * 64

RULES: Final = (
    ShapeRule(
        "API-01",
        "Every value fits its request shape",
        "CreateModelInput, CreateEndpointConfigInput, CreateEndpointInput and UpdateEndpointInput",
        bad=fleet_file(
            config="metrics_config: {enable_enhanced_metrics: true}\ncross_region_traffic_config: "
            "{max_invocations_per_second_per_instance: 5}  # here"
        ),
        good=fleet_file(
            config="cross_region_traffic_config: {max_invocations_per_second_per_instance: 5, "
            "max_cross_region_percent_per_endpoint: 10}"
        ),
    ),
    ShapeRule(
        "NAM-01",
        "A model's name is one that SageMaker takes",
        "ModelName",
        bad=fleet_file(model="name: ranker_v2  # here"),
        good=fleet_file(model="name: ranker-v2"),
        fix="Use letters, digits and inner hyphens, or drop `name:` and let mmeplan choose NAME-DIGEST8.",
    ),
    ShapeRule(
        "NAM-02",
        "An endpoint config's name is one that SageMaker takes",
        "EndpointConfigName",
        bad=fleet_file(config="name: ranker.v2  # here"),
        good=fleet_file(config="name: ranker-v2"),
        fix="Use letters, digits and inner hyphens, or drop `name:` and let mmeplan choose NAME-DIGEST8.",
    ),
    ShapeRule(
        "NAM-03",
        "An endpoint's name is one that SageMaker takes",
        "EndpointName",
        bad=fleet_file(endpoint=f"name: {_LONG}  # here"),
        good=fleet_file(endpoint="name: ranker-production"),
        fix="Shorten the entry's name, or pin a shorter one with `name:`.",
    ),
    ShapeRule(
        "NAM-04",
        "A variant's name is one that SageMaker takes",
        "VariantName",
        bad=fleet_file(
            variants="main_variant:  # here\n  model: ranker\n  instance_type: ml.m5.xlarge\n  "
            "initial_instance_count: 2"
        ),
        good=fleet_file(),
        fix="Use letters, digits and inner hyphens. An underscore is what people write most.",
    ),
    ShapeRule(
        "NAM-05",
        "A container's hostname is one that SageMaker takes",
        "ContainerHostname",
        bad=fleet_file(
            containers=f"- {{image: {PREPARE}, container_hostname: -prepare}}  # here\n"
            f"- {{image: {PREDICT}, container_hostname: predict}}"
        ),
        good=fleet_file(
            containers=f"- {{image: {PREPARE}, container_hostname: prepare}}\n"
            f"- {{image: {PREDICT}, container_hostname: predict}}"
        ),
    ),
    ShapeRule(
        "TAG-01",
        "A resource has no more tags than SageMaker takes",
        "TagList",
        bad=fleet_file(model="tags:  # here\n" + "\n".join(f"  tag-{number}: x" for number in range(50))),
        good=fleet_file(model="tags: {team: pricing}"),
        fix="Remove tags. mmeplan's own ownership tags count as well.",
    ),
    ShapeRule(
        "TAG-02",
        "Tag keys and values are of the length and the characters that SageMaker takes",
        "TagKey, TagValue",
        bad=fleet_file(model="tags:\n  team: pricing & search  # here"),
        good=fleet_file(model="tags:\n  team: pricing and search"),
    ),
    ShapeRule(
        "ARN-01",
        "An execution role is the ARN of an IAM role",
        "RoleArn",
        bad=fleet_file(model="execution_role_arn: service-role/sagemaker  # here"),
        good=fleet_file(),
        fix="Write the role's full ARN: arn:aws:iam::ACCOUNT:role/NAME.",
    ),
    ShapeRule(
        "MDL-05",
        "An image is a registry path without blanks",
        "ContainerImage",
        bad=fleet_file(container="image: 123456789012.dkr.ecr.eu-west-1.amazonaws.com/ranker 1.4  # here"),
        good=fleet_file(),
    ),
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
    ShapeRule(
        "MDL-18",
        "A model data URL is an S3 or https address",
        "Url",
        bad=fleet_file(container="model_data_url: acme-models/ranker.tar.gz  # here"),
        good=fleet_file(),
        fix="Write s3://BUCKET/KEY.tar.gz.",
    ),
    ShapeRule(
        "MDL-24",
        "A model data source is complete and of a known kind",
        "S3ModelDataSource",
        bad=fleet_file(
            container="model_data_source: {s3_data_source: {s3_uri: s3://acme/ranker/, s3_data_type: "
            "S3Prefix}}  # here",
            without=("model_data_url",),
        ),
        good=fleet_file(
            container="model_data_source: {s3_data_source: {s3_uri: s3://acme/ranker/, s3_data_type: "
            "S3Prefix, compression_type: None}}",
            without=("model_data_url",),
        ),
    ),
    ShapeRule(
        "MDL-29",
        "A container's mode is one that SageMaker knows",
        "ContainerMode",
        bad=fleet_file(container="mode: Multimodel  # here"),
        good=fleet_file(container="mode: SingleModel"),
    ),
    ShapeRule(
        "MDL-31",
        "A VPC config has security groups and subnets, within the API's numbers",
        "VpcConfig",
        bad=fleet_file(model="vpc_config: {subnets: [subnet-0a1b2c3d, subnet-4e5f6a7b]}  # here"),
        good=fleet_file(model=_SUBNETS),
    ),
    ShapeRule(
        "MDL-35",
        "A model package is a name or an ARN that SageMaker takes",
        "VersionedArnOrName",
        bad=fleet_file(container="model_package_name: ranker_group  # here", without=("image", "model_data_url")),
        good=fleet_file(
            container="model_package_name: arn:aws:sagemaker:eu-west-1:123456789012:model-package/ranker/3",
            without=("image", "model_data_url"),
        ),
    ),
    ShapeRule(
        "MDL-36",
        "An inference specification is a name that SageMaker takes",
        "InferenceSpecificationName",
        bad=fleet_file(
            container="model_package_name: ranker\ninference_specification_name: on_gpu  # here",
            without=("image", "model_data_url"),
        ),
        good=fleet_file(
            container="model_package_name: ranker\ninference_specification_name: on-gpu",
            without=("image", "model_data_url"),
        ),
    ),
    ShapeRule(
        "MME-06",
        "A model cache setting is one that SageMaker knows",
        "ModelCacheSetting",
        bad=fleet_file(multi_model=True, container="multi_model_config: {model_cache_setting: Off}  # here"),
        good=fleet_file(multi_model=True, container="multi_model_config: {model_cache_setting: Disabled}"),
    ),
    ShapeRule(
        "PIP-03",
        "An inference execution mode is one that SageMaker knows",
        "InferenceExecutionMode",
        bad=fleet_file(
            model="inference_execution_config: {mode: SERIAL}  # here",
            containers=_NAMELESS,
        ),
        good=fleet_file(
            model="inference_execution_config: {mode: Serial}",
            containers=_NAMELESS,
        ),
        fix="Write Serial or Direct: the prose of the API's page uses capitals, its enum does not.",
    ),
)
