"""What docs/drivers.md says of the contract is what the suite tests."""

from __future__ import annotations

import re

from tests.docs.pages import page
from tracenode.drivers.conformance import Conformance
from tracenode.drivers.driver import Driver
from tracenode.drivers.registry import GROUP

PAGE = page("docs/drivers.md")


def test_every_rule_of_the_suite_is_described() -> None:
    tests = {name for name in dir(Conformance) if name.startswith("test_")}
    assert set(re.findall(r"`(test_\w+)`", PAGE)) == tests


def test_every_member_of_the_contract_is_described() -> None:
    members = {name for name in vars(Driver) if not name.startswith("_") or name.startswith("__a")}
    assert "run" in members
    described = set(re.findall(r"^\| `(\w+)", PAGE, flags=re.MULTILINE))
    assert members - {"__abstractmethods__", "__annotations__"} <= described
    assert GROUP in PAGE
