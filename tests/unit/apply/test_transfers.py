"""Archives that are written side by side: what is told of them while none ends."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from mmeplan.apply import transfers
from mmeplan.apply.transfers import Transfers
from mmeplan.kinds.artifacts import UPLOAD, Transfer
from mmeplan.plan.step import Step
from mmeplan.spec.packing import look_at
from tests.unit.apply.cloud import Clock

PATIENCE_S = 20


class Slow:
    """A writer whose second parts wait until somebody was told of the first ones."""

    def __init__(self) -> None:
        self.told = threading.Event()
        self.waited: list[bool] = []

    def write(self, operation: str, params: Mapping[str, Any]) -> dict[str, Any]:
        if operation == "UploadPart" and params["PartNumber"] == 2:
            self.waited.append(self.told.wait(PATIENCE_S))
        return {"UploadId": "u", "ETag": "e"}


def test_bytes_are_told_while_no_archive_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfers, "PART_BYTES", 100)
    monkeypatch.setattr(transfers, "LOOK_S", 0.001)
    rows = []
    for name in ("a", "b"):
        path = tmp_path / f"{name}.tar.gz"
        path.write_bytes(name.encode() * 200)
        rows.append(Transfer(path.name, path.name, look_at(path).digest, 200).row())
    params = {"Bucket": "b", "Key": "p/", "Fleet": "f", "Environment": "", "Archives": rows}
    step = Step(f"{UPLOAD}:artifacts/p", "artifacts/p", UPLOAD, params)
    slow = Slow()
    told: list[tuple[str, int]] = []

    def tell(text: str) -> None:
        told.append((text, threading.get_ident()))
        slow.told.set()

    writing = Transfers(None, slow, Clock(), tmp_path, at_once=2)  # type: ignore[arg-type]
    assert writing.carry_out(step, tell).detail == "2 written"
    assert slow.waited == [True, True]
    assert told[0][0].endswith("% of 400 bytes, 0 of 2 archives")
    assert told[-1][0] == "100 % of 400 bytes, 2 of 2 archives"
    assert {thread for _, thread in told} == {threading.get_ident()}
