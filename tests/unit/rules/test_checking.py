"""The framework around rules: crashes, places in the file, order."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from mmeplan import graph, rules, spec
from mmeplan.plan.finding import Finding
from mmeplan.rules.checking import check
from mmeplan.rules.examples import fleet_file
from mmeplan.rules.facts import Config, FleetFacts, Model, Variant
from mmeplan.rules.rule import FleetHit, Hit, Rule


class _Own(Rule):
    id = "TST-01"
    title = "Title"
    severity = "warning"
    basis = "inf"
    source = "here"
    why = "Why."
    fix = "Fix."
    bad = ""
    good = ""


class _CrashesOnModels(_Own):
    def model(self, model: Model) -> Iterator[Hit]:
        raise KeyError("PrimaryContainer")
        yield


class _CrashesOnTheFleet(_Own):
    def fleet(self, facts: FleetFacts) -> Iterator[FleetHit]:
        raise ValueError("no")
        yield


class _FindsSomethingThenCrashes(_Own):
    def config(self, config: Config) -> Iterator[Hit]:
        yield ("ProductionVariants",), "first"
        raise RuntimeError("then")


class _CountsServerless(_Own):
    members = ("ServerlessConfig",)

    def __init__(self) -> None:
        self.seen: list[str] = []

    def variant(self, variant: Variant) -> Iterator[Hit]:
        self.seen.append(variant.name)
        return iter(())


def checked(text: str, *extra: Rule) -> list[Finding]:
    fleet = spec.load_text(text.encode())
    return check(fleet, graph.compile(fleet), [*rules.all_rules(), *extra])


def only(found: list[Finding], rule: str) -> Finding:
    (finding,) = [finding for finding in found if finding.rule == rule]
    return finding


def test_a_rule_that_crashes_is_a_finding_about_the_rule_on_that_resource() -> None:
    crash = only(checked(fleet_file(), _CrashesOnModels()), "RULE-00")

    assert (crash.severity, crash.address, crash.line) == ("error", "model/ranker", 6)
    assert crash.message == "The rule TST-01 crashed on model/ranker: KeyError: 'PrimaryContainer'"


def test_a_rule_that_crashes_on_the_whole_fleet_is_a_finding_without_an_address() -> None:
    crash = only(checked(fleet_file(), _CrashesOnTheFleet()), "RULE-00")

    assert (crash.severity, crash.address) == ("error", "")


def test_what_a_rule_found_before_it_crashed_is_kept() -> None:
    found = checked(fleet_file(), _FindsSomethingThenCrashes())

    assert {finding.rule for finding in found} == {"TST-01", "RULE-00"}


def test_a_crash_can_be_allowed_so_that_a_bug_of_mmeplan_does_not_hold_up_a_rollout() -> None:
    crash = only(checked(fleet_file(model='allow: {RULE-00: "reported"}'), _CrashesOnModels()), "RULE-00")

    assert (crash.severity, crash.allowed) == ("note", "reported")


def test_a_rule_sees_only_subjects_that_have_one_of_its_members() -> None:
    rule = _CountsServerless()
    checked(fleet_file(), rule)
    assert rule.seen == []
    checked(fleet_file(serverless=True), rule)
    assert rule.seen == ["main"]


def test_findings_are_sorted_by_line_then_column_then_rule() -> None:
    text = fleet_file(
        model="execution_role_arn: nonsense",
        variant="instance_type: nonsense\nvolume_size_in_gb: 0",
        config="kms_key_id: x",
    )
    places = [(finding.line, finding.column, finding.rule, finding.address) for finding in checked(text)]

    assert len(places) > 3
    assert places == sorted(set(places))


def test_findings_are_the_same_whatever_the_order_of_the_entries() -> None:
    one = "a: {execution_role_arn: no, primary_container: {image: x}}"
    two = "b: {execution_role_arn: no, primary_container: {image: y}}"
    found = [
        {
            (finding.rule, finding.address, finding.message)
            for finding in checked(fleet_file(models=models, variant="model: a"))
        }
        for models in (f"{one}\n{two}", f"{two}\n{one}")
    ]

    assert found[0] == found[1]


def test_a_value_from_the_defaults_is_found_where_the_defaults_stand() -> None:
    text = fleet_file(fleet="defaults:\n  model:\n    execution_role_arn: nonsense", without=("execution_role_arn",))
    finding = only(checked(text), "ARN-01")

    assert text.splitlines()[finding.line - 1] == "    execution_role_arn: nonsense"
    assert finding.path == "models.ranker.execution_role_arn"


def test_each_entry_of_a_for_each_has_its_finding_at_the_line_of_the_template() -> None:
    text = fleet_file(
        models="""
            "{{ each.key }}":
              for_each: [alpha, beta]
              execution_role_arn: nonsense
              primary_container: {image: 123456789012.dkr.ecr.eu-west-1.amazonaws.com/ranker:1}
        """,
        variants="""
            one: {model: alpha, instance_type: ml.m5.xlarge, initial_instance_count: 2}
            two: {model: beta, instance_type: ml.m5.xlarge, initial_instance_count: 2}
        """,
    )
    found = [finding for finding in checked(text) if finding.rule == "ARN-01"]

    assert [finding.address for finding in found] == ["model/alpha", "model/beta"]
    assert {text.splitlines()[finding.line - 1].strip() for finding in found} == {"execution_role_arn: nonsense"}


def test_a_logical_reference_is_named_as_the_file_names_it() -> None:
    text = fleet_file(models="{}", variant="model_name: not_a_name", without=("model",))

    assert only(checked(text), "NAM-01").path.endswith("production_variants.main.model_name")


def test_a_bad_name_of_a_model_is_reported_at_the_model_and_not_at_each_variant_that_hosts_it() -> None:
    assert only(checked(fleet_file(model="name: bad_name")), "NAM-01").address == "model/ranker"


def test_a_name_that_mmeplan_derived_is_explained_by_the_name_of_the_entry() -> None:
    long = "x" * 64
    text = fleet_file().replace("endpoints:\n  ranker:", f"endpoints:\n  {long}:")
    finding = only(checked(text), "NAM-03")

    assert f"its entry's name '{long}'" in finding.message
    assert finding.path == f"endpoints.{long}"


def test_a_missing_member_is_found_at_what_should_hold_it() -> None:
    text = fleet_file(serverless=True, variant="serverless_config: {memory_size_in_mb: 2048}")

    assert only(checked(text), "SLS-02").path == "endpoints.ranker.config.production_variants.main.serverless_config"


@pytest.mark.parametrize(
    ("key", "rule"),
    [
        ("model_name: elsewhere", None),
        ("model: ranker", "MME-10"),
    ],
)
def test_rules_are_silent_about_models_outside_the_fleet(key: str, rule: str | None) -> None:
    text = fleet_file(multi_model=True, serverless=True, variant=key, without=("model",))
    found = {finding.rule for finding in checked(text)} - {"CFG-41"}

    assert found == ({rule} if rule else set())


def test_rules_are_silent_about_configs_outside_the_fleet() -> None:
    text = """
version: 1
fleet: example
endpoints:
  ranker:
    endpoint_config_name: elsewhere
    deployment_config:
      rolling_update_policy: {maximum_batch_size: {type: INSTANCE_COUNT, value: 9}, wait_interval_in_seconds: 60}
      auto_rollback_configuration: {alarms: [{alarm_name: ranker-5xx}]}
"""
    assert checked(text) == []


def test_the_facts_are_freed_without_a_collection() -> None:
    looked: list[str] = []

    class Looks(_Own):
        def variant(self, variant: Variant) -> Iterator[Hit]:
            looked.append(variant.name)
            return iter(())

    fleet = spec.load_text(fleet_file().encode())
    compiled = graph.compile(fleet)
    gc.collect()
    gc.disable()
    try:
        check(fleet, compiled, [*rules.all_rules(), Looks()])
        assert looked
        assert not [thing for thing in gc.get_objects() if isinstance(thing, (Model, Config, Variant))]
    finally:
        gc.enable()
