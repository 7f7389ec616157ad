"""check, third part: `Fleet` and `Graph` beside what other services answer → findings (stage `online`).

    questions of all rules → one read each, the same ones once, many at a time → answers → hits → findings

Read-only. A read that is denied or fails becomes one note that names the IAM action: what was not looked at is said,
and nothing else stops. Called by `--online` of `validate`, `plan` and `apply`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from mmeplan.aws.failures import Failure, classify
from mmeplan.errors import CloudError
from mmeplan.graph import Graph
from mmeplan.live.ports import Answer, Call
from mmeplan.plan.finding import Finding
from mmeplan.resources.base import ApiPath, Resource
from mmeplan.rules.facts import FleetFacts, gather
from mmeplan.rules.recording import Record, place
from mmeplan.rules.rule import Rule, Stage
from mmeplan.spec import Fleet

PAGES: Final = 200  # of one list, 100 items each: SageMaker has some thousands of quotas


class UnknownError(Exception):
    """Raised by `found` where the answer doesn't tell; its text says why, and becomes a note."""


class Reads(Protocol):
    """What is needed of the outside world: a part of `mmeplan.live.ports.Reader`."""

    def gather(self, calls: Sequence[Call]) -> list[Answer | Exception]:
        """Many independent reads; a failed one has its CloudError in its place."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a rule wants to know about a place of a resource, and the call that tells.

    `pages` is the member of the answer that is a list in pages, empty where one call tells all. `wanted` are the
    numbers that the rule holds against the answer.
    """

    resource: Resource
    path: ApiPath
    value: str
    operation: str
    params: Mapping[str, Any]
    pages: str = ""
    wanted: tuple[int, ...] = ()

    @property
    def key(self) -> str:
        """The same for the same call."""
        return f"{self.operation} {json.dumps(self.params, sort_keys=True)}"


class OnlineRule(Rule):
    """A rule of stage `online`.

    `action` is the IAM action that its reads need. `absent` are the error codes by which the service says that there is
    no such thing, which `found` is told as an empty answer. `given` says what is so in the examples' account.
    """

    stage: Stage = "online"
    action: str
    absent: tuple[str, ...] = ()
    given: str = ""

    def questions(self, facts: FleetFacts) -> Iterator[Question]:
        """What to ask."""
        return iter(())

    def found(self, question: Question, answer: Answer) -> Iterator[str]:
        """What is wrong, as sentences. Raises UnknownError where the answer doesn't tell."""
        return iter(())


def check_online(fleet: Fleet, graph: Graph, reads: Reads, rules: Sequence[Rule]) -> list[Finding]:
    """The findings of those of these rules that are of stage `online`, in the order of the file."""
    record = Record(fleet, rules)
    asked: list[tuple[OnlineRule, Question]] = []
    facts = gather(graph)
    for rule in rules:
        if isinstance(rule, OnlineRule):
            try:
                asked += [(rule, question) for question in rule.questions(facts)]
            except Exception as error:  # noqa: BLE001 - a crash of a rule is a finding about the rule
                record.crashed(rule, None, error)
    calls = {question.key: (question.operation, question.params) for _, question in asked}
    answers = dict(zip(calls, reads.gather(list(calls.values())), strict=True))
    for question in {question.key: question for _, question in asked if question.pages}.values():
        answers[question.key] = _whole(reads, question, answers[question.key])
    unread: set[tuple[str, str]] = set()
    for rule, question in asked:
        _judge(record, rule, question, answers[question.key], unread)
    return record.findings()


def actions(graph: Graph, rules: Sequence[Rule]) -> tuple[str, ...]:
    """The IAM actions of the rules that have something to ask about this fleet, sorted."""
    facts = gather(graph)
    asking = (rule for rule in rules if isinstance(rule, OnlineRule) and next(iter(rule.questions(facts)), None))
    return tuple(sorted({rule.action for rule in asking}))


def read_whole(reads: Reads, operation: str, params: Mapping[str, Any], pages: str) -> Answer | Exception:
    """All pages of a list as one answer; the error where one of them fails."""
    (answer,) = reads.gather([(operation, params)])
    return _rest(reads, operation, params, pages, answer)


def _whole(reads: Reads, question: Question, answer: Answer | Exception) -> Answer | Exception:
    return _rest(reads, question.operation, question.params, question.pages, answer)


def _rest(
    reads: Reads, operation: str, params: Mapping[str, Any], pages: str, answer: Answer | Exception
) -> Answer | Exception:
    items: list[Any] = []
    for _ in range(PAGES):
        if isinstance(answer, Exception):
            return answer
        items += answer.get(pages) or ()
        token = answer.get("NextToken")
        if not token:
            break
        (answer,) = reads.gather([(operation, {**params, "NextToken": token})])
    return {pages: items}


def _judge(
    record: Record, rule: OnlineRule, question: Question, answer: Answer | Exception, unread: set[tuple[str, str]]
) -> None:
    if isinstance(answer, CloudError) and answer.code in rule.absent:
        answer = {}
    if isinstance(answer, Exception):
        why = _why(rule, answer)
        if (rule.id, why) not in unread:
            unread.add((rule.id, why))
            _note(record, rule, question, f"not checked, here and elsewhere: {why}")
        return
    try:
        for message in rule.found(question, answer):
            record.hit(rule, question.resource, question.path, message)
    except UnknownError as error:
        _note(record, rule, question, f"not checked: {error}")
    except Exception as error:  # noqa: BLE001 - a crash of a rule is a finding about the rule
        record.crashed(rule, question.resource, error)


def _note(record: Record, rule: OnlineRule, question: Question, message: str) -> None:
    record.add(rule, "note", question.resource.address, place(question.resource, question.path), message)


def _why(rule: OnlineRule, error: Exception) -> str:
    if isinstance(error, CloudError) and classify(error.code, error.message, error.status) is Failure.DENIED:
        return f"the caller lacks {rule.action}"
    return f"{rule.action} failed: {error}"
