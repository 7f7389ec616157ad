"""What rules say at the edges of their examples: the same key in another place, another form, nothing known."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import pytest

from mmeplan import graph, rules, spec
from mmeplan.live import Answer
from mmeplan.rules.examples import fleet_file
from mmeplan.rules.online import UnknownError, check_online
from mmeplan.rules.policies import trusts_sagemaker
from tests.rules.online_account import OWN, Account

KEY = "'arn:aws:kms:%s:%s:key/1234abcd-12ab-34cd-56ef-1234567890ab'"
CAPTURE = (
    "data_capture_config: {initial_sampling_percentage: 20, destination_s3_uri: s3://acme/c, kms_key_id: %s, "
    "capture_options: [{capture_mode: Input}]}"
)
OUTPUT = "async_inference_config: {output_config: {s3_output_path: s3://acme/out, kms_key_id: %s}}"
DUMP = "core_dump_config: {destination_s3_uri: s3://acme/dumps, kms_key_id: %s}"
PLACES = {
    "volume": lambda key: fleet_file(config=f"kms_key_id: {key}"),
    "capture": lambda key: fleet_file(config=CAPTURE % key),
    "answers": lambda key: fleet_file(config=OUTPUT % key),
    "dumps": lambda key: fleet_file(variant=DUMP % key),
}
OURS, THEIRS = "123456789012", "210987654321"
HERE, THERE = "eu-west-1", "us-east-1"
UNKNOWN = ('account: "123456789012"\n', "region: eu-west-1\n")


def found(text: str, *prefixes: str) -> set[str]:
    fleet = spec.load_text(text.encode())
    return {f.rule for f in rules.check(fleet, graph.compile(fleet)) if f.rule.startswith(prefixes)}


@pytest.mark.parametrize("place", PLACES)
def test_a_key_is_held_against_the_fleet_wherever_it_stands(place: str) -> None:
    def of(region: str, account: str) -> str:
        return PLACES[place](KEY % (region, account))

    assert found(of(HERE, OURS), "KMS", "ARN") == set()
    assert found(of(THERE, OURS), "KMS") == {"KMS-03" if place == "volume" else "KMS-04"}
    assert found(of(HERE, THEIRS), "KMS") == {"KMS-04"}
    assert found(PLACES[place]("ranker-key"), "KMS") == {"KMS-01"}
    assert found(PLACES[place](KEY.replace(":aws:", ":aws-cn:") % ("cn-north-1", OURS)), "ARN") == {"ARN-03"}
    nowhere = of(THERE, THEIRS)
    for line in UNKNOWN:
        nowhere = nowhere.replace(line, "")
    assert found(nowhere, "KMS") == set()


SOURCE = "{s3_data_source: {s3_uri: %s, s3_data_type: S3Object, compression_type: Gzip}}"


@pytest.mark.parametrize("uri", ["s3://b//k.tar.gz", "s3://b/p//k.tar.gz", "https://s3.amazonaws.com/b//k.tar.gz"])
def test_an_empty_part_of_a_key_is_found_wherever_model_data_stands(uri: str) -> None:
    additional = f"additional_model_data_sources: [{{channel_name: a, {SOURCE[1:-1] % uri}}}]"
    assert found(fleet_file(container=f"model_data_url: {uri}"), "MDL-42") == {"MDL-42"}
    assert found(fleet_file(container=f"model_data_source: {SOURCE % uri}", without=("model_data_url",)), "MDL-42")
    assert found(fleet_file(container=additional), "MDL-42") == {"MDL-42"}
    assert (
        found(fleet_file(container=f"model_data_url: {uri.replace('b//', 'b/').replace('p//', 'p/')}"), "MDL-42")
        == set()
    )
    prefix = uri.removesuffix("k.tar.gz") + "models/"
    assert found(fleet_file(multi_model=True, container=f"model_data_url: {prefix}"), "MDL-42") == {"MDL-42"}


ARN = "arn:aws:sagemaker:%s:%s:%s"


@pytest.mark.parametrize(
    ("package", "ids"),
    [
        (ARN % (HERE, OURS, "model-package/ranker/3"), set()),
        (ARN % (HERE, OURS, "model-package/unversioned"), set()),
        ("ranker", set()),
        (ARN % (THERE, OURS, "model-package/ranker/3"), {"MDL-43"}),
        (ARN.replace("aws", "aws-cn") % (HERE, OURS, "model-package/ranker/3"), {"MDL-43"}),
        (ARN % (HERE, THEIRS, "model-package/ranker/3"), {"MDL-44"}),
        (ARN % (HERE, "985815980388", "model-package/ranker-0f1e2d3c"), set()),  # AWS Marketplace's
        (ARN % (THERE, THEIRS, "model-package-group/ranker"), {"MDL-43", "MDL-44", "MDL-45"}),
        (ARN % (HERE, OURS, "model/ranker"), {"MDL-45"}),
    ],
)
def test_a_package_is_one_of_the_fleets_region_and_account(package: str, ids: set[str]) -> None:
    text = fleet_file(container=f"model_package_name: {package}", without=("image", "model_data_url"))
    assert found(text, "MDL-43", "MDL-44", "MDL-45") == ids


@pytest.mark.parametrize(
    ("image", "refused"),
    [
        (f"{OURS}.dkr.ecr.eu-west-1.amazonaws.com/ranker:1", False),
        (f"{THEIRS}.dkr.ecr.eu-west-1.amazonaws.com/ranker:1", True),
        (f"{THEIRS}.dkr-ecr.eu-west-1.on.aws/ranker:1", True),
        ("763104351884.dkr.ecr.eu-west-1.amazonaws.com/something-new:1", False),  # an account of AWS's images
        ("685385470294.dkr.ecr.eu-west-1.amazonaws.com/linear-learner:1", False),
        (f"{THEIRS}.dkr.ecr.eu-west-1.amazonaws.com/pytorch-inference:1", False),  # an account of AWS that isn't known
    ],
)
def test_a_serverless_image_is_of_the_account_or_of_aws(image: str, refused: bool) -> None:
    text = fleet_file(serverless=True, container=f"image: {image}")
    assert found(text, "SLS-19") == ({"SLS-19"} if refused else set())
    assert found(fleet_file(container=f"image: {image}"), "SLS-19") == set()
    assert found(text.replace(UNKNOWN[0], ""), "SLS-19") == ({"SLS-19"} if refused else set())  # the role tells it


SCALING = "managed_instance_scaling: {status: %s, min_instance_count: 3, max_instance_count: 4}"


def test_disabled_managed_scaling_is_let_be() -> None:
    ids = ("CFG-32", "CFG-44", "MME-20", "CFG-09")
    assert found(fleet_file(variant=SCALING % "DISABLED"), *ids) == set()
    assert found(fleet_file(multi_model=True, variant=SCALING % "DISABLED"), *ids) == set()
    assert found(fleet_file(variant=SCALING % "ENABLED"), *ids) == {"CFG-32", "CFG-44"}
    assert found(fleet_file(multi_model=True, variant=SCALING % "ENABLED"), *ids) == {"MME-20", "CFG-44"}
    one = "\ninitial_instance_count: 1"
    assert found(fleet_file(variant=SCALING % "DISABLED" + one), *ids) == {"CFG-09"}


class Scaled(Account):
    """An account that answers from fixed answers alone."""

    def __init__(self, **own: object) -> None:
        self.own = {**OWN, **own}
        self.asked = []


AUTOSCALED = "initial_instance_count: 2\ncapacity: autoscaled"


def online(text: str, *ids: str, **own: object) -> set[str]:
    fleet = spec.load_text(text.encode())
    wanted = [rule for rule in rules.all_rules() if rule.id in ids]
    return {f.rule for f in check_online(fleet, graph.compile(fleet), Scaled(**own), wanted) if f.severity != "note"}


def test_nobody_is_missed_where_the_endpoint_is_not_there_yet() -> None:
    text = fleet_file(variant=AUTOSCALED)
    assert online(text, "ASC-23") == {"ASC-23"}
    assert online(text, "ASC-23", DescribeEndpoint=lambda _: {}) == set()
    managed = (
        f"{AUTOSCALED}\nmanaged_instance_scaling: {{status: ENABLED, min_instance_count: 1, max_instance_count: 4}}"
    )
    assert online(fleet_file(variant=managed), "ASC-23") == set()


@pytest.mark.parametrize(
    ("answer", "refused"),
    [
        ({"ModelPackageStatus": "Completed"}, False),  # versions alone are approved
        ({"ModelPackageStatus": "Completed", "ModelApprovalStatus": "Approved"}, False),
        ({"ModelPackageStatus": "Completed", "ModelApprovalStatus": "Rejected"}, True),
        ({"ModelPackageStatus": "InProgress", "ModelApprovalStatus": "Approved"}, True),
        ({}, True),
    ],
)
def test_a_package_must_be_approved_and_complete(answer: dict[str, str], refused: bool) -> None:
    text = fleet_file(container="model_package_name: ranker", without=("image", "model_data_url"))
    assert online(text, "MDL-46", DescribeModelPackage=lambda _: answer) == ({"MDL-46"} if refused else set())


# --- execution roles --------------------------------------------------------------------------------------------------


def _trust(principal: Any, action: Any = "sts:AssumeRole", effect: str = "Allow") -> dict[str, Any]:
    return {"Statement": [{"Effect": effect, "Principal": principal, "Action": action}]}


@pytest.mark.parametrize(
    ("document", "trusts"),
    [
        (_trust({"Service": "sagemaker.amazonaws.com"}), True),
        (
            _trust(
                {"Service": ["ec2.amazonaws.com", "sagemaker.amazonaws.com.cn"]}, ["sts:AssumeRole", "sts:TagSession"]
            ),
            True,
        ),
        (_trust({"Service": "sagemaker.amazonaws.com"}, "sts:*"), True),
        (_trust("*"), True),
        ({"Statement": {"Effect": "Allow", "NotPrincipal": {"AWS": "x"}, "Action": "*"}}, True),
        (_trust({"Service": "ec2.amazonaws.com"}), False),
        (_trust({"AWS": "arn:aws:iam::123456789012:root"}), False),
        (_trust({"Service": "sagemaker.amazonaws.com"}, "sts:TagSession"), False),
        (_trust({"Service": "sagemaker.amazonaws.com"}, effect="Deny"), False),
    ],
)
def test_a_trust_policy_lets_sagemaker_in_or_it_doesnt(document: dict[str, Any], trusts: bool) -> None:
    assert trusts_sagemaker(document) is trusts_sagemaker(quote(json.dumps(document))) is trusts


@pytest.mark.parametrize("document", ["{", None, {}, {"Statement": [1]}])
def test_what_is_no_trust_policy_is_not_judged(document: Any) -> None:
    with pytest.raises(UnknownError):
        trusts_sagemaker(document)


class Iam:
    """IAM's simulation for one role: what is not in `may` is denied. Keeps what was asked."""

    def __init__(self, *may: str) -> None:
        self.may, self.asked = may, []

    def __call__(self, params: Mapping[str, Any]) -> Answer:
        self.asked.append((tuple(params["ActionNames"]), tuple(params["ResourceArns"])))
        return {
            "EvaluationResults": [
                {"EvalActionName": action, "EvalResourceName": arn, "EvalDecision": self._decision(action)}
                for action in params["ActionNames"]
                for arn in params["ResourceArns"]
            ]
        }

    def _decision(self, action: str) -> str:
        return "allowed" if action in self.may else "implicitDeny"


PULL = ("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")


def test_an_image_is_pulled_with_a_token() -> None:
    assert online(fleet_file(), "MDL-47", SimulatePrincipalPolicy=Iam(*PULL)) == {"MDL-47"}
    iam = Iam(*PULL, "ecr:GetAuthorizationToken")
    aws_own = fleet_file(container="image: 763104351884.dkr.ecr.eu-west-1.amazonaws.com/pytorch-inference:2.1")
    assert online(aws_own, "MDL-47", SimulatePrincipalPolicy=iam) == set()
    repository = "arn:aws:ecr:eu-west-1:763104351884:repository/pytorch-inference"
    assert iam.asked == [(PULL, (repository,)), (("ecr:GetAuthorizationToken",), ("*",))]
    through_vpc = fleet_file(container="image_config: {repository_access_mode: Vpc}")
    assert online(through_vpc, "MDL-47", SimulatePrincipalPolicy=Iam()) == set()


def _encrypted(key: str) -> Any:
    chosen = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
    rules = [{"ApplyServerSideEncryptionByDefault": chosen}] if key else []
    return lambda _: {"ServerSideEncryptionConfiguration": {"Rules": rules}}


KEY_ARN = "arn:aws:kms:eu-west-1:123456789012:key/k"
OPEN = json.dumps(_trust({"AWS": "arn:aws:iam::123456789012:role/sagemaker"}, "kms:Decrypt"))
SEALED = json.dumps(_trust({"AWS": "arn:aws:iam::123456789012:root"}, "kms:*"))


@pytest.mark.parametrize(
    ("key", "manager", "policy", "may", "refused"),
    [
        ("", "", SEALED, (), False),
        (KEY_ARN, "AWS", SEALED, (), False),  # aws/s3 lets everybody in by itself
        (KEY_ARN, "CUSTOMER", OPEN, (), False),
        (KEY_ARN, "CUSTOMER", SEALED, ("kms:Decrypt",), False),
        (KEY_ARN, "CUSTOMER", SEALED, (), True),
    ],
)
def test_the_key_of_the_bucket_is_looked_at(key: str, manager: str, policy: str, may: Any, refused: bool) -> None:
    own = {
        "SimulatePrincipalPolicy": Iam("s3:GetObject", *may),
        "GetBucketEncryption": _encrypted(key),
        "DescribeKey": lambda _: {"KeyMetadata": {"KeyId": "k", "Arn": KEY_ARN, "KeyManager": manager}},
        "GetKeyPolicy": lambda _: {"Policy": policy},
    }
    assert online(fleet_file(), "MDL-48", **own) == ({"MDL-48"} if refused else set())


def test_a_prefix_is_listed_and_read_beneath() -> None:
    multi, iam = fleet_file(multi_model=True), Iam("s3:GetObject")
    nothing: dict[str, Any] = {"GetBucketEncryption": _encrypted("")}
    assert online(multi, "MDL-48", SimulatePrincipalPolicy=iam, **nothing) == {"MDL-48"}
    assert iam.asked == [
        (("s3:GetObject",), ("arn:aws:s3:::acme-models/ranker/model.tar.gz",)),
        (("s3:ListBucket",), ("arn:aws:s3:::acme-models",)),
    ]
    assert online(fleet_file(), "MDL-48", SimulatePrincipalPolicy=Iam("s3:GetObject"), **nothing) == set()
