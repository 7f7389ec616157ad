"""The workflows for GitHub Enterprise Server, made of those for github.com: docs/github-enterprise-server.md says why.

python .ci/enterprise.py            whether they are up to date
python .ci/enterprise.py --write    make them anew
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1] / "examples" / "workflows"
UPLOAD = "actions/upload-artifact@c24449f33cd45d4826c6702db7e49f7cdb9b551d # v3.2.1-node20"
DOWNLOAD = "actions/download-artifact@ad191675b41f6a5b46da9a048cb6893812da158b # v3.1.0-node20"
HEAD = """\
# For GitHub Enterprise Server: docs/github-enterprise-server.md. Made of ../github/{name} by .ci/enterprise.py.
"""
_CHANGES = (
    (r"actions/upload-artifact@\S+ # \S+", UPLOAD),
    (r"actions/download-artifact@\S+ # \S+", DOWNLOAD),
    (r" +overwrite: true.*\n", ""),  # v3 has no such input, and overwrites
    (r"\bruns-on: ubuntu-latest\b", "runs-on: self-hosted"),  # a server has no runners of GitHub's
)


def made(name: str, text: str) -> str:
    """A workflow for a server. Raises ValueError where it would use what a server doesn't have."""
    for pattern, replacement in _CHANGES:
        text = re.sub(pattern, replacement, text)
    for wanting in ("run-id:", "ubuntu-"):
        if wanting in text:
            raise ValueError(f"{name}: {wanting} isn't there on a server")
    return HEAD.format(name=name) + text


def main(words: list[str]) -> int:
    """Write the files, or say which are stale."""
    code = 0
    for source in sorted((ROOT / "github").glob("*.yml")):
        target = ROOT / "github-enterprise-server" / source.name
        text = made(source.name, source.read_text(encoding="utf-8"))
        if "--write" in words:
            target.write_text(text, encoding="utf-8")
        elif not target.exists() or target.read_text(encoding="utf-8") != text:
            sys.stderr.write(f"{target} is stale: python .ci/enterprise.py --write\n")
            code = 1
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
