"""Runs a scenario: the real engine, load → … → verify, on a simulated account, with every invariant watched.

In: a scenario. Out: `Lived`, what it was made of; raises `Broken` with the invariant that did not hold.
The way from the file to the outcome is the command line's own, `mmeplan.engine`, and the plan goes through its JSON.
"""

from __future__ import annotations

import io
import json
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from mmeplan import diff, graph, rules
from mmeplan import live as live_state
from mmeplan.apply import FleetLock, Outcome
from mmeplan.engine import Desired, Engine, Planned
from mmeplan.errors import CloudError, LockedError, MmeplanError, StalePlanError
from mmeplan.graph import Graph
from mmeplan.plan import Finding, Plan, read, write
from mmeplan.simulator import SimulatedCrash
from mmeplan.simulator.store import Stored
from mmeplan.spec import load, load_text
from tests.simulation.seeds import oracle, others
from tests.simulation.seeds.account import REGION, Account
from tests.simulation.seeds.door import DirectCloud
from tests.simulation.seeds.drawing import Scenario
from tests.simulation.seeds.folder import Folder
from tests.simulation.seeds.hand import Hand, Turn
from tests.simulation.seeds.locks import DirectS3, Locks
from tests.simulation.seeds.random_source import RandomSource
from tests.simulation.seeds.together import together
from tests.simulation.seeds.watching import OTHERS, Watch
from tests.simulation.world import Broken, Line, check_reasons

Fleet = Mapping[str, Any]

OF_THE_LIFE = ("unlock", "edit_file", "autoscale", "fleet", "hand_over")  # changes that need more than the account
REQUESTS = ("targets", "replace", "rollback")  # an act with one of these isn't about all that the file says
JSON_EVERY = 4  # one seed in so many applies every plan from its JSON; saved plans always
RULES_EVERY = 4  # one seed in so many asks the rules as well, as `plan` does


@dataclass
class Lived:
    """What a life was made of, to see that the seeds do what they are for."""

    counts: Counter[str] = field(default_factory=Counter)

    def saw(self, what: str, times: int = 1) -> None:
        self.counts[what] += times


def live(scenario: Scenario) -> Lived:
    """Live through a scenario. Raises Broken."""
    life = Life(scenario)
    try:
        for act in scenario["acts"]:
            life.act(act)
        life.end(scenario["acts"][-1]["fleet"] if scenario["acts"] else None, scenario["ends"])
        return life.lived
    finally:
        life.close()


class Life:
    """One life under way."""

    hand_of = Hand

    def __init__(self, scenario: Scenario) -> None:
        self.lived = Lived()
        self.seed = int(scenario["seed"])
        self.account = Account(scenario)
        self.watch = Watch(self.account)
        self.locks = Locks(self.account)
        self.lines: list[Line] = []
        self.boto3 = scenario.get("stack") == "boto3"
        self.touched: set[str] = set()  # endpoints that others have touched since the plan
        self.moved: set[str] = set()  # endpoints that others moved, or took a config or model from
        self.replaced: dict[str, str] = {}  # endpoint → the config that it ran when --replace was asked for
        self.went_back = ""  # the config that the last rollback led to
        self.tag_page = scenario.get("tag_page", 0)
        self.folder: Folder | None = None
        self.described_up_to = _list_above(0) if scenario.get("listed") else None
        if scenario.get("hidden"):
            for operation in ("CreateModel", "CreateEndpointConfig"):
                self.account.sim.faults.hide(operation, reads=tuple(scenario["hidden"]))
        for external in scenario["others"]:
            self.external(external)
        self.later(600)

    def close(self) -> None:
        self.lived.saw("looks", self.watch.events)
        self.account.close()
        if self.folder is not None:
            self.folder.close()
        if self.described_up_to is not None:
            _list_above(self.described_up_to)
        Line.free += self.lines

    # --- one edit of the fleet ------------------------------------------------------------------------------------

    def act(self, act: Mapping[str, Any]) -> None:
        """Somebody changes the file and applies it, while others do what they do."""
        for external in act.get("before", ()):
            self.external(external)
        for kind, arguments in act.get("faults", ()):
            getattr(self.account.sim.faults, kind)(**arguments)
            if kind == "fail_rollback":
                self.watch.stranded.add(arguments["endpoint_name"])
        second = act.get("second")
        if second:
            self._two_at_once(act, second)
        else:
            claim = self._apply(act, lambda: None)
            if claim:
                self._claimed(act, claim)
        self.later(act.get("later", 0))

    def _two_at_once(self, act: Mapping[str, Any], second: Mapping[str, Any]) -> None:
        """Two processes. Where both are for one file and both say that all is well, then it is, once both are done."""
        self.lived.saw("two at once")
        other = {"fleet": second["fleet"], "allow_outage": act["allow_outage"], "beside": True}
        other |= {key: second[key] for key in ("lock", "lock_timeout") if key in second}
        claims: list[str] = []
        rng = RandomSource(second["chance"])
        together(rng, *(lambda turn, one=one: claims.append(self._apply(one, turn)) for one in (act, other)))
        if all(claims) and act["fleet"] == second["fleet"] and not any(key in act for key in REQUESTS):
            self._claimed(act, " and ".join(claims))

    def _apply(self, act: Mapping[str, Any], turn: Turn) -> str:
        """Plan and apply, as `mmeplan apply` does. What it claims, in a word: "" where it says that all is not well."""
        hand = self.hand(act, turn)
        try:
            return self._applied(hand, act)
        except SimulatedCrash:
            self.lived.saw("died")
        except LockedError as refused:
            self.lived.saw("locked out")
            if self.locks.held_out(refused, hand):  # whoever held it is dead: a person takes it away, and goes on
                self.lived.saw("unlocked", self.locks.unlock())
                return self._apply(act, turn)
        except MmeplanError:
            self.lived.saw("gave up")
        return ""

    def _applied(self, hand: Hand, act: Mapping[str, Any]) -> str:
        """What it claims. Raises MmeplanError, SimulatedCrash."""
        if act.get("saved"):
            plan = self._planned(hand, act)
            for external in act.get("between", ()) if plan.steps and plan.applyable else ():
                self.external(external)
            with self.locks.held(hand, act) as lock:
                if plan.steps and plan.applyable and self._is_stale(hand, plan, act):
                    self.lived.saw("stale")
                    return ""
                return self._carried_out(hand, plan, act, lock)
        with self.locks.held(hand, act) as lock:
            return self._carried_out(hand, self._planned(hand, act), act, lock)

    def _is_stale(self, hand: Hand, plan: Plan, act: Mapping[str, Any]) -> bool:
        """Whether a saved plan doesn't fit the world any more. Each of its files that was edited is told."""
        reasons: tuple[str, ...] = ()
        try:
            engine_of(hand).recheck(plan)
        except StalePlanError as error:
            reasons = tuple(error.reasons)
        if act.get("folder") and self.folder is not None:
            told = {file for file in map(str, self.folder.known()) if any(r.startswith(f"{file} has") for r in reasons)}
            if told != self.folder.edited:
                raise Broken(f"files: {sorted(self.folder.edited)} were edited since the plan, and {reasons} is told")
            self.lived.saw("edited files", len(told))
        return bool(reasons)

    def _planned(self, hand: Hand, act: Mapping[str, Any]) -> Plan:
        if "rollback" in act:
            return self.back(hand, act)
        self.replaced = {name: at.body["config_name"] for name, at in self._asked_for(act, "replace")}
        options = {key: tuple(act.get(key, ())) for key in ("targets", "replace")}
        fleet, folder = act["fleet"], act.get("folder", False)
        retry = act.get("retry", False)
        return self.plan(hand, fleet, outages=act["allow_outage"], retry=retry, folder=folder, **options)

    def back(self, hand: Hand, act: Mapping[str, Any]) -> Plan:
        """As `mmeplan rollback` does. Raises InputError where there is nothing to go back to."""
        endpoint, to = act["rollback"]["endpoint"], str(act["rollback"]["to"])
        compiled = _compiled(json.dumps(act["fleet"]))
        self.touched.clear()
        desired, retry = Desired(compiled.fleet, compiled), act.get("retry", False)
        with self.watch.planning(hand.name):
            planned = engine_of(hand).rollback(desired, endpoint, to=to, retry_rolled_back=retry)
        plan, seen = planned.plan, planned.snapshot
        found = (
            diff.generations_of(diff.Inputs(desired.graph, seen), f"endpoint/{endpoint}") if seen is not None else ()
        )
        doubtful = any(one.doubtful for one in found if one.name == plan.options.rollback)
        self.watch.may_go_back(act["fleet"], endpoint, plan.options.rollback, doubtful=doubtful)
        self.lived.saw("rollbacks")
        check_reasons(plan)
        return plan

    def _asked_for(self, act: Mapping[str, Any], option: str) -> list[tuple[str, Stored]]:
        """The endpoints of the file that an option names, as they are now, by their physical names."""
        named = oracle.endpoints(act["fleet"])
        live = [
            (name, self.account.find("endpoint", name))
            for at, name in named.items()
            if f"endpoint/{at}" in act.get(option, ())
        ]
        return [(name, stored) for name, stored in live if stored is not None]

    def _carried_out(self, hand: Hand, plan: Plan, act: Mapping[str, Any], lock: FleetLock | None) -> str:
        """What it claims, of a plan that is to be applied now."""
        self.went_back = plan.options.rollback
        if not plan.steps or not plan.applyable:
            self.lived.saw("refused" if plan.refused or plan.errored else "nothing to do")
            return "no changes" if _is_whole(plan) and not plan.refused and not plan.has_changes else ""
        outcome = self.carry_out(hand, plan, act, lock)
        self._note(outcome)
        return "complete" if outcome.complete and _is_whole(plan) else ""

    def hand(self, act: Mapping[str, Any], turn: Turn = lambda: None) -> Hand:
        """What a new process works with."""
        hand = self.hand_of(self.account, self.watch, None, act, self.external, turn)
        hand.locks = self.locks
        if self.boto3:
            line = Line.to(self.account.sim, self.account.sim.before_send)
            line.sleep = hand.sleep
            self.lines.append(line)
            hand.cloud = hand.s3 = line.cloud
        else:
            hand.cloud = DirectCloud(self.account.sim, hand, REGION, self.tag_page)
            hand.s3 = DirectS3(hand.cloud)
        return hand

    def plan(
        self,
        hand: Hand,
        fleet: Fleet,
        *,
        outages: bool = True,
        retry: bool = True,
        backwards: bool = False,
        folder: bool = False,
        targets: tuple[str, ...] = (),
        replace: tuple[str, ...] = (),
    ) -> Plan:
        """load → compile → check → observe → diff → plan."""
        text = json.dumps(_backwards(fleet) if backwards else fleet)
        compiled = _compiled(text)
        findings = _findings(text) if self.seed % RULES_EVERY == 0 else ()
        if folder:
            compiled = self._from_folder(fleet, compiled)
        allowed = tuple(f"endpoint/{name}" for name in fleet["endpoints"]) if outages else ()
        self.touched.clear()
        options: dict[str, Any] = {"targets": targets, "replace": replace}
        with self.watch.planning(hand.name):
            desired = Desired(compiled.fleet, compiled, findings)
            plan = engine_of(hand).plan(desired, allow_outage=allowed, retry_rolled_back=retry, **options).plan
        check_reasons(plan)
        return plan

    def _from_folder(self, fleet: Fleet, alone: Graph) -> Graph:
        """The graph of the same fleet out of several files. It says what the one file says."""
        self.folder = self.folder or Folder()
        compiled = graph.compile(load(self.folder.write(dict(fleet)), oracle.environment(fleet), region=REGION))
        if _says(compiled) != _says(alone):
            raise Broken("folder: entries that come from tables are others than those of the file")
        return compiled

    def drift(self, hand: Hand, fleet: Fleet) -> diff.ManualChanges:
        """What `mmeplan drift` finds, by reads alone."""
        compiled = _compiled(json.dumps(fleet))
        return diff.manual_changes(compiled, engine_of(hand).observe(Desired(compiled.fleet, compiled)))

    def carry_out(self, hand: Hand, made: Plan, act: Mapping[str, Any], lock: FleetLock | None = None) -> Outcome:
        """Apply; every saved plan, and for some seeds every other, is one that was read from its own JSON."""
        plan = _through_json(made) if act.get("saved") or self.seed % JSON_EVERY == 0 else made
        hand.begin(plan)
        self.watch.begin(plan, act["fleet"], hand.name, beside_another="second" in act or "beside" in act)
        self.lived.saw("applies")
        how: dict[str, Any] = {
            "stopping": hand.stopping,
            **{key: act[key] for key in ("fail_fast", "clean") if key in act},
        }
        if "parallelism" in act:
            how["parallelism"] = act["parallelism"]
        outcome = _outcome(engine_of(hand), plan, observer=hand.observe, lock=lock, **how)
        if lock is not None:
            self.lived.saw("applies with a lock")
            self.lived.saw("lost locks", bool(lock.lost))
        self.lived.saw("writes", hand.writes)
        self.watch.look("time")
        return outcome

    def _note(self, outcome: Outcome) -> None:
        self.lived.saw("complete" if outcome.complete else "incomplete")
        if any(result.rolled_back for result in outcome.failed):
            self.lived.saw("rolled back")
        if outcome.kept:
            self.lived.saw("kept")

    def _claimed(self, act: Mapping[str, Any], claim: str) -> None:
        """mmeplan says that all is well: is it? What others touched since the plan is not claimed."""
        if "autoscaler" in act:
            self.later(11_000)  # what it has begun by then comes to its end, slowly perhaps
        if "rollback" in act:
            name = oracle.endpoints(act["fleet"])[act["rollback"]["endpoint"]]
            wrong = oracle.not_back(self.account, name, self.went_back) if name not in self.touched else []
        else:
            left_out = frozenset(self.touched | self._left_out(act))
            wrong = oracle.differences(self.account, act["fleet"], left_out)
            wrong += oracle.old_salts(self.account, act["fleet"], self.watch.salts, left_out)
            wrong += [
                f"endpoint {name}: was to be replaced, and runs {was} as before"
                for name, was in self.replaced.items()
                if oracle.in_force(self.account, name) == was and name not in self.touched
            ]
        if wrong:
            raise Broken(f"success: it says {claim!r}, and {'; '.join(wrong)}")

    def _left_out(self, act: Mapping[str, Any]) -> set[str]:
        """The endpoints of which an apply says nothing, because it was about others (`--target`)."""
        if "targets" not in act:
            return set()
        asked = {name for name, _ in self._asked_for(act, "targets")}
        known = {*oracle.endpoints(act["fleet"]).values(), *(one.name for one in self.account.all("endpoint"))}
        return known - asked

    # --- others, and time -----------------------------------------------------------------------------------------

    def external(self, external: Mapping[str, Any]) -> None:
        """Others do something."""
        self.watch.look("time")
        if external["do"] in OF_THE_LIFE:
            getattr(self, f"_{external['do']}")(external)
            return
        name = others.do(self.account, dict(external))
        if name and external["do"] in ("delete_model", "delete_config"):  # others may run on it as well
            self.touched |= {stored.name for stored in self.account.all("endpoint")}
            self.moved |= {stored.name for stored in self.account.all("endpoint")}
        if name and external["do"] == "swap":
            self.moved.add(name)
        if name:
            self.touched.add(name)
            self.watch.by_others(name, external.get("count") if external["do"] == "scale" else None)
            self.lived.saw("others")

    def _unlock(self, _deed: Mapping[str, Any]) -> None:
        self.locks.unlock()

    def _edit_file(self, external: Mapping[str, Any]) -> None:
        if self.folder is not None:
            self.folder.edit(external["file"])

    def _autoscale(self, external: Mapping[str, Any]) -> None:
        """An autoscaler moves a count that is its own. Nothing else is touched, so nothing else is excused."""
        rng = RandomSource(external["chance"])
        found = oracle.autoscaled(self.account, external["fleet"])
        if not found:
            return
        name, variant = rng.pick(found)
        count = rng.between(1, 6)
        if rng.flip(0.2):
            count = 0  # an asynchronous endpoint waits without instances
        if others.do(self.account, {"do": "scale", "name": name, "variant": variant, "count": count}):
            self.watch.by_others(name, count)
            self.lived.saw("autoscaled")

    def _fleet(self, external: Mapping[str, Any]) -> None:
        """Another team applies its own fleet, in the same account. It takes nothing away that runs."""
        before = oracle.there(self.account)
        ours = self._ours()
        neighbour = self.hand({"fleet": external["fleet"]})
        for stored in self.account.all("endpoint"):
            if not oracle.is_owned(stored):
                self.watch.by_others(stored.name)
        try:
            plan = self.plan(neighbour, external["fleet"])
            if plan.steps and plan.applyable:
                clock = self.account.sim.clock
                cloud = DirectCloud(self.account.sim, clock, REGION)
                outcome = _outcome(Engine(cloud, cloud, clock, REGION), plan)
                self.lived.saw("neighbours", outcome.complete)
        except MmeplanError:
            self.lived.saw("neighbours gave up")
        for name in oracle.endpoints(external["fleet"]).values():
            self.watch.by_others(name)
        self.watch.look(OTHERS)
        missing = oracle.used(self.account) & before - oracle.there(self.account)
        if missing:
            raise Broken(f"references: another fleet's apply deleted {sorted(missing)}, which endpoints use")
        touched = {item: tags for item, tags in ours.items() if self._ours().get(item) != tags}
        if touched:
            raise Broken(f"deployments: another deployment's apply deleted or tagged {sorted(touched)}")

    def _ours(self) -> dict[tuple[str, str], dict[str, str]]:
        """(Kind, name) of what is ours → its tags."""
        return {
            (kind, item.name): dict(item.tags or {})
            for kind in ("endpoint", "endpoint-config", "model")
            for item in self.account.all(kind)
            if oracle.is_owned(item) and item.status != "Deleting"
        }

    def _hand_over(self, external: Mapping[str, Any]) -> None:
        """The other environment hands one of its endpoints to ours, whose file doesn't declare it."""
        theirs = _compiled(json.dumps(external["fleet"]))
        names = [name for name in oracle.endpoints(external["fleet"]).values() if self.account.find("endpoint", name)]
        if not names:
            return
        clock = self.account.sim.clock
        cloud = DirectCloud(self.account.sim, clock, REGION)
        engine = Engine(cloud, cloud, clock, REGION)
        try:
            move = engine.move(Desired(theirs.fleet, theirs), names[0], environment=external["to"])
            engine.carry_out(move)
        except MmeplanError:
            self.lived.saw("moves given up")
            return
        self.lived.saw("moves")
        left = [live.name for live in move.objects if not self._has_come(live.kind, live.name)]
        if left:
            raise Broken(f"deployments: {left} were handed over, and aren't ours")
        self.watch.by_others(names[0])
        self.watch.look(OTHERS)

    def _has_come(self, kind: str, name: str) -> bool:
        stored = self.account.find(kind.replace("_", "-"), name)
        return stored is not None and oracle.is_owned(stored)

    def later(self, seconds: float) -> None:
        if seconds:
            self.account.sim.clock.sleep(seconds)
            self.watch.look("time")

    # --- the end --------------------------------------------------------------------------------------------------

    def end(self, fleet: Fleet | None, ends: str) -> None:
        """Nothing fails any more: the fixpoint, and for some the end of everything."""
        from tests.simulation.seeds.ending import destroy, reach_fixpoint

        self.account.sim.faults.reset()
        others.deregister_all(self.account)  # what registers a variant forbids a swap to another type, and says so
        self.locks.unlock()
        self.watch.stranded.clear()
        self.later(40_000)
        for number in range(4):
            self.external({"do": "alarm", "name": f"alarm-{number}", "state": "OK"})
        if fleet is not None:
            reach_fixpoint(self, fleet)
            if ends == "destroy":
                destroy(self, fleet)


def _list_above(count: int) -> int:
    """From how many objects of a kind on the account is listed; wherever the engine keeps that number. The old one."""
    former = live_state.LIST_ABOVE
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] == "mmeplan" and hasattr(module, "LIST_ABOVE"):
            module.LIST_ABOVE = count  # type: ignore[attr-defined]
    return former


def _says(compiled: Graph) -> dict[str, Any]:
    """What a graph wants, without where it was written."""
    return {at: (one.physical_name, one.request, one.tags) for at, one in compiled.resources.items()}


def _outcome(engine: Engine, plan: Plan, **how: Any) -> Outcome:
    """As `Engine.apply`. Raises Broken where that raises instead, or doesn't say of each step how it ended."""
    try:
        outcome = engine.apply(Planned(plan), **how)
    except CloudError as error:
        raise Broken(f"outcome: the apply ended with {error!r}") from error
    parts = (outcome.done, outcome.failed, outcome.skipped, outcome.kept)
    ended = Counter(result.step for part in parts for result in part if "#rolled-back-" not in result.step)
    if ended != Counter(step.id for step in plan.steps):
        raise Broken(f"outcome: {ended} of the steps {[step.id for step in plan.steps]}")
    return outcome


def _is_whole(plan: Plan) -> bool:
    """Whether the plan has looked at all that it is about: everything, or what --target and `rollback` name."""
    return plan.complete or (bool(plan.options.targets) and not plan.errored)


def engine_of(hand: Hand) -> Engine:
    """The spine, on a process's ports."""
    return Engine(hand, hand, hand, REGION)


@lru_cache(maxsize=32)
def _compiled(text: str) -> Graph:
    """load → compile. Both are pure, and a life plans the same file several times."""
    return graph.compile(load_text(text.encode(), environment=oracle.environment(json.loads(text)), region=REGION))


@lru_cache(maxsize=32)
def _findings(text: str) -> tuple[Finding, ...]:
    """check. Fleets are drawn so that no rule refuses them; a test holds the drawing to it."""
    compiled = _compiled(text)
    return tuple(rules.check(compiled.fleet, compiled))


def _through_json(made: Plan) -> Plan:
    """The plan as it comes back from its file."""
    stream = io.StringIO()
    write(made, stream)
    plan = read(stream.getvalue(), "plan.json")
    if plan != made:
        raise Broken("plan: what is read from its JSON isn't what was written")
    return plan


def _backwards(value: Any) -> Any:
    """The same file with every mapping in the opposite order."""
    return {key: _backwards(value[key]) for key in reversed(value)} if isinstance(value, dict) else value


def forget_compiled() -> None:
    """Forget the graphs and findings that are kept: the engine is about to be another one."""
    _compiled.cache_clear()
    _findings.cache_clear()
