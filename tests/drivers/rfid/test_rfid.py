"""RFID readers that send lines."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from tests.support.serial import cable
from tests.support.sinks import CollectingSink
from tests.support.waiting import eventually
from tracenode.drivers.link import opener, parse_link
from tracenode.drivers.rfid import RfidOptions, TagInterpreter, rfid
from tracenode.drivers.telegram import Telegram
from tracenode.models.readings import RejectReason, Scan

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
SGTIN = "3034257BF7194E4000001A85"
KEY = "(01)80614141123458(21)6789"


def read(interpreter: TagInterpreter, line: str, now: float = 0.0) -> Scan:
    return interpreter(Telegram(line.encode() + b"\r", line.encode(), AT), now)


async def test_lines_of_a_serial_reader_become_tags() -> None:
    sink = CollectingSink()
    with cable() as device:
        async with rfid("R1", opener(parse_link(f"serial:{device.port}"))) as reader:
            task = asyncio.ensure_future(reader.run(sink))
            device.send(f"{SGTIN},2,-47.5\r\nE28011606000020412345678\r\n".encode())
            await eventually(lambda: len(sink.scans) == 2)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
    known, private = sink.scans
    assert known.code is not None and private.code is not None
    assert known.text == "urn:epc:id:sgtin:0614141.812345.6789"
    assert (known.code.key, known.antenna, known.rssi_dbm) == (KEY, 2, -47.5)
    assert (private.code.key, private.antenna) == ("E28011606000020412345678", None)


@pytest.mark.parametrize(
    ("line", "antenna", "rssi"),
    [
        (SGTIN, None, None),
        (f"{SGTIN} 1", 1, None),
        (f"{SGTIN};4;-60", 4, -60.0),
        (f"{SGTIN.lower()}\x1d", None, None),
    ],
)
def test_the_default_pattern_reads_the_usual_lines(
    line: str, antenna: int | None, rssi: float | None
) -> None:
    scan = read(TagInterpreter("R1", RfidOptions()), line)
    if line.endswith("\x1d"):
        assert scan.reject is RejectReason.Undecodable
    else:
        assert scan.code is not None and scan.code.key == KEY
        assert (scan.antenna, scan.rssi_dbm) == (antenna, rssi)


def test_a_reader_with_its_own_line_is_configured() -> None:
    options = RfidOptions(pattern=r"ANT(?P<antenna>\d+) EPC=(?P<epc>\w+) RSSI=(?P<rssi>\S+)dBm")
    scan = read(TagInterpreter("R1", options), f"ANT3 EPC={SGTIN} RSSI=-51.25dBm")
    assert (scan.antenna, scan.rssi_dbm) == (3, -51.25)
    bad = read(TagInterpreter("R1", options), f"ANT3 EPC={SGTIN} RSSI=??dBm")
    assert bad.reject is RejectReason.Undecodable


def test_a_tag_that_stays_in_the_field_is_flagged_per_antenna() -> None:
    interpreter = TagInterpreter("R1", RfidOptions(duplicate_ms=1000))
    flags = [
        read(interpreter, f"{SGTIN},{antenna}", now).duplicate
        for antenna, now in [(1, 0.0), (1, 0.9), (2, 1.0), (1, 1.8), (1, 2.9)]
    ]
    assert flags == [False, True, False, True, False]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("NOREAD", RejectReason.NoRead),
        ("", RejectReason.Empty),
        ("hello", RejectReason.Undecodable),
        ("000000000000000000000000", RejectReason.BadCode),
        ("3034257BF7194E4000001A8", RejectReason.BadCode),
    ],
)
def test_what_is_no_tag_is_a_reject_with_words(line: str, reason: RejectReason) -> None:
    scan = read(TagInterpreter("R1", RfidOptions()), line)
    assert (scan.reject, scan.text, scan.code) == (reason, None, None)
    assert scan.raw == line.encode() + b"\r"
    assert scan.note


@pytest.mark.parametrize(
    ("pattern", "words"),
    [("(", "regular expression"), ("(?P<tag>.*)", "epc"), ("(?P<epc>.)(?P<x>.)", "rssi")],
)
def test_a_wrong_pattern_is_refused_in_words(pattern: str, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        RfidOptions(pattern=pattern)
