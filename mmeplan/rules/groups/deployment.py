"""Deployment guardrails: policies, sizes, times and alarms (DEP).

Sizes are percentages or instances. Those in instances are held against each variant whose count the file knows; the
counts of autoscaled variants are somebody else's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from math import ceil
from typing import Any, Final

from mmeplan.kinds.resource import ApiPath
from mmeplan.live.ports import Answer
from mmeplan.rules.examples import ALARMS, ALL_AT_ONCE, BIGGER, CANARY, blue_green, fleet_file, rolling
from mmeplan.rules.facts import Deployment, Endpoint, FleetFacts
from mmeplan.rules.online import OnlineRule, Question
from mmeplan.rules.planned import PlannedFleet, PlanRule
from mmeplan.rules.policies import BY_IAM, MUTE, MUTE_MAY, Wish, refused, roles_of, simulations
from mmeplan.rules.rule import Constraints, FleetHit, Hit, Rule, ShapeRule

_EXCLUSIONS: Final = "Developer Guide, deployment-guardrails-exclusions"
_ROLLING: Final = "{maximum_batch_size: {type: INSTANCE_COUNT, value: 1}, wait_interval_in_seconds: 60}"
_GOOD: Final = blue_green(CANARY, variant="initial_instance_count: 4")
_CANARY: Final = "{type: CANARY, canary_size: {type: %s, value: %s}, wait_interval_in_seconds: 60}%s"
_FOUR: Final = "initial_instance_count: 4"
_ALARMS: Final = "Developer Guide, deployment-guardrails-configuration; botocore AutoRollbackConfig.Alarms"
_GOOD_BLUE_GREEN: Final = blue_green(ALL_AT_ONCE, rest="termination_wait_in_seconds: 120")


class OnePolicy(Rule):
    id = "DEP-01"
    title = "A deployment has one update policy"
    severity = "error"
    basis = "doc"
    source = "botocore sagemaker/2017-07-24, DeploymentConfig: only one update policy"
    quote = "Only one update policy should be used in the deployment configuration."
    why = "Blue/green and rolling updates exclude each other."
    fix = "Keep `blue_green_update_policy` or `rolling_update_policy`."
    bad = blue_green(ALL_AT_ONCE, deployment=f"rolling_update_policy: {_ROLLING}\n{ALARMS}").replace(
        "    deployment_config:", "    deployment_config:  # here"
    )
    good = _GOOD
    members = ("DeploymentConfig",)

    def endpoint(self, endpoint: Endpoint) -> Iterator[Hit]:
        given = endpoint.request["DeploymentConfig"]
        if given.get("BlueGreenUpdatePolicy") is not None and given.get("RollingUpdatePolicy") is not None:
            yield ("DeploymentConfig",), "a blue/green and a rolling update policy in one deployment"


_TYPES: Final = "botocore sagemaker/2017-07-24, shape TrafficRoutingConfig"


class SizeFitsType(Rule):
    id = "DEP-04"
    title = "A canary has a canary size, a linear update a step size, and no other type has either"
    severity = "error"
    basis = "inf"
    source = f"{_TYPES}; Developer Guide, deployment-guardrails-blue-green-canary and -linear"
    why = (
        "A canary without a size has no first step, and a size of the other type says nothing. The shape requires "
        "neither, so that botocore sends it."
    )
    fix = "CANARY takes `canary_size`, LINEAR `linear_step_size`, ALL_AT_ONCE none."
    bad = blue_green("{type: CANARY, wait_interval_in_seconds: 300}  # here")
    good = _GOOD
    members = ("DeploymentConfig",)

    def endpoint(self, endpoint: Endpoint) -> Iterator[Hit]:
        policy = endpoint.request["DeploymentConfig"].get("BlueGreenUpdatePolicy") or {}
        routing = policy.get("TrafficRoutingConfiguration") or {}
        kind = routing.get("Type")
        if kind not in ("ALL_AT_ONCE", "CANARY", "LINEAR"):
            return
        path = ("DeploymentConfig", "BlueGreenUpdatePolicy", "TrafficRoutingConfiguration")
        for owner, member, key in (
            ("CANARY", "CanarySize", "canary_size"),
            ("LINEAR", "LinearStepSize", "linear_step_size"),
        ):
            given = routing.get(member) is not None
            if kind == owner and not given:
                yield path, f"`{kind}` needs `{key}`"
            elif kind != owner and given:
                yield (*path, member), f"`{kind}` takes no `{key}`"


def _outside(endpoint: Endpoint, deployment: Deployment, least: int, most: int) -> Iterator[str]:
    """Why the size is not between two percentages of the fleet."""
    percent, instances = deployment.percent, deployment.instances
    allowed = f"at most {most} %" if least <= 0 else f"{least} to {most} %"
    if percent is not None:
        if percent < least or percent > most:
            yield f"{percent} % of the fleet; {allowed} work"
        return
    for name, count in endpoint.counts() if instances is not None else ():
        share = 100 * (instances or 0)
        if share < least * count or share > most * count:
            yield f"{instances} of the {count} instances of {name!r}; {allowed} work"


class SizeOfRouting(Rule):
    """The size of one routing: from `least_percent` to half of every variant's instances; `noun` says it in words."""

    severity = "error"
    basis = "doc"
    members = ("DeploymentConfig",)
    routing: str
    least_percent: int
    noun: str

    def endpoint(self, endpoint: Endpoint) -> Iterator[Hit]:
        deployment = endpoint.deployment
        if deployment is not None and deployment.routing == self.routing:
            for reason in _outside(endpoint, deployment, self.least_percent, 50):
                yield (*deployment.size_path, "Value"), f"the {self.noun} is {reason}"


class CanaryIsHalf(SizeOfRouting):
    id = "DEP-06"
    title = "A canary is at most half of the fleet"
    source = "botocore sagemaker/2017-07-24, TrafficRoutingConfig.CanarySize"
    quote = "Value must be less than or equal to 50% of the variant's total instance count."
    why = "The service takes a canary of up to 50 % of each variant's instances."
    fix = "Lower the canary's size, or use ALL_AT_ONCE, which takes no size."
    bad = blue_green(_CANARY % ("INSTANCE_COUNT", 3, "  # here"), variant=_FOUR)
    good = blue_green(_CANARY % ("INSTANCE_COUNT", 2, ""), variant=_FOUR)
    routing = "CANARY"
    least_percent = 0
    noun = "canary"


_LINEAR: Final = "{type: LINEAR, linear_step_size: {type: %s, value: %s}, wait_interval_in_seconds: 60}%s"


class StepIsTenthToHalf(SizeOfRouting):
    id = "DEP-07"
    title = "A linear step is a tenth to a half of the fleet"
    source = "botocore sagemaker/2017-07-24, TrafficRoutingConfig.LinearStepSize"
    quote = "Value must be 10-50% of the variant's total instance count."
    why = "The service takes steps of 10 to 50 % of each variant's instances."
    fix = "Choose a step within these bounds."
    bad = blue_green(_LINEAR % ("CAPACITY_PERCENT", 60, "  # here"), variant=_FOUR)
    good = blue_green(_LINEAR % ("CAPACITY_PERCENT", 25, ""), variant=_FOUR)
    routing = "LINEAR"
    least_percent = 10
    noun = "step"


def _steps(deployment: Deployment, counts: list[int]) -> int | None:
    """How many waits an update takes at most; None where the size or the counts aren't known."""
    if deployment.routing in ("ALL_AT_ONCE", ""):
        return 0
    if deployment.routing == "CANARY":
        return 1
    if deployment.percent:
        return ceil(100 / deployment.percent)
    if deployment.instances and counts:
        return ceil(max(counts) / deployment.instances)
    return None


def _waiting_s(endpoint: Endpoint) -> int | None:
    """The seconds that the endpoint's update spends waiting; None where they can't be known."""
    deployment = endpoint.deployment
    if deployment is None or deployment.timeout_s is None:
        return None
    steps = _steps(deployment, [count for _, count in endpoint.counts()])
    return None if steps is None else steps * deployment.wait_s + deployment.termination_wait_s


class TimeoutAboveWaits(Rule):
    id = "DEP-10"
    title = "The maximum execution timeout is longer than all waiting"
    severity = "error"
    basis = "doc"
    source = "botocore sagemaker/2017-07-24, BlueGreenUpdatePolicy.MaximumExecutionTimeoutInSeconds"
    quote = (
        "Note that the timeout value should be larger than the total waiting time specified in "
        "TerminationWaitInSeconds and WaitIntervalInSeconds."
    )
    why = "An update that waits longer than it may last always ends in a rollback, however good the new version is."
    fix = "Raise the timeout, or wait less."
    bad = blue_green(
        "{type: LINEAR, linear_step_size: {type: CAPACITY_PERCENT, value: 10}, wait_interval_in_seconds: 600}",
        rest="maximum_execution_timeout_in_seconds: 3600  # here",
        variant="initial_instance_count: 10",
    )
    good = blue_green(
        "{type: LINEAR, linear_step_size: {type: CAPACITY_PERCENT, value: 10}, wait_interval_in_seconds: 600}",
        rest="maximum_execution_timeout_in_seconds: 14400",
        variant="initial_instance_count: 10",
    )
    members = ("DeploymentConfig",)

    def endpoint(self, endpoint: Endpoint) -> Iterator[Hit]:
        waiting, deployment = _waiting_s(endpoint), endpoint.deployment
        if waiting is not None and deployment and deployment.timeout_s is not None and deployment.timeout_s <= waiting:
            path = (*deployment.policy, "MaximumExecutionTimeoutInSeconds")
            yield path, f"the update may last {deployment.timeout_s} s, but waits {waiting} s"


PROVISIONING_S: Final = 15 * 60  # what a new fleet commonly takes to come InService, beside all waiting


class TimeToProvision(Rule):
    id = "DEP-11"
    title = "The maximum execution timeout leaves time to start instances"
    severity = "warning"
    basis = "inf"
    source = "Developer Guide, deployment-guardrails-blue-green; provisioning commonly takes several minutes"
    why = (
        "The timeout counts from the start of the update: instances, images and models must come up within it as well."
    )
    fix = "Leave a quarter of an hour beyond all waiting."
    bad = blue_green(
        CANARY, rest="maximum_execution_timeout_in_seconds: 900  # here", variant="initial_instance_count: 4"
    )
    good = blue_green(CANARY, rest="maximum_execution_timeout_in_seconds: 3600", variant="initial_instance_count: 4")
    members = ("DeploymentConfig",)

    def endpoint(self, endpoint: Endpoint) -> Iterator[Hit]:
        waiting, deployment = _waiting_s(endpoint), endpoint.deployment
        if waiting is None or deployment is None or deployment.timeout_s is None:
            return
        left = deployment.timeout_s - waiting
        if 0 < left < PROVISIONING_S:
            path = (*deployment.policy, "MaximumExecutionTimeoutInSeconds")
            yield path, f"beyond {waiting} s of waiting the update has {left} s to start the new fleet"


_BATCH: Final = "{maximum_batch_size: {type: %s, value: %s}, wait_interval_in_seconds: 60}%s"


class BatchIsTwentiethToHalf(SizeOfRouting):
    id = "DEP-13"
    title = "A rolling batch is a twentieth to a half of the fleet"
    source = "botocore sagemaker/2017-07-24, RollingUpdatePolicy.MaximumBatchSize"
    quote = "Value must be between 5% to 50% of the variant's total instance count."
    why = "The service takes batches of 5 to 50 % of the variant's instances."
    fix = "Choose a batch within these bounds."
    bad = rolling(_BATCH % ("INSTANCE_COUNT", 3, "  # here"), variant=_FOUR)
    good = rolling(_BATCH % ("INSTANCE_COUNT", 2, ""), variant=_FOUR)
    routing = "ROLLING"
    least_percent = 5
    noun = "batch"


class RollbackBatch(Rule):
    id = "DEP-14"
    title = "A rollback batch is at most the whole fleet"
    severity = "error"
    basis = "inf"
    source = "botocore sagemaker/2017-07-24, RollingUpdatePolicy.RollbackMaximumBatchSize"
    why = "There is no more to bring back than the whole fleet; without the member the batch is 100 %."
    fix = "Lower it, or drop it and roll back at once."
    bad = rolling(
        "{maximum_batch_size: {type: INSTANCE_COUNT, value: 1}, wait_interval_in_seconds: 60, "
        "rollback_maximum_batch_size: {type: CAPACITY_PERCENT, value: 150}}  # here"
    )
    good = rolling(
        "{maximum_batch_size: {type: INSTANCE_COUNT, value: 1}, wait_interval_in_seconds: 60, "
        "rollback_maximum_batch_size: {type: CAPACITY_PERCENT, value: 100}}"
    )
    members = ("DeploymentConfig",)

    def endpoint(self, endpoint: Endpoint) -> Iterator[Hit]:
        policy = endpoint.request["DeploymentConfig"].get("RollingUpdatePolicy") or {}
        size: dict[str, Any] = policy.get("RollbackMaximumBatchSize") or {}
        value = size.get("Value") or 0
        path: ApiPath = ("DeploymentConfig", "RollingUpdatePolicy", "RollbackMaximumBatchSize", "Value")
        if size.get("Type") == "CAPACITY_PERCENT" and value > 100:
            yield path, f"the rollback batch is {value} %, more than the whole fleet"
        for name, count in endpoint.counts() if size.get("Type") == "INSTANCE_COUNT" else ():
            if value > count:
                yield path, f"the rollback batch is {value} instances; {name!r} has {count}"


class AlarmsOnce(Rule):
    id = "DEP-16"
    title = "Each rollback alarm is named once"
    severity = "warning"
    basis = "inf"
    source = "botocore sagemaker/2017-07-24, shape AutoRollbackConfig"
    why = "The number of alarms is limited, and one that stands there twice is often a typing error for another."
    fix = "Remove one, or correct its name."
    bad = blue_green(
        ALL_AT_ONCE,
        deployment="auto_rollback_configuration: {alarms: [{alarm_name: ranker-5xx}, {alarm_name: "
        "ranker-5xx}]}  # here",
    )
    good = _GOOD
    members = ("DeploymentConfig",)

    def endpoint(self, endpoint: Endpoint) -> Iterator[Hit]:
        counts: Counter[str] = Counter()
        for index, alarm in enumerate(endpoint.deployment.alarms if endpoint.deployment else ()):
            name = alarm.get("AlarmName") or ""
            counts[name] += 1
            if name and counts[name] == 2:
                path = ("DeploymentConfig", "AutoRollbackConfiguration", "Alarms", index, "AlarmName")
                yield path, f"the alarm {name!r} is named twice"


NAMED: Final = 100  # alarms that one DescribeAlarms tells of


def alarms_by_name(answer: Answer) -> Answer:
    """Alarms of both kinds, by name."""
    listed = [*(answer.get("MetricAlarms") or ()), *(answer.get("CompositeAlarms") or ())]
    return {"alarms": {alarm["AlarmName"]: alarm for alarm in listed}}


class AlarmRule(OnlineRule):
    """A rule about rollback alarms; its answers have `alarms`, by name."""

    reads = ("DescribeAlarms",)

    def questions(self, facts: FleetFacts) -> Iterator[Question]:
        """Every alarm that is named, `NAMED` in a call whoever names them."""
        places = [
            (endpoint.resource, ("DeploymentConfig", "AutoRollbackConfiguration", "Alarms", index, "AlarmName"), name)
            for endpoint in facts.endpoints.values()
            for index, alarm in enumerate(endpoint.deployment.alarms if endpoint.deployment else ())
            if (name := alarm.get("AlarmName"))
        ]
        names = list(dict.fromkeys(name for _, _, name in places))
        first = {name: at // NAMED * NAMED for at, name in enumerate(names)}
        for resource, path, name in places:
            together = names[first[name] : first[name] + NAMED]
            params = {"AlarmNames": together, "AlarmTypes": ["MetricAlarm", "CompositeAlarm"], "MaxRecords": NAMED}
            yield Question(resource, path, name, "DescribeAlarms", params, condense=alarms_by_name)


class AlarmExists(AlarmRule):
    id = "DEP-17"
    title = "A rollback alarm exists"
    severity = "error"
    basis = "inf"
    source = _ALARMS
    why = "An alarm that isn't there rolls nothing back; it is looked for in the endpoint's account and region."
    fix = "Correct the name, or create the alarm first."
    given = "There is no alarm of that name."
    bad = blue_green(
        ALL_AT_ONCE, deployment="auto_rollback_configuration: {alarms: [{alarm_name: missing-alarm}]}  # here"
    )
    good = blue_green(ALL_AT_ONCE)

    def found(self, question: Question, answer: Answer) -> Iterator[str]:
        if question.value not in answer["alarms"]:
            yield f"there is no alarm {question.value!r}"


class AlarmIsQuiet(AlarmRule):
    id = "DEP-18"
    title = "A rollback alarm is quiet before an update"
    severity = "warning"
    basis = "doc"
    source = _ALARMS
    why = "An alarm that is in ALARM already rolls an update back as soon as it begins."
    fix = "Find out why it is in ALARM, and wait until it is OK before you apply."
    given = "The alarm is in ALARM."
    bad = blue_green(
        ALL_AT_ONCE, deployment="auto_rollback_configuration: {alarms: [{alarm_name: ranker-burning}]}  # here"
    )
    good = blue_green(ALL_AT_ONCE)

    def found(self, question: Question, answer: Answer) -> Iterator[str]:
        if answer["alarms"].get(question.value, {}).get("StateValue") == "ALARM":
            yield f"the alarm {question.value!r} is in ALARM: an update would be rolled back at once"


def _metrics(alarm: Answer) -> Iterator[Answer]:
    """The metrics of an alarm: its own, or those of its expression."""
    if alarm.get("MetricName"):
        yield alarm
    for query in alarm.get("Metrics") or ():
        stat = query.get("MetricStat") or {}
        if stat.get("Metric"):
            yield stat["Metric"]


def _watches_both(metric: Answer) -> bool:
    """Whether a metric is one of an endpoint, whichever fleet answers."""
    names = {dimension.get("Name") for dimension in metric.get("Dimensions") or ()}
    of_sagemaker = str(metric.get("Namespace", "")).lower() in ("aws/sagemaker", "/aws/sagemaker/endpoints")
    return of_sagemaker and "EndpointName" in names and "EndpointConfigName" not in names


class AlarmWatchesTheNew(AlarmRule):
    id = "DEP-19"
    title = "A rollback alarm watches the new fleet alone"
    severity = "warning"
    basis = "doc"
    source = "Developer Guide, deployment-guardrails-configuration, Alarm Examples: EndpointConfigName"
    why = (
        "An alarm on an endpoint's metrics counts the old fleet's requests as well, during an update too: errors of "
        "the old fleet roll the new one back, which may be the very mend. With the dimension EndpointConfigName it "
        "watches one fleet. Only metrics of SageMaker are looked at; of composite alarms, nothing."
    )
    fix = (
        "Add the dimension EndpointConfigName, with the new config's name (the plan shows it), or a second alarm that "
        "has it. Where the alarm is meant to watch both fleets, `allow` this with that reason."
    )
    given = "The alarm's metric has the dimensions EndpointName and VariantName only."
    bad = blue_green(
        ALL_AT_ONCE, deployment="auto_rollback_configuration: {alarms: [{alarm_name: ranker-both}]}  # here"
    )
    good = blue_green(ALL_AT_ONCE)

    def found(self, question: Question, answer: Answer) -> Iterator[str]:
        alarm = answer["alarms"].get(question.value, {})
        if any(_watches_both(metric) for metric in _metrics(alarm)):
            yield (
                f"the alarm {question.value!r} has no dimension EndpointConfigName: it watches the old fleet as well, "
                "which may end the update"
            )


def _alarm_wishes(facts: FleetFacts) -> Iterator[Wish]:
    for endpoint in facts.endpoints.values() if facts.scope.region else ():
        for index, alarm in enumerate(endpoint.deployment.alarms if endpoint.deployment else ()):
            path = ("DeploymentConfig", "AutoRollbackConfiguration", "Alarms", index, "AlarmName")
            for role in roles_of(endpoint.config) if endpoint.config and alarm.get("AlarmName") else ():
                arn = f"arn:{role.partition}:cloudwatch:{facts.scope.region}:{role.account}:alarm:{alarm['AlarmName']}"
                yield Wish(endpoint.resource, path, role, ("cloudwatch:DescribeAlarms",), arn)


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
    given = MUTE_MAY
    bad = blue_green(ALL_AT_ONCE, model=MUTE).replace(
        "{alarm_name: ranker-5xx}]}", "{alarm_name: ranker-5xx}]}  # here"
    )
    good = blue_green(ALL_AT_ONCE)

    def questions(self, facts: FleetFacts) -> Iterator[Question]:
        return simulations(_alarm_wishes(facts))

    def found(self, question: Question, answer: Answer) -> Iterator[str]:
        yield from refused(question, answer)


class SomethingWatches(Rule):
    id = "DEP-21"
    title = "An update that bakes has alarms to watch"
    severity = "warning"
    basis = "doc"
    source = "Developer Guide, deployment-guardrails-configuration"
    why = (
        "Without alarms nothing is watched while a canary or a step bakes, and nothing rolls back by "
        "itself: it only takes longer."
    )
    fix = "Name CloudWatch alarms in `auto_rollback_configuration`."
    bad = blue_green(CANARY, deployment="", variant="initial_instance_count: 4").replace(
        "    deployment_config:", "    deployment_config:  # here"
    )
    good = _GOOD
    members = ("DeploymentConfig",)

    def endpoint(self, endpoint: Endpoint) -> Iterator[Hit]:
        deployment = endpoint.deployment
        if deployment is None or deployment.alarms:
            return
        if deployment.gradual:
            yield (
                ("DeploymentConfig",),
                f"a {deployment.routing} update without alarms: nothing rolls it back by itself",
            )
        elif deployment.termination_wait_s > 0:
            message = f"the old fleet is kept for {deployment.termination_wait_s} s, but no alarm can bring it back"
            yield ("DeploymentConfig",), message


class ShareOfOne(Rule):
    id = "DEP-22"
    title = "A percentage is of more than one instance"
    severity = "warning"
    basis = "inf"
    source = "botocore sagemaker/2017-07-24, shape CapacitySize; how a share is rounded is not documented"
    why = "Half of one instance is no instance: how SageMaker rounds it, nobody says."
    fix = "Give the variant two instances, or use ALL_AT_ONCE, which takes no size."
    bad = blue_green(
        _CANARY % ("CAPACITY_PERCENT", 50, "  # here"),
        variant="initial_instance_count: 1",
        config='allow: {CFG-09: "a test"}',
    )
    good = blue_green(_CANARY % ("CAPACITY_PERCENT", 50, ""), variant="initial_instance_count: 2")
    members = ("DeploymentConfig",)

    def endpoint(self, endpoint: Endpoint) -> Iterator[Hit]:
        deployment = endpoint.deployment
        if deployment is None or deployment.percent is None:
            return
        for name, count in endpoint.counts():
            if count == 1:
                yield (*deployment.size_path, "Value"), f"{deployment.percent} % of the one instance of {name!r}"


class SilentFallback(Rule):
    id = "DEP-24"
    title = "Guardrails are used where SageMaker supports them"
    severity = "warning"
    basis = "doc"
    source = _EXCLUSIONS
    why = (
        "With Marketplace packages, inf1 and Elastic Inference, guardrails silently become all-at-once without baking."
    )
    fix = "Write ALL_AT_ONCE, so that the file says what happens."
    bad = blue_green(f"{CANARY}  # here", variant="initial_instance_count: 4\ninstance_type: ml.inf1.xlarge")
    good = _GOOD
    members = ("DeploymentConfig",)

    def endpoint(self, endpoint: Endpoint) -> Iterator[Hit]:
        deployment = endpoint.deployment
        if deployment is None or endpoint.config is None or not deployment.gradual:
            return
        path = deployment.policy
        if deployment.routing != "ROLLING":
            path = (*path, "TrafficRoutingConfiguration", "Type")
        for variant in endpoint.config.variants:
            kinds = [kind for _, kind in variant.of_family("inf1")]
            reason = f"runs on {kinds[0]}" if kinds else ""
            if any(model.marketplace for model in variant.models):
                reason = "hosts a Marketplace package"
            if "AcceleratorType" in variant.spec:
                reason = "uses Elastic Inference"
            if reason:
                yield path, f"`{deployment.routing}` becomes all-at-once: the variant {variant.name!r} {reason}"


class ServerlessRolling(Rule):
    id = "DEP-25"
    title = "A serverless endpoint is not updated in batches"
    severity = "error"
    basis = "inf"
    source = _EXCLUSIONS
    why = "Rolling updates replace instances batch by batch; a serverless variant has none."
    fix = "Drop `rolling_update_policy`."
    bad = rolling(
        f"{_ROLLING}  # here", variant="serverless_config: {memory_size_in_mb: 2048, max_concurrency: 20}"
    ).replace("          instance_type: ml.m5.xlarge\n          initial_instance_count: 2\n", "")
    good = rolling(_ROLLING)
    members = ("DeploymentConfig",)

    def endpoint(self, endpoint: Endpoint) -> Iterator[Hit]:
        if endpoint.request["DeploymentConfig"].get("RollingUpdatePolicy") is None or endpoint.config is None:
            return
        for variant in endpoint.config.variants:
            if variant.serverless:
                yield ("DeploymentConfig", "RollingUpdatePolicy"), f"the variant {variant.name!r} is serverless"


class RollingOfSeveral(Rule):
    id = "DEP-26"
    title = "An endpoint that is updated in batches has one production variant"
    severity = "error"
    basis = "inf"
    source = _EXCLUSIONS
    why = "Rolling updates support one production variant."
    fix = "Use `blue_green_update_policy`, or one variant."
    bad = rolling(
        f"{_ROLLING}  # here",
        variants="main: {model: ranker, instance_type: ml.m5.xlarge, initial_instance_count: 2}\n"
        "next: {model: ranker, instance_type: ml.m5.xlarge, initial_instance_count: 2}",
    )
    good = rolling(_ROLLING)
    members = ("DeploymentConfig",)

    def endpoint(self, endpoint: Endpoint) -> Iterator[Hit]:
        if endpoint.request["DeploymentConfig"].get("RollingUpdatePolicy") is None or endpoint.config is None:
            return
        count = len(endpoint.config.production)
        if count > 1:
            yield ("DeploymentConfig", "RollingUpdatePolicy"), f"a rolling update of {count} production variants"


GUARDRAILS_SINCE: Final = "2021-12-01"
"""Deployment guardrails were announced at the end of November 2021; ISO 8601 dates compare as text."""


class OldEndpoint(PlanRule):
    id = "DEP-27"
    title = "Guardrails are used on an endpoint that knows them"
    severity = "warning"
    basis = "doc"
    source = f"{_EXCLUSIONS}: endpoints that were created before guardrails fall back"
    why = "On endpoints that are older than guardrails, SageMaker silently shifts the traffic all at once."
    fix = "Create the endpoint anew under another name when you can, or allow this with the reason."
    before = blue_green(CANARY, variant="initial_instance_count: 4")
    seen: Mapping[str, Any] = {"CreationTime": "2020-05-04T12:00:00+00:00"}
    bad = blue_green(CANARY, variant=f"initial_instance_count: 4\n{BIGGER}").replace(
        "    deployment_config:", "    deployment_config:  # here"
    )
    good = fleet_file(variant=BIGGER)

    def planned(self, fleet: PlannedFleet) -> Iterator[FleetHit]:
        for at, _ in fleet.swaps():
            created = at.live.created_at if at.live else ""
            if at.gradual and created and created < GUARDRAILS_SINCE:
                message = f"the endpoint is of {created[:10]}, older than guardrails: this update runs all at once"
                yield at.endpoint.resource, ("DeploymentConfig",), message


SHAPES: Final = (
    ShapeRule(
        "DEP-02",
        "A blue/green policy has a traffic routing configuration",
        "BlueGreenUpdatePolicy",
        constraints=Constraints(places=(("BlueGreenUpdatePolicy", "TrafficRoutingConfiguration"),)),
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
        constraints=Constraints(
            places=(("TrafficRoutingConfiguration", "Type"), ("TrafficRoutingConfiguration", "WaitIntervalInSeconds"))
        ),
        bad=blue_green("{type: ALL_AT_ONCE}  # here"),
        good=_GOOD_BLUE_GREEN,
        fix="Write both; `wait_interval_in_seconds: 0` where there is nothing to wait for. AWS's own sample omits it.",
    ),
    ShapeRule(
        "DEP-05",
        "A capacity size has a known type, and a value that SageMaker takes",
        "CapacitySize",
        constraints=Constraints(shapes=("CapacitySizeType", "CapacitySizeValue")),
        bad=blue_green(_CANARY % ("PERCENT", 25, "  # here"), variant=_FOUR),
        good=blue_green(_CANARY % ("CAPACITY_PERCENT", 25, ""), variant=_FOUR),
        fix="Write {type: CAPACITY_PERCENT, value: …} or {type: INSTANCE_COUNT, value: …}.",
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
        constraints=Constraints(
            places=(("RollingUpdatePolicy", "MaximumBatchSize"), ("RollingUpdatePolicy", "WaitIntervalInSeconds"))
        ),
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
