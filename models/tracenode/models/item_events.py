"""What happens to one item: identity, operations, labels, leaving the process."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tracenode.models.evaluation import Evaluation
from tracenode.models.event_parts import (
    MAX_INPUTS,
    Amount,
    AtStation,
    Count,
    EventBase,
    Measurement,
    Moment,
    Reference,
    Text,
)

__all__ = [
    "Abort",
    "Bind",
    "Complete",
    "Identify",
    "Measure",
    "Observe",
    "Receive",
    "Register",
    "Reject",
    "Relabel",
    "Scrap",
    "Ship",
    "Start",
    "Unbind",
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


class Identify(EventBase):
    """A placeholder turns out to be a real item (SEMANTICS S16): one identity edge joins them."""

    type: Literal["identify"] = "identify"
    placeholder: Reference
    item: Reference


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
