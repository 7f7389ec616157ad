"""What is refused, in which words; and what is deliberately accepted."""

from __future__ import annotations

import pytest

ECR = "763104351884.dkr.ecr.eu-west-1.amazonaws.com/pytorch-inference:2.1-cpu"
ROLE = "arn:aws:iam::123456789012:role/serving"
ARN = "arn:aws:sagemaker:eu-west-1:123456789012"


def create_model(world, *containers, **members):
    return world("CreateModel", **{"ModelName": "m", "ExecutionRoleArn": ROLE, "Containers": [*containers], **members})


@pytest.mark.parametrize(
    ("containers", "members", "message"),
    [
        ([], {}, "Exactly one of PrimaryContainer and Containers must be specified."),
        (
            [{"Image": ECR}],
            {"PrimaryContainer": {"Image": ECR}},
            "Exactly one of PrimaryContainer and Containers must be specified.",
        ),
        ([{"Image": ECR}], {"ExecutionRoleArn": None}, "ExecutionRoleArn is required."),
        ([{"Environment": {}}], {}, "Each container must specify either Image or ModelPackageName."),
        (
            [{"Image": ECR, "Mode": "MultiModel"}] * 2,
            {},
            "More than one container in MultiModel mode is not supported with inference pipeline.",
        ),
        (
            [{"Image": "docker.io/library/python:3"}],
            {},
            'Using non-ECR image "docker.io/library/python:3" without Vpc repository access mode is not supported.',
        ),
    ],
)
def test_create_model_refuses_what_the_service_refuses(world, refused, containers, members, message):
    assert refused(create_model, world, *containers, **members) == message
    assert world("ListModels") == {"Models": []}


def test_a_non_ecr_image_is_accepted_with_vpc_access(world):
    vpc = {"VpcConfig": {"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1"]}}
    create_model(world, {"Image": "registry.corp/x:1", "ImageConfig": {"RepositoryAccessMode": "Vpc"}}, **vpc)


def test_a_package_is_one_of_the_region(world, refused):
    package = "arn:aws:sagemaker:{}:123456789012:model-package/ranker/3"
    told = refused(create_model, world, {"ModelPackageName": package.format("us-east-1")})
    assert told == "ARN should be scoped to correct region: eu-west-1"
    create_model(world, {"ModelPackageName": package.format("eu-west-1")})
    create_model(world, {"ModelPackageName": "ranker"}, ModelName="named")


GATED = "s3://jumpstart-private-cache-prod-eu-west-1/meta-textgeneration/meta-textgeneration-llama-2-13b-f/v1.0.0/"


@pytest.mark.parametrize("access", [{}, {"ModelAccessConfig": {"AcceptEula": False}}])
def test_a_gated_model_is_made_once_its_license_is_accepted(world, refused, access):
    source = {"S3Uri": GATED, "S3DataType": "S3Prefix", "CompressionType": "None"}
    told = refused(create_model, world, {"Image": ECR, "ModelDataSource": {"S3DataSource": {**source, **access}}})
    assert told == (
        "The AcceptEula value must be explicitly defined as True in order to accept the end-user license agreement "
        f'(EULA) that this "{GATED}" model requires. You are responsible for reviewing and complying with any '
        "applicable license terms and making sure they are acceptable for your use case before downloading or using "
        "a model."
    )
    accepted = {**source, "ModelAccessConfig": {"AcceptEula": True}}
    create_model(world, {"Image": ECR, "ModelDataSource": {"S3DataSource": accepted}})


@pytest.mark.parametrize(
    ("image", "told"),
    [
        (
            "210987654321.dkr.ecr.eu-west-1.amazonaws.com/ranker:1",
            "The container image URI is not a prebuilt SageMaker",
        ),
        ("123456789012.dkr.ecr.eu-west-1.amazonaws.com/ranker:1", ""),
        (ECR, ""),
    ],
)
def test_serverless_takes_images_of_the_account_and_of_aws(world, refused, image, told):
    create_model(world, {"Image": image})
    variant = {"VariantName": "main", "ModelName": "m"}
    serverless = {**variant, "ServerlessConfig": {"MemorySizeInMB": 1024, "MaxConcurrency": 1}}
    if told:
        assert refused(world.config, "c", serverless).startswith(told)
    else:
        world.config("c", serverless)
    world.config("i", {**variant, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1})


def test_managed_scaling_that_is_disabled_is_accepted_beside_a_model(world):
    world.model()
    world.config("c", world.variant(ManagedInstanceScaling={"Status": "DISABLED"}))


@pytest.mark.parametrize(
    ("host", "region"),
    [
        ("dkr.ecr.cn-north-1.amazonaws.com.cn", "cn-north-1"),
        ("dkr.ecr-fips.us-east-1.amazonaws.com", "us-east-1"),
        ("dkr-ecr.us-east-1.on.aws", "us-east-1"),
    ],
)
def test_ecr_images_of_every_partition_are_ecr_images(world, host, region):
    world.region = region
    create_model(world, {"Image": f"123456789012.{host}/x:1"})


def test_doubtful_models_are_accepted(world):
    prefix = {"Image": ECR, "Mode": "MultiModel", "ModelDataUrl": "s3://bucket/empty/"}
    create_model(world, {"Image": ECR, "MultiModelConfig": {"ModelCacheSetting": "Enabled"}}, ModelName="single")
    create_model(world, prefix, ModelName="multi")
    capture = {
        "InitialSamplingPercentage": 5,
        "DestinationS3Uri": "s3://b/x",
        "CaptureOptions": [{"CaptureMode": "Input"}],
    }
    variants = [world.variant(name, ModelName="multi", InitialVariantWeight=0, InitialInstanceCount=1) for name in "ab"]
    world.config("c", *variants, DataCaptureConfig=capture)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"VolumeSizeInGB": 10, "InstanceType": "ml.g4dn.xlarge"},
            "VolumeSize parameter is not allowed for the selected Instance type ml.g4dn.xlarge",
        ),
        (
            {"ManagedInstanceScaling": {"Status": "ENABLED"}},
            "ManagedInstanceScaling is only supported for inference component endpoints.",
        ),
        (
            {"ServerlessConfig": {"MemorySizeInMB": 1024, "MaxConcurrency": 1}},
            'The variant "main" specifies both ServerlessConfig and InstanceType.',
        ),
        (
            {"InstanceType": None, "InitialInstanceCount": None},
            'The variant "main" must specify either InstanceType and InitialInstanceCount or ServerlessConfig.',
        ),
        ({"InitialInstanceCount": None}, 'The variant "main" specifies InstanceType without InitialInstanceCount.'),
        (
            {
                "InstanceType": None,
                "InitialInstanceCount": None,
                "ServerlessConfig": {"MemorySizeInMB": 1500, "MaxConcurrency": 1},
            },
            "MemorySizeInMB must be one of 1024, 2048, 3072, 4096, 5120 or 6144, not 1500.",
        ),
        ({"ModelName": "gone"}, f'Could not find model "{ARN}:model/gone".'),
    ],
)
def test_create_endpoint_config_refuses_what_the_service_refuses(world, refused, changes, message):
    world.model()
    assert refused(world.config, "c", world.variant(**changes)) == message
    assert world("ListEndpointConfigs") == {"EndpointConfigs": []}


def test_a_key_is_accepted_beside_local_storage_too(world):
    world.model()
    key = "1234abcd-12ab-34cd-56ef-1234567890ab"
    world.config("c", world.variant(InstanceType="ml.g5.xlarge"), KmsKeyId=key)
    world.config("d", world.variant(), KmsKeyId=key)
    serverless = {"MemorySizeInMB": 1024, "MaxConcurrency": 1}
    world.config("s", {"VariantName": "main", "ModelName": "m", "ServerlessConfig": serverless}, KmsKeyId=key)


def test_variant_names_are_unique_over_production_and_shadow(world, refused):
    world.model()
    expected = 'The variant name "main" was non-unique within the request.'
    assert refused(world.config, "c", world.variant(), world.variant()) == expected
    assert refused(world.config, "c", ShadowProductionVariants=[world.variant()]) == expected


def test_a_variant_for_inference_components_needs_no_model_and_no_count(world):
    scaling = {"Status": "ENABLED", "MinInstanceCount": 3, "MaxInstanceCount": 4}
    variant = {"VariantName": "main", "InstanceType": "ml.m5.large", "ManagedInstanceScaling": scaling}
    world.config("c", variant, ExecutionRoleArn=ROLE)
    world.endpoint()
    pending = world.describe()["PendingDeploymentSummary"]["ProductionVariants"][0]
    assert pending["DesiredInstanceCount"] == 3
    assert "DeployedImages" not in pending


@pytest.mark.parametrize("name", ["m", "M"])
def test_names_collide_whatever_their_case(world, refused, name):
    arn = world.model("m")
    assert refused(world.model, name) == f'Cannot create already existing model "{arn}".'


def test_an_arn_keeps_the_letter_case_of_the_name(world):
    assert world.model("MyModel") == f"{ARN}:model/MyModel"
    assert world("DescribeModel", ModelName="mymodel")["ModelName"] == "MyModel"


@pytest.mark.parametrize(
    ("operation", "member", "noun"),
    [
        ("DescribeModel", "ModelName", "model"),
        ("DeleteModel", "ModelName", "model"),
        ("DescribeEndpointConfig", "EndpointConfigName", "endpoint configuration"),
        ("DeleteEndpointConfig", "EndpointConfigName", "endpoint configuration"),
        ("DescribeEndpoint", "EndpointName", "endpoint"),
        ("DeleteEndpoint", "EndpointName", "endpoint"),
    ],
)
def test_what_is_missing_could_not_be_found(world, refused, operation, member, noun):
    kind = noun.replace("endpoint configuration", "endpoint-config")
    assert refused(world, operation, **{member: "Gone"}) == f'Could not find {noun} "{ARN}:{kind}/Gone".'


@pytest.mark.parametrize("operation", ["CreateEndpoint", "UpdateEndpoint"])
def test_an_endpoint_needs_its_config(world, refused, operation):
    if operation == "UpdateEndpoint":
        world.in_service()
    message = refused(world, operation, EndpointName="e", EndpointConfigName="gone")
    assert message == f'Could not find endpoint configuration "{ARN}:endpoint-config/gone".'


def test_an_endpoint_needs_the_models_of_its_config(world, refused):
    world.model()
    world.config()
    world("DeleteModel", ModelName="m")
    assert refused(world.endpoint) == f'Could not find model "{ARN}:model/m".'


@pytest.mark.parametrize(
    ("desired", "message"),
    [
        (
            [{"VariantName": "x", "DesiredWeight": 1}],
            'The variant name(s) "x" is/are not present within endpoint configuration "c".',
        ),
        (
            [{"VariantName": "main", "DesiredWeight": 1}] * 2,
            'The variant name "main" was non-unique within the request.',
        ),
        (
            [{"VariantName": "main", "ServerlessUpdateConfig": {"MaxConcurrency": 2}}],
            'The variant "main" is not serverless: ServerlessUpdateConfig is not supported.',
        ),
    ],
)
def test_rescaling_refuses_what_has_no_meaning(world, refused, desired, message):
    world.in_service()
    operation = "UpdateEndpointWeightsAndCapacities"
    assert refused(world, operation, EndpointName="e", DesiredWeightsAndCapacities=desired) == message
    assert world.describe()["EndpointStatus"] == "InService"


def test_an_instance_based_endpoint_cannot_become_serverless(world, refused):
    world.in_service()
    serverless = {"MemorySizeInMB": 1024, "MaxConcurrency": 1}
    world.config("s", {"VariantName": "main", "ModelName": "m", "ServerlessConfig": serverless})
    assert "serverless" in refused(world, "UpdateEndpoint", EndpointName="e", EndpointConfigName="s")


def test_two_update_policies_are_one_too_many(world, refused):
    world.in_service()
    routing = {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0}
    rolling = {"MaximumBatchSize": {"Type": "INSTANCE_COUNT", "Value": 1}, "WaitIntervalInSeconds": 0}
    deployment = {
        "BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": routing},
        "RollingUpdatePolicy": rolling,
    }
    assert "only one" in refused(
        world, "UpdateEndpoint", EndpointName="e", EndpointConfigName="c", DeploymentConfig=deployment
    )


def test_shapes_are_enforced_in_the_words_of_the_service(world, refused):
    world.model()
    message = refused(world.config, "c", world.variant(InstanceType="ml.huge", InitialInstanceCount=0))
    assert message.startswith("2 validation errors detected: ")
    assert "at 'productionVariants.1.member.instanceType' failed to satisfy constraint: Member must satisfy" in message


@pytest.mark.parametrize(
    ("operation", "members"),
    [
        ("DescribeEndpoint", {"EndpointName": "-bad-"}),
        ("DescribeModel", {}),
        ("ListModels", {"MaxResults": 101}),
        ("ListEndpoints", {"StatusEquals": "Broken"}),
        ("ListTags", {"ResourceArn": f"{ARN}:model/m", "MaxResults": 1}),
        ("DeleteEndpoint", {"EndpointName": "a" * 64}),
    ],
)
def test_shapes_are_enforced_on_reads_and_deletes_too(world, refused, operation, members):
    assert " failed to satisfy constraint: " in refused(world, operation, **members)


def test_unknown_members_are_ignored_and_never_come_back(world):
    world("CreateModel", ModelName="m", ExecutionRoleArn=ROLE, Nonsense=1, PrimaryContainer={"Image": ECR, "New": [2]})
    described = world("DescribeModel", ModelName="m")
    assert "Nonsense" not in described
    assert "New" not in described["PrimaryContainer"]


def test_a_null_member_is_an_absent_one(world):
    container = {"Image": ECR, "ModelDataUrl": None}
    world("CreateModel", ModelName="m", ExecutionRoleArn=ROLE, PrimaryContainer=container, Containers=None)
    assert "ModelDataUrl" not in world("DescribeModel", ModelName="m")["PrimaryContainer"]
