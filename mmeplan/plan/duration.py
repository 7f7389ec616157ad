"""How long the apply of a plan takes, as a range: from its steps, as the executor carries them out.

In: a plan, and of an apply under way what has ended and what runs. Out: an `Estimate`. Nothing of it is in the plan
document: it follows from the steps, so that a better fact makes a better estimate of a plan that was saved before.

What an update waits for stands in its DeploymentConfig; how long instances take to come up is known as a range. What
nobody knows has no end (`inf`) and is named, never counted as nothing.
Sources: docs/sagemaker.md, "How long things take".
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any, Final

from mmeplan.aws.instances import accelerator_of
from mmeplan.diff import VariantTraffic
from mmeplan.kinds import ENDPOINT, kind_of_operation
from mmeplan.kinds.artifacts import UPLOAD
from mmeplan.plan.document import POLL_INTERVAL_S, POLL_JITTER, Plan
from mmeplan.plan.rollout import CREATE_TIMEOUT_S, batches_of, update_timeout_s
from mmeplan.plan.step import DesiresAsSeen, EndpointNameIsFree, Gone, RunsConfig, Step


@dataclass(frozen=True, slots=True)
class Span:
    """A range of seconds. `most_s` is infinite where nobody knows an end."""

    least_s: float = 0.0
    most_s: float = 0.0

    def __add__(self, other: Span) -> Span:
        return Span(self.least_s + other.least_s, self.most_s + other.most_s)

    @property
    def is_open(self) -> bool:
        """Whether nobody knows an end."""
        return self.most_s == inf

    def less(self, seconds: float) -> Span:
        """What is left of it after so many seconds."""
        return Span(max(0.0, self.least_s - seconds), max(0.0, self.most_s - seconds))


ORDINARY: Final = Span(120, 300)  # an instance without accelerators, until its containers answer
ACCELERATED: Final = Span(300, 600)  # with GPUs, Inferentia, Trainium or Gaudi
SERVERLESS: Final = Span(120, 660)
ANY: Final = Span(120, 660)  # nothing says what it is hosted on
SHIFT: Final = Span(0, 120)  # of an update, beside the launch and the waits: traffic is activated, the old fleet goes
SCALE_UP: Final = Span(60, 0)  # the least for instances that are added; the most is that of a launch
RESCALE: Final = Span(15, 120)  # weights, and fewer instances
DELETE: Final = Span(10, 180)
CALL: Final = Span(0, 0.5)  # a call with the read of its guard
UNDER_WAY: Final = Span(0, inf)  # what others have begun


@dataclass(frozen=True, slots=True)
class Estimate:
    """How long an apply takes, or what is left of one.

    `longest` is the address of the endpoint that takes the longest by itself, empty where none is waited for, and
    `longest_takes` how long. `waits` is how many endpoints are waited for; `alike`: each takes as long by itself.
    `unknown` are addresses of endpoints on which something is under way of which nobody knows the end;
    `kept_deployment` of those that are updated by their last DeploymentConfig, which the plan doesn't hold. With any of
    both there is no most. `uploads` is how many archives are uploaded or copied besides: how long that takes is not in
    `takes`, since nobody knows the connection.
    """

    takes: Span
    longest: str = ""
    longest_takes: Span = Span()
    waits: int = 0
    alike: bool = False
    unknown: tuple[str, ...] = ()
    kept_deployment: tuple[str, ...] = ()
    uploads: int = 0


class Estimator:
    """Estimates for one plan, with at most `parallelism` endpoints under way (the plan's own, unless told otherwise).

    `look_s` is the time between two looks at what runs, in seconds.
    """

    def __init__(self, plan: Plan, parallelism: int = 0, look_s: float = POLL_INTERVAL_S) -> None:
        self._steps = plan.steps
        self._parallelism = max(1, parallelism or plan.options.parallelism)
        self._places = {step.id: place for place, step in enumerate(plan.steps)}
        traffic = {change.address: change.traffic for change in plan.changes if change.traffic}
        look = Span(0, look_s * (1 + POLL_JITTER))
        self._spans = [_looked(_span(step, traffic.get(step.address, ())), look) for step in plan.steps]

    def whole(self) -> Estimate:
        """All of the plan, from its beginning."""
        return self.left((), {})

    def left(self, ended: Collection[str], running: Mapping[str, float]) -> Estimate:
        """What is left where the steps of these ids have ended, and these have run for so many seconds."""
        done = {self._places[at] for at in ended if at in self._places}
        spans = list(self._spans)
        for at, seconds in running.items():
            spans[self._places[at]] = spans[self._places[at]].less(seconds)
        under_way = [self._places[at] for at in running]
        open_ = [step for place, step in enumerate(self._steps) if place not in done and spans[place].is_open]
        takes = Span(
            self._lasts([span.least_s for span in spans], CALL.least_s, done, under_way),
            self._lasts([span.most_s for span in spans], CALL.most_s, done, under_way),
        )
        own: dict[str, Span] = {}
        for place, step in enumerate(self._steps):
            if place not in done and spans[place] != Span():
                own[step.address] = own.get(step.address, Span()) + spans[place]
        longest = max(own, key=lambda at: (own[at].most_s, own[at].least_s), default="")
        by_last = {step.address for step in open_ if _keeps_deployment(step.params)}
        unknown = dict.fromkeys(step.address for step in open_ if not _keeps_deployment(step.params))
        alike = len(set(own.values())) == 1
        uploads = (step for place, step in enumerate(self._steps) if place not in done and step.operation == UPLOAD)
        return Estimate(
            takes,
            longest,
            own.get(longest, Span()),
            len(own),
            alike,
            tuple(unknown),
            tuple(sorted(by_last)),
            sum(len(step.params["Archives"]) for step in uploads),
        )

    def _lasts(self, seconds: Sequence[float], call_s: float, done: set[int], running: Iterable[int]) -> float:
        """How long the executor takes where each step takes so long: its own queue, without the calls.

        Whatever is ready is called in the order of the steps, one call after the other, while fewer than `parallelism`
        are waited for; deletes of models and configs come once all else has ended.
        """
        missing, dependents = self._needs(done)
        ready: list[int] = []
        last: list[int] = []
        busy = [(seconds[place], place) for place in running]
        known = {*done, *running}
        for place, step in enumerate(self._steps):
            if place not in known and not missing[place]:
                (last if step.comes_last else ready).append(place)
        heapq.heapify(busy)
        heapq.heapify(ready)
        now = 0.0

        def end(place: int) -> None:
            for needing in dependents.get(place, ()):
                missing[needing] -= 1
                if not missing[needing] and needing not in known:
                    heapq.heappush(last if self._steps[needing].comes_last else ready, needing)

        while True:
            while ready and len(busy) < self._parallelism:
                place, now = heapq.heappop(ready), now + call_s
                if seconds[place]:
                    heapq.heappush(busy, (now + seconds[place], place))
                else:
                    end(place)
            if busy:
                until, place = heapq.heappop(busy)
                now = max(now, until)
                end(place)
            elif last and not ready:
                ready, last = last, []
            elif not ready:
                return now

    def _needs(self, done: set[int]) -> tuple[list[int], dict[int, list[int]]]:
        """How many steps each still waits for, and which wait for each."""
        missing = [0] * len(self._steps)
        dependents: dict[int, list[int]] = {}
        for place, step in enumerate(self._steps):
            for needed in step.after:
                at = self._places.get(needed)
                if at is not None and at not in done:
                    missing[place] += 1
                    dependents.setdefault(at, []).append(place)
        return missing, dependents


def estimate(plan: Plan, parallelism: int = 0) -> Estimate:
    """How long the apply of a plan takes; nothing (`waits` is 0, `takes` empty) where it has no steps."""
    return Estimator(plan, parallelism).whole()


# --- one step ---------------------------------------------------------------------------------------------------------


def _looked(span: Span, look: Span) -> Span:
    """A wait as the executor sees it: its end is noticed at the next look."""
    return span + look if span != Span() else span


def _span(step: Step, traffic: Sequence[VariantTraffic]) -> Span:
    """How long a step is waited for; nothing where it isn't."""
    kind = kind_of_operation(step.operation)
    if step.wait is None or (kind is not None and not kind.is_swapped):
        return Span()  # what waits for an endpoint's update to end comes after the step of that update
    if isinstance(step.wait, Gone):
        return DELETE
    guard = step.guard
    if step.operation == ENDPOINT.create_operation:
        slow = Span(0, max(0.0, step.wait.timeout_s - CREATE_TIMEOUT_S))
        deleting = isinstance(guard, EndpointNameIsFree) and guard.wait_until_gone
        return launch(traffic) + slow + (Span(0, DELETE.most_s) if deleting else Span())
    if step.operation == ENDPOINT.update_operation:
        own = _update(step.params, traffic, step.wait.timeout_s)
        if isinstance(guard, RunsConfig) and guard.pending != guard.config:
            joined = guard.pending == guard.wanted
            return UNDER_WAY if joined else own + UNDER_WAY
        return own
    if isinstance(guard, DesiresAsSeen):
        return _rescaled(guard, traffic)
    return UNDER_WAY  # a step that only waits, or that waits for its turn


def launch(traffic: Sequence[VariantTraffic]) -> Span:
    """How long the instances of these variants take to come up, all at once."""
    kinds = {kind for variant in traffic if variant.share_after for kind in variant.pools or (variant.instance_type,)}
    spans = [_of_type(kind) for kind in kinds] or [ANY]
    return Span(max(span.least_s for span in spans), max(span.most_s for span in spans))


def _of_type(instance_type: str) -> Span:
    if instance_type == "serverless":
        return SERVERLESS
    accelerator = accelerator_of(instance_type)
    return ANY if accelerator is None else ORDINARY if accelerator == "none" else ACCELERATED


def _rescaled(guard: DesiresAsSeen, traffic: Sequence[VariantTraffic]) -> Span:
    """UpdateEndpointWeightsAndCapacities: instances that are added have to come up."""
    for item in guard.wanted:
        before = guard.before.get(item["VariantName"], {}).get("DesiredInstanceCount")
        count = item.get("DesiredInstanceCount")
        if count is not None and (before is None or count > before):
            return Span(SCALE_UP.least_s, launch(traffic).most_s)
    return RESCALE


def _keeps_deployment(params: Mapping[str, Any]) -> bool:
    """Whether an update goes by the last DeploymentConfig, which isn't in the plan."""
    return bool(params.get("RetainDeploymentConfig")) and not params.get("DeploymentConfig")


def _update(params: Mapping[str, Any], traffic: Sequence[VariantTraffic], timeout_s: float) -> Span:
    """`timeout_s` is how long the plan waits: what the config allows its containers to start with is in it."""
    deployment: Mapping[str, Any] = params.get("DeploymentConfig") or {}
    if _keeps_deployment(params):
        return launch(traffic) + SHIFT + UNDER_WAY
    slow = Span(0, max(0.0, timeout_s - update_timeout_s(deployment)))
    return deployed(deployment, traffic, launch(traffic) + slow)


def deployed(deployment: Mapping[str, Any], traffic: Sequence[VariantTraffic], up: Span) -> Span:
    """How long an update by this DeploymentConfig takes, where the new fleet takes `up` to come up.

    Whether the last part of a linear or rolling one bakes too isn't documented, nor whether a batch is launched while
    the one before it bakes, nor what a percentage that gives no whole instance comes to: all of it is in the range.
    Sources: the guardrail pages of the developer guide; botocore DeploymentConfig.
    """
    types = {variant.instance_type for variant in traffic if variant.share_after}
    policy = deployment.get("BlueGreenUpdatePolicy") or {}
    rolling = deployment.get("RollingUpdatePolicy")
    if any(kind.startswith("ml.inf1.") for kind in types):
        return up + SHIFT  # all at once, without baking: deployment-guardrails-exclusions
    if rolling:
        least, most = _parts(rolling.get("MaximumBatchSize"), traffic, least_percent=5)
        wait = float(rolling.get("WaitIntervalInSeconds") or 0)
        span = Span(up.least_s + (least - 1) * wait, most * (up.most_s + wait)) + SHIFT
        return _limited(span, rolling)
    routing = policy.get("TrafficRoutingConfiguration") or {}
    wait = float(routing.get("WaitIntervalInSeconds") or 0)
    kept = float(policy.get("TerminationWaitInSeconds") or 0)
    span = up + SHIFT + Span(kept, kept)
    if "serverless" not in types and routing.get("Type") == "CANARY":
        span += Span(wait, wait)
    elif "serverless" not in types and routing.get("Type") == "LINEAR":
        least, most = _parts(routing.get("LinearStepSize"), traffic, least_percent=10)
        span += Span((least - 1) * wait, most * wait)
    return _limited(span, policy)


def _limited(span: Span, policy: Mapping[str, Any]) -> Span:
    """An update that lasts longer than its own limit is rolled back: no success takes longer."""
    limit = policy.get("MaximumExecutionTimeoutInSeconds")
    return span if limit is None else Span(span.least_s, max(span.least_s, min(span.most_s, float(limit))))


def _parts(size: Mapping[str, Any] | None, traffic: Sequence[VariantTraffic], *, least_percent: int) -> tuple[int, int]:
    """In how many parts of this size the variants move: the least and the most that it may be."""
    counts = [variant.instances_after for variant in traffic if variant.share_after]
    widest = max(counts, default=0)
    if not size:
        return 1, -(-100 // least_percent)
    if size.get("Type") == "CAPACITY_PERCENT":
        parts = batches_of(size, counts)
        return min(parts, widest) or parts, parts
    if not widest or any(variant.kept for variant in traffic):  # an autoscaler's count may have moved meanwhile
        return 2, -(-100 // least_percent)
    parts = batches_of(size, counts)
    return parts, parts
