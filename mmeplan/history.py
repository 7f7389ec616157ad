"""History: which configs have served an endpoint, what SageMaker rolled back, what `mmeplan rollback` left.

There is no state file, and DescribeEndpoint says the present only. So three tags of the endpoint hold the past:

    mmeplan:served        the configs that have served it, newest first, by the first eight hex digits of their digests;
                          after a slash those of which nobody knows whether they have
    mmeplan:rolled-back   the config whose update SageMaker rolled back last
    mmeplan:went-back     the config that `mmeplan rollback` took the endpoint away from

Everything that reads or writes these tags is here. A config that is in force has served by that alone, written or not;
so no crash makes a claim that isn't true. A config whose update was rolled back is never among those that have served.
Where no record was kept (an endpoint that is gone, or that others made) older configs of its address are kept by age
and are doubtful: a refused create leaves such a config, too. They are offered as that, and never gone back to unasked.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from mmeplan.aws.lifecycle import BUSY, CREATING, FAILED, IN_SERVICE, ROLLING_BACK, SYSTEM_UPDATING, UPDATING
from mmeplan.identity import (
    DIGEST_CHARS,
    DIGEST_TAG,
    FLEET_TAG,
    ROLLED_BACK_TAG,
    SERVED_TAG,
    STAND_IN_TAG,
    WENT_BACK_TAG,
    address,
    digest_in,
)
from mmeplan.kinds import ENDPOINT, ENDPOINT_CONFIG, Resource, as_a
from mmeplan.live import LiveEndpoint, LiveEndpointConfig, LiveObject, Ownership

HISTORY_TAGS: Final = frozenset({SERVED_TAG, ROLLED_BACK_TAG, WENT_BACK_TAG})
"""Tags that the file doesn't decide: never added or removed because the file lacks them."""

MOST_SERVED: Final = 28  # digests that fit into a tag's value: 256 characters (botocore TagValue)

_DOUBTFUL: Final = "/"
_WRITTEN: Final = re.compile(r"[0-9a-f/ ]*")
"""In the record: what follows may have served, or not."""

_NEVER_SERVED: Final = frozenset({CREATING, FAILED})
"""An endpoint in these statuses has not served by the config that it names."""


def short_digest(live: LiveObject | None) -> str:
    """The first eight hex digits of an object's digest tag; empty where it has none."""
    return (live.tag(DIGEST_TAG) or "")[:DIGEST_CHARS] if live is not None else ""


@dataclass(frozen=True, slots=True)
class Record:
    """Short digests of configs, newest first: those that have served, and those of which nobody knows."""

    served: tuple[str, ...] = ()
    doubtful: tuple[str, ...] = ()

    @property
    def all(self) -> tuple[str, ...]:
        """Everything that may have served, what is known first."""
        return (*self.served, *self.doubtful)

    def without(self, digest: str) -> Record:
        """The record without a config that hasn't served."""
        kept = (tuple(known for known in part if known != digest) for part in (self.served, self.doubtful))
        return Record(*kept)


def record_of(live: LiveObject) -> Record | None:
    """What is written down of the endpoint's past; None where nothing is."""
    written = live.tag(SERVED_TAG)
    if written is None:
        return None
    known, _, doubtful = written.partition(_DOUBTFUL)
    return Record(tuple(known.split()), tuple(doubtful.split()))


def served(live: LiveObject) -> tuple[str, ...] | None:
    """The short digests of the configs that have or may have served; None where nothing was written down."""
    record = record_of(live)
    return record.all if record is not None else None


def is_doubtful(live: LiveEndpoint | None, config: LiveObject) -> bool:
    """Whether nobody knows that this generation of the endpoint has served it."""
    if live is None or not live.is_present:
        return True
    if config.name in live.configs and live.endpoint_status != FAILED:
        return False
    record = record_of(live)
    return record is None or short_digest(config) not in record.served


def on_record(tags: Mapping[str, str], digest: str) -> bool:
    """Whether an endpoint's tags say that a config of that short digest has served it."""
    return digest in tags.get(SERVED_TAG, "").partition(_DOUBTFUL)[0].split()


def coming(owned: Ownership, live: LiveEndpoint | None) -> LiveEndpointConfig | None:
    """The config of ours that an endpoint of ours is coming up by, or moving to; None where there is none.

    It hasn't served yet, and will have before anything else can be done to the endpoint.
    """
    if live is None or not owned.owns(live) or live.endpoint_status not in (CREATING, UPDATING) or not live.configs:
        return None
    if live.endpoint_status == UPDATING and live.configs[-1] == live.config:
        return None  # only counts or weights change
    config = owned.snapshot.endpoint_config(live.configs[-1])
    known = config is not None and config.is_present and owned.owns(config) and not is_placeholder(config)
    return config if known else None


def doubts(owned: Ownership, live: LiveEndpoint | None, kept: Iterable[str]) -> tuple[str, ...]:
    """Of the kept configs of an endpoint those of which nobody knows whether they have served it."""
    configs = (owned.snapshot.endpoint_config(name) for name in kept)
    return tuple(config.name for config in configs if config is not None and is_doubtful(live, config))


def is_placeholder(config: LiveObject | None) -> bool:
    """Whether a config has taken a deleted one's name for the length of a swap."""
    return config is not None and config.tag(STAND_IN_TAG) is not None


# --- reading --------------------------------------------------------------------------------------------------------


def generations(owned: Ownership, endpoint: Resource, renamed: frozenset[str] = frozenset()) -> tuple[LiveObject, ...]:
    """The owned configs that have served the endpoint, newest first; the one in force comes first, if it is ours.

    `renamed` are the live names of endpoints that a rename deletes. Where the endpoint's tags say nothing (it was made
    otherwise, or is gone) age has to do instead of history.
    """
    live = _live_endpoint(owned, endpoint, renamed)
    in_force = live.config if live is not None and live.endpoint_status not in _NEVER_SERVED else ""
    found = {
        config.name: config
        for at in config_addresses(owned, endpoint)
        for config in owned.owned_at(ENDPOINT_CONFIG.name, at)
    }
    current = owned.snapshot.endpoint_config(in_force) if in_force else None
    if current is not None and current.is_present and owned.owns(current):
        found[current.name] = current
    found = {name: config for name, config in found.items() if not is_placeholder(config)}
    written = served(live) if live is not None else None
    if written is None and live is not None and _is_new_to_fleet(owned, live, current):
        written = ()
    if written is None:
        back = live.tag(ROLLED_BACK_TAG) if live is not None else ""
        known = [config for config in found.values() if config.name != back or config.name == in_force]
        by_age = sorted(
            known, key=lambda config: (config.name == in_force, config.created_at, config.name), reverse=True
        )
        return _once_each(by_age)
    place = {digest: number for number, digest in enumerate(written)}
    named = live.config if live is not None else ""
    never_came_up = owned.snapshot.endpoint_config(named) if named and not in_force else None

    never = short_digest(never_came_up)
    known = [config for config in found.values() if config.name == in_force or _has_served(config, place, named, never)]
    # Of two names of one digest (a pin came or went) the newest: sorting keeps the order of what is equal.
    newest = sorted(known, key=lambda config: (config.created_at, config.name), reverse=True)
    return _once_each(sorted(newest, key=lambda c: (c.name != in_force, place.get(short_digest(c), len(place)))))


def _once_each(configs: Iterable[LiveObject]) -> tuple[LiveObject, ...]:
    """Of configs of one content, in the given order, the first: a way back to the same leads nowhere."""
    found: dict[str, LiveObject] = {}
    for config in configs:
        found.setdefault(short_digest(config) or config.name, config)
    return tuple(found.values())


def _has_served(config: LiveObject, place: Mapping[str, int], named: str, never: str) -> bool:
    """Whether it is on record. The config of an endpoint that never came up is on record too, and hasn't served.

    `named` is the name of the config that the endpoint names, `never` the digest of one by which it never came up.
    """
    digest = short_digest(config)
    return digest in place and config.name != named and digest != never


def _live_endpoint(owned: Ownership, endpoint: Resource, renamed: frozenset[str]) -> LiveEndpoint | None:
    """The endpoint as it is live, under the name that it has or is about to lose."""
    live = owned.snapshot.endpoint(endpoint.physical_name)
    if live is not None and live.is_present:
        return live
    others = (other for other in owned.owned_at(ENDPOINT.name, endpoint.address) if other.name in renamed)
    return as_a(next(others, None), LiveEndpoint)


def _is_new_to_fleet(owned: Ownership, live: LiveEndpoint, in_force: LiveEndpointConfig | None) -> bool:
    """Whether the endpoint is somebody else's (it is about to be adopted, perhaps), and no config of ours serves it."""
    serves = in_force is not None and in_force.is_present and owned.owns(in_force)
    return not owned.owns(live) and (is_placeholder(in_force) or not serves)


def config_addresses(owned: Ownership, endpoint: Resource, *, now: bool = True) -> set[str]:
    """The addresses whose older configs are generations of this endpoint.

    `now`: also that which the live endpoint is still tagged with, where an apply of a renamed entry stopped half-way.
    """
    config = owned.config_of(endpoint)
    found = {address(ENDPOINT_CONFIG.name, endpoint.name), config.address if config else ""}
    live = owned.snapshot.endpoint(endpoint.physical_name) if now else None
    if live is not None and live.is_present and owned.owns(live):
        former = owned.address_of(live)
        inline = address(ENDPOINT_CONFIG.name, former.partition("/")[2])
        if former not in owned.graph.resources and inline not in owned.graph.resources:
            found.add(inline)
    return found


def rolled_back(owned: Ownership, live: LiveEndpoint, wanted: str) -> str:
    """Why an update of this endpoint to that config would repeat one that SageMaker rolled back; empty if it wouldn't.

    Two signs: the mark that an apply leaves on the endpoint when it sees the rollback; and, where none saw it, an
    endpoint that is InService on another config with a FailureReason, modified after the wanted config was made, which
    has never served it.
    """
    if live.endpoint_status != IN_SERVICE or wanted == live.config or live.has_pending_deployment:
        return ""
    reason = live.failure_reason.rstrip(".")
    if live.tag(ROLLED_BACK_TAG) == wanted:
        return reason or "SageMaker gave no reason"
    config = owned.snapshot.endpoint_config(wanted)
    if not reason or config is None or not config.is_present or not owned.owns(config):
        return ""
    written = served(live)
    if written is None or short_digest(config) in written:
        return ""
    return reason if config.created_at <= live.modified_at else ""


def rolled_back_configs(owned: Ownership) -> frozenset[str]:
    """The configs with which the fleet's endpoints are marked: SageMaker rolled back an update to them."""
    return frozenset(endpoint.tag(ROLLED_BACK_TAG) or "" for endpoint in owned.owned(ENDPOINT.name))


def left_by_rollback(live: LiveObject | None) -> str:
    """The config that `mmeplan rollback` took the endpoint away from; empty for none."""
    return (live.tag(WENT_BACK_TAG) or "") if live is not None else ""


def swap_notes(live: LiveEndpoint, wanted: str) -> tuple[str, ...]:
    """What a reader of a swap to that config should know of what came before it."""
    if live.pending_config == wanted:
        return ("this very update is under way already: the apply joins it and waits",)
    if left_by_rollback(live) != wanted or wanted == live.config:
        return ()
    return (
        f"`mmeplan rollback` took it from {wanted} back to {live.config}, and the file still asks for {wanted}: "
        "applying this goes forward again",
    )


def busy_notes(live: LiveEndpoint) -> tuple[str, ...]:
    """What an endpoint is busy with while something is planned for it."""
    status = live.endpoint_status
    if status not in BUSY:
        return ()
    leads = ""
    if live.pending_config not in ("", live.config):
        leads = f", on its way from {live.config} to {live.pending_config}"
    elif status == CREATING:
        leads = f", coming up by {live.config}"
    elif status in (UPDATING, ROLLING_BACK):
        leads = f", and stays on {live.config}: its counts or weights change"
    elif status == SYSTEM_UPDATING:
        leads = ": SageMaker is patching it, and it serves meanwhile"
    return (f"it is {status} now{leads}; the apply waits until that is over",)


def runs_its_own_config(endpoint: LiveEndpoint, config: LiveObject, wanted: str = "") -> bool:
    """Whether the config under the name that an endpoint runs is the one that it began with.

    It isn't where it is a placeholder for one that was deleted, or where somebody made it under the name of one that
    had served: then it has no fleet's tag, and the endpoint knows the digest in its name or was touched last before it
    was made. Of the `wanted` config the content is known anyway.
    """
    if not config.is_present or is_placeholder(config):
        return False
    foreign = config.tags is not None and FLEET_TAG not in config.tags
    served_before = digest_in(config.name) in (served(endpoint) or ())
    created_since = config.created_at > (endpoint.modified_at or config.created_at)
    return config.name == wanted or not (foreign and (served_before or created_since))


def is_record(key: str, value: str) -> bool:
    """Whether a tag is a record of what has served an endpoint, as it is written."""
    return key == SERVED_TAG and bool(_WRITTEN.fullmatch(value))


# --- writing --------------------------------------------------------------------------------------------------------


def outdated_marks(live: LiveObject, runs: str, *, swaps: bool) -> set[str]:
    """The marks that say nothing any more once the endpoint runs that config (empty: unknown)."""
    marks = {key for key in (ROLLED_BACK_TAG, WENT_BACK_TAG) if runs and live.tag(key) == runs}
    return marks | ({WENT_BACK_TAG} if swaps and live.tag(WENT_BACK_TAG) is not None else set())


def rollback_mark(left: str) -> dict[str, str]:
    """The tag of an endpoint that `mmeplan rollback` takes away from the config of that name."""
    return {WENT_BACK_TAG: left}


@dataclass(frozen=True)
class ServedRecords:
    """What a plan writes down on endpoints. `kept` has the superseded configs that stay, newest first, by address."""

    owned: Ownership
    kept: Mapping[str, tuple[str, ...]]

    def after(self, endpoint: Resource, live: LiveEndpoint | None, *, swaps: bool = True) -> str:
        """The record once the plan is done: the config that is swapped to, the one that is left, those before."""
        done = [self._digest_of(str(endpoint.request.get("EndpointConfigName", "")))] if swaps else []
        named = self._digest_of(live.config) if live is not None else ""
        known = record_of(live) if live is not None else None
        if known is None:
            kept = self.kept.get(endpoint.address, ())
            known = Record(doubtful=tuple(self._digest_of(name) for name in kept))
        if live is not None and live.endpoint_status in ({FAILED} if swaps else _NEVER_SERVED):
            known = known.without(named)  # by that one it never came up
        else:
            done.append(named)
        return _record_text(Record((*done, *known.served), known.doubtful))

    def once_over(self, live: LiveEndpoint, wanted: str) -> tuple[str, str]:
        """(config, record) for when the update under way has come into force; empty where none leads to one of ours,
        or it leads to the `wanted` one.

        It may be rolled back instead. What is planned beside it must not count on either.
        """
        config = coming(self.owned, live)
        if config is None or live.endpoint_status != UPDATING or config.name == wanted:
            return "", ""
        known = record_of(live) or Record()
        named = (short_digest(config), self._digest_of(live.config))
        return config.name, _record_text(Record((*named, *known.served), known.doubtful))

    def at_adoption(self, endpoint: Resource, live: LiveEndpoint | None) -> dict[str, str]:
        """The tag for an endpoint that is adopted and has none. Mostly it is empty: no config of ours has served it."""
        if live is None or served(live) is not None:
            return {}
        return {SERVED_TAG: self.after(endpoint, live, swaps=False)}

    def overdue(self, live: LiveEndpoint) -> str:
        """The record with the config in force as its newest; empty where it is that.

        It isn't where an apply stopped right after the swap to it, or others moved the endpoint to it; that would be
        lost with the next swap.
        """
        known, digest = record_of(live), self._digest_of(live.config)
        if known is None or not digest or known.served[:1] == (digest,):
            return ""
        return _record_text(Record((digest, *known.served), known.doubtful))

    def _digest_of(self, config_name: str) -> str:
        """The short digest of a config of the fleet, declared or live; empty for any other."""
        declared = self.owned.graph.declared(ENDPOINT_CONFIG.name, config_name)
        if declared is not None:
            return declared.digest[:DIGEST_CHARS]
        live = self.owned.snapshot.endpoint_config(config_name)
        return short_digest(live) if live is not None and self.owned.owns(live) else ""


def _record_text(record: Record) -> str:
    """The tag's value, newest first; repeated and empty digests are left out, and the oldest where there are many."""
    several = list(dict.fromkeys(digest for digest in record.all if digest))[:MOST_SERVED]
    known = [digest for digest in several if digest in record.served]
    doubtful = [digest for digest in several if digest not in record.served]
    return " ".join((*known, _DOUBTFUL, *doubtful) if doubtful else known)
