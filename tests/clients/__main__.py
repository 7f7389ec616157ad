"""`python -m tests.clients NAME … [--keep]`: install clients of others, one after the other, and run their tests."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys

from tests.clients.environments import CLIENTS, HOME


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.clients", description=__doc__)
    parser.add_argument(
        "names", nargs="+", choices=[*CLIENTS, "all"], metavar="NAME", help=", ".join([*CLIENTS, "all"])
    )
    parser.add_argument("--keep", action="store_true", help="leave the environments where they are")
    parser.add_argument("--accept", action="store_true", help="store what they ask and are answered")
    given = parser.parse_args()
    environment, failed = {**os.environ, "MMEPLAN_CLIENTS": str(HOME)}, 0
    for name in CLIENTS if "all" in given.names else given.names:
        client = CLIENTS[name]
        if not client.program.exists():
            client.install()
        tests = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-m",
            "clients",
            f"tests/clients/test_clients.py::test_a_client[{name}]",
        ]
        failed += bool(subprocess.run(tests + ["--accept"] * given.accept, env=environment).returncode)
        if not given.keep:
            shutil.rmtree(client.home)
    return int(failed > 0)


sys.exit(main())
