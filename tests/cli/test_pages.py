"""The commands of a page do what the page says: they are run in order, in a folder, against the simulated SageMaker.

Blocks ```yaml fleet.yaml are files, blocks ```bash under <!-- run --> are run, and a block ```text right behind one has
parts of what it prints.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mmeplan.simulator import Simulator
from tests.contract.doors import Door, http

DOCS = Path(__file__).parents[2] / "docs"
FILE = re.compile(r"^```(?:yaml|csv) (\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
RUN = re.compile(r"^<!-- run -->\n```bash\n(.*?)^```\n(?:```text\n(.*?)^```\n)?", re.MULTILINE | re.DOTALL)


def made_by_terraform(door: Door, folder: Path) -> None:
    """An endpoint that Terraform's state has."""
    sagemaker = door.client()
    tags = [{"Key": "team", "Value": "search"}]
    sagemaker.create_model(
        ModelName="ranker-2",
        ExecutionRoleArn="arn:aws:iam::123456789012:role/sagemaker",
        PrimaryContainer={"Image": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/ranker:1.4"},
        Tags=tags,
    )
    variant = {
        "VariantName": "main",
        "ModelName": "ranker-2",
        "InstanceType": "ml.m5.xlarge",
        "InitialInstanceCount": 2,
    }
    sagemaker.create_endpoint_config(EndpointConfigName="ranker-2", ProductionVariants=[variant], Tags=tags)
    sagemaker.create_endpoint(EndpointName="ranker", EndpointConfigName="ranker-2", Tags=tags)
    door.advance(600)
    resources = [
        {
            "mode": "managed",
            "type": f"aws_sagemaker_{kind}",
            "name": "ranker",
            "provider": 'provider["registry.terraform.io/hashicorp/aws"]',
            "instances": [{"schema_version": 0, "attributes": {"id": name, "name": name}}],
        }
        for kind, name in (("endpoint", "ranker"), ("endpoint_configuration", "ranker-2"), ("model", "ranker-2"))
    ]
    state = {"version": 4, "terraform_version": "1.11.4", "serial": 3, "lineage": "5b0c7c1e", "resources": resources}
    (folder / "terraform.tfstate").write_text(json.dumps(state))


def an_empty_account(door: Door, folder: Path) -> None: ...


PAGES: dict[str, tuple[Callable[[Door, Path], None], tuple[str, ...]]] = {
    "artifacts.md": (an_empty_account, ("aws",)),
    "clients.md": (an_empty_account, ("aws", "jq")),
    "doctor.md": (an_empty_account, ()),
    "environments.md": (an_empty_account, ()),
    "moving.md": (made_by_terraform, ("terraform",)),
    "multi-model.md": (an_empty_account, ("aws",)),
    "tables.md": (an_empty_account, ("git",)),
}
"""What is live before the first command, and the programs beside mmeplan."""


def test_every_page_with_commands_to_run_is_run() -> None:
    assert sorted(page.name for page in DOCS.glob("*.md") if "<!-- run -->" in page.read_text()) == sorted(PAGES)


@pytest.mark.proof
@pytest.mark.parametrize("name", PAGES)
def test_the_commands_of_a_page(name: str, tmp_path: Path) -> None:
    prepare, programs = PAGES[name]
    here = os.pathsep.join([str(tmp_path / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]])
    if missing := [program for program in programs if shutil.which(program, path=here) is None]:
        pytest.skip(f"not installed: {', '.join(missing)}")
    write_mmeplan(tmp_path / "bin")
    page = (DOCS / name).read_text()
    for file, text in FILE.findall(page):
        (tmp_path / file).write_text(text)
    with Simulator.open() as simulator, http(simulator, speed=1000) as door:
        prepare(door, tmp_path)
        for commands, printed in RUN.findall(page):
            said = run(commands, tmp_path, here, door.url)
            assert [line for line in printed.splitlines() if squeezed(line) not in squeezed(said)] == [], said


def write_mmeplan(folder: Path) -> None:
    """The command, with an apply that looks ten times a second: time goes a thousand times faster here."""
    folder.mkdir()
    command = folder / "mmeplan"
    command.write_text(
        f"""#!/bin/sh
case "$1" in apply) shift; set -- apply --poll-interval 0.1 "$@" ;; esac
exec {shlex.quote(sys.executable)} -m mmeplan "$@"
"""
    )
    command.chmod(0o755)


def squeezed(text: str) -> str:
    """In one line, however wide the terminal is."""
    return " ".join(text.split())


def run(commands: str, folder: Path, path: str, url: str) -> str:
    """What bash prints for these commands, all of which must succeed."""
    environment = {
        "PATH": path,
        "HOME": str(folder),
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "any",
        "AWS_SECRET_ACCESS_KEY": "any",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "CHECKPOINT_DISABLE": "1",
    }
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr
