"""What every booking method does: an event from its arguments, the receipt as its outputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

from pydantic import ValidationError

from tracenode.models.errors import InvalidIdentifier, MalformedRequest
from tracenode.models.evaluation import Evaluation
from tracenode.models.event_parts import MAX_REFERENCE
from tracenode.models.events import TraceEvent
from tracenode.models.faults import expected_of
from tracenode.models.quantities import Quantity
from tracenode.models.receipts import Receipt, Requester
from tracenode.server.opcua.methods.gateway import CallContext
from tracenode.server.trace import Trace

__all__ = [
    "BOUNDS",
    "Booking",
    "amount",
    "amounts",
    "built",
    "outputs_of",
    "reference",
    "requester",
    "required",
    "verdict",
]

T = TypeVar("T")

VERDICTS: Final = (int(min(Evaluation)), int(max(Evaluation)))
BOUNDS: Final[Mapping[str, tuple[float, float]]] = {
    "Evaluation": VERDICTS,
    "Evaluations": VERDICTS,
    "Scope": (0, 1),
}
"""Least and greatest number of booking arguments that are enumerations."""
IDENTIFIERS: Final = ("material", "order", "operator", "hold", "record", "customer", "document")
"""Fields of events that carry an id beside references to items, which the booking checks."""


class Booking:
    """Records the events of one caller at one place."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace

    async def record(
        self, call: CallContext, place: str, event: TraceEvent, request_id: str | None
    ) -> Receipt:
        """Record an event. The requester is the application and the place, never the session
        (SEMANTICS, Words).

        Raises:
            JournalDown, StoreError: the store failed; whether it was booked is unknown.
        """
        who = requester(call, place)
        return await self._trace.record(event, who, request_id or "")


def requester(call: CallContext, place: str) -> Requester:
    """Return who books: the calling application at a station or another place of the tree."""
    return Requester(f"{call.caller.application_uri}|{place}", call.caller.user or "")


def outputs_of(receipt: Receipt) -> dict[str, object]:
    """Return the outputs that all booking methods have."""
    return {
        "event_sequence": receipt.sequence,
        "status_text": receipt.text,
        "status": int(receipt.status),
    }


def built(kind: Callable[..., T], **fields: Any) -> T:
    """Return an event; None leaves a field at its default.

    Raises:
        InvalidIdentifier: an id is too long.
        MalformedRequest: the first fault of the fields.
    """
    given = {name: value for name, value in fields.items() if value is not None}
    try:
        return kind(**given)
    except ValidationError as e:
        fault = e.errors(include_url=False)[0]
        path = ".".join(str(step) for step in fault["loc"])
        match fault["type"], fault.get("ctx", {}):
            case "string_too_long", {"max_length": longest} if path in IDENTIFIERS:
                found = f"{path} has {len(fault['input'])} characters, at most {longest} fit"
                raise InvalidIdentifier(fault["input"], found) from e
            case "too_short", {"min_length": fewest, "actual_length": count}:
                raise MalformedRequest(path, f"at least {fewest}", str(count)) from e
            case _:
                expected = expected_of(fault)
        given_value = fault["input"]
        found = str(given_value) if isinstance(given_value, Quantity) else repr(given_value)[:60]
        raise MalformedRequest(path, expected, found) from e


def reference(text: str | None) -> str:
    """Return a reference to an item. What is not given, or too long to be an identity, is for the
    booking to refuse and record (SEMANTICS S2)."""
    return (text or "")[:MAX_REFERENCE]


def required(value: T | None, name: str, expected: str) -> T:
    """Return an argument that must be given.

    Raises:
        MalformedRequest: it is not.
    """
    if value is None:
        raise MalformedRequest(name, expected, "nothing")
    return value


def amount(quantity: float | None, unit: str | None) -> Quantity | None:
    """Return a quantity by its shortest decimal representation; None where none is given.

    A controller can't leave out a number, so 0 without a unit of measure means: not given.

    Raises:
        MalformedRequest: a number without a unit, or a unit without a number.
        UnitMismatch: an unknown unit of measure.
    """
    if unit is None:
        if quantity:
            raise MalformedRequest("UnitOfMeasure", "a UN/ECE code beside the quantity", "nothing")
        return None
    if quantity is None:
        return None
    return Quantity.of(float(quantity), unit)


def amounts(
    quantities: Sequence[float], unit: str | None, count: int, name: str
) -> list[Quantity | None]:
    """Return `count` quantities; none at all may be given, 0 is not known.

    Raises:
        MalformedRequest: another count, or a missing unit.
        UnitMismatch: an unknown unit of measure.
    """
    if not quantities:
        return [None] * count
    if len(quantities) != count:
        raise MalformedRequest(name, f"{count} quantities or none", str(len(quantities)))
    return [amount(quantity, unit) if quantity else None for quantity in quantities]


def verdict(number: int | None, *, needed: bool) -> Evaluation:
    """Return a verdict.

    Raises:
        MalformedRequest: it is needed and there is none.
    """
    given = Evaluation(number or 0)
    if needed and given is Evaluation.Undefined:
        raise MalformedRequest("Evaluation", "1 OK, 2 NotOK or 3 NotDecidable", str(number or 0))
    return given
