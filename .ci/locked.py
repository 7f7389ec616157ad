"""Whether requirements/*.txt, what the GitHub Action installs, still fits pyproject.toml. Asks no index.

    python .ci/locked.py

To make them anew:

    uv pip compile --universal --generate-hashes --no-annotate --no-header --python-version 3.11 \
      pyproject.toml requirements/action.in -o requirements/action.txt
    echo 'cel-expr-python>=0.1.3' | uv pip compile --universal --generate-hashes --no-annotate --no-header \
      --python-version 3.11 - -o requirements/action-policies.txt
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections import defaultdict
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
_PINNED = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)(.*)$")


def problems(root: Path = ROOT) -> list[str]:
    """What doesn't fit, a sentence each."""
    project = tomllib.loads((root / "pyproject.toml").read_text())
    built_with = (root / "requirements" / "action.in").read_text().splitlines()
    wanted = [*project["project"]["dependencies"], *project["build-system"]["requires"]]
    wanted += [line for line in built_with if line and not line.startswith("#")]
    found = _unfit(root / "requirements" / "action.txt", wanted)
    policies = project["project"]["optional-dependencies"]["policies"]
    return found + _unfit(root / "requirements" / "action-policies.txt", policies)


def _unfit(lock: Path, wanted: list[str]) -> list[str]:
    pinned: dict[str, list[str]] = defaultdict(list)
    found = []
    for entry in re.split(r"\n(?=\S)", lock.read_text().strip()):
        line = _PINNED.match(entry.partition("\n")[0])
        if line is None:
            found.append(f"{lock.name}: {entry[:60]!r} pins nothing")
            continue
        pinned[canonicalize_name(line[1])].append(line[2])
        if "--hash=sha256:" not in entry:
            found.append(f"{lock.name}: {line[1]} has no hash")
    for text in wanted:
        requirement = Requirement(text)
        versions = pinned.get(canonicalize_name(requirement.name), [])
        unfit = [version for version in versions if version not in requirement.specifier]
        if unfit or not versions:
            found.append(f"{lock.name}: {text} is wanted, {', '.join(unfit) or 'nothing'} is pinned")
    return found


if __name__ == "__main__":
    told = problems()
    sys.stdout.write("\n".join([*told, "see .ci/locked.py for how to make them anew"] if told else ["they fit"]) + "\n")
    sys.exit(bool(told))
