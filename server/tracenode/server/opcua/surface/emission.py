"""From what is told to an event that subscribers get, typed as its event type declares."""

from __future__ import annotations

import math
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from asyncua import ua
from asyncua.server.address_space import AddressSpace
from asyncua.ua.attribute_ids import AttributeIds

from tracenode.models.receipts import Record
from tracenode.server.opcua.methods.arguments import NULL_DATE
from tracenode.server.opcua.nodes.book import attribute
from tracenode.server.opcua.nodes.types import Rule, TypeTree
from tracenode.server.opcua.subscriptions.events import Event
from tracenode.server.opcua.surface.keys import model_id
from tracenode.server.opcua.surface.structures import measurement_structure
from tracenode.server.opcua.surface.telling import Told, told

__all__ = ["EventMaker"]

V = ua.VariantType


@dataclass(frozen=True, slots=True)
class _Field:
    kind: ua.VariantType
    is_array: bool
    optional: bool


class EventMaker:
    """Makes events of the model's types. The fields of a type are read from the address space once;
    the nodeset must be loaded."""

    def __init__(self, space: AddressSpace, types: TypeTree) -> None:
        self._space = space
        self._types = types
        self._known: dict[str, dict[str, _Field]] = {}

    def of_record(
        self, record: Record, source: ua.NodeId, source_name: str, *, replayed: bool = False
    ) -> Event:
        """Return the event of a record. Its id is the 16 bytes of the record's id, the same each
        time it is told; `replayed` marks that it was told before."""
        said = told(record)
        values = dict(said.fields)
        if "Replayed" in values:
            values["Replayed"] = replayed
        if "Measurements" in values:
            values["Measurements"] = [
                measurement_structure(measured, record.at, record.event.device)
                for measured in values["Measurements"]
            ]
        return self.event(
            Told(said.event_type, said.message, said.severity, values),
            source,
            source_name,
            event_id=uuid.UUID(record.record).bytes,
            time=record.at,
            received=record.recorded,
        )

    def event(
        self,
        said: Told,
        source: ua.NodeId,
        source_name: str,
        *,
        event_id: bytes,
        time: datetime,
        received: datetime | None = None,
    ) -> Event:
        """Return an event with every mandatory field of its type, and the optional ones given;
        `received` is its ReceiveTime, default now."""
        declared = self._fields(said.event_type)
        fields = {
            name: _variant(field, said.fields.get(name))
            for name, field in declared.items()
            if name in said.fields or not field.optional
        }
        return Event(
            event_type=model_id(said.event_type),
            source=source,
            source_name=source_name,
            event_id=event_id,
            time=time,
            message=said.message,
            severity=said.severity,
            fields=fields,
            receive_time=received or datetime.now(UTC),
        )

    def _fields(self, event_type: str) -> Mapping[str, _Field]:
        known = self._known.get(event_type)
        if known is None:
            known = self._known[event_type] = {
                str(declaration.name.Name): self._field(
                    declaration.node_id, declaration.rule is Rule.OPTIONAL
                )
                for declaration in self._types.declarations(model_id(event_type))
                if declaration.node_id.NamespaceIndex != 0
            }
        return known

    def _field(self, node_id: ua.NodeId, optional: bool) -> _Field:
        node = self._space[node_id]
        data_type = attribute(node, AttributeIds.DataType)
        rank = attribute(node, AttributeIds.ValueRank)
        return _Field(self._types.encoding(data_type), rank is not None and rank >= 0, optional)


def _variant(field: _Field, value: Any) -> ua.Variant:
    if field.is_array:
        return ua.Variant(list(value or ()), field.kind, is_array=True)
    return ua.Variant(_zero(field.kind) if value is None else value, field.kind)


def _zero(kind: ua.VariantType) -> Any:
    match kind:
        case V.String:
            return ""
        case V.DateTime:
            return NULL_DATE
        case V.Double:
            return math.nan
        case V.Boolean:
            return False
    return 0
