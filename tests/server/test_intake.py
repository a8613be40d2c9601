"""The sink of all devices: every scan becomes one record, whatever it holds."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.support.waiting import eventually
from tracenode.models.config import StationConfig
from tracenode.models.event_parts import MAX_REFERENCE
from tracenode.models.events import Observe, Reject, Start, TraceEvent
from tracenode.models.readings import Reading, RejectReason, Scan
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
