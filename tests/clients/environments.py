"""Clients that nobody here wrote: what each installs, and the script that drives it against a served world."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
HOME = Path(os.environ.get("MMEPLAN_CLIENTS", "/tmp/clients"))
"""Where the environments are, a folder each."""
INSTALL_S = 1800


@dataclass(frozen=True)
class ClientOfOthers:
    """A client: the script in this folder, and the packages that it needs, of PyPI or (for a `.mjs`) of npm."""

    script: str
    packages: tuple[str, ...]

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
        else:
            self.home.mkdir(parents=True, exist_ok=True)
            npm = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(self.home)]
            subprocess.run([*npm, *self.packages], check=True, timeout=INSTALL_S)


AWS_JS = ("@aws-sdk/client-sagemaker", "@aws-sdk/client-sagemaker-runtime", "@aws-sdk/client-s3")
CLIENTS = {
    "mlflow": ClientOfOthers("mlflow_deploys.py", ("mlflow-skinny", "boto3", "docker", "numpy", "pandas", "scipy")),
    "airflow": ClientOfOthers("airflow_operators.py", ("apache-airflow-providers-amazon",)),
    "sdk-v2": ClientOfOthers("sdk_v2.py", ("sagemaker==2.*",)),
    "sdk-v3": ClientOfOthers("sdk_v3.py", ("sagemaker==3.*",)),
    "javascript": ClientOfOthers("javascript.mjs", AWS_JS),
    "custodian": ClientOfOthers("custodian.py", ("c7n",)),
    "langchain": ClientOfOthers("langchain_invokes.py", ("langchain-aws",)),
}
