"""Local sources of archives: a .tar.gz as it is, or a folder that is packed, each with its digest.

A folder is packed reproducibly: members sorted by path, times, owners and modes fixed, so that the same files give the
same digest on every machine. The digest of a folder is taken over the uncompressed tar: what gzip makes of it differs
between versions of zlib. Nothing but files and folders is packed; a link or a device is refused, so that nothing from
outside gets in; and names that begin with a dot are, so that no `.git` and no `.env` gets out.
Source: Developer Guide, deploy-model-troubleshoot ("Symlinks cause the model creation to fail").
"""

from __future__ import annotations

import gzip
import hashlib
import os
import shlex
import stat
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

_PIECE: Final = 1024 * 1024  # bytes that are read at a time
MOST_MEMBERS: Final = 100_000  # files and folders of one archive
PASSED_OVER: Final = frozenset({".ipynb_checkpoints", ".DS_Store"})  # what notebooks and the Finder leave behind
_NAMED: Final = 3  # hidden names that are told; the others are counted


class PackingError(Exception):
    """A source that can't be an archive; the message is a sentence."""


@dataclass(frozen=True, slots=True)
class Packed:
    """A local source: SHA-256 in hex, and its bytes; those of a folder are known once it is packed."""

    digest: str
    size: int | None = None


def look_at(path: Path) -> Packed:
    """Digest and size of a local source. Raises PackingError, OSError."""
    if path.is_dir():
        sink = _Sink()
        _write(path, sink)
        return Packed(sink.sha.hexdigest())
    if not path.exists():
        raise PackingError("it isn't there")
    if not path.is_file():
        raise PackingError("it is neither a file nor a folder")
    sha, size = hashlib.sha256(), 0
    with path.open("rb") as stream:
        while piece := stream.read(_PIECE):
            sha.update(piece)
            size += len(piece)
    return Packed(sha.hexdigest(), size)


def pack(path: Path, stream: IO[bytes]) -> str:
    """Write a folder as .tar.gz; its digest. Raises PackingError, OSError."""
    with gzip.GzipFile(filename="", mode="wb", fileobj=stream, mtime=0) as packed:
        sink = _Sink(packed)
        _write(path, sink)
    return sink.sha.hexdigest()


class _Sink:
    """What a tar is written to: it is hashed, and passed on where there is something to pass it on to."""

    def __init__(self, behind: Any = None) -> None:
        self.sha = hashlib.sha256()
        self._behind = behind

    def write(self, piece: bytes) -> int:
        """Takes a piece of the tar."""
        self.sha.update(piece)
        if self._behind is not None:
            self._behind.write(piece)
        return len(piece)


def _write(folder: Path, sink: _Sink) -> None:
    with tarfile.open(fileobj=sink, mode="w|", format=tarfile.PAX_FORMAT) as archive:  # type: ignore[call-overload]
        for path, name in members(folder):
            is_folder = path.is_dir()
            info = tarfile.TarInfo(name)
            info.type = tarfile.DIRTYPE if is_folder else tarfile.REGTYPE
            info.mode = 0o755 if is_folder or os.access(path, os.X_OK) else 0o644
            info.mtime = info.uid = info.gid = 0
            if is_folder:
                archive.addfile(info)
                continue
            info.size = path.stat().st_size
            with path.open("rb") as stream:
                archive.addfile(info, stream)


def members(folder: Path) -> Iterator[tuple[Path, str]]:
    """Files and folders beneath a folder with their names in the archive, sorted by name. Raises PackingError.

    PASSED_OVER are left out; other names that begin with a dot are refused.
    """
    found: list[tuple[str, Path]] = []
    hidden: list[str] = []
    waiting = [folder]
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            listed = sorted(entries, key=lambda entry: entry.name)
        for entry in listed:
            if entry.name in PASSED_OVER:
                continue
            path, name = Path(entry.path), Path(entry.path).relative_to(folder).as_posix()
            if entry.name.startswith("."):
                hidden.append(name)
                continue
            mode = entry.stat(follow_symlinks=False).st_mode
            if stat.S_ISLNK(mode):
                raise PackingError(f"{name!r} is a link, and an archive may hold none")
            if stat.S_ISDIR(mode):
                waiting.append(path)
            elif not stat.S_ISREG(mode):
                raise PackingError(f"{name!r} is neither a file nor a folder")
            try:
                name.encode()
            except UnicodeEncodeError:
                raise PackingError(f"{name!r} is not UTF-8") from None
            found.append((name, path))
            if len(found) > MOST_MEMBERS:
                raise PackingError(f"it holds more than {MOST_MEMBERS:,} files")
    if hidden:
        raise PackingError(_hidden(sorted(hidden), folder.name))
    if not found:
        raise PackingError("it is empty")
    for name, path in sorted(found):
        yield path, name


def _hidden(names: list[str], folder: str) -> str:
    """Why names that begin with a dot aren't packed, and what to do."""
    told = ", ".join(map(repr, names[:_NAMED])) + (f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else "")
    excluded = " ".join(f"--exclude={shlex.quote('./' + name)}" for name in names[:_NAMED])
    packed = f"tar -czf {shlex.quote(folder + '.tar.gz')} {excluded} -C {shlex.quote(folder)} ."
    why = "names that begin with a dot aren't packed, as they may hold secrets"
    return f"it holds {told}, and {why}: move them out, or pack the folder yourself: {packed}"
