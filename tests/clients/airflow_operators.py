"""Airflow's SageMaker operators, run without a scheduler: model, config, endpoint, update, sensor, deletion."""

import os
import tempfile
import time

os.environ.setdefault("AIRFLOW_HOME", tempfile.mkdtemp())
os.environ.setdefault("AIRFLOW__CORE__LOAD_EXAMPLES", "False")
pause = time.sleep
time.sleep = lambda _: pause(0.02)  # its polls are 30 s apart

from airflow.providers.amazon.aws.hooks.sagemaker import SageMakerHook  # noqa: E402
from airflow.providers.amazon.aws.operators.sagemaker import (  # noqa: E402
    SageMakerDeleteModelOperator,
    SageMakerEndpointConfigOperator,
    SageMakerEndpointOperator,
    SageMakerModelOperator,
)
from airflow.providers.amazon.aws.sensors.sagemaker import SageMakerEndpointSensor  # noqa: E402

ROLE = "arn:aws:iam::123456789012:role/serving"
IMAGE = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/x:1"
HOW = {"aws_conn_id": None, "region_name": "eu-west-1"}


def run(operator, **members):
    return operator(task_id=f"t{id(members)}", **HOW, **members).execute({})


def config(name, count):
    variant = {"VariantName": "main", "ModelName": "m", "InstanceType": "ml.m5.large", "InitialInstanceCount": count}
    return {"EndpointConfigName": name, "ProductionVariants": [variant]}


model = {"ModelName": "m", "ExecutionRoleArn": ROLE, "PrimaryContainer": {"Image": IMAGE}}
run(SageMakerModelOperator, config=model)
for name, count in (("c1", 1), ("c2", 3)):
    run(SageMakerEndpointConfigOperator, config=config(name, count))
hook = SageMakerHook(**HOW)
for name, operation, count in (("c1", "create", 1), ("c2", "update", 3)):
    endpoint = {"EndpointName": "e", "EndpointConfigName": name}
    run(SageMakerEndpointOperator, config=endpoint, operation=operation, check_interval=1, max_ingestion_time=1000)
    SageMakerEndpointSensor(task_id=f"s{name}", endpoint_name="e", **HOW).execute({})
    (variant,) = hook.describe_endpoint("e")["ProductionVariants"]
    assert variant["CurrentInstanceCount"] == count, variant
run(SageMakerDeleteModelOperator, config={"ModelName": "m"})
assert hook.conn.list_models()["Models"] == []
