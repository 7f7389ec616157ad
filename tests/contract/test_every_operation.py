"""Every operation of every service through real boto3 and both doors, held against botocore's output shapes."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from botocore import xform_name

from mmeplan.simulator import nothing
from mmeplan.simulator.services import SERVICES
from tests.contract.doors import ARN, IMAGE, ROLE, VARIANT, Door, error_of

ACCOUNT = Path(__file__).parents[2] / "examples" / "simulator" / "account.yaml"
TARGET = {
    "ServiceNamespace": "sagemaker",
    "ResourceId": "endpoint/e/variant/main",
    "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
}
TRACKING = {
    "TargetValue": 70.0,
    "PredefinedMetricSpecification": {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"},
}
METRIC = {"Namespace": "n", "MetricName": "m", "Statistic": "Sum", "Period": 60, "Threshold": 1.0}
COMPARISON = {"EvaluationPeriods": 1, "ComparisonOperator": "GreaterThanThreshold"}


NOT_OF_A_VERSION = {"DescribeModelPackage": {"ModelPackageName"}}
"""Required by the shape, and absent where AWS shows the answer for a version of a group: docs/sagemaker.md."""


class Answers:
    """Checks each parsed answer against the operation's output shape: required members there, enums kept, no errors."""

    def __init__(self, door: Door) -> None:
        self.door, self.seen, self.bad = door, set(), []

    def client(self, service: str) -> Any:
        made = self.door.client(service)
        made.meta.events.register("after-call.*", self.note)
        return made

    def note(self, parsed: dict[str, Any], model: Any, **_: Any) -> None:
        self.seen.add((model.service_model.service_name, model.name))
        answer = {key: value for key, value in parsed.items() if key != "ResponseMetadata"}
        if parsed["ResponseMetadata"]["HTTPStatusCode"] < 300 and model.output_shape:
            self.bad += misfits(model.output_shape, answer, model.name)


def misfits(shape: Any, value: Any, path: str) -> list[str]:
    if shape.type_name == "structure" and isinstance(value, dict):
        required = set(shape.required_members) - NOT_OF_A_VERSION.get(path, set())
        found = [f"{path}.{name}: missing" for name in required if name not in value]
        found += [f"{path}.{name}: unknown" for name in value if name not in shape.members]
        members = [(name, item) for name, item in value.items() if name in shape.members]
        return found + [bad for name, item in members for bad in misfits(shape.members[name], item, f"{path}.{name}")]
    if shape.type_name == "list":
        return [bad for item in value for bad in misfits(shape.member, item, path + "[]")]
    if getattr(shape, "enum", None) and value not in shape.enum:
        return [f"{path}: {value!r} is not of the enum"]
    return []


def test_every_operation_of_every_service_answers_in_its_shape(door: Door) -> None:
    answers = Answers(door)
    sagemaker(answers)
    autoscaling_and_alarms(answers)
    runtime_and_quotas(answers)
    rest_of_the_account(answers)
    s3(answers)
    roles_and_logs(answers)
    sm = answers.client("sagemaker")
    sm.delete_endpoint(EndpointName="e")
    sm.delete_endpoint_config(EndpointConfigName="c")
    sm.delete_model(ModelName="m")
    assert answers.bad == []
    expected = {(service.name, operation) for service in SERVICES for operation in service.operations}
    assert answers.seen == expected


def sagemaker(answers: Answers) -> None:
    sm = answers.client("sagemaker")
    tags = [{"Key": "fleet", "Value": "f"}]
    sm.create_model(ModelName="m", ExecutionRoleArn=ROLE, PrimaryContainer={"Image": IMAGE}, Tags=tags)
    sm.create_endpoint_config(EndpointConfigName="c", ProductionVariants=[VARIANT])
    sm.create_endpoint(EndpointName="e", EndpointConfigName="c")
    sm.describe_endpoint(EndpointName="e")
    answers.door.advance(180)
    sm.update_endpoint(EndpointName="e", EndpointConfigName="c")
    answers.door.advance(240)
    desired = [{"VariantName": "main", "DesiredWeight": 2}]
    sm.update_endpoint_weights_and_capacities(EndpointName="e", DesiredWeightsAndCapacities=desired)
    sm.describe_endpoint(EndpointName="e")
    answers.door.advance(60)
    sm.describe_model(ModelName="m")
    sm.describe_endpoint_config(EndpointConfigName="c")
    for listing in (sm.list_models, sm.list_endpoint_configs, sm.list_endpoints):
        listing(MaxResults=1)
    for name in nothing.LISTS:
        getattr(sm, xform_name(name))()
    sm.add_tags(ResourceArn=f"{ARN}:endpoint/e", Tags=tags)
    sm.list_tags(ResourceArn=f"{ARN}:endpoint/e")
    found = answers.client("resourcegroupstaggingapi").get_resources(TagFilters=[{"Key": "fleet", "Values": ["f"]}])
    assert len(found["ResourceTagMappingList"]) == 2
    sm.delete_tags(ResourceArn=f"{ARN}:endpoint/e", TagKeys=["fleet"])
    assert answers.client("sts").get_caller_identity()["Account"] == "123456789012"
    registry(sm)
    components(sm, answers.door)


def components(sm: Any, door: Door) -> None:
    """Every call of inference components; whatever it makes is gone again."""
    variant = {"VariantName": "main", "InstanceType": "ml.g5.2xlarge", "InitialInstanceCount": 1}
    sm.create_endpoint_config(EndpointConfigName="hosting", ExecutionRoleArn=ROLE, ProductionVariants=[variant])
    sm.create_endpoint(EndpointName="hosting", EndpointConfigName="hosting")
    door.advance(180)
    container = {"Image": IMAGE, "ArtifactUrl": "s3://bucket/m.tar.gz", "Environment": {"A": "b"}}
    needs = {"MinMemoryRequiredInMb": 1024}
    specification = {"Container": container, "ComputeResourceRequirements": needs}
    named = {"InferenceComponentName": "part"}
    sm.create_inference_component(**named, EndpointName="hosting", Specification=specification)
    sm.create_inference_component(
        InferenceComponentName="several", EndpointName="hosting", Specifications=[{"ModelName": "m"}]
    )
    sm.describe_inference_component(**named)
    sm.describe_inference_component(InferenceComponentName="several")
    assert len(sm.list_inference_components(EndpointNameEquals="hosting")["InferenceComponents"]) == 2
    sm.delete_inference_component(**named)
    sm.delete_inference_component(InferenceComponentName="several")
    sm.delete_endpoint(EndpointName="hosting")
    sm.delete_endpoint_config(EndpointConfigName="hosting")


def registry(sm: Any) -> None:
    """Every call of the model registry; whatever it makes is gone again."""
    tags = [{"Key": "team", "Value": "search"}]
    sm.create_model_package_group(ModelPackageGroupName="g", ModelPackageGroupDescription="ranks", Tags=tags)
    sm.describe_model_package_group(ModelPackageGroupName="g")
    inference = {"Containers": [{"Image": IMAGE, "ModelDataUrl": "s3://bucket/m.tar.gz"}]}
    version = sm.create_model_package(ModelPackageGroupName="g", InferenceSpecification=inference)["ModelPackageArn"]
    alone = sm.create_model_package(ModelPackageName="p", InferenceSpecification=inference)["ModelPackageArn"]
    sm.update_model_package(ModelPackageArn=version, ModelApprovalStatus="Approved", ApprovalDescription="good")
    sm.describe_model_package(ModelPackageName=version)
    sm.describe_model_package(ModelPackageName=alone)
    sm.list_model_package_groups()
    sm.list_model_packages(ModelPackageType="Both")
    container = {"ModelPackageName": version}
    sm.create_model(ModelName="packaged", ExecutionRoleArn=ROLE, PrimaryContainer=container)
    sm.delete_model(ModelName="packaged")
    for package in (version, alone):
        sm.delete_model_package(ModelPackageName=package)
    sm.delete_model_package_group(ModelPackageGroupName="g")


def autoscaling_and_alarms(answers: Answers) -> None:
    scaling = answers.client("application-autoscaling")
    arn = scaling.register_scalable_target(**TARGET, MinCapacity=1, MaxCapacity=4)["ScalableTargetARN"]
    scaling.tag_resource(ResourceARN=arn, Tags={"team": "ml"})
    assert scaling.list_tags_for_resource(ResourceARN=arn)["Tags"] == {"team": "ml"}
    scaling.untag_resource(ResourceARN=arn, TagKeys=["team"])
    action = {"ScheduledActionName": "nightly", **TARGET}
    scaling.put_scheduled_action(**action, Schedule="cron(0 22 * * ? *)", ScalableTargetAction={"MinCapacity": 2})
    assert scaling.describe_scheduled_actions(ServiceNamespace="sagemaker")["ScheduledActions"][0]["ScheduledActionARN"]
    scaling.delete_scheduled_action(**action)
    scaling.describe_scalable_targets(ServiceNamespace="sagemaker")
    policy = {"PolicyName": "p", **TARGET}
    scaling.put_scaling_policy(
        **policy, PolicyType="TargetTrackingScaling", TargetTrackingScalingPolicyConfiguration=TRACKING
    )
    scaling.describe_scaling_policies(ServiceNamespace="sagemaker")
    scaling.delete_scaling_policy(**policy)
    scaling.deregister_scalable_target(**TARGET)
    cloudwatch = answers.client("cloudwatch")
    cloudwatch.put_metric_alarm(AlarmName="errors", **METRIC, **COMPARISON)
    cloudwatch.set_alarm_state(AlarmName="errors", StateValue="ALARM", StateReason="r")
    assert cloudwatch.describe_alarms(AlarmNames=["errors"])["MetricAlarms"][0]["StateValue"] == "ALARM"
    cloudwatch.delete_alarms(AlarmNames=["errors"])


def runtime_and_quotas(answers: Answers) -> None:
    runtime, sm = answers.client("sagemaker-runtime"), answers.client("sagemaker")
    answer = runtime.invoke_endpoint(EndpointName="e", Body=b"hi", ContentType="text/csv")
    assert (answer["Body"].read(), answer["InvokedProductionVariant"]) == (b"hi", "main")
    streamed = runtime.invoke_endpoint_with_response_stream(EndpointName="e", Body=b"hi")
    assert [event["PayloadPart"]["Bytes"] for event in streamed["Body"]] == [b"hi"]
    asynchronous = {"OutputConfig": {"S3OutputPath": "s3://answers/"}}
    sm.create_endpoint_config(
        EndpointConfigName="async", ProductionVariants=[VARIANT], AsyncInferenceConfig=asynchronous
    )
    sm.create_endpoint(EndpointName="async", EndpointConfigName="async")
    answers.door.advance(180)
    runtime.invoke_endpoint_async(EndpointName="async", InputLocation="s3://answers/none")
    quotas = answers.client("service-quotas")
    quota = quotas.list_service_quotas(ServiceCode="sagemaker", MaxResults=5)["Quotas"][0]
    named = {"ServiceCode": "sagemaker", "QuotaCode": quota["QuotaCode"]}
    assert quotas.get_service_quota(**named)["Quota"]["Value"] >= 40
    quotas.get_aws_default_service_quota(**named)
    quotas.list_aws_default_service_quotas(ServiceCode="sagemaker")


def roles_and_logs(answers: Answers) -> None:
    iam, sts = answers.client("iam"), answers.client("sts")
    iam.create_open_id_connect_provider(Url="https://gitlab.example.com", ClientIDList=["aws"])
    statement = {"Effect": "Allow", "Principal": "*", "Action": "sts:*"}
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=json.dumps({"Statement": statement}))
    role = iam.get_role(RoleName="r")["Role"]["Arn"]
    assert iam.simulate_principal_policy(PolicySourceArn=role, ActionNames=["s3:GetObject"])["EvaluationResults"]
    sts.assume_role(RoleArn=role, RoleSessionName="ann")
    error_of(sts.assume_role_with_web_identity, RoleArn=role, RoleSessionName="ann", WebIdentityToken="none")
    error_of(answers.client("logs").filter_log_events, logGroupName="/aws/sagemaker/Endpoints/e")


def rest_of_the_account(answers: Answers) -> None:
    sim = answers.door.sim
    assert sim
    document = yaml.safe_load(ACCOUNT.read_text())
    sim.declare(document, region=document.pop("region"))
    ecr, ec2, kms = (answers.client(service) for service in ("ecr", "ec2", "kms"))
    ecr.describe_images(repositoryName="ranker")
    ecr.batch_get_image(repositoryName="ranker", imageIds=[{"imageTag": "7"}])
    for what in ("subnets", "security_groups", "vpc_endpoints", "route_tables", "instance_types"):
        getattr(ec2, f"describe_{what}")()
    key = kms.describe_key(KeyId="alias/volumes")["KeyMetadata"]["KeyId"]
    kms.get_key_policy(KeyId=key)
    answers.client("sns").get_topic_attributes(TopicArn="arn:aws:sns:eu-west-1:123456789012:ranker")
    assert len(answers.client("pricing").get_products(ServiceCode="AmazonSageMaker")["PriceList"]) == 5


def s3(answers: Answers) -> None:
    s3 = answers.client("s3")
    s3.create_bucket(Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.head_bucket(Bucket="bucket")
    assert s3.get_bucket_location(Bucket="bucket")["LocationConstraint"] == "eu-west-1"
    s3.put_object(Bucket="bucket", Key="a b/ü.tar.gz", Body=io.BytesIO(b"12345"), Metadata={"sha": "1"})
    assert s3.get_object(Bucket="bucket", Key="a b/ü.tar.gz", Range="bytes=1-2")["Body"].read() == b"23"
    assert s3.head_object(Bucket="bucket", Key="a b/ü.tar.gz")["Metadata"] == {"sha": "1"}
    assert s3.get_bucket_encryption(Bucket="bucket")["ServerSideEncryptionConfiguration"]["Rules"]
    s3.put_bucket_tagging(Bucket="bucket", Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
    assert s3.get_bucket_tagging(Bucket="bucket")["TagSet"] == [{"Key": "a", "Value": "b"}]
    s3.delete_bucket_tagging(Bucket="bucket")
    s3.put_object_tagging(Bucket="bucket", Key="a b/ü.tar.gz", Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
    assert s3.get_object_tagging(Bucket="bucket", Key="a b/ü.tar.gz")["TagSet"] == [{"Key": "a", "Value": "b"}]
    s3.delete_object_tagging(Bucket="bucket", Key="a b/ü.tar.gz")
    assert (
        s3.get_object_attributes(Bucket="bucket", Key="a b/ü.tar.gz", ObjectAttributes=["ObjectSize"])["ObjectSize"]
        == 5
    )
    s3.copy_object(Bucket="bucket", Key="copy", CopySource={"Bucket": "bucket", "Key": "a b/ü.tar.gz"})
    assert [item["Key"] for item in s3.list_objects_v2(Bucket="bucket")["Contents"]] == ["a b/ü.tar.gz", "copy"]
    assert [item["Key"] for item in s3.list_objects(Bucket="bucket")["Contents"]] == ["a b/ü.tar.gz", "copy"]
    assert [item["Key"] for item in s3.list_object_versions(Bucket="bucket")["Versions"]] == ["a b/ü.tar.gz", "copy"]
    assert "Status" not in s3.get_bucket_versioning(Bucket="bucket")
    upload = s3.create_multipart_upload(Bucket="bucket", Key="big")["UploadId"]
    where = {"Bucket": "bucket", "Key": "big", "UploadId": upload}
    etag = s3.upload_part(**where, PartNumber=1, Body=b"x" * 100)["ETag"]
    copied = s3.upload_part_copy(**where, PartNumber=2, CopySource="bucket/copy")["CopyPartResult"]["ETag"]
    assert len(s3.list_parts(**where)["Parts"]) == 2
    assert s3.list_multipart_uploads(Bucket="bucket")["Uploads"][0]["Key"] == "big"
    parts = [{"PartNumber": 1, "ETag": etag}, {"PartNumber": 2, "ETag": copied}]
    s3.complete_multipart_upload(**where, MultipartUpload={"Parts": parts})
    assert s3.get_object(Bucket="bucket", Key="big")["Body"].read() == b"x" * 100 + b"12345"
    aborted = s3.create_multipart_upload(Bucket="bucket", Key="never")["UploadId"]
    s3.abort_multipart_upload(Bucket="bucket", Key="never", UploadId=aborted)
    s3.delete_objects(Bucket="bucket", Delete={"Objects": [{"Key": "big"}, {"Key": "copy"}]})
    s3.delete_object(Bucket="bucket", Key="a b/ü.tar.gz")
    assert [item["Name"] for item in s3.list_buckets()["Buckets"]] == ["bucket"]
    s3.delete_bucket(Bucket="bucket")


def test_the_check_above_would_notice_what_does_not_fit(door: Door) -> None:
    model = door.client().meta.service_model.operation_model("DescribeEndpoint").output_shape
    assert "x.EndpointArn: missing" in misfits(model, {}, "x")
    assert misfits(model, {"EndpointStatus": "Odd"}, "x")[-1].endswith("is not of the enum")


@pytest.mark.parametrize(
    ("service", "call", "members", "code"),
    [
        ("sagemaker", "list_training_jobs", {}, "UnknownOperationException"),
        ("sts", "get_session_token", {}, "InvalidAction"),
        ("cloudwatch", "list_dashboards", {}, "UnknownOperationException"),
        ("s3", "get_bucket_policy", {"Bucket": "bucket"}, "NotImplemented"),
        ("ec2", "describe_instances", {}, "InvalidAction"),
    ],
)
def test_an_operation_that_is_not_simulated_is_an_error_and_never_html(
    door: Door, service: str, call: str, members: dict[str, Any], code: str
) -> None:
    assert error_of(getattr(door.client(service), call), **members)[0] == code
