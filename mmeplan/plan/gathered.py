"""The steps of what is gathered beneath a prefix: archives are written before a swap, then the pointer; deletes last.

In: a `Doing` of the diff. Out: steps whose params hold rows instead of the members of one API call: there may be
thousands of archives, and each step is one line of a plan. `plan.step` reads them back.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from mmeplan.aws.s3 import s3_place
from mmeplan.identity import Deployment
from mmeplan.kinds import Resource
from mmeplan.kinds.artifacts import PRUNE, PUBLISH, UPLOAD, Declared, Doing, Transfer, source_digest
from mmeplan.plan.step import Step

_API: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    UPLOAD: (("s3:ListBucket",), ("s3:PutObject", "s3:GetObject", "s3:AbortMultipartUpload")),
    PUBLISH: (("s3:ListBucket",), ()),
    PRUNE: (("s3:ListBucket",), ("s3:GetObject", "s3:DeleteObject")),
}


def steps_of(resource: Resource, doing: Doing, deployment: Deployment) -> tuple[Step | None, Step | None, Step | None]:
    """The steps that write, publish and prune; None for each that has nothing to do. Their order is the caller's."""
    place = {"Bucket": resource.request["Bucket"], "Key": resource.request["Key"]}
    owner = {"Fleet": deployment.fleet, "Environment": deployment.environment}
    pointer = {"PointerBucket": doing.pointer[0], "PointerKey": doing.pointer[1]}
    upload = publish = prune = None
    at = resource.address
    if doing.uploads:
        rows = [one.row() for one in doing.uploads]
        upload = Step(f"{UPLOAD}:{at}", at, UPLOAD, {**place, **owner, "Archives": rows}, effect="in_place")
    if doing.targets is not None:
        params = {**place, **owner, **pointer, "ETag": doing.pointer_etag, "Targets": dict(doing.targets)}
        publish = Step(f"{PUBLISH}:{at}", at, PUBLISH, params, effect="in_place")
    if doing.prune:
        params = {**place, **owner, **pointer, "Archives": [list(pair) for pair in doing.prune]}
        prune = Step(f"{PRUNE}:{at}", at, PRUNE, params, effect="in_place")
    return upload, publish, prune


_SHA256: Final = re.compile("[0-9a-f]{64}")
_ETAG: Final = re.compile(r'"[^"*\s]+"')
_MEMBERS: Mapping[str, frozenset[str]] = {
    UPLOAD: frozenset({"Archives"}),
    PUBLISH: frozenset({"PointerBucket", "PointerKey", "ETag", "Targets"}),
    PRUNE: frozenset({"PointerBucket", "PointerKey", "Archives"}),
}


def wrong_params(operation: str, params: Mapping[str, Any]) -> str:
    """What is wrong with the params of such a step as a plan document has them; empty for nothing."""
    members = {"Bucket", "Key", "Fleet", "Environment", *_MEMBERS[operation]}
    if set(params) != members:
        return f"expected the members {', '.join(sorted(members))}"
    texts = members - {"Archives", "Targets"}
    if not all(isinstance(params[name], str) for name in texts) or not params["Bucket"] or not params["Key"]:
        return "expected texts that name a place"
    try:
        keys = list(_keys(operation, params))
    except (TypeError, ValueError) as error:
        return str(error)
    if bad := next((key for key in keys if not key.endswith(".tar.gz") or ".." in key.split("/")), ""):
        return f"{bad!r} is no key of an archive beneath the prefix"
    if wrong := _wrong_contents(operation, params):
        return wrong
    return "it names a key twice" if operation != PUBLISH and len(set(keys)) < len(keys) else ""


def _keys(operation: str, params: Mapping[str, Any]) -> list[str]:
    if operation == PUBLISH:
        targets = params["Targets"]
        if not isinstance(targets, Mapping) or not all(isinstance(key, str) for key in targets.values()):
            raise TypeError("Targets maps texts to texts")
        return list(targets.values())
    rows = params["Archives"]
    if not isinstance(rows, list):
        raise TypeError("expected a list")
    if operation == UPLOAD:
        return [Transfer.of(row).key for row in rows]
    if not all(isinstance(row, list) and len(row) == 2 and all(isinstance(x, str) for x in row) for row in rows):
        raise TypeError("a row of a pruned archive is [key, ETag]")
    return [key for key, _ in rows]


def _wrong_contents(operation: str, params: Mapping[str, Any]) -> str:
    """What a digest or an ETag can't be: a condition with `*`, or with nothing, would be none."""
    if operation == UPLOAD:
        return next(filter(None, (_wrong_row(Transfer.of(row)) for row in params["Archives"])), "")
    if operation == PUBLISH:
        return f"{params['ETag']!r} is no ETag" if params["ETag"] and not _ETAG.fullmatch(params["ETag"]) else ""
    return next((f"{etag!r} is no ETag" for _, etag in params["Archives"] if not _ETAG.fullmatch(etag)), "")


def _wrong_row(one: Transfer) -> str:
    if not one.source.startswith("s3://"):
        local = not one.etag and _SHA256.fullmatch(one.digest)
        return "" if local else f"the row of {one.key!r} doesn't have the SHA-256 of a local source, and no ETag"
    if one.size is None or not _ETAG.fullmatch(one.etag) or one.digest != source_digest(one.etag, one.size):
        return f"the row of {one.key!r} doesn't have bytes and ETag of a source in S3, and their digest"
    return ""


def permissions(step: Step, partition: str) -> list[tuple[str, str]]:
    """(IAM action, ARN) of what carrying out such a step needs. Source: Service Authorization Reference, Amazon S3."""
    bucket = f"arn:{partition}:s3:::{step.params['Bucket']}"
    objects = f"{bucket}/{step.params['Key']}*"
    of_bucket, of_objects = _API[step.operation]
    found = [*((action, bucket) for action in of_bucket), *((action, objects) for action in of_objects)]
    if step.params.get("PointerKey"):
        pointer = f"arn:{partition}:s3:::{step.params['PointerBucket']}/{step.params['PointerKey']}"
        found += [("s3:GetObject", pointer), *([("s3:PutObject", pointer)] if step.operation == PUBLISH else [])]
    if step.operation == UPLOAD:
        sources = (Transfer.of(row).source for row in step.params["Archives"])
        remote = {uri.removeprefix("s3://") for uri in sources if uri.startswith("s3://")}
        folders = {uri.rpartition("/")[0] for uri in remote}
        found += [("s3:GetObject", f"arn:{partition}:s3:::{folder}/*") for folder in sorted(folders)]
    return found


def read_permissions(declared: Declared, partition: str) -> list[tuple[str, str]]:
    """(IAM action, ARN) of what a look at the pointer and the sources in S3 needs, whatever is to be done."""
    places = [declared.publish] if declared.publish[0] else []
    folders = {s3_place(one.source.rpartition("/")[0] + "/") for one in declared.archives if one.is_remote}
    buckets = {bucket for bucket, _ in (*places, *folders)}
    found = [("s3:ListBucket", f"arn:{partition}:s3:::{bucket}") for bucket in sorted(buckets)]
    found += [("s3:GetObject", f"arn:{partition}:s3:::{bucket}/{key}") for bucket, key in places]
    return [*found, *(("s3:GetObject", f"arn:{partition}:s3:::{bucket}/{key}*") for bucket, key in sorted(folders))]
