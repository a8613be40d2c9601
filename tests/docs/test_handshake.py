"""Each failure of the handshake page has its test, and the tests are there."""

from __future__ import annotations

import re

import pytest

from tests.docs.pages import page, section
from tests.support.project import ROOT

PAGE = "docs/handshake.md"


def test_each_row_names_tests_that_exist() -> None:
    there = "\n".join(path.read_text("utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    table = section(page(PAGE), "### Shown by tests")
    rows = [line for line in table.splitlines() if line.startswith("| ")][1:]
    assert len(rows) >= 18
    for row in rows:
        names = re.findall(r"`(test_\w+)`", row)
        assert names, row
        assert [name for name in names if f"def {name}(" not in there] == []


@pytest.mark.parametrize(
    "failure",
    [
        *("restarts before", "restarts after", "answer lost", "killed", "disk full"),
        *("connection lost", "memory of the controller", "wrong part", "non-ASCII"),
        *("second check-in", "heartbeat frozen", "ReqSeq jumps", "not given"),
    ],
)
def test_each_failure_of_the_contract_has_a_row(failure: str) -> None:
    assert failure in section(page(PAGE), "### Shown by tests")
