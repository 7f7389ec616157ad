"""Runs jobs of GitLab CI and steps of Bitbucket Pipelines as their runners do: the file's own shell, and its variables.

AWS is a served world with the roles of docs/roles.md; the SDK's own chain gets its credentials by a token that nobody
signed. `python -m venv` gives an environment whose pip installs nothing and whose mmeplan is the one that is here,
unless a test wants the true one.
"""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import yaml

from tests.flow.runner import ROOT, git

ACCOUNT = "123456789012"
PLAN, APPLY = (f"arn:aws:iam::{ACCOUNT}:role/mmeplan-{what}" for what in ("plan", "apply"))
WORKSPACE = "api.bitbucket.org/2.0/workspaces/WORKSPACE/pipelines-config/identity/oidc"
GITHUB, SERVER = "token.actions.githubusercontent.com", "HOSTNAME/_services/token"
CLIENTS = {
    GITHUB: "sts.amazonaws.com",
    SERVER: "sts.amazonaws.com",
    "gitlab.example.com": "https://gitlab.example.com",
    WORKSPACE: "ari:cloud:bitbucket::workspace/WORKSPACE_UUID",
}
"""Issuer without its scheme → the audience of its tokens."""
VENV = """\
#!/bin/sh
# python -I -m venv [--clear] FOLDER
for folder; do :; done
mkdir -p "$folder/bin"
printf '#!/bin/sh\\nenv | cut -d= -f1 > {seen}\\n' > "$folder/bin/python"
chmod +x "$folder/bin/python"
ln -sf {mmeplan} "$folder/bin/mmeplan"
"""


def policies() -> dict[tuple[str, str], dict[str, Any]]:
    """(Issuer, `plan` or `apply`) → the trust policy of docs/roles.md; a server's is GitHub's with another issuer."""
    text = (ROOT / "docs" / "roles.md").read_text()
    found = {}
    for role, block in re.findall(r"^`mmeplan-(plan|apply)`.*?```json\n(.*?)```", text, re.DOTALL | re.MULTILINE):
        policy = json.loads(block)
        issuer = policy["Statement"][0]["Principal"]["Federated"].partition("oidc-provider/")[2]
        found[issuer, role] = policy
        if issuer == GITHUB:
            found[SERVER, role] = json.loads(block.replace(GITHUB, SERVER))
    return found


def token(issuer: str, subject: str, audience: str = "", life_s: int = 10**7) -> str:
    """A JSON Web Token that nobody signed."""
    ends = int(time.time()) + life_s
    claims = {"iss": f"https://{issuer}", "aud": audience or CLIENTS[issuer], "sub": subject, "exp": ends}
    parts = (base64.urlsafe_b64encode(json.dumps(part).encode()).decode() for part in ({"alg": "none"}, claims))
    return f"{'.'.join(part.rstrip('=') for part in parts)}."


def declare(client: Any, issuer: str) -> None:
    """The provider and both roles, as the page says. `client` is one of IAM."""
    client.create_open_id_connect_provider(Url=f"https://{issuer}", ClientIDList=[CLIENTS[issuer]])
    for (of, role), policy in policies().items():
        if of == issuer:
            client.create_role(RoleName=f"mmeplan-{role}", AssumeRolePolicyDocument=json.dumps(policy))


@dataclass
class Machine:
    """A runner's machine: a checkout, an AWS, and what the service sets."""

    checkout: Path
    aws_url: str
    variables: dict[str, str] = field(default_factory=dict)
    seen: str = ""

    def run(self, script: list[str], **variables: str) -> subprocess.CompletedProcess[str]:
        """Run the lines of a job as one shell; what it printed is its stdout."""
        tools = self.checkout.parent / "tools"
        tools.mkdir(exist_ok=True)
        seen = tools / "seen"
        (tools / "python").write_text(VENV.format(seen=seen, mmeplan=Path(sys.executable).parent / "mmeplan"))
        (tools / "python").chmod(0o755)
        env = {
            "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(self.checkout.parent),
            "CI": "true",
            "AWS_ENDPOINT_URL": self.aws_url,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": "/nonexistent",
            "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
            **self.variables,
            **variables,
        }
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", "\n".join(script)],
            cwd=self.checkout,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
        )
        self.seen = seen.read_text() if seen.exists() else ""
        return done


def loaded(name: str) -> dict[str, Any]:
    """One of the example files."""
    document: dict[str, Any] = yaml.safe_load((ROOT / "examples" / "workflows" / name).read_text())
    return document


def behind(checkout: Path, fleet: str) -> str:
    """Make of the checkout the branch `feature` of a repository whose main has one endpoint more; the file of main.

    The checkout knows nothing of main but where its origin is.
    """
    origin = checkout.parent / "origin"
    newer = fleet.replace("endpoints:\n", f"endpoints:\n{OTHERS}")
    changed = fleet.replace("initial_instance_count: 2", "initial_instance_count: 3")
    assert fleet not in (newer, changed)
    origin.mkdir()
    git(origin, "init", "-q")
    for words, text in (((), fleet), (("-b", "feature"), changed), (("main",), newer)):
        if words:
            git(origin, "checkout", "-q", *words)
        (origin / "fleet.yaml").write_text(text)
        git(origin, "add", ".")
        git(origin, "commit", "-qm", "A fleet")
    shutil.rmtree(checkout)
    git(checkout.parent, "clone", "-q", "--single-branch", "--branch", "feature", str(origin), str(checkout))
    return newer


OTHERS = """\
  of-others:
    config:
      production_variants:
        main: {model: ranker, instance_type: ml.m5.large, initial_instance_count: 1}
"""


def applied(machine: Machine, fleet: str) -> None:
    """Make a fleet file live, by somebody whose credentials don't expire."""
    folder = machine.checkout.parent / "applied"
    folder.mkdir()
    (folder / "fleet.yaml").write_text(fleet)
    env = {"PATH": os.environ["PATH"], "AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any"}
    command = [str(Path(sys.executable).parent / "mmeplan"), "apply", "--yes", "-e", "prod"]
    with hurried(machine.aws_url):
        subprocess.run(
            [*command, "--endpoint-url", machine.aws_url],
            cwd=folder,
            env=env,
            check=True,
            capture_output=True,
            timeout=300,
        )


@contextmanager
def hurried(url: str) -> Iterator[None]:
    """A world whose time runs much faster than its `--speed`: a role's session is over before long."""
    over = threading.Event()

    def push() -> None:
        while not over.wait(0.05):
            body = json.dumps({"advance": 20}).encode()
            request = urllib.request.Request(f"{url}/_mmeplan/clock", body, {"Content-Type": "application/json"})
            urllib.request.urlopen(request, timeout=60).close()

    pushing = threading.Thread(target=push, daemon=True)
    pushing.start()
    try:
        yield
    finally:
        over.set()
        pushing.join()


def iam(url: str) -> Any:
    """A client of the world's IAM."""
    return boto3.client(
        "iam",
        region_name="us-east-1",
        endpoint_url=url,
        aws_access_key_id="any",
        aws_secret_access_key="any",
    )
