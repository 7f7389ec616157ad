"""The quotas of instance types as Service Quotas tells them, and how they come into a plan."""

from __future__ import annotations

from mmeplan import plan, rules
from mmeplan.engine import Desired, Engine
from mmeplan.spec import Quota
from tests.simulation.world import REGION, World, config, fleet, variant

SHADOW = variant(count=2, instance_type="ml.c5.large")
ONE = fleet({"r": {"config": config(main=variant(count=2))}})


def test_the_quotas_of_the_types_that_are_asked_for() -> None:
    with World() as world:
        world.sim.set_quota("ml.m5.large", 7, region=REGION)
        found = rules.instance_quotas(world.cloud, ["ml.m5.large", "ml.nothing.large"])
        assert found == {"ml.m5.large": 7}
        assert rules.instance_quotas(world.cloud, []) == {}


def test_where_they_cannot_be_read_there_are_none() -> None:
    class Denied:
        def gather(self, calls: object) -> list[Exception]:
            return [PermissionError("denied")]

    assert rules.instance_quotas(Denied(), ["ml.m5.large"]) == {}


def test_the_lower_of_the_files_quota_and_the_accounts_counts() -> None:
    with World() as world:
        compiled = world.compile({**ONE, "quotas": {"ml.m5.large": 5}})
        snapshot = world.observe(compiled)
        for account, told in ((1, (1, "Service Quotas")), (9, (5, "fleet.yaml"))):
            quotas = {"ml.m5.large": Quota(account, "Service Quotas")}
            made = plan.build(compiled, snapshot, created_at="now", quotas=quotas)
            (row,) = made.capacity.types if made.capacity else ()
            assert (row.quota, row.quota_source) == told
            assert made.refused is (account == 1)


def test_shadow_variants_are_held_against_the_quota_of_their_type_too() -> None:
    shadowed = {**config(main=variant(count=1)), "shadow_production_variants": {"dark": SHADOW}}
    with World() as world:
        world.sim.set_quota("ml.c5.large", 1, region=REGION)
        compiled = world.compile(fleet({"r": {"config": shadowed}}))
        engine = Engine(world.cloud, world.cloud, world.sim.clock, REGION)
        made = engine.plan(Desired(compiled.fleet, compiled), online=True).plan
        rows = {row.instance_type: row.quota for row in made.capacity.types} if made.capacity else {}
        assert rows["ml.c5.large"] == 1
        assert "GATE-09" in {finding.rule for finding in made.findings}


def test_the_actions_of_online_reads_are_those_of_rules_that_ask() -> None:
    with World() as world:
        actions = rules.online_actions(world.compile(ONE))
        assert "servicequotas:ListServiceQuotas" in actions
        assert actions == tuple(sorted(set(actions)))
        assert rules.online_actions(world.compile(fleet(models={}))) == ()
