"""How an optional part of mmeplan is added to the installation that runs: by the tool that made it.

Sources: pipx, `pipx inject`; uv, "Using tools" (`uv tool install --with`); the Python Packaging User Guide, "Recording
installed projects" (INSTALLER) and "Recording the direct URL origin" (direct_url.json).
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
    if (Path(sys.prefix) / "pipx_metadata.json").is_file():
        return f"pipx inject mmeplan {package}"
    if (Path(sys.prefix) / "uv-receipt.toml").is_file():
        return f"uv tool install --with {package} mmeplan"
    python = shlex.quote(sys.executable)
    try:
        found = distribution("mmeplan")
    except PackageNotFoundError:
        return f"{python} -m pip install {package}"
    checkout = _checkout(found)
    wanted = f"-e {shlex.quote(f'{checkout}[{extra}]')}" if checkout else f"'mmeplan[{extra}]'"
    if (found.read_text("INSTALLER") or "").strip() == "uv":
        return f"uv pip install --python {python} {wanted}"
    return f"{python} -m pip install {wanted}"


def _checkout(found: Distribution) -> str:
    """The folder that an editable installation reads; empty where it is none."""
    try:
        origin = json.loads(found.read_text("direct_url.json") or "{}")
        if origin["dir_info"]["editable"] is True:
            return url2pathname(urlsplit(origin["url"]).path)
    except (ValueError, KeyError, TypeError):
        pass
    return ""
