"""verify: a second observation after the apply. Success is proved by it, never assumed.

In: the plan and what ended well. Out: sentences about whatever is not as planned; none is the proof.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from mmeplan.apply.current import tags_of
from mmeplan.aws.failures import Failure, failure_of
from mmeplan.aws.lifecycle import IN_SERVICE, ROLLING_BACK, SYSTEM_UPDATING, UPDATING
from mmeplan.canonical import canonical
from mmeplan.errors import CloudError
from mmeplan.kinds import Kind, is_delete, kind_named, kind_of_operation, tagging_call, tags_in
from mmeplan.live import (
    LIST_ABOVE,
    Answer,
    LiveEndpoint,
    Reader,
    describe_call,
    names_of,
    observe_endpoints,
)
from mmeplan.live.gathering import listed, read_pointer
from mmeplan.plan import Plan
from mmeplan.plan.step import Gone, RunsConfig, Step, Wait, desires_met, known_desires

_FINE = frozenset({IN_SERVICE, SYSTEM_UPDATING, UPDATING, ROLLING_BACK})
"""It serves what was asked for. SageMaker's patching and an autoscaler may be at work again by now."""


def verify(plan: Plan, done: Iterable[str], reader: Reader) -> tuple[str, ...]:
    """What is not as the plan wanted, of the steps with these ids. Empty: everything is. Raises nothing."""
    ended = set(done)
    steps = [step for step in plan.steps if step.id in ended]
    try:
        return (*_endpoints(steps, reader), *_others(steps, reader), *_tags(steps, reader), *_gathered(steps, reader))
    except CloudError as error:
        return (f"the second observation failed, so nothing is proved: {error}",)


def _endpoints(steps: list[Step], reader: Reader) -> Iterable[str]:
    last: dict[str, tuple[Step, Wait]] = {}
    for step in steps:
        kind = kind_of_operation(step.operation)
        if step.wait and (kind is None or kind.is_swapped):
            last[step.wait.endpoint] = step, step.wait
    seen = observe_endpoints(reader, last)
    for name, (step, wait) in last.items():
        sentence = _endpoint(step, wait, seen[name])
        if sentence:
            yield f"endpoint {name}: {sentence}"


def _endpoint(step: Step, wait: Wait, live: LiveEndpoint) -> str:
    if live.status == "unreadable":
        return f"could not be read: {live.error}"
    if isinstance(wait, Gone):
        return "" if live.status == "absent" else "is still there"
    if live.status == "absent":
        return "is gone"
    if live.endpoint_status not in _FINE:
        return f"is {live.endpoint_status}, not InService"
    if live.config != wait.config:
        return f"runs {live.config}, not {wait.config}"
    if live.has_pending_deployment:
        return "has a pending deployment"
    # A swap sets all that the file says, or keeps what is so already: then nothing comes after it.
    planned = step.guard.desired if isinstance(step.guard, RunsConfig) else ()
    desired = wait.desired or tuple(known_desires(planned, live))
    return "" if desires_met(desired, live) else "counts or weights are not as planned"


def _others(steps: list[Step], reader: Reader) -> Iterable[str]:
    """What was created or updated is as planned, what was deleted is gone. Of a stand-in the last step counts."""
    last: dict[tuple[str, str], Step] = {}
    for step in steps:
        kind = kind_of_operation(step.operation)
        if kind is not None and not (kind.is_swapped or kind.is_gathered):
            last[kind.name, kind.name_in(step.params)] = step
    created = {at: step for at, step in last.items() if not is_delete(step.operation)}
    answers = reader.gather([describe_call(kind, name) for kind, name in created])
    for ((at, name), step), answer in zip(created.items(), answers, strict=True):
        seen = _found(at, name, answer)
        words = "is not there" if seen is None else _unlike(kind_named(at), step, seen)
        if words:
            yield f"{kind_named(at).words} {name}: {words}"
    for at, name in _still_there([key for key in last if key not in created], reader):
        yield f"{kind_named(at).words} {name}: is still there"


def _unlike(of: Kind, step: Step, seen: Mapping[str, Any]) -> str:
    """What of a created object isn't as it was asked for: its tags say nothing about that. Empty where all of it is."""
    left_out = {*of.identity_members, "Tags"}
    wanted = canonical({key: value for key, value in step.params.items() if key not in left_out})
    now = of.aligned(wanted, of.content(seen))
    wrong = sorted(key for key in {*wanted, *now} if wanted.get(key) != now.get(key))
    return f"holds another {', '.join(wrong)} than planned" if wrong else ""


def _still_there(asked: list[tuple[str, str]], reader: Reader) -> list[tuple[str, str]]:
    """Those of the objects that exist: by listing where they are many, by Describe where they are few."""
    if len(asked) > LIST_ABOVE:
        listed = {kind: names_of(reader, kind) for kind in {kind for kind, _ in asked}}
        return [(kind, name) for kind, name in asked if name in listed[kind]]
    answers = reader.gather([describe_call(kind, name) for kind, name in asked])
    return [at for at, answer in zip(asked, answers, strict=True) if _found(*at, answer) is not None]


def _found(kind: str, name: str, answer: Answer | Exception) -> Mapping[str, Any] | None:
    """The object in an answer; None where there is none. Raises what else went wrong."""
    if not isinstance(answer, Exception):
        return kind_named(kind).found(answer, name)
    if isinstance(answer, CloudError) and failure_of(answer) is Failure.NOT_FOUND:
        return None
    raise answer


def _gathered(steps: list[Step], reader: Reader) -> Iterable[str]:
    """What was written beneath a prefix is there, and the pointer says what it should, of keys that are there."""
    wanted: dict[tuple[str, str], set[str]] = {}
    for step in steps:
        if not step.is_gathered:
            continue
        keys = wanted.setdefault((step.params["Bucket"], step.params["Key"]), set())
        if "Targets" in step.params:
            keys.update(step.params["Targets"].values())
            seen = read_pointer(reader, step.params["PointerBucket"], step.params["PointerKey"])
            if seen is None or seen["Targets"] != step.params["Targets"]:
                yield f"s3://{step.params['PointerBucket']}/{step.params['PointerKey']}: doesn't say what was planned"
        elif not is_delete(step.operation):
            keys.update(row[0] for row in step.params["Archives"])
    for (bucket, prefix), keys in wanted.items():
        wrong = sorted(keys - {item["Key"] for item in listed(reader, bucket, prefix)}) if keys else []
        if wrong:
            more = f", and {len(wrong) - 1:,} more" if wrong[1:] else ""
            yield f"s3://{bucket}/{prefix}: {wrong[0]} is not there{more}"


def _tags(steps: list[Step], reader: Reader) -> Iterable[str]:
    """The tags that were set are there, those that were removed are not."""
    wanted: dict[str, dict[str, Any]] = {}
    for step in steps:
        tagging = tagging_call(step.operation)
        if tagging is not None:
            wanted.setdefault(str(step.params[tagging.arn]), {}).update(_tags_after(step))
    for arn, tags in wanted.items():
        now = tags_of(reader, arn)
        wrong = sorted(key for key, value in tags.items() if now.get(key) != value)
        if wrong:
            yield f"{arn}: the tags {', '.join(wrong)} are not as planned"


def _tags_after(step: Step) -> Mapping[str, str | None]:
    if "Tags" in step.params:
        return tags_in(step.params["Tags"])
    return dict.fromkeys(step.params["TagKeys"])
