"""`drift` and `import` as people type them: exit codes, outputs, files, and what stands on stderr."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from mmeplan.cloud.aws import Cloud, Door
from mmeplan.simulator import Simulator
from tests.cli.running import mmeplan
from tests.cli.test_terminal import ROOT, end, spawn

GOLDEN = Path(__file__).parent / "drift"
PLACE = "--local --region eu-west-1"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copy(ROOT / "examples" / "ab-variants" / "fleet.yaml", tmp_path)
    assert mmeplan("apply --local -y", tmp_path).code == 0
    return tmp_path


class Hands:
    """Somebody in the console."""

    def __init__(self, folder: Path) -> None:
        self.sim = Simulator.open(folder / ".mmeplan" / "local.db")
        self.cloud = Cloud(self.sim.clock, region="eu-west-1", door=Door(self.sim.before_send, "123456789012"))

    def __enter__(self) -> Hands:
        return self

    def __exit__(self, *_: object) -> None:
        self.sim.close()

    def does(self, operation: str, **params: Any) -> Any:
        read = operation.startswith(("Describe", "List"))
        answer = (self.cloud.read if read else self.cloud.write)(operation, params)
        self.sim.clock.sleep(0 if read else 900)
        return answer


def meddle(folder: Path) -> None:
    with Hands(folder) as hands:
        endpoint = hands.does("DescribeEndpoint", EndpointName="house-prices")
        for desired in ({"DesiredInstanceCount": 7}, {"DesiredWeight": 3.0}):
            variants = [{"VariantName": "challenger", **desired}]
            hands.does(
                "UpdateEndpointWeightsAndCapacities", EndpointName="house-prices", DesiredWeightsAndCapacities=variants
            )
        tags = [{"Key": "team", "Value": "ops"}, {"Key": "extra", "Value": "1"}]
        hands.does("AddTags", ResourceArn=endpoint["EndpointArn"], Tags=tags)
        config = hands.does("DescribeEndpointConfig", EndpointConfigName=endpoint["EndpointConfigName"])
        hands.does("DeleteTags", ResourceArn=config["EndpointConfigArn"], TagKeys=["mmeplan:fleet"])
        model = next(m for m in hands.does("ListModels")["Models"] if m["ModelName"].startswith("champion"))
        hands.does("DeleteModel", ModelName=model["ModelName"])


# --- drift ------------------------------------------------------------------------------------------------------------


def test_no_drift_ends_with_0(folder: Path) -> None:
    result = mmeplan("drift --local", folder)
    assert (result.code, result.stderr) == (0, "")
    assert "No drift: what is live is what was applied last." in result.stdout
    assert mmeplan("drift --local --var instances=4", folder).code == 0  # what the file asks anew is none


@pytest.mark.parametrize("width", [80, 140])
def test_drift_on_a_terminal(folder: Path, width: int, accept: bool) -> None:
    meddle(folder)
    text, code = end(spawn("drift --local --no-color", folder, COLUMNS=str(width)))
    assert code == 2
    assert "\x1b" not in text
    golden = GOLDEN / f"meddled-{width}.txt"
    shown = text.replace("\r\n", "\n")
    if accept:
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(shown, encoding="utf-8")
    assert shown == golden.read_text(encoding="utf-8")


def test_drift_as_json_is_what_its_schema_says(folder: Path) -> None:
    meddle(folder)
    result = mmeplan("drift --local --format json", folder)
    assert result.code == 2
    document = json.loads(result.stdout)
    jsonschema.validate(document, json.loads((ROOT / "specs" / "drift.schema.json").read_text()))
    assert {(one["address"], one["what"]) for one in document["drift"]} == {
        ("endpoint/house-prices", "scale"),
        ("endpoint/house-prices", "tags"),
        ("endpoint_config/house-prices", "ownership"),
        ("model/champion", "deleted"),
    }


def test_drift_from_a_snapshot_and_what_cannot_be_read(folder: Path) -> None:
    meddle(folder)
    assert mmeplan("snapshot --local --out live.json", folder).code == 0
    assert mmeplan("drift --snapshot live.json", folder).code == 2
    document = json.loads((folder / "live.json").read_text())
    document["objects"]["endpoint"]["house-prices"] = {"status": "unreadable", "error": "denied: x"}
    (folder / "live.json").write_text(json.dumps(document))
    result = mmeplan("drift --snapshot live.json", folder)
    assert result.code == 1
    assert "could not be read: endpoint house-prices: denied: x" in result.stdout
    document["account"] = "999999999999"
    (folder / "live.json").write_text(json.dumps(document))
    (folder / "fleet.yaml").write_text('account: "123456789012"\n' + (folder / "fleet.yaml").read_text())
    assert mmeplan("drift --snapshot live.json", folder).code == 3


def test_what_drift_says_to_type_puts_it_back(folder: Path) -> None:
    with Hands(folder) as hands:
        arn = hands.does("DescribeEndpoint", EndpointName="house-prices")["EndpointArn"]
        hands.does("AddTags", ResourceArn=arn, Tags=[{"Key": "team", "Value": "ops"}])
    told = mmeplan("drift --local", folder).stdout
    assert "or: mmeplan apply fleet.yaml --local" in told
    assert mmeplan("apply fleet.yaml --local -y", folder).code == 0
    assert mmeplan("drift --local", folder).code == 0


# --- import -----------------------------------------------------------------------------------------------------------


def test_an_imported_file_is_the_fleet_again(folder: Path) -> None:
    result = mmeplan(f"import house-prices {PLACE} --fleet house-prices -o again.yaml", folder)
    assert (result.code, result.stdout) == (0, "")
    assert result.stderr.splitlines() == [
        "wrote again.yaml: 1 endpoint, 1 config, 2 models",
        "next: mmeplan plan again.yaml --region eu-west-1 --local",
    ]
    assert (folder / "again.yaml").stat().st_mode & 0o777 == 0o600
    assert mmeplan("drift again.yaml --local", folder).code == 0
    plan = json.loads(mmeplan("plan again.yaml --local --format json", folder).stdout)
    assert {step["operation"] for step in plan["steps"]} <= {"AddTags"}


def test_import_prints_and_never_replaces_unasked(folder: Path) -> None:
    printed = mmeplan(f"import --name 'house*' {PLACE} --fleet house-prices", folder)
    assert printed.stdout.startswith("# Written by `mmeplan import`")
    before = (folder / "fleet.yaml").read_text()
    refused = mmeplan(f"import house-prices {PLACE} --fleet house-prices -o fleet.yaml", folder)
    assert (refused.code, (folder / "fleet.yaml").read_text()) == (1, before)
    assert "--force replaces it" in refused.stderr
    assert mmeplan(f"import house-prices {PLACE} --fleet house-prices -o fleet.yaml --force", folder).code == 0
    assert (folder / "fleet.yaml").read_text() == printed.stdout
    assert [path.name for path in folder.iterdir() if path.name.endswith(".tmp")] == []


def test_environment_values_are_warned_of(folder: Path) -> None:
    with Hands(folder) as hands:
        container = {"Image": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/x:1", "Environment": {"API_KEY": "hunter2"}}
        role = "arn:aws:iam::123456789012:role/x"
        hands.does("CreateModel", ModelName="m", ExecutionRoleArn=role, PrimaryContainer=container)
        main = {"VariantName": "main", "ModelName": "m", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
        hands.does("CreateEndpointConfig", EndpointConfigName="c", ProductionVariants=[main])
        hands.does("CreateEndpoint", EndpointName="e", EndpointConfigName="c", Tags=[{"Key": "team", "Value": "ads"}])
    result = mmeplan(f"import --tag team=ads {PLACE}", folder)
    assert result.code == 0
    assert "API_KEY: hunter2" in result.stdout
    assert "environment values in clear" in result.stderr
    assert "model/m: API_KEY" in result.stderr
    assert "hunter2" not in result.stderr


def test_what_cannot_be_imported_is_named(folder: Path) -> None:
    result = mmeplan(f"import house-prices missing {PLACE}", folder)
    assert (result.code, result.stdout) == (1, "")
    assert "not imported: endpoint house-prices: it belongs to the fleet 'house-prices' already" in result.stderr
    assert "not imported: endpoint missing: there is no endpoint of that name" in result.stderr
    assert "nothing was written" in result.stderr


def test_import_from_a_snapshot(folder: Path) -> None:
    assert mmeplan("snapshot --local --out live.json", folder).code == 0
    result = mmeplan("import --snapshot live.json --name '*' --fleet house-prices", folder)
    assert result.code == 0
    assert result.stdout == mmeplan(f"import house-prices {PLACE} --fleet house-prices", folder).stdout
    assert "a snapshot doesn't tell which counts" in result.stderr


def test_import_from_a_masked_snapshot_refers_to_the_models_whose_values_it_lacks(folder: Path) -> None:
    file = folder / "fleet.yaml"
    file.write_text(
        file.read_text().replace("    primary_container:\n", "    primary_container:\n      environment: {A: b}\n", 1)
    )
    assert mmeplan("apply --local --yes", folder).code == 0
    assert mmeplan("snapshot --local --masked --out live.json", folder).code == 0
    result = mmeplan("import --snapshot live.json --name '*' --fleet house-prices", folder)
    assert (
        result.code,
        "is referred to and not described: the value of its environment's A is masked" in result.stderr,
    ) == (0, True)
    assert "masked" not in result.stdout
    (folder / "imported.yaml").write_text(result.stdout)
    assert "0 to create, 1 to update, 0 to delete" in mmeplan("plan imported.yaml --local", folder).stdout


@pytest.mark.parametrize(
    ("wrong", "code", "told"),
    [("", 1, "say which endpoints"), ("x --fleet A_b", 1, "can't be a fleet's name"), ("--tag =x", 1, "KEY=VALUE")],
)
def test_what_makes_no_sense_is_told(folder: Path, wrong: str, code: int, told: str) -> None:
    result = mmeplan(f"import {PLACE} {wrong}", folder)
    assert result.code == code
    assert told in result.stderr


@pytest.mark.parametrize("command", ["drift", "import", "unlock", "apply", "destroy"])
def test_help_has_an_example(folder: Path, command: str) -> None:
    assert f"mmeplan {command} " in mmeplan(f"{command} --help", folder).stdout.partition("Example")[2]


@pytest.mark.parametrize(("typed", "offered"), [("dr", "drift"), ("imp", "import"), ("unl", "unlock")])
def test_the_shell_completes_the_commands(typed: str, offered: str) -> None:
    from click.shell_completion import BashComplete

    from mmeplan.cli.app import app

    completing = BashComplete(app, {}, "mmeplan", "_MMEPLAN_COMPLETE")
    assert [item.value for item in completing.get_completions([], typed)] == [offered]
    assert "--lock" in [item.value for item in completing.get_completions(["apply"], "--lo")]


# --- rules about creation, and what is live already -------------------------------------------------------------------

MORE = {"ManagedInstanceScaling": {"Status": "ENABLED", "MinInstanceCount": 1, "MaxInstanceCount": 4}}


@pytest.fixture
def olden(folder: Path) -> Path:
    """A snapshot of an endpoint of somebody else whose config and model could not be created today."""
    assert mmeplan("snapshot --local --out live.json", folder).code == 0
    document = json.loads((folder / "live.json").read_text())
    for kind in ("model", "endpoint_config", "endpoint"):
        for live in document["objects"][kind].values():
            live["tags"] = {}
    for config in document["objects"]["endpoint_config"].values():
        for variant in config["describe"]["ProductionVariants"]:
            variant.update(MORE, AcceleratorType="ml.eia2.medium")
    for model in document["objects"]["model"].values():
        model["describe"]["PrimaryContainer"]["Environment"] = {"log.level": "info"}
    document["owned"] = []
    (folder / "live.json").write_text(json.dumps(document))
    assert mmeplan("import house-prices --snapshot live.json -o old.yaml", folder).code == 0
    return folder


def rule_findings(folder: Path, command: str) -> set[tuple[str, str]]:
    result = mmeplan(f"{command} --snapshot live.json --format json", folder)
    assert result.stdout, result.stderr
    return {(one["rule"], one["severity"]) for one in json.loads(result.stdout)["findings"]}


OLD = ("CFG-13", "CFG-32", "MDL-13")


def test_what_is_live_with_its_content_passes_though_it_could_not_be_created_today(olden: Path) -> None:
    found = rule_findings(olden, "plan old.yaml")
    assert {(rule, "note") for rule in OLD} <= found
    assert not [rule for rule, severity in found if severity == "error"]
    told = mmeplan("import house-prices --snapshot live.json", olden).stderr
    assert "a plan would be refused" not in told
    for rule in OLD:
        assert f"note: {rule} " in told
    assert "could not be created so today" in told


@pytest.mark.parametrize(
    ("old", "new", "refused"),
    [
        ("instance_type: ml.m5", "instance_type: ml.m6i", {"CFG-13", "CFG-32"}),  # configs are made anew
        ("log.level: info", "log.level: debug", set(OLD)),  # so are models, and their configs
    ],
)
def test_what_would_be_created_so_is_refused(olden: Path, old: str, new: str, refused: set[str]) -> None:
    text = (olden / "old.yaml").read_text()
    assert old in text
    lines = [line for line in text.replace(old, new).splitlines() if not line.strip().startswith(("name: ch", "adopt"))]
    lines = [line for line in lines if not line.strip().startswith("name: house-prices-")]
    (olden / "new.yaml").write_text("\n".join(lines).replace("  house-prices:", "  house-prices:\n    adopt: true", 1))
    result = mmeplan("plan new.yaml --snapshot live.json", olden)
    assert result.code == 3
    assert {rule for rule in OLD if f"error[{rule}]" in result.stderr or f"{rule} " in result.stderr} >= refused


def test_validate_knows_nothing_of_what_is_live_and_warns_of_what_is_adopted(olden: Path) -> None:
    result = mmeplan("validate old.yaml --format json", olden)
    assert result.code == 0
    found = {(one["rule"], one["severity"]) for one in json.loads(result.stdout)}
    assert {(rule, "warning") for rule in OLD} <= found
    unadopted = (olden / "old.yaml").read_text().replace("adopt: true", "adopt: false")
    (olden / "new.yaml").write_text(unadopted)
    assert mmeplan("validate new.yaml", olden).code == 3


# --- what a CloudFormation stack owns ---------------------------------------------------------------------------------


def test_what_a_stack_owns_is_adopted_with_a_warning(folder: Path) -> None:
    assert mmeplan("snapshot --local --out live.json", folder).code == 0
    document = json.loads((folder / "live.json").read_text())
    for kind in ("model", "endpoint_config", "endpoint"):
        for live in document["objects"][kind].values():
            live["tags"] = {"aws:cloudformation:stack-name": "prices-stack", "team": "ads"}
    (folder / "live.json").write_text(json.dumps(document))
    told = mmeplan("import house-prices --snapshot live.json -o theirs.yaml", folder)
    assert told.code == 0
    stack = "belongs to the CloudFormation stack 'prices-stack'. Take it out of the stack first"
    assert told.stderr.replace("\n", " ").count(stack) == 4  # the endpoint, its config and two models
    assert "aws:cloudformation" not in (folder / "theirs.yaml").read_text()
    for form in ("text", "json", "markdown", "html", "github"):
        shown = mmeplan(f"plan theirs.yaml --snapshot live.json --format {form}", folder)
        assert shown.code == 0
        assert "EP-22" in shown.stdout
        assert "prices-stack" in shown.stdout
    for kind in ("model", "endpoint_config", "endpoint"):
        for live in document["objects"][kind].values():
            live["tags"] = {"team": "ads"}
    (folder / "live.json").write_text(json.dumps(document))
    assert "EP-22" not in mmeplan("plan theirs.yaml --snapshot live.json", folder).stdout
