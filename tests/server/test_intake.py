"""The sink of all devices: every scan becomes one record, whatever it holds."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.support.waiting import eventually
from tracenode.models.config import StationConfig
from tracenode.models.event_parts import MAX_REFERENCE
from tracenode.models.events import Observe, Reject, Start, TraceEvent
from tracenode.models.readings import Reading, RejectReason, Scan
from tracenode.server.flood import BURST, PER_SECOND, Flood
from tracenode.server.intake import Intake
from tracenode.server.trace import Trace

AT = datetime(2026, 11, 2, 6, 0, tzinfo=UTC)
CHECKING_IN = StationConfig(id="OP10", path="Hall1", on_scan="start", step="mount")


class Shown:
    """A display that keeps what it is given."""

    def __init__(self) -> None:
        self.scans: list[Scan] = []

    def show(self, readings: Sequence[Reading]) -> None: ...

    def scanned(self, scan: Scan) -> None:
        self.scans.append(scan)


def scan(text: str | None, **more: object) -> Scan:
    return Scan("Reader", (text or "?").encode(), AT, text=text, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (scan("P1"), Start),
        (scan("P1", duplicate=True), Observe),
        (scan(None, reject=RejectReason.NoRead, note="nothing"), Reject),
        (scan("x" * (MAX_REFERENCE + 1)), Reject),
        (scan("x" * 60_000), Reject),
    ],
)
async def test_every_scan_is_one_record(
    tmp_path: Path, given: Scan, expected: type[TraceEvent]
) -> None:
    with Trace.open(tmp_path / "t.db", site="S", create=True) as trace:
        shown, told = Shown(), list[TraceEvent]()
        trace.subscribe(lambda records: told.extend(record.event for record in records))
        await Intake(trace, {"Reader": CHECKING_IN}, shown).scan(given)
        assert trace.head.seq == 1
        assert shown.scans == [given]
        (event,) = await eventually(lambda: told)
    assert isinstance(event, expected)
    assert (event.device, event.station, event.event_time) == ("Reader", "OP10", AT)
    if isinstance(event, Reject):
        why = given.reject or RejectReason.TooLong
        assert event.reason.startswith(f"{why.name}: ")


async def test_a_flood_of_unreadable_scans_is_counted_and_good_scans_pass(tmp_path: Path) -> None:
    sent = BURST + 300
    with Trace.open(tmp_path / "t.db", site="S", create=True) as trace:
        told = list[TraceEvent]()
        trace.subscribe(lambda records: told.extend(record.event for record in records))
        intake = Intake(trace, {"Reader": CHECKING_IN}, Shown())
        for _ in range(sent):
            await intake.scan(scan(None, reject=RejectReason.NoRead, note="nothing"))
        await intake.scan(scan("P1", duplicate=True))
        await intake.record_counts()
        await intake.record_counts()
        await eventually(lambda: len(told) == trace.head.seq)
    *alone, good, summed = told
    assert isinstance(good, Observe)
    assert isinstance(summed, Reject)
    assert BURST <= len(alone) < sent
    assert summed.reason.startswith(
        f"{sent - len(alone)} unreadable scans since 2026-11-02T06:00:00"
    )


def test_the_allowance_comes_back_with_time() -> None:
    now = [0.0]
    flood = Flood(lambda: now[0])
    unreadable = scan(None, reject=RejectReason.NoRead)
    assert [flood.holds(unreadable) for _ in range(BURST + 2)] == [False] * BURST + [True] * 2
    now[0] += 1.0
    again = [flood.holds(unreadable) for _ in range(int(PER_SECOND) + 1)]
    assert again == [False] * int(PER_SECOND) + [True]
    summed = flood.take()
    assert summed is not None
    assert summed.count == 3
    assert flood.take() is None


async def test_another_device_may_begin_a_flood_while_counts_are_recorded(tmp_path: Path) -> None:
    unreadable = scan(None, reject=RejectReason.NoRead)
    with Trace.open(tmp_path / "t.db", site="S", create=True) as trace:
        intake = Intake(trace, {}, Shown())
        for _ in range(BURST * 2):
            await intake.scan(unreadable)
        before = trace.head.seq
        other = intake.scan(replace(unreadable, device="Other"))
        await asyncio.gather(intake.record_counts(), other)
        assert trace.head.seq == before + 2
