"""The methods of a station: what its controller books."""

from __future__ import annotations

from collections.abc import Mapping

from tracenode.models import events
from tracenode.models.config import StationConfig
from tracenode.models.errors import MalformedRequest, TraceError, UnknownStation
from tracenode.models.events import TraceEvent
from tracenode.server.opcua.gateway import CallContext, Handler
from tracenode.server.opcua.surface.keys import station_of
from tracenode.server.opcua.surface.methods.booking import (
    Booking,
    amount,
    amounts,
    built,
    outputs_of,
    reference,
    required,
    verdict,
)
from tracenode.server.trace import Trace

__all__ = ["StationMethods"]

SCRAPPED = ("destroyed", "disposed", "damaged")
"""EPCIS dispositions of an item that has left the process for good."""


class StationMethods:
    """The handlers of TraceStationType's methods."""

    def __init__(self, trace: Trace, stations: Mapping[str, StationConfig]) -> None:
        self._trace = trace
        self._booking = Booking(trace)
        self._stations = stations

    @property
    def handlers(self) -> dict[str, Handler]:
        """Every method that books, by name."""
        return {
            "RegisterItem": self.register_item,
            "StartItem": self.start_item,
            "CompleteItem": self.complete_item,
            "AbortItem": self.abort_item,
            "InstallPart": self.install_part,
            "RemovePart": self.remove_part,
            "ReplacePart": self.replace_part,
            "ConsumeMaterial": self.consume_material,
            "RecordMeasurement": self.record_measurement,
            "RecordMeasurements": self.record_measurements,
            "SetDisposition": self.set_disposition,
            "Pack": self.pack,
            "Unpack": self.unpack,
            "BindCarrier": self.bind_carrier,
            "Transform": self.transform,
        }

    async def register_item(
        self,
        call: CallContext,
        *,
        request_id: str | None,
        material_id: str | None,
        order_id: str | None,
        item_id: str | None,
    ) -> dict[str, object]:
        event = built(
            events.Register,
            station=self._station(call).id,
            item=reference(item_id),
            material=required(material_id, "MaterialId", "a part number or material"),
            order=order_id,
        )
        receipt = await self._booking.record(call, event.station, event, request_id)
        return {**outputs_of(receipt), "assigned_item_id": receipt.item}

    async def check_item(
        self, call: CallContext, *, request_id: str | None, item_id: str | None
    ) -> dict[str, object]:
        """The interlock's answer: what StartItem would say now. Nothing is booked or journaled."""
        station = self._station(call)
        event = built(
            events.Start, station=station.id, item=reference(item_id), step=_step(station)
        )
        try:
            answer = await self._trace.check(event)
        except TraceError as refused:
            return {"status": int(refused.status), "status_text": str(refused)}
        return {
            "next_step": answer.next_step,
            "recipe": answer.recipe,
            "status_text": answer.text,
            "status": int(answer.status),
        }

    async def start_item(
        self,
        call: CallContext,
        *,
        request_id: str | None,
        item_id: str | None,
        order_id: str | None,
        operator_id: str | None,
    ) -> dict[str, object]:
        station = self._station(call)
        event = built(
            events.Start,
            station=station.id,
            item=reference(item_id),
            step=_step(station),
            order=order_id,
            operator=operator_id,
        )
        return await self._book(call, event, request_id)

    async def complete_item(
        self,
        call: CallContext,
        *,
        request_id: str | None,
        item_id: str | None,
        evaluation: int | None,
        failure_code: str | None,
    ) -> dict[str, object]:
        station = self._station(call)
        event = built(
            events.Complete,
            station=station.id,
            item=reference(item_id),
            evaluation=verdict(evaluation, needed=True),
            failure_code=failure_code,
            step=_step(station),
        )
        return await self._book(call, event, request_id)

    async def abort_item(
        self,
        call: CallContext,
        *,
        request_id: str | None,
        item_id: str | None,
        reason_code: str | None,
    ) -> dict[str, object]:
        event = built(
            events.Abort,
            station=self._station(call).id,
            item=reference(item_id),
            reason=reason_code,
        )
        return await self._book(call, event, request_id)

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
            station=self._station(call).id,
            parent=reference(parent_id),
            part=reference(part_id),
            position=position,
            quantity=amount(quantity, unit_of_measure),
        )
        return await self._book(call, event, request_id)

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
            station=self._station(call).id,
            parent=reference(parent_id),
            part=reference(part_id),
            position=position,
            reason=reason_code,
        )
        return await self._book(call, event, request_id)

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
            station=self._station(call).id,
            parent=reference(parent_id),
            old_part=reference(old_part_id),
            new_part=reference(new_part_id),
            position=position,
            reason=reason_code,
        )
        return await self._book(call, event, request_id)

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
            station=self._station(call).id,
            item=reference(item_id),
            lot=reference(lot_id),
            quantity=amount(quantity, unit_of_measure),
        )
        return await self._book(call, event, request_id)

    async def record_measurement(
        self,
        call: CallContext,
        *,
        request_id: str | None,
        item_id: str | None,
        name: str | None,
        value: float | None,
        unit_of_measure: str | None,
        low_limit: float | None,
        high_limit: float | None,
        evaluation: int | None,
    ) -> dict[str, object]:
        limited = bool(low_limit or high_limit)  # a controller can't leave a number out: 0 and 0
        measured = built(
            events.Measurement,
            name=required(name, "Name", "what was measured"),
            value=value,
            unit=unit_of_measure,
            low=low_limit if limited else None,
            high=high_limit if limited else None,
            evaluation=verdict(evaluation, needed=False),
        )
        return await self._measured(call, request_id, item_id, (measured,))

    async def record_measurements(
        self,
        call: CallContext,
        *,
        request_id: str | None,
        item_id: str | None,
        names: tuple[str, ...],
        values: tuple[float, ...],
        evaluations: tuple[int, ...],
    ) -> dict[str, object]:
        for field, given in (("Values", values), ("Evaluations", evaluations)):
            if len(given) != len(names):
                raise MalformedRequest(field, f"{len(names)}, as many as Names", str(len(given)))
        measured = tuple(
            built(
                events.Measurement, name=name, value=value, evaluation=verdict(number, needed=False)
            )
            for name, value, number in zip(names, values, evaluations, strict=True)
            if name
        )
        return await self._measured(call, request_id, item_id, measured)

    async def _measured(
        self,
        call: CallContext,
        request_id: str | None,
        item_id: str | None,
        measured: tuple[events.Measurement, ...],
    ) -> dict[str, object]:
        event = built(
            events.Measure,
            station=self._station(call).id,
            item=reference(item_id),
            measurements=measured,
        )
        return await self._book(call, event, request_id)

    async def set_disposition(
        self,
        call: CallContext,
        *,
        request_id: str | None,
        item_id: str | None,
        disposition: str | None,
        reason_code: str | None,
    ) -> dict[str, object]:
        if disposition not in SCRAPPED:
            expected = f"{', '.join(SCRAPPED)}; holds are placed by Quality.PlaceHold"
            raise MalformedRequest("Disposition", expected, repr(disposition or ""))
        event = built(
            events.Scrap,
            station=self._station(call).id,
            item=reference(item_id),
            reason=reason_code or disposition,
        )
        return await self._book(call, event, request_id)

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
            station=self._station(call).id,
            container=reference(container_id),
            item=reference(item_id),
        )
        return await self._book(call, event, request_id)

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
            station=self._station(call).id,
            container=reference(container_id),
            item=reference(item_id),
        )
        return await self._book(call, event, request_id)

    async def bind_carrier(
        self,
        call: CallContext,
        *,
        request_id: str | None,
        carrier_id: str | None,
        item_id: str | None,
    ) -> dict[str, object]:
        """Bind a carrier to an item; without an item, unbind it."""
        station = self._station(call).id
        carrier = reference(carrier_id)
        event: TraceEvent = (
            built(events.Unbind, station=station, carrier=carrier)
            if item_id is None
            else built(events.Bind, station=station, carrier=carrier, item=reference(item_id))
        )
        return await self._book(call, event, request_id)

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
            station=self._station(call).id,
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
        return await self._book(call, event, request_id)

    # ------------------------------------------------------------------ shared
    def _station(self, call: CallContext) -> StationConfig:
        station = station_of(call.object_id)
        found = self._stations.get(station)
        if found is None:
            raise UnknownStation(station)
        return found

    async def _book(
        self, call: CallContext, event: TraceEvent, request_id: str | None
    ) -> dict[str, object]:
        receipt = await self._booking.record(call, event.station, event, request_id)
        return outputs_of(receipt)


def _step(station: StationConfig) -> str:
    return station.step or station.id
