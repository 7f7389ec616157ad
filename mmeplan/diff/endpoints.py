"""The endpoint half of the diff: desired meaning against live meaning, and what the difference does to traffic.

Each declared endpoint is decided for itself; whether a model or a config is needed at all follows from the decisions
(`demand`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final

from mmeplan import history
from mmeplan.aws.lifecycle import (
    BUSY,
    CREATING,
    DELETING,
    FAILED,
    OUT_OF_SERVICE,
    SYSTEM_UPDATING,
    UPDATE_ROLLBACK_FAILED,
    UPDATING,
)
from mmeplan.aws.variants import REFERENCES
from mmeplan.canonical import Canonical, canonical
from mmeplan.diff.changes import Action, Change, Drift, Effect, FieldChange, Outage, Reason, Refusal
from mmeplan.diff.demand import Demand, EndpointDecision, LeftGeneration
from mmeplan.diff.drift import gone_by_others, owner_notes, plan_drift, shares_config
from mmeplan.diff.fields import (
    LEFT_TO_AUTOSCALER,
    claimed,
    field_changes,
    is_count,
    is_scale_only,
    listed,
    tag_changes,
    tags_told,
)
from mmeplan.diff.inputs import Inputs
from mmeplan.identity import DIGEST_TAG, FLEET_TAG, owner_in
from mmeplan.kinds import ENDPOINT, ENDPOINT_CONFIG, MODEL, Reference, Resource
from mmeplan.kinds.endpoint import with_live_desires
from mmeplan.live import LiveEndpoint, LiveObject, listed_config

VARIANTS_DIFFER: Final = (
    "the variant names differ between the two configs, "
    "so SageMaker shifts the traffic all at once, whatever deployment_config says"
)


def decide(inputs: Inputs, endpoint: Resource) -> EndpointDecision:
    """What becomes of one declared endpoint."""
    live = inputs.snapshot.endpoint(endpoint.physical_name)
    if live is not None and live.status == "unreadable":
        return EndpointDecision(endpoint, _unreadable(endpoint, live))
    if live is None or live.status == "absent":
        old = inputs.under_another_name(endpoint)
        return _renamed(inputs, endpoint, old) if old else _absent(inputs, endpoint)
    refusal = _ownership_refusal(inputs, endpoint, live)
    if refusal:
        return EndpointDecision(endpoint, refusal)
    if live.endpoint_status in (FAILED, OUT_OF_SERVICE):
        return _recreated(inputs, endpoint, live)
    if live.endpoint_status == DELETING:
        return _created(inputs, endpoint, "is being deleted; created again once it is gone")
    if live.endpoint_status == UPDATE_ROLLBACK_FAILED:
        return EndpointDecision(endpoint, _unrecoverable(endpoint, live))
    return _compared(inputs, endpoint, live)


# --- endpoints that are not there, or not usable --------------------------------------------------------------------


def _absent(inputs: Inputs, endpoint: Resource) -> EndpointDecision:
    """An endpoint that isn't live: new, or gone although what it ran on is still there."""
    gone = "" if shares_config(inputs, endpoint) else gone_by_others(inputs, endpoint)
    if not gone:
        return _created(inputs, endpoint, "nothing of that name is live")
    decision = _created(inputs, endpoint, f"it {gone}")
    return replace(decision, drift=Drift(endpoint.address, gone))


def _created(inputs: Inputs, endpoint: Resource, explanation: str) -> EndpointDecision:
    change = _change(endpoint, Action.CREATE, "new", "create", explanation)
    return EndpointDecision(
        endpoint, change, runs=endpoint.request["EndpointConfigName"], needs=inputs.config_of(endpoint)
    )


def _recreated(inputs: Inputs, endpoint: Resource, live: LiveEndpoint) -> EndpointDecision:
    if not inputs.owns(live):
        return EndpointDecision(endpoint, _not_yet_ours(endpoint, live, f"it is {live.endpoint_status}"))
    why = live.failure_reason or "no reason given"
    only = "DeleteEndpoint is the only call SageMaker accepts, so it is deleted and created"
    text = f"the endpoint is {live.endpoint_status} ({why}); {only}"
    effect: Effect = "create" if live.endpoint_status == FAILED else "outage"
    change = _change(endpoint, Action.DELETE_THEN_CREATE, "failed", effect, text, live=live, outage=Outage.FAILED)
    return replace(_created(inputs, endpoint, text), change=change)


def _renamed(inputs: Inputs, endpoint: Resource, old: LiveEndpoint) -> EndpointDecision:
    text = (
        f"its name changes from {old.name}; an endpoint can't be renamed, so clients of the old name lose it "
        f"(`name: {old.name}` keeps it)"
    )
    fields = (FieldChange(("EndpointName",), old.name, endpoint.physical_name),)
    change = _change(
        endpoint,
        Action.RENAME,
        "renamed_physically",
        "outage",
        text,
        live=old,
        fields=fields,
        notes=history.busy_notes(old),
        outage=Outage.RENAMED,
    )
    return replace(_created(inputs, endpoint, text), change=change, renamed=old.name)


def _not_yet_ours(endpoint: Resource, live: LiveEndpoint, why: str) -> Change:
    """Adoption never deletes: what mmeplan hasn't made is deleted by those who made it."""
    refusal = (
        f"{live.name} can't be adopted, because {why} and would have to be deleted; delete it yourself, then apply"
    )
    return _refused(endpoint, live, Refusal.CONFLICT, "conflict", "not managed by mmeplan", refusal)


def _unreadable(endpoint: Resource, live: LiveObject) -> Change:
    return _change(endpoint, Action.UNREADABLE, "unreadable", "none", f"could not be read: {live.error}", live=live)


def _unrecoverable(endpoint: Resource, live: LiveEndpoint) -> Change:
    why = live.failure_reason or "no reason given"
    refusal = (
        f"the endpoint serves with a mix of two configs because an update and its rollback both failed ({why}); "
        "look at it in the console and decide: SageMaker accepts DeleteEndpoint, and support can repair it"
    )
    return _refused(endpoint, live, Refusal.UNRECOVERABLE, "unrecoverable", "UpdateRollbackFailed", refusal)


def _ownership_refusal(inputs: Inputs, endpoint: Resource, live: LiveEndpoint) -> Change | None:
    owner = owner_in(live.tags or {})
    if inputs.owns(live) or (endpoint.entry.adopt and owner is None):
        return None
    if owner is not None and owner.fleet == inputs.graph.fleet.name:
        text = f"the endpoint {live.name} belongs to {owner.words}"
        other = f"plan with -e {owner.environment}" if owner.environment else "plan without -e"
        example = f" (`name: {live.name}-{{{{ environment }}}}`)" if inputs.graph.deployment.environment else ""
        refusal = f"{text}; {other}, give this one another `name:`{example}, or hand it over with `mmeplan move`"
    elif owner is not None:
        text = f"the endpoint {live.name} belongs to {owner.words}"
        adopt = f"remove the tag {FLEET_TAG} from the endpoint and write `adopt: true`"
        refusal = f"{text}; give this one another `name:`, hand it over with that fleet's `mmeplan move`, or {adopt}"
    else:
        text = f"an endpoint named {live.name} exists and is not managed by mmeplan"
        refusal = f"{text}; write `adopt: true` to take it under management, or choose another `name:`"
    return _refused(endpoint, live, Refusal.CONFLICT, "conflict", text, refusal)


# --- endpoints that are there ---------------------------------------------------------------------------------------


def _compared(inputs: Inputs, endpoint: Resource, live: LiveEndpoint) -> EndpointDecision:
    config = inputs.config_of(endpoint)
    if config is None:
        return _compared_external(inputs, endpoint, live)
    live_config: LiveObject | None = inputs.snapshot.endpoint_config(live.config)
    if live_config is not None and live_config.status == "unreadable":
        return EndpointDecision(endpoint, _unreadable(endpoint, live_config))
    needs: Resource | None = None
    gone_and_known = _is_gone_and_known(endpoint, live, config, live_config)
    if gone_and_known and not (config.pinned and inputs.has_equal_models(config)):
        needs = config  # deleted by others, and created again under its name
        live_config = listed_config(live.config)
    if live_config is None or not history.runs_its_own_config(live, live_config, config.physical_name):
        return _without_config(inputs, endpoint, live, config, live_config)
    compared = _Compared(inputs, endpoint, live, config, live_config)
    decision = compared.decide()
    return replace(decision, needs=decision.needs or needs, drift=compared.drift)


def _is_gone_and_known(
    endpoint: Resource, live: LiveEndpoint, config: Resource, live_config: LiveObject | None
) -> bool:
    """Whether the config in force is gone, and yet what it held is known: by its name, or by the endpoint's digest."""
    if live_config is not None and live_config.status != "absent":
        return False
    applied = live.tag(DIGEST_TAG) == endpoint.digest
    return live.config == config.physical_name and (applied or not config.pinned)


@dataclass(frozen=True)
class _Compared:
    """An endpoint whose config in force is known, held against what the file asks for."""

    inputs: Inputs
    endpoint: Resource
    live: LiveEndpoint
    config: Resource
    live_config: LiveObject

    @cached_property
    def meaning(self) -> Canonical:
        """What it means now."""
        return self.inputs.live_meaning(self.config, self.live, self.live_config)

    @cached_property
    def fields(self) -> tuple[FieldChange, ...]:
        """Where that differs from the file."""
        return field_changes(self.meaning, self.inputs.graph.meaning(self.endpoint))

    @cached_property
    def drift(self) -> Drift | None:
        """What was changed since it was applied last, although the file did not ask for it."""
        about = (self.inputs, self.endpoint, self.config, self.live, self.live_config)
        return plan_drift(*about, self.meaning, self.fields)

    def decide(self) -> EndpointDecision:
        live, fields = self.live, self.fields
        replaced = bool(self.inputs.graph.fresh & {self.config.address, *self.config.dependencies()})
        if not fields and not replaced:
            return self._unchanged()
        stays = live.endpoint_status != CREATING and live.pending_config in ("", live.config)
        runs_it = live.config == self.config.physical_name  # so that no swap would set a shadow variant's count
        if is_scale_only(fields, shadows=runs_it) and not replaced and stays:
            text = "only weights, counts or concurrency differ: changed in place, without a new fleet"
            return self._served(self._change(Action.SCALE, "scale_changed", "in_place", text, fields=fields))
        return self._swapped(requested=replaced and not fields)

    def _served(self, change: Change) -> EndpointDecision:
        """It stays on the config that it runs, which serves what is wanted whatever its name."""
        serves = ((self.config.address, self.live_config.name), *self._models)
        return EndpointDecision(self.endpoint, change, runs=self.live_config.name, serves=serves)

    def _unchanged(self) -> EndpointDecision:
        live, status = self.live, self.live.endpoint_status
        if status == UPDATING and live.pending_config not in ("", self.live_config.name):
            return self._swapped_back()
        if status in BUSY and status != SYSTEM_UPDATING:
            text = f"is {status} towards what the file says; the apply waits for it"
            return self._served(self._change(Action.WAIT, "in_progress", "none", text))
        notes = _deployment_note(self.endpoint, live)
        if status == SYSTEM_UPDATING:
            notes = ("SageMaker is patching it (SystemUpdating); it serves meanwhile", *notes)
        return self._served(self._change(Action.NO_OP, "same", "none", "unchanged", notes=notes))

    @cached_property
    def _once_over(self) -> _Compared:
        """The endpoint that a swap leaves: what an update under way leads to, where that is known."""
        coming = self.live.once_over
        config = self.inputs.snapshot.endpoint_config(coming.config)
        joined = coming is self.live or coming.config == self.config.physical_name
        if joined or config is None or not history.runs_its_own_config(coming, config):
            return self
        return replace(self, live=coming, live_config=config)

    def _swapped_back(self) -> EndpointDecision:
        """Somebody's update leads away from what the file says: once it is done, swap to what is wanted."""
        pending, wanted = self.live.pending_config, self.config.physical_name
        text = f"an update to {pending} is under way that the file doesn't ask for; swapped back once it is done"
        fields = (FieldChange(("EndpointConfigName",), pending, wanted),)
        change = self._change(Action.SWAP, "content_changed", "traffic_shift", text, runs=wanted, fields=fields)
        return replace(self._served(change), runs=wanted, needs=self.config)

    def _swapped(self, *, requested: bool) -> EndpointDecision:
        live, wanted, left = self.live, self.config.physical_name, self._once_over
        content = self.inputs.serving_content(self.config, left.live, left.live_config)
        fields = (
            *_shown_fields(self.inputs, self.config, content, left.fields or self.fields),
            *_alarms_changed(self.endpoint, live),
        )
        border = _border(content, self.config.content) or _border(_in_force(self.inputs, live), self.config.content)
        if border is not None:
            change = _recreated_hosting(self.inputs, self.endpoint, live, wanted, border, fields, self.config.address)
        else:
            change = self._change(
                Action.SWAP,
                "replace_requested" if requested else "dependency_changed",
                "traffic_shift",
                "a fresh fleet was asked for (--replace)" if requested else "its config changes",
                runs=wanted,
                fields=fields,
                causes=(self.config.address,),
                notes=(*_variant_note(self.config.content, content, live), *history.swap_notes(live, wanted)),
            )
            change = _unless_rolled_back(self.inputs, change, live, wanted)
        leaves = LeftGeneration(left.live_config.name, content, left._models)
        return EndpointDecision(self.endpoint, change, runs=wanted, needs=self.config, leaves=leaves)

    @cached_property
    def _models(self) -> tuple[tuple[str, str], ...]:
        return self.inputs.serving_models(self.config, self.live_config)

    def _scaled_by_others(self, action: Action) -> tuple[str, ...]:
        """A note where the file puts back a count that was changed in place: it may have been an autoscaler."""
        by_others = self.drift is not None or not self.inputs.owns(self.live)
        if action not in (Action.SCALE, Action.SWAP) or not by_others or not is_count(self.fields):
            return ()
        made = self.inputs.live_content(self.live_config)
        if not is_count(field_changes(made, with_live_desires(made, self.live.describe))):
            return ()
        return (f"its count was changed in place; {LEFT_TO_AUTOSCALER}",)

    @cached_property
    def _owners(self) -> tuple[str, ...]:
        return owner_notes(self.inputs, self.endpoint, self.config, self.live, self.live_config)

    def _change(
        self, action: Action, reason: Reason, effect: Effect, text: str, *, runs: str = "", **more: Any
    ) -> Change:
        runs = runs or self.live_config.name
        more["notes"] = (*more.get("notes", ()), *self._owners, *self._scaled_by_others(action))
        return _kept(self.inputs, self.endpoint, self.live, runs, action, reason, effect, text, **more)


def _compared_external(inputs: Inputs, endpoint: Resource, live: LiveEndpoint) -> EndpointDecision:
    """An endpoint whose config lies outside the fleet: it is known by its name alone."""
    wanted = endpoint.request["EndpointConfigName"]
    if live.config == wanted:
        notes = _deployment_note(endpoint, live)
        same = _kept(inputs, endpoint, live, wanted, Action.NO_OP, "same", "none", "unchanged", notes=notes)
        return EndpointDecision(endpoint, same, runs=wanted)
    fields = (FieldChange(("EndpointConfigName",), live.config, wanted),)
    border = _border(_in_force(inputs, live), _described(inputs, wanted))
    if border is not None:
        change = _recreated_hosting(inputs, endpoint, live, wanted, border, fields)
        return EndpointDecision(endpoint, change, runs=wanted)
    text = "it is to run another config, which lies outside the fleet"
    about = (inputs, endpoint, live, wanted, Action.SWAP)
    change = _kept(*about, "content_changed", "traffic_shift", text, fields=fields)
    return EndpointDecision(endpoint, _unless_rolled_back(inputs, change, live, wanted), runs=wanted)


def _without_config(
    inputs: Inputs, endpoint: Resource, live: LiveEndpoint, config: Resource, live_config: LiveObject | None
) -> EndpointDecision:
    """The config in force was deleted, or is a placeholder for one that was (an apply stopped before it went)."""
    wanted, placeholder = config.physical_name, live_config is not None and live_config.is_present
    if live.config == wanted:
        change = _placeholder_left(endpoint, live) if placeholder else _pinned_config_gone(endpoint, live)
        return EndpointDecision(endpoint, change, runs=wanted, needs=config)
    gone = f"it runs the config {live.config}, which no longer exists"
    serving = _serves_by(live)
    border = _border(serving, config.content)
    if border is not None:
        lost = replace(border, text=f"{gone}; and {border.text}")
        change = _recreated_hosting(inputs, endpoint, live, wanted, lost, cause=config.address)
        return EndpointDecision(endpoint, change, runs=wanted, needs=config)
    refused = "SageMaker refuses to update such an endpoint"
    text = f"{gone}. {refused}, so a placeholder config takes that name until the swap is done"
    about = (inputs, endpoint, live, wanted, Action.SWAP)
    notes = _variant_note(config.content, serving, live)
    change = _kept(*about, "content_changed", "traffic_shift", text, causes=(config.address,), notes=notes)
    change = _unless_rolled_back(inputs, change, live, wanted)
    return EndpointDecision(endpoint, change, runs=wanted, needs=config, lost="" if placeholder else live.config)


def _placeholder_left(endpoint: Resource, live: LiveEndpoint) -> Change:
    refusal = (
        f"the config {live.config} is a placeholder that an interrupted apply has left in the place of one that was "
        "deleted; set replace_salt on the config to roll a fresh one"
    )
    return _refused(endpoint, live, Refusal.CONTENT, "tampered", "not what its name says", refusal)


def _pinned_config_gone(endpoint: Resource, live: LiveEndpoint) -> Change:
    refusal = (
        f"the config {live.config} that it runs was deleted, and its name is pinned, so what it said can't be told; "
        "give the config another `name:`, and the endpoint is swapped to a fresh one"
    )
    return _refused(endpoint, live, Refusal.CONTENT, "pinned", "its config is gone", refusal)


def placeholder_changes(demand: Demand, targets: Collection[str] = ()) -> list[Change]:
    """The configs that are created again under their names, for as long as a swap away from them takes.

    One for each name, with the models of an endpoint that leaves it: of a target, where one is among them.
    """
    inputs, changes = demand.inputs, []
    for name, leaving in sorted(demand.lost.items()):
        at = min(leaving, key=lambda endpoint: endpoint not in targets)
        config = inputs.config_of(inputs.graph.resources[at])
        text = (
            f"a placeholder for the config that {at} runs and somebody deleted; deleted once the endpoint has left it"
        )
        if config is not None:
            about = (config.address, ENDPOINT_CONFIG.name, Action.PLACEHOLDER)
            changes.append(Change(*about, "restored", "none", name, text, name))
    return changes


# --- hosting and variants -------------------------------------------------------------------------------------------

_ASYNC: Final = "AsyncInferenceConfig"


@dataclass(frozen=True, slots=True)
class _Border:
    """A border between two ways of hosting that no update crosses, or none that is known to; `text` says which."""

    outage: Outage
    text: str


_TO_SERVERLESS: Final = _Border(
    Outage.HOSTING, "a real-time endpoint can't be updated to serverless: it is deleted and created"
)
_FROM_ASYNC: Final = _Border(
    Outage.ASYNC,
    "SageMaker refuses to take the AsyncInferenceConfig from an endpoint, so it is deleted and created; "
    "its callers change from InvokeEndpointAsync to InvokeEndpoint",
)
_TO_ASYNC: Final = _Border(
    Outage.ASYNC,
    "nothing says that SageMaker updates an endpoint to asynchronous inference, so it is deleted and created; "
    "its callers change from InvokeEndpoint to InvokeEndpointAsync",
)


def _border(live: Canonical | None, wanted: Canonical | None) -> _Border | None:
    """The border between what is live and what is wanted, if there is one; None for what isn't known.

    Sources: docs/sagemaker.md, "What an update does".
    """
    if live is None or wanted is None:
        return None
    if _ASYNC in live and _ASYNC not in wanted:
        return _FROM_ASYNC
    if _is_serverless(wanted) and not _is_serverless(live):
        return _TO_SERVERLESS
    return _TO_ASYNC if _ASYNC in wanted and _ASYNC not in live else None


def _recreated_hosting(
    inputs: Inputs,
    endpoint: Resource,
    live: LiveEndpoint,
    wanted: str,
    border: _Border,
    fields: tuple[FieldChange, ...] = (),
    cause: str = "",
) -> Change:
    """The endpoint is hosted in another way, which no update does."""
    return _kept(
        inputs,
        endpoint,
        live,
        wanted,
        Action.DELETE_THEN_CREATE,
        "hosting_changed",
        "outage",
        border.text,
        fields=fields,
        causes=(cause,) if cause else (),
        notes=history.swap_notes(live, wanted),
        outage=border.outage,
    )


def _is_serverless(config: Canonical) -> bool:
    return any("ServerlessConfig" in variant for variant in config.get("ProductionVariants", {}).values())


def _in_force(inputs: Inputs, live: LiveEndpoint) -> Canonical:
    """The content of the config in force; what DescribeEndpoint alone says of it, where it can't be read."""
    return _described(inputs, live.config) or _serves_by(live)


def _described(inputs: Inputs, name: str) -> Canonical | None:
    """The content of a live config; None where it isn't there or can't be read."""
    config = inputs.snapshot.endpoint_config(name)
    return inputs.live_content(config) if config is not None and config.is_present else None


def _serves_by(live: LiveEndpoint, *, pending: bool = False) -> Canonical:
    """What DescribeEndpoint alone says of a config: its variants, which of them are serverless, whether it is async."""
    variants = live.pending_variants if pending else live.variants
    said: Canonical = {
        "ProductionVariants": {
            variant.name: {"ServerlessConfig": {}} if variant.is_serverless else {} for variant in variants
        }
    }
    return {**said, _ASYNC: {}} if live.is_async and not pending else said


def _variant_note(wanted: Canonical, content: Canonical, live: LiveEndpoint) -> tuple[str, ...]:
    """A note where guardrails don't apply: variants have other names than in the config in force, or in the one that an
    update under way leads to.
    """
    serving = (content, _serves_by(live, pending=True))
    fleets = [set(fleet["ProductionVariants"]) for fleet in serving if fleet.get("ProductionVariants")]
    same = all(names == set(wanted.get("ProductionVariants", {})) for names in fleets)
    return () if same else (VARIANTS_DIFFER,)


def _shown_fields(
    inputs: Inputs, config: Resource, left: Canonical, fields: tuple[FieldChange, ...]
) -> tuple[FieldChange, ...]:
    """The fields that an endpoint's change shows, without those of models that are created: these show their own.

    Of a model that is live already no other change shows what differs from the one that a variant leaves: image, data,
    environment. `left` is the config that is left.
    """
    own = (change for change in fields if not any(part in REFERENCES for part in change.path[:-1]))
    models = (each for reference in config.references for each in _model_fields(inputs, reference, left))
    return (*own, *models)


def _model_fields(inputs: Inputs, reference: Reference, left: Canonical) -> Iterator[FieldChange]:
    before: Any = left
    for part in reference.path:
        before = before.get(part) if isinstance(before, dict) else None
    contents = [_model_content(inputs, name) for name in (before, reference.name) if isinstance(name, str)]
    old, new = contents if len(contents) == _BOTH else (None, None)
    if old is not None and new is not None:
        yield from (replace(each, path=(*reference.path, *each.path)) for each in field_changes(old, new))


_BOTH: Final = 2


def _model_content(inputs: Inputs, name: str) -> Canonical | None:
    """The content of a live model; None where it isn't live, or nobody read it."""
    live, declared = inputs.snapshot.model(name), inputs.graph.declared(MODEL.name, name)
    if live is None or not live.is_present:
        return None
    if live.by_digest:
        return declared.content if declared else None
    return inputs.aligned_content(declared, live) if declared else MODEL.content(live.describe)


def _deployment_note(endpoint: Resource, live: LiveEndpoint) -> tuple[str, ...]:
    """A note where only the deployment_config differs: nothing is done about it."""
    wanted, last = endpoint.request.get("DeploymentConfig"), live.last_deployment
    if not last or canonical({"DeploymentConfig": wanted or {}}) == canonical({"DeploymentConfig": dict(last)}):
        return ()
    lost = [name for name in _alarms(last) if name not in _alarms(wanted)]
    less = f" (less protection: no longer rolled back by {listed(lost)})" if lost else ""
    return (f"deployment_config differs from the last rollout's{less}; it takes effect with the next swap",)


def _alarms_changed(endpoint: Resource, live: LiveEndpoint) -> tuple[FieldChange, ...]:
    """The alarms that roll this update back, where they aren't those of the last one."""
    before, after = _alarms(live.last_deployment), _alarms(endpoint.request.get("DeploymentConfig"))
    if not before or before == after or endpoint.update_options.get("RetainDeploymentConfig"):
        return ()
    return (FieldChange(("DeploymentConfig", "AutoRollbackConfiguration", "Alarms"), before, after or None),)


def _alarms(deployment: Mapping[str, Any] | None) -> list[str]:
    """The names of the alarms that roll an update back, sorted."""
    alarms = ((deployment or {}).get("AutoRollbackConfiguration") or {}).get("Alarms") or ()
    return sorted(str(alarm.get("AlarmName")) for alarm in alarms)


def _unless_rolled_back(inputs: Inputs, change: Change, live: LiveEndpoint, wanted: str) -> Change:
    """The swap, refused where SageMaker rolled back just this one before: it would fail the same way again."""
    why = history.rolled_back(inputs, live, wanted)
    if not why:
        return change
    refusal = (
        f"SageMaker rolled the update of {live.name} from {live.config} to {wanted} back ({why}); "
        "mend the cause or change the file, or try exactly this once more with --retry-rolled-back"
    )
    text = f"tried again, although SageMaker rolled back the last update to this config ({why})"
    return replace(change, reason="rolled_back", explanation=text, refusal=refusal, refused=Refusal.ROLLED_BACK)


# --- changes --------------------------------------------------------------------------------------------------------


_WAIT_FOR_OTHERS: Final = (Action.SWAP, Action.SCALE, Action.DELETE_THEN_CREATE)
"""What SageMaker accepts of an endpoint only while nothing else is done to it."""


def _kept(
    inputs: Inputs,
    endpoint: Resource,
    live: LiveEndpoint,
    runs: str,
    action: Action,
    reason: Reason,
    effect: Effect,
    explanation: str,
    **more: Any,
) -> Change:
    """A change of an endpoint that is live, with its tags brought up to date; adopted first where it isn't ours yet."""
    adopts = not inputs.owns(live)
    if adopts and action.creates:
        return _not_yet_ours(endpoint, live, explanation)
    kept, others = history.HISTORY_TAGS - set(endpoint.tags), inputs.graph.fleet.ignore_tags
    added, removed = tag_changes(endpoint.tags, live.tags, others, ignore=kept)
    outdated = history.outdated_marks(live, runs, swaps=effect == "traffic_shift") - set(endpoint.tags)
    removed = tuple(sorted({*removed, *outdated}))
    if (added or removed) and action is Action.NO_OP and not adopts:
        action, reason = Action.TAG, "tags_changed"
        explanation = (
            claimed(added, removed) or f"{tags_told(added, removed, live.tags, inputs.graph.moved)}; nothing is rolled"
        )
    if action.creates:
        added, removed = {}, ()
    if action in _WAIT_FOR_OTHERS and live.pending_config != runs and live.pending_config not in explanation.split():
        more["notes"] = (*more.get("notes", ()), *history.busy_notes(live))
    tags = {"tags_added": added, "tags_removed": removed}
    return _change(endpoint, action, reason, effect, explanation, live=live, adopts=adopts, **tags, **more)


def _refused(
    endpoint: Resource, live: LiveObject, refused: Refusal, reason: Reason, explanation: str, refusal: str
) -> Change:
    """A change that only people can make possible."""
    about = (endpoint, Action.REFUSE, reason)
    return _change(*about, "none", explanation, live=live, refused=refused, refusal=refusal)


def _change(
    endpoint: Resource,
    action: Action,
    reason: Reason,
    effect: Effect,
    explanation: str,
    *,
    live: LiveObject | None = None,
    **more: Any,
) -> Change:
    return Change(
        address=endpoint.address,
        kind=ENDPOINT.name,
        action=action,
        reason=reason,
        effect=effect,
        name=endpoint.physical_name,
        explanation=explanation,
        live_name=live.name if live else "",
        arn=live.arn if live else "",
        path=endpoint.path,
        **more,
    )
