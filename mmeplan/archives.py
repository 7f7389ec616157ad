"""Archives beneath a multi-model prefix, for people and programs: what is there, whether it can be served, and what
clients need to call it.

In: graph and snapshot; for `checked` a read-only port as well. Out: rows. Nothing is changed. Sources: Developer Guide,
invoke-multi-model-endpoint ("read_timeout 70", up to 360 s until a model is loaded); deploy-model-troubleshoot (links).
"""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from mmeplan import render
from mmeplan.aws.partitions import invoke_url
from mmeplan.aws.variants import variants
from mmeplan.errors import CloudError, InputError, MmeplanError, Problem
from mmeplan.graph import Graph
from mmeplan.kinds import ARTIFACTS, LiveArchives, Resource, as_a
from mmeplan.kinds.artifacts import Declared, Stored, known, undeclared
from mmeplan.live import Clock, Reader, Snapshot, Writer
from mmeplan.render import ArchiveCheck, ArchiveRow, ArchiveState, age_text

GIB: Final = 1024**3  # what VolumeSizeInGB counts, in bytes
PIECE_BYTES: Final = 4 * 1024 * 1024  # of an archive that are read in a call
MOST_UNPACKED: Final = 500 * 1000**3  # bytes that an archive may unpack to before nobody reads on
TRIES: Final = 5  # smoke requests while a model is loading: 70 s each, as the guide has it for 360 s


@dataclass(frozen=True)
class Archives:
    """What lies beneath the prefix of one model, declared or not. `place` is the `s3://` address of the prefix."""

    model: str
    place: str
    rows: tuple[ArchiveRow, ...]

    def text(self, *, color: bool = False) -> str:
        """A table."""
        return render.archives_text(self.place, self.rows, color=color)

    def json(self) -> str:
        """An object with `model`, `prefix` and `archives`, a list with the members of `ArchiveRow`."""
        made = {"model": self.model, "prefix": self.place, "archives": [asdict(row) for row in self.rows]}
        return json.dumps(made, indent=2) + "\n"


def archives_of(graph: Graph, snapshot: Snapshot, model: str, now: datetime) -> Archives:
    """The archives of a model (its name or address). Raises InputError; MmeplanError where nobody could look."""
    resource, live = _looked_at(graph, snapshot, model)
    declared = _declared(resource)
    rows = []
    found = {one.archive.name: one.key for one in known(declared, live)}
    for archive in declared.archives:
        key = found.get(archive.name) or archive.shown_key
        stored = live.stored.get(key)
        rows.append(_row(stored, key, "declared" if stored else "missing", archive.name, 0, now))
    for old in undeclared(declared, live):
        state: ArchiveState = "superseded" if old.back else "stray"
        rows.append(_row(old.stored, old.stored.key, state, old.name, old.back, now))
    ordered = sorted(rows, key=lambda row: (not row.name, row.name, row.generation, row.key))
    return Archives(resource.name, f"s3://{live.name}", tuple(ordered))


def _row(stored: Stored | None, key: str, state: ArchiveState, name: str, back: int, now: datetime) -> ArchiveRow:
    if stored is None:
        return ArchiveRow(key, state, name, back)
    return ArchiveRow(key, state, name, back, stored.size, stored.modified, age_text(now, stored.modified))


def _looked_at(graph: Graph, snapshot: Snapshot, model: str) -> tuple[Resource, LiveArchives]:
    resource = resource_of(graph, model)
    live = as_a(snapshot.get(resource.kind, resource.physical_name), LiveArchives)
    if live is None or not live.is_present:
        raise MmeplanError(f"s3://{resource.physical_name} can't be listed: {live.error if live else 'nobody looked'}")
    return resource, live


def resource_of(graph: Graph, model: str) -> Resource:
    """The archives of a model, by its name or address. Raises InputError."""
    name = model.rpartition("/")[2]
    found = {resource.name: resource for resource in graph.of_kind(ARTIFACTS.name)}
    if name not in found:
        known_names = ", ".join(sorted(found)) or "none"
        hint = f"models with artifacts: {known_names}"
        raise InputError([Problem(f"no model {name!r} with `artifacts` in this fleet", hint=hint)])
    return found[name]


def _declared(resource: Resource) -> Declared:
    assert resource.entry.artifacts is not None
    return resource.entry.artifacts


# --- a look into them -------------------------------------------------------------------------------------------------


def checked(graph: Graph, snapshot: Snapshot, model: str, reader: Reader) -> Iterator[ArchiveCheck]:
    """Each declared archive, read from its beginning to its end. Raises InputError, MmeplanError, CloudError."""
    resource, live = _looked_at(graph, snapshot, model)
    room = _room(graph, resource, reader)
    declared = _declared(resource)
    found = {one.archive.name: one for one in known(declared, live)}
    for archive in declared.archives:
        one = found.get(archive.name)
        if one is None:
            yield ArchiveCheck(archive.name, (f"has no source: {archive.source} is not there",))
            continue
        stored = live.stored.get(one.key)
        if stored is None:
            yield ArchiveCheck(one.key, ("is not there",))
            continue
        where = {"Bucket": resource.request["Bucket"], "Key": resource.request["Key"] + one.key}
        yield ArchiveCheck(one.key, tuple(_wrong(_Ranged(reader, where, stored), room)))


@dataclass(frozen=True)
class _Room:
    """The least memory and volume, in bytes, of the instances that serve a model, and their types. 0: not known."""

    memory: int
    volume: int
    instance_type: str


def _room(graph: Graph, resource: Resource, reader: Reader) -> _Room:
    """Memory as EC2 has it for the type of the same name."""
    types: dict[str, int] = {}
    volume = 0
    parent = f"{ARTIFACTS.parent}/{resource.name}"
    for at in graph.dependents(parent):
        for _, _, variant in variants(graph.resources[at].request):
            if variant.get("InstanceType"):
                types[str(variant["InstanceType"])] = 0
            asked = int(variant.get("VolumeSizeInGB") or 0) * GIB
            volume = min(volume, asked) if volume and asked else volume or asked
    if types:
        try:
            names = sorted(name.removeprefix("ml.") for name in types)
            answer = reader.read("DescribeInstanceTypes", {"InstanceTypes": names})
        except CloudError:
            return _Room(0, volume, "")
        for item in answer.get("InstanceTypes") or ():
            types[f"ml.{item['InstanceType']}"] = int(item["MemoryInfo"]["SizeInMiB"]) * 1024**2
    smallest = min((name for name in types if types[name]), key=lambda name: types[name], default="")
    return _Room(types.get(smallest, 0), volume, smallest)


def _wrong(stream: _Ranged, room: _Room) -> Iterator[str]:
    """What is wrong with one archive."""
    size = 0
    try:
        packed = gzip.GzipFile(fileobj=io.BufferedReader(stream, PIECE_BYTES))  # tarfile alone looks at no checksum
        with packed, tarfile.open(fileobj=packed, mode="r|") as archive:
            is_empty = True
            for member in archive:
                is_empty = False
                if member.issym() or member.islnk():
                    yield f"holds the link {member.name!r}: SageMaker refuses it"
                    return
                size += member.size
                if size > MOST_UNPACKED:
                    break
            if is_empty:
                yield "holds no file"
            rest = size
            while rest <= MOST_UNPACKED and (piece := packed.read(PIECE_BYTES)):  # to the checksum at the end
                rest += len(piece)
    except (tarfile.TarError, zlib.error, EOFError, OSError, ValueError) as error:
        yield f"can't be read as gzip and tar: {str(error) or type(error).__name__}"
        return
    if room.memory and size > room.memory:
        yield f"unpacks to {size:,} bytes, and {room.instance_type} has {room.memory:,} of memory"
    if room.volume and size + stream.stored.size > room.volume:
        yield f"takes {size + stream.stored.size:,} bytes packed and unpacked, and the volume has {room.volume:,}"


class _Ranged(io.RawIOBase):
    """An object in S3 that is read piece by piece, as long as it is the one that was listed."""

    def __init__(self, reader: Reader, where: Mapping[str, str], stored: Stored) -> None:
        self._reader = reader
        self._where = where
        self.stored = stored
        self._at = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        most = min(len(buffer), PIECE_BYTES, self.stored.size - self._at)
        if most <= 0:
            return 0
        asked = {**self._where, "Range": f"bytes={self._at}-{self._at + most - 1}", "IfMatch": self.stored.etag}
        body = self._reader.read("GetObject", asked)["Body"]
        buffer[: len(body)] = body
        self._at += len(body)
        return len(body)


def smoke(writer: Writer, clock: Clock, endpoint: str, target: str, body: bytes, content_type: str) -> tuple[str, str]:
    """(status, what is wrong) of a request to one archive; while its model is loading it is sent again."""
    asked = {"EndpointName": endpoint, "TargetModel": target, "Body": body, "ContentType": content_type}
    for attempt in range(1, TRIES + 1):
        try:
            writer.write("InvokeEndpoint", asked)
        except CloudError as error:
            if error.code != "ModelNotReadyException" or attempt == TRIES:
                return "", f"{error.code}: {error.message}"
            clock.sleep(10)
        else:
            return "200", ""
    return "", "nothing answered"


def endpoints_of(graph: Graph, model: str) -> tuple[str, ...]:
    """The physical names of the endpoints that serve a model, by address."""
    parent = f"{ARTIFACTS.parent}/{resource_of(graph, model).name}"
    users = (graph.resources[at] for at in sorted(graph.closure_of_dependents(parent)))
    return tuple(user.physical_name for user in users if user.config is not None)


# --- what clients need ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Outputs:
    """What `outputs_of` gives, as text."""

    values: Mapping[str, Any]

    def json(self) -> str:
        """The document."""
        return json.dumps(self.values, indent=2) + "\n"

    def github(self) -> str:
        """Lines for $GITHUB_OUTPUT."""
        return github_outputs(self.values)


def outputs_of(graph: Graph, snapshot: Snapshot) -> dict[str, Any]:
    """What clients and the next step of a pipeline need: endpoints with names, ARNs and URLs; targets by model.

    A target is named where its archive is there; one that isn't yet is left out.
    """
    endpoints: dict[str, Any] = {}
    archives: dict[str, Any] = {}
    for resource in graph.resources.values():
        live = snapshot.get(resource.kind, resource.physical_name)
        if resource.config_name and live is not None and live.is_present:
            url = invoke_url(snapshot.region, resource.physical_name)
            endpoints[resource.name] = {"name": resource.physical_name, "arn": live.arn, "url": url}
        beneath = as_a(live, LiveArchives)
        if beneath is not None and beneath.is_present:
            declared = _declared(resource)
            targets = {one.archive.name: one.key for one in known(declared, beneath) if one.key in beneath.stored}
            pointer = {"pointer": "s3://" + "/".join(declared.publish)} if declared.publish[0] else {}
            archives[resource.name] = {
                "prefix": f"s3://{beneath.name}",
                **pointer,
                "targets": dict(sorted(targets.items())),
            }
    return {
        "fleet": graph.fleet.name,
        "environment": graph.fleet.environment or "",
        "account": snapshot.account,
        "region": snapshot.region,
        "endpoints": dict(sorted(endpoints.items())),
        "archives": dict(sorted(archives.items())),
    }


def github_outputs(outputs: Mapping[str, Any]) -> str:
    """The same as lines for $GITHUB_OUTPUT: the whole as `outputs`, and a name and a URL for each endpoint.

    Source: GitHub Docs, "Workflow commands for GitHub Actions", setting an output parameter. JSON on one line holds no
    line break, so that no value can begin another output.
    """
    lines = [f"outputs={json.dumps(outputs, separators=(',', ':'))}"]
    for name, endpoint in outputs["endpoints"].items():
        lines += [f"endpoint-{name}={endpoint['name']}", f"url-{name}={endpoint['url']}"]
    return "\n".join(lines) + "\n"
