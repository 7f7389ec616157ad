"""Every phase carries a kind that it has never heard of: nothing of it is left out or called something else."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mmeplan import apply, live, render
from mmeplan.apply.executor import Executor
from mmeplan.apply.freshness import staleness
from mmeplan.diff import Action, manual_changes
from mmeplan.errors import InputError
from mmeplan.graph import compile
from mmeplan.plan import Plan, consistency, encoding
from mmeplan.plan.permissions import iam_policy
from mmeplan.planning import emptied, planned_from
from mmeplan.render.door import shown as shown_plan
from mmeplan.render.relations import Relations
from mmeplan.spec import Fleet, load_text
from mmeplan.spec.schema import fleet_schema
from tests.unit.apply.cloud import Clock
from tests.unit.kinds.made_up import IMAGE, Account, known

ROLE = "arn:aws:iam::123456789012:role/images"


@pytest.fixture(autouse=True)
def image() -> Iterator[None]:
    with known(IMAGE):
        yield


@pytest.fixture
def account() -> Account:
    return Account()


def fleet(description: str = "one", **more: Any) -> Fleet:
    entry = {"role_arn": ROLE, "description": description, **more}
    document = {"version": 1, "fleet": "f", "images": {"logo": entry}}
    return load_text(json.dumps(document).encode())


def observed(account: Account, of: Fleet, **more: Any) -> live.Snapshot:
    return live.observe(account, compile(of), Clock().now(), "eu-west-1", **more)


def planned(account: Account, of: Fleet) -> Plan:
    return planned_from(of, observed(account, of)).plan


def applied(account: Account, plan: Plan) -> apply.Outcome:
    outcome = apply.run(plan, account, account, Clock(), lambda _event: None)
    assert (outcome.failed, outcome.unverified) == ((), ())
    return outcome


def only(plan: Plan) -> Any:
    (change,) = [change for change in plan.changes if not change.is_noop]
    return change


def text_of(plan: Plan) -> str:
    stream = io.StringIO()
    encoding.write(plan, stream)
    return stream.getvalue()


def shown(plan: Plan) -> dict[str, str]:
    return {"text": render.text(plan), "markdown": render.markdown(plan), "html": render.html(plan)}


def test_the_files_language_has_its_section() -> None:
    assert "images" in fleet_schema()["properties"]
    assert fleet().sections["images"]["logo"].request == {"RoleArn": ROLE, "Description": "one"}
    assert compile(fleet()).resources["image/logo"].request["ImageName"] == "logo"


def test_it_is_created_and_then_nothing_is_to_do(account: Account) -> None:
    plan = planned(account, fleet())
    assert (only(plan).action, [step.operation for step in plan.steps]) == (Action.CREATE, ["CreateImage"])
    applied(account, plan)
    assert account.tags[account.arn("logo")]["mmeplan:address"] == "image/logo"
    assert not planned(account, fleet()).steps


def test_it_is_changed_in_place_and_verified(account: Account) -> None:
    applied(account, planned(account, fleet()))
    plan = planned(account, fleet("two"))
    assert [step.operation for step in plan.steps] == ["UpdateImage", "AddTags"]
    assert [(f.field, f.before, f.after) for f in only(plan).fields] == [("description", "one", "two")]
    assert (plan.summary.update, plan.summary.worst_effect) == (1, "in_place")
    applied(account, plan)
    assert account.images["logo"]["Description"] == "two"
    assert not planned(account, fleet("two")).steps


def test_an_update_that_has_no_effect_is_not_proved(account: Account) -> None:
    applied(account, planned(account, fleet()))
    plan = planned(account, fleet("two"))
    account._image = lambda name: dict(Account._image(account, name))  # type: ignore[method-assign]
    outcome = apply.run(plan, account, account, Clock(), lambda _event: None)
    assert outcome.unverified == ("image logo: holds another Description than planned",)


def test_what_others_changed_is_drift_and_is_restored(account: Account) -> None:
    applied(account, planned(account, fleet()))
    account.images["logo"]["Description"] = "theirs"
    plan = planned(account, fleet())
    assert [drift.address for drift in plan.drift] == ["image/logo"]
    found = manual_changes(compile(fleet()), observed(account, fleet()))
    assert [(change.address, change.what) for change in found.found] == [("image/logo", "content")]
    applied(account, plan)
    assert account.images["logo"]["Description"] == "one"


def test_it_goes_with_its_entry(account: Account) -> None:
    applied(account, planned(account, fleet()))
    plan = planned(account, load_text(b"{version: 1, fleet: f}"))
    assert (only(plan).action, [step.operation for step in plan.steps]) == (Action.DELETE, ["DeleteImage"])
    applied(account, plan)
    assert account.images == {}


def test_destroy_deletes_it(account: Account) -> None:
    applied(account, planned(account, fleet()))
    assert [step.operation for step in planned(account, emptied(fleet())).steps] == ["DeleteImage"]


def test_somebody_elses_of_that_name_is_refused(account: Account) -> None:
    account.write("CreateImage", {"ImageName": "logo", "Tags": [], "RoleArn": "x"})
    plan = planned(account, fleet())
    assert not plan.steps
    assert [finding.rule for finding in plan.findings if finding.severity == "error"] == ["DEL-10"]


def test_somebody_elses_with_the_wanted_content_is_adopted(account: Account) -> None:
    account.write("CreateImage", {"ImageName": "logo", "Tags": [], "RoleArn": ROLE, "Description": "one"})
    plan = planned(account, fleet(adopt=True))
    applied(account, plan)
    assert account.calls == ["CreateImage", "AddTags"]
    assert not planned(account, fleet(adopt=True)).steps


def test_one_that_cannot_be_read_refuses_the_plan(account: Account) -> None:
    account.denied = {"DescribeImage"}
    plan = planned(account, fleet())
    assert only(plan).action is Action.UNREADABLE
    assert (plan.errored, plan.applyable) == (True, False)


def test_a_snapshot_keeps_it(account: Account) -> None:
    applied(account, planned(account, fleet()))
    snapshot = observed(account, fleet(), full=True)
    kept = live.read(json.dumps(snapshot.encode()), "s.json")
    assert kept == snapshot
    assert kept.get("image", "logo").describe["Description"] == "one"  # type: ignore[union-attr]


def test_its_fingerprint_is_of_its_content(account: Account) -> None:
    applied(account, planned(account, fleet()))
    before = observed(account, fleet()).fingerprint("image", "logo")
    account.images["logo"]["ImageStatus"] = "UPDATING"
    assert observed(account, fleet()).fingerprint("image", "logo") == before
    account.images["logo"]["Description"] = "theirs"
    assert observed(account, fleet()).fingerprint("image", "logo") != before


def test_a_saved_plan_is_stale_once_others_changed_it(account: Account) -> None:
    applied(account, planned(account, fleet()))
    plan = replace(planned(account, fleet("two")), source=())
    assert staleness(plan, account, Clock().now(), "eu-west-1").reasons == ()
    account.images["logo"]["Description"] = "theirs"
    (reason,) = staleness(plan, account, Clock().now(), "eu-west-1").reasons
    assert reason == "image logo has changed since the plan was made"


@pytest.mark.parametrize(
    ("meanwhile", "detail"),
    [
        ({"Description": "theirs"}, "the image logo was changed since the plan was made; plan again"),
        (None, "the image logo is gone; plan again"),
    ],
)
def test_its_guard_stops_an_update_of_what_others_changed(
    account: Account, meanwhile: dict[str, str] | None, detail: str
) -> None:
    applied(account, planned(account, fleet()))
    plan = planned(account, fleet("two"))
    if meanwhile is None:
        del account.images["logo"]
    else:
        account.images["logo"].update(meanwhile)
    outcome = apply.run(plan, account, account, Clock(), lambda _event: None)
    assert [result.detail for result in outcome.failed] == [detail]
    assert "UpdateImage" not in account.calls


def test_its_guard_leaves_alone_what_others_took_over(account: Account) -> None:
    applied(account, planned(account, fleet()))
    plan = planned(account, fleet("two"))
    account.tags[account.arn("logo")]["mmeplan:fleet"] = "theirs"
    outcome = apply.run(plan, account, account, Clock(), lambda _event: None)
    assert "doesn't carry this fleet's tags any more" in outcome.failed[0].detail


def test_a_create_never_takes_what_others_made_since(account: Account) -> None:
    plan = planned(account, fleet())
    account.write("CreateImage", {"ImageName": "logo", "Tags": [], "RoleArn": "theirs"})
    outcome = apply.run(plan, account, account, Clock(), lambda _event: None)
    assert outcome.failed[0].detail == "the image logo was made by somebody else since the plan was made; plan again"
    assert account.images["logo"]["RoleArn"] == "theirs"


def test_an_interrupted_apply_goes_on(account: Account) -> None:
    applied(account, planned(account, fleet()))
    plan = planned(account, fleet("two"))
    account.write("UpdateImage", {"ImageName": "logo", "Description": "two"})
    applied(account, plan)
    assert account.calls.count("UpdateImage") == 1


@pytest.mark.parametrize("state", ["create", "update", "delete"])
def test_its_plan_document_is_read_again_and_consistent(account: Account, state: str) -> None:
    wanted = {"create": fleet(), "update": fleet("two"), "delete": load_text(b"{version: 1, fleet: f}")}[state]
    if state != "create":
        applied(account, planned(account, fleet()))
    plan = planned(account, wanted)
    assert plan.format_version == "1.3"
    again = encoding.read(text_of(plan), "p.json")
    assert again == plan
    assert consistency.problems_of(again) == ()


def test_a_plan_without_it_keeps_the_format(account: Account) -> None:
    assert planned(account, load_text(b"{version: 1, fleet: f}")).format_version == "1.2"


@pytest.mark.parametrize("output", ["text", "markdown", "html"])
def test_outputs_name_it_and_what_is_done(account: Account, output: str) -> None:
    assert "image/logo" in shown(planned(account, fleet()))[output]
    applied(account, planned(account, fleet()))
    changed = shown(planned(account, fleet("two")))[output]
    assert "Other objects" in changed
    assert "image/logo" in changed
    assert "description" in changed
    gone = shown(planned(account, load_text(b"{version: 1, fleet: f}")))[output]
    assert "image/logo" in gone
    assert "endpoint" not in gone.partition("Plan:")[2].lower()


def test_relations_know_that_it_goes(account: Account) -> None:
    applied(account, planned(account, fleet()))
    relations = Relations(shown_plan(planned(account, load_text(b"{version: 1, fleet: f}"))))
    assert list(relations.gone) == ["image/logo"]
    assert not relations.main


def test_an_unheard_of_operation_makes_no_reference_scan(account: Account) -> None:
    """Only what endpoints run is forgotten where a call may have changed that."""
    executor = Executor(planned(account, fleet()), account, account, Clock(), lambda _event: None)
    executor.references._looked_at = 1.0
    executor.run()
    assert executor.references._looked_at == 1.0


def test_drawings_have_it(account: Account) -> None:
    assert 'n0["image/logo<br/>logo"]' in render.mermaid([("image/logo", "logo", "image")], [])


def test_the_policy_allows_its_calls_and_no_more(account: Account) -> None:
    applied(account, planned(account, fleet()))
    snapshot = observed(account, fleet("two"))
    policy = iam_policy(planned(account, fleet("two")), snapshot)
    granted = {action: s["Resource"] for s in policy["Statement"] for action in s["Action"]}
    assert granted["sagemaker:UpdateImage"] == [account.arn("logo")]
    assert granted["sagemaker:DescribeImage"] == [account.arn("logo")]
    assert "sagemaker:ListImages" in granted
    assert "sagemaker:CreateImage" not in granted


def test_a_plan_with_it_is_refused_by_who_does_not_know_it(account: Account, tmp_path: Path) -> None:
    text = text_of(planned(account, fleet()))
    with pytest.raises(InputError):
        encoding.read(text.replace("CreateImage", "CreateSpace"), "p.json")
