"""The data that assigns shapes to rules, held against the installed botocore; and the sentences for people."""

from __future__ import annotations

import botocore
import pytest

from mmeplan import graph, rules, spec
from mmeplan.aws.shapes import service
from mmeplan.rules.examples import fleet_file
from mmeplan.rules.walking import HOLDERS, MISSING, PLACES, SHAPES

OPERATIONS = ("CreateModel", "CreateEndpointConfig", "CreateEndpoint", "UpdateEndpoint")


def reachable() -> tuple[set[str], set[tuple[str, str]]]:
    """Every shape of the four requests, and every (holder member, member)."""
    model = service()
    shapes: set[str] = set()
    places: set[tuple[str, str]] = set()

    def walk(shape: str, holder: str) -> None:
        shapes.add(shape)
        content = model.shapes[shape]
        for member, reference in content.get("members", {}).items():
            if (holder, member) not in places:
                places.add((holder, member))
                walk(reference["shape"], member)
        for part in ("member", "key", "value"):
            if part in content:
                walk(content[part]["shape"], holder)

    for operation in OPERATIONS:
        walk(str(model.input_shape(operation)), "")
    return shapes, places


def test_every_shape_and_place_that_a_rule_is_assigned_to_exists_in_the_requests() -> None:
    shapes, places = reachable()

    assert set(SHAPES) - shapes == set()
    assert {*PLACES, *MISSING} - places == set()
    assert set(HOLDERS) - {member for _, member in places} == set()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "instance_type: m5.xlarge",
            "`instance_type` is 'm5.xlarge', which the API doesn't know; did you mean ml.m5.xlarge?",
        ),
        (
            "instance_type: ML.M5.XLARGE",
            "`instance_type` is 'ML.M5.XLARGE', which the API doesn't know; did you mean ml.m5.xlarge?",
        ),
        ("initial_variant_weight: -1", "`initial_variant_weight` is -1, but the least the API takes is 0"),
        (
            "routing_config: {}",
            "`routing_strategy` is missing; the API requires it: one of LEAST_OUTSTANDING_REQUESTS, RANDOM, "
            "PREFIX_AWARE, KV_AWARE",
        ),
    ],
)
def test_a_violation_is_told_in_the_words_of_the_file(line: str, message: str) -> None:
    fleet = spec.load_text(fleet_file(variant=line).encode())

    assert message in [finding.message for finding in rules.check(fleet, graph.compile(fleet))]


def test_a_value_that_is_too_long_is_not_also_told_the_pattern() -> None:
    fleet = spec.load_text(fleet_file(endpoint=f"name: {'x' * 64}").encode())
    (finding,) = rules.check(fleet, graph.compile(fleet))

    assert finding.message == "The endpoint's pinned name is 64 characters long; the API takes at most 63"


def test_tags_that_many_entries_share_are_reported_for_each_of_them() -> None:
    text = fleet_file(fleet="defaults:\n  tags: {team: 'a & b'}")
    fleet = spec.load_text(text.encode())
    found = [finding for finding in rules.check(fleet, graph.compile(fleet)) if finding.rule == "TAG-02"]

    assert {finding.address for finding in found} == {"endpoint/ranker", "endpoint_config/ranker", "model/ranker"}


def test_a_value_that_botocore_may_be_too_old_for_is_told_so_and_may_be_allowed() -> None:
    text = fleet_file(variant="instance_type: ml.g9.xlarge\nrouting_config: {routing_strategy: NEAREST}")
    fleet = spec.load_text(text.encode())
    found = {finding.path.rpartition(".")[2]: finding for finding in rules.check(fleet, graph.compile(fleet))}

    version = botocore.__version__
    told = found["instance_type"]
    assert (told.rule, told.severity) == ("API-02", "error")
    assert told.message == f"`instance_type` is 'ml.g9.xlarge', which botocore {version} doesn't know"
    assert "pip install --upgrade boto3" in told.help
    assert found["routing_strategy"].message.startswith(
        f"`routing_strategy` is 'NEAREST', which botocore {version} doesn't know; it knows LEAST_OUTSTANDING_REQUESTS"
    )
    allowed = spec.load_text(b'allow: {API-02: "since last week"}\n' + text.encode())
    assert {f.severity for f in rules.check(allowed, graph.compile(allowed)) if f.rule == "API-02"} == {"note"}
