"""Scans and readings over a Mosquitto broker that is stopped, killed, frozen and fed nonsense."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.drivers.mqtt.broker import Broker
from tests.support.sinks import CollectingSink
from tests.support.waiting import eventually
from tracenode.drivers.mqtt.source import MqttSource
from tracenode.drivers.registry import Drivers
from tracenode.drivers.supervisor import Supervisor, Timing
from tracenode.models.config import DeviceConfig
from tracenode.models.device_errors import DeviceException
from tracenode.models.readings import DeviceState, Quality, Reading, RejectReason

pytestmark = pytest.mark.integration

BACK_WITHIN = 15.0
VERSIONS = pytest.mark.parametrize("version", ["5", "3.1.1"])
SCANS: list[dict[str, Any]] = [{"topic": "line/+/scan"}]


def source(link: str, **keys: Any) -> MqttSource:
    table = {"client_id": "tracenode-1", **keys}
    config = DeviceConfig.model_validate(
        {"id": "Cell", "driver": "mqtt", "link": link, "stale_after_s": 0.5, **table}
    )
    driver = Drivers().make(config)
    assert isinstance(driver, MqttSource)
    return driver


@asynccontextmanager
async def supervised(driver: MqttSource, sink: CollectingSink) -> AsyncIterator[Supervisor]:
    supervisor = Supervisor([driver], sink, timing=Timing(stale_after=0.5, health_period=0.05))
    running = asyncio.create_task(supervisor.run())
    try:
        await eventually(lambda: supervisor.status("Cell").state is DeviceState.Up, BACK_WITHIN)
        yield supervisor
    finally:
        supervisor.stop()
        await running


def numbers(first: int, last: int) -> list[str]:
    return [f"P{number:05}" for number in range(first, last + 1)]


def texts(sink: CollectingSink, *, duplicates: bool = False) -> list[str | None]:
    return [scan.text for scan in sink.scans if duplicates or not scan.duplicate]


def last(sink: CollectingSink, point: str) -> Reading | None:
    return next((r for r in reversed(sink.seen) if r.point == point), None)


def shown(sink: CollectingSink, point: str, value: object, quality: Quality) -> Callable[[], bool]:
    def look() -> bool:
        reading = last(sink, point)
        return reading is not None and (reading.value, reading.quality) == (value, quality)

    return look


# ------------------------------------------------------------------ scans
@VERSIONS
@pytest.mark.parametrize("qos", [0, 1, 2])
async def test_scans_come_in_order_and_none_is_lost(
    mosquitto: Broker, version: str, qos: int
) -> None:
    driver, sink = source(mosquitto.link, version=version, scans=SCANS), CollectingSink()
    async with supervised(driver, sink):
        sink.gate.clear()
        await mosquitto.publish_lines("line/1/scan", numbers(1, 300), qos=qos)
        sink.gate.set()
        await eventually(lambda: len(sink.scans) == 300)
    assert texts(sink) == numbers(1, 300)


@VERSIONS
async def test_what_is_scanned_while_we_are_away_is_kept(mosquitto: Broker, version: str) -> None:
    sink = CollectingSink()
    async with supervised(source(mosquitto.link, version=version, scans=SCANS), sink):
        await mosquitto.publish("line/1/scan", "P00001")
        await eventually(lambda: len(sink.scans) == 1)
    await mosquitto.publish_lines("line/1/scan", numbers(2, 50))
    mosquitto.stop()
    mosquitto.start()
    async with supervised(source(mosquitto.link, version=version, scans=SCANS), sink):
        await eventually(lambda: len(sink.scans) == 50)
    assert texts(sink) == numbers(1, 50)


@VERSIONS
async def test_a_scan_is_acknowledged_only_when_it_is_booked(
    mosquitto: Broker, version: str
) -> None:
    """A server that dies with a scan in its hands is given it again."""
    held, sink = CollectingSink(), CollectingSink()
    held.gate.clear()
    driver = source(mosquitto.link, version=version, scans=SCANS)
    await driver.__aenter__()
    running = asyncio.create_task(driver.run(held))
    await mosquitto.publish_lines("line/1/scan", numbers(1, 5))
    await eventually(lambda: driver.stats.extra["messages"] >= 1)
    running.cancel()
    await asyncio.wait([running])
    await driver.__aexit__(None, None, None)
    assert held.scans == []
    async with supervised(source(mosquitto.link, version=version, scans=SCANS), sink):
        await eventually(lambda: len(sink.scans) == 5)
    assert texts(sink) == numbers(1, 5)


@VERSIONS
async def test_a_broker_that_goes_under_load_loses_no_scan_that_it_has_saved(
    mosquitto: Broker, version: str
) -> None:
    driver, sink = source(mosquitto.link, version=version, scans=SCANS), CollectingSink()
    async with supervised(driver, sink) as supervisor:
        await mosquitto.publish_lines("line/1/scan", numbers(1, 100))
        await eventually(lambda: len(sink.scans) >= 100)
        sink.gate.clear()
        await mosquitto.publish_lines("line/1/scan", numbers(101, 200))
        await eventually(lambda: driver.stats.extra["messages"] > 100)
        mosquitto.stop()
        mosquitto.start()
        sink.gate.set()
        await eventually(lambda: len(set(texts(sink))) == 200, BACK_WITHIN)
        assert texts(sink) == numbers(1, 200)
        mosquitto.kill()
        await eventually(lambda: supervisor.status("Cell").state is DeviceState.BackOff)
        mosquitto.start()
        await eventually(lambda: supervisor.status("Cell").state is DeviceState.Up, BACK_WITHIN)
        await mosquitto.publish("line/2/scan", "P00201")
        await eventually(lambda: "P00201" in texts(sink))
    # What it had saved of our acknowledgements may be old: it sends scans again as if new.
    assert list(dict.fromkeys(texts(sink))) == numbers(1, 201)


async def test_a_scan_sent_again_after_it_was_booked_is_flagged(mosquitto: Broker) -> None:
    driver, sink = source(mosquitto.link, scans=SCANS), CollectingSink()
    async with supervised(driver, sink):
        sink.gate.clear()
        await mosquitto.publish("line/1/scan", "P1")
        await eventually(lambda: driver.stats.extra["messages"] == 1)
        mosquitto.stop()  # the link is gone before the booking is done
        sink.gate.set()
        await eventually(lambda: len(sink.scans) == 1)
        mosquitto.start()
        await eventually(lambda: len(sink.scans) == 2, BACK_WITHIN)
    assert [(scan.text, scan.duplicate) for scan in sink.scans] == [("P1", False), ("P1", True)]
    assert driver.stats.extra["redelivered"] == 1


async def test_the_same_code_again_within_duplicate_ms_is_flagged(mosquitto: Broker) -> None:
    scans = [{"topic": "line/+/scan", "duplicate_ms": 60_000}]
    sink = CollectingSink()
    async with supervised(source(mosquitto.link, scans=scans), sink):
        for code in ("P1", "P2", "P1"):
            await mosquitto.publish("line/1/scan", code)
        await eventually(lambda: len(sink.scans) == 3)
    assert [scan.duplicate for scan in sink.scans] == [False, False, True]


async def test_a_retained_scan_is_no_scan_of_now(mosquitto: Broker) -> None:
    await mosquitto.publish("line/1/scan", "OLD", retain=True)
    sink, older = CollectingSink(), CollectingSink()
    async with supervised(source(mosquitto.link, scans=SCANS), sink):
        await mosquitto.publish("line/1/scan", "NEW", retain=True)
        await eventually(lambda: len(sink.scans) == 1)
    assert texts(sink) == ["NEW"]
    driver = source(mosquitto.link, client_id="other", version="3.1.1", scans=SCANS)
    async with supervised(driver, older):
        await eventually(lambda: len(older.scans) == 1)
        mosquitto.stop()
        mosquitto.start()
        await mosquitto.publish("line/1/scan", "P1")
        await eventually(lambda: len(older.scans) == 2, BACK_WITHIN)
    (refused, scan) = older.scans
    assert (refused.text, refused.reject) == (None, RejectReason.Retained)
    assert "without the retain flag" in refused.note
    assert scan.text == "P1"


@pytest.mark.parametrize(
    ("payload", "reject", "words"),
    [
        (b"", RejectReason.Empty, "expected a text"),
        (b"P\xff1", RejectReason.Undecodable, "0xFF at byte 2"),
        (b"X" * 5000, RejectReason.TooLong, "found 5000"),
        (b"NOREAD\r\n", RejectReason.NoRead, "the reader read nothing"),
        (b"P1\x00\x00", RejectReason.ControlCharacters, "NUL"),
    ],
)
async def test_what_is_no_code_is_recorded_with_its_bytes(
    mosquitto: Broker, payload: bytes, reject: RejectReason, words: str
) -> None:
    sink = CollectingSink()
    async with supervised(source(mosquitto.link, scans=SCANS), sink):
        await mosquitto.publish("line/1/scan", payload)
        await mosquitto.publish("line/1/scan", "P1\r\n")
        await eventually(lambda: len(sink.scans) == 2)
    bad, good = sink.scans
    assert (bad.reject, good.text) == (reject, "P1")
    assert words in bad.note
    assert payload.startswith(bad.raw)


async def test_codes_and_times_come_out_of_json(mosquitto: Broker) -> None:
    scans = [{"topic": "scan", "payload": "json", "path": "/read/code", "time": "/at"}]
    at = datetime(2026, 3, 1, 12, tzinfo=UTC)
    sink = CollectingSink()
    async with supervised(source(mosquitto.link, scans=scans), sink):
        for said in (
            json.dumps({"read": {"code": "P1"}, "at": "2026-03-01T13:00:00+01:00"}),
            json.dumps({"read": {"code": 4711}, "at": at.timestamp() * 1000}),
            '{"read": {"code": "P2"',
            json.dumps({"read": {}, "at": 0}),
            json.dumps({"read": {"code": "P3"}, "at": "yesterday"}),
        ):
            await mosquitto.publish("scan", said)
        await eventually(lambda: len(sink.scans) == 5)
    assert texts(sink) == ["P1", "4711", None, None, None]
    assert [scan.at for scan in sink.scans[:2]] == [at, at]
    words = [scan.note for scan in sink.scans[2:]]
    for note, expected in zip(words, ("JSON", "/read/code", "a time"), strict=True):
        assert f"expected {expected}" in note or f"something at {expected}" in note


# ------------------------------------------------------------------ readings
POINTS: dict[str, dict[str, Any]] = {
    "Force": {"topic": "press/force", "type": "Double", "max": 100},
    "Count": {"topic": "press/state", "type": "UInt16", "payload": "json", "path": "/count"},
    "On": {"topic": "press/state", "type": "Boolean", "payload": "json", "path": "/on"},
}


@VERSIONS
async def test_readings_are_typed_and_never_wrong_as_good(mosquitto: Broker, version: str) -> None:
    driver, sink = source(mosquitto.link, version=version, points=POINTS), CollectingSink()
    bad = Quality.DataEncodingInvalid
    async with supervised(driver, sink) as supervisor:
        for topic, payload, point, value, quality in (
            ("force", "12.5", "Force", 12.5, Quality.Good),
            ("force", "250", "Force", 250.0, Quality.OutOfRange),
            ("force", "12,5", "Force", None, bad),
            ("force", "7\n", "Force", 7.0, Quality.Good),
            ("force", b"\xff", "Force", None, bad),
            ("state", '{"count": 7, "on": true}', "Count", 7, Quality.Good),
            ("state", '{"count": 65536, "on": true}', "Count", None, bad),
            ("state", '{"count": 8, "on"', "Count", None, bad),
            ("state", '{"count": "9", "on": false}', "Count", None, bad),
            ("state", '{"count": 9, "on": false}', "On", False, Quality.Good),
        ):
            await mosquitto.publish(f"press/{topic}", payload, qos=0)
            await eventually(shown(sink, point, value, quality))
        await mosquitto.publish("press/force", "nan")
        await eventually(lambda: "Force: expected a value of Double" in driver.degraded)
        await eventually(lambda: supervisor.status("Cell").state is DeviceState.Degraded)


async def test_a_kept_value_is_not_good_unless_it_tells_its_time(mosquitto: Broker) -> None:
    await mosquitto.publish("press/force", "5", retain=True)
    await mosquitto.publish("press/speed", '{"v": 6, "t": 1700000000}', retain=True)
    timed = {"payload": "json", "path": "/v", "time": "/t"}
    points = {
        "Force": {"topic": "press/force", "type": "Double"},
        "Trusted": {"topic": "press/force", "type": "Double", "trust_retained": True},
        "Speed": {"topic": "press/speed", "type": "Double", **timed},
    }
    sink = CollectingSink()
    async with supervised(source(mosquitto.link, points=points), sink):
        await eventually(shown(sink, "Force", 5.0, Quality.LastUsableValue))
        await eventually(shown(sink, "Trusted", 5.0, Quality.Good))
        await eventually(shown(sink, "Speed", 6.0, Quality.Good))
        speed = last(sink, "Speed")
        assert speed is not None
        assert speed.at == datetime.fromtimestamp(1_700_000_000, UTC)
        await mosquitto.publish("press/force", "7")
        await eventually(shown(sink, "Force", 7.0, Quality.Good))


async def test_silence_and_a_lost_publisher_make_values_stale(mosquitto: Broker) -> None:
    points = {**POINTS, "Pulse": {"topic": "press/pulse", "type": "Int32", "max_age_s": 0.5}}
    keys = {"points": points, "availability": {"topic": "press/status"}}
    driver, sink = source(mosquitto.link, **keys), CollectingSink()
    async with supervised(driver, sink) as supervisor:
        await mosquitto.publish("press/pulse", "1")
        await mosquitto.publish("press/force", "12.5")
        await eventually(shown(sink, "Pulse", 1, Quality.Good))
        await eventually(shown(sink, "Pulse", 1, Quality.LastUsableValue))
        await eventually(shown(sink, "Pulse", 1, Quality.NoCommunication))
        assert shown(sink, "Force", 12.5, Quality.Good)()
        await mosquitto.publish("press/status", "offline")
        await eventually(shown(sink, "Force", 12.5, Quality.LastUsableValue))
        await eventually(shown(sink, "Force", 12.5, Quality.NoCommunication))
        await eventually(lambda: supervisor.status("Cell").state is DeviceState.Degraded)
        await mosquitto.publish("press/status", "online")
        await mosquitto.publish("press/force", "13")
        await eventually(shown(sink, "Force", 13.0, Quality.Good))
        await eventually(lambda: supervisor.status("Cell").state is DeviceState.Up)


async def test_a_frozen_broker_is_noticed_and_a_killed_one_awaited(mosquitto: Broker) -> None:
    driver = source(mosquitto.link, points=POINTS, keep_alive_s=2)
    sink = CollectingSink()
    async with supervised(driver, sink) as supervisor:
        await mosquitto.publish("press/force", "1")
        await eventually(shown(sink, "Force", 1.0, Quality.Good))
        mosquitto.freeze()
        try:
            await eventually(shown(sink, "Force", 1.0, Quality.NoCommunication), 10.0)
        finally:
            mosquitto.thaw()
        await eventually(lambda: supervisor.status("Cell").state is DeviceState.Up, BACK_WITHIN)
        mosquitto.kill()
        await eventually(lambda: supervisor.status("Cell").state is DeviceState.BackOff)
        mosquitto.start()
        await eventually(lambda: supervisor.status("Cell").state is DeviceState.Up, BACK_WITHIN)
        await mosquitto.publish("press/force", "2")
        await eventually(shown(sink, "Force", 2.0, Quality.Good))


async def test_silence_over_a_lost_link_makes_no_lost_value_usable(mosquitto: Broker) -> None:
    points = {"Pulse": {"topic": "press/pulse", "type": "Int32", "max_age_s": 3.0}}
    driver, sink = source(mosquitto.link, points=points), CollectingSink()
    async with supervised(driver, sink) as supervisor:
        await mosquitto.publish("press/pulse", "1")
        await eventually(shown(sink, "Pulse", 1, Quality.Good))
        mosquitto.kill()
        await eventually(lambda: supervisor.status("Cell").state is DeviceState.BackOff)
        mosquitto.start()
        await eventually(lambda: supervisor.status("Cell").state is DeviceState.Up, BACK_WITHIN)
        await eventually(shown(sink, "Pulse", 1, Quality.NoCommunication))
        await asyncio.sleep(4.0)
        assert shown(sink, "Pulse", 1, Quality.NoCommunication)()


async def test_topics_are_not_written(mosquitto: Broker) -> None:
    with pytest.raises(DeviceException, match="not written"):
        await source(mosquitto.link, points=POINTS).write({"Force": 1.0})


async def test_a_sink_that_fails_gets_its_scan_again(mosquitto: Broker) -> None:
    driver, sink = source(mosquitto.link, scans=SCANS), CollectingSink()
    sink.fail = RuntimeError("disk")
    async with supervised(driver, sink) as supervisor:
        await mosquitto.publish("line/1/scan", "P1")
        await eventually(lambda: supervisor.status("Cell").state is DeviceState.BackOff)
        sink.fail = None
        await eventually(lambda: len(sink.scans) == 1, BACK_WITHIN)
        await mosquitto.publish("line/1/scan", "P2")
        await eventually(lambda: len(sink.scans) == 2)
    assert [(scan.text, scan.duplicate) for scan in sink.scans] == [("P1", False), ("P2", False)]
