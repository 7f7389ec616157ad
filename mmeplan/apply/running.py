"""Who runs this: user, machine, process, and the run of CI. A lock names it."""

from __future__ import annotations

import getpass
import os
import re
import socket
from collections.abc import Mapping
from typing import Final

_PID: Final = re.compile(r" \(pid \d+\)")


def who() -> str:
    """`alice@build-7 (pid 4242)`, and in CI the run's address after it."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container whose user has no name
        user = str(os.getuid())
    run = run_address(os.environ)
    return f"{user}@{socket.gethostname()} (pid {os.getpid()}){f', {run}' if run else ''}"


def run_address(environment: Mapping[str, str]) -> str:
    """Where the run of CI that this is can be seen; empty outside of one.

    Sources: GitHub Docs, "Variables reference"; GitLab Docs, "Predefined CI/CD variables reference"; Bitbucket Support,
    "Variables and secrets".
    """
    told = environment.get
    if told("GITHUB_RUN_ID") and told("GITHUB_REPOSITORY"):
        server = told("GITHUB_SERVER_URL") or "https://github.com"
        attempt = told("GITHUB_RUN_ATTEMPT") or "1"
        return f"{server}/{told('GITHUB_REPOSITORY')}/actions/runs/{told('GITHUB_RUN_ID')}/attempts/{attempt}"
    if told("CI_JOB_URL"):
        return told("CI_JOB_URL") or ""
    if told("BITBUCKET_BUILD_NUMBER") and told("BITBUCKET_REPO_FULL_NAME"):
        number = told("BITBUCKET_BUILD_NUMBER")
        return f"https://bitbucket.org/{told('BITBUCKET_REPO_FULL_NAME')}/pipelines/results/{number}"
    return ""


def is_this_run(named: str) -> bool:
    """Whether this very run of CI wrote that, on this machine, in whichever process."""
    run = run_address(os.environ)
    return bool(run) and named.endswith(f", {run}") and _PID.sub("", named) == _PID.sub("", who())
