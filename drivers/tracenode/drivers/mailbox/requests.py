"""From a request to a trace event, and from a receipt to an answer. No I/O."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
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

__all__ = [
    "StationRequest",
    "answer_to",
    "booked_by",
    "code_of",
    "event_of",
    "named",
    "refused",
    "result_of",
]

_REJECTED: Final = frozenset(
    {
        TraceStatus.InvalidIdentifier,
        TraceStatus.MalformedRequest,
        TraceStatus.RequestConflict,
        TraceStatus.NotStarted,
        TraceStatus.UnitMismatch,
    }
)
_DISPOSITIONS: Final = {1: "hold", 2: "scrap"}


@dataclass(frozen=True, slots=True)
class StationRequest:
    """A request in the words of its station, whichever way it came. `measurements` are fields of
    measurements as events have them."""

    code: Code
    evaluation: int = 0
    step: str = ""
    recipe: str = ""
    cycle: int = 0
    at: datetime | None = None
    quantity: Quantity | None = None
    position: str = ""
    reason: str = ""
    operator: str = ""
    id1: str = ""
    id2: str = ""
    id3: str = ""
    measurements: Sequence[Mapping[str, Any]] = ()


def code_of(number: int) -> Code:
    """Return a request code.

    Raises:
        MalformedRequest: there is none of this number.
    """
    try:
        return Code(number)
    except ValueError:
        raise MalformedRequest("request code", "1 to 15", str(number)) from None


def event_of(
    request: Request, station: StationConfig, *, device: str, time_valid: bool
) -> TraceEvent:
    """Return the event that a request in registers asks to book.

    Numbers become the names that the station's configuration gives them; a number without a name
    is kept as `#<number>`. The retentive cycle counter is the event's `source_seq`.

    Raises:
        MalformedRequest: an unknown request code, or a field out of range.
        UnitMismatch: an unknown unit of measure.
    """
    code = code_of(request.code)
    in_words = StationRequest(
        code=code,
        evaluation=request.evaluation,
        step=named(request.step, station.steps),
        recipe=named(request.recipe, station.recipes),
        cycle=request.cycle,
        at=request.at if time_valid else None,
        quantity=_quantity(request),
        position=named(request.position, station.positions),
        reason=named(request.reason, station.failure_codes),
        operator=named(request.operator, station.operators),
        id1=request.id1,
        id2=request.id2,
        id3=request.id3,
        measurements=_measurements(request, station),
    )
    return booked_by(in_words, station, device=device)


def booked_by(request: StationRequest, station: StationConfig, *, device: str = "") -> TraceEvent:
    """Return the event that a request asks to book.

    Raises:
        MalformedRequest: a field out of range, or a slot that is not said.
    """
    fields: dict[str, Any] = {
        "station": station.id,
        "device": device,
        "operator": request.operator,
        "source_seq": request.cycle or None,
        "event_time": request.at,
        **_fields(request, request.step or station.step),
    }
    try:
        return parse_event(fields)
    except ValidationError as error:
        raise malformed(error, outer=1) from error


def _fields(request: StationRequest, step: str) -> dict[str, Any]:
    match request.code:
        case Code.InstallPart | Code.RemovePart | Code.ReplacePart:
            return _part_fields(request)
        case Code.CheckIn:
            return {"type": "start", "item": request.id1, "step": step, "recipe": request.recipe}
        case Code.CompleteItem:
            return {
                "type": "complete",
                "item": request.id1,
                "step": step,
                "evaluation": _verdict(request.evaluation),
                "failure_code": request.reason,
                "measurements": request.measurements,
            }
        case Code.RegisterItem:
            return {
                "type": "register",
                "item": request.id3,
                "material": request.id1,
                "order": request.id2,
                "quantity": request.quantity,
            }
        case Code.SetDisposition:
            return _disposition(request)
        case Code.Pack | Code.Unpack:
            kind = "pack" if request.code is Code.Pack else "unpack"
            return {"type": kind, "container": request.id2, "item": request.id1}
        case Code.AbortItem:
            return {"type": "abort", "item": request.id1, "reason": request.reason}
        case Code.RecordMeasurements:
            measurements = request.measurements
            return {"type": "measure", "item": request.id1, "measurements": measurements}
        case Code.ConsumeMaterial:
            return {
                "type": "consume",
                "item": request.id1,
                "lot": request.id2,
                "quantity": request.quantity,
                "position": request.position,
            }
        case Code.LoadMaterial:
            lot, quantity = request.id2, request.quantity
            return {"type": "load", "slot": _slot(request), "lot": lot, "quantity": quantity}
        case Code.UnloadMaterial:
            return {"type": "unload", "slot": _slot(request), "remaining": request.quantity}
        case Code.BindCarrier:
            return {"type": "bind", "carrier": request.id1, "item": request.id2}


def _slot(request: StationRequest) -> str:
    if not request.position:
        raise MalformedRequest("position", "the slot that is loaded or unloaded", "nothing")
    return request.position


def _part_fields(request: StationRequest) -> dict[str, Any]:
    fields: dict[str, Any] = {"parent": request.id1, "position": request.position}
    match request.code:
        case Code.InstallPart:
            return fields | {
                "type": "assemble",
                "part": request.id2,
                "quantity": request.quantity,
            }
        case Code.RemovePart:
            return fields | {"type": "remove", "part": request.id2, "reason": request.reason}
        case _:
            return fields | {
                "type": "replace",
                "old_part": request.id2,
                "new_part": request.id3,
                "reason": request.reason,
            }


def _disposition(request: StationRequest) -> dict[str, Any]:
    kind = _DISPOSITIONS.get(request.evaluation)
    if kind is None:
        raise MalformedRequest("disposition", "1 (hold) or 2 (scrap)", str(request.evaluation))
    return {"type": kind, "item": request.id1, "reason": request.reason}


def named(number: int, names: Mapping[int, str]) -> str:
    """Return the name of a number, `#<number>` where it has none, nothing for 0."""
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
                "name": named(measured.number, station.measurements),
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
        result=result_of(status),
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


def result_of(status: TraceStatus) -> Result:
    """Return what a controller does about a status."""
    if not status.refused:
        return Result.Go
    if status is TraceStatus.PreviousStepFailed:
        return Result.Rework
    return Result.Rejected if status in _REJECTED else Result.Stop


def _number(name: str, names: Mapping[int, str]) -> int:
    return next((number for number, text in names.items() if text == name), 0)
