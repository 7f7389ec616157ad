"""A snapshot without the containers' environment values: it may be stored where many can read it.

In: a `Snapshot`. Out: the same with each value as `(masked, 3f9c2a1b)`, a short keyed digest. Whoever has the fleet
file can tell that a value is the one in the file, and `unmasked` puts it back; any other stays masked, and so differs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from mmeplan.kinds import LiveObject
from mmeplan.live.snapshot import Snapshot
from mmeplan.masks import is_masked, mask_of

_Change = Callable[[str, str], str]


def masked(snapshot: Snapshot) -> Snapshot:
    """The snapshot with masked environment values. Its own digest is the salt, so no list of masks fits another."""
    salt = snapshot.digest()

    def mask(_name: str, value: str) -> str:
        return mask_of(salt, value)

    return replace(_changed(snapshot, mask), environment_salt=salt)


def unmasked(snapshot: Snapshot, requests: Iterable[Mapping[str, Any]]) -> Snapshot:
    """The snapshot with every value that one of the requests has too; the others stay masked.

    An object that keeps a masked value says so (`LiveObject.masked`): what it means is not known in full.
    """
    salt = snapshot.environment_salt
    if not salt:
        return snapshot
    known = {
        (name, mask_of(salt, value)): value
        for request in requests
        for environment in _environments(request)
        for name, value in environment.items()
        if isinstance(value, str)
    }

    def unmask(name: str, value: str) -> str:
        return known.get((name, value), value)

    return _changed(snapshot, unmask)


def _changed(snapshot: Snapshot, change: _Change) -> Snapshot:
    objects = {
        kind: {name: _object(live, change) for name, live in named.items()} for kind, named in snapshot.objects.items()
    }
    return replace(snapshot, objects=objects)


def _object(live: LiveObject, change: _Change) -> LiveObject:
    describe = _value(live.describe, change)
    left = any(is_masked(value) for environment in _environments(describe) for value in environment.values())
    return replace(live, describe=describe, masked=left)


def _value(value: Any, change: _Change) -> Any:
    if isinstance(value, Mapping):
        return {
            key: {name: change(str(name), str(text)) for name, text in item.items()}
            if key == "Environment" and isinstance(item, Mapping)
            else _value(item, change)
            for key, item in value.items()
        }
    return [_value(item, change) for item in value] if isinstance(value, (list, tuple)) else value


def _environments(value: Any) -> Iterator[Mapping[str, Any]]:
    """Every container's environment in a request or an answer."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            if key == "Environment" and isinstance(item, Mapping):
                yield item
            else:
                yield from _environments(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _environments(item)
