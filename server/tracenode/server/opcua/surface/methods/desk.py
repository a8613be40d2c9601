"""Where the methods of a station book: the station of a call, and its requester."""

from __future__ import annotations

from collections.abc import Mapping

from tracenode.models.config import StationConfig
from tracenode.models.errors import UnknownStation
from tracenode.models.events import TraceEvent
from tracenode.models.receipts import Receipt
from tracenode.server.opcua.methods.gateway import CallContext
from tracenode.server.opcua.surface.keys import station_of
from tracenode.server.opcua.surface.methods.booking import Booking, outputs_of
from tracenode.server.store.reading.slots import Slot, slots_of
from tracenode.server.trace import Trace

__all__ = ["StationDesk"]


class StationDesk:
    """Books for all stations of the configuration."""

    def __init__(self, trace: Trace, stations: Mapping[str, StationConfig]) -> None:
        self.trace = trace
        self._booking = Booking(trace)
        self._stations = stations

    def station(self, call: CallContext) -> StationConfig:
        """Return the station whose method is called.

        Raises:
            UnknownStation: it is not in the configuration.
        """
        station = station_of(call.object_id)
        found = self._stations.get(station)
        if found is None:
            raise UnknownStation(station)
        return found

    async def receipt(
        self, call: CallContext, event: TraceEvent, request_id: str | None
    ) -> Receipt:
        """Record an event of the station that it names; raises as `Booking.record`."""
        return await self._booking.record(call, event.station, event, request_id)

    async def mounted(self, station: str, slot: str) -> Slot | None:
        """Return what is mounted on a slot now; None where nothing is."""
        slots = await self.trace.store.readers.run(lambda reading: slots_of(reading, station))
        return next((found for found in slots if found.name == slot and found.lot), None)

    async def book(
        self, call: CallContext, event: TraceEvent, request_id: str | None
    ) -> dict[str, object]:
        """Record an event and return the outputs that all booking methods have."""
        return outputs_of(await self.receipt(call, event, request_id))
