"""A request in the variables of a mailbox: what they hold, and the event that it asks to book."""

from __future__ import annotations

import json
import math
import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from tracenode.drivers.mailbox.layout import uses_of
from tracenode.drivers.mailbox.requests import StationRequest, booked_by, code_of, named
from tracenode.models.config import StationConfig
from tracenode.models.errors import MalformedRequest
from tracenode.models.evaluation import Evaluation
from tracenode.models.events import TraceEvent
from tracenode.models.quantities import Quantity
from tracenode.server.opcua.methods.arguments import MAX_STRING, NULL_DATE
from tracenode.server.opcua.surface.methods.booking import amount, reference
from tracenode.server.opcua.surface.methods.limits import MAX_MEASUREMENTS

__all__ = ["NUMBER", "PREFIX", "REQUEST", "blank", "event_of", "given_text", "new_epoch"]

PREFIX: Final = "Mailbox."
"""Begins the path of a mailbox's variable among the members of its station."""
NUMBER: Final = "RequestSequence"

REQUEST: Final[Mapping[str, Any]] = {
    "RequestCode": 0,
    "Evaluation": 0,
    "ProcessStep": 0,
    "RecipeNumber": 0,
    "CycleCounter": 0,
    "EventTime": NULL_DATE,
    "Quantity": 0.0,
    "UnitOfMeasure": "",
    "Position": "",
    "ReasonCode": "",
    "OperatorId": "",
    "Id1": "",
    "Id2": "",
    "Id3": "",
    "MeasurementCount": 0,
    "MeasurementNames": [""] * MAX_MEASUREMENTS,
    "MeasurementValues": [0.0] * MAX_MEASUREMENTS,
    "MeasurementEvaluations": [0] * MAX_MEASUREMENTS,
}
"""The variables of a request and what they hold when nobody has written them; BootId and
RequestSequence, which number it, stand beside."""
ANSWER: Final[Mapping[str, Any]] = {
    "Result": 0,
    "Status": 0,
    "StatusText": "",
    "NextStep": "",
    "Recipe": "",
    "AssignedId": "",
    "EventSequence": 0,
    "TransactionId": 0,
    "BootIdEcho": 0,
    "ResponseSequence": 0,
}


def blank(epoch: int) -> dict[str, Any]:
    """Return the value of every variable of a mailbox that nobody has written, by member path."""
    values = {**REQUEST, NUMBER: 0, "BootId": 0, **ANSWER, "ServerEpoch": epoch}
    return {f"{PREFIX}{name}": value for name, value in values.items()}


def new_epoch() -> int:
    """Return what tells one run of the server from another."""
    return secrets.randbelow(0xFFFF) + 1


def given_text(payload: Mapping[str, Any]) -> str:
    """Return the values of a request as canonical JSON: the same text for the same payload."""
    return json.dumps(payload, sort_keys=True, separators=(",", ":"), default=str)


def event_of(payload: Mapping[str, Any], station: StationConfig) -> tuple[TraceEvent, int]:
    """Return the event that a request asks to book, and its cycle counter. What its code does not
    use may hold anything.

    Raises:
        TraceError: it can't be read; the first fault.
    """
    code = code_of(int(payload["RequestCode"]))
    uses = uses_of(code)
    ids = {place: reference(str(payload[f"Id{place}"])) for place in uses.ids}
    request = StationRequest(
        code=code,
        evaluation=int(payload["Evaluation"]),
        step=named(int(payload["ProcessStep"]), station.steps),
        recipe=named(int(payload["RecipeNumber"]), station.recipes),
        cycle=int(payload["CycleCounter"]),
        at=_time(payload["EventTime"]),
        quantity=_quantity(payload) if uses.quantity else None,
        position=_text(payload, "Position"),
        reason=_text(payload, "ReasonCode"),
        operator=_text(payload, "OperatorId"),
        id1=ids.get(1, ""),
        id2=ids.get(2, ""),
        id3=ids.get(3, ""),
        measurements=_measurements(payload) if uses.measurements else (),
    )
    return booked_by(request, station), request.cycle


def _text(payload: Mapping[str, Any], name: str) -> str:
    text = str(payload[name])
    if len(text) > MAX_STRING:
        raise MalformedRequest(name, f"at most {MAX_STRING} characters", str(len(text)))
    return text


def _time(value: datetime) -> datetime | None:
    aware = value if value.tzinfo else value.replace(tzinfo=UTC)
    return None if aware <= NULL_DATE else aware


def _quantity(payload: Mapping[str, Any]) -> Quantity | None:
    number = float(payload["Quantity"])
    if not math.isfinite(number):
        raise MalformedRequest("Quantity", "a finite number", str(number))
    return amount(number, _text(payload, "UnitOfMeasure") or None)


def _measurements(payload: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    count = int(payload["MeasurementCount"])
    names, values, verdicts = (
        list(payload[f"Measurement{column}"]) for column in ("Names", "Values", "Evaluations")
    )
    most = min(MAX_MEASUREMENTS, len(names), len(values), len(verdicts))
    if count > most:
        expected = f"at most {most}, as many as there are names, values and evaluations"
        raise MalformedRequest("MeasurementCount", expected, str(count))
    rows = []
    for place in range(count):
        where = f"measurement {place + 1}"
        if not 0 < len(names[place] or "") <= MAX_STRING:
            found = f"{len(names[place] or '')} characters"
            raise MalformedRequest(f"{where}, name", f"1 to {MAX_STRING} characters", found)
        if not 0 <= verdicts[place] <= max(Evaluation):
            raise MalformedRequest(f"{where}, evaluation", "0 to 3", str(verdicts[place]))
        if not math.isfinite(values[place]):
            raise MalformedRequest(where, "a finite number", str(values[place]))
        rows.append(
            {
                "name": names[place],
                "value": values[place],
                "evaluation": Evaluation(verdicts[place]),
            }
        )
    return rows
