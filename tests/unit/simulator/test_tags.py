"""Tags of single objects, and the search over all of them."""

from __future__ import annotations

import pytest


def tags_of(world, arn):
    return {tag["Key"]: tag["Value"] for tag in world("ListTags", ResourceArn=arn)["Tags"]}


def add(world, arn, **tags):
    return world("AddTags", ResourceArn=arn, Tags=[{"Key": key, "Value": value} for key, value in tags.items()])


def test_tags_of_a_create_are_listed_and_not_described(world):
    arn = world.model(tags={"b": "2", "a": "1"})
    assert list(tags_of(world, arn).items()) == [("a", "1"), ("b", "2")]
    assert "Tags" not in world("DescribeModel", ModelName="m")


def test_adding_a_key_again_overwrites_its_value(world):
    arn = world.model(tags={"a": "1"})
    assert add(world, arn, a="2", b="3")["Tags"] == [{"Key": "a", "Value": "2"}, {"Key": "b", "Value": "3"}]
    assert tags_of(world, arn) == {"a": "2", "b": "3"}


def test_the_fifty_first_tag_is_refused_and_nothing_is_added(world, refused):
    arn = world.model(tags={f"k{number}": "v" for number in range(49)})
    assert "more than 50 tags" in refused(add, world, arn, x="1", y="2")
    assert len(tags_of(world, arn)) == 49
    add(world, arn, x="1", k0="w")
    assert len(tags_of(world, arn)) == 50


def test_deleted_keys_are_gone_and_absent_ones_are_ignored(world):
    arn = world.model(tags={"a": "1", "b": "2"})
    assert world("DeleteTags", ResourceArn=arn, TagKeys=["a", "nope"]) == {}
    assert tags_of(world, arn) == {"b": "2"}


def test_tags_vanish_with_their_object(world):
    world.model(tags={"a": "1"})
    world("DeleteModel", ModelName="m")
    assert tags_of(world, world.model()) == {}


@pytest.mark.parametrize(
    "arn",
    [
        "arn:aws:sagemaker:eu-west-1:123456789012:endpoint/gone",
        "arn:aws:sagemaker:us-east-1:123456789012:model/m",
        "arn:aws:sagemaker:eu-west-1:210987654321:model/m",
        "arn:aws:sagemaker:eu-west-1:123456789012:training-job/m",
    ],
)
def test_an_absent_resource_has_no_tags(world, refused, arn):
    world.model()
    for operation, members in (
        ("ListTags", {}),
        ("AddTags", {"Tags": [{"Key": "a", "Value": "b"}]}),
        ("DeleteTags", {"TagKeys": ["a"]}),
    ):
        message = refused(world, operation, ResourceArn=arn, **members)
        assert message.startswith("Could not find ")
        assert message.endswith(f'"{arn}".')


@pytest.fixture
def tagged(world):
    world.model("m", tags={"fleet": "x", "stage": "prod"})
    world.model("n", tags={"fleet": "y"})
    world.model("bare")
    world("CreateEndpointConfig", EndpointConfigName="c", ProductionVariants=[world.variant()],
          Tags=[{"Key": "fleet", "Value": "x"}])  # fmt: skip
    return world


def found(answer):
    return [item["ResourceARN"].rpartition(":")[2] for item in answer["ResourceTagMappingList"]]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ([], ["model/m", "model/n", "endpoint-config/c"]),
        ([{"Key": "fleet"}], ["model/m", "model/n", "endpoint-config/c"]),
        ([{"Key": "fleet", "Values": ["x"]}], ["model/m", "endpoint-config/c"]),
        ([{"Key": "fleet", "Values": ["x", "y"]}, {"Key": "stage"}], ["model/m"]),
        ([{"Key": "other"}], []),
    ],
)
def test_resources_are_found_by_all_filters_and_any_value(tagged, filters, expected):
    assert found(tagged.resources(TagFilters=filters)) == expected


def test_resources_are_found_by_type(tagged):
    assert found(tagged.resources(ResourceTypeFilters=["sagemaker:model"])) == ["model/m", "model/n"]
    assert len(found(tagged.resources(ResourceTypeFilters=["sagemaker"]))) == 3
    assert found(tagged.resources(ResourceTypeFilters=["ec2:instance"])) == []


def test_resource_pages_go_on_where_they_stopped(tagged):
    first = tagged.resources(ResourcesPerPage=2)
    tagged("DeleteModel", ModelName="n")
    second = tagged.resources(ResourcesPerPage=2, PaginationToken=first["PaginationToken"])
    assert found(first) + found(second) == ["model/m", "model/n", "endpoint-config/c"]
    assert second["PaginationToken"] == ""


def test_an_object_that_lost_its_tags_is_found_without_filters_only(tagged):
    arn = "arn:aws:sagemaker:eu-west-1:123456789012:model/n"
    tagged("DeleteTags", ResourceArn=arn, TagKeys=["fleet"])
    assert "model/n" in found(tagged.resources())
    assert "model/n" not in found(tagged.resources(TagFilters=[{"Key": "fleet"}]))


def test_resources_are_found_by_arn_alone(tagged):
    arn = "arn:aws:sagemaker:eu-west-1:123456789012:model/n"
    assert found(tagged.resources(ResourceARNList=[arn, arn + "o"])) == ["model/n"]
    with pytest.raises(Exception, match="InvalidParameterException"):
        tagged.resources(ResourceARNList=[arn], TagFilters=[{"Key": "fleet"}])


@pytest.mark.parametrize("members", [{"ResourcesPerPage": 0}, {"ResourcesPerPage": 101}, {"TagFilters": [{}] * 51}])
def test_resource_pages_have_bounds(tagged, members):
    with pytest.raises(Exception, match="InvalidParameterException"):
        tagged.resources(**members)


def test_a_resource_token_of_another_making_is_refused(tagged):
    with pytest.raises(Exception, match="PaginationTokenExpiredException"):
        tagged.resources(PaginationToken="x")


def test_tags_are_taken_from_what_has_none(world):
    arn = world.model()
    assert world("DeleteTags", ResourceArn=arn, TagKeys=["a"]) == {}
    assert world("ListTags", ResourceArn=arn)["Tags"] == []
