"""Rules about alarms and images (stage `online`: CloudWatch and ECR; groups MDL, SLS and DEP)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from mmeplan.live.ports import Answer
from mmeplan.rules.artifacts import containers
from mmeplan.rules.examples import ALL_AT_ONCE, blue_green, fleet_file
from mmeplan.rules.facts import FleetFacts
from mmeplan.rules.images import own_images
from mmeplan.rules.online import OnlineRule, Question

SERVERLESS_IMAGE_BYTES: Final = 10 * 1024**3  # serverless-endpoints: 10 GB

NAMED: Final = 100  # alarms that one DescribeAlarms tells of

_ALARMS: Final = "Developer Guide, deployment-guardrails-configuration; botocore AutoRollbackConfig.Alarms"


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


def alarms_by_name(answer: Answer) -> Answer:
    """Alarms of both kinds, by name."""
    listed = [*(answer.get("MetricAlarms") or ()), *(answer.get("CompositeAlarms") or ())]
    return {"alarms": {alarm["AlarmName"]: alarm for alarm in listed}}


class AlarmExists(AlarmRule):
    id = "DEP-17"
    title = "A rollback alarm exists"
    severity = "error"
    basis = "doc"
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


class ImageExists(OnlineRule):
    id = "MDL-11"
    title = "An image of the fleet's own registry exists"
    severity = "error"
    basis = "obs"
    source = 'CreateModel answers "Requested image … not found."'
    why = (
        "CreateModel looks for the image. Registries of other accounts answer their own people only, and aren't asked."
    )
    fix = "Push the image, or correct its name."
    reads = ("DescribeImages",)
    absent = ("RepositoryNotFoundException", "ImageNotFoundException")
    given = "The repository has no such tag."
    bad = fleet_file(container="image: 123456789012.dkr.ecr.eu-west-1.amazonaws.com/ranker:9.9  # here")
    good = fleet_file()

    def questions(self, facts: FleetFacts) -> Iterator[Question]:
        yield from own_images(containers(facts))

    def found(self, question: Question, answer: Answer) -> Iterator[str]:
        if not answer.get("imageDetails"):
            yield f"there is no image {question.value!r}"


class ServerlessImageSize(OnlineRule):
    id = "SLS-11"
    title = "A serverless variant's image is small enough"
    severity = "error"
    basis = "doc"
    source = "Developer Guide, serverless-endpoints: images of up to 10 GB"
    why = "Serverless inference takes images of up to 10 GB. ECR tells the packed size; unpacked it is larger still."
    fix = "Leave out what the model doesn't need, or host it on instances."
    reads = ("DescribeImages",)
    absent = ("RepositoryNotFoundException", "ImageNotFoundException")
    given = "The image has 11 GB."
    bad = fleet_file(
        serverless=True, container="image: 123456789012.dkr.ecr.eu-west-1.amazonaws.com/ranker:huge  # here"
    )
    good = fleet_file(serverless=True)

    def questions(self, facts: FleetFacts) -> Iterator[Question]:
        for model in facts.models.values():
            if any(variant.serverless for variant in model.variants):
                yield from own_images(model.containers)

    def found(self, question: Question, answer: Answer) -> Iterator[str]:
        for image in answer.get("imageDetails") or ():
            size = image.get("imageSizeInBytes") or 0
            if size > SERVERLESS_IMAGE_BYTES:
                yield f"the image {question.value!r} has {size / 1e9:.1f} GB; serverless inference takes up to 10 GB"


RULES: Final = (AlarmExists(), AlarmIsQuiet(), AlarmWatchesTheNew(), ImageExists(), ServerlessImageSize())
