"""A real journal, and a station with its mailbox."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from tests.support.waiting import eventually
from tracenode.drivers.clock import Clock
from tracenode.drivers.mailbox import station
from tracenode.drivers.mailbox.layout import Layout
from tracenode.drivers.mailbox.neighbours import Memory
from tracenode.drivers.mailbox.station import StationMailbox
from tracenode.models.config import StationConfig
from tracenode.models.device_errors import DriverError
from tracenode.models.errors import JournalDown
from tracenode.models.events import Gap, Master, Register, TraceEvent
from tracenode.models.receipts import Receipt, Record, Requester
from tracenode.server.trace import Trace

STATION = StationConfig(
    id="OP10",
    path="Plant1/Line1",
    positions={1: "left", 2: "right"},
    failure_codes={1: "TORQUE_LOW"},
    operators={5: "J. Doe"},
    recipes={3: "R3"},
    steps={10: "OP10", 20: "OP20"},
    measurements={1: "Torque", 2: "Angle"},
)


class Plant:
    """A journal, the station's mailbox over a controller, and what a test may do to them."""

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self.down = False
        """The journal can't be written: every booking fails."""
        self.fail_after = False
        """The next booking is committed, and the server dies before it hears of it."""
        self.ahead = 0.0
        """Seconds that the clock is put forward."""
        self.serial = 0

    # ------------------------------------------------------------ as the mailbox sees the journal
    async def record(
        self,
        event: TraceEvent,
        requester: Requester,
        request_id: str = "",
        *,
        natural_key: str = "",
        digest: bytes = b"",
    ) -> Receipt:
        if self.down:
            raise JournalDown("disk full")
        receipt = await self.trace.record(
            event, requester, request_id, natural_key=natural_key, digest=digest
        )
        if self.fail_after:
            self.fail_after = False
            raise DriverError("killed")
        return receipt

    async def last_request(self, requester: str) -> str:
        return await self.trace.last_request(requester)

    @property
    def healthy(self) -> bool:
        return not self.down

    # ------------------------------------------------------------ what a test uses
    def mailbox(
        self, memory: Memory, layout: Layout | None = None, *, number: int = 10, poll_ms: int = 1
    ) -> StationMailbox:
        """A new one, as after a start of the server."""
        clock = Clock(monotonic=lambda: time.monotonic() + self.ahead)
        return StationMailbox(
            STATION,
            number,
            layout or Layout(measurements=2),
            memory,
            self,
            device="PLC1",
            poll_ms=poll_ms,
            clock=clock,
        )

    @asynccontextmanager
    async def serving(
        self, memory: Memory, layout: Layout | None = None, *, poll_ms: int = 1
    ) -> AsyncIterator[StationMailbox]:
        """Run a new mailbox, again and again as its device does."""
        mailbox = self.mailbox(memory, layout, poll_ms=poll_ms)

        async def serve() -> None:
            while True:
                with suppress(DriverError):
                    await mailbox.run()
                await asyncio.sleep(0.001)

        task = asyncio.create_task(serve())
        try:
            yield mailbox
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def unit(self) -> str:
        """Register a new pump and return its number."""
        self.serial += 1
        number = f"P{self.serial:06d}"
        receipt = await self.trace.record(Register(item=number, material="PUMP"), MES)
        assert not receipt.refused, receipt.text
        return number

    async def records(self) -> list[Record]:
        return await self.trace.records(1, 100_000)

    async def count(self) -> Counter[str]:
        """How many records of each type there are."""
        return Counter(record.event.type for record in await self.records())

    async def gaps(self) -> list[tuple[str, int]]:
        """Kind and count of each gap that is recorded."""
        found = [r.event for r in await self.records() if isinstance(r.event, Gap)]
        return [(gap.kind, gap.missing) for gap in found]

    async def wait_for(self, kind: str, count: int) -> None:
        """Wait until there are so many records of a type."""

        async def there() -> bool:
            return (await self.count())[kind] >= count

        condition: Callable[[], Awaitable[bool] | bool] = there
        await eventually(condition)

    async def about(self, kind: str, number: str) -> list[Record]:
        """Records of a type about one unit."""
        found = await self.records()
        return [r for r in found if r.event.type == kind and r.item == f"sn:PUMP:{number}"]


MES = Requester("mes")


@pytest.fixture
async def plant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Plant]:
    monkeypatch.setattr(station, "HEARTBEAT_S", 0.05)
    monkeypatch.setattr(station, "BUSY_RETRY_S", 0.05)
    trace = Trace.open(tmp_path / "trace.db", site="TEST", create=True)
    try:
        for material, kind in (("PUMP", "unit"), ("MOTOR", "unit"), ("SEAL", "lot")):
            await trace.record(Master(kind="material", key=material, data={"kind": kind}), MES)
        yield Plant(trace)
    finally:
        await trace.aclose()
