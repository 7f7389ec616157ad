"""`mmeplan doctor`: each thing is looked at by itself, without network, without credentials, on simulated worlds."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from mmeplan.cloud.surroundings import Surroundings
from mmeplan.doctor import allowed
from mmeplan.engine import Engine
from mmeplan.errors import CloudError
from mmeplan.installing import how_to_add
from mmeplan.live import ReadOnly
from mmeplan.simulator import Simulator
from tests.cli.running import Result, mmeplan
from tests.contract.doors import Door, http

ROOT = Path(__file__).parents[2]
NOBODY = "http://127.0.0.1:9"
TRUST = json.dumps({"Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}]})
ALL = [
    *("versions", "extra policies", "extra signing", "fleet", "network", "region"),
    *("endpoint", "clock", "credentials", "account", "permissions", "lock"),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copy(ROOT / "examples" / "ab-variants" / "fleet.yaml", tmp_path)
    return tmp_path


@pytest.fixture
def world() -> Iterator[Door]:
    with Simulator.open() as simulator, http(simulator) as door:
        yield door


@pytest.fixture
def signed_in(world: Door, monkeypatch: pytest.MonkeyPatch) -> Door:
    """The world, in which a role with a path is assumed."""
    iam, sts = (world.client(service, key="123456789012") for service in ("iam", "sts"))
    made = iam.create_role(RoleName="deploy", Path="/ci/", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
    keys = sts.assume_role(RoleArn=made, RoleSessionName="run")["Credentials"]
    for name, value in {
        "AWS_ENDPOINT_URL": world.url,
        "AWS_ACCESS_KEY_ID": keys["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": keys["SecretAccessKey"],
        "AWS_SESSION_TOKEN": keys["SessionToken"],
    }.items():
        monkeypatch.setenv(name, value)
    return world


def checks(result: Result) -> dict[str, dict[str, str]]:
    document = json.loads(result.stdout)
    rows = {row["name"]: row for row in document["checks"]}
    wrong = any(row["state"] == "error" for row in rows.values())
    assert (document["ok"], result.code) == ((False, 1) if wrong else (True, 0))
    assert {row["state"] for row in rows.values()} <= {"ok", "warning", "error", "skipped"}
    return rows


def states(rows: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    return {name: row["state"] for name, row in rows.items()}


def test_without_network_and_credentials_the_rest_is_looked_at(folder: Path) -> None:
    rows = checks(mmeplan(f"doctor --json --endpoint-url {NOBODY}", folder))
    assert list(rows) == ALL
    assert states(rows) == {
        **dict.fromkeys(("versions", "extra policies", "extra signing", "fleet", "network", "region"), "ok"),
        "endpoint": "error",
        "clock": "skipped",
        "credentials": "error",
        **dict.fromkeys(("account", "permissions", "lock"), "skipped"),
    }


def test_with_credentials_and_no_network_it_ends(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "A")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "B")
    rows = checks(mmeplan(f"doctor --json --timeout 0.2 --endpoint-url {NOBODY}", folder))
    assert list(rows) == ALL
    assert (rows["credentials"]["state"], rows["account"]["state"]) == ("ok", "error")
    assert "STS" in rows["account"]["said"]


def test_what_takes_too_long_is_left_and_the_rest_is_looked_at(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    never = threading.Event()
    monkeypatch.setattr(Surroundings, "keys", lambda _: never.wait())
    rows = checks(mmeplan(f"doctor --json --timeout 0.1 --endpoint-url {NOBODY}", folder))
    assert ("in time" in rows["credentials"]["said"], list(rows)) == (True, ALL)
    never.set()


def test_a_role_that_is_assumed_is_simulated_by_its_own_arn(signed_in: Door, folder: Path) -> None:
    rows = checks(mmeplan("doctor --json", folder))
    assert set(states(rows).values()) == {"ok", "skipped"}
    assert "arn:aws:iam::123456789012:role/ci/deploy may do all" in rows["permissions"]["said"]
    assert "assumed-role/deploy/run" in rows["account"]["said"]
    assert "(AWS_ENDPOINT_URL)" in rows["endpoint"]["said"]


def test_it_asks_for_just_what_plan_iam_lists(signed_in: Door, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    policies: list[Mapping[str, Any]] = []

    def noted(policy: Mapping[str, Any], *words: Any, **more: Any) -> Any:
        policies.append(policy)
        return allowed.permissions(policy, *words, **more)

    monkeypatch.setattr("mmeplan.doctor.permissions", noted)
    for command in ("validate", "apply --yes --poll-interval 1"):
        checks(mmeplan("doctor --json", folder))
        assert policies.pop() == json.loads(mmeplan("plan --iam", folder).stdout)
        signed_in.sim.clock.sleep(0) if signed_in.sim else None
        if command == "validate":
            text = (folder / "fleet.yaml").read_text()
            (folder / "fleet.yaml").write_text(text.replace("ml.m5.large", "ml.m5.2xlarge", 1))


def test_where_what_is_live_cannot_be_read_the_plan_of_everything_counts(
    signed_in: Door, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(*_: Any, **__: Any) -> Any:
        raise CloudError("ListModels", "AccessDeniedException", "no", status=403)

    whole = json.loads(mmeplan("plan --iam", folder).stdout)
    asked: list[Any] = []
    read = ReadOnly.read

    def noting(self: Any, operation: str, params: Any) -> Any:
        if operation == "SimulatePrincipalPolicy":
            asked.extend(params["ActionNames"])
        return read(self, operation, params)

    monkeypatch.setattr(Engine, "plan", denied)
    monkeypatch.setattr(ReadOnly, "read", noting)
    row = checks(mmeplan("doctor --json", folder))["permissions"]
    assert (row["state"], "as if nothing were live" in row["said"]) == ("ok", True)
    assert set(asked) == {action for statement in whole["Statement"] for action in statement["Action"]}


def test_another_account_than_the_files_is_an_error(signed_in: Door, folder: Path) -> None:
    file = folder / "fleet.yaml"
    file.write_text(file.read_text().replace("region: ", 'account: "210987654321"\nregion: ', 1))
    rows = checks(mmeplan("doctor --json", folder))
    assert (rows["account"]["state"], rows["permissions"]["state"]) == ("error", "skipped")
    assert "210987654321" in rows["account"]["said"]


def test_credentials_that_are_not_taken_are_an_error(
    signed_in: Door, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", "another")
    rows = checks(mmeplan("doctor --json", folder))
    assert (rows["account"]["state"], "InvalidClientTokenId" in rows["account"]["said"]) == ("error", True)
    told = mmeplan("plan", folder)
    assert (told.code, "mmeplan doctor" in told.stderr) == (1, True), told.stderr
    assert "mmeplan doctor" in mmeplan("unlock s3://bucket/key --region eu-west-1", folder).stderr


def test_the_lock_of_the_file_is_looked_at(signed_in: Door, folder: Path) -> None:
    signed_in.client("s3", key="123456789012").create_bucket(
        Bucket="locks", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    assert "nobody holds s3://locks/shop" in mmeplan("doctor --lock s3://locks/shop", folder).stdout
    (folder / "fleet.yaml").write_text(f"{(folder / 'fleet.yaml').read_text()}\noptions:\n  lock: s3://locks/shop\n")
    assert "nobody holds s3://locks/shop" in mmeplan("doctor", folder).stdout
    with Engine.aws(region="eu-west-1").locked("s3://locks/shop", "shop"):
        row = checks(mmeplan("doctor --json", folder))["lock"]
    assert (row["state"], row["next"]) == ("warning", "mmeplan unlock s3://locks/shop")
    assert "of the fleet shop" in row["said"]
    assert checks(mmeplan("doctor --json --lock s3://missing/x", folder))["lock"]["next"] == "aws s3 mb s3://missing"
    assert checks(mmeplan("doctor --json --lock nonsense", folder))["lock"]["state"] == "error"


def test_the_simulated_sagemaker_is_a_world_like_another(folder: Path) -> None:
    rows = checks(mmeplan("doctor --local --json", folder))
    assert "error" not in states(rows).values()
    assert (rows["account"]["state"], rows["permissions"]["state"]) == ("ok", "skipped")
    shown = mmeplan("doctor --local --lock s3://any/where", folder)
    assert (shown.code, "nobody holds" in shown.stdout) == (0, True)


FILES: dict[str, tuple[str | None, str, str]] = {
    "none": (None, "skipped", "mmeplan init"),
    "not yaml": ("version: 1\n\tfleet: x\n", "error", "mmeplan validate fleet.yaml"),
    "a wrong key": ("version: 1\nfleet: x\nmodls: {}\n", "error", "mmeplan validate fleet.yaml"),
}


@pytest.mark.parametrize("case", FILES)
def test_a_fleet_file_that_is_not_there_or_wrong_hides_nothing_else(case: str, tmp_path: Path) -> None:
    text, state, following = FILES[case]
    if text is not None:
        (tmp_path / "fleet.yaml").write_text(text)
    rows = checks(mmeplan(f"doctor --json --region eu-west-1 --endpoint-url {NOBODY}", tmp_path))
    assert list(rows) == ALL
    assert (rows["fleet"]["state"], rows["fleet"]["next"]) == (state, following)
    assert rows["region"]["state"] == "ok"


def test_without_a_region_the_rest_is_looked_at(tmp_path: Path) -> None:
    rows = checks(mmeplan("doctor --json", tmp_path))
    assert list(rows) == ALL
    assert (rows["region"]["state"], rows["endpoint"]["state"]) == ("error", "skipped")


def test_a_profile_that_is_not_there_is_the_error(folder: Path) -> None:
    rows = checks(mmeplan("doctor --json --profile nobody", folder))
    assert rows["credentials"]["state"] == "error"
    assert {name for name, state in states(rows).items() if state == "error"} == {"credentials"}


def test_an_option_shapes_the_commands_that_are_shown(folder: Path) -> None:
    rows = checks(mmeplan("doctor --json --local -e prod", folder))
    assert rows["permissions"]["next"] == "mmeplan plan fleet.yaml --iam -e prod --local"


@pytest.mark.parametrize("columns", [80, 140])
def test_the_columns_fit_and_no_command_is_broken(columns: int, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    shown = mmeplan(f"doctor --endpoint-url {NOBODY}", folder).stdout
    lines = shown.splitlines()
    assert all(len(line) <= columns or "try: " in line for line in lines), shown
    rows = checks(mmeplan(f"doctor --json --endpoint-url {NOBODY}", folder))
    for row in rows.values():
        assert not row["next"] or any(line.endswith(f"try: {row['next']}") for line in lines), row
    assert lines[-1] == "2 errors, 6 ok, 4 skipped."


def test_each_check_is_shown_once_it_is_made(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []

    def keys(_: Surroundings) -> None:
        assert [row.partition(" ")[0] for row in shown][-2:] == ["endpoint", "clock"]

    monkeypatch.setattr(Surroundings, "keys", keys)
    monkeypatch.setattr("mmeplan.cli.doctor.page", shown.append)
    assert mmeplan(f"doctor --endpoint-url {NOBODY}", folder).code == 1
    assert shown[-1].strip() == "2 errors, 6 ok, 4 skipped."


def test_a_file_with_policies_says_how_cel_is_added(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mmeplan.spec import policies

    class Missing:
        def __init__(self, *_: Any) -> None:
            raise policies.CelMissingError

    monkeypatch.setattr(policies, "Expression", Missing)
    file = folder / "fleet.yaml"
    file.write_text(f'{file.read_text()}\npolicies: {{p: {{expression: "true", message: m}}}}\n')
    row = checks(mmeplan("doctor --json --local", folder))["fleet"]
    assert (row["state"], "CEL" in row["said"]) == ("error", True)
    assert row["next"] == how_to_add("policies", "cel-expr-python")


def test_json_is_asked_for_in_either_way(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    either = [mmeplan(f"doctor --local {words}", folder).stdout for words in ("--json", "--format json")]
    assert either[0] == either[1]
    monkeypatch.setenv("MMEPLAN_FORMAT", "json")
    assert mmeplan("doctor --local", folder).stdout == either[0]


@pytest.mark.parametrize("url", ["notaurl", "http://[::1"])
def test_an_address_that_is_none_is_told_and_all_else_is_looked_at(
    folder: Path, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    rows = checks(mmeplan("doctor --json --timeout 2", folder))
    assert list(rows) == ALL
    assert (rows["endpoint"]["state"], rows["account"]["state"]) == ("error", "error")
    assert rows["endpoint"]["next"] == rows["account"]["next"] == "unset AWS_ENDPOINT_URL"


def test_the_password_of_an_address_is_not_shown(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://joe:hunter2@127.0.0.1:1")
    ended = mmeplan("doctor --json --timeout 2", folder)
    assert "http://127.0.0.1:1 (AWS_ENDPOINT_URL)" in ended.stdout
    assert "hunter2" not in ended.stdout + ended.stderr


@pytest.mark.parametrize("number", ["nan", "inf"])
@pytest.mark.parametrize("command", ["doctor --timeout", "wait --timeout", "apply --lock-timeout", "serve --speed"])
def test_a_time_that_is_no_number_is_a_usage_error(folder: Path, command: str, number: str) -> None:
    ended = mmeplan(f"{command} {number}", folder)
    assert ended.code == 1
    assert "Invalid value for" in ended.stderr
