"""Who else uses what the fleet no longer needs: a look at all endpoints of the account and region, at plan time.

In: a read-only port, a snapshot, and the models and configs that would be deleted. Out: the snapshot with `users`.
Called where a plan deletes something; `apply` scans again, right before each delete, and that scan decides.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from mmeplan.errors import CloudError
from mmeplan.live.objects import models_of
from mmeplan.live.observing import PAGE, pages
from mmeplan.live.ports import Answer, Reader
from mmeplan.live.snapshot import Snapshot
from mmeplan.resources.identity import STAND_IN_TAG


def observe_users(reader: Reader, snapshot: Snapshot, wanted: Iterable[tuple[str, str]]) -> Snapshot:
    """The snapshot with those of the (kind, name) objects that an endpoint outside of it runs or is moving to.

    A config that is gone, or whose place another one has taken, may refer to any model. Names are compared without
    regard to letter case. What can't be read leaves `users` as it was: then the plan shows the deletion, and the
    apply, which must be able to read all of it, decides.
    """
    wanted = list(wanted)
    by_name = {(kind, name.lower()): f"{kind}/{name}" for kind, name in wanted}
    if not by_name:
        return snapshot
    known = {name.lower() for name in snapshot.objects.get("endpoint", {})}
    try:
        listed = pages(reader, "ListEndpoints", {"MaxResults": PAGE})
        others = sorted(str(s["EndpointName"]) for page in listed for s in page.get("Endpoints", ()))
    except CloudError:
        return snapshot
    running: dict[str, str] = {}  # config → an endpoint that runs it or is moving to it
    for name, answer in _described(
        reader, "DescribeEndpoint", "EndpointName", [n for n in others if n.lower() not in known]
    ):
        pending = (answer.get("PendingDeploymentSummary") or {}).get("EndpointConfigName")
        for config in (answer.get("EndpointConfigName"), pending):
            if config:
                running.setdefault(str(config), name)
    users: dict[str, str] = {}
    configs = dict(_described(reader, "DescribeEndpointConfig", "EndpointConfigName", sorted(running)))
    for config, user in sorted(running.items()):
        owned = snapshot.get("endpoint_config", config)
        vague = config not in configs or (owned is not None and STAND_IN_TAG in (owned.tags or {}))
        models = [name for kind, name in wanted if kind == "model"] if vague else models_of(configs[config])
        for kind, name in (("endpoint_config", config), *(("model", model) for model in models)):
            at = by_name.get((kind, name.lower()))
            if at:
                users.setdefault(at, user)
    return replace(snapshot, users=users)


def _described(reader: Reader, operation: str, member: str, names: list[str]) -> Iterable[tuple[str, Answer]]:
    """(name, answer) of what could be read."""
    answers = reader.gather([(operation, {member: name}) for name in names])
    return [(name, answer) for name, answer in zip(names, answers, strict=True) if not isinstance(answer, Exception)]
