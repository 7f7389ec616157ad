"""compile: `Fleet` → `Graph` of desired resources, in dependency order.

Pure: no clock, no network, no file. The order depends on names only, never on the file's order.
The only file that imports networkx, and only when an order or a closure is asked for: a plan needs direct neighbours
alone, and the library and its graph would be a fifth of its memory.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from mmeplan.aws.s3 import s3_place
from mmeplan.aws.shapes import snake
from mmeplan.aws.variants import (
    REFERENCES,
    model_holders,
    models_and_types,
    multi_model_urls,
    with_containers,
)
from mmeplan.canonical import Canonical
from mmeplan.identity import Deployment, address
from mmeplan.kinds import ARTIFACTS, ApiPath, Inner, Kind, Reference, Resource, kinds
from mmeplan.kinds.artifacts import compile_artifacts
from mmeplan.kinds.endpoint import compile_endpoint, desired_meaning
from mmeplan.kinds.endpoint_config import compile_endpoint_config
from mmeplan.kinds.model import compile_model
from mmeplan.kinds.resource import changed_in_place
from mmeplan.spec import Entry, FilePath, Fleet, file_path
from mmeplan.spec.artifacts import MOST_KEY
from mmeplan.spec.problems import Problems

if TYPE_CHECKING:
    import networkx as nx

_OUTSIDE: Final = {"config": "endpoint_config_name", **{key: snake(member) for member, key in REFERENCES.items()}}
"""Key of a logical reference → the key that names something outside the fleet instead."""


@dataclass(frozen=True)
class Graph:
    """The desired resources by address, and what depends on what.

    `moved` maps the address an entry had (`renamed_from`) to the one it has. `fresh` are the addresses that get a new
    object although their content is the same (`--replace`). `replaced` are resources of the file in whose place a
    rollback wants others: what is listed of them still says what the file declares. `apart` are the models and configs
    that have names of their own, because another deployment's objects have the plain ones.
    """

    fleet: Fleet
    resources: Mapping[str, Resource]
    moved: Mapping[str, str]
    fresh: frozenset[str]
    replaced: tuple[Resource, ...] = ()
    apart: frozenset[str] = frozenset()

    @property
    def deployment(self) -> Deployment:
        """Whose the resources are."""
        return Deployment(self.fleet.name, self.fleet.environment or "")

    def meaning(self, endpoint: Resource) -> Canonical:
        """What an endpoint of the fleet means: its config's content, with models' content in place of their names."""
        config = self.resources[endpoint.config] if endpoint.config else None
        return desired_meaning(endpoint.config_name or None, config, self.resources)

    def order(self) -> list[str]:
        """Addresses so that each stands after what it depends on; among equals, by address."""
        import networkx as nx

        return list(nx.lexicographical_topological_sort(self._network))

    def dependents(self, at: str) -> list[str]:
        """Addresses that refer to this one directly, sorted."""
        return sorted(self._dependents.get(at, ()))

    def edges(self) -> Iterator[tuple[str, str]]:
        """(dependency, dependent) pairs, sorted."""
        return iter(sorted((at, dependent) for at, found in self._dependents.items() for dependent in found))

    def closure(self, addresses: Iterable[str]) -> frozenset[str]:
        """The addresses and everything they depend on."""
        import networkx as nx

        wanted = set(addresses)
        for at in tuple(wanted):
            if at in self._network:
                wanted |= nx.ancestors(self._network, at)
        return frozenset({*wanted, *(own for at in wanted for own in self.beneath(at))})

    def beneath(self, at: str) -> tuple[str, ...]:
        """The addresses of what is declared inside an entry, and is gathered beneath a place that it names."""
        kind, _, name = at.partition("/")
        children = (address(of.name, name) for of in kinds() if of.is_gathered and of.parent == kind)
        return tuple(child for child in children if child in self.resources)

    def closure_of_dependents(self, at: str) -> frozenset[str]:
        """The address and everything that depends on it, directly or not."""
        import networkx as nx

        return frozenset({at, *nx.descendants(self._network, at)}) if at in self._network else frozenset()

    def of_kind(self, kind: str) -> Iterator[Resource]:
        """The resources of a kind, by address."""
        return (resource for resource in self.resources.values() if resource.kind == kind)

    def declared(self, kind: str, name: str) -> Resource | None:
        """The resource of that physical name."""
        return self._by_name.get((kind, name))

    @cached_property
    def _by_name(self) -> Mapping[tuple[str, str], Resource]:
        known = (*self.replaced, *self.resources.values())
        return {(resource.kind, resource.physical_name): resource for resource in known}

    @cached_property
    def _dependents(self) -> Mapping[str, list[str]]:
        found: dict[str, list[str]] = {}
        for resource in self.resources.values():
            for dependency in resource.dependencies():
                found.setdefault(dependency, []).append(resource.address)
        return found

    @cached_property
    def _network(self) -> nx.DiGraph[str]:
        import networkx as nx

        network: nx.DiGraph[str] = nx.DiGraph()
        network.add_nodes_from(self.resources)
        network.add_edges_from(self.edges())
        return network


def compile(fleet: Fleet, salts: Mapping[str, str] | None = None, *, apart: frozenset[str] = frozenset()) -> Graph:
    """The graph of a fleet.

    `salts` (address → salt) asks for fresh objects of those models and configs, as `--replace` does. `apart` are the
    addresses of those whose plain names other deployments' objects have. Raises InputError for missing references,
    names that stand for two things, and circles, each with its line.
    """
    return _Compiler(fleet, salts or {}, apart).compile()


class _Compiler:
    def __init__(self, fleet: Fleet, salts: Mapping[str, str], apart: frozenset[str]) -> None:
        self.fleet = fleet
        self.deployment = Deployment(fleet.name, fleet.environment or "")
        self.salts = salts
        self.apart = apart
        self.resources: dict[str, Resource] = {}
        self.by_name: dict[tuple[str, str], Resource] = {}
        self.problems = Problems(fleet.source_map)
        self.refuse = self.problems.refuse

    def compile(self) -> Graph:
        for name in sorted(self.fleet.models):
            self._add(self._model(self.fleet.models[name]))
        for name in sorted(self.fleet.endpoint_configs):
            self._add(self._config(self.fleet.endpoint_configs[name]))
        for name in sorted(self.fleet.endpoints):
            self._inline_config(self.fleet.endpoints[name])
        for name in sorted(self.fleet.endpoints):
            self._endpoint(self.fleet.endpoints[name])
        for kind in kinds():
            if kind.is_changed_in_place:
                for _, entry in sorted(self.fleet.entries(kind).items()):
                    self._in_place(kind, entry)
        for name in sorted(self.fleet.models):
            self._archives(self.fleet.models[name])
        for kind in kinds():
            self._inner(kind)
        moved = self._moved()
        self.problems.stop_if_any()
        resources = dict(sorted(self.resources.items()))
        return Graph(self.fleet, resources, moved, frozenset(self.salts), apart=self.apart)

    def _add(self, resource: Resource) -> None:
        self.resources[resource.address] = resource
        self.by_name.setdefault((resource.kind, resource.physical_name), resource)

    def _declared(self, kind: str, physical_name: str | None) -> Resource | None:
        """The fleet's own object of that physical name: naming it so is a reference like the logical one."""
        return self.by_name.get((kind, physical_name or ""))

    def _model(self, entry: Entry) -> Resource:
        at = address("model", entry.name)
        entry = self._with_image_addresses(entry)
        return compile_model(entry, self.deployment, self.salts.get(at), apart=at in self.apart)

    def _with_image_addresses(self, entry: Entry) -> Entry:
        """A model with addresses in the place of images by name."""
        found = with_containers(entry.request, lambda path, container: self._addressed(entry, path, container))
        return entry if found is entry.request else replace(entry, request=found)

    def _addressed(self, entry: Entry, path: ApiPath, container: dict[str, Any]) -> dict[str, Any]:
        named = container.get("Image")
        if not isinstance(named, dict):
            return container
        from mmeplan.aws import image_uris

        given = {key: str(value) for key, value in named.items() if value}
        try:
            image = image_uris.resolve(given, self.fleet.region, self._processors.get(entry.name, frozenset()))
        except image_uris.ImageError as error:
            place = file_path(entry.path, (*path, "Image"))
            self.refuse(str(error), (*place, error.member) if error.member in named else place, error.hint)
            image = ""
        return {**container, "Image": image}

    @cached_property
    def _processors(self) -> Mapping[str, frozenset[str]]:
        """Logical name of a model → what the instance types that run it have."""
        from mmeplan.aws.image_uris import processor_of

        found: dict[str, set[str]] = {}
        inline = (entry.config for entry in self.fleet.endpoints.values())
        for config in (*self.fleet.endpoint_configs.values(), *inline):
            for model, types in models_and_types(config.request) if isinstance(config, Entry) else ():
                found.setdefault(model, set()).update(filter(None, map(processor_of, types)))
        return {model: frozenset(processors) for model, processors in found.items()}

    def _config(self, entry: Entry, base_name: str = "") -> Resource:
        def resolve(logical: str, api_path: ApiPath) -> str | None:
            model = self.resources.get(address("model", logical))
            if model is None:
                self._missing("model", logical, file_path(entry.path, api_path), self.fleet.models)
                return None
            return model.physical_name

        def declared(physical_name: str) -> str | None:
            model = self._declared("model", physical_name)
            return model.address if model else None

        self._check_one_model(entry)
        at = address("endpoint_config", entry.name)
        return compile_endpoint_config(
            entry,
            self.deployment,
            resolve,
            declared,
            base_name=base_name,
            salt=self.salts.get(at),
            apart=at in self.apart,
        )

    def _inline_config(self, entry: Entry) -> None:
        if isinstance(entry.config, Entry):
            if address("endpoint_config", entry.name) in self.resources:
                hint = "rename one of them, or let the endpoint say `config: NAME`"
                self.refuse(f"endpoint_config/{entry.name} stands in endpoint_configs already", entry.config.path, hint)
            self._add(self._config(entry.config, entry.renamed_from or entry.name))

    def _endpoint(self, entry: Entry) -> None:
        external = entry.request.get("EndpointConfigName")
        config = self._declared("endpoint_config", external)
        if external and entry.config is not None:
            self.refuse("`config` and `endpoint_config_name` exclude each other", entry.path, "keep one of them")
        if isinstance(entry.config, Entry):
            config = self.resources[address("endpoint_config", entry.name)]
        elif isinstance(entry.config, str):
            config = self.resources.get(address("endpoint_config", entry.config))
            if config is None or entry.config not in self.fleet.endpoint_configs:
                self._missing("endpoint config", entry.config, (*entry.path, "config"), self.fleet.endpoint_configs)
        elif not external:
            self.refuse(
                "the endpoint has no config", entry.path, "write `config:` inline, or the name of a shared config"
            )
        self._add(compile_endpoint(entry, self.deployment, config, self.resources))

    def _in_place(self, kind: Kind, entry: Entry) -> None:
        """An object under a name of its own. What it names is the fleet's where an entry has that physical name."""
        members = {**kind.named(entry.pinned_name or entry.name), **entry.request}
        found = ((of, name, self._declared(of, name)) for of, name in kind.references(members))
        references = (Reference((), of, name, known.address if known else None) for of, name, known in found)
        self._add(changed_in_place(kind, entry, self.deployment, references))

    def _archives(self, model: Entry) -> None:
        """The archives beneath the prefix of a model's multi-model container."""
        declared = model.artifacts
        if declared is None:
            return
        path = (*model.path, ARTIFACTS.inside)
        urls = multi_model_urls(model.request)
        if len(urls) != 1:
            hint = "write primary_container: {mode: MultiModel, model_data_url: s3://BUCKET/PREFIX/}"
            self.refuse("artifacts need a MultiModel container, and the model has none", path, hint)
            return
        bucket, prefix = s3_place(urls[0])
        if not (str(urls[0]).startswith("s3://") and bucket and prefix.endswith("/")):
            hint = f"end model_data_url with a slash: {urls[0]}/" if bucket and prefix else "s3://BUCKET/PREFIX/"
            self.refuse(f"{urls[0]!r} is not a prefix that archives can lie beneath", path, hint)
            return
        longest = max((len(one.key("0" * 64)) for one in declared.archives), default=0)
        if len(prefix.encode()) + longest > MOST_KEY:
            text = f"prefix and key together may be longer than the {MOST_KEY:,} bytes that S3 takes"
            self.refuse(text, path, "make the prefix or the keys shorter")
        if declared.publish[0] == bucket and declared.publish[1].startswith(prefix):
            hint = "give the pointer a prefix of its own"
            self.refuse(
                "the pointer would lie beneath the prefix, where only archives belong", (*path, "publish"), hint
            )
        entry = Entry(ARTIFACTS.name, model.name, path, {}, {}, allow=model.allow, artifacts=declared)
        made = compile_artifacts(entry, declared, self.deployment, (bucket, prefix))
        for at, other in self.resources.items():
            names = sorted((made.physical_name, other.physical_name), key=len)
            if other.kind == made.kind and names[1].startswith(names[0]):
                self.refuse(f"the archives of {at} lie beneath the same prefix", path, "give each a prefix of its own")
            elif other.kind == made.kind and declared.publish[0] and _pointer(other) == declared.publish:
                self.refuse(f"{at} has the same pointer", (*path, "publish"), "give each a pointer of its own")
        self._add(made)

    def _inner(self, kind: Kind) -> None:
        """What is declared inside the entries of the kind's parents; each parent has on record what it carries."""
        parents = [resource for resource in self.resources.values() if resource.kind == kind.parent]
        for parent in sorted(parents, key=lambda resource: resource.address):
            made = [self._inner_entry(kind, parent, inner) for inner in kind.entries(parent, self._holder(parent))]
            for entry in made:
                self._in_place(kind, entry)
            names = (str(entry.pinned_name) for entry in made)
            record = {kind.name if kind.is_tagged else kind.key_of(name) for name in names}
            if record:
                carries = tuple(sorted({*parent.carries, *record}))
                self._add(replace(self.resources[parent.address], carries=carries))

    def _holder(self, parent: Resource) -> Entry | None:
        """The entry of the config that an endpoint runs; its own for other kinds, None for a config outside."""
        config = parent.entry.config
        if isinstance(config, str):
            return self.fleet.endpoint_configs.get(config)
        return config

    def _inner_entry(self, kind: Kind, parent: Resource, inner: Inner) -> Entry:
        """It has its parent's tags, and its consent to be adopted where it says nothing of that itself."""
        said = inner.members
        return Entry(
            kind=kind.name,
            name=inner.name,
            path=inner.path,
            request={key: value for key, value in said.items() if key not in ("adopt", "allow")},
            tags=parent.entry.tags,
            pinned_name=inner.physical_name,
            adopt=bool(said.get("adopt", parent.entry.adopt)),
            allow=said.get("allow") or {},
        )

    def _check_one_model(self, entry: Entry) -> None:
        """A variant or pool names its model either logically or by the API's own member."""
        for path, member, holder in model_holders(entry.request):
            logical = REFERENCES[member]
            if holder.get(member) and holder.get(logical) is not None:
                message = f"`{logical}` and `{snake(member)}` exclude each other"
                self.refuse(message, file_path(entry.path, (*path, logical)), "keep one of them")

    def _missing(self, what: str, name: str, path: FilePath, known: Mapping[str, Any]) -> None:
        close = difflib.get_close_matches(name, list(known), n=1)
        member = _OUTSIDE[str(path[-1])]
        hint = f"did you mean {close[0]}?" if close else f"for one outside the fleet write {member}: {name}"
        self.refuse(f"no {what} named {name!r} in this fleet", path, hint)

    def _moved(self) -> dict[str, str]:
        """`renamed_from`, by address. An inline config moves with its endpoint."""
        moved: dict[str, str] = {}
        for resource in self.resources.values():
            old_name = resource.entry.renamed_from
            if old_name is None:
                continue
            old, path = address(resource.kind, old_name), (*resource.path, "renamed_from")
            if old in self.resources:
                partner = self.resources[old].entry.renamed_from
                circle = f": {resource.name} → {old_name} → {resource.name} goes in a circle"
                shown = circle if partner == resource.name else ""
                self.refuse(f"{old} is still in the file{shown}", path, "remove renamed_from, or the other entry")
            elif old in moved:
                self.refuse(f"{moved[old]} was renamed from {old_name!r} as well", path)
            else:
                moved[old] = resource.address
        return {**self._moved_inline_configs(moved), **moved}

    def _moved_inline_configs(self, moved: Mapping[str, str]) -> dict[str, str]:
        found = {}
        for old, new in moved.items():
            resource = self.resources[new]
            old_config = address("endpoint_config", old.partition("/")[2])
            is_inline = isinstance(resource.entry.config, Entry)
            if is_inline and old_config not in self.resources:
                found[old_config] = address("endpoint_config", resource.name)
        return found


def _pointer(archives: Resource) -> tuple[str, str]:
    return archives.entry.artifacts.publish if archives.entry.artifacts else ("", "")
