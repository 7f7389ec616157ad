"""Lists: order, filters, and tokens that outlive what they point at."""

from __future__ import annotations

import pytest


def listed(world, operation="ListModels", member="Models", name="ModelName", **members):
    return [item[name] for item in world(operation, **members)[member]]


@pytest.fixture
def models(world):
    for name in ("b", "C", "a", "d"):
        world.model(name)
        world.sim.clock.sleep(10)
    return world


def test_the_newest_comes_first_by_default(models):
    assert listed(models) == ["d", "a", "C", "b"]
    assert listed(models, SortOrder="Ascending") == ["b", "C", "a", "d"]


def test_names_sort_without_regard_to_case(models):
    assert listed(models, SortBy="Name", SortOrder="Ascending") == ["a", "b", "C", "d"]
    assert listed(models, SortBy="Name") == ["d", "C", "b", "a"]


def test_objects_of_one_instant_are_listed_in_the_order_of_their_creation(world):
    for name in ("z", "y", "x"):
        world.model(name)
    assert listed(world) == ["x", "y", "z"]


@pytest.mark.parametrize("order", ["Ascending", "Descending"])
@pytest.mark.parametrize("by", ["Name", "CreationTime"])
def test_pages_show_everything_once(models, by, order):
    whole = listed(models, SortBy=by, SortOrder=order)
    shown, token = [], {}
    while True:
        page = models("ListModels", SortBy=by, SortOrder=order, MaxResults=1, **token)
        shown += [model["ModelName"] for model in page["Models"]]
        if "NextToken" not in page:
            break
        token = {"NextToken": page["NextToken"]}
    assert shown == whole


@pytest.mark.parametrize("by", ["Name", "CreationTime"])
def test_a_token_survives_the_deletion_of_what_it_points_at(models, by):
    page = models("ListModels", SortBy=by, MaxResults=2)
    rest = [name for name in ("d", "a", "C", "b") if name not in [m["ModelName"] for m in page["Models"]]]
    models("DeleteModel", ModelName=page["Models"][-1]["ModelName"])
    models.model("zz-new")
    assert sorted(listed(models, SortBy=by, NextToken=page["NextToken"])) == sorted(rest)


def test_ten_come_on_a_page_unless_more_are_asked_for(world):
    for number in range(12):
        world.model(f"m{number}")
    assert len(listed(world)) == 10
    assert len(listed(world, MaxResults=100)) == 12


def test_names_are_found_by_any_part_in_any_case(models):
    models.model("xCx")
    assert listed(models, NameContains="c") == ["xCx", "C"]


def test_creation_time_filters_include_after_and_exclude_before(models):
    start = 1767225600
    assert listed(models, CreationTimeAfter=start + 20) == ["d", "a"]
    assert listed(models, CreationTimeBefore=start + 20) == ["C", "b"]
    assert listed(models, CreationTimeBefore="2026-01-01T00:00:10Z") == ["b"]
    assert listed(models, CreationTimeBefore=1e300) == ["d", "a", "C", "b"]


def test_endpoints_are_filtered_and_sorted_by_status_and_modification(world):
    world.in_service("live")
    world.endpoint("creating")

    def endpoints(**members):
        return listed(world, "ListEndpoints", "Endpoints", "EndpointName", **members)

    assert endpoints(StatusEquals="InService") == ["live"]
    assert endpoints(SortBy="Status", SortOrder="Ascending") == ["creating", "live"]
    modified = world.describe("live")["LastModifiedTime"]
    assert endpoints(LastModifiedTimeAfter=modified) == []
    assert endpoints(LastModifiedTimeBefore=modified + 1) == ["creating", "live"]


@pytest.mark.parametrize("token", ["nonsense", "bm9uc2Vuc2U=", "WzEsMl0=", "ünïcode"])
def test_a_token_of_another_making_is_refused(world, refused, token):
    assert refused(world, "ListModels", NextToken=token) == "Invalid NextToken."


def test_a_token_of_another_order_is_refused(models, refused):
    token = models("ListModels", MaxResults=1)["NextToken"]
    assert refused(models, "ListModels", NextToken=token, SortBy="Name") == "Invalid NextToken."


def test_what_is_no_timestamp_is_refused_as_such(world):
    with pytest.raises(Exception, match="SerializationException: yesterday is not a timestamp"):
        world("ListModels", CreationTimeAfter="yesterday")


def test_a_time_is_shown_to_the_millisecond_and_filtered_as_it_is_shown(world):
    world.sim.clock.sleep(0.123_456)
    world.in_service()
    made = world.describe()["CreationTime"]
    modified = world.describe()["LastModifiedTime"]
    assert (made, modified) == (1767225600.123, 1767225780.123)
    assert listed_endpoints(world, CreationTimeAfter=made) == listed_endpoints(world) == ["e"]
    assert listed_endpoints(world, CreationTimeBefore=made) == []
    assert listed_endpoints(world, LastModifiedTimeAfter=modified) == []
    assert listed_endpoints(world, LastModifiedTimeBefore=modified + 0.001) == ["e"]


def listed_endpoints(world, **filters):
    return [endpoint["EndpointName"] for endpoint in world("ListEndpoints", **filters)["Endpoints"]]
