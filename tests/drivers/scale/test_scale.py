"""The driver of a scale, on sockets and terminals."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from tests.support.rigs import TcpRig, made
from tests.support.serial import cable
from tests.support.sinks import CollectingSink
from tests.support.waiting import eventually
from tracenode.drivers.conformance import Conformance, Rig
from tracenode.drivers.driver import Degradable, Driver
from tracenode.models.device_errors import NoAnswer
from tracenode.models.errors import ConfigError
from tracenode.models.readings import Quality, Reading

pytestmark = pytest.mark.integration


@asynccontextmanager
async def running(scale: Driver, sink: CollectingSink) -> AsyncIterator[asyncio.Task[None]]:
    async with scale:
        task = asyncio.ensure_future(scale.run(sink))
        try:
            yield task
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError, NoAnswer):
                await task


def latest(sink: CollectingSink, point: str = "Weight") -> Reading | None:
    return next((one for one in reversed(sink.seen) if one.point == point), None)


async def told(sink: CollectingSink, value: float | None, quality: Quality) -> Reading:
    def there() -> Reading | None:
        one = latest(sink)
        return one if one and (one.value, one.quality) == (value, quality) else None

    found = await eventually(there)
    assert found is not None
    return found


async def test_a_weight_is_good_only_when_it_stands_still() -> None:
    sink = CollectingSink()
    with cable() as device:
        scale = made("scale", f"serial:{device.port}", protocol="sics", unit="GRM", max=500)
        assert isinstance(scale, Degradable)
        async with running(scale, sink):
            device.send(b"S D      99.50 g\r\n")
            await told(sink, 99.5, Quality.Unstable)
            stable = latest(sink, "Stable")
            assert stable is not None
            assert stable.value is False
            device.send(b"S S     100.00 g\r\n")
            await told(sink, 100.0, Quality.Good)
            device.send(b"S S       0.60 kg\r\n")
            await told(sink, 600.0, Quality.OutOfRange)
            device.send(b"S +\r\n")
            await told(sink, None, Quality.DeviceFailure)
            assert scale.degraded == "overload"
            device.send(b"S S      1x0.00 g\r\n")
            await told(sink, None, Quality.DataEncodingInvalid)
            device.send(b"S S     100.00 g\r\n")
            await told(sink, 100.0, Quality.Good)
            assert scale.degraded == ""
            before = len(sink.seen)
            device.send(b"S S     100.00 g\r\n" * 5 + b"S S     101.00 g\r\n")
            await told(sink, 101.0, Quality.Good)
            assert len(sink.seen) == before + 1
    assert scale.stats.rejects == 1


async def test_an_unstable_weight_is_never_good_however_the_bytes_are_cut() -> None:
    sink = CollectingSink()
    with cable() as device:
        scale = made("scale", f"serial:{device.port}", protocol="comma", length=17)
        async with running(scale, sink):
            text = b"".join(
                b"%s,GS,+%8.3fkg\r\n" % (b"ST" if n % 3 == 0 else b"US", n) for n in range(100)
            )
            for place in range(0, len(text), 7):
                device.send(text[place : place + 7])
                await asyncio.sleep(0)
            await told(sink, 99.0, Quality.Good)
    good = [one.value for one in sink.seen if one.point == "Weight" and one.quality.good]
    assert set(good) <= {float(n) for n in range(0, 100, 3)}
    assert scale.stats.rejects == 0


async def test_toledo_output_with_its_check_byte_is_read() -> None:
    sink = CollectingSink()
    with cable() as device:
        scale = made("scale", f"serial:{device.port}", protocol="toledo")
        async with running(scale, sink):
            for digits in (b"012345", b"012346", b"000100"):
                device.send(b"\x02\x2c\x30\x20" + digits + b"000000\r\x41")
            await told(sink, 1.0, Quality.Good)
    assert scale.stats.rejects == 0
    assert [one.value for one in sink.seen if one.point == "Weight"] == [123.45, 123.46, 1.0]


async def test_a_scale_that_falls_silent_is_lost() -> None:
    sink = CollectingSink()
    with cable() as device:
        keys: dict[str, Any] = {"protocol": "sics", "poll_ms": 20, "timeout_ms": 100}
        scale = made("scale", f"serial:{device.port}", **keys)
        async with running(scale, sink) as task:
            assert await asyncio.to_thread(device.receive) == b"SI\r\n"
            device.send(b"S S     100.00 kg\r\n")
            await told(sink, 100.0, Quality.Good)
            with pytest.raises(NoAnswer, match=r"no answer within 0\.1 s"):
                await task
    assert (scale.stats.timeouts, scale.stats.round_trip_ms is not None) == (1, True)


@pytest.mark.parametrize(
    ("keys", "place"),
    [
        ({}, "d.protocol"),
        ({"protocol": "sics", "pattern": "(?P<weight>.)(?P<stable>.)"}, "d"),
        ({"protocol": "pattern"}, "d"),
        ({"protocol": "pattern", "pattern": "(?P<weight>.)"}, "d.pattern"),
        ({"protocol": "pattern", "pattern": "("}, "d.pattern"),
        ({"protocol": "sics", "unit": "kg"}, "d.unit"),
        ({"protocol": "sics", "min": 2, "max": 1}, "d"),
    ],
)
def test_wrong_options_are_refused_in_words(keys: dict[str, Any], place: str) -> None:
    with pytest.raises(ConfigError) as caught:
        made("scale", "tcp://h:1", at="d", **keys)
    assert [problem.path for problem in caught.value.problems] == [place]


class Polled(TcpRig):
    """A scale that answers."""

    def asked(self, data: bytes, writer: asyncio.StreamWriter) -> None:
        for _ in range(data.count(b"\n")):
            writer.write(b"S S     100.00 g\r\n")


class Sending(TcpRig):
    """A scale that sends ten times a second, asked or not."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def send() -> None:
            while True:
                writer.write(b"ST,GS,+   1.250kg\r\n")
                await asyncio.sleep(0.1)

        sending = asyncio.ensure_future(send())
        try:
            await super().serve(reader, writer)
        finally:
            sending.cancel()


class TestPolledScale(Conformance):
    def rig(self) -> Rig:
        return Polled("scale", protocol="sics", poll_ms=20, timeout_ms=500)


class TestSendingScale(Conformance):
    def rig(self) -> Rig:
        return Sending("scale", protocol="comma")
