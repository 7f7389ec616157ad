"""What a forked `mmeplan` finds loaded already, so that two hundred of them don't each import boto3 and its models."""

from functools import lru_cache
from typing import Any

from botocore.loaders import Loader

from mmeplan.aws import shapes

shapes.service("sagemaker")
Loader.load_service_model = lru_cache(maxsize=64)(Loader.load_service_model)  # type: ignore[method-assign]


@lru_cache(maxsize=1)
def loader() -> Loader:
    return Loader(extra_search_paths=[Loader.CUSTOMER_DATA_PATH])


_made: Any = Loader.load_service_model
Loader.load_service_model = lambda self, *args, **more: _made(loader(), *args, **more)  # type: ignore[method-assign]
for service in ("sagemaker", "sts", "resourcegroupstaggingapi", "s3"):
    loader().load_service_model(service, "service-2")
