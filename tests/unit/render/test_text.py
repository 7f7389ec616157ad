"""The page of a plan: a few whole texts, as people see them, and what holds for every other situation."""

import re
from dataclasses import replace

import pytest

from mmeplan import render
from mmeplan.plan import Capacity, Finding, InstanceCapacity, Plan

FLEET = """\
version: 1
fleet: prices
models:
  ranker:
    execution_role_arn: arn:aws:iam::123456789012:role/sagemaker
    primary_container:
      image: 123456789012.dkr.ecr.eu-west-1.amazonaws.com/ranker:1.7
      model_data_url: s3://acme-models/ranker/model.tar.gz
      environment: {TOKEN: hunter2-hunter2}
endpoints:
  ranker:
    config:
      production_variants:
        large: {model: ranker, instance_type: ml.m5.xlarge, initial_instance_count: 2, initial_variant_weight: 2}
        small: {model: ranker, instance_type: ml.m5.large, initial_instance_count: 1, initial_variant_weight: 1}
    deployment_config:
      blue_green_update_policy:
        traffic_routing_configuration:
          type: CANARY
          canary_size: {type: CAPACITY_PERCENT, value: 25}
          wait_interval_in_seconds: 300
      auto_rollback_configuration: {alarms: [{alarm_name: a}, {alarm_name: b}]}
"""

SWAPPED = (
    FLEET.replace("ml.m5.xlarge", "ml.m5.2xlarge").replace("ranker:1.7", "ranker:1.8").replace("hunter2", "hunter3")
)
LARGE = "{model: ranker, instance_type: ml.m5.xlarge, initial_instance_count: 2, initial_variant_weight: 2}"
SMALL = "{model: ranker, instance_type: ml.m5.large, initial_instance_count: 1, initial_variant_weight: 1}"
SMALL = f"        small: {SMALL}\n"
SERVERLESS = FLEET.replace(LARGE, "{model: ranker, serverless_config: {memory_size_in_mb: 2048, max_concurrency: 20}}")
SERVERLESS = SERVERLESS.replace(SMALL, "")
EMPTY = "version: 1\nfleet: prices\nendpoints: {}\n"


def shared(names: tuple[str, ...], image: str = "ranker:1.7", *, unlike: bool = False) -> str:
    """A fleet whose endpoints all serve one model; `unlike`: each with a weight of its own."""
    variant = "{all: {model: common, instance_type: ml.m5.large, initial_instance_count: 1%s}}"
    weights = [f", initial_variant_weight: {number + 2}" if unlike else "" for number in range(len(names))]
    endpoints = "".join(
        f"  {name}: {{config: {{production_variants: {variant % weight}}}}}\n"
        for name, weight in zip(names, weights, strict=True)
    )
    container = f"{{image: '123456789012.dkr.ecr.eu-west-1.amazonaws.com/{image}', model_data_url: 's3://m/m.tar.gz'}}"
    model = f"{{execution_role_arn: 'arn:aws:iam::123456789012:role/sagemaker', primary_container: {container}}}"
    return f"version: 1\nfleet: prices\nmodels:\n  common: {model}\nendpoints:\n{endpoints}"


def page(plan: Plan, width: int = 80, **more: object) -> str:
    """The text with a plan id that doesn't move, and without the drift section."""
    fixed = replace(plan, plan_id="sha256:" + "0" * 64, drift=())
    return render.text(fixed, width=width, **more)  # type: ignore[arg-type]


def test_a_create(plan_of) -> None:
    assert (
        page(plan_of(FLEET), next_command="mmeplan apply plan.json")
        == """\
fleet prices · account 123456789012 · eu-west-1                plan 000000000000

+ endpoint/ranker                                                  fleet.yaml:11
  created: nothing of that name is live
    large  2 × ml.m5.xlarge  66.7 %  model/ranker
    small  1 × ml.m5.large   33.3 %  model/ranker
    later updates  blue/green, canary 25 % for 5 min, then the rest; rolled back
                   by any of 2 alarms
    alarms         a, b
  ├ + endpoint_config/ranker  new, ranker-4266e02c                 fleet.yaml:12
  └ + model/ranker  new, ranker-730f004e                            fleet.yaml:4
        image        123456789012.dkr.ecr.eu-west-1.amazonaws.com/ranker:1.7
        data         s3://acme-models/ranker/model.tar.gz
        environment  TOKEN
        execution_role_arn  arn:aws:iam::123456789012:role/sagemaker

Instances     now  peak  after
ml.m5.large   0    1     1
ml.m5.xlarge  0    2     2

Plan: 3 to create, 0 to update, 0 to delete.
Takes about 2 to 6 minutes (endpoint/ranker).
Next: mmeplan apply plan.json
"""
    )


def test_a_swap_with_a_canary(plan_of, live) -> None:
    assert (
        page(plan_of(SWAPPED, live(FLEET)), next_command="mmeplan apply plan.json")
        == """\
fleet prices · account 123456789012 · eu-west-1                plan 000000000000

~ endpoint/ranker                                                  fleet.yaml:11
  traffic shifts: blue/green, canary 25 % for 5 min, then the rest; rolled back
  by any of 2 alarms
    alarms  a, b
  kept for a rollback: ranker-4266e02c
  ├ + endpoint_config/ranker                                       fleet.yaml:12
  │   new, ranker-4266e02c → ranker-6ebcc0d7
  │     production_variants.large
  │       instance_type  ml.m5.xlarge → ml.m5.2xlarge                        :14
  └ + model/ranker  new, ranker-730f004e → ranker-e2ff454b          fleet.yaml:4
        primary_container
          image                                                               :7
              123456789012.dkr.ecr.eu-west-1.amazonaws.com/ranker:1.7
            → 123456789012.dkr.ecr.eu-west-1.amazonaws.com/ranker:1.8
        primary_container.environment
          TOKEN  (masked, d854a0da) → (masked, 509bfd1c)                      :9

Instances      now  peak  after
ml.m5.2xlarge  0    2     2
ml.m5.large    1    2     1
ml.m5.xlarge   2    2     0

Plan: 2 to create, 1 to update, 0 to delete; traffic shifts on 1 endpoint.
Takes about 7 to 13 minutes (endpoint/ranker).
Next: mmeplan apply plan.json
"""
    )


def test_a_swap_on_a_wide_terminal(plan_of, live) -> None:
    assert (
        page(plan_of(SWAPPED, live(FLEET)), 140, next_command="mmeplan apply plan.json")
        == """\
fleet prices · account 123456789012 · eu-west-1                                    plan 000000000000

~ endpoint/ranker                                                                      fleet.yaml:11
  traffic shifts: blue/green, canary 25 % for 5 min, then the rest; rolled back by any of 2 alarms
    alarms  a, b
  kept for a rollback: ranker-4266e02c
  ├ + endpoint_config/ranker  new, ranker-4266e02c → ranker-6ebcc0d7                   fleet.yaml:12
  │     production_variants.large
  │       instance_type  ml.m5.xlarge → ml.m5.2xlarge                                            :14
  └ + model/ranker  new, ranker-730f004e → ranker-e2ff454b                              fleet.yaml:4
        primary_container
          image                                                                                   :7
              123456789012.dkr.ecr.eu-west-1.amazonaws.com/ranker:1.7
            → 123456789012.dkr.ecr.eu-west-1.amazonaws.com/ranker:1.8
        primary_container.environment
          TOKEN  (masked, d854a0da) → (masked, 509bfd1c)                                          :9

Instances      now  peak  after
ml.m5.2xlarge  0    2     2
ml.m5.large    1    2     1
ml.m5.xlarge   2    2     0

Plan: 2 to create, 1 to update, 0 to delete; traffic shifts on 1 endpoint.
Takes about 7 to 13 minutes (endpoint/ranker).
Next: mmeplan apply plan.json
"""
    )


def test_an_outage_that_is_refused(plan_of, live) -> None:
    assert (
        page(plan_of(SERVERLESS, live(FLEET)))
        == """\
fleet prices · account 123456789012 · eu-west-1                plan 000000000000

fleet.yaml:11:3  error  SLS-12  endpoint/ranker would be deleted and created,
    which is an outage: a real-time endpoint can't be updated to serverless: it
    is deleted and created
    help: --allow-outage endpoint/ranker

± endpoint/ranker                                                  fleet.yaml:11
  OUTAGE: a real-time endpoint can't be updated to serverless: it is deleted and
  created
    large  2 instances → serverless, 2048 MB, up to 20 at once  66.7 % → 100 %
    small  removed, was 1 instance                              33.3 % → 0 %
    later updates  blue/green, canary 25 % for 5 min, then the rest; rolled back
                   by any of 2 alarms
    alarms         a, b
  ├ + endpoint_config/ranker                                       fleet.yaml:12
  │   new, ranker-4266e02c → ranker-dba5683b
  │     production_variants.large
  │       initial_instance_count  2 → (absent)                               :14
  │       initial_variant_weight  2 → 1                                      :14
  │       instance_type           ml.m5.xlarge → (absent)                    :14
  │     production_variants.large.serverless_config
  │       max_concurrency    (absent) → 20                                   :14
  │       memory_size_in_mb  (absent) → 2048                                 :14
  │     production_variants.small
  │       initial_instance_count  1 → (absent)                               :13
  │       instance_type           ml.m5.large → (absent)                     :13
  │       model_name              ranker-730f004e → (absent)                 :13
  └ = model/ranker  unchanged, ranker-730f004e

Instances     now  peak  after
ml.m5.large   1    1     0
ml.m5.xlarge  2    2     0

Refused: 1 error. Nothing can be applied.
1 unchanged
"""
    )


def test_an_outage_that_is_allowed_stands_at_the_top(plan_of, live) -> None:
    text = page(plan_of(SERVERLESS, live(FLEET), allow_outage=["endpoint/ranker"]))
    assert text.splitlines()[2] == "OUTAGE of 1 endpoint: endpoint/ranker"
    assert "Plan: 2 to create, 0 to update, 1 to delete; OUTAGE on 1 endpoint.\n" in text


def test_weights_and_counts_in_place(plan_of, live) -> None:
    text = page(plan_of(FLEET.replace("initial_variant_weight: 2", "initial_variant_weight: 3"), live(FLEET)))
    assert "  in place, no new fleet\n" in text
    assert "    large  2 × ml.m5.xlarge  66.7 % → 75 %\n" in text
    assert "initial_variant_weight  2 → 3" in text
    assert "endpoint_config/" not in text
    assert "; 1 endpoint changed in place.\n2 unchanged\n" in text


def test_tags_alone(plan_of, live) -> None:
    text = page(plan_of(FLEET + "defaults: {tags: {team: risk}}\n", live(FLEET + "defaults: {tags: {owner: ann}}\n")))
    assert text.count("tags +team=risk, -owner=ann\n") == 3
    assert "no effect on traffic: only tags differ; nothing is rolled" in text
    assert "mmeplan:" not in text


def test_a_deletion_is_told_first_and_takes_its_config_and_model_along(plan_of, live) -> None:
    text = page(plan_of(EMPTY, live(FLEET)))
    assert text.splitlines()[2] == "DELETION of 1 endpoint: endpoint/ranker"
    assert re.search(r"^  ├ - endpoint_config/ranker  deleted, ranker-[0-9a-f]{8}$", text, re.MULTILINE)
    assert re.search(r"^  └ - model/ranker  deleted, ranker-[0-9a-f]{8}$", text, re.MULTILINE)
    assert "Other configs and models" not in text
    assert "Plan: 0 to create, 0 to update, 3 to delete; 1 endpoint gone for good.\n" in text


def test_a_failed_endpoint_is_recreated_with_its_reason(plan_of, live) -> None:
    side = live(FLEET)
    side.endpoint("ranker").update(EndpointStatus="Failed", FailureReason="the ping health check failed")
    text = page(plan_of(FLEET, side))
    assert "± endpoint/ranker" in text
    assert "deleted and created: it serves nothing now" in text
    assert "(the ping health check failed)" in text


def test_an_unreadable_endpoint_is_named_with_the_action_that_is_missing(plan_of, live) -> None:
    denied = "denied: the caller lacks sagemaker:DescribeEndpoint"
    text = page(plan_of(FLEET, live(FLEET).unreadable("endpoint", "ranker", denied)))
    assert "? endpoint/ranker" in text
    assert "UNREADABLE: nothing is planned for it" in text
    assert "lacks sagemaker:DescribeEndpoint" in text
    assert "not everything could be read, so this plan may lack changes" in text
    assert "Refused: 1 error. Nothing can be applied.\n" in text


def test_a_shared_model_is_told_once_and_referred_to_afterwards(plan_of, live) -> None:
    after = shared(("a", "b", "c"), "ranker:1.8")
    for name in "abc":  # so that they aren't alike
        after = after.replace(f"  {name}: {{", f"  {name}: {{tags: {{own: {name * 2}}}, ")
    text = page(plan_of(after, live(shared(("a", "b", "c")))))
    assert text.count("ranker:1.8") == 1
    assert text.count("see above") == 2
    assert text.count("its content is the same; what it refers to gets a new name") == 3


def test_a_kept_generation_is_used_again(plan_of, live) -> None:
    text = page(plan_of(SWAPPED, live(SWAPPED, FLEET)))
    assert re.search(r"= endpoint_config/ranker  re-used, ranker-[0-9a-f]{8}\n", text)
    assert re.search(r"= model/ranker  re-used, ranker-[0-9a-f]{8}\n", text)
    assert "kept from before, with this very content: nothing is created" in text
    assert "Plan: 0 to create, 1 to update, 0 to delete; traffic shifts on 1 endpoint.\n" in text


def test_superseded_generations_go_under_their_endpoint(plan_of, live) -> None:
    side = live(*(shared(("a",), f"ranker:1.{number}") for number in range(4)))
    text = page(plan_of(shared(("a",), "ranker:2.0"), side))
    assert text.count(", a superseded generation\n") >= 4
    assert "Other configs and models" not in text
    assert "kept for a rollback: a-" in text


def test_drift_is_told_in_the_order_of_time(plan_of, live) -> None:
    side = live(FLEET)
    side.endpoint("ranker")["ProductionVariants"][0]["DesiredInstanceCount"] = 7
    text = render.text(plan_of(FLEET, side))
    section = text[text.index("Changed outside mmeplan (applied → live)") :]
    assert "! endpoint/ranker" in section
    assert "initial_instance_count  2 → 7" in section
    assert "large  7 → 2 × ml.m5.xlarge" in text


def test_no_changes(plan_of, live) -> None:
    text = page(plan_of(FLEET, live(FLEET)))
    assert text.splitlines()[1:] == ["", "No changes. What is live is what fleet.yaml says.", "3 unchanged"]


def test_a_note_on_an_unchanged_endpoint_is_shown(plan_of, live) -> None:
    text = page(plan_of(FLEET.replace("value: 25", "value: 50"), live(FLEET)))
    assert "endpoint/ranker: deployment_config differs from the last rollout's; it takes\n  effect with" in text
    assert "No changes." in text


def test_serverless_variants_are_told_by_memory_and_concurrency(plan_of) -> None:
    assert "    large  serverless, 2048 MB, up to 20 at once  100 %  model/ranker\n" in page(plan_of(SERVERLESS))


def test_variants_that_come_and_go(plan_of, live) -> None:
    one = FLEET.replace(SMALL, "")
    assert "    small  new, 1 × ml.m5.large  0 % → 33.3 %\n" in page(plan_of(FLEET, live(one)))
    gone = page(plan_of(one, live(FLEET)))
    assert "    small  removed, was 1 instance  33.3 % → 0 %\n" in gone
    assert "traffic shifts: blue/green, all at once" in gone


def test_five_hundred_endpoints_are_a_page_and_not_a_book(plan_of) -> None:
    text = page(plan_of(shared(tuple(f"e{number:03}" for number in range(500)), unlike=True)))
    assert text.count("+ endpoint/") == 20
    flat = " ".join(text.split())
    assert "… and 480 more endpoints are created (endpoint/e020 … endpoint/e499); --full shows them" in flat
    assert "Other configs and models" not in text
    assert "Plan: 1,001 to create, 0 to update, 0 to delete.\n" in text


def test_every_deletion_up_to_two_hundred_is_shown(plan_of, live) -> None:
    text = page(plan_of(EMPTY, live(shared(tuple(f"e{number:03}" for number in range(201))))))
    assert text.count("- endpoint/") == 200
    assert "… and 1 more endpoint is deleted (endpoint/e200); --full shows it" in text


def test_hostile_names_write_no_escape_sequences(plan_of) -> None:
    text = FLEET.replace("hunter2-hunter2", '"\\e[31mred\\u202e"')
    shown = page(plan_of(text), show_environment=True, color=True)
    assert r"TOKEN=\x1b[31mred\u202e" in shown
    assert set(re.findall(r"\x1b\[[0-9;]*m", shown)) <= {f"\x1b[{code}m" for code in ("0", "1", "2", "32")}


def test_environment_values_are_shown_only_when_asked_for(plan_of, live) -> None:
    plan = plan_of(SWAPPED, live(FLEET))
    assert "hunter" not in page(plan)
    assert "TOKEN  hunter2-hunter2 → hunter3-hunter3" in page(plan, show_environment=True)


def test_a_stale_plan_has_a_banner(plan_of) -> None:
    lines = page(plan_of(FLEET), stale=("fleet.yaml changed", "endpoint/ranker changed")).splitlines()
    assert lines[0].startswith("STALE: ")
    assert lines[2:4] == ["  • fleet.yaml changed", "  • endpoint/ranker changed"]


def test_many_warnings_of_one_rule_are_counted(plan_of) -> None:
    warnings = [Finding("MME-21", "warning", f"endpoint/e{n}", "", f"warning {n}", "do it") for n in range(50)]
    text = page(plan_of(FLEET, None, warnings))
    assert text.count("MME-21") == 21
    assert "    … and 30 more warnings of MME-21\n" in text


@pytest.mark.parametrize("name", ["environment", "speculative", "targets", "destroy"])
def test_what_is_true_of_the_whole_plan_stands_in_the_head(plan_of, name: str) -> None:
    options = {"speculative": True, "targets": ["endpoint/ranker"], "destroy": True}
    plan = plan_of(FLEET, None, (), **{name: options[name]} if name in options else {})
    words = {
        "environment": "fleet prices (prod)",
        "speculative": "SPECULATIVE: made from a saved snapshot, to be read. It can't be applied.",
        "targets": "only endpoint/ranker and what that depends on (--target)",
        "destroy": "destroy: everything that this fleet owns goes",
    }
    assert words[name] in page(replace(plan, environment="prod" if name == "environment" else ""))


def test_instances_are_shown_where_a_number_changes_and_with_their_quota(plan_of, live) -> None:
    quotas = "quotas: {ml.m5.2xlarge: 10, ml.m5.large: 2}\n"
    text = page(plan_of(SWAPPED + quotas, live(FLEET)))
    assert "Instances      now  peak  after  quota\n" in text
    assert "ml.m5.2xlarge  0    2     2      10 (fleet.yaml)\n" in text
    assert "ml.m5.xlarge   2    2     0\n" in text
    assert "Instances" not in page(plan_of(FLEET, live(FLEET)))


def test_what_is_beyond_its_quota_is_marked_and_who_waits_is_counted(plan_of, live) -> None:
    names = ("a", "b", "c")
    side = live(shared(names))
    text = page(plan_of(shared(names, "ranker:1.8") + "quotas: {ml.m5.large: 3}\n", side))
    assert "ml.m5.large  3    6 !   3      3 (fleet.yaml)\n" in text
    text = page(plan_of(shared(names, "ranker:1.8") + "quotas: {ml.m5.large: 4}\n", side))
    assert "ml.m5.large  3    4     3      4 (fleet.yaml)\n" in text
    assert "  2 endpoints wait for others, so that the peak stays within the quotas\n" in text


def test_more_types_than_fit_are_counted(plan_of) -> None:
    types = [f"ml.m5.{n}xlarge" for n in range(20)]
    rows = tuple(InstanceCapacity(kind, 0, n + 1, n + 1) for n, kind in enumerate(types))
    text = page(replace(plan_of(FLEET), capacity=Capacity(10, rows)))
    assert text.count("ml.m5.") == 12 + 2
    assert "  and 8 more types\n" in text


def test_adoption_and_release_are_told(plan_of, live) -> None:
    side = live(FLEET)
    side.objects["endpoint"]["ranker"]["tags"] = {}
    text = page(plan_of(FLEET + "    adopt: true\n", side))
    assert "⇄ endpoint/ranker" in text
    assert "taken under management; no effect on traffic" in text
    left = page(plan_of(EMPTY, live(FLEET + "    on_remove: retain\n")))
    assert "○ endpoint/ranker" in left
    assert "stays live, no longer managed" in left
