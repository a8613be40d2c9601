"""From a request to a trace event, and from a receipt to an answer. No I/O."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from pydantic import ValidationError

from tracenode.drivers.mailbox.layout import Answer, Code, Request, Result
from tracenode.models.config import StationConfig
from tracenode.models.errors import MalformedRequest, TraceError
from tracenode.models.evaluation import Evaluation
from tracenode.models.events import TraceEvent, parse_event
from tracenode.models.faults import malformed
from tracenode.models.identifiers import MAX_TEXT, Identity
from tracenode.models.quantities import Quantity
from tracenode.models.receipts import Receipt
from tracenode.models.status import TraceStatus

__all__ = ["answer_to", "event_of", "refused"]

_REJECTED: Final = frozenset(
    {
        TraceStatus.InvalidIdentifier,
        TraceStatus.MalformedRequest,
        TraceStatus.RequestConflict,
        TraceStatus.NotStarted,
        TraceStatus.UnitMismatch,
    }
)
_PART_CODES: Final = frozenset({Code.InstallPart, Code.RemovePart, Code.ReplacePart})
_DISPOSITIONS: Final = {1: "hold", 2: "scrap"}


def event_of(
    request: Request, station: StationConfig, *, device: str, time_valid: bool
) -> TraceEvent:
    """Return the event that a request asks to book.

    Numbers become the names that the station's configuration gives them; a number without a name
    is kept as `#<number>`. The retentive cycle counter is the event's `source_seq`.

    Raises:
        MalformedRequest: an unknown request code, or a field out of range.
        UnitMismatch: an unknown unit of measure.
    """
    try:
        code = Code(request.code)
    except ValueError:
        raise MalformedRequest("request code", "1 to 15", str(request.code)) from None
    fields: dict[str, Any] = {
        "station": station.id,
        "device": device,
        "operator": _named(request.operator, station.operators),
        "source_seq": request.cycle or None,
    }
    if time_valid:
        fields["event_time"] = request.at
    fields |= _fields(code, request, station)
    try:
        return parse_event(fields)
    except ValidationError as error:
        raise malformed(error, outer=1) from error


def _fields(code: Code, request: Request, station: StationConfig) -> dict[str, Any]:
    position = _named(request.position, station.positions)
    reason = _named(request.reason, station.failure_codes)
    step = _named(request.step, station.steps) or station.step
    quantity = _quantity(request)
    if code in _PART_CODES:
        return _part_fields(code, request, position, reason, quantity)
    match code:
        case Code.CheckIn:
            recipe = _named(request.recipe, station.recipes)
            return {"type": "start", "item": request.id1, "step": step, "recipe": recipe}
        case Code.CompleteItem:
            return {
                "type": "complete",
                "item": request.id1,
                "step": step,
                "evaluation": _verdict(request.evaluation),
                "failure_code": reason,
                "measurements": _measurements(request, station),
            }
        case Code.RegisterItem:
            return {
                "type": "register",
                "item": request.id3,
                "material": request.id1,
                "order": request.id2,
                "quantity": quantity,
            }
        case Code.SetDisposition:
            return _disposition(request, reason)
        case Code.Pack | Code.Unpack:
            kind = "pack" if code is Code.Pack else "unpack"
            return {"type": kind, "container": request.id2, "item": request.id1}
        case Code.AbortItem:
            return {"type": "abort", "item": request.id1, "reason": reason}
        case Code.RecordMeasurements:
            measurements = _measurements(request, station)
            return {"type": "measure", "item": request.id1, "measurements": measurements}
        case Code.ConsumeMaterial:
            return {
                "type": "consume",
                "item": request.id1,
                "lot": request.id2,
                "quantity": quantity,
                "position": position,
            }
        case Code.BindCarrier:
            return {"type": "bind", "carrier": request.id1, "item": request.id2}
        case _:
            raise MalformedRequest(
                "request code", "a request that this version books", f"{code} ({code.name})"
            )


def _part_fields(
    code: Code, request: Request, position: str, reason: str, quantity: Quantity | None
) -> dict[str, Any]:
    fields: dict[str, Any] = {"parent": request.id1, "position": position}
    match code:
        case Code.InstallPart:
            return fields | {"type": "assemble", "part": request.id2, "quantity": quantity}
        case Code.RemovePart:
            return fields | {"type": "remove", "part": request.id2, "reason": reason}
        case _:
            old, new = request.id2, request.id3
            return fields | {
                "type": "replace",
                "old_part": old,
                "new_part": new,
                "reason": reason,
            }


def _disposition(request: Request, reason: str) -> dict[str, Any]:
    kind = _DISPOSITIONS.get(request.evaluation)
    if kind is None:
        raise MalformedRequest("disposition", "1 (hold) or 2 (scrap)", str(request.evaluation))
    return {"type": kind, "item": request.id1, "reason": reason}


def _named(number: int, names: Mapping[int, str]) -> str:
    return names.get(number, f"#{number}") if number else ""


def _verdict(number: int) -> Evaluation:
    if number not in (Evaluation.OK, Evaluation.NotOK, Evaluation.NotDecidable):
        expected = "1 (OK), 2 (NotOK) or 3 (NotDecidable)"
        raise MalformedRequest("evaluation", expected, str(number))
    return Evaluation(number)


def _quantity(request: Request) -> Quantity | None:
    if not request.unit:
        if request.quantity:
            raise MalformedRequest("unit of measure", "a UN/ECE code", "nothing")
        return None
    return Quantity.of(Decimal(request.quantity).scaleb(-request.scale), request.unit)


def _measurements(request: Request, station: StationConfig) -> Sequence[Mapping[str, Any]]:
    rows = []
    for index, measured in enumerate(request.measurements, 1):
        where = f"measurement {index}"
        if not measured.number:
            raise MalformedRequest(f"{where}, parameter", "a number from 1", "0")
        if measured.evaluation > Evaluation.NotDecidable:
            raise MalformedRequest(f"{where}, evaluation", "0 to 3", str(measured.evaluation))
        if not math.isfinite(measured.value):
            raise MalformedRequest(where, "a finite number", str(measured.value))
        rows.append(
            {
                "name": _named(measured.number, station.measurements),
                "value": measured.value,
                "evaluation": Evaluation(measured.evaluation),
            }
        )
    return rows


def answer_to(receipt: Receipt, boot: int, station: StationConfig) -> Answer:
    """Return the answer registers for a receipt: the same for a replay as for the booking itself.
    Step and recipe go back as their numbers, 0 where the station has none for them."""
    status = receipt.status
    return Answer(
        boot=boot,
        result=_result(status),
        reason=0 if not status.refused else int(status),
        step=_number(receipt.next_step, station.steps),
        recipe=_number(receipt.recipe, station.recipes),
        transaction=receipt.position,
        assigned=_assigned(receipt.item),
        text=receipt.text,
    )


def refused(error: TraceError, boot: int, position: int) -> Answer:
    """Return the answer to a request that can't be read; `position` is where that is recorded."""
    return Answer(boot, Result.Rejected, int(error.status), transaction=position, text=str(error))


def _assigned(item: str) -> str:
    """The public id, which can't be mistaken; where it does not fit, the number alone."""
    if len(item) <= MAX_TEXT:
        return item
    identity = Identity.parse(item)
    return identity.text if identity else ""


def _result(status: TraceStatus) -> Result:
    if not status.refused:
        return Result.Go
    if status is TraceStatus.PreviousStepFailed:
        return Result.Rework
    return Result.Rejected if status in _REJECTED else Result.Stop


def _number(name: str, names: Mapping[int, str]) -> int:
    return next((number for number, text in names.items() if text == name), 0)
