"""`mmeplan prices` as users meet it: a file, and a plan that uses it."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from mmeplan.cloud.aws import Cloud
from mmeplan.cloud.clock import SystemClock
from mmeplan.errors import CloudError
from mmeplan.simulator import Simulator
from tests.cli.running import mmeplan
from tests.cli.test_images import FLEET

ACCOUNT = Path("examples/simulator/account.yaml")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    document = yaml.safe_load(ACCOUNT.read_text())
    with Simulator.open(tmp_path / "account.db") as simulator:
        simulator.declare(document, region=document.pop("region"))
    return tmp_path


def test_the_file_is_written_and_a_plan_says_what_the_fleet_costs(folder: Path) -> None:
    at = "--local-db account.db"
    written = mmeplan(f"prices --region eu-west-1 -o prices.yaml {at}", folder)
    assert (written.code, written.stdout, written.stderr) == (0, "", "wrote prices.yaml\n")
    prices = yaml.safe_load((folder / "prices.yaml").read_text())
    assert prices["instances"] == {"ml.m5.large": 0.128, "ml.m5.xlarge": 0.257}
    assert (prices["region"], prices["currency"], prices["terms"]) == ("eu-west-1", "USD", "on demand")

    (folder / "fleet.yaml").write_text(FLEET.replace("models:", "prices: {file: prices.yaml}\nmodels:", 1))
    planned = mmeplan(f"plan {at}", folder)
    assert "Cost a month, USD" in planned.stdout
    assert "186.88" in planned.stdout  # two instances at 0.128 for 730 hours


def test_without_a_file_it_is_printed(folder: Path) -> None:
    printed = mmeplan("prices --region eu-west-1 --local-db account.db", folder)
    assert yaml.safe_load(printed.stdout)["serverless"] == {2048: 0.00004}


def test_a_simulated_account_without_a_price_list(tmp_path: Path) -> None:
    ended = mmeplan("prices --region eu-west-1 --local-db other.db", tmp_path)
    assert ended.code == 1
    assert "  try: write a few prices by hand, as docs/cost.md shows, or declare some" in ended.stderr


def test_a_region_of_which_the_list_has_nothing(folder: Path) -> None:
    with Simulator.open(folder / "account.db") as simulator:
        simulator.declare({"prices": []}, region="eu-north-1")
    nothing = mmeplan("prices --region eu-north-1 --local-db account.db -o prices.yaml", folder)
    assert nothing.code == 1
    assert "AWS's price list has no prices of SageMaker's hosting in eu-north-1" in nothing.stderr
    assert not (folder / "prices.yaml").exists()


@pytest.mark.parametrize(
    ("region", "asked"),
    [("eu-west-1", "us-east-1"), ("ap-south-1", "us-east-1"), ("cn-north-1", "cn-northwest-1")],
)
def test_the_list_is_asked_where_it_is(monkeypatch: pytest.MonkeyPatch, region: str, asked: str) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    assert Cloud(SystemClock(), region=region)._client("pricing").meta.region_name == asked


def test_a_partition_without_a_price_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    cloud = Cloud(SystemClock(), region="us-gov-west-1")
    with pytest.raises(CloudError) as raised:
        cloud.write("GetProducts", {"ServiceCode": "AmazonSageMaker"})
    assert "price list" in str(raised.value)
