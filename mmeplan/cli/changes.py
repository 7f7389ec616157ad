"""What git says has changed since a commit, of the files that fleets read.

In: a commit, as git names it. Out: real paths. Nothing is asked of a remote, and no program that the repository names
is run.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Final

GIT_TIMEOUT_S: Final = 60
_FLEETS: Final = (":(glob)**/fleet.yaml", ":(glob)**/fleet.yml")


class GitFailedError(Exception):
    """git isn't there, this is no repository, or the commit isn't in it: its own words."""


class Checkout:
    """The working tree round a folder. Raises GitFailedError where there is none."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.root = Path(self._git("rev-parse", "--show-toplevel").strip())

    def changed_since(self, commit: str) -> set[Path]:
        """What differs from a commit, what isn't committed yet included. Raises GitFailedError."""
        oid = self.commit(commit)
        named = self._git("diff", "--name-only", "--no-renames", "--no-ext-diff", "--no-textconv", "-z", oid, "--")
        new = self._git("ls-files", "--others", "--exclude-standard", "--full-name", "-z", ":/")
        return {self._real(name) for name in f"{named}{new}".split("\0") if name}

    def commit(self, name: str) -> str:
        """The id of a commit. Raises GitFailedError where it isn't in the repository."""
        return self._git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}").strip()

    def fork(self, commit: str) -> str:
        """The commit at which HEAD left the history of another. Raises GitFailedError where none is known."""
        return self._git("merge-base", commit, "HEAD").strip()

    def show(self, commit: str, path: Path, most: int) -> bytes:
        """A file as it was in a commit. Raises OSError where there is none, or it has more bytes than `most`."""
        name = os.path.relpath(os.path.realpath(path.parent), os.path.realpath(self.root))
        within = Path(name, path.name).as_posix()
        try:
            if int(self._git("cat-file", "-s", f"{commit}:{within}")) > most:
                raise OSError(f"larger than {most:,} bytes")
            return self._git("cat-file", "blob", f"{commit}:{within}").encode("utf-8", "surrogateescape")
        except GitFailedError as error:
            raise FileNotFoundError(str(error)) from None

    def fleets(self) -> list[Path]:
        """Every fleet.yaml and fleet.yml, at or below the folder, that git knows or that isn't ignored."""
        found = self._git("ls-files", "--cached", "--others", "--exclude-standard", "-z", "--", *_FLEETS)
        return [Path(name) for name in sorted(set(found.split("\0")) - {""}) if (self._folder / name).is_file()]

    def _real(self, name: str) -> Path:
        return Path(os.path.realpath(self.root / name))

    def _git(self, *words: str) -> str:
        try:
            return subprocess.run(  # noqa: S603 - a fixed program; what users name stands after --end-of-options
                ["git", "-c", "core.fsmonitor=false", *words],  # noqa: S607 - as commit.py
                cwd=self._folder,
                env={**os.environ, "GIT_OPTIONAL_LOCKS": "0", "GIT_NO_LAZY_FETCH": "1", "LC_ALL": "C"},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="surrogateescape",
                timeout=GIT_TIMEOUT_S,
                check=True,
            ).stdout
        except subprocess.CalledProcessError as error:
            said = str(error.stderr).strip().splitlines()
            raise GitFailedError(said[-1] if said else f"git {words[0]} ended with {error.returncode}") from None
        except (OSError, subprocess.SubprocessError, ValueError) as error:
            raise GitFailedError(f"git can't be run: {error}") from None


def touched(files: Iterable[str], changed: set[Path]) -> bool:
    """Whether one of the files, or what it links to, is among the changed ones."""
    return any(
        Path(os.path.realpath(file)) in changed or Path(os.path.realpath(Path(file).parent), Path(file).name) in changed
        for file in files
    )
