"""Payloads: what is read is right, and nothing that comes raises anything but BadTelegram."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracenode.drivers.mqtt.options import ScanTopic, TopicPoint
from tracenode.drivers.mqtt.payloads import document, found_at, time_in, value_in
from tracenode.drivers.mqtt.scans import ScanReader
from tracenode.drivers.mqtt.states import PointState
from tracenode.models.device_errors import BadTelegram
from tracenode.models.readings import PointType, Quality

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("kind", "found", "value"),
    [
        (PointType.Double, "1e3", 1000.0),
        (PointType.Double, 7, 7.0),
        (PointType.Double, " -.5 ", -0.5),
        (PointType.Int16, "-32768", -32_768),
        (PointType.Boolean, "TRUE", True),
        (PointType.Boolean, "0", False),
        (PointType.String, "x", "x"),
        (PointType.UInt64, (1 << 64) - 1, (1 << 64) - 1),
    ],
)
def test_values_are_read(kind: PointType, found: object, value: object) -> None:
    assert value_in(found, kind) == value


@pytest.mark.parametrize(
    ("kind", "found"),
    [
        (PointType.Double, "nan"),
        (PointType.Double, "1e400"),
        (PointType.Double, "1_000"),
        (PointType.Double, "0x10"),
        (PointType.Double, 10**400),
        (PointType.Double, True),
        (PointType.Float, 1e39),
        (PointType.Int16, 32_768),
        (PointType.Int16, 1.0),
        (PointType.Int16, "1.0"),
        (PointType.UInt32, "٣"),
        (PointType.Boolean, 1),
        (PointType.Boolean, "yes"),
        (PointType.String, 1),
        (PointType.String, None),
    ],
)
def test_what_is_no_value_of_the_type_is_refused(kind: PointType, found: object) -> None:
    with pytest.raises(BadTelegram, match="expected a value of"):
        value_in(found, kind)


@pytest.mark.parametrize(
    ("pointer", "found"),
    [("", "all"), ("/a/1/b~1c", 5), ("/", "empty"), ("/m~0n", "tilde")],
)
def test_pointers_find_as_rfc_6901_says(pointer: str, found: object) -> None:
    whole: dict[str, Any] = {"a": [0, {"b/c": 5}], "": "empty", "m~n": "tilde"}
    assert found_at(whole, pointer) == (whole if found == "all" else found)


@pytest.mark.parametrize("pointer", ["/b", "/a/2", "/a/-", "/a/01x", "/a/0/x"])
def test_a_pointer_to_nothing_says_so(pointer: str) -> None:
    with pytest.raises(BadTelegram, match=f"something at {pointer}"):
        found_at({"a": [0, 1]}, pointer)


@pytest.mark.parametrize("payload", [b"", b"{", b"\xff", b"NaN", b"[" * 100_000, b'"\xed\xa0\x80"'])
def test_what_is_no_json_says_so(payload: bytes) -> None:
    with pytest.raises(BadTelegram, match="expected JSON"):
        document(payload)


@pytest.mark.parametrize("found", ["2026-03-01T13:00:00+01:00", "2026-03-01T12:00:00Z"])
def test_times_with_their_offset_are_utc(found: str) -> None:
    assert time_in(found) == AT


def test_numbers_are_seconds_or_milliseconds() -> None:
    assert time_in(AT.timestamp()) == time_in(int(AT.timestamp() * 1000)) == AT


@pytest.mark.parametrize("found", ["2026-03-01T12:00:00", "soon", None, True, math.inf, 1e300])
def test_what_is_no_time_says_so(found: object) -> None:
    with pytest.raises(BadTelegram, match="a time"):
        time_in(found)


@given(st.binary(max_size=200) | JSON.map(lambda whole: json.dumps(whole).encode()))
def test_any_payload_is_a_reading_that_is_good_only_with_a_value_of_its_type(raw: bytes) -> None:
    for kind, type_ in (("Double", float), ("Int32", int), ("Boolean", bool), ("String", str)):
        for payload in ("text", "json"):
            table = {"topic": "t", "type": kind, "payload": payload}
            state = PointState("D", "P", TopicPoint.model_validate(table))
            reading = state.take(raw, False, AT, 0.0)
            assert reading.quality in {Quality.Good, Quality.DataEncodingInvalid}
            assert (type(reading.value) is type_) == reading.quality.good
            assert reading.quality.good or state.wrong


@given(st.binary(max_size=200) | JSON.map(lambda whole: json.dumps(whole).encode()))
def test_any_payload_is_a_scan_with_a_text_or_a_reject(raw: bytes) -> None:
    for table in ({}, {"payload": "json"}, {"payload": "json", "path": "/0", "time": "/1"}):
        reader = ScanReader("D", ScanTopic.model_validate({"topic": "t", **table}))
        scan = reader.read(raw, retained=False, again=False, arrived=AT, now=0.0)
        assert (scan.text is None) == (scan.reject is not None)
        assert scan.raw == raw
        assert scan.reject is None or scan.note


def test_a_lone_surrogate_is_no_code() -> None:
    reader = ScanReader("D", ScanTopic.model_validate({"topic": "t", "payload": "json"}))
    scan = reader.read(b'"\\ud800"', retained=False, again=False, arrived=AT, now=0.0)
    assert scan.text is None
    with pytest.raises(BadTelegram, match="a value of String"):
        value_in(document(b'"\\ud800"'), PointType.String)
