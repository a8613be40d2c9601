"""Trace events: what is said to have happened, as one discriminated union of frozen classes.

A reference to an item (`item`, `part`, `lot` ...) is a text: a public ItemId, a bare number, or
what a scanner read. Recording resolves each to one public id and refuses what does not resolve
(SEMANTICS S1, S2). Nothing here knows a database or a protocol.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, get_args

from pydantic import Field, TypeAdapter

from tracenode.models.event_parts import (
    MAX_INPUTS,
    EventBase,
    Measurement,
    Output,
    Portion,
    Share,
    Text,
    Window,
)
from tracenode.models.item_events import (
    Abort,
    Bind,
    Complete,
    Identify,
    Measure,
    Observe,
    Receive,
    Register,
    Reject,
    Relabel,
    Scrap,
    Ship,
    Start,
    Unbind,
)
from tracenode.models.material_events import (
    Adjust,
    Assemble,
    Consume,
    Empty,
    Fill,
    Load,
    Merge,
    Pack,
    Remove,
    Replace,
    Split,
    Transfer,
    Transform,
    Unload,
    Unpack,
)
from tracenode.models.record_events import (
    Gap,
    Hold,
    Master,
    Release,
    Report,
    Stale,
    Void,
)

__all__ = [
    "EVENT_TYPES",
    "Abort",
    "Adjust",
    "Assemble",
    "Bind",
    "Complete",
    "Consume",
    "Correct",
    "Empty",
    "Fill",
    "Gap",
    "Hold",
    "Identify",
    "Load",
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
    "Report",
    "Scrap",
    "Share",
    "Ship",
    "Split",
    "Stale",
    "Start",
    "TraceEvent",
    "Transfer",
    "Transform",
    "Unbind",
    "Unload",
    "Unpack",
    "Void",
    "Window",
    "event_fields",
    "parse_event",
]


class Correct(EventBase):
    """A void and its replacement in one transaction, linked both ways (SEMANTICS S13)."""

    type: Literal["correct"] = "correct"
    record: Text
    replacement: Correctable
    reason: Text
    acknowledged: tuple[Text, ...] = Field(default=(), max_length=MAX_INPUTS)


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
    | Identify
    | Fill
    | Transfer
    | Empty
    | Adjust
    | Load
    | Unload
)
Correctable = Annotated[_Booking, Field(discriminator="type")]
"""Every event that can stand as a replacement in a correction."""

TraceEvent = Annotated[
    _Booking | Observe | Reject | Hold | Release | Void | Correct | Master | Gap | Report | Stale,
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
    # As model_dump, which takes as long again to look at arguments that are not given.
    dump = type(event).__pydantic_serializer__.to_python
    fields: dict[str, Any] = dump(event, mode="json", exclude_defaults=True)
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
