"""A plan as a function: `planned_from(fleet, snapshot, options)` reads nothing and gives the same bytes each time.

    load → compile → check → diff → plan → check_plan        with what was observed, or what was stored of it

In: a loaded `Fleet`, a `Snapshot`, single-run options. Out: `Planned`. Which config a rollback leads to and what a
replaced object is called are decided here, too.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final, NoReturn

from mmeplan import diff, history, live, render
from mmeplan import graph as graphs
from mmeplan import plan as plans
from mmeplan.aws.lifecycle import DELETING
from mmeplan.diff import Generation
from mmeplan.errors import Command, FleetRefused, InputError, PlanRefused, Problem
from mmeplan.files import PRIVATE, Writing, write_all
from mmeplan.graph import Graph
from mmeplan.identity import address, owner_in
from mmeplan.kinds import ENDPOINT, Resource, kind_named
from mmeplan.kinds.artifacts import Declared
from mmeplan.live import LiveEndpoint, Snapshot
from mmeplan.plan import Change, Finding, Options, Plan
from mmeplan.plan.permissions import iam_policy
from mmeplan.render import age_text
from mmeplan.spec import Fleet, Quota, load_text

# --- what is wanted ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Desired:
    """A fleet, compiled and held against the rules that need the file alone. Plans of one file share it."""

    fleet: Fleet
    graph: Graph
    findings: tuple[Finding, ...] = ()

    @classmethod
    def of(cls, fleet: Fleet) -> Desired:
        """compile and check. Raises InputError for what no graph can be made of; findings are data here."""
        from mmeplan import rules

        graph = graphs.compile(fleet)
        return cls(fleet, graph, tuple(rules.check(fleet, graph)))

    @classmethod
    def unchecked(cls, fleet: Fleet) -> Desired:
        """compile alone: for looks at what is live, for a rollback and for an end, none of which the rules stop."""
        return cls(fleet, graphs.compile(fleet))

    @property
    def refused(self) -> bool:
        """Whether a rule says no."""
        return any(finding.severity == "error" for finding in self.findings)

    @property
    def refused_outright(self) -> bool:
        """Whether a rule says no whatever is live: not only about creating what may stand already."""
        from mmeplan.rules import standing

        errors = (finding for finding in self.findings if finding.severity == "error")
        return any(not standing.may_stand(finding, self.graph) for finding in errors)

    @property
    def shown_findings(self) -> tuple[Finding, ...]:
        """The findings for people where nobody asks what is live: what an entry adopts may stand already."""
        from mmeplan.rules import standing

        return standing.without_live(self.findings, self.graph)

    def beside(self, snapshot: Snapshot, options: Options) -> Desired:
        """The same beside what is live: what rules say about creating stops nothing that stands already."""
        if not self.refused:
            return self
        return replace(self, findings=_standing(self.findings, self.graph, snapshot, options))

    def accepted(self) -> Desired:
        """The same. Raises FleetRefused where a rule says no."""
        if self.refused:
            raise FleetRefused(self.findings)
        return self

    def with_own_names(self, snapshot: Snapshot) -> Desired:
        """The same, with own names for models and configs whose plain names other deployments' objects have."""
        return replace(self, graph=live.with_own_names(self.graph, snapshot))

    def address(self, endpoint: str) -> str:
        """The address of an endpoint given by name or address. Raises InputError."""
        at = address(ENDPOINT.name, endpoint.removeprefix(f"{ENDPOINT.name}/"))
        if at in self.graph.resources:
            return at
        names = sorted(resource.name for resource in self.graph.of_kind(ENDPOINT.name))
        close = difflib.get_close_matches(at.partition("/")[2], names, n=1)
        hint = f"did you mean {close[0]}?" if close else "mmeplan status lists the endpoints"
        raise InputError([Problem(f"no endpoint {endpoint!r} in this fleet", _file_of(self.fleet), hint=hint)])


@dataclass(frozen=True)
class Base:
    """What the fleet file says on another branch, and where this branch left it. None: there is no such file.

    `unseen` says why neither could be looked at; empty where both were.
    """

    name: str
    fleet: Fleet | None = None
    fork: Fleet | None = None
    unseen: str = ""


def held_against(options: Options, graph: Graph, base: Base | None) -> Options:
    """The options with what the base has and this file lacks, or has as it was. Raises InputError, as compile."""
    if base is None:
        return options
    if base.unseen:
        return replace(options, base=base.name, base_unseen=base.unseen)

    def told(resources: Mapping[str, Resource]) -> dict[str, Any]:
        return {at: (resource.request, resource.entry.tags) for at, resource in resources.items()}

    def compiled(fleet: Fleet | None) -> dict[str, Any]:
        return told(graphs.compile(fleet).resources) if fleet is not None else {}

    mine, theirs, fork = told(graph.resources), compiled(base.fleet), compiled(base.fork)
    behind = (at for at in theirs if at not in mine and at not in fork)
    outdated = (at for at in theirs if at in mine and mine[at] == fork.get(at) != theirs[at])
    return replace(options, base=base.name, behind=tuple(sorted(behind)), outdated=tuple(sorted(outdated)))


def emptied(fleet: Fleet) -> Fleet:
    """The same fleet with nothing declared: what `destroy` plans towards."""
    return replace(fleet, sections={}, for_each=())


def files_of(fleet: Fleet) -> list[str]:
    """The paths of the files that a fleet was read from; all but the first are named from its folder on."""
    first, *others = (source.path for source in fleet.sources)
    return [first, *(str(Path(first).parent / other) for other in others)]


def _file_of(fleet: Fleet) -> str:
    return fleet.sources[0].path if fleet.sources else ""


# --- the plan, a function of its inputs -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Planned:
    """A plan, a refused one too, and what it was made from. Every output is masked unless asked otherwise.

    `snapshot` is None where a saved plan was read instead of made. `online_actions` are the IAM actions of the rules'
    reads of other services. `departs`: a rollback, to something else than the file asks for.
    `archives` are those that the file declares.
    """

    plan: Plan
    snapshot: Snapshot | None = field(default=None, repr=False)
    online_actions: tuple[str, ...] = ()
    departs: bool = False
    archives: tuple[Declared, ...] = field(default=(), repr=False)

    @property
    def changes(self) -> tuple[Change, ...]:
        """Every object of the fleet, changed or not, by address."""
        return self.plan.changes

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What rules, gates and policies found."""
        return self.plan.findings

    @property
    def refused(self) -> bool:
        """Whether rules, protection, a gate or a policy say no."""
        return self.plan.refused

    @property
    def applyable(self) -> bool:
        """Whether there is something to do, and nothing forbids it."""
        return self.plan.applyable

    @property
    def errored(self) -> bool:
        """Whether something live could not be read."""
        return self.plan.errored

    def text(
        self, *, width: int = 100, color: bool = False, show_environment: bool = False, next_command: str = ""
    ) -> str:
        """The page of the plan, `width` columns wide."""
        return render.text(
            self.plan, width=width, color=color, show_environment=show_environment, next_command=next_command
        )

    def markdown(self, *, show_environment: bool = False, next_command: str = "") -> str:
        """A pull request's comment."""
        return render.markdown(self.plan, show_environment=show_environment, next_command=next_command)

    def html(self, *, show_environment: bool = False, next_command: str = "") -> str:
        """A report in one file."""
        return render.html(self.plan, show_environment=show_environment, next_command=next_command)

    def json(self, *, show_environment: bool = False) -> str:
        """The document for programs; masked, it can't be applied. `save` writes the one that can."""
        return render.json_text(self.plan, show_environment=show_environment)

    def save(self, path: str | Path) -> None:
        """Write the plan for `apply`, mode 0600: it holds environment values. Raises InputError."""
        write_all([Writing(Path(path), lambda stream: plans.write(self.plan, stream), PRIVATE)])

    def policy(self) -> dict[str, Any]:
        """The IAM policy that making this plan and applying it need. Raises ValueError for a plan that was read."""
        if self.snapshot is None:
            raise ValueError("a saved plan doesn't hold what was read for it")
        return iam_policy(self.plan, self.snapshot, self.online_actions, self.archives)

    def required(self) -> Planned:
        """The same. Raises PlanRefused where it may not be applied; one with nothing to do may."""
        if self.refused:
            errors = tuple(f"{f.rule}: {f.message}" for f in self.findings if f.severity == "error")
            raise PlanRefused("the plan was refused when it was made", errors)
        if self.plan.steps and not self.applyable:
            if self.plan.options.is_behind:
                hint = f"merge {self.plan.options.base} into the branch, and plan again"
                raise PlanRefused(
                    f"the plan is not applyable: the branch is behind {self.plan.options.base}", hint=hint
                )
            hint = "mmeplan plan --out FILE"
            raise PlanRefused("the plan is not applyable: it was made from a snapshot", hint=hint)
        return self


def planned_from(
    fleet: Fleet | Desired,
    snapshot: Snapshot,
    options: Options | None = None,
    *,
    created_at: str = "",
    findings: Sequence[Finding] = (),
    quotas: Mapping[str, Quota] | None = None,
    commit: str | None = None,
) -> Planned:
    """The plan of a fleet, a snapshot and options: the same inputs give the same bytes. Reads nothing.

    A `Desired` is taken as it is; of a `Fleet` it is made here, as the options ask.
    The rules of stage `plan` are always asked, and where they find something the plan is made once more with it.
    `created_at` is ISO 8601, the snapshot's time where it isn't given. `findings` and `quotas` are what reads of other
    services gave, `commit` is the git commit of the file. Raises InputError; FleetRefused where rules refuse the file.
    """
    from mmeplan import rules

    options = options or Options()
    given = fleet if isinstance(fleet, Desired) else desired_by(fleet, options)
    plans.require_addresses(given.graph, options)
    given = given.beside(snapshot, options)
    if not isinstance(fleet, Desired):
        given.accepted()
    if options.speculative:
        snapshot = live.unmasked(snapshot, [resource.request for resource in given.graph.resources.values()])
    graph = as_asked(live.with_own_names(given.graph, snapshot), snapshot, options)

    def built(found: Sequence[Finding]) -> Plan:
        return plans.build(
            graph,
            snapshot,
            created_at=created_at or snapshot.observed_at,
            findings=tuple(found),
            options=options,
            commit=commit,
            quotas=quotas,
        )

    before = (*given.findings, *_standing(findings, given.graph, snapshot, options))
    plan = built(before)
    found = rules.check_plan(graph.fleet, graph, snapshot, plan)
    plan = built((*before, *found)) if found else plan
    archives = tuple(one for made in graph.resources.values() if (one := made.entry.artifacts) is not None)
    return Planned(plan, snapshot, departs=bool(graph.replaced), archives=archives)


def findings_of_import(text: str, snapshot: Snapshot) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What rules find in the text of an imported fleet beside what is live: what refuses its plan, and what to know.

    To know are notes, and warnings of the plan. Gates are left out: what a plan would do beyond adoption is told by
    itself.
    """
    from mmeplan import rules

    own = {rule.id: rule for rule in rules.all_rules()}
    desired = Desired.of(load_text(text.encode()))
    refusals, notes = [], []
    for finding in planned_from(desired, snapshot).findings:
        words = f"{finding.rule} {finding.address}: {finding.message}"
        if finding.rule in own and finding.severity == "error":
            refusals.append(f"line {finding.line}: {words}. {finding.help}")
        elif finding.rule in own and finding.severity == "warning" and own[finding.rule].stage == "plan":
            notes.append(f"{words}. {finding.help}")
        elif finding.rule in own and finding.severity == "note" and not finding.allowed:
            notes.append(words)
    return tuple(refusals), tuple(notes)


def desired_by(fleet: Fleet, options: Options) -> Desired:
    """What is planned towards under these options. What rules find in the file stops neither an end nor a rollback."""
    if options.destroy:
        return Desired.unchecked(emptied(fleet))
    return Desired.unchecked(fleet) if options.rollback else Desired.of(fleet)


def _standing(findings: Sequence[Finding], graph: Graph, snapshot: Snapshot, options: Options) -> tuple[Finding, ...]:
    """The findings, those lowered that are about creating what stands already; looked at where there are errors."""
    from mmeplan.rules import standing

    if not any(standing.may_stand(finding, graph) for finding in findings):
        return tuple(findings)
    if options.speculative:
        snapshot = live.unmasked(snapshot, [resource.request for resource in graph.resources.values()])
    asked = as_asked(graph, snapshot, options)
    return standing.standing(findings, asked, diff.diff(asked, snapshot).changes)


def as_asked(graph: Graph, snapshot: Snapshot, options: Options) -> Graph:
    """The graph under single-run options: fresh names for what is replaced, the older config for a rollback."""
    if options.rollback:
        return diff.rollback_graph(graph, snapshot, options.targets[0], options.rollback)
    if options.replace:
        return graphs.compile(graph.fleet, replacement_salts(graph, snapshot, options.replace), apart=graph.apart)
    return graph


def as_served(graph: Graph, snapshot: Snapshot) -> Graph:
    """The graph with the names of the models that serve already, where a plan re-uses such: those are what is live."""
    stay = [
        change
        for change in diff.diff(graph, snapshot).changes
        if change.is_immutable
        and not kind_named(change.kind).is_swapped_to
        and change.path
        and change.live_name
        and not change.action.creates
    ]
    found = {c.address: replace(graph.resources[c.address], physical_name=c.live_name) for c in stay}
    return replace(graph, resources={**graph.resources, **found})


def replacement_salts(graph: Graph, snapshot: Snapshot, addresses: Sequence[str]) -> dict[str, str]:
    """A salt for everything that is to be replaced, made of the name that is live: new each time, the same in a re-run.

    An endpoint is replaced through its config, by blue/green: a fresh fleet without an outage.
    """
    salts = {}
    for at in addresses:
        resource = graph.resources[at]
        target = graph.resources[resource.config] if resource.config else resource
        salts[target.address] = f"replace {_live_names(graph, snapshot, target)}"
    return salts


def _live_names(graph: Graph, snapshot: Snapshot, resource: Resource) -> str:
    """What serves this address now: the configs its endpoints run, or its own newest live object."""
    users = (graph.resources[at] for at in graph.closure_of_dependents(resource.address))
    running = (snapshot.endpoint(user.physical_name) for user in users)
    names = sorted({live.config for live in running if live is not None})
    return ",".join(names) or resource.physical_name


# --- rollback: which config -------------------------------------------------------------------------------------------

DOUBTFUL: Final = "not known whether it has served"
"""What is said of a generation of which no record says that it has served."""


def generation_to(desired: Desired, snapshot: Snapshot, at: str, wanted: str, now: datetime) -> Generation:
    """The config that the endpoint of that address goes back to: `wanted` is its name, its digest or how far back.

    Raises InputError where there is none, it isn't known, or it can't serve.
    """
    found = diff.generations_of(diff.Inputs(desired.graph, snapshot), at)
    older = [generation for generation in found if generation.back]
    fleet = desired.fleet
    plan = _command(fleet, "plan", _file_of(fleet))

    def refuse(message: str, hint: str | Command = "", *, kept: bool = True) -> NoReturn:
        words = ", ".join(_words(generation, now) for generation in found) if kept else ""
        there = f"; there {'are' if found[1:] else 'is'} {words}" if words else ""
        following = hint if isinstance(hint, Command) else None
        raise InputError([Problem(f"{message}{there}", _file_of(fleet), hint=str(hint))], following)

    seen = snapshot.endpoint(desired.graph.resources[at].physical_name)
    if seen is None or not seen.is_present:
        why = "can't be read" if seen is not None and seen.status == "unreadable" else "isn't live"
        refuse(f"{at} {why}, so there is nothing to go back from", plan)
    if seen.endpoint_status == DELETING:
        refuse(f"{at} is being deleted", plan)
    if not desired.graph.deployment.may_change(seen.tags or {}):
        owner = owner_in(seen.tags or {})
        of_the_fleet = owner is not None and owner.fleet == fleet.name
        why = f"belongs to {owner.words}" if owner is not None and of_the_fleet else "doesn't carry this fleet's tag"
        refuse(f"{at} is not this fleet's: the endpoint {seen.name} {why}", plan, kept=False)
    if wanted:
        chosen = next((g for g in found if wanted in (g.name, g.digest, str(g.back))), None)
        if chosen is None:
            refuse(f"{at} has no generation {wanted!r}")
        if not chosen.back:
            refuse(f"{at} {'runs' if chosen.name == seen.config else 'is on its way to'} {chosen.name} already")
    else:
        chosen = next((g for g in older if not g.left and not g.doubtful), None)
        if chosen is None and older:
            maybe = next((g for g in older if not g.left), older[0])
            again = _command(fleet, "rollback", desired.graph.resources[at].name, _file_of(fleet), "--to", maybe.name)
            if maybe.left:
                refuse(f"the only other generation of {at} is the one that a rollback left", again)
            refuse(
                f"nobody knows whether an older config of {at} has served it, so none is gone back to unasked", again
            )
        if chosen is None:
            refuse(*_no_generation(at, seen, found))
    if chosen.missing:
        refuse(f"{chosen.name} can't serve any more: its {_models(chosen.missing)} gone")
    return chosen


def _no_generation(at: str, live: LiveEndpoint, found: tuple[Generation, ...]) -> tuple[str, str]:
    """What is said, and what helps, where nothing of the fleet's has served before."""
    record = history.record_of(live)
    ours = {generation.digest for generation in found}
    gone = [digest for digest in record.served if digest not in ours] if record is not None else []
    if not gone:
        kept = "`retain:` in the fleet file says how many superseded configs are kept"
        return f"{at} has no generation to go back to", kept
    why = f"the config {gone[0]} that served it before was deleted, or is another deployment's"
    back = "turn the fleet file back to what it said then, and apply it; `retain:` says how many configs are kept"
    return f"{at} has no generation to go back to: {why}", back


def _command(fleet: Fleet, *words: str) -> Command:
    files = tuple(file.path for file in fleet.variable_files)
    return Command(words, fleet.environment or "", fleet.variables, files)


def _models(names: tuple[str, ...]) -> str:
    return f"{'model' if len(names) == 1 else 'models'} {', '.join(names)} {'is' if len(names) == 1 else 'are'}"


def _words(generation: Generation, now: datetime) -> str:
    """`1: ranker-3f9c2a1b (made 3 d ago)`."""
    notes = [f"made {age_text(now, generation.created_at)} ago"]
    notes += ["in force"] if not generation.back else []
    notes += ["left by a rollback"] if generation.left else []
    notes += [DOUBTFUL] if generation.doubtful else []
    notes += [f"its {_models(generation.missing)} gone"] if generation.missing else []
    return f"{generation.back}: {generation.name} ({', '.join(notes)})"
