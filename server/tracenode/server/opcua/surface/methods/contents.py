"""The methods of a station about material that is not counted in pieces: what is in containers, and
what is mounted on slots."""

from __future__ import annotations

from tracenode.models import events
from tracenode.models.quantities import Quantity
from tracenode.server.opcua.methods.gateway import CallContext, Handler
from tracenode.server.opcua.surface.methods.booking import amount, built, reference, required
from tracenode.server.opcua.surface.methods.desk import StationDesk

__all__ = ["ContentMethods"]


class ContentMethods:
    """The handlers of the methods that fill, empty, load and unload."""

    def __init__(self, desk: StationDesk) -> None:
        self._desk = desk

    @property
    def handlers(self) -> dict[str, Handler]:
        """Every method, by name."""
        return {
            "FillContainer": self.fill_container,
            "TransferContent": self.transfer_content,
            "EmptyContainer": self.empty_container,
            "LoadMaterial": self.load_material,
            "UnloadMaterial": self.unload_material,
        }

    async def fill_container(
        self,
        call: CallContext,
        *,
        request_id: str | None,
        container_id: str | None,
        lot_id: str | None,
        quantity: float | None,
        unit_of_measure: str | None,
    ) -> dict[str, object]:
        event = built(
            events.Fill,
            station=self._desk.station(call).id,
            container=reference(container_id),
            lot=reference(lot_id),
            quantity=amount(quantity, unit_of_measure),
        )
        return await self._desk.book(call, event, request_id)

    async def transfer_content(
        self,
        call: CallContext,
        *,
        request_id: str | None,
        source_id: str | None,
        target_id: str | None,
        quantity: float | None,
        unit_of_measure: str | None,
    ) -> dict[str, object]:
        event = built(
            events.Transfer,
            station=self._desk.station(call).id,
            source=reference(source_id),
            target=reference(target_id),
            quantity=amount(quantity, unit_of_measure),
        )
        return await self._desk.book(call, event, request_id)

    async def empty_container(
        self,
        call: CallContext,
        *,
        request_id: str | None,
        container_id: str | None,
        reason_code: str | None,
    ) -> dict[str, object]:
        event = built(
            events.Empty,
            station=self._desk.station(call).id,
            container=reference(container_id),
            reason=reason_code,
        )
        return await self._desk.book(call, event, request_id)

    async def load_material(
        self,
        call: CallContext,
        *,
        request_id: str | None,
        slot: str | None,
        lot_id: str | None,
        quantity: float | None,
        unit_of_measure: str | None,
    ) -> dict[str, object]:
        event = built(
            events.Load,
            station=self._desk.station(call).id,
            slot=required(slot, "Slot", "the name of a slot"),
            lot=reference(lot_id),
            quantity=amount(quantity, unit_of_measure),
        )
        return await self._desk.book(call, event, request_id)

    async def unload_material(
        self,
        call: CallContext,
        *,
        request_id: str | None,
        slot: str | None,
        remaining_quantity: float | None,
    ) -> dict[str, object]:
        station = self._desk.station(call).id
        name = required(slot, "Slot", "the name of a slot")
        remaining: Quantity | None = None
        if remaining_quantity is not None and remaining_quantity >= 0:
            mounted = await self._desk.mounted(station, name)
            if mounted is not None and mounted.unit:
                remaining = Quantity.of(float(remaining_quantity), mounted.unit)
        event = built(events.Unload, station=station, slot=name, remaining=remaining)
        return await self._desk.book(call, event, request_id)
