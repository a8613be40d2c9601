"""The keys of an OPC UA source: every fault is named, no secret is shown."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from asyncua import ua

from tracenode.drivers.opcua.configured import configured_opcua
from tracenode.drivers.opcua.node_names import parse_node
from tracenode.drivers.opcua.options import NodeOptions, parse_endpoint
from tracenode.drivers.opcua.values import Declared, variant_of
from tracenode.drivers.registry import Drivers
from tracenode.models.config import DeviceConfig
from tracenode.models.errors import BadSetting, ConfigError
from tracenode.models.readings import PointType, Quality

POINT = {"node": "ns=3;s=Force", "type": "Double"}
FILES = {"certificate": "a.der", "key": "a.pem", "server_certificate": "b.der"}


def faults(link: str = "opc.tcp://192.0.2.10", **keys: Any) -> str:
    table = {"security": "None", "points": {"Force": POINT}, **keys}
    config = DeviceConfig.model_validate({"id": "P", "driver": "opcua", "link": link, **table})
    try:
        configured_opcua(config, Path(), {}, None, "devices[0]")
    except ConfigError as error:
        return str(error)
    return ""


def test_sound_keys_make_a_driver_with_its_points_and_plan() -> None:
    table: dict[str, Any] = {"id": "P", "driver": "opcua", "link": "opc.tcp://192.0.2.10/x"}
    table |= {"security": "None", "points": {"Force": {**POINT, "unit": "NEW", "max": 5.0}}}
    driver = Drivers().make(DeviceConfig.model_validate(table))
    (point,) = driver.points
    assert (point.name, point.type, point.unit, point.high) == ("Force", PointType.Double, "NEW", 5)
    assert "opc.tcp://192.0.2.10:4840/x, security None, nodes: 1" in list(driver.read_plan())  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"security": "Basic128Rsa15.Sign"}, "security"),
        ({"points": {"Force": {**POINT, "node": "Force"}}}, "devices[0].points.Force.node"),
        ({"points": {"Force": {**POINT, "node": "ns=70000;i=1"}}}, "a NodeId such as"),
        ({"points": {"Force": {**POINT, "node": "i=x"}}}, "a NodeId such as"),
        ({"points": {"Force": {**POINT, "type": "float64"}}}, "Double"),
        ({"points": {"Force": {**POINT, "min": 2, "max": 1}}}, "min below max"),
        ({"points": {"Force": {**POINT, "type": "String", "max": 1}}}, "for numbers only"),
        ({"points": {"Force": {**POINT, "pace": 1}}}, "unknown key"),
        ({"security": "Basic256Sha256.Sign"}, "devices[0].server_certificate"),
        ({"certificate": "a.der"}, "a security other than None"),
        ({"user": "u", "password": "env:P"}, "can be read on the way"),
        ({"security": "Basic256Sha256.Sign", **FILES, "user": "u"}, "user and password together"),
        ({"mailbox": {"station_number": 1}}, "devices[0].mailbox.area_a"),
        (
            {"mailbox": {"station_number": 1, "area_a": "i=1", "area_b": "i=2"}},
            "devices[0].station",
        ),
    ],
)
def test_every_fault_is_named(keys: dict[str, Any], words: str) -> None:
    assert words in faults(**keys)


def test_a_secret_in_plain_is_refused_and_not_shown() -> None:
    said = faults(security="Basic256Sha256.Sign", **FILES, user="u", password="hunter2")
    assert "env:NAME or file:PATH" in said
    assert "hunter2" not in said
    said = faults(link="opc.tcp://u:hunter2@192.0.2.10:4840")
    assert "without user and password" in said
    assert "hunter2" not in said


@pytest.mark.parametrize(
    "link", ["tcp://192.0.2.10", "opc.tcp://", "opc.tcp://h:0x", "opc.tcp://h:99999"]
)
def test_other_links_are_refused(link: str) -> None:
    with pytest.raises(BadSetting, match="HOST:PORT/PATH"):
        parse_endpoint(link)


def test_a_namespace_by_its_uri_is_found_where_the_server_has_it() -> None:
    node = parse_node("nsu=urn:acme:press%3Bv2;s=a;b=c")
    found = node.resolve(["http://opcfoundation.org/UA/", "urn:x", "urn:acme:press;v2"])
    assert (found.NamespaceIndex, found.Identifier) == (2, "a;b=c")
    with pytest.raises(BadSetting, match="found urn:acme:press;v2"):
        node.resolve(["http://opcfoundation.org/UA/"])


@pytest.mark.parametrize(
    ("kind", "low", "high"),
    [
        (PointType.SByte, -128, 127),
        (PointType.Byte, 0, 255),
        (PointType.Int16, -32_768, 32_767),
        (PointType.UInt32, 0, 4_294_967_295),
        (PointType.Int64, -(1 << 63), (1 << 63) - 1),
        (PointType.UInt64, 0, (1 << 64) - 1),
    ],
)
def test_only_what_the_type_holds_is_written(kind: PointType, low: int, high: int) -> None:
    options = NodeOptions.model_validate({"node": "i=1", "type": kind.name})
    for value in (low, high):
        variant = variant_of(options, value)
        assert variant is not None
        assert variant.Value == value
    for wrong in (low - 1, high + 1, 1.0, True, "1"):
        assert variant_of(options, wrong) is None


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_a_float_that_is_no_number_is_never_shown_as_good(number: float) -> None:
    options = NodeOptions.model_validate({**POINT, "min": 0, "max": 5})
    given = ua.DataValue(ua.Variant(number, ua.VariantType.Double))
    reading, wrong = Declared("P", "Force", options).reading(given, datetime.now(UTC))
    assert (reading.value, reading.quality) == (None, Quality.DataEncodingInvalid)
    assert wrong == f"expected Double, found {number} (no number)"
