"""What must not be overlooked: the table of cautions, change by change."""

from typing import Any

import pytest

from mmeplan.diff import FieldChange
from mmeplan.plan import cautions
from mmeplan.plan.cautions import CAUTIONS

ACCOUNT = "123456789012"
KEY, FOREIGN_KEY = (f"arn:aws:kms:eu-west-1:{account}:key/1" for account in (ACCOUNT, "999999999999"))
ROLE, FOREIGN_ROLE = (f"arn:aws:iam::{account}:role/serving" for account in (ACCOUNT, "999999999999"))
TOPIC, OTHER_TOPIC = (f"arn:aws:sns:eu-west-1:{ACCOUNT}:{name}" for name in ("done", "elsewhere"))
OUT = "async_inference_config.output_config"

WORDS = (
    ("protect", True, None, "less protection"),
    ("protect", None, True, ""),
    ("tags.mmeplan:protect", "true", None, "less protection"),
    ("on_remove", "retain", None, "less protection"),
    ("deployment_config.auto_rollback_configuration.alarms", ["a", "b"], ["b"], "less protection"),
    ("deployment_config.auto_rollback_configuration.alarms", ["a"], None, "less protection"),
    ("deployment_config.auto_rollback_configuration.alarms", ["a"], ["a", "b"], ""),
    ("enable_network_isolation", True, False, "less isolation"),
    ("enable_network_isolation", True, None, "less isolation"),
    ("enable_network_isolation", False, True, ""),
    ("vpc_config.subnets", ["subnet-1"], None, "less isolation"),
    ("vpc_config.subnets", ["subnet-1"], ["subnet-2"], "another network"),
    ("vpc_config.security_group_ids", None, ["sg-1"], ""),
    ("kms_key_id", KEY, None, "less encryption"),
    ("kms_key_id", KEY, "alias/other", "another key"),
    ("kms_key_id", None, FOREIGN_KEY, "another account"),
    ("kms_key_id", None, KEY, ""),
    ("production_variants.main.core_dump_config.kms_key_id", KEY, None, "less encryption"),
    ("execution_role_arn", ROLE, ROLE + "-2", "another role"),
    ("execution_role_arn", None, FOREIGN_ROLE, "another account"),
    ("execution_role_arn", None, ROLE, ""),
    ("data_capture_config.destination_s3_uri", None, "s3://capture/x/", "data goes elsewhere"),
    ("data_capture_config.destination_s3_uri", "s3://capture/x/", "s3://capture/y/", ""),
    ("data_capture_config.destination_s3_uri", "s3://capture/x/", "s3://other/x/", "data goes elsewhere"),
    ("data_capture_config.destination_s3_uri", "s3://capture/x/", None, ""),
    ("data_capture_config.enable_capture", False, True, "data goes elsewhere"),
    ("production_variants.main.core_dump_config.destination_s3_uri", None, "s3://dumps/", "data goes elsewhere"),
    (f"{OUT}.s3_output_path", "s3://answers/", "s3://other/", "data goes elsewhere"),
    (f"{OUT}.s3_failure_path", None, "s3://failures/", ""),
    (f"{OUT}.notification_config.success_topic", TOPIC, OTHER_TOPIC, "data goes elsewhere"),
    (f"{OUT}.notification_config.error_topic", None, TOPIC.replace(ACCOUNT, "999999999999"), "another account"),
    ("production_variants.main.enable_ssm_access", False, True, "opens a shell"),
    ("primary_container.environment.kms_key_id", "a", None, ""),
    ("primary_container.image", "a", "b", ""),
)


def field(name: str, before: Any, after: Any) -> FieldChange:
    return FieldChange((), before, after, name)


@pytest.mark.parametrize(("name", "before", "after", "word"), WORDS)
def test_a_word_where_a_value_needs_one(name: str, before: Any, after: Any, word: str) -> None:
    assert cautions([field(name, before, after)], ACCOUNT) == ({name: word} if word else {})


def test_every_word_of_the_table_is_tried() -> None:
    assert {caution.word for caution in CAUTIONS} == {word for *_, word in WORDS if word}


def test_the_key_of_an_output_that_goes_is_no_loss() -> None:
    key, bucket = "data_capture_config.kms_key_id", "data_capture_config.destination_s3_uri"
    assert cautions([field(key, KEY, None), field(bucket, "s3://capture/", None)], ACCOUNT) == {}
    assert cautions([field(key, KEY, None), field("kms_key_id", KEY, None)], ACCOUNT) == {
        key: "less encryption",
        "kms_key_id": "less encryption",
    }


def test_a_capture_that_begins_is_said_once_and_one_that_is_off_not_at_all() -> None:
    enabled, bucket = "data_capture_config.enable_capture", "data_capture_config.destination_s3_uri"
    begins = [field(enabled, None, True), field(bucket, None, "s3://capture/")]
    assert cautions(begins, ACCOUNT) == {bucket: "data goes elsewhere"}
    assert cautions([field(enabled, None, False), field(bucket, None, "s3://capture/")], ACCOUNT) == {}
