"""The methods of a station about what goes into what: parts, material, containers, carriers."""

from __future__ import annotations

from tracenode.models import events
from tracenode.models.errors import MalformedRequest
from tracenode.models.events import TraceEvent
from tracenode.server.opcua.methods.gateway import CallContext, Handler
from tracenode.server.opcua.surface.methods.booking import amount, amounts, built, reference
from tracenode.server.opcua.surface.methods.desk import StationDesk

__all__ = ["AssemblyMethods"]


class AssemblyMethods:
    """The handlers of the methods that join and part items."""

    def __init__(self, desk: StationDesk) -> None:
        self._desk = desk

    @property
    def handlers(self) -> dict[str, Handler]:
        """Every method, by name."""
        return {
            "InstallPart": self.install_part,
            "RemovePart": self.remove_part,
            "ReplacePart": self.replace_part,
            "ConsumeMaterial": self.consume_material,
            "Pack": self.pack,
            "Unpack": self.unpack,
            "BindCarrier": self.bind_carrier,
            "Transform": self.transform,
        }

    async def install_part(
        self,
        call: CallContext,
        *,
        request_id: str | None,
        parent_id: str | None,
        part_id: str | None,
        position: str | None,
        quantity: float | None,
        unit_of_measure: str | None,
    ) -> dict[str, object]:
        event = built(
            events.Assemble,
            station=self._desk.station(call).id,
            parent=reference(parent_id),
            part=reference(part_id),
            position=position,
            quantity=amount(quantity, unit_of_measure),
        )
        return await self._desk.book(call, event, request_id)

    async def remove_part(
        self,
        call: CallContext,
        *,
        request_id: str | None,
        parent_id: str | None,
        part_id: str | None,
        position: str | None,
        reason_code: str | None,
    ) -> dict[str, object]:
        event = built(
            events.Remove,
            station=self._desk.station(call).id,
            parent=reference(parent_id),
            part=reference(part_id),
            position=position,
            reason=reason_code,
        )
        return await self._desk.book(call, event, request_id)

    async def replace_part(
        self,
        call: CallContext,
        *,
        request_id: str | None,
        parent_id: str | None,
        old_part_id: str | None,
        new_part_id: str | None,
        position: str | None,
        reason_code: str | None,
    ) -> dict[str, object]:
        event = built(
            events.Replace,
            station=self._desk.station(call).id,
            parent=reference(parent_id),
            old_part=reference(old_part_id),
            new_part=reference(new_part_id),
            position=position,
            reason=reason_code,
        )
        return await self._desk.book(call, event, request_id)

    async def consume_material(
        self,
        call: CallContext,
        *,
        request_id: str | None,
        item_id: str | None,
        lot_id: str | None,
        quantity: float | None,
        unit_of_measure: str | None,
    ) -> dict[str, object]:
        event = built(
            events.Consume,
            station=self._desk.station(call).id,
            item=reference(item_id),
            lot=reference(lot_id),
            quantity=amount(quantity, unit_of_measure),
        )
        return await self._desk.book(call, event, request_id)

    async def pack(
        self,
        call: CallContext,
        *,
        request_id: str | None,
        container_id: str | None,
        item_id: str | None,
    ) -> dict[str, object]:
        event = built(
            events.Pack,
            station=self._desk.station(call).id,
            container=reference(container_id),
            item=reference(item_id),
        )
        return await self._desk.book(call, event, request_id)

    async def unpack(
        self,
        call: CallContext,
        *,
        request_id: str | None,
        container_id: str | None,
        item_id: str | None,
    ) -> dict[str, object]:
        event = built(
            events.Unpack,
            station=self._desk.station(call).id,
            container=reference(container_id),
            item=reference(item_id),
        )
        return await self._desk.book(call, event, request_id)

    async def bind_carrier(
        self,
        call: CallContext,
        *,
        request_id: str | None,
        carrier_id: str | None,
        item_id: str | None,
    ) -> dict[str, object]:
        """Bind a carrier to an item; without an item, unbind it."""
        station = self._desk.station(call).id
        carrier = reference(carrier_id)
        event: TraceEvent = (
            built(events.Unbind, station=station, carrier=carrier)
            if item_id is None
            else built(events.Bind, station=station, carrier=carrier, item=reference(item_id))
        )
        return await self._desk.book(call, event, request_id)

    async def transform(
        self,
        call: CallContext,
        *,
        request_id: str | None,
        input_ids: tuple[str, ...],
        input_quantities: tuple[float, ...],
        output_ids: tuple[str, ...],
        output_material_ids: tuple[str, ...],
        output_quantities: tuple[float, ...],
        unit_of_measure: str | None,
        map_outputs: tuple[int, ...],
        map_inputs: tuple[int, ...],
    ) -> dict[str, object]:
        if len(output_material_ids) != len(output_ids):
            raise MalformedRequest(
                "OutputMaterialIds",
                f"{len(output_ids)}, as many as OutputIds",
                str(len(output_material_ids)),
            )
        if len(map_outputs) != len(map_inputs):
            raise MalformedRequest(
                "MapInputs", f"{len(map_outputs)}, as many as MapOutputs", str(len(map_inputs))
            )
        used = amounts(input_quantities, unit_of_measure, len(input_ids), "InputQuantities")
        made = amounts(output_quantities, unit_of_measure, len(output_ids), "OutputQuantities")
        shares = tuple(
            built(events.Share, output=output, input=input_)
            for output, input_ in zip(map_outputs, map_inputs, strict=True)
        )
        event = built(
            events.Transform,
            station=self._desk.station(call).id,
            inputs=tuple(
                built(events.Portion, item=reference(item), quantity=quantity)
                for item, quantity in zip(input_ids, used, strict=True)
            ),
            outputs=tuple(
                built(events.Output, item=reference(item), material=material, quantity=quantity)
                for item, material, quantity in zip(
                    output_ids, output_material_ids, made, strict=True
                )
            ),
            map=shares or None,
        )
        return await self._desk.book(call, event, request_id)
