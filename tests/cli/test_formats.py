"""`plan` and `show` print Markdown and HTML: the same plan, with how to apply it, or why it can't be."""

import re
from pathlib import Path

import pytest

from tests.cli.running import mmeplan

FLEET = (Path(__file__).parents[2] / "examples/ab-variants/fleet.yaml").read_text()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "fleet.yaml").write_text(FLEET)
    assert mmeplan("plan --local --out plan.json", tmp_path).code == 0
    return tmp_path


def test_plan_prints_a_comment_and_how_to_apply_it(folder: Path) -> None:
    result = mmeplan("plan --local --format markdown", folder)
    assert (result.code, result.stderr) == (0, "")
    assert re.sub(r"id=[0-9a-f]{64}", "id=…", result.stdout).startswith(
        "<!-- mmeplan:fleet=house-prices;environment=;path=fleet.yaml;region=eu-west-1;account=123456789012 -->\n"
        "<!-- mmeplan-plan:id=…;worst=create;drift=0 -->\n\n## `house-prices`: 4 to create\n"
    )
    plan_id = re.search("Plan `([0-9a-f]{12})`", result.stdout)
    assert plan_id is not None
    assert result.stdout.endswith(f"Apply it: `mmeplan apply fleet.yaml --expect {plan_id[1]} --local`\n")


@pytest.mark.parametrize("format_", ["markdown", "html"])
def test_a_saved_plan_is_shown_as_it_was_made(folder: Path, format_: str) -> None:
    made = mmeplan(f"plan --local --out again.json --format {format_}", folder).stdout
    shown = mmeplan(f"show again.json --format {format_}", folder).stdout
    assert shown.replace("again.json", "") == re.sub("fleet.yaml --expect [0-9a-f]{12} --local", "", made)


def test_plan_prints_a_page(folder: Path) -> None:
    result = mmeplan("show plan.json --format html", folder)
    assert result.stdout.startswith("<!doctype html>\n")
    assert result.stdout.endswith("</html>\n")
    assert "<p>Apply it: <code>mmeplan apply plan.json</code></p>" in result.stdout


def test_a_stale_plan_is_shown_with_the_reason_and_without_a_way_to_apply_it(folder: Path) -> None:
    (folder / "fleet.yaml").write_text(FLEET + "\n# later\n")
    for format_ in ("markdown", "html"):
        page = mmeplan(f"show plan.json --format {format_}", folder).stdout
        assert "stale" in page.lower()
        assert "fleet.yaml" in page
        assert "Apply it" not in page


def test_a_plan_from_a_snapshot_is_speculative_in_every_format(folder: Path) -> None:
    assert mmeplan("snapshot --local --out live.json", folder).code == 0
    for format_ in ("text", "markdown", "html"):
        page = mmeplan(f"plan --snapshot live.json --format {format_}", folder).stdout
        assert "speculative" in page.lower()
        assert "Apply it" not in page


def test_a_refused_plan_is_printed_and_ends_with_three(folder: Path) -> None:
    mmeplan("apply --local --yes", folder)
    (folder / "fleet.yaml").write_text(
        FLEET.replace("\nendpoints:\n", "\nendpoints:\n", 1).replace(
            "house-prices:\n", "house-prices:\n    name: renamed\n", 1
        )
    )
    result = mmeplan("plan --local --format markdown", folder)
    assert result.code == 3
    assert "\n## Refused: `house-prices`, 1 error\n" in result.stdout
    assert "> [!CAUTION]\n" in result.stdout


def test_environment_values_are_shown_only_where_they_are_asked_for(folder: Path) -> None:
    container = "primary_container:\n      environment: {LEVEL: hunter2-hunter2}"
    (folder / "fleet.yaml").write_text(FLEET.replace("primary_container:", container, 1))
    for format_ in ("markdown", "html"):
        assert "hunter2" not in mmeplan(f"plan --local --format {format_}", folder).stdout
        assert "hunter2" in mmeplan(f"plan --local --format {format_} --show-environment", folder).stdout
