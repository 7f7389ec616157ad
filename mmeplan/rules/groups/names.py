"""Names, tags, roles and keys (NAM, TAG, ARN and KMS)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from mmeplan.aws.constraints import full_match
from mmeplan.aws.shapes import service
from mmeplan.kinds import kind_named
from mmeplan.kinds.resource import ApiPath, Resource
from mmeplan.live.ports import Answer
from mmeplan.rules.examples import PREDICT, PREPARE, ROLE, fleet_file
from mmeplan.rules.facts import Config, FleetFacts, Model, Scope, arn_of, lies_elsewhere
from mmeplan.rules.online import OnlineRule, Question
from mmeplan.rules.policies import permits, roles_of
from mmeplan.rules.rule import Constraints, FleetHit, Hit, Rule, ShapeRule

_TWO_ENTRIES: Final = """
    ranker:
      primary_container: {image: 123456789012.dkr.ecr.eu-west-1.amazonaws.com/ranker:1.4}
      execution_role_arn: arn:aws:iam::123456789012:role/sagemaker
      name: ranker-production
    ranker-next:
      primary_container: {image: 123456789012.dkr.ecr.eu-west-1.amazonaws.com/ranker:1.5}
      execution_role_arn: arn:aws:iam::123456789012:role/sagemaker
      name: %s
"""

_BOTH_USED: Final = """
    main: {model: ranker, instance_type: ml.m5.xlarge, initial_instance_count: 2}
    next: {model: ranker-next, instance_type: ml.m5.xlarge, initial_instance_count: 2}
"""


def _by_name(facts: FleetFacts) -> dict[tuple[str, str], list[Resource]]:
    """Resources by kind and lower-cased physical name, each list by address."""
    found: dict[tuple[str, str], list[Resource]] = {}
    for resource in facts.resources():
        found.setdefault((resource.kind, resource.physical_name.lower()), []).append(resource)
    return found


class OneName(Rule):
    id = "NAM-06"
    title = "Two resources of one kind have different names"
    severity = "error"
    basis = "obs"
    source = (
        "botocore sagemaker/2017-07-24, CreateEndpoint: the name must be unique within an AWS Region in your account; "
        'the service answers "Cannot create already existing endpoint", "… endpoint configuration", "… model"'
    )
    why = (
        "Names are unique per kind, account and region: the second create would be refused, or would mean "
        "the first object."
    )
    fix = "Pin another `name:`, or drop it and let mmeplan choose one."
    bad = fleet_file(models=_TWO_ENTRIES % "ranker-production  # here", variants=_BOTH_USED)
    good = fleet_file(models=_TWO_ENTRIES % "ranker-candidate", variants=_BOTH_USED)

    def fleet(self, facts: FleetFacts) -> Iterator[FleetHit]:
        for (kind, _), resources in _by_name(facts).items():
            first: dict[str, Resource] = {}
            for resource in resources if len(resources) > 1 else ():
                other = first.setdefault(resource.physical_name, resource)
                if other is not resource:
                    message = (
                        f"`{resource.address}` has the name {resource.physical_name!r}, which is {other.address}'s"
                    )
                    yield resource, (kind_named(kind).name_member,), message


class NameByCase(Rule):
    id = "NAM-07"
    title = "Names of one kind differ by more than letter case"
    severity = "error"
    basis = "inf"
    source = "botocore sagemaker/2017-07-24, CreateEndpointInput.EndpointName: case-insensitive in CreateEndpoint"
    why = "SageMaker lower-cases names in ARNs and compares them without case, so that the two would be one."
    fix = "Choose names that differ in their letters."
    bad = fleet_file(models=_TWO_ENTRIES % "Ranker-Production  # here", variants=_BOTH_USED)
    good = fleet_file(models=_TWO_ENTRIES % "ranker-candidate", variants=_BOTH_USED)

    def fleet(self, facts: FleetFacts) -> Iterator[FleetHit]:
        for (kind, _), resources in _by_name(facts).items():
            names = {resource.physical_name for resource in resources} if len(resources) > 1 else set()
            for resource in resources[1:] if len(names) > 1 else ():
                other = resources[0]
                if resource.physical_name != other.physical_name:
                    message = (
                        f"{resource.physical_name!r} and {other.address}'s {other.physical_name!r} differ by case only"
                    )
                    yield resource, (kind_named(kind).name_member,), message


class HostedModelHasRole(Rule):
    id = "ARN-02"
    title = "A model that a variant hosts has an execution role"
    severity = "error"
    basis = "conf"
    source = "API reference CreateModel: ExecutionRoleArn (required in older revisions, optional in the current shape)"
    why = (
        "Without a role the container may read neither its artifact nor its image. Only inference-component endpoints "
        "take the role from the endpoint config."
    )
    fix = "Set `execution_role_arn` on the model, or once for all under `defaults: {model: …}`."
    bad = fleet_file(without=("execution_role_arn",)).replace("  ranker:\n", "  ranker:  # here\n", 1)
    good = fleet_file()

    def model(self, model: Model) -> Iterator[Hit]:
        if model.variants and not model.request.get("ExecutionRoleArn"):
            hosts = model.variants[0].owner.resource.address
            yield (), f"`{model.resource.address}` has no `execution_role_arn`, but {hosts} hosts it"


_ARN = re.compile(r"arn:([a-z-]+):[a-z0-9-]+:[a-z0-9-]*:([0-9]{12})?:")


def _foreign(arn: Any, scope: Scope, *, same_account: bool) -> str:
    """What about an ARN doesn't fit the fleet's partition or account; empty where it fits or can't be known."""
    match = _ARN.match(arn) if isinstance(arn, str) else None
    if match is None:
        return ""
    partition, account = match.groups()
    if scope.partition is not None and partition != scope.partition:
        return f"is in the partition {partition}, but {scope.region} is in {scope.partition}"
    if same_account and account and scope.account is not None and account != scope.account:
        return f"is of the account {account}, but the fleet is bound to {scope.account}"
    return ""


_VOLUME_KEY: Final[ApiPath] = ("KmsKeyId",)


def _keys(config: Config) -> Iterator[tuple[ApiPath, str]]:
    """The keys that a config names: of volumes, captured data, asynchronous answers and core dumps."""
    named: list[tuple[ApiPath, Any]] = [
        (_VOLUME_KEY, config.request.get("KmsKeyId")),
        (("DataCaptureConfig", "KmsKeyId"), config.capture.get("KmsKeyId")),
        (("AsyncInferenceConfig", "OutputConfig", "KmsKeyId"), config.async_output.get("KmsKeyId")),
    ]
    for variant in config.variants:
        if "CoreDumpConfig" in variant.spec:
            path = (*variant.path, "CoreDumpConfig", "KmsKeyId")
            named.append((path, variant.spec["CoreDumpConfig"].get("KmsKeyId")))
    return ((path, key) for path, key in named if isinstance(key, str) and key)


def _arns(config: Config) -> Iterator[tuple[ApiPath, Any]]:
    """Keys and topics of a config."""
    yield from _keys(config)
    topics = config.async_output.get("NotificationConfig") or {}
    for member in ("SuccessTopic", "ErrorTopic"):
        yield ("AsyncInferenceConfig", "OutputConfig", "NotificationConfig", member), topics.get(member)


class ArnFitsTheFleet(Rule):
    id = "ARN-03"
    title = "Roles, keys and topics are of the fleet's partition, roles of its account"
    severity = "warning"
    basis = "inf"
    source = (
        "botocore sagemaker/2017-07-24, shapes RoleArn, KmsKeyId, SnsTopicArn; IAM User Guide: PassRole is per account"
    )
    why = "ARNs don't work across partitions, and SageMaker can't be passed a role of another account."
    fix = "Use the ARN of this account and partition; a variable per environment keeps them apart."
    bad = fleet_file(model="execution_role_arn: arn:aws:iam::210987654321:role/sagemaker  # here")
    good = fleet_file(model=f"execution_role_arn: {ROLE}")

    def model(self, model: Model) -> Iterator[Hit]:
        wrong = _foreign(model.request.get("ExecutionRoleArn"), model.scope, same_account=True)
        if wrong:
            yield ("ExecutionRoleArn",), f"the execution role {wrong}"

    def config(self, config: Config) -> Iterator[Hit]:
        role = _foreign(config.request.get("ExecutionRoleArn"), config.scope, same_account=True)
        if role:
            yield ("ExecutionRoleArn",), f"the execution role {role}"
        for path, arn in _arns(config):
            wrong = _foreign(arn, config.scope, same_account=False)
            if wrong:
                yield path, f"`{arn}` {wrong}"


_KEY_ID = r"(mrk-[0-9a-f]{32}|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})"
_KEY_FORMS = re.compile(rf"{_KEY_ID}|alias/.+|arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{{12}}:(key/{_KEY_ID}|alias/.+)")


class KeyForm(Rule):
    id = "KMS-01"
    title = "A KMS key is given in one of the four documented forms"
    severity = "error"
    basis = "doc"
    source = "botocore sagemaker/2017-07-24, CreateEndpointConfigInput.KmsKeyId"
    quote = "The KmsKeyId can be any of the following formats:"
    why = (
        "The service takes a key id, a key ARN, `alias/NAME` or an alias ARN; anything else fails when the "
        "volume is made."
    )
    fix = "Write alias/NAME, or the key's ARN."
    bad = fleet_file(config="kms_key_id: ranker-key  # here")
    good = fleet_file(config="kms_key_id: alias/ranker-key")
    constraints = Constraints(shapes=("KmsKeyId",))

    def config(self, config: Config) -> Iterator[Hit]:
        of_the_shape = full_match(service().shapes["KmsKeyId"]["pattern"])
        for path, key in _keys(config):
            if of_the_shape(key) and not _KEY_FORMS.fullmatch(key):  # the shape's own finding says the rest
                yield path, f"{key!r} is neither a key id, a key ARN, alias/NAME nor an alias ARN"


_REGIONAL: Final = (
    "KMS Developer Guide, concepts: a key is used in its own region; Amazon S3 User Guide, UsingKMSEncryption"
)


class VolumeKeyInRegion(Rule):
    id = "KMS-03"
    title = "A volume's key lies in the fleet's region"
    severity = "error"
    basis = "inf"
    source = _REGIONAL
    why = "Volumes are encrypted by a key of their own region; the endpoint fails after minutes with one of another."
    fix = "Name the key of this region: `alias/NAME` is looked up in the endpoint's own, `{{ region }}` in an ARN too."
    bad = fleet_file(config="kms_key_id: arn:aws:kms:us-east-1:123456789012:alias/ranker  # here")
    good = fleet_file(config="kms_key_id: arn:aws:kms:eu-west-1:123456789012:alias/ranker")
    members = ("KmsKeyId",)

    def config(self, config: Config) -> Iterator[Hit]:
        key = arn_of("kms", config.request["KmsKeyId"])
        if key and key.region and config.scope.region not in (None, key.region):
            yield _VOLUME_KEY, lies_elsewhere("key", key.region, config.scope.region)


class KeyOfTheFleet(Rule):
    id = "KMS-04"
    title = "Keys are of the fleet's account, and those of data in S3 of its region"
    severity = "warning"
    basis = "inf"
    source = _REGIONAL
    why = (
        "What is captured, answered or dumped is encrypted by S3, with a key of the bucket's region. A key of another "
        "account works where both its policy and the role's own let the role use it."
    )
    fix = "Name a key of this account and region, or allow this with the reason."
    bad = fleet_file(
        config="async_inference_config: {output_config: {s3_output_path: s3://acme/out, "
        "kms_key_id: 'arn:aws:kms:us-east-1:123456789012:alias/ranker'}}  # here"
    )
    good = fleet_file(
        config="async_inference_config: {output_config: {s3_output_path: s3://acme/out, kms_key_id: alias/ranker}}"
    )

    def config(self, config: Config) -> Iterator[Hit]:
        scope = config.scope
        for path, text in _keys(config):
            key = arn_of("kms", text)
            if key is None:
                continue
            if path != _VOLUME_KEY and key.region and scope.region not in (None, key.region):
                yield path, lies_elsewhere("key", key.region, scope.region)
            if scope.account not in (None, key.account):
                yield path, f"the key is of the account {key.account}, but the fleet is bound to {scope.account}"


def _usable(question: Question, answer: Answer) -> Iterator[str | Question]:
    (roles,) = question.wanted
    key = answer.get("KeyMetadata") or {}
    state = key.get("KeyState")
    if not key:
        yield f"there is no key {question.value!r} in this account and region"
    elif state and state != "Enabled":
        yield f"the key {question.value!r} is {state}, and encrypts nothing"
    else:
        account = str(key.get("AWSAccountId") or "")
        arn = str(key["Arn"])
        root = f"arn:{arn.split(':')[1]}:iam::{account}:root"
        params = {"KeyId": key["KeyId"], "PolicyName": "default"}
        extra = (arn, (account, root, *roles))
        yield replace(question, operation="GetKeyPolicy", params=params, wanted=extra)


def _principal(caller: str) -> tuple[str, ...]:
    """A caller as key policies name it: of an assumed role's session, the session and the role."""
    parts = caller.split(":")
    if len(parts) != 6 or not parts[5].startswith("assumed-role/"):
        return (caller,) if caller else ()
    return caller, f"arn:{parts[1]}:iam::{parts[4]}:role/{parts[5].split('/')[1]}"


class KeyPermitsGrants(OnlineRule):
    id = "KMS-02"
    title = "A volume's key is usable, and its policy permits grants"
    severity = "warning"
    basis = "doc"
    source = "botocore sagemaker/2017-07-24, CreateEndpointConfigInput.KmsKeyId: grants, and the key's policy"
    why = (
        "SageMaker makes grants on the key, for which the key's own policy must let somebody in: the account (then IAM "
        "decides), the execution role, or the caller. Without them the endpoint fails. Conditions aren't evaluated."
    )
    fix = "Allow kms:CreateGrant in the key's policy, or name another key."
    reads = ("DescribeKey", "GetKeyPolicy", "GetCallerIdentity")
    absent = ("NotFoundException",)
    given = "The key's policy lets in one other role only."
    bad = fleet_file(config="kms_key_id: alias/acme-sealed  # here")
    good = fleet_file(config="kms_key_id: alias/acme-volumes")

    def questions(self, facts: FleetFacts) -> Iterator[Question]:
        for config in facts.configs.values():
            key = config.request.get("KmsKeyId")
            if key:
                params = {"KeyId": key}
                roles = tuple(role.arn for role in roles_of(config))
                yield Question(config.resource, ("KmsKeyId",), key, "DescribeKey", params, wanted=(roles,))

    def found(self, question: Question, answer: Answer) -> Iterator[str | Question]:
        if question.operation == "DescribeKey":
            yield from _usable(question, answer)
        elif question.operation == "GetKeyPolicy":
            arn, principals = question.wanted
            policy = str(answer.get("Policy") or "{}")
            if not permits(policy, "kms:CreateGrant", arn, principals):
                extra = (arn, principals, policy)
                yield replace(question, operation="GetCallerIdentity", params={}, wanted=extra)
        else:
            arn, principals, policy = question.wanted
            caller = _principal(str(answer.get("Arn") or ""))
            if not permits(policy, "kms:CreateGrant", arn, (*principals, *caller)):
                yield (
                    f"the policy of the key {question.value!r} lets neither the account, nor the execution role, nor "
                    "the caller create grants"
                )


_LONG: Final = "x" * 64

SHAPES: Final = (
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
)
