"""`plan --full` and `show --full`: every member of every request."""

import shutil
from pathlib import Path

from tests.cli.running import mmeplan

EXAMPLE = Path(__file__).parents[2] / "examples" / "ab-variants"


def test_plan_and_show_take_full(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(EXAMPLE, copy, ignore=shutil.ignore_patterns(".mmeplan"))
    brief = mmeplan("plan --local fleet.yaml --out plan.json", copy).stdout
    for command in ("plan --local fleet.yaml --full", "show plan.json --full"):
        full = mmeplan(command, copy).stdout
        assert "termination_wait_in_seconds" in full
        assert "termination_wait_in_seconds" not in brief
