"""Rules about what roles and keys permit (stage `online`: IAM, KMS and SNS; groups KMS, ASY and DEP)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from mmeplan.live.ports import Answer
from mmeplan.resources.base import ApiPath
from mmeplan.rules.artifacts import s3_parts
from mmeplan.rules.examples import ALL_AT_ONCE, blue_green, fleet_file
from mmeplan.rules.facts import Config, FleetFacts
from mmeplan.rules.online import OnlineRule, Question
from mmeplan.rules.policies import BY_IAM, MUTE, Wish, permits, refused, roles_of, simulations

_PREREQUISITES: Final = "Developer Guide, async-inference-create-endpoint-prerequisites"
_TOPIC: Final = "arn:aws:sns:eu-west-1:123456789012:ranker"


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
    given = "The role may do nothing."
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
                wishes.append(Wish(config.resource, path, role, action, arn))
        yield from simulations(wishes)

    def found(self, question: Question, answer: Answer) -> Iterator[str]:
        if question.operation == "SimulatePrincipalPolicy":
            yield from refused(question, answer)
        elif not answer:
            yield f"there is no topic {question.value!r}"


def _targets(config: Config) -> Iterator[tuple[Config, ApiPath, str, str]]:
    """(config, path, action, bucket and key or topic) for everything that asynchronous inference writes to."""
    output = (config.request.get("AsyncInferenceConfig") or {}).get("OutputConfig") or {}
    at: ApiPath = ("AsyncInferenceConfig", "OutputConfig")
    for member in ("S3OutputPath", "S3FailurePath"):
        bucket, key = s3_parts(output.get(member))
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


class RoleReadsAlarms(OnlineRule):
    id = "DEP-20"
    title = "The role may read the rollback alarms"
    severity = "warning"
    basis = "doc"
    source = "Developer Guide, deployment-guardrails-configuration: cloudwatch:DescribeAlarms"
    why = f"SageMaker watches alarms with the endpoint's role; without the permission nothing is rolled back. {BY_IAM}"
    fix = "Grant the execution role cloudwatch:DescribeAlarms on the alarms."
    reads = ("SimulatePrincipalPolicy",)
    absent = ("NoSuchEntity",)
    given = "The role may do nothing."
    bad = blue_green(ALL_AT_ONCE, model=MUTE).replace(
        "{alarm_name: ranker-5xx}]}", "{alarm_name: ranker-5xx}]}  # here"
    )
    good = blue_green(ALL_AT_ONCE)

    def questions(self, facts: FleetFacts) -> Iterator[Question]:
        return simulations(_alarm_wishes(facts))

    def found(self, question: Question, answer: Answer) -> Iterator[str]:
        yield from refused(question, answer)


def _alarm_wishes(facts: FleetFacts) -> Iterator[Wish]:
    for endpoint in facts.endpoints.values() if facts.scope.region else ():
        for index, alarm in enumerate(endpoint.deployment.alarms if endpoint.deployment else ()):
            path = ("DeploymentConfig", "AutoRollbackConfiguration", "Alarms", index, "AlarmName")
            for role in roles_of(endpoint.config) if endpoint.config and alarm.get("AlarmName") else ():
                arn = f"arn:{role.partition}:cloudwatch:{facts.scope.region}:{role.account}:alarm:{alarm['AlarmName']}"
                yield Wish(endpoint.resource, path, role, "cloudwatch:DescribeAlarms", arn)


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


RULES: Final = (KeyPermitsGrants(), RoleWritesAndNotifies(), RoleReadsAlarms())
