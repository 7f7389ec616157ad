"""Who else serves archives from beneath a multi-model prefix: asked before anything there is pruned.

An archive carries the mark of the deployment that wrote it. Another one with the same content under the same prefix
uses it without a mark of its own, so the models of the account and region are asked for their prefixes.

In: a read-only port. Out: names of models. What can't be read is raised, and then nothing may be pruned.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mmeplan.aws.failures import Failure, failure_of
from mmeplan.aws.s3 import s3_place
from mmeplan.aws.variants import multi_model_urls
from mmeplan.errors import CloudError
from mmeplan.identity import Deployment, owner_in
from mmeplan.live.ports import Answer, Reader

READS = ("sagemaker:ListModels", "sagemaker:DescribeModel", "sagemaker:ListTags")
"""The IAM actions that it takes."""


def sharers(reader: Reader, deployment: Deployment, bucket: str, prefix: str) -> list[str]:
    """The models that aren't the deployment's, and whose prefix lies in this one or around it. Raises CloudError."""
    beneath = (each for each in _models(reader) if any(_meets(url, bucket, prefix) for url in multi_model_urls(each)))
    return sorted(str(each["ModelName"]) for each in beneath if _owner(reader, each) != deployment)


def _meets(url: Any, bucket: str, prefix: str) -> bool:
    if not isinstance(url, str):
        return False
    other, key = s3_place(url)
    return other == bucket and (key.startswith(prefix) or prefix.startswith(key))


def _models(reader: Reader) -> Iterator[Answer]:
    """All models of the account and region, described."""
    names: list[str] = []
    params: dict[str, Any] = {}
    while True:
        answer = reader.read("ListModels", params)
        names += (item["ModelName"] for item in answer.get("Models") or ())
        token = answer.get("NextToken")
        if not token or token == params.get("NextToken"):
            break
        params = {"NextToken": token}
    for found in reader.gather([("DescribeModel", {"ModelName": name}) for name in names]):
        if not isinstance(found, Exception):
            yield found
        elif not isinstance(found, CloudError) or failure_of(found) is not Failure.NOT_FOUND:
            raise found


def _owner(reader: Reader, model: Answer) -> Deployment | None:
    tags: dict[str, str] = {}
    params = {"ResourceArn": model["ModelArn"]}
    while True:
        answer = reader.read("ListTags", params)
        tags |= {tag["Key"]: tag["Value"] for tag in answer.get("Tags") or ()}
        if not answer.get("NextToken") or answer["NextToken"] == params.get("NextToken"):
            return owner_in(tags)
        params = {**params, "NextToken": answer["NextToken"]}
