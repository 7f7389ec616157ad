"""What requests go through: the variants of an endpoint as rows and bars, and the stages of its rollout.

In: an endpoint's change, the plan's relations, and the parameters of its calls. Out: texts and numbers.
Sources: botocore DeploymentConfig and its members; SageMaker Developer Guide, "Deployment guardrails" (canary, linear,
rolling; the waits are baking periods; the old fleet goes after TerminationWaitInSeconds).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Final, NamedTuple

from mmeplan.plan import Change, Step, VariantTraffic
from mmeplan.plan.rollout import batches_of, moved_by
from mmeplan.render.relations import Relations, model_names
from mmeplan.render.values import before_after, counted, percent

KEPT: Final = "kept (autoscaled)"
MOST_STAGES: Final = 12  # more are told by one that stands for those in between
MOST_POOLS: Final = 3  # instance types that are named
_ALL_AT_ONCE: Final = "blue/green, all at once"


class VariantRow(NamedTuple):
    """One variant: `large`, `2 → 4 × ml.m5.xlarge`, `66.7 %`, and the model's address where everything is new."""

    name: str
    instances: str
    share: str
    model: str


@dataclass(frozen=True, slots=True)
class Bar:
    """A variant's share of the requests, before and after, in percent and in words."""

    variant: str
    instances: str
    before: float
    after: float
    words_before: str
    words_after: str


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage: its name, the shares of the old and the new fleet (0 to 1), and what is waited for, in words."""

    name: str
    old: float
    new: float
    hold: str = ""

    @property
    def shares(self) -> str:
        """The shares in words: `old 90 %, new 10 %`."""
        if not self.old and not self.new:
            return "nothing answers"
        parts = (("old", self.old), ("new", self.new))
        return ", ".join(f"{name} {share * 100:.3g} %" for name, share in parts if share)


def variant_rows(endpoint: Change, relations: Relations, config: str) -> tuple[VariantRow, ...]:
    """The rows of all variants where the endpoint is created, any share or count changes, or a swap keeps one."""
    moves = any(
        item.share_before != item.share_after
        or item.instances_before != item.instances_after
        or (item.kept and endpoint.effect == "traffic_shift")
        for item in endpoint.traffic
    )
    if not endpoint.action.creates and not moves:
        return ()
    params = relations.params(config, "CreateEndpointConfig")
    requests = {str(item.get("VariantName")): item for item in params.get("ProductionVariants") or ()}
    running = any(item.share_before for item in endpoint.traffic)
    models = {} if running else dict(reversed(list(model_names(params))))
    rows = []
    for item in endpoint.traffic:
        share = percent(item.share_after) or "0 %"
        if running:
            share = before_after(percent(item.share_before) or "0 %", share)
        model = models.get(item.variant, "")
        request = requests.get(item.variant, {})
        if item.kept:
            request = _with_kept_concurrency(request, item.variant, relations.steps.get(endpoint.address, ()))
        instances = _instances(item, request, running)
        rows.append(VariantRow(item.variant, instances, share, relations.address_of("model", model) or model))
    return tuple(rows)


def _with_kept_concurrency(request: Mapping[str, Any], variant: str, steps: Iterable[Step]) -> Mapping[str, Any]:
    """The variant's request with the provisioned concurrency that is set again after the swap."""
    for step in steps:
        for entry in step.params.get("DesiredWeightsAndCapacities") or ():
            if entry.get("VariantName") == variant and "ServerlessUpdateConfig" in entry:
                config = {**(request.get("ServerlessConfig") or {}), **entry["ServerlessUpdateConfig"]}
                request = {**request, "ServerlessConfig": config}
    return request


def _instances(item: VariantTraffic, request: Mapping[str, Any], running: bool) -> str:
    """`2 × ml.m5.xlarge`, `2 → 4 × ml.m5.xlarge`, `new, serverless, 2048 MB`, `removed, was 2 instances`."""
    before = counted(item.instances_before, "instance") if _had_instances(item) else ""
    if not item.share_after:
        return f"removed, was {before}" if before else "removed"
    new = "new, " if running and not item.share_before else ""
    serverless = _serverless(request) or ("serverless" if item.instance_type == "serverless" else "")
    if serverless:
        owned = f", {KEPT}" if item.kept else ""
        return f"{before} → {serverless}" if before else new + serverless + owned
    number = str(item.instances_after)
    if before:
        number = before_after(str(item.instances_before), number)
    elif item.instance_type_before == "serverless":
        new = "serverless → "
    owned = f", {KEPT}" if item.kept else ""
    if _type(item):
        return f"{new}{number} × {_type(item)}{owned}"
    return new + (f"{number} instances{owned}" if item.instances_after else "instances as they are")


def _type(item: VariantTraffic) -> str:
    """`ml.m5.large`; of instance pools `ml.m5.large or ml.m5.xlarge`."""
    if len(item.pools) > MOST_POOLS:
        return f"{item.pools[0]} or {len(item.pools) - 1} other types"
    return item.instance_type or " or ".join(filter(None, (", ".join(item.pools[:-1]), *item.pools[-1:])))


def _had_instances(item: VariantTraffic) -> bool:
    """Whether the variant has instances now, be it none of them: a count of 0 is one."""
    return bool(item.instances_before) or item.instance_type_before not in ("", "serverless")


def _serverless(request: Mapping[str, Any]) -> str:
    config = request.get("ServerlessConfig") or {}
    if not config:
        return ""
    limits = (
        ("MemorySizeInMB", "{} MB"),
        ("MaxConcurrency", "up to {} at once"),
        ("ProvisionedConcurrency", "{} kept warm"),
    )
    return ", ".join(["serverless", *(text.format(config[member]) for member, text in limits if config.get(member))])


def bar(item: VariantTraffic) -> Bar:
    """A variant's bar."""
    before, after = item.instances_before, item.instances_after
    had = _had_instances(item)
    if item.instance_type == "serverless":
        instances = f"{counted(before, 'instance')} → serverless" if had else "serverless"
    elif item.share_after:  # `2 → 4 × ml.m5.large`
        number = before_after(str(before), str(after)) if had else str(after)
        was = "serverless → " if item.instance_type_before == "serverless" else ""
        instances = f"{was}{number} × {_type(item)}" if _type(item) or had or after else ""
    else:
        instances = f"{before} × instances, then none" if had else ""
    if item.kept:
        instances += f", {KEPT}"
    return Bar(
        variant=item.variant,
        instances=instances,
        before=_length(item.share_before),
        after=_length(item.share_after),
        words_before=percent(item.share_before) or "–",
        words_after=percent(item.share_after) or "–",
    )


def _length(share: str) -> float:
    """A share as percent for the length of a bar; 0 where it is no number from 0 to 1."""
    try:
        number = float(Fraction(share)) if "%" not in share else float(share.strip(" %")) / 100
    except (ValueError, ZeroDivisionError, OverflowError):
        return 0.0
    return round(min(1.0, max(0.0, number)) * 100, 2)


# --- a rollout over time ----------------------------------------------------------------------------------------------


def stages(change: Change, update: Mapping[str, Any]) -> tuple[Stage, ...]:
    """The stages of an endpoint's change; none where requests notice nothing."""
    match change.effect:
        case "outage":
            down = Stage("deleted and created", 0, 0, "until the new endpoint is in service")
            return Stage("before", 1, 0), down, Stage("after", 0, 1)
        case "delete":
            return Stage("before", 1, 0), Stage("after", 0, 0)
        case "traffic_shift" if update.get("RetainDeploymentConfig") and not update.get("DeploymentConfig"):
            return Stage("before", 1, 0, change.rollout), Stage("after", 0, 1)  # its sizes aren't in the plan
        case "traffic_shift":
            return _few(tuple(_shift(change, update.get("DeploymentConfig") or {})))
    return ()


def _few(found: tuple[Stage, ...]) -> tuple[Stage, ...]:
    """At most MOST_STAGES stages: the first ones and the last two, and between them one that counts the others."""
    if len(found) <= MOST_STAGES:
        return found
    between = counted(len(found) - MOST_STAGES + 1, "more step")
    return (*found[: MOST_STAGES - 3], replace(found[-3], name=between), *found[-2:])


def _shift(change: Change, deployment: Mapping[str, Any]) -> Iterator[Stage]:
    """A blue/green or rolling update: from the old fleet to the new one."""
    policy = deployment.get("BlueGreenUpdatePolicy") or {}
    routing = policy.get("TrafficRoutingConfiguration") or {}
    rolling = deployment.get("RollingUpdatePolicy")
    kept = _hold("old fleet stays", policy.get("TerminationWaitInSeconds"))
    yield Stage("before", 1, 0, "the new fleet is prepared")
    if change.rollout.startswith(_ALL_AT_ONCE):
        yield Stage("all at once", 0, 1, kept)
    elif rolling:
        size = rolling.get("MaximumBatchSize") or {}
        yield from _steps("batch", size, change, _hold("bakes", rolling.get("WaitIntervalInSeconds")))
    elif routing.get("Type") == "CANARY":
        part = _part(routing.get("CanarySize") or {}, change, 1)
        yield Stage("canary", 1 - part, part, _hold("bakes", routing.get("WaitIntervalInSeconds")))
        yield Stage("the rest", 0, 1, kept)
    elif routing.get("Type") == "LINEAR":
        size = routing.get("LinearStepSize") or {}
        yield from _steps("step", size, change, _hold("bakes", routing.get("WaitIntervalInSeconds")), kept)
    else:
        yield Stage("all at once", 0, 1, kept)
    yield Stage("after", 0, 1)


def _steps(word: str, size: Mapping[str, Any], change: Change, hold: str, last: str = "") -> Iterator[Stage]:
    counts = [item.instances_after for item in change.traffic if item.share_after]
    number = batches_of(size, counts) if any(counts) or size.get("Type") == _PERCENT else _UNKNOWN_STEPS
    for index in range(1, number + 1):
        new = 1.0 if index == number else _part(size, change, index)
        yield Stage(f"{word} {index}", 1 - new, new, last if index == number and last else hold)


_PERCENT: Final = "CAPACITY_PERCENT"
_UNKNOWN_STEPS: Final = 10


def _part(size: Mapping[str, Any], change: Change, step: int) -> float:
    """The part of the requests that the new fleet answers after a step of this size, each variant by itself.

    One instance of an unknown number is taken for a tenth.
    """
    staying = [item for item in change.traffic if item.share_after]
    if size.get("Type") != _PERCENT and not any(item.instances_after for item in staying):
        return min(1.0, step / _UNKNOWN_STEPS)
    moved = ((_length(item.share_after) / 100, moved_by(size, item.instances_after, step)) for item in staying)
    shares = [(share, float(part)) for share, part in moved]
    total = sum(share for share, _ in shares)
    if not total:
        return float(moved_by(size, max((item.instances_after for item in staying), default=1), step))
    return min(1.0, max(0.01, sum(share * part for share, part in shares) / total))


def _hold(word: str, seconds: Any) -> str:
    number = int(seconds or 0)
    if not number:
        return ""
    return f"{word} {number // 60} min" if number >= 120 and number % 60 == 0 else f"{word} {number} s"
