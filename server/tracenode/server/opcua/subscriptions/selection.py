"""Which fields of an event a subscriber gets: select clauses, encoded once for all alike."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

from asyncua import ua
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.status_codes import StatusCodes

from tracenode.server.opcua.ids import ua_id
from tracenode.server.opcua.nodes.ranges import BadIndexRange, parsed, sliced
from tracenode.server.opcua.nodes.types import TypeTree
from tracenode.server.opcua.nodes.variants import variant_bytes
from tracenode.server.opcua.subscriptions.events import Event

__all__ = ["CONDITION", "Field", "Fields", "Selection", "clause_code", "encoded", "field_of"]

S = StatusCodes
BASE = ua_id(ObjectIds.BaseEventType)
NULL = ua.Variant(None, ua.VariantType.Null)
CONDITION = "ConditionId"
"""The field that a clause without a path asks for by the attribute NodeId (OPC 10000-9 5.5.2)."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field: its name (browse names joined by `/`), the type that must have it, a range."""

    name: str
    of_type: ua.NodeId | None = None
    index_range: str = ""

    @classmethod
    def of(cls, operand: ua.SimpleAttributeOperand) -> Self:
        """Return what a select clause or an operand asks for."""
        name = "/".join(part.Name or "" for part in operand.BrowsePath or ())
        asked = operand.TypeDefinitionId
        any_event = asked is None or asked.is_null() or asked == BASE
        wanted = None if any_event else asked
        return cls(name or CONDITION, wanted, operand.IndexRange or "")


Selection = tuple[Field, ...]


@dataclass(slots=True)
class Fields:
    """The fields of one event for one selection, as they go out: a count and the values."""

    data: bytes
    weight: int = field(init=False)

    def __post_init__(self) -> None:
        self.weight = len(self.data) + 48

    def overflowed(self) -> None:
        """An event has no status; its queue sends an overflow event instead."""
        return


def field_of(event: Event, wanted: Field, types: TypeTree) -> ua.Variant:
    """Return a field of an event, null where its type or the event has none."""
    if wanted.of_type is not None and not types.is_a(event.event_type, wanted.of_type):
        return NULL
    found = event.variant(wanted.name)
    if not wanted.index_range:
        return found
    part = sliced(ua.DataValue(found), wanted.index_range)
    return NULL if part.Value is None else part.Value


def encoded(event: Event, selection: Selection, types: TypeTree) -> Fields:
    """Return the fields of `event` in the order of `selection`."""
    parts = [variant_bytes(field_of(event, wanted, types)) for wanted in selection]
    return Fields(struct.pack("<i", len(parts)) + b"".join(parts))


def clause_code(
    operand: object, types: TypeTree, known_fields: Sequence[str] | frozenset[str]
) -> tuple[int, bool]:
    """Return the StatusCode of one select clause and whether the filter can't be used with it.

    A field that no event type has is told, and null; clients ask for fields of companion models.
    """
    if not isinstance(operand, ua.SimpleAttributeOperand):
        return int(S.BadFilterOperandInvalid), True
    asked = operand.TypeDefinitionId
    if asked is not None and not asked.is_null() and not types.is_a(asked, BASE):
        unknown = not types.exists(asked)
        return int(S.BadNodeIdUnknown if unknown else S.BadTypeDefinitionInvalid), not unknown
    if operand.AttributeId not in (AttributeIds.Value, AttributeIds.NodeId):
        return int(S.BadAttributeIdInvalid), True
    path = operand.BrowsePath or []
    if any(not part.Name for part in path):
        return int(S.BadBrowseNameInvalid), True
    if operand.IndexRange:
        try:
            parsed(operand.IndexRange)
        except BadIndexRange:
            return int(S.BadIndexRangeInvalid), True
    if not path:
        by_id = operand.AttributeId == AttributeIds.NodeId
        return int(S.Good if by_id else S.BadNodeIdUnknown), False
    known = path[-1].Name in known_fields
    return int(S.Good if known else S.BadNodeIdUnknown), False
