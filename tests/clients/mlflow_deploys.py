"""MLflow's deployment client: create, look, update in both modes, predict, delete."""

import tempfile
import time
from pathlib import Path

from mlflow.deployments import get_deploy_client
from mlflow.models import Model

pause = time.sleep
time.sleep = lambda _: pause(0.02)  # its polls are 20 s apart

with tempfile.TemporaryDirectory() as folder:
    flavor = {"loader_module": "none", "python_version": "3.11.0"}
    Model(flavors={"python_function": flavor}).save(Path(folder) / "MLmodel")
    client = get_deploy_client("sagemaker:/eu-west-1")
    config = {
        "image_url": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/mlflow-pyfunc:3",
        "execution_role_arn": "arn:aws:iam::123456789012:role/serving",
        "instance_type": "ml.m5.large",
        "instance_count": 2,
        "env": {"STAGE": "test"},
        "tags": {"team": "search"},
    }
    client.create_deployment("ranker", folder, "python_function", config)
    made = client.get_deployment("ranker")
    assert made["EndpointStatus"] == "InService", made
    (variant,) = made["ProductionVariants"]
    assert variant["CurrentInstanceCount"] == 2, variant
    answer = client.predict("ranker", inputs='{"predictions": [1, 2]}')  # it is given back
    assert answer["predictions"] == [1, 2], answer
    client.update_deployment("ranker", folder, "python_function", config | {"mode": "replace"})
    (replaced,) = client.get_deployment("ranker")["ProductionVariants"]
    assert replaced["VariantName"] != variant["VariantName"], replaced
    client.update_deployment("ranker", folder, "python_function", config | {"mode": "add"})
    assert len(client.get_deployment("ranker")["ProductionVariants"]) == 2
    assert [found["EndpointName"] for found in client.list_deployments()] == ["ranker"]
    client.delete_deployment("ranker", config={"synchronous": True})
    assert client.list_deployments() == []
