"""observe: a `Snapshot` of everything that the fleet declares, runs or owns.

    who and where (sts) → what carries the fleet's tag → desired endpoints → the configs they run
    → those configs' models → desired models and configs → what is owned but was not met on the way

In: a read-only port and the graph. Large fleets are listed (a hundred names a call) rather than asked for one by one,
and a model or config whose tags carry the digest that is wanted is not described: it can't have changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from mmeplan.aws.failures import NOT_VALID, Failure, failure_of
from mmeplan.canonical import canonical, first_form
from mmeplan.errors import CloudError
from mmeplan.graph import Graph
from mmeplan.identity import CARRIES_TAG, DIGEST_TAG, FLEET_TAG, Deployment
from mmeplan.kinds import (
    ENDPOINT,
    TAGGING,
    Kind,
    LiveEndpoint,
    LiveObject,
    as_a,
    kind_named,
    kind_of_operation,
    kinds,
    tagging_of,
    tags_in,
)
from mmeplan.live.gathering import look_beneath
from mmeplan.live.objects import describe_call, live_object
from mmeplan.live.ownership import with_own_names
from mmeplan.live.ports import Answer, Progress, Reader
from mmeplan.live.snapshot import Snapshot

LIST_ABOVE: Final = 50  # objects of a kind: above it, listing the account is cheaper than asking for each
PAGE: Final = 100  # the API's own maximum for List calls

_SHOWN: Final = ("AsyncInferenceConfig", "ExplainerConfig")
"""What DescribeEndpoint repeats of the config and may be empty. Source: botocore, DescribeEndpointOutput."""


def observe(
    reader: Reader,
    graph: Graph,
    now: datetime,
    region: str,
    *,
    full: bool = False,
    for_prune: bool = False,
    progress: Progress | None = None,
) -> Snapshot:
    """Read what is live.

    `for_prune` looks closer at what might be pruned beneath multi-model prefixes.
    `full` describes every object, whatever its tags say (a snapshot that is to be kept). Raises CloudError where not
    even the caller's identity can be read; anything else that fails is marked unreadable in the snapshot.
    """
    account = str(reader.read("GetCallerIdentity", {})["Account"])
    observation = _Observation(reader, graph.deployment, _wanted(graph), full=full, progress=progress)
    references = (reference for resource in graph.resources.values() for reference in resource.references)
    observation.outside = [(reference.kind, reference.name) for reference in references if reference.address is None]
    snapshot = observation.observe(now, account, region)
    while (apart := with_own_names(graph, snapshot)) is not graph:
        graph = apart
        snapshot = observation.further(_wanted(graph), snapshot)
    beneath: dict[str, dict[str, LiveObject]] = {}
    for resource in graph.resources.values():
        if kind_named(resource.kind).is_gathered:
            beneath.setdefault(resource.kind, {})[resource.physical_name] = look_beneath(
                reader, resource, for_prune=for_prune
            )
    return replace(snapshot, objects={**snapshot.objects, **beneath}) if beneath else snapshot


def _wanted(graph: Graph) -> list[tuple[str, str, str]]:
    """(Kind, name, digest) of what is described; what is gathered is listed by itself."""
    return [
        (resource.kind, resource.physical_name, resource.digest)
        for resource in graph.resources.values()
        if not kind_named(resource.kind).is_gathered
    ]


def _described() -> list[Kind]:
    """The kinds whose objects are described one by one, each after those that it refers to."""
    return [kind for kind in kinds() if not kind.is_gathered and kind.listings is None]


def observe_objects(
    reader: Reader, deployment: Deployment, names: Iterable[tuple[str, str]], now: datetime, account: str, region: str
) -> Snapshot:
    """Read what became of these (kind, name) objects, and of everything the fleet owns. For freshness."""
    wanted = [(kind, name, "") for kind, name in names]
    return _Observation(reader, deployment, wanted, full=False, shallow=True).observe(now, account, region)


def observe_running(
    reader: Reader,
    fleet: str,
    endpoints: Iterable[str],
    now: datetime,
    region: str,
    *,
    progress: Progress | None = None,
) -> Snapshot:
    """Read these endpoints and all that they run on, in full, whoever owns them. For import. Raises CloudError."""
    account = str(reader.read("GetCallerIdentity", {})["Account"])
    wanted = [(ENDPOINT.name, name, "") for name in endpoints]
    return _Observation(reader, Deployment(fleet), wanted, full=True, progress=progress).observe(now, account, region)


def tags_by_name(reader: Reader, kind: str, names: Iterable[str]) -> dict[str, dict[str, str]]:
    """The tags of the objects of these names; those that can't be read are left out. Raises CloudError."""
    of, wanted = kind_named(kind), set(names)
    asked = [summary for summary in _summaries(reader, of) if summary[of.name_member] in wanted]
    answers = _gathered_tags(reader, [s[of.arn] for s in asked])
    return {
        s[of.name_member]: tags_in(answer.get("Tags"))
        for s, answer in zip(asked, answers, strict=True)
        if not isinstance(answer, Exception)
    }


def observe_endpoints(reader: Reader, names: Iterable[str]) -> dict[str, LiveEndpoint]:
    """The endpoints of these names, described; without tags. For waits and guards."""
    wanted = list(names)
    answers = reader.gather([describe_call(ENDPOINT.name, name) for name in wanted])
    seen = (_as_live(ENDPOINT.name, name, answer) for name, answer in zip(wanted, answers, strict=True))
    return {name: found for name, live in zip(wanted, seen, strict=True) if (found := as_a(live, LiveEndpoint))}


class _Observation:
    """One observation under way: what was found so far, by kind and name."""

    def __init__(
        self,
        reader: Reader,
        deployment: Deployment,
        wanted: list[tuple[str, str, str]],
        *,
        full: bool,
        shallow: bool = False,
        progress: Progress | None = None,
    ) -> None:
        self.reader = reader
        self.deployment = deployment
        self.wanted = wanted  # (kind, name, digest)
        self.outside: list[tuple[str, str]] = []  # (kind, name) of what the fleet refers to and others make
        self.full = full
        self.shallow = shallow  # of models and configs only their existence and tags are asked: they can't change
        self.progress = progress
        self.objects: dict[str, dict[str, LiveObject]] = {kind.name: {} for kind in _described()}
        self.owned: dict[str, dict[str, dict[str, str]]] = {kind.name: {} for kind in _described()}
        self.inventory_error = ""
        self._first_digests: set[str] = set()  # configs, in lower case, whose digest tags may leave something out
        self.digests = {(kind, name): digest for kind, name, digest in wanted}
        self.tags: dict[
            tuple[str, str], dict[str, str]
        ] = {}  # (kind, name in lower case) → tags, as the index has them

    def observe(self, now: datetime, account: str, region: str) -> Snapshot:
        self._inventory()
        self.tags = {(kind, name.lower()): tags for kind in self.owned for name, tags in self.owned[kind].items()}
        for kind in reversed(_described()):  # what refers before what is referred to
            named = [*((of_kind, name) for of_kind, name, _ in self.wanted), *self.outside]
            wanted = [name for of_kind, name in named if of_kind == kind.name]
            self._see(kind.name, [*self._referred_to(kind), *wanted, *self.owned[kind.name]])
            endpoints = self.objects[kind.name].values() if kind.is_swapped else ()
            for live in filter(_has_empty_structures, endpoints):
                self._first_digests |= {name.lower() for _, name in kind.references(live.describe)}
        self._read_missing_tags()
        for kind in kinds():
            self._see_inner(kind)
        return Snapshot(now.isoformat(), account, region, self.deployment.fleet, self.objects, self.inventory_error)

    def further(self, wanted: list[tuple[str, str, str]], snapshot: Snapshot) -> Snapshot:
        """The same observation with objects of further names."""
        self.wanted = wanted
        self.digests |= {(kind, name): digest for kind, name, digest in wanted}
        for kind in reversed(_described()):
            if kind.is_immutable:
                self._see(kind.name, [name for of_kind, name, _ in wanted if of_kind == kind.name])
        self._read_missing_tags()
        return replace(snapshot, objects=self.objects)

    def _see_inner(self, kind: Kind) -> None:
        """What is declared inside others' entries, and everything else that those others carry.

        Only where the fleet declares such a thing, or a parent of the fleet has on record that it carries some: no
        other plan makes a call for them.
        """
        wanted = [name for of_kind, name, _ in self.wanted if of_kind == kind.name]
        parents = [live for live in self.objects.get(kind.parent, {}).values() if self._carries(live)]
        if kind.listings is None or not (wanted or parents):
            return
        requests = list(kind.listings(wanted, parents))
        answers = self.reader.gather([(kind.describe_operation, request) for request in requests])
        for request, answer in zip(requests, answers, strict=True):
            named = [name for name in wanted if kind.is_read_by(name, request)]
            self._keep_inner(kind, request, named, answer)
        self._read_missing_tags()

    def _carries(self, live: LiveObject) -> bool:
        """Whether the fleet may have something on it: it says so itself, or it is none of those that say it."""
        if not live.is_present:
            return False
        declared = any(
            kind_named(of).parent == live.kind and kind_named(of).parent_in(name) == live.name
            for of, name, _ in self.wanted
        )
        return declared or (self.deployment.may_change(live.tags or {}) and live.tag(CARRIES_TAG) is not None)

    def _keep_inner(
        self, kind: Kind, request: Mapping[str, Any], wanted: Iterable[str], answer: Answer | Exception
    ) -> None:
        """The objects of a listing; those that are wanted and aren't there; or that nothing is known of them."""
        found: dict[str, dict[str, Any]] = {}
        seen = self.objects.setdefault(kind.name, {})
        if not isinstance(answer, Exception):
            try:
                rest = self._further_pages(kind, request, answer)
                found = {kind.name_in({**request, **item}): item for item in (*answer.get(kind.listed, ()), *rest)}
            except CloudError as error:
                answer = error
        for name in (*found, *(name for name in wanted if name not in found)):
            if isinstance(answer, Exception):
                live = live_object(kind.name, name, "unreadable", error=_why(answer))
            elif name in found:
                live = live_object(kind.name, name, "present", found[name])
            else:
                live = live_object(kind.name, name, "absent")
            seen[name] = live
        if isinstance(answer, Exception) and not wanted:
            name = kind.name_in(request, " ".join(map(str, request.values())))
            seen[name] = live_object(kind.name, name, "unreadable", error=_why(answer))

    def _further_pages(self, kind: Kind, request: Mapping[str, Any], answer: Answer) -> list[dict[str, Any]]:
        if not answer.get("NextToken"):
            return []
        more = pages(self.reader, kind.describe_operation, {**request, "NextToken": answer["NextToken"]})
        return [item for page in more for item in page.get(kind.listed, ())]

    def _referred_to(self, kind: Kind) -> list[str]:
        """The names of the objects of a kind that what was seen refers to."""
        seen = (live for referrer in kind.referrers for live in self.objects.get(referrer.name, {}).values())
        needed = (found for live in seen for found in kind_named(live.kind).references(live.describe))
        return [name for of_kind, name in needed if of_kind == kind.name]

    # --- what carries the fleet's tag ---------------------------------------------------------------------------------

    def _inventory(self) -> None:
        """Everything of the deployment: one service's index, or, where that is denied, a walk over all lists."""
        found: Iterable[tuple[str, str, dict[str, str]]] = ()
        try:
            found = self._tagged_by_index()
        except CloudError as denied:
            try:
                found = self._tagged_by_lists()
            except CloudError as error:
                self.inventory_error = f"{_why(denied)}; and {_why(error)}"
        for kind, name, tags in found:
            if self.deployment.may_change(tags):
                self.owned[kind][name] = tags

    def _tagged_by_index(self) -> Iterable[tuple[str, str, dict[str, str]]]:
        params = {
            "TagFilters": [{"Key": FLEET_TAG, "Values": [self.deployment.fleet]}],
            "ResourceTypeFilters": sorted(f"{kind.service}:{kind.word}" for kind in kinds() if kind.is_inventoried),
            "ResourcesPerPage": PAGE,
        }
        found = []
        for page in pages(self.reader, "GetResources", params, token="PaginationToken"):  # noqa: S106 - a member's name
            for mapping in page.get("ResourceTagMappingList", ()):
                kind, name = kind_and_name(mapping["ResourceARN"])
                if kind:
                    found.append((kind, name, tags_in(mapping.get("Tags"))))
        return self._with_true_case(found)

    def _with_true_case(
        self, found: list[tuple[str, str, dict[str, str]]]
    ) -> Iterable[tuple[str, str, dict[str, str]]]:
        """ARNs may be lower-cased; the names that the graph knows are spelled right."""
        known = {(kind, name.lower()): name for kind, name, _ in self.wanted}
        return [(kind, known.get((kind, name.lower()), name), tags) for kind, name, tags in found]

    def _tagged_by_lists(self) -> Iterable[tuple[str, str, dict[str, str]]]:
        found = []
        for kind in kinds():
            if not kind.is_inventoried:
                continue
            summaries = _summaries(self.reader, kind)
            answers = _gathered_tags(self.reader, [s[kind.arn] for s in summaries])
            for summary, answer in zip(summaries, answers, strict=True):
                if isinstance(answer, Exception):
                    if isinstance(answer, CloudError) and failure_of(answer) is Failure.NOT_FOUND:
                        continue
                    raise answer
                tags = tags_in(answer.get("Tags"))
                if self.deployment.may_change(tags):
                    found.append((kind.name, summary[kind.name_member], tags))
        return found

    # --- objects ------------------------------------------------------------------------------------------------------

    def _see(self, kind: str, names: Iterable[str]) -> None:
        """Describe the objects of these names, or find out that they don't exist.

        Names that differ in letter case only are one name (ARNs, from which names are taken, may be lower-cased); the
        object is kept under the name that the graph has for it, else under its own.
        """
        spelled: dict[str, str] = {}
        for name in names:
            spelled.setdefault(name.lower(), name)
        seen = {name.lower() for name in self.objects[kind]}
        wanted = [name for lower, name in spelled.items() if lower not in seen]
        if len(wanted) > LIST_ABOVE:
            wanted = self._see_by_list(kind, wanted)
        answers = self.reader.gather([describe_call(kind, name) for name in wanted], self.progress)
        for name, answer in zip(wanted, answers, strict=True):
            self._keep(_as_live(kind, name, answer, self.tags.get((kind, name.lower()))))

    def _keep(self, live: LiveObject) -> None:
        own_name = kind_named(live.kind).name_in(live.describe, live.name)
        if own_name != live.name and (live.kind, live.name) not in self.digests:
            live = replace(live, name=own_name)
        self.objects[live.kind][live.name] = live

    def _see_by_list(self, kind: str, wanted: list[str]) -> list[str]:
        """Settle what a listing can settle; the names that still have to be described come back."""
        of = kind_named(kind)
        try:
            listed = {summary[of.name_member].lower(): summary for summary in _summaries(self.reader, of)}
        except CloudError:
            return wanted
        left = []
        for name in wanted:
            summary = listed.get(name.lower())
            if summary is None:
                self.objects[kind][name] = live_object(kind, name, "absent")
            elif self._needs_describe(kind, name):
                left.append(name)
            else:
                known = {key: summary[key] for key in (of.name_member, of.arn, "CreationTime")}
                tags = self.tags.get((kind, name.lower()))
                self._keep(live_object(kind, name, "present", known, tags, by_digest=True))
        return left

    def _needs_describe(self, kind: str, name: str) -> bool:
        """Whether a listing isn't enough: it is for a model or config whose tags carry the digest that is wanted."""
        if self.full or not kind_named(kind).is_immutable or name.lower() in self._first_digests:
            return True
        wanted, tags = self.digests.get((kind, name)), self.tags.get((kind, name.lower()))
        return not self.shallow and not (wanted and tags and tags.get(DIGEST_TAG) == wanted)

    def _read_missing_tags(self) -> None:
        """Tags of objects that exist and that the index didn't have: somebody else's, or very new.

        Of an object that the graph doesn't name (a foreign config in force) they may stay unknown.
        """
        asked = [
            live
            for kind in sorted(self.objects)
            for _, live in sorted(self.objects[kind].items())
            if live.status == "present" and live.tags is None and kind_named(kind).is_tagged
        ]
        answers = _gathered_tags(self.reader, [live.arn for live in asked])
        for live, answer in zip(asked, answers, strict=True):
            if not isinstance(answer, Exception):
                changed = replace(live, tags=tags_in(answer.get("Tags")))
            elif isinstance(answer, CloudError) and failure_of(answer) is Failure.NOT_FOUND:
                changed = live_object(live.kind, live.name, "absent")  # deleted between the two calls
            elif (live.kind, live.name) in self.digests:
                changed = replace(live, status="unreadable", error=_why(answer))
            else:
                continue
            self.objects[live.kind][live.name] = changed


def pages(reader: Reader, operation: str, params: Mapping[str, Any], token: str = "NextToken") -> Iterable[Answer]:  # noqa: S107
    """All pages of a listing. Raises CloudError, also where a page leads back to one that was read."""
    answer = reader.read(operation, params)
    yield answer
    read = {params.get(token)}
    while answer.get(token):
        if answer[token] in read:
            raise CloudError(operation, "RepeatedToken", f"the listing has no end: a page's {token} came twice")
        read.add(answer[token])
        answer = reader.read(operation, {**params, token: answer[token]})
        yield answer


def _gathered_tags(reader: Reader, arns: list[str]) -> list[Answer | Exception]:
    """For each ARN the answer that lists its tags, those of all pages in it, or the error of the page that failed."""
    answers = reader.gather([(tagging_of(arn).list, {tagging_of(arn).arn: arn}) for arn in arns])
    return [_with_all_pages(reader, arn, answer) for arn, answer in zip(arns, answers, strict=True)]


def _with_all_pages(reader: Reader, arn: str, answer: Answer | Exception) -> Answer | Exception:
    if isinstance(answer, Exception) or not answer.get("NextToken"):
        return answer
    try:
        further = list(pages(reader, "ListTags", {"ResourceArn": arn, "NextToken": answer["NextToken"]}))
    except CloudError as error:
        return error
    return {"Tags": [tag for page in (answer, *further) for tag in page.get("Tags") or ()]}


def names_of(reader: Reader, kind: str) -> frozenset[str]:
    """The names of all objects of a kind in the account and region. Raises CloudError."""
    of = kind_named(kind)
    return frozenset(of.name_in(summary) for summary in _summaries(reader, of))


def _summaries(reader: Reader, kind: Kind) -> list[dict[str, Any]]:
    """The items of all pages of a kind's listing. Raises CloudError."""
    listed = pages(reader, kind.list_operation, {"MaxResults": PAGE})
    return [summary for page in listed for summary in page.get(kind.listed, ())]


def kind_and_name(arn: str) -> tuple[str, str]:
    """`arn:aws:sagemaker:…:endpoint-config/x` → (`endpoint_config`, `x`); empty texts for anything else."""
    resource = arn.rpartition(":")[2]
    word, _, name = resource.partition("/")
    return next((kind.name for kind in kinds() if kind.word == word and kind.arn_has_name), ""), name


def _as_live(kind: str, name: str, answer: Answer | Exception, tags: Mapping[str, str] | None = None) -> LiveObject:
    found = None if isinstance(answer, Exception) else kind_named(kind).found(answer, name)
    if found is not None:
        return live_object(kind, name, "present", found, tags)
    if not isinstance(answer, Exception):
        return live_object(kind, name, "absent")
    if isinstance(answer, CloudError) and failure_of(answer) is Failure.NOT_FOUND:
        return live_object(kind, name, "absent")
    return live_object(kind, name, "unreadable", error=_why(answer))


def _has_empty_structures(endpoint: LiveObject) -> bool:
    """Whether an endpoint's answer has a structure that digests of version 1 left out: its config is described."""
    shown = {member: endpoint.describe[member] for member in _SHOWN if endpoint.describe.get(member) is not None}
    form = canonical(shown)
    return form != first_form(form)


def _action(operation: str) -> str:
    """The IAM action of a read."""
    kind = kind_of_operation(operation)
    if kind is not None:
        return kind.action(operation)
    of_tags = next((service for service, tagging in TAGGING.items() if tagging.list == operation), "sagemaker")
    return f"tag:{operation}" if operation == "GetResources" else f"{of_tags}:{operation}"


def _why(error: Exception) -> str:
    if isinstance(error, CloudError) and failure_of(error) is Failure.DENIED:
        if error.code in NOT_VALID:
            return f"denied: the credentials are not valid, or not any more ({error.code})"
        return f"denied: the caller lacks {_action(error.operation)}"
    return str(error)
