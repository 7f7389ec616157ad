"""draft: what is live, in the terms of a fleet file. Names pinned, references logical, what is shared kept shared.

A config is written with what its endpoints want now (live counts and weights). Where that is the config's own content,
the entry pins the live config's name and adopts it. Where it isn't, because somebody scaled the endpoint in place, the
entry has no name: it means the same as what is live, and nothing is rolled until it changes.

In: a snapshot, names of endpoints, scalable targets. Out: `Draft`, and its text that `spec.load` reads back as exactly
these values, whatever the texts in them are. Its keys are in snake_case and the API's order: the inverse of the
loader's types, both by the tree of `spec.surface`. Pure.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from mmeplan.aws.lifecycle import IN_SERVICE, SYSTEM_UPDATING
from mmeplan.aws.variants import REFERENCES, Path, hosts_components, variants, with_model_holders, with_variants
from mmeplan.canonical import Canonical, canonical, short_number
from mmeplan.identity import ADDRESS_TAG, FLEET_TAG, OWN_PREFIX
from mmeplan.importing.selecting import CONCURRENCY, INSTANCE_COUNT, ScalableTarget
from mmeplan.kinds import ENDPOINT_CONFIG, MODEL, kinds
from mmeplan.kinds.endpoint import with_count_of, with_live_desires
from mmeplan.kinds.endpoint_config import counts_of_others, without_volumes_of_its_own
from mmeplan.live import LiveEndpoint, LiveObject, Snapshot
from mmeplan.masks import stands_for_another
from mmeplan.spec.document import plain_scalar
from mmeplan.spec.expressions import MARK, MAX_EXPRESSION
from mmeplan.spec.loading import FLEET_NAME, LOGICAL_NAME
from mmeplan.spec.surface import Node, fleet_surface

MOST_TAGS: Final = 50  # of an object: the API's bound
OWN_TAGS: Final = 7  # fleet, address, digest, the seal on the others, and what an endpoint remembers of its past
_IMPORTABLE: Final = (IN_SERVICE, SYSTEM_UPDATING)

Entry = dict[str, Any]
Place = tuple[str, str]
"""Section and name of an entry."""


_CONFIG_GONE: Final = (
    "its config {config} is gone, so what it runs can't be told. Write its entry by hand: its name, `adopt: true`, and "
    "the config that it is to run; an apply swaps it to that"
)
_SCALED: Final = {INSTANCE_COUNT: "instances", CONCURRENCY: "of provisioned concurrency"}


@dataclass(frozen=True, slots=True)
class Skipped:
    """An endpoint that was not taken over, and why."""

    name: str
    why: str


@dataclass
class Draft:
    """A fleet file before it is text. `comments` stand above their entries."""

    fleet: str
    account: str
    region: str
    observed_at: str
    models: dict[str, Entry] = field(default_factory=dict)
    configs: dict[str, Entry] = field(default_factory=dict)
    endpoints: dict[str, Entry] = field(default_factory=dict)
    comments: dict[Place, list[str]] = field(default_factory=dict)
    skipped: list[Skipped] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    secrets: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)


def place(region: str, account: str) -> str:
    """`eu-west-1 of the account 123456789012`."""
    return f"{region} of the account {account}" if account else region


def draft(snapshot: Snapshot, names: list[str], fleet: str, targets: Mapping[tuple[str, str], ScalableTarget]) -> Draft:
    """The draft of a fleet of these endpoints."""
    return _Drafter(snapshot, fleet, targets).draft(names)


@dataclass
class _Wanted:
    """One endpoint on its way into the draft: its config's content as it is to be written."""

    live: LiveEndpoint
    config: LiveObject
    content: Canonical
    autoscaled: frozenset[str]
    as_made: bool  # whether that is the content that the live config has


class _Drafter:
    def __init__(self, snapshot: Snapshot, fleet: str, targets: Mapping[tuple[str, str], ScalableTarget]) -> None:
        self.snapshot = snapshot
        self.targets = targets
        self.made = Draft(fleet, snapshot.account, snapshot.region, snapshot.observed_at)
        self.pinned: set[str] = set()  # names of the configs that an entry pins
        self.models: dict[str, str | None] = {}  # physical name → logical name; None for one outside the fleet
        self.names: dict[tuple[str, str], str] = {}  # (kind, logical name) → the live object that has it
        surface = fleet_surface()
        sections = (kind.section for kind in kinds() if kind.section)
        self.nodes = {section: surface.keys[section].item or Node("any") for section in sections}

    def draft(self, names: list[str]) -> Draft:
        wanted = [one for name in names if (one := self._wanted(name)) is not None]
        groups: dict[tuple[str, bool, frozenset[str], str], list[_Wanted]] = {}
        for one in wanted:
            groups.setdefault((one.config.name, one.as_made, one.autoscaled, repr(one.content)), []).append(one)
        inline = {self._logical(group[0].live) for group in groups.values() if len(group) == 1}
        for group in sorted(groups.values(), key=_as_made_first):
            own_name = group[0].as_made and group[0].config.name not in self.pinned
            try:
                entry = self._config(group[0], own_name=own_name)
            except UnwritableError as error:
                self.made.skipped += [Skipped(one.live.name, str(error)) for one in group]
                continue
            if "name" in entry:
                self.pinned.add(group[0].config.name)
            self._place(group, entry, inline)
        made = self.made
        made.models, made.configs, made.endpoints = (
            {name: entries[name] for name in sorted(entries)} for entries in [made.models, made.configs, made.endpoints]
        )
        self.made.skipped.sort(key=lambda one: one.name)
        return self.made

    def _place(self, group: list[_Wanted], entry: Entry, inline: set[str]) -> None:
        """A config that one endpoint has stands inline, a shared one in a place of its own."""
        config: Entry | str = entry
        if len(group) > 1:
            config = self._logical(group[0].config)
            while config in inline or config in self.made.configs:
                config = f"{config}-shared"
            self.made.configs[config] = entry
        for one in group:
            self._endpoint(one, config)

    # --- endpoints ----------------------------------------------------------------------------------------------------

    def _wanted(self, name: str) -> _Wanted | None:
        """The endpoint, if it can be taken over; it is noted otherwise."""
        live = self.snapshot.endpoint(name)
        why = self._refusal(live)
        if live is None or why:
            self.made.skipped.append(Skipped(name, why))
            return None
        config = self.snapshot.endpoint_config(live.config)
        if config is not None and config.status == "absent":
            self.made.skipped.append(Skipped(name, _CONFIG_GONE.format(config=live.config)))
            return None
        if config is None or not config.is_present or config.by_digest:
            error = f" ({config.error})" if config is not None and config.error else ""
            self.made.skipped.append(Skipped(name, f"its config {live.config} can't be read{error}"))
            return None
        own = ENDPOINT_CONFIG.content(config.describe)
        owned = frozenset(
            variant
            for _, variant, _ in variants(own)
            if (target := self.targets.get((name, variant))) and target.dimension in (INSTANCE_COUNT, CONCURRENCY)
        )
        of_others = owned | counts_of_others(own)

        def counted(member: str, name: str, variant: Canonical) -> Canonical:
            """A variant whose count, or provisioned concurrency, isn't the file's has the config's own."""
            return with_count_of(variant, own[member][name]) if name in of_others else variant

        content = with_variants(with_live_desires(own, live.describe), counted)
        return _Wanted(live, config, content, owned, canonical(content) == own)

    def _refusal(self, live: LiveEndpoint | None) -> str:
        if live is None or live.status == "absent":
            return f"there is no endpoint of that name in {place(self.made.region, self.made.account)}"
        if live.status == "unreadable":
            return f"it can't be read: {live.error}"
        if live.tags is None:
            return "its tags can't be read: the caller lacks sagemaker:ListTags"
        if live.endpoint_status not in _IMPORTABLE:
            reason = f": {live.failure_reason}" if live.failure_reason else "; import it when that is over"
            return f"it is {live.endpoint_status}{reason}"
        owner = live.tags.get(FLEET_TAG)
        if owner is not None and owner != self.made.fleet:
            writes = f"; --fleet {owner} writes that one's file" if FLEET_NAME.fullmatch(owner) else ""
            return f"it belongs to the fleet {owner!r} already{writes}"
        if not LOGICAL_NAME.fullmatch(live.name):
            return "its name can't be an entry's"
        if len(_own_tags(live)) > MOST_TAGS - OWN_TAGS:
            return f"it has {len(_own_tags(live))} tags, and mmeplan needs {OWN_TAGS} of the {MOST_TAGS} for its own"
        return ""

    def _endpoint(self, one: _Wanted, config: Entry | str) -> None:
        name = self._logical(one.live)
        entry: Entry = {"name": one.live.name, "adopt": True, **self._tags(one.live), "config": config}
        last = one.live.last_deployment
        if last:
            node = self.nodes["endpoints"].keys["deployment_config"]
            entry["deployment_config"] = worded(last, node, self._unknown(f"endpoint/{name}"), "deployment_config")
        comments = self._counts(one)
        if not one.as_made:
            comments.append(f"Scaled in place since {one.config.name} was made, so its config has no `name:`")
        if not one.as_made and one.config.name not in self.pinned:
            self.made.notes.append(
                f"endpoint_config {one.config.name} is not adopted, because endpoint {one.live.name} was scaled in "
                "place since it was made; after that endpoint's next swap delete it yourself"
            )
        if hosts_components(one.content):
            comments.append("Hosts inference components, which fleet.yaml doesn't describe; they stay as they are")
        self.made.endpoints[name] = entry
        self._comment(("endpoints", name), comments)

    def _counts(self, one: _Wanted) -> list[str]:
        found = []
        for variant in sorted({name for _, name, _ in variants(one.content)}):
            target = self.targets.get((one.live.name, variant))
            if target is None:
                continue
            what = _SCALED.get(target.dimension)
            if what:
                found.append(f"{variant}: {target.least} to {target.most} {what}, by Application Auto Scaling")
            else:
                text = f"{variant} of endpoint/{one.live.name}: an autoscaler owns {target.dimension}"
                self.made.notes.append(f"{text}, and fleet.yaml can't leave that to it; a plan may put it back")
        return found

    # --- configs and models -------------------------------------------------------------------------------------------

    def _config(self, one: _Wanted, *, own_name: bool) -> Entry:
        """The config's entry. Raises UnwritableError."""
        asked = without_volumes_of_its_own(one.content)
        content = with_variants(asked, lambda _, name, variant: self._variant(variant, name in one.autoscaled))
        owner = (one.config.tags or {}).get(FLEET_TAG)
        entry: Entry = {}
        if own_name and self._adoptable("endpoint_config", one.config, owner):
            entry = {"name": one.config.name, "adopt": True, **self._tags(one.config)}
        unknown = self._unknown(f"endpoint_config/{one.config.name}")
        return {**entry, **worded(content, self.nodes["endpoint_configs"], unknown)}

    def _variant(self, variant: Canonical, autoscaled: bool) -> Entry:
        made = with_model_holders(variant, (), self._referred)
        return {**made, "capacity": "autoscaled"} if autoscaled else made

    def _referred(self, _path: Path, member: str, holder: Canonical) -> Entry:
        """`holder` with a logical reference where the model is the fleet's; otherwise the API's own member stays."""
        made = dict(holder)
        logical = self._model(str(made[member])) if member in made else None
        if logical is not None:
            del made[member]
            made[REFERENCES[member]] = logical
        return made

    def _model(self, name: str) -> str | None:
        """The logical name of a live model, its entry made when it is first met; None where it stays outside."""
        if name not in self.models:
            self.models[name] = self._import_model(name)
        return self.models[name]

    def _import_model(self, name: str) -> str | None:
        live = self.snapshot.get("model", name)
        if live is None or live.status != "present":
            why = live.error if live is not None and live.error else "it is gone"
            self.made.notes.append(f"model {name} is referred to and not described: {why}")
            return None
        if not LOGICAL_NAME.fullmatch(name) or not self._adoptable("model", live, (live.tags or {}).get(FLEET_TAG)):
            return None
        try:
            entry = worded(MODEL.content(live.describe), self.nodes["models"], self._unknown(f"model/{name}"))
            containers = [entry["primary_container"]] if "primary_container" in entry else entry.get("containers", [])
            _require_values(containers)
        except UnwritableError as error:
            self.made.notes.append(f"model {name} is referred to and not described: {error}")
            return None
        logical = self._logical(live)
        self.made.models[logical] = {"name": name, "adopt": True, **self._tags(live), **entry}
        secrets = tuple(sorted({key for one in containers for key in one.get("environment") or {}}))
        if secrets:
            self.made.secrets.append((f"model/{logical}", secrets))
        return logical

    def _logical(self, live: LiveObject) -> str:
        """The logical name: the physical one, or, of what is this fleet's already, the one of its address.

        No two objects get one name.
        """
        tags = live.tags or {}
        kind, _, name = tags.get(ADDRESS_TAG, "").partition("/")
        told = tags.get(FLEET_TAG) == self.made.fleet and kind == live.kind and LOGICAL_NAME.fullmatch(name)
        logical = name if told and self.names.setdefault((live.kind, name), live.name) == live.name else live.name
        while self.names.setdefault((live.kind, logical), live.name) != live.name:
            logical = f"{logical}-2"
        return logical

    def _adoptable(self, kind: str, live: LiveObject, owner: str | None) -> bool:
        """Whether a model or config may be this fleet's; it is noted otherwise, and stays whose it is."""
        why = ""
        if live.tags is None:
            why = "its tags can't be read"
        elif owner is not None and owner != self.made.fleet:
            why = f"it belongs to the fleet {owner!r}"
        elif len(_own_tags(live)) > MOST_TAGS - OWN_TAGS:
            why = f"it has {len(_own_tags(live))} tags, and mmeplan needs {OWN_TAGS} of the {MOST_TAGS}"
        if why:
            self.made.notes.append(f"{kind} {live.name} is used as it is and not adopted: {why}")
        return not why

    # --- the rest -----------------------------------------------------------------------------------------------------

    def _tags(self, live: LiveObject) -> Entry:
        tags = _own_tags(live)
        strange = [key for key in tags if key.lower().startswith(OWN_PREFIX) or "{{" in key]
        if strange:
            self.made.notes.append(f"{live.kind} {live.name}: adoption removes the tags {', '.join(strange)}")
        kept = {key: value for key, value in sorted(tags.items()) if key not in strange}
        return {"tags": worded(kept, Node("map", item=Node("string")), lambda _: None)} if kept else {}

    def _unknown(self, at: str) -> Any:
        def refuse(place: str) -> None:
            self.made.notes.append(f"{at}: fleet.yaml has no key for {place} (a newer boto3 may)")

        return refuse

    def _comment(self, place: Place, lines: list[str]) -> None:
        if lines:
            self.made.comments[place] = lines


def _as_made_first(group: list[_Wanted]) -> tuple[str, bool, int, str]:
    """Of the endpoints on one config, those that want what it says come first: they get its name."""
    first = group[0]
    return first.config.name, not first.as_made, -len(group), first.live.name


def _own_tags(live: LiveObject) -> dict[str, str]:
    """The tags that are people's: without AWS's, and without mmeplan's own."""
    tags = live.tags or {}
    return {
        key: value
        for key, value in tags.items()
        if not key.lower().startswith("aws:") and not key.startswith(OWN_PREFIX)
    }


# --- API data in the words of the file --------------------------------------------------------------------------------


Refuse = Callable[[str], None]
"""Told the dotted place of a member that the language doesn't have."""


class UnwritableError(ValueError):
    """A text that no fleet file can hold; the message is a sentence."""


def _require_values(containers: Iterable[Mapping[str, Any]]) -> None:
    """Raises UnwritableError where an environment value is a mask: no fleet file holds one."""
    for container in containers:
        for key, value in (container.get("environment") or {}).items():
            if stands_for_another(value):
                raise UnwritableError(f"the value of its environment's {key} is masked here: {value}")


def worded(value: Any, node: Node, refuse: Refuse, place: str = "") -> Any:
    """A value in the file's words. Members that the language doesn't know go to `refuse`, and are left out."""
    if value is None:
        return None
    if node.kind in ("object", "either") and isinstance(value, dict):
        return _object(value, node, refuse, place)
    if node.kind in ("named", "map") and isinstance(value, dict):
        assert node.item is not None
        return {key: worded(item, node.item, refuse, f"{place}.{key}") for key, item in value.items()}
    if node.kind == "list" and isinstance(value, list):
        assert node.item is not None
        return [worded(item, node.item, refuse, f"{place}[{index}]") for index, item in enumerate(value)]
    return literal(value)


def _object(value: dict[str, Any], node: Node, refuse: Refuse, place: str) -> dict[str, Any]:
    keys = {inner.api: key for key, inner in node.keys.items() if inner.api}
    for member in value:
        if member not in keys and not member[:1].islower():
            refuse(f"{place}.{member}".lstrip("."))
    made = {key: value[key] for key in REFERENCES.values() if key in value}  # logical references stand first
    for member, key in keys.items():
        if member in value:
            inner = worded(value[member], node.keys[key], refuse, f"{place}.{key}".lstrip("."))
            if inner is not None:
                made[key] = inner
    for key, own in node.keys.items():  # the language's own: `capacity`, an image by name, `autoscaling`
        if not own.api and value.get(key) is not None:
            made.setdefault(key, worded(value[key], own, refuse, f"{place}.{key}".lstrip(".")))
    return made


def literal(value: Any) -> Any:
    """A value that the loader gives back as it is: a text with `{{` in it becomes an expression that says that text.

    Raises UnwritableError where it would be longer than an expression may be.
    """
    if isinstance(value, float):
        return short_number(value)
    if not isinstance(value, str) or MARK not in value:
        return value
    escaped = value.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n").replace("\r", "\\r")
    made = "{{ '" + escaped + "' }}"
    if len(made) > MAX_EXPRESSION:
        raise UnwritableError(f"a text of {len(value):,} characters with {MARK} in it can't be written in a fleet file")
    return made


# --- the text: PyYAML's emitter writes every value, comments go between the entries -----------------------------------


WIDTH: Final = 1_000_000  # columns: nothing is folded, an image or a URL stays on its line
COMMENT_WIDTH: Final = 100
_BREAKS: Final = frozenset("\r\x85\u2028\u2029\ufeff")  # what YAML 1.1 and 1.2 don't agree on inside a block


class _Dumper(yaml.SafeDumper):
    """Texts that YAML 1.2 would read as something else are quoted; those of several lines stand as blocks."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _style(value: str) -> str | None:
    if _BREAKS & set(value) or not all(character.isprintable() or character in "\n\t" for character in value):
        return '"'
    if "\n" in value:
        lines = value.split("\n")
        plain = all(line.strip() == line.rstrip() or line.strip() for line in lines)
        return "|" if plain and lines[0].strip() and not any(line != line.rstrip() for line in lines) else '"'
    return "'" if "\t" not in value and not isinstance(plain_scalar(value), str) else '"' if "\t" in value else None


_Dumper.add_representer(
    str, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style=_style(text))
)


def yaml_text(draft: Draft) -> str:
    """The whole file."""
    head: Entry = {"version": 1, "fleet": draft.fleet, "account": draft.account, "region": draft.region}
    parts = [_header(draft), dumped({key: value for key, value in head.items() if value})]
    sections = (("models", draft.models), ("endpoint_configs", draft.configs), ("endpoints", draft.endpoints))
    for section, entries in sections:
        if entries:
            parts.append(f"\n{section}:\n" + "\n".join(_entry(draft, section, name, entries[name]) for name in entries))
    return "".join(parts)


def _header(draft: Draft) -> str:
    return _comment(
        f"Written by `mmeplan import` from what was live on {draft.observed_at[:10]}.",
        "`name:` pins what is live, `adopt: true` takes it under management: the first apply adds mmeplan's tags and "
        "changes nothing else. Once it is applied, `adopt:` may go.",
        "A model or config can't be changed under its name. To change one, remove its `name:` and `adopt:` lines with "
        "the edit: the new content gets a new name, and its endpoints are swapped to it.",
    )


def _comment(*sentences: str, indent: str = "") -> str:
    """Lines of comment. What can't be printed could end a line and begin a key: it becomes a question mark."""
    sentences = tuple("".join(c if c.isprintable() else "?" for c in sentence) for sentence in sentences)
    width = COMMENT_WIDTH - len(indent) - 2
    lines = [line for sentence in sentences for line in textwrap.wrap(sentence, width, break_long_words=False)]
    return "".join(f"{indent}# {line}\n" for line in lines)


def _entry(draft: Draft, section: str, name: str, entry: Entry) -> str:
    comment = _comment(*draft.comments.get((section, name), ()), indent="  ")
    lines = dumped({name: entry}).split("\n")
    return comment + "\n".join(f"  {line}" if line else line for line in lines)


def dumped(value: Any) -> str:
    """A value as YAML that `spec.load` reads back as it is, keys in their order."""
    text: str = yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=WIDTH)
    return text
