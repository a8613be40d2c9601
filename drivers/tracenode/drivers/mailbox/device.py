"""A device that is a station's controller too: its readings and its mailbox on one link."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import Final, Self

from tracenode.drivers.driver import Degradable, Driver, DriverStats, Planned, Sink
from tracenode.drivers.mailbox.frozen import FrozenReadings
from tracenode.drivers.mailbox.station import StationMailbox
from tracenode.drivers.together import together
from tracenode.models.device_errors import DriverError, LinkLost
from tracenode.models.errors import StoreError
from tracenode.models.readings import Point, Value

__all__ = ["MailboxDevice"]

FIRST_PAUSE_S: Final = 0.25
LONGEST_PAUSE_S: Final = 5.0
LOOK_S: Final = 0.25
"""Between two looks at the controller's heartbeat."""


class MailboxDevice:
    """Runs both (tracenode.drivers.driver.Driver). A lost line ends both. Anything else that is
    wrong with the mailbox (a silent unit, registers that are no handshake area yet) is tried again
    and leaves the readings alone: the device is degraded meanwhile."""

    def __init__(
        self, poller: Driver, mailbox: StationMailbox, *, stale_after: float = 10.0
    ) -> None:
        """`poller`: gives the readings, and the link that `mailbox` speaks over."""
        self.device = poller.device
        self._poller, self._mailbox, self._stale_after = poller, mailbox, stale_after
        self._fault = ""

    @property
    def points(self) -> Sequence[Point]:
        return self._poller.points

    def read_plan(self) -> Iterable[str]:
        return self._poller.read_plan() if isinstance(self._poller, Planned) else ()

    @property
    def stats(self) -> DriverStats:
        """As the poller's; `extra` also: answered, rejected and busy of the mailbox."""
        stats, mailbox = self._poller.stats, self._mailbox.stats
        stats.extra["answered"] = mailbox.answered
        stats.extra["rejected"] = mailbox.rejected
        stats.extra["busy"] = mailbox.busy
        return stats

    @property
    def degraded(self) -> str:
        trouble = self._fault or self._mailbox.trouble
        if trouble:
            return f"mailbox: {trouble}"
        return self._poller.degraded if isinstance(self._poller, Degradable) else ""

    async def __aenter__(self) -> Self:
        await self._poller.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._poller.__aexit__(kind, error, trace)

    async def run(self, sink: Sink) -> None:
        shown = FrozenReadings(self.device, self.points, sink, self._stale_after)
        await together(self._poller.run(shown), self._serve(), self._watch(shown))

    async def write(self, values: Mapping[str, Value], *, verify: bool = True) -> None:
        await self._poller.write(values, verify=verify)

    async def _watch(self, shown: FrozenReadings) -> None:
        while True:
            shown.look(frozen=self._mailbox.stale)
            await asyncio.sleep(LOOK_S)

    async def _serve(self) -> None:
        pause = FIRST_PAUSE_S
        while True:
            answered = self._mailbox.stats.answered
            try:
                self._fault = ""
                await self._mailbox.run()
            except LinkLost:
                raise
            except (DriverError, StoreError) as error:
                self._fault = str(error)
            if self._mailbox.stats.answered > answered:
                pause = FIRST_PAUSE_S
            await self._mailbox.pause(pause)
            pause = min(pause * 2, LONGEST_PAUSE_S)
