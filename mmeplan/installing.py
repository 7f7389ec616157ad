"""How a package is added to, or made newer in, the installation that runs: by the tool that made it.

Sources: pipx, `pipx inject` and `pipx upgrade`; uv, "Using tools" (`uv tool install --with`, `uv tool upgrade`); the
Python Packaging User Guide, "Recording installed projects" (INSTALLER) and "Recording the direct URL origin"
(direct_url.json).
"""

from __future__ import annotations

import json
import shlex
import sys
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname


def how_to_add(extra: str, package: str) -> str:
    """The command that adds `extra` of mmeplan, which is `package`, to where this Python looks for packages."""
    if _by_pipx():
        return f"pipx inject mmeplan {package}"
    if _by_uv_tool():
        return f"uv tool install --with {package} mmeplan"
    python = shlex.quote(sys.executable)
    try:
        found = distribution("mmeplan")
    except PackageNotFoundError:
        return f"{python} -m pip install {package}"
    checkout = _checkout(found)
    wanted = f"-e {shlex.quote(f'{checkout}[{extra}]')}" if checkout else f"'mmeplan[{extra}]'"
    if _by_uv(found):
        return f"uv pip install --python {python} {wanted}"
    return f"{python} -m pip install {wanted}"


def how_to_update(requirement: str) -> str:
    """The command that brings a package that mmeplan needs, such as `boto3>=1.43.11`, to the version it needs."""
    if _by_pipx():
        return "pipx upgrade mmeplan"
    if _by_uv_tool():
        return "uv tool upgrade mmeplan"
    python, wanted = shlex.quote(sys.executable), shlex.quote(requirement)
    try:
        by_uv = _by_uv(distribution("mmeplan"))
    except PackageNotFoundError:
        by_uv = False
    return f"uv pip install --python {python} {wanted}" if by_uv else f"{python} -m pip install {wanted}"


def _by_pipx() -> bool:
    return (Path(sys.prefix) / "pipx_metadata.json").is_file()


def _by_uv_tool() -> bool:
    return (Path(sys.prefix) / "uv-receipt.toml").is_file()


def _by_uv(found: Distribution) -> bool:
    return (found.read_text("INSTALLER") or "").strip() == "uv"


def _checkout(found: Distribution) -> str:
    """The folder that an editable installation reads; empty where it is none."""
    try:
        origin = json.loads(found.read_text("direct_url.json") or "{}")
        if origin["dir_info"]["editable"] is True:
            return url2pathname(urlsplit(origin["url"]).path)
    except (ValueError, KeyError, TypeError):
        pass
    return ""
