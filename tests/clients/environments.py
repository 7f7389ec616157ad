"""Clients that nobody here wrote: what each installs, and the script that drives it against a served world."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from mmeplan.simulator import Simulator
from mmeplan.simulator.settings import Settings

HERE = Path(__file__).parent
HOME = Path(os.environ.get("MMEPLAN_CLIENTS", "/tmp/clients"))
"""Where the environments are, a folder each."""
INSTALL_S = 1800
QUICK = 20_000
"""A minute passes in 3 ms."""
PATIENT = Settings()
AT_ONCE = Settings(creating_s=0, updating_s=0, scaling_s=0, deleting_s=0)
"""For clients whose endpoints are there when they are asked for."""


@dataclass(frozen=True)
class ClientOfOthers:
    """A client: the script in this folder, and the packages that it needs, of PyPI or (for a `.mjs`) of npm.

    `suite` is a package whose source archive has the tests that the script runs: then the script knows `--core`, the
    few of them whose exchanges are stored, and `--accept`. `settings`, `speed` and `now` are of the world that it is
    served: `now` where it compares times with its own clock.
    """

    script: str
    packages: tuple[str, ...]
    suite: str = ""
    settings: Settings = PATIENT
    speed: float = QUICK
    now: bool = False

    def world(self) -> Simulator:
        """An empty world for it."""
        return Simulator.open(settings=self.settings, start=datetime.now(UTC) if self.now else None)

    @property
    def home(self) -> Path:
        """Its environment."""
        return HOME / Path(self.script).stem

    @property
    def program(self) -> Path:
        """What runs its script; not there until the environment is."""
        return self.home / "bin" / "python" if self.script.endswith(".py") else self.home / "node_modules"

    @property
    def command(self) -> list[str]:
        """The script as a process."""
        return [str(self.program) if self.script.endswith(".py") else "node", str(HERE / self.script)]

    def install(self) -> None:
        """Make the environment, with uv where there is one. Raises CalledProcessError or TimeoutExpired."""
        if self.script.endswith(".py"):
            subprocess.run([sys.executable, "-m", "venv", str(self.home)], check=True, timeout=INSTALL_S)
            uv, pip = shutil.which("uv"), [str(self.program), "-m", "pip", "install", "--disable-pip-version-check"]
            install = [uv, "pip", "install", "--python", str(self.program)] if uv else pip
            subprocess.run([*install, "--quiet", *self.packages], check=True, timeout=INSTALL_S)
            if self.suite:
                self._unpack(pip[:-2])
        else:
            self.home.mkdir(parents=True, exist_ok=True)
            npm = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(self.home)]
            subprocess.run([*npm, *self.packages], check=True, timeout=INSTALL_S)

    def _unpack(self, pip: list[str]) -> None:
        """Put the source archive of `suite` beside the packages."""
        source = self.home / "source"
        name = self.suite.partition("==")[0]
        only = ["--quiet", "--no-deps", "--no-binary", name, "--dest", str(source)]
        subprocess.run([*pip, "download", *only, self.suite], check=True, timeout=INSTALL_S)
        (archive,) = source.iterdir()
        shutil.unpack_archive(archive, source, filter="data")
        next(path for path in source.iterdir() if path.is_dir()).rename(self.home / "suite")


MOTO = "moto==5.2.5"
AWS_JS = ("@aws-sdk/client-sagemaker", "@aws-sdk/client-sagemaker-runtime", "@aws-sdk/client-s3")
CLIENTS = {
    "mlflow": ClientOfOthers("mlflow_deploys.py", ("mlflow-skinny", "boto3", "docker", "numpy", "pandas", "scipy")),
    "airflow": ClientOfOthers("airflow_operators.py", ("apache-airflow-providers-amazon",)),
    "sdk-v2": ClientOfOthers("sdk_v2.py", ("sagemaker==2.*",)),
    "sdk-v3": ClientOfOthers("sdk_v3.py", ("sagemaker==3.*",)),
    "javascript": ClientOfOthers("javascript.mjs", AWS_JS),
    "custodian": ClientOfOthers("custodian.py", ("c7n",)),
    "moto": ClientOfOthers(
        "moto_suites.py",
        (MOTO.replace("moto", "moto[s3,server]"), "pytest", "pytest-timeout", "requests", "freezegun"),
        MOTO,
        AT_ONCE,
        speed=1,
        now=True,
    ),
    "langchain": ClientOfOthers("langchain_invokes.py", ("langchain-aws",)),
}
