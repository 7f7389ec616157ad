"""What a reviewer must not overlook in a value: less protection, isolation or encryption, and data that goes elsewhere.

In: fields as the plan document has them (dotted names of the fleet file, before → after). Out: the words that are shown
beside them. `CAUTIONS` is the one list of such facts; every output shows its words.

Sources: botocore CreateModelInput (EnableNetworkIsolation, VpcConfig, ExecutionRoleArn), CreateEndpointConfigInput
(KmsKeyId, DataCaptureConfig, AsyncInferenceConfig), ProductionVariant (CoreDumpConfig, EnableSSMAccess),
AutoRollbackConfig.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple

from mmeplan.diff import FieldChange
from mmeplan.identity import ON_REMOVE_TAG, PROTECT_TAG
from mmeplan.plan.places import is_in_environment

PROTECTION, ISOLATION, ENCRYPTION = "less protection", "less isolation", "less encryption"
ELSEWHERE, ACCOUNT, ROLE = "data goes elsewhere", "another account", "another role"
NETWORK, KEY, SHELL = "another network", "another key", "opens a shell"


class Caution(NamedTuple):
    """A word, the names of its fields, and whether (before, after, account of the plan) deserves it."""

    word: str
    field: re.Pattern[str]
    holds: Callable[[Any, Any, str], bool]


def _lost(before: Any, after: Any, _account: str) -> bool:
    return bool(before) and not after


def _gained(before: Any, after: Any, _account: str) -> bool:
    return bool(after) and not before


def _other(before: Any, after: Any, _account: str) -> bool:
    return bool(before) and before != after


def _fewer(before: Any, after: Any, _account: str) -> bool:
    kept = after or ()
    return any(item not in kept for item in before or ())


def _of_other_account(_before: Any, after: Any, account: str) -> bool:
    """An ARN of another account than the plan's. A name without an account is of the plan's own."""
    parts = str(after or "").split(":")
    return parts[0] == "arn" and len(parts) > 5 and parts[4] not in ("", account)


def _other_bucket(before: Any, after: Any, _account: str) -> bool:
    return bool(after) and _bucket(before) != _bucket(after)


def _moved_bucket(before: Any, after: Any, _account: str) -> bool:
    return bool(before and after) and _bucket(before) != _bucket(after)


def _bucket(address: Any) -> str:
    return re.sub(r"^\w+://", "", str(address or "")).partition("/")[0]


def _names(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"(?:.*\.)?(?:{pattern})")


_PROTECT: Final = re.compile(rf"protect|tags\.{PROTECT_TAG}")
_ON_REMOVE: Final = re.compile(rf"on_remove|tags\.{ON_REMOVE_TAG}")
_CAPTURE: Final = "data_capture_config.enable_capture"
_CAPTURED: Final = "data_capture_config.destination_s3_uri"
_TOPIC: Final = _names(r"notification_config\.(?:success|error)_topic")
_VPC: Final = _names(r"vpc_config\.(?:subnets|security_group_ids)")
_ALARMS: Final = _names(r"auto_rollback_configuration\.alarms")
_ROLE: Final = _names("execution_role_arn")
_KMS: Final = _names("kms_key_id")

CAUTIONS: Final = (
    Caution(PROTECTION, _PROTECT, _lost),
    Caution(PROTECTION, _ON_REMOVE, lambda before, after, _: before == "retain" and after != "retain"),
    Caution(PROTECTION, _ALARMS, _fewer),
    Caution(ISOLATION, _names("enable_network_isolation"), _lost),
    Caution(ISOLATION, _VPC, _lost),
    Caution(NETWORK, _VPC, _other),
    Caution(ENCRYPTION, _KMS, _lost),
    Caution(ACCOUNT, _KMS, _of_other_account),
    Caution(KEY, _KMS, _other),
    Caution(ACCOUNT, _ROLE, _of_other_account),
    Caution(ROLE, _ROLE, _other),
    Caution(ELSEWHERE, _names(re.escape(_CAPTURED)), _other_bucket),
    Caution(ELSEWHERE, _names(re.escape(_CAPTURE)), _gained),
    Caution(ELSEWHERE, _names(r"core_dump_config\.destination_s3_uri"), _other_bucket),
    Caution(ELSEWHERE, _names(r"output_config\.s3_(?:output|failure)_path"), _moved_bucket),
    Caution(ACCOUNT, _TOPIC, _of_other_account),
    Caution(ELSEWHERE, _TOPIC, _other),
    Caution(SHELL, _names("enable_ssm_access"), _gained),
)
"""The first that holds gives the word of a field. A new object's fields come from nothing (None)."""

_KEY_OF: Final = re.compile(r"(.*(?:data_capture_config|output_config|core_dump_config))\.kms_key_id")


def cautions(fields: Iterable[FieldChange], account: str) -> Mapping[str, str]:
    """Field name → its word, of those that need one, in the order of the fields. `account` is the plan's."""
    fields = tuple(fields)
    after = {item.field: item.after for item in fields}
    found: dict[str, str] = {}
    for item in fields:
        if not is_in_environment(item.field) and not _is_moot(item, after):
            holding = (each for each in CAUTIONS if each.field.fullmatch(item.field))
            word = next((c.word for c in holding if c.holds(item.before, item.after, account)), "")
            if word:
                found[item.field] = word
    return found


def _is_moot(item: FieldChange, after: Mapping[str, Any]) -> bool:
    """Whether another of the fields says it already, or takes away what this one is about."""
    key = _KEY_OF.fullmatch(item.field)
    if key and item.after is None:  # the output that it encrypted is gone as well
        outputs = ("destination_s3_uri", "s3_output_path")
        return any(after.get(f"{key[1]}.{name}", "") is None for name in outputs)
    if item.field.endswith(_CAPTURED):
        return after.get(item.field.replace(_CAPTURED, _CAPTURE)) is False
    if item.field.endswith(_CAPTURE):
        return after.get(item.field.replace(_CAPTURE, _CAPTURED)) is not None
    return False
