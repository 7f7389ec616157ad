"""What must be true, worked out from the fleet file by ourselves: nothing of the engine is used here.

In: a fleet file as plain data, and the account. Out: sentences about what isn't as the file says; none is right.
It reads only the words that `drawing_fleets` writes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from mmeplan.simulator.store import Stored
from tests.simulation.seeds.account import Account, models_of, runs
from tests.simulation.seeds.drawing_shapes import models_in

OF_OTHERS = ("awsApplication", "cost:")
DIGEST_TAG = "mmeplan:digest"
ENVIRONMENT_TAG, NEIGHBOUR_ENVIRONMENT = "mmeplan:environment", "staging"
FLEET_TAG, ADDRESS_TAG, STAND_IN_TAG = "mmeplan:fleet", "mmeplan:address", "mmeplan:stand-in"
SERVED_TAG, DIGEST_TAG = "mmeplan:served", "mmeplan:digest"

Fleet = Mapping[str, Any]


def physical(name: str, entry: Fleet) -> str:
    """The name by which clients call an endpoint."""
    return str(entry.get("name") or entry.get("renamed_from") or name)


def endpoints(fleet: Fleet) -> dict[str, str]:
    """Logical name → physical name."""
    return {name: physical(name, entry) for name, entry in fleet["endpoints"].items()}


def is_owned(item: Stored) -> bool:
    """Whether it carries the tags of the deployment that these lives are about."""
    tags = item.tags or {}
    return tags.get(FLEET_TAG) == "f" and tags.get(ENVIRONMENT_TAG) != NEIGHBOUR_ENVIRONMENT


def environment(fleet: Fleet) -> str | None:
    """The environment in which a fleet file is applied: its variable `in` says."""
    value = fleet.get("variables", {}).get("in")
    return str(value) if value else None


# --- the endpoints ----------------------------------------------------------------------------------------------------


def differences(account: Account, fleet: Fleet, but: frozenset[str] = frozenset()) -> list[str]:
    """What the endpoints do not serve as the file says, apart from those of these physical names."""
    found = []
    for logical, name in endpoints(fleet).items():
        if name not in but:
            found += [f"endpoint {name}: {what}" for what in _endpoint(account, fleet, logical, name)]
    for stored in account.all("endpoint"):
        declared = stored.name in endpoints(fleet).values()
        if is_owned(stored) and not declared and stored.name not in but and stored.status != "Deleting":
            found.append(f"endpoint {stored.name}: is ours, isn't in the file, and is live")
    return found


def _endpoint(account: Account, fleet: Fleet, logical: str, name: str) -> Iterator[str]:
    stored = account.find("endpoint", name)
    if stored is None:
        yield "is not there"
        return
    if stored.status not in ("InService", "SystemUpdating") or stored.body["pending"]:
        yield f"is {stored.status}"
        return
    entry = fleet["endpoints"][logical]
    config = _config(fleet, entry)
    yield from _config_differences(stored, config)
    wanted = config["production_variants"]
    now = {variant["VariantName"]: variant for variant in stored.body["variants"]}
    if set(now) != set(wanted):
        yield f"has the variants {sorted(now)}, not {sorted(wanted)}"
        return
    live = {variant["VariantName"]: variant for variant in stored.body["config"]["ProductionVariants"]}
    for variant, item in wanted.items():
        for what in _variant(account, fleet, item, live[variant], now[variant]):
            yield f"variant {variant}: {what}"
    yield from _tags(stored, {**fleet.get("defaults", {}).get("tags", {}), **entry.get("tags", {})}, logical)


def _config(fleet: Fleet, entry: Fleet) -> Fleet:
    """An endpoint's config: its own, or the shared one that it names."""
    config = entry["config"]
    return dict(fleet["endpoint_configs"][config] if isinstance(config, str) else config)


def _config_differences(stored: Stored, config: Fleet) -> Iterator[str]:
    live = stored.body["config"].get("AsyncInferenceConfig", {}).get("OutputConfig", {}).get("S3OutputPath")
    wanted = config.get("async_inference_config", {}).get("output_config", {}).get("s3_output_path")
    if live != wanted:
        yield f"answers go to {live}, not {wanted}"


def _variant(account: Account, fleet: Fleet, item: Fleet, live: Fleet, now: Fleet) -> Iterator[str]:
    weight = _float32(item.get("initial_variant_weight", 1))
    if now["DesiredWeight"] != weight:
        yield f"its weight is {now['DesiredWeight']}, not {weight}"
    serverless = item.get("serverless_config")
    if serverless:
        wanted = {
            "MemorySizeInMB": serverless["memory_size_in_mb"],
            "MaxConcurrency": serverless["max_concurrency"],
        }
        if now.get("DesiredServerlessConfig") != wanted:
            yield f"it is {now.get('DesiredServerlessConfig')}, not {wanted}"
    else:
        types, should = _live_types(live), _wanted_types(item)
        if types != should:
            yield f"it runs on {types}, not {should}"
        count = now.get("DesiredInstanceCount")
        if item.get("capacity") != "autoscaled" and count != item["initial_instance_count"]:
            yield f"it has {count} instances, not {item['initial_instance_count']}"
    for wanted, name in _served_models(item, live):
        yield from _model(account, fleet["models"][wanted], name)


def _live_types(live: Fleet) -> list[Any]:
    """The instance type, or the pools with their priorities."""
    pools = [(pool["InstanceType"], pool.get("Priority")) for pool in live.get("InstancePools", ())]
    return pools or [live.get("InstanceType")]


def _wanted_types(item: Fleet) -> list[Any]:
    pools = [(pool["instance_type"], pool["priority"]) for pool in item.get("instance_pools", ())]
    return pools or [item["instance_type"]]


def _served_models(item: Fleet, live: Fleet) -> list[tuple[str, str]]:
    """(Entry, live name) of each model that a variant serves; a pool may have one of its own."""
    served = [(item["model"], live["ModelName"])]
    pools = zip(item.get("instance_pools", ()), live.get("InstancePools", ()), strict=False)
    return served + [
        (wanted.get("model_override", item["model"]), pool.get("ModelNameOverride", live["ModelName"]))
        for wanted, pool in pools
    ]


def _model(account: Account, wanted: Fleet, name: str) -> Iterator[str]:
    stored = account.find("model", name)
    if stored is None:
        yield f"its model {name} is not there"
        return
    live = [stored.body["PrimaryContainer"]] if "PrimaryContainer" in stored.body else stored.body["Containers"]
    containers = wanted.get("containers") or [wanted["primary_container"]]
    serves = [(c["Image"], c["Environment"], c["Mode"], c.get("ModelDataUrl")) for c in live]
    should = [
        (c["image"], c.get("environment", {}), c.get("mode", "SingleModel"), c.get("model_data_url"))
        for c in containers
    ]
    if serves != should:
        yield f"its model serves {serves}, not {should}"


def old_salts(
    account: Account, fleet: Fleet, made_with: Mapping[int, str], but: frozenset[str] = frozenset()
) -> list[str]:
    """Endpoints that serve a model which we made for another `replace_salt` than the one that its entry has now."""
    found = []
    for logical, name in endpoints(fleet).items():
        stored = account.find("endpoint", name)
        if stored is None or name in but:
            continue
        wanted = _config(fleet, fleet["endpoints"][logical])["production_variants"]
        for live in stored.body["config"]["ProductionVariants"]:
            for entry, model in _served_models(wanted.get(live["VariantName"], {"model": ""}), live):
                salt = fleet["models"].get(entry, {}).get("replace_salt")
                there = account.find("model", model)
                was = made_with.get(there.seq, salt) if there is not None else salt
                if salt and was != salt:
                    found.append(f"endpoint {name}: serves {model}, made with the salt {was!r}, not {salt!r}")
    return found


def _tags(stored: Stored, wanted: Fleet, logical: str) -> Iterator[str]:
    tags = dict(stored.tags or {})
    own = {key: value for key, value in tags.items() if not key.startswith(("mmeplan:", *OF_OTHERS))}
    if own != wanted:
        yield f"its tags are {own}, not {wanted}"
    if tags.get(FLEET_TAG) != "f" or tags.get(ADDRESS_TAG) != f"endpoint/{logical}":
        yield f"its tags don't say that it is endpoint/{logical} of the fleet: {tags}"


def _float32(value: float) -> float:
    return float(struct.unpack("f", struct.pack("f", value))[0])


def about(fleet: Fleet, addresses: Iterable[str]) -> set[str]:
    """What an apply of these addresses may touch: they themselves, and what they depend on."""
    found = set(addresses)
    for name, entry in fleet["endpoints"].items():
        config = entry["config"]
        if f"endpoint/{name}" in found:
            found.add(f"endpoint_config/{config if isinstance(config, str) else name}")
    configs = {
        name: entry["config"] for name, entry in fleet["endpoints"].items() if not isinstance(entry["config"], str)
    }
    for name, config in {**configs, **fleet.get("endpoint_configs", {})}.items():
        if f"endpoint_config/{name}" in found:
            found |= {f"model/{name}" for name in models_in(config)}
    return found


def in_force(account: Account, name: str) -> str:
    """The config that an endpoint runs; empty where it isn't there."""
    stored = account.find("endpoint", name)
    return str(stored.body["config_name"]) if stored else ""


def not_back(account: Account, name: str, config: str) -> list[str]:
    """Why a rollback to that config isn't done; nothing where it is.

    Where nothing but counts, weights or the names of equal models differ, what runs is like it, and no swap is needed.
    """
    stored, wanted = account.find("endpoint", name), account.find("endpoint-config", config)
    if stored is None or stored.status not in ("InService", "SystemUpdating") or stored.body["pending"]:
        return [f"endpoint {name}: is {stored.status if stored else 'not there'}"]
    runs_now = stored.body["config_name"]
    alike = wanted is not None and _fixed(account, wanted.body) == _fixed(account, stored.body["config"])
    return [] if runs_now == config or alike else [f"endpoint {name}: runs {runs_now}, and was to go back to {config}"]


def _fixed(account: Account, config: Fleet) -> list[Fleet]:
    """The variants of a config, with what can only be changed by a swap; models of pools by their content."""
    movable = ("ModelName", "InitialInstanceCount", "InitialVariantWeight", "ServerlessConfig")

    def model(name: str) -> Any:
        stored = account.find("model", name)
        return stored.body if stored is not None else name

    def bare(member: str, value: Any) -> Any:
        if member != "InstancePools":
            return value
        return [{k: model(v) if k == "ModelNameOverride" else v for k, v in pool.items()} for pool in value]

    return [
        {key: bare(key, value) for key, value in item.items() if key not in movable}
        for item in config["ProductionVariants"]
    ]


# --- capacity ---------------------------------------------------------------------------------------------------------


def promised(account: Account, fleet: Fleet, logical: str, stored: Stored, back: str = "") -> int:
    """How many instances the file promises an endpoint; autoscaled variants keep the count that they have by then.

    Where somebody's update is under way, it may lead there or come to nothing: the lower count is promised. `back`: the
    config to which a rollback leads; it then says how many, in the file's place.
    """
    entry = fleet["endpoints"].get(logical)
    if entry is None:
        return 0
    wanted = _config(fleet, entry)["production_variants"]
    autoscaled = {name for name, item in wanted.items() if item.get("capacity") == "autoscaled"}
    counts = {name: item.get("initial_instance_count", 0) for name, item in wanted.items()}
    config = account.find("endpoint-config", back) if back else None
    if config is not None:
        variants = config.body["ProductionVariants"]
        counts = {item["VariantName"]: item.get("InitialInstanceCount", 0) for item in variants}
    totals = []
    for part in runs(stored):
        count = _at_least if part is stored.body else _asked  # a pending update has made none of its instances yet
        now = {item["VariantName"]: count(item) for item in part["variants"] or ()}
        kept = {name: now[name] for name in autoscaled & counts.keys() if now.get(name) is not None}
        totals.append(sum((counts | kept).values()))
    return min(totals)


def _asked(variant: Fleet) -> int | None:
    return variant.get("DesiredInstanceCount")


def _at_least(variant: Fleet) -> int | None:
    """The lower of what a variant has and what is asked for it: a re-scaling under way may come to nothing."""
    asked, there = _asked(variant), variant.get("CurrentInstanceCount")
    return asked if asked is None or there is None else min(asked, there)


# --- nothing is left over ---------------------------------------------------------------------------------------------


def used(account: Account, *, by_others: bool = False) -> set[tuple[str, str]]:
    """(kind, name) of what live endpoints refer to, in force or pending; `by_others`: endpoints that aren't ours."""
    found: set[tuple[str, str]] = set()
    for endpoint in account.all("endpoint"):
        if by_others and is_owned(endpoint):
            continue
        for part in runs(endpoint):
            found.add(("endpoint-config", part["config_name"]))
            found |= {("model", name) for name in models_of(part["config"])}
    return found


def borrowed(account: Account, but: frozenset[str]) -> list[str]:
    """What our endpoints, but those, run on that belongs to another deployment and has a name that says its content."""
    ours = {endpoint.name for endpoint in account.all("endpoint") if is_owned(endpoint)} - but
    found = []
    for endpoint in account.all("endpoint"):
        for part in runs(endpoint) if endpoint.name in ours else ():
            names = [("endpoint-config", part["config_name"]), *(("model", name) for name in models_of(part["config"]))]
            for kind, name in names:
                stored = account.find(kind, name)
                tags = (stored.tags or {}) if stored is not None else {}
                named = name.endswith(tags.get(DIGEST_TAG, "-")[:8])
                if stored is not None and FLEET_TAG in tags and named and not is_owned(stored):
                    found.append(f"{endpoint.name} runs on the {kind} {name} of another deployment")
    return found


def there(account: Account) -> set[tuple[str, str]]:
    """(kind, name) of every model and config that exists."""
    return {(kind, item.name) for kind in ("model", "endpoint-config") for item in account.all(kind)}


def autoscaled(account: Account, fleet: Fleet) -> list[tuple[str, int]]:
    """(Endpoint, place of a variant) of each count that is an autoscaler's, of the endpoints that are live."""
    found = []
    for logical, name in endpoints(fleet).items():
        stored = account.find("endpoint", name)
        wanted = _config(fleet, fleet["endpoints"][logical])["production_variants"]
        for place, item in enumerate((stored.body["variants"] if stored else None) or ()):
            if wanted.get(item["VariantName"], {}).get("capacity") == "autoscaled" and "DesiredInstanceCount" in item:
                found.append((name, place))
    return found


def models_unknown(account: Account, in_use: set[tuple[str, str]]) -> bool:
    """Whether an endpoint runs a config that is gone, or whose name a stand-in has: its models are unknown."""
    configs = [account.find(kind, name) for kind, name in in_use if kind == "endpoint-config"]
    return any(config is None or STAND_IN_TAG in (config.tags or {}) for config in configs)


def orphans(account: Account, fleet: Fleet) -> list[str]:
    """What is ours and needed by nothing: beyond what endpoints use, what is declared, and `retain` generations."""
    in_use = used(account)
    configs = [item for item in account.all("endpoint-config") if is_owned(item)]
    idle = [item for item in configs if ("endpoint-config", item.name) not in in_use]
    shared = {entry["config"] for entry in fleet["endpoints"].values() if isinstance(entry["config"], str)}
    spare = fleet.get("endpoint_configs", {}).keys() - shared  # declared, and no endpoint's: made as well
    most = fleet["retain"] * len(fleet["endpoints"]) + len(spare)
    found = []
    if len(idle) > most:
        names = sorted(item.name for item in idle)
        found.append(f"{len(idle)} endpoint configs that nothing runs, and at most {most} are kept: {names}")
    kept = {name for item in account.all("endpoint-config") for name in models_of(item.body)}  # a neighbour's, too
    if models_unknown(account, in_use):
        return found
    for model in account.all("model"):
        if is_owned(model) and ("model", model.name) not in in_use and model.name not in kept:
            found.append(f"the model {model.name}, which nothing refers to")
    return found
