"""Items: what is traced, of which kind and in which state."""

from __future__ import annotations

from enum import IntEnum

__all__ = ["ItemKind", "ItemState"]


class ItemKind(IntEnum):
    """What an item is (TraceItemKindEnum). Genealogy edges connect units, lots and content states;
    containers and carriers are places that material passes through."""

    Unit = 0
    Lot = 1
    Container = 2
    Carrier = 3


class ItemState(IntEnum):
    """Derived life-cycle state of an item (TraceItemStateEnum).

    A hold does not replace the state underneath: answers and nodes show `OnHold` beside it.
    """

    Registered = 0
    InProcess = 1
    Completed = 2
    OnHold = 3
    Scrapped = 4
    Consumed = 5
    Shipped = 6
