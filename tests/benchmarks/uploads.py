"""A thousand archives of 1 MB: an apply of mmeplan, beside a bare loop over boto3's TransferManager, in the same run.

`python -m tests.benchmarks.uploads [N]` against the simulated S3 over HTTP. What mmeplan does beside: it hashes each
file, says If-None-Match and whose it is, and looks at the end whether everything is there.
"""

from __future__ import annotations

import os
import random
import sys
import tempfile
import time
from pathlib import Path

import boto3
import yaml
from s3transfer.manager import TransferManager

from mmeplan.engine import Engine
from mmeplan.simulator import Simulator
from mmeplan.spec import load
from tests.contract.doors import http

BYTES = 1_000_000
MOST = 1.5  # times the bare loop


def main(number: int) -> float:
    """How many times as long as the bare loop an apply takes."""
    keys = {"AWS_ACCESS_KEY_ID": "123456789012", "AWS_SECRET_ACCESS_KEY": "simulated"}
    os.environ.update(keys)
    with tempfile.TemporaryDirectory() as name, Simulator.open() as simulator, http(simulator, speed=1000) as door:
        folder = Path(name)
        files = [folder / f"t{index}.tar.gz" for index in range(number)]
        for index, file in enumerate(files):
            file.write_bytes(random.Random(index).randbytes(BYTES))
        client = boto3.client("s3", endpoint_url=door.url, region_name="eu-west-1")
        client.create_bucket(Bucket="bare", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        began = time.monotonic()
        with TransferManager(client) as manager:
            for future in [manager.upload(str(file), "bare", file.name) for file in files]:
                future.result()
        bare_s = time.monotonic() - began

        container = {"image": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/r:1", "mode": "MultiModel"}
        model = {
            "execution_role_arn": "arn:aws:iam::123456789012:role/serving",
            "primary_container": {**container, "model_data_url": "s3://acme-models/prices/"},
            "artifacts": {"for_each": {file.name.split(".")[0]: file.name for file in files}},
        }
        fleet = {"version": 1, "fleet": "f", "region": "eu-west-1", "models": {"prices": model}}
        (folder / "fleet.yaml").write_text(yaml.safe_dump(fleet))
        with Engine.aws(region="eu-west-1", endpoint_url=door.url) as engine:
            planned = engine.plan(load(folder / "fleet.yaml"), targets=("artifacts/prices",))
            began = time.monotonic()
            outcome = engine.apply(planned)
            apply_s = time.monotonic() - began
        assert outcome.complete, outcome
    sys.stdout.write(f"{number} × 1 MB: bare loop {bare_s:.1f} s, apply {apply_s:.1f} s, {apply_s / bare_s:.2f} ×\n")
    return apply_s / bare_s


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000) > MOST)
