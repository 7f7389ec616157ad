"""Masking: what is hidden, what shows through, and what is left alone."""

from dataclasses import replace

from mmeplan import plan, render
from mmeplan.plan import FieldChange
from mmeplan.plan.masking import masked

FLEET = """\
version: 1
fleet: prices
models:
  ranker:
    execution_role_arn: arn:aws:iam::123456789012:role/sagemaker
    primary_container: {image: i, model_data_url: 's3://m/m.tar.gz', environment: {TOKEN: hunter2, SAME: hunter2}}
endpoints:
  ranker:
    config: {production_variants: {all: {model: ranker, instance_type: ml.m5.large, initial_instance_count: 1}}}
"""


def one_field(made: plan.Plan, item: FieldChange) -> FieldChange:
    """The field as masking leaves it."""
    change = replace(made.changes[0], fields=(item,))
    return masked(replace(made, changes=(change,))).changes[0].fields[0]


def test_equal_values_have_equal_masks_within_a_plan_and_others_in_the_next(plan_of) -> None:
    made = plan_of(FLEET)
    container = masked(made).step("CreateModel:model/ranker").params["PrimaryContainer"]
    assert container["Environment"]["TOKEN"] == container["Environment"]["SAME"]
    assert container["Environment"]["TOKEN"].startswith("(masked, ")
    other = masked(replace(made, plan_id="sha256:1")).step("CreateModel:model/ranker").params["PrimaryContainer"]
    assert other["Environment"]["TOKEN"] != container["Environment"]["TOKEN"]
    assert container["Image"] == "i"


def test_absent_values_stay_absent_and_new_ones_are_masked(plan_of) -> None:
    item = one_field(plan_of(FLEET), FieldChange((), None, "x", "primary_container.environment.A"))
    assert item.before is None
    assert item.after.startswith("(masked, ")


def test_a_variant_named_environment_is_no_secret(plan_of) -> None:
    item = FieldChange((), "ml.m5.large", "ml.m5.xlarge", "production_variants.environment.instance_type")
    assert one_field(plan_of(FLEET), item) is item


def test_environments_inside_a_list_that_appears_whole_are_masked(plan_of) -> None:
    item = one_field(
        plan_of(FLEET), FieldChange((), None, [{"Image": "i", "Environment": {"A": "secret"}}], "containers")
    )
    assert "secret" not in repr(item.after)
    assert item.after[0]["Image"] == "i"


def test_every_text_of_an_environment_is_masked_whatever_holds_it(plan_of) -> None:
    """No mmeplan writes such a plan; somebody else's file may hold it."""
    value = ["secret", {"A": "secret"}, ("secret", 5, None)]
    item = one_field(plan_of(FLEET), FieldChange((), None, value, "primary_container.environment.A"))
    assert "secret" not in repr(item)
    assert item.after[2][1:] == [5, None]


def test_environments_are_masked_on_the_side_that_has_them(plan_of) -> None:
    """A container that goes, one that comes, and one beside which something else has changed."""
    container = {"Image": "i", "Environment": {"A": "secret"}}
    for before, after in [(container, None), (None, container), (container, {"Image": "j"}), ({}, container)]:
        item = one_field(plan_of(FLEET), FieldChange((), before, after, "primary_container"))
        assert "secret" not in repr(item), (before, after)
        assert "(masked, " in repr(item), (before, after)


def test_what_holds_no_value_is_shared_and_not_copied(plan_of) -> None:
    made = plan_of(FLEET)
    after = masked(made)
    assert all(one is other for one, other in zip(made.changes, after.changes, strict=True))
    assert [one is other for one, other in zip(made.steps, after.steps, strict=True)].count(False) == 1


def test_the_document_says_that_it_is_masked(plan_of) -> None:
    made = plan_of(FLEET)
    assert "hunter2" not in render.json_text(made)
    assert '"masked": true' in render.json_text(made)
    assert plan.read(render.json_text(made, show_environment=True), "plan.json") == made
