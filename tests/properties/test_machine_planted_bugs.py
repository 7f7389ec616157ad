"""Bugs planted in the simulated SageMaker, each of which the stateful machine must find.

A machine that finds nothing proves nothing. The machine is led through one long life, by its own rules and with its
own invariants after each of them, so that the proof is quick and always the same; the random search is its own test.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mmeplan.simulator import (
    blobs,
    call,
    deployment,
    endpoints,
    fleet,
    names,
    paging,
    routing,
    s3_operations,
    services,
    showing,
    transitions,
)
from mmeplan.simulator.call import Operation
from tests.properties.test_simulator_machine import HALF, SageMaker, blue_green

Patch = pytest.MonkeyPatch
CANARY = blue_green("CANARY", 60, 30, CanarySize=HALF)
ROLLING = {"RollingUpdatePolicy": {"MaximumBatchSize": HALF, "WaitIntervalInSeconds": 30}}


def live_through() -> None:
    """One long life of the machine; raises AssertionError where the simulator departs from the reference model."""
    machine = SageMaker()

    def step(rule: str, *values: Any) -> None:
        getattr(machine, rule)(*values)
        machine.endpoints_are_as_documented()
        machine.lists_hold_everything_once_in_pages_of_two()
        machine.tags_are_what_was_set()

    try:
        step("begin", True)
        for name in ("c", "d", "e", "f"):
            step("create_model", name)
        step("create_model", "A")
        for scope, own in (("lookoutequipment", True), ("lookoutequipment", False), ("sagemaker", False)):
            step("another_services_call_touches_no_model", "c", scope, own)
        for asked in ("legal-hold", "x"):
            step("what_s3_has_not_here_touches_no_object", "c", asked)
        for pairs in ({"x": "p"}, {"y": "q"}):
            step("a_bucket_has_the_tags_of_the_last_call", "c", pairs)
        step("a_token_survives_the_deletion_of_the_next_item", 2, True)
        step("create_config", "two", "a", {"main": (4, 0.5), "next": (1, 7.0)})
        for tags in ({"x": "p"}, {"y": "q"}):
            step("add_tags", "endpoint", "a", tags)
        for config, retain, excluded in (
            ("b", True, ()),
            ("a", True, ("DesiredWeight",)),
            ("b", True, ("DesiredInstanceCount",)),
            ("a", False, ()),
            ("b", None, ()),
        ):
            step("rescale", "a", "main", 6, 8.0, False, 60)
            step("update_endpoint", "a", config, "", retain, excluded, None, False, 0)
            step("time_passes", 239)
            step("time_passes", 1)
        for deployment, again in ((CANARY, False), (None, True), (None, False)):
            step("update_endpoint", "a", "a", "", False, (), deployment, again, 240)
            step("time_passes", 120)
        step("update_endpoint", "a", "b", "update", False, (), CANARY, False, 0)
        step("time_passes", 700)
        step("rescale", "a", "main", 9, 2.0, True, 0)
        for seconds in (60, 0, 30):
            step("time_passes", seconds)
            step("delete_endpoint", "a", machine.endpoints["a"].status != "InService")
        step("the_service_maintains", "a")
        step("update_endpoint", "a", "b", "", False, (), None, False, 0)
        step("time_passes", 700)
        step("lists_are_filtered", "InService", "a")
        step("create_endpoint", "b", "b", None, True, 700)
        step("lists_are_filtered", "InService", "b")
        step("lists_are_filtered", "Failed", "b")
        step("delete_endpoint", "b", True)
        step("time_passes", 60)
        step("update_endpoint", "a", "b", "update and rollback", False, (), ROLLING, False, 700)
        step("delete_endpoint", "a", True)
        step("time_passes", 60)
        step("create_endpoint", "a", "a", None, False, 180)
        step("delete_config", "a", True)
        step("update_endpoint", "a", "b", "", False, (), None, False, 0)
    finally:
        machine.teardown()


def operation(patch: Patch, name: str, run: Callable[..., Any]) -> None:
    """Let another function, which is given the true one too, carry out an operation of SageMaker."""
    table: Any = services.SAGEMAKER.operations
    true = table[name]
    patch.setitem(table, name, Operation(lambda c, r: run(true.run, c, r), true.writes, true.subject))


def without(member: str) -> Callable[..., Any]:
    return lambda true, c, r: true(c, {key: value for key, value in r.items() if key != member})


def ignore_retain_all_variant_properties(patch: Patch) -> None:
    operation(patch, "UpdateEndpoint", without("RetainAllVariantProperties"))


def always_retain_variant_properties(patch: Patch) -> None:
    operation(patch, "UpdateEndpoint", lambda true, c, r: true(c, r | {"RetainAllVariantProperties": True}))


def ignore_exclude_retained_variant_properties(patch: Patch) -> None:
    operation(patch, "UpdateEndpoint", without("ExcludeRetainedVariantProperties"))


def exclude_the_other_property(patch: Patch) -> None:
    swapped = {"DesiredInstanceCount": "DesiredWeight", "DesiredWeight": "DesiredInstanceCount"}
    patch.setattr(fleet, "RETAINED", swapped)


def ignore_retain_deployment_config(patch: Patch) -> None:
    operation(patch, "UpdateEndpoint", without("RetainDeploymentConfig"))


def ignore_the_deployment_config(patch: Patch) -> None:
    patch.setattr(deployment, "_baking", lambda *_: [])


def update_while_the_service_maintains(patch: Patch) -> None:
    patch.setattr(endpoints, "UPDATABLE", frozenset({"InService", "SystemUpdating"}))


def delete_while_rolling_back(patch: Patch) -> None:
    patch.setattr(endpoints, "DELETABLE", endpoints.DELETABLE | {"RollingBack"})


def keep_a_failed_endpoint_from_being_deleted(patch: Patch) -> None:
    patch.setattr(endpoints, "DELETABLE", endpoints.DELETABLE - {"Failed"})


def show_the_new_config_before_it_is_in_force(patch: Patch) -> None:
    shown = showing.shown

    def early(endpoint: Any, now_us: int) -> Any:
        answer = shown(endpoint, now_us)
        pending = answer.get("PendingDeploymentSummary", {})
        return answer | {"EndpointConfigName": pending.get("EndpointConfigName", answer["EndpointConfigName"])}

    patch.setattr(showing, "shown", early)


def end_a_failed_update_on_the_new_config(patch: Patch) -> None:
    ended = transitions._end

    def end(endpoint: Any, lacking: Any) -> str:
        if endpoint.status != "Creating" and endpoint.body["pending"]:
            endpoint.body["pending"]["failure"] = None
        return ended(endpoint, lacking)

    patch.setattr(transitions, "_end", end)


def forget_why_an_update_failed(patch: Patch) -> None:
    shown = showing.shown

    def silent(endpoint: Any, now_us: int) -> Any:
        answer = shown(endpoint, now_us)
        return {
            key: value
            for key, value in answer.items()
            if key != "FailureReason" or answer["EndpointStatus"] == "Failed"
        }

    patch.setattr(showing, "shown", silent)


def rescale_the_count_and_not_the_weight(patch: Patch) -> None:
    operation(
        patch,
        "UpdateEndpointWeightsAndCapacities",
        lambda true, c, r: true(
            c, r | {"DesiredWeightsAndCapacities": [d | {"DesiredWeight": 1} for d in r["DesiredWeightsAndCapacities"]]}
        ),
    )


def keep_the_new_counts_after_a_rescaling_that_failed(patch: Patch) -> None:
    rescale = endpoints.rescale

    def forgetful(call: Any, endpoint: Any, wanted: Any) -> None:
        rescale(call, endpoint, wanted)
        if endpoint.body.get("former"):
            endpoint.body["former"] |= {part: endpoint.body[part] for part in ("variants", "shadows")}
            call.store.update(endpoint)

    patch.setattr(endpoints, "rescale", forgetful)


def leave_a_failed_rolling_rollback_in_service(patch: Patch) -> None:
    patch.setattr(transitions, "UPDATE_ROLLBACK_FAILED", "InService")


def take_names_for_others_when_their_case_differs(patch: Patch) -> None:
    def refuse(self: Any, kind: str, name: str) -> None:
        found = self.store.find(*self.scope(kind), name)
        if found is not None and found.name == name:
            raise names.already_exists(kind, found.arn)

    patch.setattr(call.Call, "refuse_existing", refuse)
    patch.setattr(call.Call, "new", lambda self, kind, name, *_, **__: self.arn(kind, name))


def forget_the_config_in_force_may_be_gone(patch: Patch) -> None:
    def lenient(true: Any, c: Any, r: Any) -> Any:
        existing = type(c).existing

        def found(self: Any, kind: str, name: str) -> Any:
            try:
                return existing(self, kind, name)
            except Exception:
                if kind == names.ENDPOINT_CONFIG and name != r["EndpointConfigName"]:
                    return None
                raise

        with pytest.MonkeyPatch.context() as inner:
            inner.setattr(type(c), "existing", found)
            return true(c, r)

    operation(patch, "UpdateEndpoint", lenient)


def replace_all_tags(patch: Patch) -> None:
    def run(true: Any, c: Any, r: Any) -> Any:
        known = services.SAGEMAKER.operations["ListTags"].run(c, {"ResourceArn": r["ResourceArn"]})
        keys = [tag["Key"] for tag in (known or {})["Tags"]]
        services.SAGEMAKER.operations["DeleteTags"].run(c, {"ResourceArn": r["ResourceArn"], "TagKeys": keys})
        return true(c, r)

    operation(patch, "AddTags", run)


def lose_an_item_between_two_pages(patch: Patch) -> None:
    """The token stands behind the item after the last one shown."""
    lister = paging.lister

    def lose(true: Any, c: Any, r: Any) -> Any:
        answer = true(c, r)
        if "NextToken" in answer:
            further = lister(paging.MODELS)(c, r | {"MaxResults": r["MaxResults"] + 1})
            answer = {"Models": answer["Models"]} | {key: further[key] for key in ("NextToken",) if key in further}
        return answer

    operation(patch, "ListModels", lose)


def list_the_oldest_first(patch: Patch) -> None:
    operation(patch, "ListModels", lambda true, c, r: true(c, {"SortOrder": "Ascending"} | r))


def ignore_status_equals(patch: Patch) -> None:
    operation(patch, "ListEndpoints", without("StatusEquals"))


def end_later_than_documented(patch: Patch) -> None:
    modified = transitions._settle

    def late(call: Any, endpoint: Any) -> None:
        endpoint.due_us = call.now_us
        modified(call, endpoint)

    patch.setattr(transitions, "_settle", late)


def take_any_delete_model_for_sagemakers(patch: Patch) -> None:
    patch.setattr(routing, "_if_signed_for", lambda *_: services.SAGEMAKER)


def look_at_the_target_and_not_at_the_scope(patch: Patch) -> None:
    true = routing._if_signed_for
    anyone = routing.Caller("", "", "")
    patch.setattr(routing, "_if_signed_for", lambda service, caller, *rest: true(service, anyone, *rest))


def tell_s3s_operations_by_method_and_path(patch: Patch) -> None:
    true = s3_operations.operation
    patch.setattr(
        s3_operations, "operation", lambda method, bucket, key, _, headers: true(method, bucket, key, {}, headers)
    )
    patch.setattr(s3_operations.Accepted, "foreign", lambda *_: ("", ""))


def pass_over_what_is_not_an_s3_operations(patch: Patch) -> None:
    patch.setattr(s3_operations.Accepted, "foreign", lambda *_: ("", ""))


def add_to_the_tags_of_a_bucket(patch: Patch) -> None:
    true = blobs.Blobs.tag_bucket

    def merge(self: Any, account: str, bucket: str, tags: dict[str, str]) -> None:
        there = self.bucket(account, bucket)
        true(self, account, bucket, {**(there.tags or {}), **tags})

    patch.setattr(blobs.Blobs, "tag_bucket", merge)


PLANTED = [
    ignore_retain_all_variant_properties,
    always_retain_variant_properties,
    ignore_exclude_retained_variant_properties,
    exclude_the_other_property,
    ignore_retain_deployment_config,
    ignore_the_deployment_config,
    update_while_the_service_maintains,
    delete_while_rolling_back,
    keep_a_failed_endpoint_from_being_deleted,
    show_the_new_config_before_it_is_in_force,
    end_a_failed_update_on_the_new_config,
    forget_why_an_update_failed,
    rescale_the_count_and_not_the_weight,
    keep_the_new_counts_after_a_rescaling_that_failed,
    leave_a_failed_rolling_rollback_in_service,
    take_names_for_others_when_their_case_differs,
    forget_the_config_in_force_may_be_gone,
    replace_all_tags,
    lose_an_item_between_two_pages,
    list_the_oldest_first,
    ignore_status_equals,
    end_later_than_documented,
    take_any_delete_model_for_sagemakers,
    look_at_the_target_and_not_at_the_scope,
    tell_s3s_operations_by_method_and_path,
    pass_over_what_is_not_an_s3_operations,
    add_to_the_tags_of_a_bucket,
]


@pytest.mark.parametrize("bug", PLANTED, ids=lambda bug: bug.__name__)
def test_the_machine_finds_a_planted_bug(bug: Callable[[Patch], None], monkeypatch: Patch) -> None:
    live_through()
    bug(monkeypatch)
    with pytest.raises((AssertionError, KeyError)):
        live_through()
