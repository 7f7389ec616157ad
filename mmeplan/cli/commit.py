"""The git commit that a plan's files are of: for the footer of a review, never part of a plan's id.

In: the paths of the files. Out: the commit's id, or None. In CI it is what the CI says; elsewhere git is asked, and it
only counts where the files are as they were committed.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

VARIABLES: Final = ("GITHUB_SHA", "CI_COMMIT_SHA", "BITBUCKET_COMMIT")
"""Where GitHub Actions, GitLab CI and Bitbucket Pipelines tell the commit."""

_ID: Final = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
_GIT_TIMEOUT_S: Final = 5


def commit_of(files: Sequence[str], environment: Mapping[str, str] = os.environ) -> str | None:
    """The commit's full id; None outside git, without git, and where one of the files isn't as it was committed.

    Of a pull request on GitHub it is the head: what GitHub calls the commit there is a trial merge that nobody knows.
    """
    head = members(members(event_of(environment).get("pull_request")).get("head")).get("sha")
    told = head or next((environment[name] for name in VARIABLES if environment.get(name)), None)
    if told is not None:
        return told if _ID.fullmatch(str(told)) else None
    if not files:
        return None
    folder = Path(files[0]).absolute().parent
    command = ["git", "-c", "core.fsmonitor=false", "status", "--porcelain=v2", "--branch", "--untracked-files=all"]
    command += ["--ignored=matching", "--", *(str(Path(file).absolute()) for file in files)]
    try:
        asked = subprocess.run(  # noqa: S603 - a fixed command; the paths stand after `--`
            command,
            cwd=folder,
            env={**environment, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_GIT_TIMEOUT_S,
            check=True,
        )
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    oid, changed = None, False
    for line in asked.stdout.splitlines():
        if line.startswith("# branch.oid "):
            oid = line.removeprefix("# branch.oid ")
        changed = changed or not line.startswith("#")
    return oid if oid and not changed and _ID.fullmatch(oid) else None


def event_of(environment: Mapping[str, str]) -> Mapping[str, Any]:
    """The event that a workflow of GitHub runs for; empty elsewhere."""
    path = environment.get("GITHUB_EVENT_PATH", "")
    try:
        event = json.loads(Path(path).read_bytes()) if path else {}
    except (OSError, ValueError, RecursionError):
        event = {}
    return members(event)


def members(value: Any) -> Mapping[str, Any]:
    """The members of an object of JSON; of anything else none."""
    return value if isinstance(value, dict) else {}
