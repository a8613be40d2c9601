"""The configuration is checked whole: every fault at once, each with path, value and what to do."""

from __future__ import annotations

import pytest

from tracenode.models.config import parse_config
from tracenode.models.errors import ConfigError

GOOD = """
[site]
id = "plant1"

[[stations]]
id = "OP10"
path = "Plant1/Hall2/Line3"
positions = { 1 = "left" }

[profiles.reader]
driver = "scanner"
terminator = "CR"

[[devices]]
id = "Scanner_OP10"
profile = "reader"
link = "tcp://127.0.0.1:2001"
station = "OP10"
terminator = "LF"
"""


def problems(text: str) -> dict[str, tuple[str, str]]:
    with pytest.raises(ConfigError) as caught:
        parse_config(text, "line.toml")
    return {p.path: (p.found, p.expected) for p in caught.value.problems}


def test_a_device_lays_its_own_keys_over_its_profile() -> None:
    config = parse_config(GOOD, "line.toml")
    device = config.devices[0]
    assert (device.driver, device.options) == ("scanner", {"terminator": "LF"})
    assert config.stations[0].positions == {1: "left"}


def test_every_fault_is_named_at_once() -> None:
    found = problems("""
[site]
id = "plant 1"
[opcua]
endpoit = "x"
endpoint = "http://127.0.0.1"
[[stations]]
id = "OP10"
path = "A/B"
on_scan = "go"
[[stations]]
id = "op10"
path = "A//B"
[[devices]]
id = "D"
driver = "scanner"
link = "x"
station = "OP1"
profile = "reade"
[profiles.reader]
""")
    assert set(found) == {
        "site.id",
        "opcua.endpoit",
        "opcua.endpoint",
        "stations[0].on_scan",
        "stations[1].id",
        "stations[1].path",
        "devices[0].station",
        "devices[0].profile",
    }
    assert "did you mean 'endpoint'?" in found["opcua.endpoit"][0]
    assert found["stations[0].on_scan"] == ("'go'", "'observe' or 'start'")
    assert "did you mean 'OP10'?" in found["devices[0].station"][0]


def test_broken_toml_says_where() -> None:
    (found, expected), *_ = problems("[site\nid=1").values()
    assert "line 1" in found
    assert expected == "valid TOML"


def test_a_missing_key_is_named() -> None:
    assert problems("[site]\n")["site.id"][1] == "a value: the key is required"
