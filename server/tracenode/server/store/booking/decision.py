"""What a decision on an event says."""

from __future__ import annotations

from typing import NamedTuple, TypeVar

from tracenode.models.event_parts import EventBase
from tracenode.models.events import TraceEvent

__all__ = ["Decision", "resolved"]

Event = TypeVar("Event", bound=EventBase)


def resolved(event: Event, **references: object) -> Event:
    """Return the event with these references; itself where they stand in it already."""
    for name, value in references.items():
        if getattr(event, name) != value:
            return event.model_copy(update=references)
    return event


class Decision(NamedTuple):
    """A yes. `event` has its references resolved to public ids and is what the journal keeps.

    `effect` False is an answer without effect: nothing is projected, the entry is a note.
    """

    event: TraceEvent
    item: str = ""
    """Public id of the item that the record is about."""
    text: str = ""
    next_step: str = ""
    recipe: str = ""
    effect: bool = True
