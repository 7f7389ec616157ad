"""Invocations: which variant, which model, which answer, which error."""

from __future__ import annotations

import hashlib
import json
from collections import Counter

import pytest

from mmeplan.simulator import Request, ServiceError, Settings, Simulator

REGION = "eu-west-1"


def post(world, name="e", body=b"{}", **headers):
    scope = f"{world.account}/20260101/{world.region}/sagemaker/aws4_request"
    sent = {"Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"}
    sent |= {header.replace("_", "-"): value for header, value in headers.items()}
    url = f"https://runtime.sagemaker.{world.region}.amazonaws.com/endpoints/{name}/invocations"
    return world.sim.respond(Request("POST", url, sent, body))


def error(response):
    return response.headers["x-amzn-ErrorType"], response.status, json.loads(response.body)["Message"]


@pytest.fixture
def two(world):
    """An endpoint of two variants, 3 : 1."""
    world.model()
    world.config("c", world.variant("a", InitialVariantWeight=3), world.variant("b", InitialVariantWeight=1))
    world.endpoint()
    world.sim.clock.sleep(180)
    return world


@pytest.fixture
def multi(world):
    """A multi-model endpoint of two instances that hold two models each."""
    with Simulator.open(settings=Settings(model_memory_mb=1024, model_size_mb=512)) as sim:
        world = type(world)(sim)
        world.model(Mode="MultiModel", ModelDataUrl="s3://artifacts/all/")
        world.config()
        world.endpoint()
        sim.clock.sleep(180)
        yield world


def test_an_invocation_is_answered_with_its_own_body_by_a_variant_that_says_so(two):
    response = post(two, body=b"payload", Content_Type="text/csv", X_Amzn_SageMaker_Custom_Attributes="trace=1")
    assert (response.status, response.body) == (200, b"payload")
    assert response.headers["x-Amzn-Invoked-Production-Variant"] in ("a", "b")
    assert response.headers["Content-Type"] == "text/csv"
    assert response.headers["X-Amzn-SageMaker-Custom-Attributes"] == "trace=1"


def test_variants_are_chosen_by_weight_and_counted(two):
    seen = Counter(post(two).headers["x-Amzn-Invoked-Production-Variant"] for _ in range(400))
    assert abs(seen["a"] - 300) <= 3
    assert two.sim.invocations("e", region=REGION) == seen


def test_the_choice_follows_a_change_of_weights(two):
    desired = [{"VariantName": "a", "DesiredWeight": 0}]
    two("UpdateEndpointWeightsAndCapacities", EndpointName="e", DesiredWeightsAndCapacities=desired)
    assert two.sim.draw_variants("e", 100, region=REGION)["a"] > 0
    two.sim.clock.sleep(60)
    assert two.sim.draw_variants("e", 100, region=REGION) == {"b": 100}


def test_a_target_variant_wins_over_the_weights(two):
    for _ in range(5):
        response = post(two, X_Amzn_SageMaker_Target_Variant="b")
        assert response.headers["x-Amzn-Invoked-Production-Variant"] == "b"
    refused = error(post(two, X_Amzn_SageMaker_Target_Variant="z"))
    assert refused[:2] == ("ValidationError", 400)


def test_the_same_seed_gives_the_same_choices_and_another_one_others(world):
    def choices(seed):
        with Simulator.open(seed=seed) as sim:
            there = type(world)(sim)
            there.model()
            there.config("c", there.variant("a"), there.variant("b"))
            there.endpoint()
            sim.clock.sleep(180)
            return [sim.invoke("e", region=REGION).variant for _ in range(50)]

    assert choices(1) == choices(1) != choices(2)


def test_an_endpoint_that_does_not_serve_cannot_be_found(world):
    world.model()
    world.config()
    world.endpoint()
    message = "Endpoint e of account 123456789012 not found."
    assert error(post(world)) == ("ValidationError", 400, message)
    world.sim.clock.sleep(180)
    assert post(world).status == 200
    assert error(post(world, "E"))[2] == "Endpoint E of account 123456789012 not found."
    world("DeleteEndpoint", EndpointName="e")
    assert error(post(world))[2] == message


def test_an_updating_endpoint_goes_on_to_serve(two):
    two.config("c2", two.variant("a"), two.variant("b"))
    two.update()
    assert two.sim.invoke("e", region=REGION).fleet == "old"
    two.sim.clock.sleep(240)
    assert two.sim.invoke("e", region=REGION).config == "c2"


def test_a_canary_sends_its_share_to_the_new_fleet(two):
    two.config("c2", two.variant("a"), two.variant("b"))
    size = {"Type": "CAPACITY_PERCENT", "Value": 25}
    routing = {"Type": "CANARY", "WaitIntervalInSeconds": 600, "CanarySize": size}
    two.update(DeploymentConfig={"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": routing}})
    two.sim.clock.sleep(300)
    went = Counter(two.sim.invoke("e", region=REGION).fleet for _ in range(400))
    assert abs(went["new"] - 100) <= 3


def test_no_weight_at_all_is_no_service(two):
    desired = [{"VariantName": name, "DesiredWeight": 0} for name in "ab"]
    two("UpdateEndpointWeightsAndCapacities", EndpointName="e", DesiredWeightsAndCapacities=desired)
    two.sim.clock.sleep(60)
    assert error(post(two))[:2] == ("ServiceUnavailable", 503)


def test_a_shadow_variant_gets_copies_by_its_weight(world):
    world.model()
    world.config("c", ShadowProductionVariants=[world.variant("shadow", InitialVariantWeight=0.5)])
    world.endpoint()
    world.sim.clock.sleep(180)
    for _ in range(200):
        assert post(world).headers["x-Amzn-Invoked-Production-Variant"] == "main"
    counts = world.sim.invocations("e", region=REGION)
    assert counts["main"] == 200
    assert abs(counts["shadow"] - 100) <= 3


def test_answers_can_be_made_by_a_function(two):
    two.sim.answer_invocations(lambda went, body: f"{went.variant in 'ab'} {len(body)}".encode())
    assert post(two, body=b"four").body == b"True 4"
    two.sim.answer_invocations(None)
    assert post(two, body=b"four").body == b"four"


# -- multi-model -----------------------------------------------------------------------------------------------------


def test_a_multi_model_endpoint_wants_a_target_model_and_others_refuse_one(multi, two):
    code, status, message = error(post(multi))
    assert (code, status) == ("ValidationError", 400)
    assert message.startswith("Request ")
    assert message.endswith(" is missing a target model header")
    assert error(post(two, X_Amzn_SageMaker_Target_Model="m.tar.gz")) == (
        "ValidationError",
        400,
        "Endpoint e is not a multi-model endpoint and does not support target model header.",
    )


def test_a_model_stays_on_the_instance_that_loaded_it(multi):
    first = multi.sim.invoke("e", target_model="a.tar.gz", region=REGION).instance
    other = multi.sim.invoke("e", target_model="b.tar.gz", region=REGION).instance
    assert {first, other} == {0, 1}
    assert all(multi.sim.invoke("e", target_model="a.tar.gz", region=REGION).instance == first for _ in range(5))


def test_the_least_recently_used_model_is_unloaded_for_a_new_one(multi):
    for name in "abcd":
        multi.sim.invoke("e", target_model=name, region=REGION)
    assert multi.sim.loaded_models("e", "main", region=REGION) == [["a", "c"], ["b", "d"]]
    multi.sim.invoke("e", target_model="a", region=REGION)
    multi.sim.invoke("e", target_model="x", region=REGION)
    assert multi.sim.loaded_models("e", "main", region=REGION) == [["a", "x"], ["b", "d"]]


def test_an_update_begins_with_empty_memory(multi):
    multi.sim.invoke("e", target_model="a", region=REGION)
    multi.config("c2")
    multi.update()
    multi.sim.clock.sleep(240)
    multi.describe()
    assert multi.sim.loaded_models("e", "main", region=REGION) == []


def test_an_artifact_that_is_missing_from_a_known_bucket_cannot_be_downloaded(multi):
    put(multi, "artifacts", "all/a.tar.gz", b"1234")
    assert post(multi, X_Amzn_SageMaker_Target_Model="a.tar.gz").status == 200
    code, _, message = error(post(multi, X_Amzn_SageMaker_Target_Model="b.tar.gz"))
    assert (code, message) == (
        "ValidationError",
        "Failed to download model data (bucket: artifacts, key: all/b.tar.gz)",
    )


def test_a_loaded_model_answers_on_when_its_artifact_is_deleted(multi):
    put(multi, "artifacts", "all/a.tar.gz", b"1234")
    assert post(multi, X_Amzn_SageMaker_Target_Model="a.tar.gz").status == 200
    send_s3(multi, "DELETE", "artifacts/all/a.tar.gz")
    assert post(multi, X_Amzn_SageMaker_Target_Model="a.tar.gz").status == 200


def test_an_answer_tells_the_artifact_that_was_loaded_not_the_one_that_lies_there(multi):
    """Whoever overwrites a key has both served: the guide's reason to version keys."""
    multi.sim.answer_invocations(lambda went, _: went.artifact.encode())
    first, second = hashlib.md5(b"1").hexdigest(), hashlib.md5(b"2").hexdigest()

    def answer(target):
        return post(multi, X_Amzn_SageMaker_Target_Model=target).body.decode().strip('"')

    assert answer("x") == ""  # its bucket isn't there
    put(multi, "artifacts", "all/a.tar.gz", b"1")
    assert answer("a.tar.gz") == first
    put(multi, "artifacts", "all/a.tar.gz", b"2")
    assert answer("a.tar.gz") == first
    put(multi, "artifacts", "all/b.tar.gz", b"2")
    assert answer("b.tar.gz") == second
    send_s3(multi, "DELETE", "artifacts/all/a.tar.gz")
    assert answer("a.tar.gz") == first


def test_a_model_larger_than_memory_is_the_models_error(world):
    with Simulator.open(settings=Settings(model_memory_mb=100, model_size_mb=101)) as sim:
        there = type(world)(sim)
        there.model(Mode="MultiModel", ModelDataUrl="s3://artifacts/all/")
        there.config()
        there.endpoint()
        sim.clock.sleep(180)
        response = post(there, X_Amzn_SageMaker_Target_Model="a")
        assert error(response)[:2] == ("ModelError", 424)
        assert json.loads(response.body)["OriginalStatusCode"] == 507


def test_a_model_that_loads_for_long_is_not_ready_until_then(world):
    with Simulator.open(settings=Settings(model_loading_s=200)) as sim:
        there = type(world)(sim)
        there.model(Mode="MultiModel", ModelDataUrl="s3://artifacts/all/")
        there.config()
        there.endpoint()
        sim.clock.sleep(180)
        assert error(post(there, X_Amzn_SageMaker_Target_Model="a"))[:2] == ("ModelNotReadyException", 429)
        sim.clock.sleep(199)
        with pytest.raises(ServiceError, match="ModelNotReadyException"):
            sim.invoke("e", target_model="a", region=REGION)
        sim.clock.sleep(1)
        assert post(there, X_Amzn_SageMaker_Target_Model="a").status == 200


def test_without_a_cache_a_model_is_unloaded_after_its_invocation(world):
    world.model(
        Mode="MultiModel", ModelDataUrl="s3://artifacts/all/", MultiModelConfig={"ModelCacheSetting": "Disabled"}
    )
    world.config()
    world.endpoint()
    world.sim.clock.sleep(180)
    assert post(world, X_Amzn_SageMaker_Target_Model="a").status == 200
    assert world.sim.loaded_models("e", "main", region=REGION) == [[], []]


def send_s3(world, method, path, body=b""):
    scope = f"{world.account}/20260101/{world.region}/s3/aws4_request"
    sent = {"Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"}
    return world.sim.respond(Request(method, f"http://127.0.0.1:1/{path}", sent, body))


def put(world, bucket, key, body):
    assert send_s3(world, "PUT", f"{bucket}/{key}", body).status == 200
