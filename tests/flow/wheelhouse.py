"""Wheels of what is installed here, so that a test can install into a bare environment without network.

pip resolves and installs them as it would from an index; nothing of this environment is lent.
"""

from __future__ import annotations

import zipfile
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def wheelhouse(folder: Path, *wanted: str) -> Path:
    """A folder with a wheel of each requirement and of what it needs."""
    folder.mkdir(exist_ok=True)
    asked = [Requirement(text) for text in wanted]
    seen: set[tuple[str, str]] = set()
    while asked:
        requirement = asked.pop()
        found = distribution(requirement.name)
        for extra in {"", *requirement.extras}:
            key = (canonicalize_name(requirement.name), extra)
            if key in seen:
                continue
            seen.add(key)
            if not extra:
                _packed(found, folder)
            needs = [Requirement(text) for text in found.requires or ()]
            asked += [need for need in needs if _holds(need, extra)]
    return folder


def _holds(requirement: Requirement, extra: str) -> bool:
    """Whether it is needed here with this extra. What every extra needs belongs to the empty one."""
    here = {name: str(value) for name, value in default_environment().items()}
    without = requirement.marker is None or requirement.marker.evaluate({**here, "extra": ""})
    if not extra:
        return without
    return not without and requirement.marker is not None and requirement.marker.evaluate({**here, "extra": extra})


def _packed(found: Distribution, folder: Path) -> None:
    """Write the wheel of what is installed, without its scripts: pip makes them again from its entry points."""
    if canonicalize_name(found.name) == "mmeplan":
        return  # it is installed from its checkout
    name = canonicalize_name(found.name).replace("-", "_")
    tags = [line.partition(": ")[2] for line in (found.read_text("WHEEL") or "").splitlines() if line.startswith("Tag")]
    parts = [tag.split("-") for tag in tags]
    tag = "-".join(".".join(dict.fromkeys(part[place] for part in parts)) for place in range(3))
    with zipfile.ZipFile(folder / f"{name}-{found.version}-{tag}.whl", "w", zipfile.ZIP_STORED) as wheel:
        for file in found.files or ():
            if file.parts[0] == ".." or "__pycache__" in file.parts or file.name in ("INSTALLER", "REQUESTED"):
                continue
            wheel.write(str(found.locate_file(file)), str(file))
