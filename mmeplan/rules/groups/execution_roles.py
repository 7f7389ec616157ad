"""What an execution role must be allowed before a container starts: be assumed, pull the image, read the archive.

The most frequent failures of first deployments (ARN-04, MDL-47, MDL-48): CreateModel or the endpoint fails with a
message that names the role, and none of its permissions.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from mmeplan.kinds.resource import ApiPath, Resource
from mmeplan.live.ports import Answer
from mmeplan.rules.artifacts import Artifact, additional_sources, artifacts
from mmeplan.rules.examples import fleet_file
from mmeplan.rules.facts import Config, FleetFacts, Model
from mmeplan.rules.images import repository_arn
from mmeplan.rules.online import OnlineRule, Question
from mmeplan.rules.policies import BY_IAM, Role, Wish, permits, refused, role_of, simulations, trusts_sagemaker

_ROLES: Final = "Developer Guide, sagemaker-roles: CreateModel API, execution role permissions"
_PULL: Final = ("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")
_TOKEN: Final = ("ecr:GetAuthorizationToken",)
_ANYTHING: Final = "*"
_SAMPLE: Final = "model.tar.gz"  # stands for what lies beneath a prefix


def _role(name: str) -> str:
    return f"execution_role_arn: arn:aws:iam::123456789012:role/{name}"


class RoleIsAssumable(OnlineRule):
    id = "ARN-04"
    title = "SageMaker may assume an execution role"
    severity = "error"
    basis = "inf"
    source = f"{_ROLES}; IAM User Guide, id_roles_terms-and-concepts: trust policy"
    why = (
        "Without sagemaker.amazonaws.com among the principals of the role's trust policy CreateModel or the endpoint "
        "fails. Conditions of the policy aren't evaluated."
    )
    fix = "Let the service sagemaker.amazonaws.com do sts:AssumeRole in the role's trust policy."
    reads = ("GetRole",)
    absent = ("NoSuchEntity",)
    given = "The role's trust policy lets in EC2 alone."
    bad = fleet_file(model=_role("of-ec2") + "  # here")
    good = fleet_file()

    def questions(self, facts: FleetFacts) -> Iterator[Question]:
        holders: list[Model | Config] = [*facts.models.values(), *facts.configs.values()]
        for holder in holders:
            role = role_of(holder.request)
            if role is not None and facts.scope.account in (None, role.account):
                params = {"RoleName": role.arn.rpartition("/")[2]}
                yield Question(holder.resource, ("ExecutionRoleArn",), role.arn, "GetRole", params)

    def found(self, question: Question, answer: Answer) -> Iterator[str]:
        if not answer:
            yield f"there is no role {question.value!r}"
        elif not trusts_sagemaker((answer.get("Role") or {}).get("AssumeRolePolicyDocument")):
            yield f"the trust policy of {question.value!r} doesn't let sagemaker.amazonaws.com assume it"


def _again(question: Question, actions: tuple[str, ...], arn: str) -> Iterator[Question]:
    """Ask what the same role may besides."""
    role = role_of({"ExecutionRoleArn": question.wanted[0]})
    if role is not None:
        yield from simulations([Wish(question.resource, question.path, role, actions, arn)])


class RolePullsImage(OnlineRule):
    id = "MDL-47"
    title = "The role may pull the image"
    severity = "warning"
    basis = "doc"
    source = f'{_ROLES}; CreateEndpoint answers "ensure that … the execution role … has permissions to access them"'
    why = (
        "The image is pulled with the model's role, AWS's own images too. What the policy of another account's "
        f"repository refuses isn't seen. {BY_IAM}"
    )
    fix = f"Grant the role {', '.join(_PULL)} on the repository, and {_TOKEN[0]}."
    reads = ("SimulatePrincipalPolicy",)
    absent = ("NoSuchEntity",)
    given = "The role may do nothing in ECR."
    bad = fleet_file(
        model=_role("no-images"), container="image: 123456789012.dkr.ecr.eu-west-1.amazonaws.com/ranker:1.4  # here"
    )
    good = fleet_file()

    def questions(self, facts: FleetFacts) -> Iterator[Question]:
        wishes = []
        for model in facts.models.values():
            role = role_of(model.request)
            for container in model.containers if role else ():
                arn = repository_arn(container, role.partition) if role else ""
                if role and arn and not container.reads_through_vpc:
                    wishes.append(Wish(model.resource, (*container.path, "Image"), role, _PULL, arn))
        return simulations(wishes)

    def found(self, question: Question, answer: Answer) -> Iterator[str | Question]:
        wrong = list(refused(question, answer))
        yield from wrong
        if not wrong and question.wanted[1] == _PULL:
            yield from _again(question, _TOKEN, _ANYTHING)


_KEY_READS: Final = ("GetBucketEncryption", "DescribeKey", "GetKeyPolicy")


def _bucket_key(answer: Answer) -> str:
    """The key with which a bucket encrypts by default, where it is one of KMS."""
    rules = (answer.get("ServerSideEncryptionConfiguration") or {}).get("Rules") or ()
    defaults: list[dict[str, Any]] = [rule.get("ApplyServerSideEncryptionByDefault") or {} for rule in rules]
    return next((str(default["KMSMasterKeyID"]) for default in defaults if default.get("KMSMasterKeyID")), "")


class RoleReadsArchive(OnlineRule):
    id = "MDL-48"
    title = "The role may read the model's data, and use its key"
    severity = "warning"
    basis = "doc"
    source = f'{_ROLES}; CreateModel answers "Could not access model data … ensure that the role has s3:GetObject"'
    why = (
        "Model data is downloaded with the model's role: s3:GetObject, s3:ListBucket for a prefix, and kms:Decrypt for "
        "the key with which the bucket encrypts by default (of an object that has another key nothing is known; AWS's "
        f"own key aws/s3 needs no permission). {BY_IAM}"
    )
    fix = "Grant the role these actions on the object or prefix, the bucket, and the key (in its policy or the role's)."
    reads = ("SimulatePrincipalPolicy", *_KEY_READS)
    absent = (
        *("NoSuchEntity", "NoSuchBucket", "NotFoundException"),
        "ServerSideEncryptionConfigurationNotFoundError",
    )
    given = "The role may do nothing in S3."
    bad = fleet_file(model=_role("no-archives"), container="model_data_url: s3://acme-models/ranker.tar.gz  # here")
    good = fleet_file()

    def questions(self, facts: FleetFacts) -> Iterator[Question]:
        wishes, keys = [], []
        for model in facts.models.values():
            role = role_of(model.request)
            loaded = (*artifacts(model.containers), *additional_sources(model.containers))
            for artifact in loaded if role else ():
                if role is not None:
                    wishes.append(_reading(model.resource, artifact, role))
                    keys.append(_key_of(model.resource, artifact, role))
        yield from simulations(wishes)
        yield from keys

    def found(self, question: Question, answer: Answer) -> Iterator[str | Question]:
        if question.operation == "SimulatePrincipalPolicy":
            wrong = list(refused(question, answer))
            yield from wrong
            bucket = question.wanted[2] if len(question.wanted) > 2 else ""
            if bucket and not wrong:
                yield from _again(question, ("s3:ListBucket",), bucket)
            return
        (role,) = question.wanted[:1]
        if question.operation == "GetBucketEncryption":
            key_id = _bucket_key(answer)
            if key_id:
                yield replace(question, operation="DescribeKey", params={"KeyId": key_id})
        elif question.operation == "DescribeKey":
            key = answer.get("KeyMetadata") or {}
            if key and key.get("KeyManager") != "AWS":
                params = {"KeyId": key["KeyId"], "PolicyName": "default"}
                yield replace(question, operation="GetKeyPolicy", params=params, wanted=(role, key["Arn"]))
        elif not permits(str(answer.get("Policy") or "{}"), "kms:Decrypt", question.wanted[1], (role.arn,)):
            wish = Wish(question.resource, question.path, role, ("kms:Decrypt",), question.wanted[1])
            yield from simulations([wish])


def _reading(resource: Resource, artifact: Artifact, role: Role) -> Wish:
    """The object, or something beneath the prefix. Of a prefix the bucket's ARN is kept: its listing is asked next."""
    bucket = f"arn:{role.partition}:s3:::{artifact.bucket}"
    whole = artifact.is_prefix or artifact.container.multi_model
    arn = f"{bucket}/{artifact.key}{_SAMPLE if whole else ''}"
    return Wish(resource, artifact.path, role, ("s3:GetObject",), arn, (bucket,) if whole else ())


def _key_of(resource: Resource, artifact: Artifact, role: Role) -> Question:
    path: ApiPath = artifact.path
    return Question(resource, path, artifact.uri, "GetBucketEncryption", {"Bucket": artifact.bucket}, wanted=(role,))
