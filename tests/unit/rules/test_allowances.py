"""`allow`: what it lowers, where, and what is wrong with it."""

from __future__ import annotations

from mmeplan import graph, rules, spec
from mmeplan.plan.finding import Finding
from mmeplan.rules.examples import fleet_file

ONE_INSTANCE = "initial_instance_count: 1"
ALLOW = 'allow: {CFG-09: "a test endpoint"}'


def checked(text: str) -> list[Finding]:
    fleet = spec.load_text(text.encode())
    return rules.check(fleet, graph.compile(fleet))


def summary(text: str) -> list[tuple[str, str, str]]:
    return [(found.rule, found.severity, found.allowed) for found in checked(text)]


def test_an_endpoints_allow_lowers_findings_of_its_inline_config_to_notes_with_the_reason() -> None:
    assert summary(fleet_file(endpoint=ALLOW, variant=ONE_INSTANCE)) == [("CFG-09", "note", "a test endpoint")]


def test_an_allow_of_the_inline_config_itself_works_as_well() -> None:
    assert summary(fleet_file(config=ALLOW, variant=ONE_INSTANCE)) == [("CFG-09", "note", "a test endpoint")]


def test_an_allow_of_the_fleet_holds_everywhere() -> None:
    assert summary(fleet_file(fleet=ALLOW, variant=ONE_INSTANCE)) == [("CFG-09", "note", "a test endpoint")]


def test_an_allow_of_one_entry_does_not_hold_for_another() -> None:
    found = summary(fleet_file(model=ALLOW, variant=ONE_INSTANCE))

    assert found == [("ALW-02", "warning", ""), ("CFG-09", "warning", "")]


def test_the_closest_reason_is_the_one_that_is_told() -> None:
    text = fleet_file(fleet='allow: {CFG-09: "everywhere"}', endpoint='allow: {CFG-09: "here"}', variant=ONE_INSTANCE)

    assert ("CFG-09", "note", "here") in summary(text)


def test_a_rule_that_restates_the_api_stays_an_error_and_the_allow_is_a_finding() -> None:
    text = fleet_file(endpoint='allow: {CFG-06: "soon"}', variant="instance_type: ml.m9.huge")
    found = {finding.rule: finding for finding in checked(text)}

    assert found["CFG-06"].severity == "error"
    assert found["ALW-01"].severity == "warning"
    assert found["ALW-01"].path == "endpoints.ranker.allow.CFG-06"
    assert "can't be lowered" in found["ALW-01"].message


def test_an_allow_of_an_unknown_rule_suggests_the_closest() -> None:
    (found,) = checked(fleet_file(endpoint='allow: {CFG-9: "typo"}'))

    assert (found.rule, found.message) == ("ALW-01", "There is no rule CFG-9; did you mean CFG-39?")


def test_an_allow_that_matches_nothing_is_a_finding_at_its_line() -> None:
    text = fleet_file(endpoint=ALLOW)
    (found,) = checked(text)

    assert found.rule == "ALW-02"
    assert text.splitlines()[found.line - 1].strip() == ALLOW


def test_an_allow_in_the_defaults_counts_as_used_when_one_of_the_entries_uses_it() -> None:
    models = """
        ranker: {execution_role_arn: "arn:aws:iam::210987654321:role/x", primary_container: {image: I}}
        other: {execution_role_arn: "arn:aws:iam::123456789012:role/x", primary_container: {image: I}}
    """.replace("I}", "123456789012.dkr.ecr.eu-west-1.amazonaws.com/ranker:1}")
    variants = """
        one: {model: ranker, instance_type: ml.m5.xlarge, initial_instance_count: 2}
        two: {model: other, instance_type: ml.m5.xlarge, initial_instance_count: 2}
    """
    text = fleet_file(
        fleet='defaults:\n  model:\n    allow: {ARN-03: "a shared role"}', models=models, variants=variants
    )

    assert summary(text) == [("ARN-03", "note", "a shared role")]


def test_an_allow_in_the_defaults_that_no_entry_uses_is_one_finding_and_not_one_per_entry() -> None:
    models = "\n".join(
        f"{name}: {{execution_role_arn: 'arn:aws:iam::123456789012:role/x', primary_container: "
        "{image: '123456789012.dkr.ecr.eu-west-1.amazonaws.com/ranker:1'}}"
        for name in ("ranker", "other")
    )
    variants = """
        one: {model: ranker, instance_type: ml.m5.xlarge, initial_instance_count: 2}
        two: {model: other, instance_type: ml.m5.xlarge, initial_instance_count: 2}
    """
    text = fleet_file(
        fleet='defaults:\n  model:\n    allow: {ARN-03: "a shared role"}', models=models, variants=variants
    )

    assert summary(text) == [("ALW-02", "warning", "")]


def test_findings_about_allow_cannot_be_allowed_away() -> None:
    found = summary(fleet_file(fleet='allow: {ALW-02: "quiet"}', endpoint=ALLOW))

    assert sorted(found) == [("ALW-01", "warning", ""), ("ALW-02", "warning", "")]
