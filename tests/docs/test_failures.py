"""Each failure of a device has its tests in the table, and the tests are there."""

from __future__ import annotations

import re

import pytest

from tests.docs.pages import page, section
from tests.support.project import ROOT

TABLE = section(page("docs/devices.md"), "## Failures, each with its test")
ROWS = [line for line in TABLE.splitlines() if line.startswith("| ")][1:]


def test_each_row_names_tests_that_exist() -> None:
    there = "\n".join(path.read_text("utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    assert len(ROWS) >= 28
    for row in ROWS:
        names = re.findall(r"`(test_\w+)`", row)
        assert names, row
        assert [name for name in names if f"def {name}(" not in there] == []


@pytest.mark.parametrize(
    "failure",
    [
        *("while polling", "while idle", "half-open", "slow slave, TCP", "slow slave, RTU"),
        *("exceptions", "short, long", "wrong CRC", "junk", "split telegram", "echo"),
        *("middle of a request", "flood", "partial", "duplicate", "over-long", "non-ASCII"),
        *("NOREAD", "separator missing", "clock steps", "power cycle", "USB", "busy"),
        *("not permitted", "one endpoint", "exception in a driver", "server stops"),
    ],
)
def test_each_failure_that_a_plant_meets_has_a_row(failure: str) -> None:
    assert [row for row in ROWS if failure in row.split("|")[1]]
