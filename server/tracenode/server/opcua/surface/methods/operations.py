"""The methods of a station about an item: identity, operation, measurements, disposition."""

from __future__ import annotations

from tracenode.models import events
from tracenode.models.config import StationConfig
from tracenode.models.errors import MalformedRequest, TraceError
from tracenode.server.opcua.methods.gateway import CallContext, Handler
from tracenode.server.opcua.surface.methods.booking import (
    built,
    outputs_of,
    reference,
    required,
    verdict,
)
from tracenode.server.opcua.surface.methods.desk import StationDesk

__all__ = ["OperationMethods"]

SCRAPPED = ("destroyed", "disposed", "damaged")
"""EPCIS dispositions of an item that has left the process for good."""


class OperationMethods:
    """The handlers of the methods about one item at a station."""

    def __init__(self, desk: StationDesk) -> None:
        self._desk = desk

    @property
    def handlers(self) -> dict[str, Handler]:
        """Every method that books, by name."""
        return {
            "RegisterItem": self.register_item,
            "StartItem": self.start_item,
            "CompleteItem": self.complete_item,
            "AbortItem": self.abort_item,
            "RecordMeasurement": self.record_measurement,
            "RecordMeasurements": self.record_measurements,
            "SetDisposition": self.set_disposition,
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
            station=self._desk.station(call).id,
            item=reference(item_id),
            material=required(material_id, "MaterialId", "a part number or material"),
            order=order_id,
        )
        receipt = await self._desk.receipt(call, event, request_id)
        return {**outputs_of(receipt), "assigned_item_id": receipt.item}

    async def check_item(
        self, call: CallContext, *, request_id: str | None, item_id: str | None
    ) -> dict[str, object]:
        """The interlock's answer: what StartItem would say now. Nothing is booked or journaled."""
        station = self._desk.station(call)
        event = built(
            events.Start, station=station.id, item=reference(item_id), step=_step(station)
        )
        try:
            answer = await self._desk.trace.check(event)
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
        station = self._desk.station(call)
        event = built(
            events.Start,
            station=station.id,
            item=reference(item_id),
            step=_step(station),
            order=order_id,
            operator=operator_id,
        )
        return await self._desk.book(call, event, request_id)

    async def complete_item(
        self,
        call: CallContext,
        *,
        request_id: str | None,
        item_id: str | None,
        evaluation: int | None,
        failure_code: str | None,
    ) -> dict[str, object]:
        station = self._desk.station(call)
        event = built(
            events.Complete,
            station=station.id,
            item=reference(item_id),
            evaluation=verdict(evaluation, needed=True),
            failure_code=failure_code,
            step=_step(station),
        )
        return await self._desk.book(call, event, request_id)

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
            station=self._desk.station(call).id,
            item=reference(item_id),
            reason=reason_code,
        )
        return await self._desk.book(call, event, request_id)

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
            station=self._desk.station(call).id,
            item=reference(item_id),
            measurements=measured,
        )
        return await self._desk.book(call, event, request_id)

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
            station=self._desk.station(call).id,
            item=reference(item_id),
            reason=reason_code or disposition,
        )
        return await self._desk.book(call, event, request_id)


def _step(station: StationConfig) -> str:
    return station.step or station.id
