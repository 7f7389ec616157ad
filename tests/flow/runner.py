"""Runs the shell steps of a composite action as GitHub's runner does: expressions, environment, files, exit codes.

`uses:` steps are not run: the Python that is here stands for setup-python. Everything else is the action's own text.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from jinja2 import ChainableUndefined
from jinja2.sandbox import SandboxedEnvironment

ROOT = Path(__file__).parents[2]
HOSTILE_MODULES = ("secrets", "pip", "venv", "ensurepip", "hatchling", "mmeplan", "os", "json", "sitecustomize")
_EXPRESSION = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)
_HYPHENED = re.compile(r"\b(inputs|github|steps|outputs|needs)\.([A-Za-z0-9_]*-[A-Za-z0-9_-]*)")


@dataclass
class Ended:
    """How a run of the action ended: the code of its last step, its outputs, and all that was printed."""

    code: int
    outputs: dict[str, str]
    log: str
    summary: str
    ran: list[str] = field(default_factory=list)


class Blank(dict[str, Any]):
    """What GitHub's contexts are: a name that isn't there is empty, all the way down."""

    def __missing__(self, name: str) -> Any:
        return Blank({"outputs": Blank()}) if name == "run" else ""


def evaluated(text: str, context: dict[str, Any]) -> Any:
    """The value of an expression of the few forms that the action uses."""
    text = _HYPHENED.sub(r"\1['\2']", text).replace("&&", " and ").replace("||", " or ").replace("!c", " not c")
    value = SandboxedEnvironment(undefined=ChainableUndefined).compile_expression(text)(**context)
    return "" if value is None else value


def filled(text: str, context: dict[str, Any]) -> str:
    """A text with its `${{ … }}` evaluated."""
    return _EXPRESSION.sub(lambda found: _as_text(evaluated(found[1], context)), str(text))


def _as_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def as_context(value: Any) -> Any:
    """Data as an expression sees it: what isn't there is empty."""
    if isinstance(value, dict):
        return Blank({name: as_context(item) for name, item in value.items()})
    return [as_context(item) for item in value] if isinstance(value, list) else value


def outputs_of(path: Path) -> dict[str, str]:
    """What `$GITHUB_OUTPUT` says, read as the runner reads it: NAME=VALUE, or NAME<<DELIMITER … DELIMITER."""
    made: dict[str, str] = {}
    lines = path.read_text().split("\n")
    while lines:
        line = lines.pop(0)
        if not line:
            continue
        equals, heredoc = line.find("="), line.find("<<")
        if equals >= 0 and (heredoc < 0 or equals < heredoc):
            made[line[:equals]] = line[equals + 1 :]
            continue
        assert heredoc > 0, f"Invalid format {line!r}"
        name, delimiter = line[:heredoc], line[heredoc + 2 :]
        value = []
        while lines and lines[0] != delimiter:
            value.append(lines.pop(0))
        assert lines, "Matching delimiter not found"
        lines.pop(0)
        made[name] = "\n".join(value)
    return made


@dataclass
class Runner:
    """A machine with a checkout, and an event that it runs for."""

    temp: Path
    workspace: Path
    event: dict[str, Any]
    event_name: str = "pull_request"
    token: str = ""
    api_url: str = "http://127.0.0.1:1"
    repository: str = "acme/fleets"
    sha: str = ""
    run_id: int = 0
    environment: dict[str, str] = field(default_factory=dict)

    def act(self, skip: tuple[str, ...] = (), **inputs: str) -> Ended:
        """Run `uses: mmeplan` with these inputs (underscores stand for hyphens)."""
        action = yaml.safe_load((ROOT / "action.yml").read_text())
        given = {name.replace("_", "-"): value for name, value in inputs.items()}
        assert given.keys() <= action["inputs"].keys()
        github = {
            "event_name": self.event_name,
            "event": as_context(self.event),
            "token": self.token,
            "repository": self.repository,
            "actor": "ann",
        }
        defaults = {
            name: filled(item.get("default", ""), {"github": github}) for name, item in action["inputs"].items()
        }
        context = {"inputs": {**defaults, **given}, "github": github, "steps": Blank()}
        ended = Ended(0, {}, "", "")
        for number, step in enumerate(action["runs"]["steps"]):
            condition = step.get("if", "success()")
            always = re.search(r"\b(always|cancelled|failure)\(\)", condition)
            if ended.code and not always:
                continue
            functions = {"success": lambda: True, "always": lambda: True, "cancelled": lambda: False}
            if not evaluated(str(condition), {**context, **functions}) or "uses" in step or step["name"] in skip:
                continue
            self._step(step, number, context, ended)
        values = {name: filled(item["value"], context) for name, item in action["outputs"].items()}
        ended.outputs = values
        return ended

    def _step(self, step: dict[str, Any], number: int, context: dict[str, Any], ended: Ended) -> None:
        output, summary = self.temp / f"output-{number}", self.temp / f"summary-{number}"
        for path in (output, summary):
            path.write_text("")
        script = self.temp / f"step-{number}.sh"
        assert "${{" not in step["run"], "an expression in a script is an injection"
        script.write_text(step["run"])
        env = {
            **self._environment(),
            "GITHUB_OUTPUT": str(output),
            "GITHUB_STEP_SUMMARY": str(summary),
            **{name: filled(value, context) for name, value in step.get("env", {}).items()},
        }
        folder = self.workspace / filled(step.get("working-directory", "."), context)
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)],
            cwd=folder,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
        )
        ended.ran.append(step["name"])
        ended.log += done.stdout
        ended.summary += summary.read_text()
        ended.code = done.returncode
        if "id" in step:
            context["steps"][step["id"]] = {"outputs": Blank(outputs_of(output))}

    def _environment(self) -> dict[str, str]:
        """What the runner sets, and this machine's PATH."""
        event = self.temp / "event.json"
        event.write_text(json.dumps(self.event))
        here = Path(sys.executable).parent
        return {
            "PATH": f"{here}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(self.temp),
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_ACTION_PATH": str(ROOT),
            "GITHUB_API_URL": self.api_url,
            "GITHUB_EVENT_NAME": self.event_name,
            "GITHUB_EVENT_PATH": str(event),
            "GITHUB_REPOSITORY": self.repository,
            "GITHUB_SHA": self.sha,
            "GITHUB_RUN_ID": str(self.run_id or ""),
            "GITHUB_RUN_ATTEMPT": "1",
            "GITHUB_WORKSPACE": str(self.workspace),
            "RUNNER_TEMP": str(self.temp),
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": "/nonexistent",
            "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
            **self.environment,
        }


def git(folder: Path, *words: str) -> str:
    """Run git; its output."""
    identity = ["-c", "user.name=Ann", "-c", "user.email=ann@example.com", "-c", "init.defaultBranch=main"]
    done = subprocess.run(["git", *identity, *words], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def action_of(folder: Path, wheels: Path) -> Path:
    """The action as it is, but for the hashes in requirements/: those of these wheels, which are made here."""
    folder.mkdir()
    for path in ROOT.iterdir():
        if path.name not in (".git", ".venv", "requirements", "tests"):
            (folder / path.name).symlink_to(path)
    (folder / "requirements").mkdir()
    locked: dict[str, list[str]] = {"action.txt": [], "action-policies.txt": []}
    for wheel in sorted(wheels.glob("*.whl")):
        name, version = wheel.name.split("-")[:2]
        line = f"{name}=={version} --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n"
        locked["action-policies.txt" if name == "cel_expr_python" else "action.txt"].append(line)
    for lock, lines in locked.items():
        (folder / "requirements" / lock).write_text("".join(lines))
    return folder


def offline_pip(wheels: Path) -> dict[str, str]:
    """pip installs from this folder of wheels, and asks no index."""
    return {
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(wheels),
        "PIP_NO_COMPILE": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_CONFIG_FILE": os.devnull,
    }
