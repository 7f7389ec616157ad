"""The services and operations that the simulator has, as one table, and how a request finds its own.

In: a request. Out: the `Service` and the operation's name. A new service is one more row here; `core` doesn't change.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs

from mmeplan.simulator import endpoints, identity, immutables, paging, showing, tagging, tags
from mmeplan.simulator.call import Operation
from mmeplan.simulator.protocols import JSON, QUERY, Protocol
from mmeplan.simulator.wire import Caller, Request, ServiceError


@dataclass(frozen=True, slots=True)
class Service:
    """One service. `name` is botocore's, `invalid` the code of what breaks a shape's constraints."""

    name: str
    protocol: Protocol
    operations: Mapping[str, Operation]
    invalid: str = "ValidationException"


SAGEMAKER: Final = Service(
    "sagemaker",
    JSON,
    {
        "CreateModel": Operation(immutables.create_model, True, "ModelName"),
        "DescribeModel": Operation(immutables.describe_model, False, "ModelName"),
        "ListModels": Operation(paging.lister(paging.MODELS), False),
        "DeleteModel": Operation(immutables.delete_model, True, "ModelName"),
        "CreateEndpointConfig": Operation(immutables.create_endpoint_config, True, "EndpointConfigName"),
        "DescribeEndpointConfig": Operation(immutables.describe_endpoint_config, False, "EndpointConfigName"),
        "ListEndpointConfigs": Operation(paging.lister(paging.ENDPOINT_CONFIGS), False),
        "DeleteEndpointConfig": Operation(immutables.delete_endpoint_config, True, "EndpointConfigName"),
        "CreateEndpoint": Operation(endpoints.create_endpoint, True, "EndpointName"),
        "DescribeEndpoint": Operation(showing.describe_endpoint, False, "EndpointName"),
        "ListEndpoints": Operation(paging.lister(paging.ENDPOINTS), False),
        "UpdateEndpoint": Operation(endpoints.update_endpoint, True, "EndpointName"),
        "UpdateEndpointWeightsAndCapacities": Operation(endpoints.update_weights_and_capacities, True, "EndpointName"),
        "DeleteEndpoint": Operation(endpoints.delete_endpoint, True, "EndpointName"),
        "AddTags": Operation(tags.add_tags, True, "ResourceArn"),
        "ListTags": Operation(tags.list_tags, False, "ResourceArn"),
        "DeleteTags": Operation(tags.delete_tags, True, "ResourceArn"),
    },
)
TAGGING: Final = Service(
    "resourcegroupstaggingapi",
    JSON,
    {"GetResources": Operation(tagging.get_resources, False)},
    invalid="InvalidParameterException",
)
STS: Final = Service("sts", QUERY, {"GetCallerIdentity": Operation(identity.get_caller_identity, False)})

SERVICES: Final = (SAGEMAKER, TAGGING, STS)
WRITES: Final = {name: operation.writes for service in SERVICES for name, operation in service.operations.items()}
"""Operation → whether it writes, over all services."""

_BY_TARGET: Final = {"SageMaker": SAGEMAKER, "ResourceGroupsTaggingAPI_20170126": TAGGING}


def route(request: Request, caller: Caller) -> tuple[Service, str]:
    """The service and the operation of a request; the operation may be one that the service doesn't have.

    JSON services say both in `X-Amz-Target`; the query protocol says its `Action` in the body or the URL. Whatever
    fits nothing is answered as a JSON service would.
    """
    prefix, _, operation = request.header("x-amz-target").partition(".")
    if prefix in _BY_TARGET:
        return _BY_TARGET[prefix], operation
    if caller.service == "sts" or b"Action=GetCallerIdentity" in request.body:
        text = request.body.decode(errors="replace") or request.url.partition("?")[2]
        return STS, parse_qs(text).get("Action", [""])[0]
    return SAGEMAKER, operation or prefix


def unknown_operation(service: Service, operation: str) -> ServiceError:
    """The answer to an operation that the simulator doesn't have."""
    code = "InvalidAction" if service.protocol is QUERY else "UnknownOperationException"
    return ServiceError(code, f"The simulated {service.name} has no operation {operation or '(none given)'}.")
