"""The SageMaker Python SDK and sagemaker-core run unmodified against a served world.

They are heavy, so they aren't among the development requirements:

    pip install "sagemaker==2.*" && python -m pytest -m sdk tests/contract/test_sdk.py
"""

from __future__ import annotations

import importlib.util
import io
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mmeplan.simulator import Simulator
from tests.contract.doors import IMAGE, REGION, ROLE, Door, http

pytestmark = [
    pytest.mark.sdk,
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.skipif(
        importlib.util.find_spec("sagemaker") is None, reason="the SageMaker Python SDK isn't installed"
    ),
]
SPEED = 20_000


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Door]:
    """A served world, and an environment that leads every client there."""
    defaults = tmp_path / "defaults.yaml"
    defaults.write_text("SchemaVersion: '1.0'\n")
    with Simulator.open() as simulator, http(simulator, SPEED) as door:
        for name, value in (
            ("AWS_ENDPOINT_URL", door.url),
            ("AWS_ACCESS_KEY_ID", "any"),
            ("AWS_SECRET_ACCESS_KEY", "any"),
            ("AWS_DEFAULT_REGION", REGION),
            ("SAGEMAKER_USER_CONFIG_OVERRIDE", str(defaults)),
            ("SAGEMAKER_ADMIN_CONFIG_OVERRIDE", str(defaults)),
        ):
            monkeypatch.setenv(name, value)
        yield door


def archive(folder: Path) -> str:
    file = folder / "house.tar.gz"
    with tarfile.open(file, "w:gz") as made:
        info = tarfile.TarInfo("model.txt")
        info.size = 3
        made.addfile(info, io.BytesIO(b"abc"))
    return str(file)


def test_multi_data_model_deploys_adds_lists_invokes_and_deletes(
    fast: Door, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import boto3
    import sagemaker
    from sagemaker.multidatamodel import MultiDataModel
    from sagemaker.predictor import Predictor

    monkeypatch.setattr("sagemaker.session.time.sleep", fast_sleep(fast))
    session = sagemaker.Session(boto3.session.Session(region_name=REGION), default_bucket="houses-bucket")
    prefix = f"s3://{session.default_bucket()}/houses/"
    fleet = MultiDataModel(
        name="houses",
        model_data_prefix=prefix,
        image_uri=IMAGE,
        role=ROLE,
        sagemaker_session=session,
        predictor_cls=Predictor,
    )
    fleet.add_model(archive(tmp_path), "first.tar.gz")
    predictor = fleet.deploy(initial_instance_count=2, instance_type="ml.m5.large", endpoint_name="houses")
    fleet.add_model(archive(tmp_path), "second.tar.gz")
    assert sorted(fleet.list_models()) == ["first.tar.gz", "second.tar.gz"]
    for model in fleet.list_models():
        assert predictor.predict(b"1,2", target_model=model) == b"1,2"
    assert any(fast_models(fast))
    with pytest.raises(Exception, match="Failed to download model data"):
        predictor.predict(b"1,2", target_model="none.tar.gz")
    predictor.delete_endpoint()
    fleet.delete_model()
    assert fast.client().list_models()["Models"] == []


def fast_sleep(door: Door) -> Any:
    return door.advance


def fast_models(door: Door) -> list[list[str]]:
    assert door.sim
    return door.sim.loaded_models("houses", "AllTraffic", region=REGION)


def test_sagemaker_core_creates_waits_updates_and_deletes(fast: Door) -> None:
    from sagemaker_core.main.resources import Endpoint, EndpointConfig, Model
    from sagemaker_core.shapes import ContainerDefinition, ProductionVariant

    container = ContainerDefinition(image=IMAGE)
    model = Model.create(model_name="core", primary_container=container, execution_role_arn=ROLE)
    variant = ProductionVariant(
        variant_name="main", model_name="core", instance_type="ml.m5.large", initial_instance_count=2
    )
    for name in ("core-1", "core-2"):
        EndpointConfig.create(endpoint_config_name=name, production_variants=[variant])
    endpoint = Endpoint.create(endpoint_name="core", endpoint_config_name="core-1")
    endpoint.wait_for_status("InService", poll=1, timeout=20)
    assert endpoint.invoke(body="1,2", content_type="text/csv").body.read() == b"1,2"
    endpoint.endpoint_config_name = "core-2"
    endpoint.update(retain_all_variant_properties=True)
    endpoint.wait_for_status("InService", poll=1, timeout=20)
    assert endpoint.endpoint_config_name == "core-2"
    assert [found.endpoint_name for found in Endpoint.get_all()] == ["core"]
    endpoint.delete()
    model.delete()
