"""Structures of the model, made from plain values by field name."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from functools import cache
from typing import Any, Final

from asyncua import ua

from tracenode.models.answers import Edge, GenealogyAnswer, ItemView, Node
from tracenode.models.events import Measurement
from tracenode.models.genealogy import HitMark
from tracenode.models.identifiers import Identity
from tracenode.models.items import ItemKind
from tracenode.models.receipts import Record
from tracenode.server.opcua.methods.arguments import NULL_DATE
from tracenode.server.opcua.surface.telling import record_json, told

__all__ = [
    "genealogy_structure",
    "item_fields",
    "item_structure",
    "measurement_structure",
    "record_structure",
    "structure",
]

UNKNOWN: Final = ("Quantity", "Value", "LowLimit", "HighLimit", "Share")
"""Fields that are NaN where they are not known."""


def structure(name: str, values: Mapping[str, Any]) -> Any:
    """Return a structure of the model; enumerations are plain numbers. A field that is not given is
    zero or empty, a time the null time; names that the structure does not have are left out.

    Raises:
        ValueError: the nodeset with this structure is not loaded.
    """
    blank = _blank(name)
    made = {key: values.get(key, empty) for key, empty in blank.items()}
    return getattr(ua, name)(**made)


@cache
def _blank(name: str) -> Mapping[str, Any]:
    """Return the value of each field that is not given."""
    kind = getattr(ua, name, None)
    if not isinstance(kind, type) or not is_dataclass(kind):
        raise ValueError(f"expected a loaded structure, found {name}")
    empty = kind()
    return {field.name: _empty(field.name, getattr(empty, field.name)) for field in fields(kind)}


def _empty(name: str, value: Any) -> Any:
    match value:
        case datetime():
            return NULL_DATE
        case bool():
            return False  # asyncua's own default is True
        case list():
            return ()
        case float() if name in UNKNOWN:
            return math.nan
    return value


# ------------------------------------------------------------------ records
def record_structure(record: Record) -> Any:
    """Return the TraceRecordDataType of a published record."""
    said = told(record)
    return structure(
        "TraceRecordDataType",
        {
            **said.fields,
            "JournalPosition": record.position,
            "RecordType": said.event_type,
            "EventTime": record.at,
            "Json": record_json(record),
        },
    )


def measurement_structure(
    measurement: Measurement, at: datetime | None = None, device: str = ""
) -> Any:
    """Return the TraceMeasurementDataType of a measured value."""
    values = {
        "Name": measurement.name,
        "Value": measurement.value,
        "Text": measurement.text,
        "UnitOfMeasure": measurement.unit,
        "LowLimit": measurement.low,
        "HighLimit": measurement.high,
        "Evaluation": measurement.evaluation,
        "MeasuredAt": at,
        "DeviceId": device,
    }
    return structure(
        "TraceMeasurementDataType",
        {key: value for key, value in values.items() if value is not None},
    )


# ------------------------------------------------------------------ items
def item_fields(view: ItemView) -> dict[str, Any]:
    """Return what an item's object and structure say, by field name."""
    return {
        "ItemId": view.item,
        "Kind": int(view.kind),
        "MaterialId": view.material,
        "LotId": view.text if view.kind is ItemKind.Lot else "",
        "SerialNumber": view.text if view.kind is ItemKind.Unit else "",
        "State": int(view.state),
        "OnHold": view.on_hold,
        "Quantity": math.nan if view.quantity is None else float(view.quantity),
        "UnitOfMeasure": "" if view.quantity is None else view.quantity.unit,
        "StationId": view.station,
        "OrderId": view.order,
        "DigitalLink": _digital_link(view.item),
        "UpdatedAt": view.updated_at,
    }


def item_structure(view: ItemView) -> Any:
    """Return the TraceItemDataType of an item."""
    return structure("TraceItemDataType", item_fields(view))


def _digital_link(item: str) -> str:
    """Return the GS1 Digital Link of an item whose part is a GTIN-14."""
    identity = Identity.parse(item)
    if identity is None or len(identity.part) != 14 or not identity.part.isdigit():
        return ""
    key = {"sn": "21", "lot": "10"}.get(identity.scheme)
    return f"https://id.gs1.org/01/{identity.part}/{key}/{identity.text}" if key else ""


# ------------------------------------------------------------------ genealogy
def genealogy_structure(answer: GenealogyAnswer, limit: int, sequences: Mapping[int, int]) -> Any:
    """Return the TraceGenealogyResultDataType of an answer, at most `limit` nodes of it and the
    edges between them. `sequences`: EventSequence by journal position."""
    shown = answer.nodes[:limit]
    items = {node.item for node in shown}
    edges = [edge for edge in answer.edges if edge.output in items and edge.input in items]
    statement = answer.statement
    cut = len(shown) < len(answer.nodes)
    return structure(
        "TraceGenealogyResultDataType",
        {
            "RootId": answer.root,
            "Direction": int(answer.direction),
            "AsOf": statement.as_of or NULL_DATE,
            "Nodes": [_node(node) for node in shown],
            "Edges": [_edge(edge, sequences.get(edge.record, 0)) for edge in edges],
            "OpenEnds": list(statement.frontier),
            "TotalNodes": len(answer.nodes),
            "Complete": statement.complete and not cut,
            "Truncated": statement.truncated or cut,
            "PooledEdges": statement.pooled_edges,
            "Placeholders": statement.placeholders,
            "AsKnownAt": statement.as_known_at,
            "DataVersion": statement.data_version,
            "AnswerFormat": statement.answer_format,
        },
    )


def _node(node: Node) -> Any:
    return structure(
        "TraceGenealogyNodeDataType",
        {
            "ItemId": node.item,
            "Kind": int(node.kind),
            "MaterialId": node.material,
            "State": int(node.state),
            "OnHold": node.on_hold,
            "Mark": int(HitMark.Current if node.mark is None else node.mark),
            "Depth": node.depth,
            "FirstSeen": node.first_seen,
        },
    )


def _edge(edge: Edge, sequence: int) -> Any:
    return structure(
        "TraceGenealogyEdgeDataType",
        {
            "OutputId": edge.output,
            "InputId": edge.input,
            "Relation": int(edge.relation),
            "Quality": int(edge.quality),
            "Quantity": math.nan if edge.quantity is None else float(edge.quantity),
            "UnitOfMeasure": "" if edge.quantity is None else edge.quantity.unit,
            "Share": math.nan if edge.share is None else float(edge.share),
            "Position": edge.position,
            "StationId": edge.station,
            "ValidFrom": edge.valid_from,
            "ValidTo": edge.valid_to or NULL_DATE,
            "EventSequence": sequence,
        },
    )
