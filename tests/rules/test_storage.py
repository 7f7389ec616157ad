"""Rules about what lies in S3, by what S3 lists: keys that only stand for a folder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mmeplan.live import Answer
from mmeplan.live.ports import Call
from mmeplan.rules.examples import fleet_file
from tests.rules.online_account import found_by

NEW, OLD = "2026-06-01T00:00:00+00:00", "2020-01-01T00:00:00+00:00"
PREFIX = fleet_file(multi_model=True, container="model_data_url: s3://b/p/")
SINGLE = fleet_file(
    container="model_data_source: {s3_data_source: {s3_uri: s3://b/p/, s3_data_type: S3Prefix, "
    "compression_type: None}}",
    without=("model_data_url",),
)


class Bucket:
    """Lists these keys, each with its size; everything that ends with a slash is new, the rest is old."""

    def __init__(self, **keys: int) -> None:
        self.keys = keys

    def gather(self, calls: Sequence[Call]) -> list[Answer | Exception]:
        return [getattr(self, operation, dict)() for operation, _ in calls]

    def ListObjectsV2(self) -> Answer:
        return {"Contents": [self._item(key, size) for key, size in self.keys.items()]}

    def ListObjectVersions(self) -> Answer:
        versions = [
            {**self._item(key, size), "IsLatest": latest} for key, size in self.keys.items() for latest in (True, False)
        ]
        gone = [{**self._item(key, 0), "IsLatest": True} for key in self.keys if key.endswith("/")]
        told = [v for v in versions if not v["Key"].endswith(".tar.gz") or v["IsLatest"]]
        return {"Versions": told, "DeleteMarkers": gone}

    def DescribeEndpoint(self) -> Answer:
        return {"EndpointName": "ranker", "LastModifiedTime": OLD, "CreationTime": OLD}

    def DescribeModel(self) -> Answer:
        return {"ModelName": "ranker", "CreationTime": "2021-01-01T00:00:00+00:00"}

    @staticmethod
    def _item(key: str, size: int) -> dict[str, Any]:
        return {"Key": key, "Size": size, "LastModified": NEW if key.endswith(("/", "$folder$")) else OLD}


def about(text: str, keys: dict[str, int], *ids: str) -> set[str]:
    found = found_by(Bucket(**keys), text)
    assert not [finding for finding in found if finding.rule == "RULE-00"]
    return {finding.rule for finding in found if finding.rule in ids and finding.severity != "note"}


FOLDERS = {"p/": 0, "p/sub/": 0, "p/hadoop_$folder$": 0}


def test_a_key_that_stands_for_a_folder_is_no_artifact() -> None:
    ids = ("ART-05", "ART-06", "ART-09", "MME-08", "MDL-22")
    assert about(PREFIX, {**FOLDERS, "p/a.tar.gz": 9}, *ids) == set()
    assert about(PREFIX, {"p/": 7, "p/a.tar.gz": 9}, "ART-09") == {"ART-09"}  # it holds something
    assert about(SINGLE, {**FOLDERS, "p/model.bin": 9}, "ART-08", "MDL-22") == set()


def test_a_prefix_with_nothing_but_folders_holds_no_model() -> None:
    assert about(PREFIX, FOLDERS, "MME-03") == about(PREFIX, {}, "MME-03") == {"MME-03"}
    assert about(SINGLE, {}, "MDL-22") == {"MDL-22"}
    assert about(SINGLE, FOLDERS, "MDL-22") == set()  # whether SageMaker takes it isn't known


def test_additional_sources_are_looked_for_as_well() -> None:
    source = "additional_model_data_sources: [{channel_name: draft, s3_data_source: {s3_uri: s3://b/draft/, "
    text = fleet_file(container=f"{source}s3_data_type: S3Prefix, compression_type: None}}}}]")
    assert about(text, {"draft/model.bin": 9, "ranker.tar.gz": 9}, "MDL-22") == set()
    assert about(text, {}, "MDL-22") == {"MDL-22"}
    found = [finding for finding in found_by(Bucket(), text) if finding.rule == "MDL-22"]
    assert {"draft" in finding.message for finding in found} == {True, False}
