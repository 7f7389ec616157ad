"""check, third part: `Fleet` and `Graph` beside what other services answer → findings (stage `online`).

    questions of all rules → one read each, the same ones once, many at a time → answers → hits, or further questions

Read-only. A read that is denied or fails becomes one note that names the IAM action: what was not looked at is said,
and nothing else stops. Sources of the actions and lists: the Service Authorization Reference; each service's botocore
model and paginators.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from mmeplan.aws.failures import Failure, failure_of
from mmeplan.errors import CloudError
from mmeplan.graph import Graph
from mmeplan.kinds.resource import ApiPath, Resource
from mmeplan.live.ports import Answer, Call
from mmeplan.plan.finding import Finding
from mmeplan.rules.facts import FleetFacts, gather
from mmeplan.rules.recording import Record, place
from mmeplan.rules.rule import Rule, Stage
from mmeplan.spec import Fleet

PAGES: Final = 200  # of one list: SageMaker has some thousands of quotas in pages of 100, S3 gives 1,000 keys a page

ACTIONS: Final = {
    "BatchGetImage": "ecr:BatchGetImage",
    "DescribeAlarms": "cloudwatch:DescribeAlarms",
    "DescribeEndpoint": "sagemaker:DescribeEndpoint",
    "DescribeEndpointConfig": "sagemaker:DescribeEndpointConfig",
    "DescribeImages": "ecr:DescribeImages",
    "DescribeInstanceTypes": "ec2:DescribeInstanceTypes",
    "DescribeKey": "kms:DescribeKey",
    "DescribeModel": "sagemaker:DescribeModel",
    "DescribeModelPackage": "sagemaker:DescribeModelPackage",
    "DescribeRouteTables": "ec2:DescribeRouteTables",
    "DescribeScalableTargets": "application-autoscaling:DescribeScalableTargets",
    "DescribeSecurityGroups": "ec2:DescribeSecurityGroups",
    "DescribeSubnets": "ec2:DescribeSubnets",
    "DescribeVpcEndpoints": "ec2:DescribeVpcEndpoints",
    "GetBucketLocation": "s3:GetBucketLocation",
    "GetBucketEncryption": "s3:GetEncryptionConfiguration",
    "GetCallerIdentity": "sts:GetCallerIdentity",
    "GetKeyPolicy": "kms:GetKeyPolicy",
    "GetObject": "s3:GetObject",
    "GetRole": "iam:GetRole",
    "GetTopicAttributes": "sns:GetTopicAttributes",
    "ListAWSDefaultServiceQuotas": "servicequotas:ListAWSDefaultServiceQuotas",
    "ListModels": "sagemaker:ListModels",
    "ListObjectVersions": "s3:ListBucketVersions",
    "ListObjectsV2": "s3:ListBucket",
    "ListServiceQuotas": "servicequotas:ListServiceQuotas",
    "SimulatePrincipalPolicy": "iam:SimulatePrincipalPolicy",
}
"""The IAM action of each operation that a rule here asks for."""

TOKENS: Final[Mapping[str, Mapping[str, str]]] = {
    "ListObjectVersions": {"KeyMarker": "NextKeyMarker", "VersionIdMarker": "NextVersionIdMarker"},
    "ListObjectsV2": {"ContinuationToken": "NextContinuationToken"},
    "SimulatePrincipalPolicy": {"Marker": "Marker"},
}
"""Request member → member of the answer that it repeats for the next page. Elsewhere both are NextToken."""

ROUNDS: Final = 5  # of questions: those that the file asks, and those that answers ask
TOLD: Final = 200  # letters of a failure that a note repeats
HELD: Final = 8  # answers with a body that are in memory at once, each until it is condensed


class UnknownError(Exception):
    """Raised by `found` where the answer doesn't tell; its text says why, and becomes a note.

    With `everywhere` the same text is said once, for all places. `advice` is what to do to know it.
    """

    def __init__(self, why: str, *, everywhere: bool = False, advice: str = "") -> None:
        super().__init__(why)
        self.everywhere = everywhere
        self.advice = advice


class Reads(Protocol):
    """What is needed of the outside world: a part of `mmeplan.live.ports.Reader`."""

    def gather(self, calls: Sequence[Call]) -> list[Answer | Exception]:
        """Many independent reads; a failed one has its CloudError in its place."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a rule wants to know about a place of a resource, and the call that tells.

    `pages` is the member of the answer that is a list in pages, empty where one call tells all; a list that is longer
    than `PAGES` has `IsTruncated` in its answer. `condense` makes the answer smaller, or indexes it, once for all who
    ask the same. `wanted` is what the rule holds against the answer: numbers of the file, or earlier answers. `absent`
    are error codes of this call alone that are told as an empty answer.
    """

    resource: Resource
    path: ApiPath
    value: str
    operation: str
    params: Mapping[str, Any]
    pages: str = ""
    wanted: tuple[Any, ...] = ()
    condense: Callable[[Answer], Answer] | None = None
    absent: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """The same for the same call, and the same use of its answer."""
        use = self.condense.__qualname__ if self.condense else ""
        return f"{self.operation} {json.dumps(self.params, sort_keys=True)} {use}"


class OnlineRule(Rule):
    """A rule of stage `online`.

    `reads` are the operations that it may ask for, the first one first. `absent` are the error codes by which a service
    says that there is no such thing, which `found` is told as an empty answer; SageMaker's own words are known. `given`
    says what is so in the examples' account.
    """

    stage: Stage = "online"
    reads: tuple[str, ...]
    absent: tuple[str, ...] = ()
    given: str = ""

    @property
    def actions(self) -> tuple[str, ...]:
        """The IAM actions that its reads need."""
        return tuple(ACTIONS.get(operation, operation) for operation in self.reads)

    def questions(self, facts: FleetFacts) -> Iterator[Question]:
        """What to ask."""
        return iter(())

    def found(self, question: Question, answer: Answer) -> Iterator[str | Question]:
        """What is wrong, as sentences, and what to ask next. Raises UnknownError where the answer doesn't tell."""
        return iter(())


def check_online(fleet: Fleet, graph: Graph, reads: Reads, rules: Sequence[Rule]) -> list[Finding]:
    """The findings of those of these rules that are of stage `online`, in the order of the file."""
    return _Check(Record(fleet, rules), reads).run(gather(graph))


class _Check:
    """One run."""

    def __init__(self, record: Record, reads: Reads) -> None:
        self.record = record
        self.reads = reads
        self.answers: dict[str, Answer | Exception] = {}
        self.said: set[tuple[str, str]] = set()

    def run(self, facts: FleetFacts) -> list[Finding]:
        asked: list[tuple[OnlineRule, Question, str]] = []
        for rule in self.record.rules.values():
            if isinstance(rule, OnlineRule):
                try:
                    asked += [(rule, question, question.key) for question in rule.questions(facts)]
                except Exception as error:  # noqa: BLE001 - a crash of a rule is a finding about the rule
                    self.record.crashed(rule, None, error)
        for _ in range(ROUNDS):
            self._read({key: question for _, question, key in asked if key not in self.answers})
            asked = [
                (rule, further, further.key)
                for rule, question, key in asked
                for further in self._judge(rule, question, self.answers[key])
            ]
        return self.record.findings()

    def _read(self, fresh: Mapping[str, Question]) -> None:
        """Answer these questions, each under its key."""
        light = [item for item in fresh.items() if item[1].operation != "GetObject"]
        heavy = [item for item in fresh.items() if item[1].operation == "GetObject"]
        for items in (light, *(heavy[at : at + HELD] for at in range(0, len(heavy), HELD))):
            answers = self.reads.gather([(question.operation, question.params) for _, question in items])
            for (key, question), answer in zip(items, answers, strict=True):
                self.answers[key] = self._whole(question, answer)

    def _whole(self, question: Question, answer: Answer | Exception) -> Answer | Exception:
        """All pages of a list as one answer, condensed; the error of a page where it fails."""
        if question.pages:
            answer = _rest(self.reads, question.operation, question.params, question.pages, answer)
        if question.condense is None or isinstance(answer, Exception):
            return answer
        try:
            return question.condense(answer)
        except UnknownError as error:
            return error

    def _judge(self, rule: OnlineRule, question: Question, answer: Answer | Exception) -> Iterator[Question]:
        """Keep what a rule finds in an answer; yields what it asks next."""
        if isinstance(answer, CloudError) and _says_absent(rule, question, answer):
            answer = {}
        try:
            if isinstance(answer, UnknownError):
                raise answer
            if isinstance(answer, Exception):
                raise _unanswered(question.operation, answer)
            for found in rule.found(question, answer):
                if isinstance(found, Question):
                    yield found
                else:
                    self.record.hit(rule, question.resource, question.path, found)
        except UnknownError as error:
            self._note(rule, question, error)
        except Exception as error:  # noqa: BLE001 - a crash of a rule is a finding about the rule
            self.record.crashed(rule, question.resource, error)

    def _note(self, rule: OnlineRule, question: Question, error: UnknownError) -> None:
        if error.everywhere:
            if (rule.id, str(error)) in self.said:
                return
            self.said.add((rule.id, str(error)))
        where = "not checked, here and elsewhere" if error.everywhere else "not checked"
        at = place(question.resource, question.path)
        text = f"{where}: {error}"
        self.record.add(rule, "note", question.resource.address, at, text, help_text=error.advice)


def actions(graph: Graph, rules: Sequence[Rule]) -> tuple[str, ...]:
    """The IAM actions of the rules that have something to ask about this fleet, sorted."""
    facts = gather(graph)
    asking = (rule for rule in rules if isinstance(rule, OnlineRule) and next(iter(rule.questions(facts)), None))
    return tuple(sorted({action for rule in asking for action in rule.actions}))


def read_whole(reads: Reads, operation: str, params: Mapping[str, Any], pages: str) -> Answer | Exception:
    """All pages of a list as one answer; the error where one of them fails."""
    (answer,) = reads.gather([(operation, params)])
    return _rest(reads, operation, params, pages, answer)


def _rest(
    reads: Reads, operation: str, params: Mapping[str, Any], pages: str, answer: Answer | Exception
) -> Answer | Exception:
    """A list whose first page this is, whole; `IsTruncated` where it is longer than `PAGES`."""
    items: list[Any] = []
    tokens: Mapping[str, Any] = {}
    for page in range(PAGES):
        if page:
            (answer,) = reads.gather([(operation, {**params, **tokens})])
        if isinstance(answer, Exception):
            return answer
        items += answer.get(pages) or ()
        names = TOKENS.get(operation, {"NextToken": "NextToken"})
        tokens = {ours: answer[theirs] for ours, theirs in names.items() if answer.get(theirs)}
        if not tokens:
            return {pages: items}
    return {pages: items, "IsTruncated": True}


def _says_absent(rule: OnlineRule, question: Question, error: CloudError) -> bool:
    codes = (*rule.absent, *question.absent)
    return error.code in codes or failure_of(error) is Failure.NOT_FOUND


def _unanswered(operation: str, error: Exception) -> UnknownError:
    action = ACTIONS.get(operation, operation)
    if isinstance(error, CloudError) and failure_of(error) is Failure.DENIED:
        return UnknownError(f"the caller lacks {action}", everywhere=True, advice=f"Grant the caller {action}.")
    if isinstance(error, CloudError) and error.code == "ConnectionFailed":
        return UnknownError(f"{action} failed: the service gave no answer that can be read", everywhere=True)
    told = " ".join(str(error).split())
    return UnknownError(f"{action} failed: {told if len(told) <= TOLD else told[:TOLD] + '…'}", everywhere=True)
