"""What goes into what and comes out of it: parts, material, contents, mounts, packing."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tracenode.models.event_parts import (
    MAX_INPUTS,
    Amount,
    AtStation,
    EventBase,
    Name,
    Output,
    Portion,
    Reference,
    Share,
    Text,
)
from tracenode.models.quantities import Quantity

__all__ = [
    "Adjust",
    "Assemble",
    "Consume",
    "Empty",
    "Fill",
    "Load",
    "Merge",
    "Pack",
    "Remove",
    "Replace",
    "Split",
    "Transfer",
    "Transform",
    "Unload",
    "Unpack",
]


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


class Fill(EventBase):
    """Material goes into a container, or on top of a lot. What was drawn from before stays apart:
    the content gets a new state (SEMANTICS S5). `quantity` None is unknown."""

    type: Literal["fill"] = "fill"
    container: Reference
    lot: Reference
    quantity: Amount | None = None


class Transfer(EventBase):
    """Content goes from one container or lot into another: a draw and a fill at one instant."""

    type: Literal["transfer"] = "transfer"
    source: Reference
    target: Reference
    quantity: Amount | None = None


class Empty(EventBase):
    """A container or lot holds nothing any more; what was left in it is scrapped. What comes in
    later has nothing of what was in before (SEMANTICS S5)."""

    type: Literal["empty"] = "empty"
    container: Reference
    reason: Text = ""


class Adjust(EventBase):
    """The stock of a lot or container was counted and is more, or less (negative), than booked."""

    type: Literal["adjust"] = "adjust"
    lot: Reference
    quantity: Quantity
    reason: Text


class Load(AtStation):
    """A lot is mounted on a slot of a station (SEMANTICS S12); what was on it comes off. `quantity`
    None is unknown."""

    type: Literal["load"] = "load"
    slot: Name
    lot: Reference
    quantity: Amount | None = None


class Unload(AtStation):
    """A slot is empty from here on. `remaining` is what came off with the lot; None is unknown."""

    type: Literal["unload"] = "unload"
    slot: Name
    remaining: Amount | None = None


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
