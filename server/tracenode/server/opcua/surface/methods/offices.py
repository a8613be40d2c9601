"""The methods of Quality and Stock: holds, corrections, lots, labels, master data."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, Final, Literal

from tracenode.models import events
from tracenode.models.errors import ConfigError, MalformedRequest, TraceError
from tracenode.models.events import EVENT_TYPES, TraceEvent
from tracenode.models.identifiers import checked_part
from tracenode.server.master_import import read_master
from tracenode.server.opcua.methods.gateway import CallContext, Handler
from tracenode.server.opcua.surface.methods.booking import (
    Booking,
    amount,
    built,
    outputs_of,
    reference,
    required,
)
from tracenode.server.store.reading.master import checked_master
from tracenode.server.trace import Trace

__all__ = ["QualityMethods", "StockMethods"]

QUALITY: Final = "Quality"
STOCK: Final = "Stock"
KINDS: Final = ("material", "route", "bom", "order", "station")
MAX_PROBLEMS: Final = 100
"""Faults of an import that are told."""


class QualityMethods:
    """The handlers of TraceQualityType's methods."""

    def __init__(self, trace: Trace) -> None:
        self._booking = Booking(trace)

    @property
    def handlers(self) -> dict[str, Handler]:
        """Every method, by name."""
        return {
            "PlaceHold": self.place_hold,
            "ReleaseHold": self.release_hold,
            "VoidRecord": self.void_record,
            "CorrectRecord": self.correct_record,
            "MergePlaceholder": self.merge_placeholder,
            "PlaceWindowHold": self.place_window_hold,
        }

    async def place_hold(
        self,
        call: CallContext,
        *,
        request_id: str | None,
        item_id: str | None,
        scope: int | None,
        reason_code: str | None,
    ) -> dict[str, object]:
        reach: Literal["item", "where_used"] = "where_used" if scope else "item"
        reason = required(reason_code, "ReasonCode", "why it is held")
        event = built(events.Hold, item=reference(item_id), scope=reach, reason=reason)
        return await self._held(call, event, request_id)

    async def place_window_hold(
        self,
        call: CallContext,
        *,
        request_id: str | None,
        station_id: str | None,
        from_: datetime | None,
        to: datetime | None,
        reason_code: str | None,
    ) -> dict[str, object]:
        station = required(station_id, "StationId", "a station")
        event = built(
            events.Hold,
            scope="window",
            window=built(events.Window, station=station, since=from_, until=to),
            reason=required(reason_code, "ReasonCode", "why it is held"),
        )
        return await self._held(call, event, request_id)

    async def _held(
        self, call: CallContext, event: events.Hold, request_id: str | None
    ) -> dict[str, object]:
        receipt = await self._booking.record(call, QUALITY, event, request_id)
        answer = outputs_of(receipt)
        del answer["event_sequence"]
        return {**answer, "hold_id": "" if receipt.refused else receipt.record}

    async def merge_placeholder(
        self,
        call: CallContext,
        *,
        request_id: str | None,
        placeholder_id: str | None,
        item_id: str | None,
    ) -> dict[str, object]:
        event = built(
            events.Identify, placeholder=reference(placeholder_id), item=reference(item_id)
        )
        return outputs_of(await self._booking.record(call, QUALITY, event, request_id))

    async def release_hold(
        self,
        call: CallContext,
        *,
        request_id: str | None,
        hold_id: str | None,
        reason_code: str | None,
    ) -> dict[str, object]:
        event = built(
            events.Release,
            hold=required(hold_id, "HoldId", "a hold, as PlaceHold gave it"),
            reason=required(reason_code, "ReasonCode", "why it is released"),
        )
        return outputs_of(await self._booking.record(call, QUALITY, event, request_id))

    async def void_record(
        self,
        call: CallContext,
        *,
        request_id: str | None,
        record_id: str | None,
        reason_code: str | None,
        acknowledged_record_ids: tuple[str, ...],
    ) -> dict[str, object]:
        event = built(
            events.Void,
            record=required(record_id, "RecordId", "the record that is wrong"),
            reason=required(reason_code, "ReasonCode", "why it is wrong"),
            acknowledged=acknowledged_record_ids,
        )
        return outputs_of(await self._booking.record(call, QUALITY, event, request_id))

    async def correct_record(
        self,
        call: CallContext,
        *,
        request_id: str | None,
        record_id: str | None,
        replacement_json: str | None,
        reason_code: str | None,
        acknowledged_record_ids: tuple[str, ...],
    ) -> dict[str, object]:
        event = built(
            events.Correct,
            record=required(record_id, "RecordId", "the record that is wrong"),
            replacement=_replacement(replacement_json),
            reason=required(reason_code, "ReasonCode", "why it is wrong"),
            acknowledged=acknowledged_record_ids,
        )
        receipt = await self._booking.record(call, QUALITY, event, request_id)
        replaced = "" if receipt.refused else receipt.record
        return {**outputs_of(receipt), "replacement_record_id": replaced}


def _replacement(text: str | None) -> dict[str, Any]:
    """Return the JSON object that describes an event; its fields are checked with the correction.

    Raises:
        MalformedRequest: no JSON object, or not of a known type.
    """
    name = "ReplacementJson"
    try:
        data = json.loads(text or "")
    except ValueError as e:
        raise MalformedRequest(name, "a JSON object", str(e)) from e
    if not isinstance(data, dict) or data.get("type") not in EVENT_TYPES:
        raise MalformedRequest(name, "an object with a type such as assemble", repr(text)[:60])
    return data


class StockMethods:
    """The handlers of TraceStockType's methods."""

    def __init__(self, trace: Trace) -> None:
        self._booking = Booking(trace)

    @property
    def handlers(self) -> dict[str, Handler]:
        """Every method, by name."""
        return {
            "ReceiveLot": self.receive_lot,
            "SplitLot": self.split_lot,
            "MergeLots": self.merge_lots,
            "AdjustStock": self.adjust_stock,
            "ShipItems": self.ship_items,
            "RelabelItem": self.relabel_item,
            "ImportMasterData": self.import_master_data,
        }

    async def receive_lot(
        self,
        call: CallContext,
        *,
        request_id: str | None,
        material_id: str | None,
        lot_id: str | None,
        quantity: float | None,
        unit_of_measure: str | None,
        expires_at: datetime | None,
    ) -> dict[str, object]:
        event = built(
            events.Receive,
            item=reference(lot_id),
            material=required(material_id, "MaterialId", "a material"),
            quantity=amount(quantity, unit_of_measure),
            expires_at=expires_at,
        )
        return await self._made(call, event, request_id)

    async def split_lot(
        self,
        call: CallContext,
        *,
        request_id: str | None,
        lot_id: str | None,
        child_lot_id: str | None,
        quantity: float | None,
        unit_of_measure: str | None,
    ) -> dict[str, object]:
        event = built(
            events.Split,
            lot=reference(lot_id),
            child=reference(child_lot_id),
            quantity=amount(quantity, unit_of_measure),
        )
        return await self._made(call, event, request_id)

    async def merge_lots(
        self,
        call: CallContext,
        *,
        request_id: str | None,
        lot_ids: tuple[str, ...],
        new_lot_id: str | None,
        material_id: str | None,
    ) -> dict[str, object]:
        event = built(
            events.Merge,
            lots=tuple(built(events.Portion, item=reference(lot)) for lot in lot_ids),
            item=reference(new_lot_id),
            material=required(material_id, "MaterialId", "a material"),
        )
        return await self._made(call, event, request_id)

    async def adjust_stock(
        self,
        call: CallContext,
        *,
        request_id: str | None,
        lot_id: str | None,
        difference: float | None,
        unit_of_measure: str | None,
        reason_code: str | None,
    ) -> dict[str, object]:
        event = built(
            events.Adjust,
            lot=reference(lot_id),
            quantity=required(
                amount(difference, unit_of_measure), "Difference", "how much, with its unit"
            ),
            reason=required(reason_code, "ReasonCode", "why it differs"),
        )
        return outputs_of(await self._booking.record(call, STOCK, event, request_id))

    async def ship_items(
        self,
        call: CallContext,
        *,
        request_id: str | None,
        item_ids: tuple[str, ...],
        customer_id: str | None,
        document_id: str | None,
    ) -> dict[str, object]:
        event = built(
            events.Ship,
            items=tuple(reference(item) for item in item_ids),
            customer=customer_id,
            document=document_id,
        )
        return outputs_of(await self._booking.record(call, STOCK, event, request_id))

    async def relabel_item(
        self, call: CallContext, *, request_id: str | None, item_id: str | None, alias: str | None
    ) -> dict[str, object]:
        event = built(events.Relabel, item=reference(item_id), alias=reference(alias))
        return outputs_of(await self._booking.record(call, STOCK, event, request_id))

    async def import_master_data(
        self, call: CallContext, *, request_id: str | None, kind: str | None, csv: str | None
    ) -> dict[str, object]:
        """Check all rows, then book them one after the other under request ids of their own made
        from the given one; so a repeated call books only what is missing."""
        if kind not in KINDS:
            raise MalformedRequest("Kind", ", ".join(KINDS), repr(kind or ""))
        try:
            entries = [booking.event for booking in read_master(csv or "", "Csv")]
        except ConfigError as e:
            return _faulty([str(problem) for problem in e.problems])
        if any(getattr(entry, "kind", None) != kind for entry in entries):
            raise MalformedRequest("Csv", f"a table of {kind} entries", "another table")
        problems = [problem for entry in entries if (problem := _problem(entry))]
        if problems:
            return _faulty(problems)
        answer: dict[str, object] = {}
        for number, entry in enumerate(entries):
            row_id = f"{request_id}#{number}"
            receipt = await self._booking.record(call, STOCK, entry, row_id)
            answer = {**outputs_of(receipt), "row_count": number + (not receipt.refused)}
            if receipt.refused:
                break
        return answer

    async def _made(
        self, call: CallContext, event: TraceEvent, request_id: str | None
    ) -> dict[str, object]:
        receipt = await self._booking.record(call, STOCK, event, request_id)
        return {**outputs_of(receipt), "assigned_item_id": receipt.item}


def _problem(entry: TraceEvent) -> str:
    """Return why a master data entry would be refused; empty where it would not."""
    if not isinstance(entry, events.Master) or entry.data is None:
        return ""
    try:
        checked_part(entry.key)
        checked_master(entry.kind, entry.data)
    except TraceError as refused:
        return f"{entry.key}: {refused}"
    return ""


def _faulty(problems: list[str]) -> dict[str, object]:
    refused = MalformedRequest("Csv", "rows without a fault", f"{len(problems)} faults")
    return {
        "problems": problems[:MAX_PROBLEMS],
        "status_text": str(refused),
        "status": int(refused.status),
    }
