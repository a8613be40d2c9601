"""The whole chain on real bytes: simulated controllers and readers, a server that gets killed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.integration

UNITS = 30
WITHIN = 400
"""Seconds; it takes fifty on two processors of its own."""


def tracenode(*arguments: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-P", "-m", "tracenode.server", *arguments, "--json"],
        capture_output=True,
        text=True,
        timeout=WITHIN,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_killed_servers_lose_and_double_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    seen = tracenode(
        *("demo", "--units", str(UNITS), "--dir", str(folder), "--port", "0"),
        *("--pace", "0.05", "--kill-every", "1.5"),
    )
    assert seen["kills"] >= 1
    assert (seen["compared"], seen["differences"]) == (UNITS, [])
    database = str(folder / "tracenode.db")
    assert tracenode("verify", "--deep", "--db", database)["whole"]
    assert tracenode("rebuild", "--db", database)["same"]
    coil = tracenode("recall", "lot:COIL:COIL-L0001", "--db", database)
    ends = {hit["item"] for hit in coil["hits"]}
    assert "sn:PUMP:P0000001" in ends
    assert coil["end_items"] == len(ends)
