"""Trace events: what is said to have happened, as one discriminated union of frozen classes.

A reference to an item (`item`, `part`, `lot` ...) is a text: a public ItemId, a bare number, or
what a scanner read. Recording resolves each to one public id and refuses what does not resolve
(SEMANTICS S1, S2). Nothing here knows a database or a protocol.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Final, Literal, get_args

from pydantic import Field, TypeAdapter, field_validator

from tracenode.models.evaluation import Evaluation
from tracenode.models.event_parts import (
    MAX_INPUTS,
    Amount,
    AtStation,
    Count,
    EventBase,
    Measurement,
    Moment,
    Output,
    Portion,
    Reference,
    Share,
    Text,
)

__all__ = [
    "EVENT_TYPES",
    "Abort",
    "Assemble",
    "Bind",
    "Complete",
    "Consume",
    "Correct",
    "Gap",
    "Hold",
    "Master",
    "Measure",
    "Measurement",
    "Merge",
    "Observe",
    "Output",
    "Pack",
    "Portion",
    "Receive",
    "Register",
    "Reject",
    "Relabel",
    "Release",
    "Remove",
    "Replace",
    "Scrap",
    "Share",
    "Ship",
    "Split",
    "Start",
    "TraceEvent",
    "Transform",
    "Unbind",
    "Unpack",
    "Void",
    "event_fields",
    "parse_event",
]


class Register(EventBase):
    """A unit, lot, container or carrier gets its identity here."""

    type: Literal["register"] = "register"
    item: Reference
    material: Text
    quantity: Amount | None = None
    expires_at: Moment | None = None


class Receive(EventBase):
    """A lot from outside; the trace ends at it with a receipt."""

    type: Literal["receive"] = "receive"
    item: Reference
    material: Text
    quantity: Amount | None = None
    expires_at: Moment | None = None
    supplier: Text = ""


class Observe(EventBase):
    """A code was read at a station; nothing else is claimed. `item` may be unknown."""

    type: Literal["observe"] = "observe"
    item: Reference
    symbology: Text = ""
    duplicate: bool = False


class Reject(EventBase):
    """A reader gave something that is no code. `raw` is hexadecimal."""

    type: Literal["reject"] = "reject"
    raw: str = Field(max_length=16_384, pattern=r"^([0-9a-f]{2})*$")
    reason: Text


class Start(AtStation):
    """An operation on an item begins at a station (check-in)."""

    type: Literal["start"] = "start"
    item: Reference
    step: Text = ""
    recipe: Text = ""


class Complete(AtStation):
    """The open operation on an item ends with a verdict."""

    type: Literal["complete"] = "complete"
    item: Reference
    evaluation: Evaluation
    failure_code: Text = ""
    step: Text = ""
    cycle_time_ms: Count | None = None
    measurements: tuple[Measurement, ...] = Field(default=(), max_length=1000)


class Abort(AtStation):
    """The open operation on an item ends without a verdict."""

    type: Literal["abort"] = "abort"
    item: Reference
    reason: Text = ""


class Measure(EventBase):
    """Values measured on an item."""

    type: Literal["measure"] = "measure"
    item: Reference
    measurements: Annotated[tuple[Measurement, ...], Field(min_length=1, max_length=1000)]


class Assemble(EventBase):
    """A serialised part goes into a parent and can come out again."""

    type: Literal["assemble"] = "assemble"
    parent: Reference
    part: Reference
    position: Text = ""
    quantity: Amount | None = None


class Remove(EventBase):
    """A part comes out of its parent."""

    type: Literal["remove"] = "remove"
    parent: Reference
    part: Reference
    position: Text = ""
    reason: Text = ""


class Replace(EventBase):
    """One part comes out and another goes in at the same instant."""

    type: Literal["replace"] = "replace"
    parent: Reference
    old_part: Reference
    new_part: Reference
    position: Text = ""
    reason: Text = ""


class Consume(EventBase):
    """Material goes irrevocably into an item. `quantity` None is unknown."""

    type: Literal["consume"] = "consume"
    item: Reference
    lot: Reference
    quantity: Amount | None = None
    position: Text = ""


class Transform(EventBase):
    """Inputs become outputs. Without `map` the edges are pooled (SEMANTICS S11); a `map` leaves out
    no input and no output."""

    type: Literal["transform"] = "transform"
    inputs: Annotated[tuple[Portion, ...], Field(min_length=1, max_length=MAX_INPUTS)]
    outputs: Annotated[tuple[Output, ...], Field(min_length=1, max_length=MAX_INPUTS)]
    map: tuple[Share, ...] | None = Field(default=None, max_length=MAX_INPUTS)


class Split(EventBase):
    """A part of a lot leaves under a number of its own; the remainder keeps the parent's id
    (SEMANTICS S10)."""

    type: Literal["split"] = "split"
    lot: Reference
    child: Reference
    quantity: Amount | None = None


class Merge(EventBase):
    """Lots become one new lot (SEMANTICS S10)."""

    type: Literal["merge"] = "merge"
    lots: Annotated[tuple[Portion, ...], Field(min_length=2, max_length=MAX_INPUTS)]
    item: Reference
    material: Text
    quantity: Amount | None = None


class Pack(EventBase):
    """An item goes into a container."""

    type: Literal["pack"] = "pack"
    container: Reference
    item: Reference
    position: Text = ""


class Unpack(EventBase):
    """An item comes out of a container."""

    type: Literal["unpack"] = "unpack"
    container: Reference
    item: Reference


class Bind(EventBase):
    """A carrier now stands for an item: its tag is an alias until it is unbound."""

    type: Literal["bind"] = "bind"
    carrier: Reference
    item: Reference


class Unbind(EventBase):
    """A carrier no longer stands for its item."""

    type: Literal["unbind"] = "unbind"
    carrier: Reference


class Relabel(EventBase):
    """Another text is from now on an alias of the item (SEMANTICS S1)."""

    type: Literal["relabel"] = "relabel"
    item: Reference
    alias: Reference


class Scrap(EventBase):
    """The item leaves the process for good."""

    type: Literal["scrap"] = "scrap"
    item: Reference
    reason: Text = ""


class Ship(EventBase):
    """Items leave the plant."""

    type: Literal["ship"] = "ship"
    items: Annotated[tuple[Reference, ...], Field(min_length=1, max_length=MAX_INPUTS)]
    customer: Text = ""
    document: Text = ""


class Hold(EventBase):
    """The item is held; with scope `where_used` so is all it went into (SEMANTICS S17).
    The record's id is the hold's id."""

    type: Literal["hold"] = "hold"
    item: Reference
    scope: Literal["item", "where_used"] = "item"
    reason: Text


class Release(EventBase):
    """One hold ends."""

    type: Literal["release"] = "release"
    hold: Text
    reason: Text


class Void(EventBase):
    """A record is declared wrong; it stays readable (SEMANTICS S13). `acknowledged` lists its
    dependants by record id."""

    type: Literal["void"] = "void"
    record: Text
    reason: Text
    acknowledged: tuple[Text, ...] = Field(default=(), max_length=MAX_INPUTS)


class Correct(EventBase):
    """A void and its replacement in one transaction, linked both ways (SEMANTICS S13)."""

    type: Literal["correct"] = "correct"
    record: Text
    replacement: Correctable
    reason: Text
    acknowledged: tuple[Text, ...] = Field(default=(), max_length=MAX_INPUTS)


class Master(EventBase):
    """Master data was set (SEMANTICS S22). `data` None takes the entry out of use."""

    type: Literal["master"] = "master"
    kind: Literal["material", "route", "bom", "order"]
    key: Text
    data: dict[str, Any] | None

    @field_validator("data")
    @classmethod
    def _can_be_kept(cls, data: dict[str, Any] | None) -> dict[str, Any] | None:
        try:
            json.dumps(data, ensure_ascii=False, allow_nan=False).encode()
        except (TypeError, ValueError) as error:
            raise ValueError(f"plain JSON: {error}") from error
        return data


class Gap(EventBase):
    """Something is known to be missing: a handshake sequence that jumped, a record FIFO that
    overflowed, a bypassed cycle."""

    type: Literal["gap"] = "gap"
    kind: Literal["handshake", "fifo", "bypass"]
    expected: Count | None = None
    found: Count | None = None
    missing: Count
    note: Text = ""


_Booking = (
    Register
    | Receive
    | Start
    | Complete
    | Abort
    | Measure
    | Assemble
    | Remove
    | Replace
    | Consume
    | Transform
    | Split
    | Merge
    | Pack
    | Unpack
    | Bind
    | Unbind
    | Relabel
    | Scrap
    | Ship
)
Correctable = Annotated[_Booking, Field(discriminator="type")]
"""Every event that can stand as a replacement in a correction."""

TraceEvent = Annotated[
    _Booking | Observe | Reject | Hold | Release | Void | Correct | Master | Gap,
    Field(discriminator="type"),
]

Correct.model_rebuild()
_ADAPTER: TypeAdapter[TraceEvent] = TypeAdapter(TraceEvent)
EVENT_TYPES: Final[dict[str, type[EventBase]]] = {
    kind.model_fields["type"].default: kind for kind in get_args(get_args(TraceEvent)[0])
}


def event_fields(event: EventBase) -> dict[str, Any]:
    """Return an event as JSON data without its type and without what stands at its default;
    `parse_event({"type": event.type, **fields})` gives it back."""
    fields = event.model_dump(mode="json", exclude_defaults=True)
    if isinstance(event, Correct):
        fields["replacement"]["type"] = event.replacement.type
    return fields


def parse_event(data: dict[str, Any] | str | bytes) -> TraceEvent:
    """Read an event from its JSON form.

    Raises:
        pydantic.ValidationError: every fault, with its path.
    """
    if isinstance(data, dict):
        return _ADAPTER.validate_python(data)
    return _ADAPTER.validate_json(data)
