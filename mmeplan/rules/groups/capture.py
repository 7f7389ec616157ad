"""Data capture (CAP)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from mmeplan.live.ports import Answer
from mmeplan.rules.artifacts import bucket_location, other_region
from mmeplan.rules.examples import fleet_file
from mmeplan.rules.facts import Config, FleetFacts
from mmeplan.rules.online import OnlineRule, Question
from mmeplan.rules.rule import Constraints, Hit, Rule, ShapeRule

_CAPTURE: Final = (
    "data_capture_config:%s\n  initial_sampling_percentage: 20\n  destination_s3_uri: s3://acme/capture\n"
    "  capture_options: [{capture_mode: Input}, {capture_mode: %s}]"
)
_HEADER: Final = "\n  capture_content_type_header: %s"
_CAPTURED: Final = (
    "{initial_sampling_percentage: 20, destination_s3_uri: s3://acme/capture, capture_options: [{capture_mode: Input}]}"
)
_GOOD_CAPTURE: Final = fleet_file(config=f"data_capture_config: {_CAPTURED}")


class CaptureModesOnce(Rule):
    id = "CAP-05"
    title = "Capture modes don't overlap"
    severity = "warning"
    basis = "inf"
    source = "botocore sagemaker/2017-07-24, shape CaptureMode"
    why = "`InputAndOutput` holds both, and a mode that stands there twice says nothing more."
    fix = "Write `Input` and `Output`, each once, or `InputAndOutput` alone."
    bad = fleet_file(config=(_CAPTURE % ("", "InputAndOutput")) + "  # here")
    good = fleet_file(config=_CAPTURE % ("", "Output"))
    members = ("DataCaptureConfig",)

    def config(self, config: Config) -> Iterator[Hit]:
        options = config.capture.get("CaptureOptions") or ()
        counts = Counter(option.get("CaptureMode") for option in options)
        path = ("DataCaptureConfig", "CaptureOptions")
        for mode, count in counts.items():
            if mode is not None and count > 1:
                yield path, f"`{mode}` stands there {count} times"
        if "InputAndOutput" in counts and ("Input" in counts or "Output" in counts):
            yield path, "InputAndOutput holds Input and Output already"


class ContentTypeOnce(Rule):
    id = "CAP-07"
    title = "A capture content type is CSV or JSON, not both"
    severity = "warning"
    basis = "inf"
    source = "botocore sagemaker/2017-07-24, shape CaptureContentTypeHeader"
    why = "Which of the two ways a body of that type is then stored is not documented."
    fix = "Keep it in one of the two lists."
    bad = fleet_file(
        config=_CAPTURE % ("", "Output")
        + _HEADER % "{csv_content_types: [text/csv], json_content_types: [text/csv]}  # here"
    )
    good = fleet_file(
        config=_CAPTURE % ("", "Output")
        + _HEADER % "{csv_content_types: [text/csv], json_content_types: [application/json]}"
    )
    members = ("DataCaptureConfig",)

    def config(self, config: Config) -> Iterator[Hit]:
        header = config.capture.get("CaptureContentTypeHeader") or {}
        both = set(header.get("CsvContentTypes") or ()) & set(header.get("JsonContentTypes") or ())
        for kind in sorted(both):
            yield ("DataCaptureConfig", "CaptureContentTypeHeader"), f"`{kind}` is in the CSV and in the JSON list"


class CaptureInRegion(OnlineRule):
    id = "CAP-10"
    title = "Captured data goes to a bucket of the fleet's region"
    severity = "warning"
    basis = "doc"
    source = "Developer Guide, model-monitor-data-capture-endpoint"
    why = "Captures are written by the endpoint, to a bucket of its own region; a failing write fails silently."
    fix = "Name a bucket of this region. Whether the role may write there, only IAM can tell."
    reads = ("GetBucketLocation",)
    absent = ("NoSuchBucket",)
    given = "The bucket is in another region."
    bad = fleet_file(
        config="data_capture_config: {initial_sampling_percentage: 20, capture_options: [{capture_mode: Input}], "
        "destination_s3_uri: s3://acme-elsewhere/capture}  # here"
    )
    good = fleet_file()

    def questions(self, facts: FleetFacts) -> Iterator[Question]:
        for config in facts.configs.values() if facts.scope.region else ():
            uri = config.capture.get("DestinationS3Uri")
            yield from bucket_location(config.resource, ("DataCaptureConfig", "DestinationS3Uri"), uri, facts)

    def found(self, question: Question, answer: Answer) -> Iterator[str]:
        yield from other_region(question, answer)


class SomeContentTypes(Rule):
    id = "CAP-11"
    title = "A capture content type header names content types"
    severity = "error"
    basis = "inf"
    source = (
        "botocore sagemaker/2017-07-24, shapes CsvContentTypes, JsonContentTypes: at least one item; "
        "terraform-provider-aws tests"
    )
    why = "A header without any content type says nothing of how to read what is captured."
    fix = "Name the types in `csv_content_types` or `json_content_types`, or drop the header."
    bad = fleet_file(config=_CAPTURE % ("", "Output") + _HEADER % "{}  # here")
    good = fleet_file(config=_CAPTURE % ("", "Output") + _HEADER % "{csv_content_types: [text/csv]}")
    members = ("DataCaptureConfig",)

    def config(self, config: Config) -> Iterator[Hit]:
        header = config.capture.get("CaptureContentTypeHeader")
        if header is not None and all(kinds is None for kinds in header.values()):
            yield ("DataCaptureConfig", "CaptureContentTypeHeader"), "the header names no content type"


def _capture(bad: str) -> str:
    return fleet_file(config=f"data_capture_config: {bad}  # here")


SHAPES: Final = (
    ShapeRule(
        "CAP-01",
        "Data capture has a percentage, a destination and capture options",
        "DataCaptureConfig",
        constraints=Constraints(
            missing=(
                ("DataCaptureConfig", "InitialSamplingPercentage"),
                ("DataCaptureConfig", "DestinationS3Uri"),
                ("DataCaptureConfig", "CaptureOptions"),
            )
        ),
        bad=_capture("{initial_sampling_percentage: 20, capture_options: [{capture_mode: Input}]}"),
        good=_GOOD_CAPTURE,
    ),
    ShapeRule(
        "CAP-02",
        "A sampling percentage is a percentage",
        "SamplingPercentage",
        bad=_capture(_CAPTURED.replace("20", "120")),
        good=_GOOD_CAPTURE,
    ),
    ShapeRule(
        "CAP-03",
        "Captured data goes to an S3 address",
        "DestinationS3Uri",
        constraints=Constraints(places=(("DataCaptureConfig", "DestinationS3Uri"),)),
        bad=_capture(_CAPTURED.replace("s3://", "")),
        good=_GOOD_CAPTURE,
    ),
    ShapeRule(
        "CAP-04",
        "Capture options are modes that SageMaker knows",
        "CaptureOptionList, CaptureMode",
        bad=_capture(_CAPTURED.replace("Input}", "Inputs}")),
        good=_GOOD_CAPTURE,
    ),
    ShapeRule(
        "CAP-06",
        "Capture content types are media types, within the API's numbers",
        "CsvContentTypes, JsonContentTypes",
        constraints=Constraints(shapes=("CsvContentTypes", "CsvContentType", "JsonContentTypes", "JsonContentType")),
        bad=_capture(_CAPTURED[:-1] + ", capture_content_type_header: {csv_content_types: [csv]}}"),
        good=fleet_file(
            config=f"data_capture_config: {_CAPTURED[:-1]}, capture_content_type_header: {{csv_content_types: "
            f"[text/csv]}}}}"
        ),
    ),
)
