"""Files that mmeplan writes: complete or not at all, several at once, and never through a half-written one.

In: texts, or functions that write to a stream. Out: files.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TextIO

from mmeplan.errors import InputError, Problem

PRIVATE: Final = 0o600
PUBLIC: Final = 0o666  # less the user's umask

Content = Callable[[TextIO], object]


@dataclass(frozen=True, slots=True)
class Writing:
    """A file to be: its path, what fills it, and its mode. Without `replace` a file that is there is left alone."""

    path: Path
    content: Content
    mode: int = PUBLIC
    replace: bool = True


def text_of(text: str) -> Content:
    """A text, as what fills a file."""
    return lambda stream: stream.write(text)


def is_folder(path: str | Path) -> bool:
    """Whether a folder is there; no path that the system can't take is one."""
    with suppress(OSError):
        return Path(path).is_dir()
    return False


def is_there(path: str | Path) -> bool:
    """Whether anything is there, a folder or not."""
    with suppress(OSError):
        return Path(path).exists()
    return False


def write_all(writings: Sequence[Writing]) -> None:
    """Write every file beside its place first, then put all in place. Raises InputError; then none was put in place.

    A link is followed, and a pipe or a device (`/dev/stdout`) is written to as it is, not replaced.
    """
    written: list[tuple[Path, Path, Writing]] = []
    current = Path()
    try:
        for writing in writings:
            current = writing.path
            target = Path(os.path.realpath(writing.path))
            if _is_special(writing.path):
                with writing.path.open("w", encoding="utf-8", errors="replace") as stream:
                    writing.content(stream)
                continue
            scratch = target.with_name(f".{target.name}.{os.getpid()}.tmp")
            written.append((scratch, target, writing))
            scratch.unlink(missing_ok=True)
            handle = os.open(scratch, os.O_CREAT | os.O_WRONLY | os.O_EXCL, writing.mode)
            with os.fdopen(handle, "w", encoding="utf-8", errors="replace") as stream:
                writing.content(stream)
        for _, target, writing in written:
            current = writing.path
            if target.is_dir():
                raise IsADirectoryError(None, "Is a directory")
        for scratch, target, writing in written:
            current = writing.path
            if writing.replace:
                scratch.replace(target)
            else:
                _put_new(scratch, target)
    except FileExistsError:
        raise InputError([present(str(current))]) from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = getattr(error, "strerror", None) or error
        raise InputError([Problem(f"can't be written: {reason}", str(current))]) from None
    finally:
        for scratch, _, _ in written:
            with suppress(OSError):
                scratch.unlink(missing_ok=True)


def own_folder(path: Path) -> Path:
    """The folder `.mmeplan`, made where there is none, with a .gitignore that keeps it out of repositories.

    Raises InputError.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError), (path / ".gitignore").open("x", encoding="utf-8") as stream:
            stream.write("*\n")
    except OSError as error:
        if not path.is_dir():
            raise InputError([Problem(f"can't be made: {error.strerror or error}", str(path))]) from None
    return path


def _put_new(scratch: Path, target: Path) -> None:
    """Put a file in its place, and refuse to replace what came there meanwhile. Raises FileExistsError, OSError."""
    try:
        os.link(scratch, target)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        os.close(os.open(target, os.O_CREAT | os.O_EXCL))
        scratch.replace(target)


def present(path: str) -> Problem:
    """A file that would be replaced, and was not to be."""
    return Problem("is there already; nothing was written", path, hint="--force replaces it")


def _is_special(path: Path) -> bool:
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))
