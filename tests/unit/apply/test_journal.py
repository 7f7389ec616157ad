"""The journal: for people, private, and never a reason to fail."""

from __future__ import annotations

import json
import stat
from contextlib import suppress
from pathlib import Path

import pytest

from mmeplan.apply import Event, Journal

EVENT = Event("2026-01-01T00:00:00+00:00", "started", "s", "model/m", "CreateModel")


def journal(folder: Path) -> Journal:
    return Journal(folder, "sha256:0123456789abcdef", "2026-01-01T12:34:56+00:00")


def test_every_event_is_a_line_at_once_in_a_private_file(tmp_path: Path) -> None:
    with journal(tmp_path / ".mmeplan") as made:
        made(EVENT)
        assert json.loads(made.path.read_text())["operation"] == "CreateModel"
        made(EVENT)
    assert len(made.path.read_text().splitlines()) == 2
    assert stat.S_IMODE(made.path.stat().st_mode) == 0o600
    assert made.path.name == "0123456789ab-20260101123456.jsonl"


def test_a_folder_that_can_not_be_made_is_no_reason_to_fail(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with journal(tmp_path / "file") as made:
        made(EVENT)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_does_not_stop_an_apply() -> None:
    made = journal(Path())
    with Path("/dev/full").open("w") as full, suppress(OSError):
        made._stream = full
        made(EVENT)
        assert made._stream is None
        made(EVENT)
