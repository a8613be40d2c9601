"""The server is killed while clients book and hear: nothing acknowledged is lost, nothing doubled.

`run.py bench kills` does the same fifty times.
"""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from tests.support.node import node_modules

pytestmark = pytest.mark.integration

KILLS = 3
SEED = 4 if os.environ.get("CI") == "true" else random.randrange(2**31)
"""Printed with what fails."""


def test_every_acknowledged_record_is_there_once_and_heard(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    node_modules()
    from benchmarks import kills
    from benchmarks._rows import Options, Report

    report = Report(Options(quick=True, json=None, folder=None), "kills")
    kills.run(report, tmp_path, kills=KILLS, seed=SEED)
    said = capsys.readouterr().out
    assert report.finish() == 0, said
    found = {row.name: row.ours for row in report.rows}
    assert found["kills"] == KILLS
    assert found["records acknowledged"] > KILLS
    assert found["calls made again"] > 0
    assert "not installed" not in said
