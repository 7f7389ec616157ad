"""The invariants, held against the world before and after every write, whoever made it, and after every transition.

    capacity     no endpoint serves less, at any instant, than the plan that is being applied promised
    references   no live or pending config is, or refers to, something that we deleted
    overwrites   nobody's work is undone that the plan has not seen
    ownership    nothing that doesn't carry our tag is touched
    generations  a rollback leads only to a config by which the endpoint has served, and what served last is kept
    targets      what --target and `rollback` don't name stays as it is
    steps        every call that we make is a step of the plan, word for word (held by `Hand`)

`Broken` says which invariant did not hold. What others did to an endpoint is theirs: its floor falls away until the
next apply. And a reference that others made within a minute before our delete is the window that SageMaker's lack
of conditional writes leaves (docs/plan-and-apply.md): the scan can't have seen it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from mmeplan.plan import Plan
from mmeplan.simulator.store import Stored
from tests.simulation.seeds import oracle
from tests.simulation.seeds.account import Account, models_of, runs
from tests.simulation.world import Broken

SCAN_WINDOW_US = 60_000_000  # how old the engine's reference scan may be: apply.retrying.SCAN_VALID_S
OTHERS, TIME = "others", "time"

_TARGETS = {
    "DeleteModel": ("model", "ModelName"),
    "DeleteEndpointConfig": ("endpoint-config", "EndpointConfigName"),
    "UpdateEndpoint": ("endpoint", "EndpointName"),
    "UpdateEndpointWeightsAndCapacities": ("endpoint", "EndpointName"),
    "DeleteEndpoint": ("endpoint", "EndpointName"),
}
_UNCERTAIN = ("outage", "delete", "create")  # what a plan does to an endpoint when it promises no capacity


class Watch:
    """One watch over one account, for a whole life."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.seen: dict[tuple[str, str], tuple[int, set[str]]] = {}  # (whose plan, endpoint) → its number, its configs
        self.floors: dict[str, int | None] = {}  # endpoint → instances that must serve; None: nothing is promised
        self.adopting: set[str] = set()  # endpoints that the file takes over, whosever they were
        self.has_served: dict[tuple[str, str], Any] = {}  # (an endpoint's name or address, config) → its variants
        self.past: dict[tuple[str, int], list[str]] = {}  # (endpoint, its number) → its configs in force, one by one
        self.retaining: set[str] = set()  # endpoints of the plan's file, where that keeps generations
        self.stranded: set[str] = set()  # endpoints whose rollback SageMaker itself will fail
        self.references: dict[tuple[str, str, str], tuple[int, str]] = {}  # (endpoint, kind, name) → since, by whom
        self.salts: dict[int, str] = {}  # the store's number of a model that we made → its entry's replace_salt then
        self.looked_us = account.now_us() - 1
        self.events = 0

    # --- a plan is made, and begins -------------------------------------------------------------------------------

    @contextmanager
    def planning(self, by: str) -> Iterator[None]:
        """A plan is made meanwhile: it may have seen what endpoints run before, and what they run afterwards."""
        before = self._running()
        yield
        for name, (number, configs) in self._running().items():
            was, former = before.get(name, (number, set()))
            self.seen[by, name] = (number, configs | (former if was == number else set()))

    def _running(self) -> dict[str, tuple[int, set[str]]]:
        return {
            stored.name: (stored.seq, {part["config_name"] for part in runs(stored)})
            for stored in self.account.all("endpoint")
        }

    def begin(self, plan: Plan, fleet: Mapping[str, Any], by: str, *, beside_another: bool = False) -> None:
        """From now on this plan's promises hold; beside another apply, what either leaves open is open."""
        self.look(TIME)
        _only_what_was_asked(plan, fleet)
        former = self.floors if beside_another else {}
        self.floors = {}
        if not beside_another:
            self.seen = {key: what for key, what in self.seen.items() if key[0] == by}
        adopting = {oracle.physical(name, one) for name, one in fleet["endpoints"].items() if one.get("adopt")}
        self.adopting = adopting | (self.adopting if beside_another else set())
        names = {oracle.physical(name, one) for name, one in fleet["endpoints"].items()}
        self.retaining = names if fleet["retain"] and not beside_another and not plan.options.rollback else set()
        changes = {name: change for change in plan.changes for name in (change.name, change.live_name) if name}
        endpoints = {
            name: c for name, c in changes.items() if c.kind == "endpoint" and (c.name == name or c.live_name == name)
        }
        for stored in self.account.all("endpoint"):
            floor = self._serving_now(stored.name)
            pending = stored.body["pending"]
            totals = [floor] if floor is not None else []
            for part in (stored.body["variants"], pending["variants"] if pending else None):
                totals += [sum(item.get("DesiredInstanceCount", 0) for item in part)] if part else []
            change = endpoints.get(stored.name)
            if change is not None and change.effect in _UNCERTAIN:
                floor = None
            elif change is not None and floor is not None and change.effect != "none":
                logical = change.address.partition("/")[2]
                totals.append(oracle.promised(self.account, fleet, logical, stored, plan.options.rollback))
            going = stored.status == "Deleting"  # somebody's decision, made before this plan
            if former.get(stored.name, 0) is None or stored.name in self.stranded or going:
                floor = None
            if floor is not None:
                floor = min([*totals, former.get(stored.name) or floor])
            self.floors[stored.name] = floor

    def _serving_now(self, name: str) -> int | None:
        """Instances that serve at this moment; None where not all requests are served."""
        now = self.account.now_us()
        point = next((point for point in reversed(self.account.timeline(name)) if point[0] <= now), None)
        if point is None or point[1] + point[4] < 0.999:
            return None
        return int(point[2] + point[5])

    # --- a write --------------------------------------------------------------------------------------------------

    def before_write(
        self, operation: str, params: Mapping[str, Any], by: str, looked_us: int, slept_us: int = 0
    ) -> None:
        """What the call changes is ours, and what it deletes isn't used.

        `looked_us`: when its guard read it; `slept_us`: how long the caller has slept since.
        """
        kind, member = _TARGETS.get(operation, ("", ""))
        if kind:
            target = self.account.find(kind, params[member])
        elif operation in ("AddTags", "DeleteTags"):
            target = self.account.by_arn(params["ResourceArn"])
        else:
            return
        adopted = operation == "AddTags" and target is not None and target.name in self.adopting
        if target is not None and not oracle.is_owned(target) and operation != "DeleteTags" and not adopted:
            raise Broken(f"ownership: {operation} on {target.kind} {target.name}, which isn't ours")
        if target is not None and kind == "endpoint" and target.modified_us <= looked_us:
            self._overwrites(operation, target, params, by)
        if target is not None and operation.startswith("Delete") and kind in ("model", "endpoint-config"):
            self._before_delete(kind, target.name, by, looked_us + slept_us if looked_us else 0)
        if target is not None and operation == "DeleteEndpointConfig":
            self._before_it_is_forgotten(target)

    def _overwrites(self, operation: str, target: Stored, params: Mapping[str, Any], by: str) -> None:
        """Nobody's work is undone that the plan has not seen: a config, or an endpoint made anew."""
        number, configs = self.seen.get((by, target.name), (target.seq, set()))
        if operation == "DeleteEndpoint" and number != target.seq:
            raise Broken(f"overwrites: the endpoint {target.name} was made anew since the plan, and is deleted")
        in_force = target.body["config_name"]
        if operation == "UpdateEndpoint" and in_force not in (*configs, params["EndpointConfigName"]):
            raise Broken(f"overwrites: {target.name} was moved to {in_force} since the plan, and is moved again")

    def _before_delete(self, kind: str, name: str, by: str, looked_us: int) -> None:
        """What uses it now, but for references that others have made since the scan, or while it was still good."""
        looked_us = looked_us or self.account.now_us()
        for (endpoint, of_kind, of_name), (since_us, user) in list(self.references.items()):
            in_the_window = user not in (by, TIME) and looked_us - since_us <= SCAN_WINDOW_US
            if (of_kind, of_name) == (kind, name) and not in_the_window:
                raise Broken(f"references: {kind} {name} is deleted, and the endpoint {endpoint} uses it")

    def _before_it_is_forgotten(self, config: Stored) -> None:
        """Of an endpoint that stays the config that served before the one in force is kept, where the file keeps one.

        Except: where others moved the endpoint (to a config of another one, say), or took its record away; and where a
        config of the same content has another name (a pin or an entry's name changed): one of the two is enough.
        """
        content = (config.tags or {}).get(oracle.DIGEST_TAG, "")
        others = (other for other in self.account.all("endpoint-config") if other.name != config.name)
        if content and any((other.tags or {}).get(oracle.DIGEST_TAG) == content for other in others):
            return
        for endpoint in self.account.all("endpoint"):
            now, past = endpoint.body["config_name"], self.past.get((endpoint.name, endpoint.seq), [])
            known = oracle.SERVED_TAG in (endpoint.tags or {}) and oracle.is_owned(endpoint)
            before = [name for name in past if name != now]
            in_force, at = self.account.find("endpoint-config", now), (config.tags or {}).get(oracle.ADDRESS_TAG, "")
            own = {(endpoint.tags or {}).get(oracle.ADDRESS_TAG, "").replace("endpoint/", "endpoint_config/")}
            own |= {(in_force.tags or {}).get(oracle.ADDRESS_TAG, "")} if in_force is not None else set()
            left_last = past[-1:] == [now] and before[-1:] == [config.name] and at in own
            stays = endpoint.name in self.retaining and endpoint.status == "InService"
            if stays and known and left_last and oracle.STAND_IN_TAG not in (config.tags or {}):
                raise Broken(f"generations: {config.name} served {endpoint.name} last, and is deleted")

    def made_model(self, params: Mapping[str, Any], fleet: Mapping[str, Any], began_us: int) -> None:
        """Note the salt of the entry for which a model was made."""
        stored = self.account.find("model", params["ModelName"])
        if stored is not None and stored.created_us >= began_us:
            name = (stored.tags or {}).get(oracle.ADDRESS_TAG, "").partition("/")[2]
            if name in fleet["models"]:
                self.salts[stored.seq] = fleet["models"][name].get("replace_salt") or ""

    def may_go_back(self, fleet: Mapping[str, Any], logical: str, config: str, *, doubtful: bool) -> None:
        """A rollback leads only to a config by which the endpoint has served, under this name or this address.

        Except: what was called doubtful because no record was kept, or because the record itself says so.
        """
        entry = fleet["endpoints"][logical]
        name, was = oracle.physical(logical, entry), entry.get("renamed_from")
        names = {name, f"endpoint/{logical}", f"endpoint/{was}"}
        stored, target = self.account.find("endpoint", name), self.account.find("endpoint-config", config)
        if stored is None or target is None:
            return
        _, _, may_have = (stored.tags or {}).get(oracle.SERVED_TAG, "/").partition("/")
        digest = (target.tags or {}).get(oracle.DIGEST_TAG, "")[:8]
        if doubtful and (digest in may_have.split() or oracle.SERVED_TAG not in (stored.tags or {})):
            return
        served = [(at, variants) for (known_as, at), variants in self.has_served.items() if known_as in names]
        if not any(at == config or variants == target.body["ProductionVariants"] for at, variants in served):
            raise Broken(f"generations: {logical} is to go back to {config}, by which it has never served")

    def by_others(self, endpoint: str, count: int | None = None) -> None:
        """Somebody else did something to this endpoint: what it serves now is their doing."""
        self.past = {key: configs for key, configs in self.past.items() if key[0] != endpoint}
        floor = self.floors.get(endpoint)
        self.floors[endpoint] = min(floor, count) if floor is not None and count is not None else None
        self.look(OTHERS)

    # --- a look ---------------------------------------------------------------------------------------------------

    def look(self, by: str) -> None:
        """Hold the invariants against all that happened since the last look. `by`: who made the last write."""
        now = self.account.now_us()
        if by == TIME and now == self.looked_us:
            return  # every write was followed by a look
        self.account.settle()
        self.events += 1
        references: dict[tuple[str, str, str], tuple[int, str]] = {}
        for stored in self.account.all("endpoint"):
            if stored.status == "InService":
                known_as = (stored.name, (stored.tags or {}).get(oracle.ADDRESS_TAG, ""))
                variants = stored.body["config"]["ProductionVariants"]
                self.has_served |= {(name, stored.body["config_name"]): variants for name in known_as}
                past = self.past.setdefault((stored.name, stored.seq), [])
                past += [stored.body["config_name"]] if past[-1:] != [stored.body["config_name"]] else []
            for part in runs(stored):
                names = [("endpoint-config", part["config_name"])]
                names += [("model", model) for model in models_of(part["config"])]
                for kind, name in names:
                    key = (stored.name, kind, name)
                    references[key] = self.references.get(key, (now, by))
        self.references = references
        for name, floor in self.floors.items():
            if floor is not None:
                self._capacity(name, floor, now)
        self.looked_us = now

    def _capacity(self, name: str, floor: int, now: int) -> None:
        for at_us, share, serving, _, new_share, new_serving, _ in self.account.timeline(name):
            if self.looked_us <= at_us <= now and (share + new_share < 0.999 or serving + new_serving < floor):
                raise Broken(
                    f"capacity: the endpoint {name} serves {share + new_share:.0%} of its requests "
                    f"with {serving + new_serving} instances, and {floor} were promised"
                )


def _only_what_was_asked(plan: Plan, fleet: Mapping[str, Any]) -> None:
    """With --target the steps are about the targets and what they need; a rollback is about one endpoint."""
    if plan.options.rollback:
        left = [step.id for step in plan.steps if step.address.startswith("endpoint/")]
        left = [at for at in left if not at.partition(":")[2].startswith(plan.options.targets)]
    elif plan.options.targets:
        may_touch = oracle.about(fleet, plan.options.targets)
        left = [step.id for step in plan.steps if step.address not in may_touch]
    else:
        return
    if left:
        raise Broken(f"targets: only {plan.options.targets} was asked for, and the plan has {left}")
