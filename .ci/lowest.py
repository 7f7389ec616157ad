"""The lowest versions that pyproject.toml allows, as constraints for pip: `python .ci/lowest.py > lowest.txt`.

Of mmeplan's own dependencies and of its extras `policies` and `signing`; asks no index.
"""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

from packaging.requirements import Requirement


def lowest() -> list[str]:
    """`boto3==1.43.11`, and so on."""
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    wanted = map(Requirement, [*project["dependencies"], *extras["policies"], *extras["signing"]])
    return [f"{one.name}=={bound.version}" for one in wanted for bound in one.specifier if bound.operator == ">="]


if __name__ == "__main__":
    sys.stdout.write("\n".join([*lowest(), ""]))
