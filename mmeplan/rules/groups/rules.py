"""Rules about rules and exceptions (RULE and ALW), and the rule of all shapes that no other names (API)."""

from __future__ import annotations

from typing import Final

from mmeplan.rules.examples import fleet_file
from mmeplan.rules.rule import Constraints, Rule, ShapeRule


class CrashedRule(Rule):
    id = "RULE-00"
    title = "A rule could look at everything"
    severity = "error"
    basis = "inf"
    source = "docs/fleet-yaml.md"
    why = (
        "A rule crashed on something in this fleet, or a package of rules could not be loaded: a bug of mmeplan or of "
        "that package. What it would have found there is unknown."
    )
    fix = "Report it with the message; `allow: {RULE-00: reason}` goes on without that rule, here only."
    bad = ""
    good = fleet_file()


class UnusableAllowance(Rule):
    id = "ALW-01"
    title = "An `allow` names a rule that exists and that can be lowered"
    severity = "warning"
    basis = "own"
    source = "docs/fleet-yaml.md, keys that are mmeplan's own: allow"
    why = (
        "Rules that restate the API's own constraints can't be lowered: SageMaker would refuse the request "
        "all the same. "
        "An id that doesn't exist lowers nothing, so the reason beside it protects nobody."
    )
    fix = "Correct the id, or remove the line and fix what the rule finds."
    bad = fleet_file(endpoint='allow: {DEP-99: "agreed with the platform team"}  # here')
    good = fleet_file(
        endpoint='allow: {CFG-09: "a test endpoint; downtime is fine"}',
        variant="initial_instance_count: 1",
    )


class IdleAllowance(Rule):
    id = "ALW-02"
    title = "An `allow` matches a finding"
    severity = "warning"
    basis = "own"
    source = "docs/fleet-yaml.md, keys that are mmeplan's own: allow"
    why = (
        "An exception that excuses nothing today silently excuses whatever comes along tomorrow. Rules that look at "
        "what is live are left out: what they find comes and goes."
    )
    fix = "Remove the line: the rule finds nothing here any more."
    bad = fleet_file(endpoint='allow: {CFG-09: "one instance is enough"}  # here')
    good = fleet_file(
        endpoint='allow: {CFG-09: "one instance is enough"}',
        variant="initial_instance_count: 1",
    )


class KnownToBotocore(Rule):
    """Its findings come from the walk over the shapes (`rules.walking`)."""

    id = "API-02"
    title = "A value is one that the installed botocore knows"
    severity = "error"
    basis = "inf"
    source = "botocore sagemaker/2017-07-24: the values of its enumerations, as of its release"
    why = (
        "Instance types and values of enumerations are read from the installed botocore, and AWS adds to them. This "
        "one is written as such a value is, and resembles none that botocore knows: it is newer than botocore, or "
        "there is none."
    )
    fix = (
        "Upgrade botocore with boto3 (`pip install --upgrade boto3`); where the newest doesn't know it either, and "
        "SageMaker does, allow this with that reason."
    )
    bad = fleet_file(variant="instance_type: ml.z9.4xlarge  # here")
    good = fleet_file(variant="instance_type: ml.m5.4xlarge")


SHAPES: Final = (
    ShapeRule(
        "API-01",
        "Every value fits its request shape",
        "CreateModelInput, CreateEndpointConfigInput, CreateEndpointInput and UpdateEndpointInput",
        constraints=Constraints(),
        bad=fleet_file(
            config="metrics_config: {enable_enhanced_metrics: true}\ncross_region_traffic_config: "
            "{max_invocations_per_second_per_instance: 5}  # here"
        ),
        good=fleet_file(
            config="cross_region_traffic_config: {max_invocations_per_second_per_instance: 5, "
            "max_cross_region_percent_per_endpoint: 10}"
        ),
    ),
)
