"""The keys of an MQTT device: every fault is named, no secret is shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tracenode.drivers.mqtt.configured import configured_mqtt
from tracenode.drivers.mqtt.options import parse_broker
from tracenode.drivers.mqtt.topics import matches, overlap
from tracenode.models.config import DeviceConfig
from tracenode.models.errors import BadSetting, ConfigError

POINT = {"topic": "press/force", "type": "Double"}
TLS = {"ca": "ca.pem"}


def faults(link: str = "mqtt://192.0.2.10", **keys: Any) -> str:
    table = {"client_id": "c1", "points": {"Force": POINT}, **keys}
    config = DeviceConfig.model_validate({"id": "M", "driver": "mqtt", "link": link, **table})
    try:
        configured_mqtt(config, Path(), {("192.0.2.10", 1883, "taken"): "Other"}, "devices[0]")
    except ConfigError as error:
        return str(error)
    return ""


def scans(*topics: str, **keys: Any) -> list[dict[str, Any]]:
    return [{"topic": topic, **keys} for topic in topics]


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({}, ""),
        ({"client_id": ""}, "devices[0].client_id"),
        ({"client_id": "taken"}, "which Other has"),
        ({"points": {}}, "scans, points or both"),
        ({"points": {"Force": {**POINT, "topic": "a/+"}}}, "without + and #"),
        ({"points": {"Force": {**POINT, "type": "float64"}}}, "Double"),
        ({"points": {"Force": {**POINT, "path": "/x"}}}, 'payload = "json" only'),
        ({"points": {"Force": {**POINT, "payload": "json", "path": "x"}}}, "a JSON Pointer"),
        ({"points": {"Force": {**POINT, "type": "String", "min": 1}}}, "for numbers only"),
        ({"points": {"Force": {**POINT, "topics": "x"}}}, "did you mean 'topic'"),
        ({"scans": scans("a/#/b")}, "a topic filter"),
        ({"scans": scans("a+")}, "a topic filter"),
        ({"scans": scans("$share/g/a")}, "a topic filter"),
        ({"scans": scans("a", noread=["("])}, "noread"),
        ({"scans": scans("a/+", "+/b")}, "devices[0].scans[1].topic"),
        ({"scans": scans("press/#")}, "that of a point"),
        ({"scans": scans("a"), "availability": {"topic": "a"}}, "or of availability"),
        ({"user": "u"}, "user and password together"),
        ({"tls": TLS}, "mqtts:// and tls together"),
        ({"link": "mqtts://192.0.2.10"}, "mqtts:// and tls together"),
        ({"link": "mqtts://192.0.2.10", "tls": TLS}, ""),
        ({"link": "mqtts://192.0.2.10", "tls": {**TLS, "server_name": "x"}}, "tls.server_name"),
        ({"version": "3.1"}, "devices[0].version"),
    ],
)
def test_every_fault_is_named(keys: dict[str, Any], words: str) -> None:
    said = faults(**keys)
    assert words in said if words else said == ""


def test_a_secret_in_plain_is_refused_and_not_shown() -> None:
    said = faults(user="u", password="hunter2")
    assert "env:NAME or file:PATH" in said
    assert "hunter2" not in said
    said = faults(link="mqtt://u:hunter2@192.0.2.10")
    assert "without user and password" in said
    assert "hunter2" not in said


@pytest.mark.parametrize("link", ["tcp://h:1", "mqtt://", "mqtt://h:0x", "mqtt://h/topic"])
def test_other_links_are_refused(link: str) -> None:
    with pytest.raises(BadSetting, match="HOST:PORT"):
        parse_broker(link)


def test_ports_are_those_of_the_scheme() -> None:
    assert parse_broker("mqtt://h") == ("h", 1883, False)
    assert parse_broker("mqtts://h:1") == ("h", 1, True)
    assert parse_broker("mqtts://[::1]") == ("::1", 8883, True)


@pytest.mark.parametrize(
    ("wanted", "topic", "fits"),
    [
        ("a/b", "a/b", True),
        ("a/b", "a/b/c", False),
        ("a/+", "a/b", True),
        ("a/+", "a", False),
        ("a/+", "a/b/c", False),
        ("+/+", "/b", True),
        ("a/#", "a", True),
        ("a/#", "a/b/c", True),
        ("#", "a/b", True),
        ("#", "$SYS/x", False),
        ("+/x", "$SYS/x", False),
        ("$SYS/#", "$SYS/x", True),
    ],
)
def test_filters_match_as_the_specification_says(wanted: str, topic: str, fits: bool) -> None:
    assert matches(wanted, topic) is fits


@pytest.mark.parametrize(
    ("one", "other", "common"),
    [
        ("a/+", "+/b", True),
        ("a/+", "b/+", False),
        ("a/#", "a", True),
        ("a/#", "+/b/c", True),
        ("a/b", "a", False),
        ("#", "x", True),
        ("a/+/c", "a/#", True),
        ("a/+", "a/+/+", False),
    ],
)
def test_filters_with_a_topic_in_common_are_found(one: str, other: str, common: bool) -> None:
    assert overlap(one, other) is common
    assert overlap(other, one) is common
