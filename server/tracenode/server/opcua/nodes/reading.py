"""Read one attribute as a client asked for it (OPC 10000-4 5.11.2)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from asyncua import ua
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.status_codes import StatusCodes

from tracenode.server.opcua.ids import ua_status
from tracenode.server.opcua.nodes.ranges import sliced
from tracenode.server.opcua.nodes.space import TraceAddressSpace

__all__ = ["encoding_code", "read_attribute"]

S = StatusCodes
T = ua.TimestampsToReturn
BINARY = ua.QualifiedName("Default Binary", ua.UInt16(0))
ATTRIBUTES = frozenset(int(one) for one in AttributeIds)


def encoding_code(wanted: ua.ReadValueId, space: TraceAddressSpace) -> int | None:
    """Return why a value can't be had in the encoding asked for, None where it can.

    BadDataEncodingInvalid: not of a Value, or the value is no structure.
    BadDataEncodingUnsupported: another one than Default Binary.
    """
    asked = wanted.DataEncoding
    if asked is None or not asked.Name:
        return None
    if wanted.AttributeId != AttributeIds.Value:
        return int(S.BadDataEncodingInvalid)
    held = space.read_attribute_value(wanted.NodeId, AttributeIds.Value).Value
    if held is None or held.VariantType != ua.VariantType.ExtensionObject:
        return int(S.BadDataEncodingInvalid)
    return None if asked == BINARY else int(S.BadDataEncodingUnsupported)


def read_attribute(
    wanted: ua.ReadValueId, timestamps: ua.TimestampsToReturn, space: TraceAddressSpace
) -> ua.DataValue:
    """Return an attribute, or the part of it that an IndexRange names, or a bad status.

    The server's time is that of the last change, for values that have none and other attributes
    that of this answer. Only a Value has a source time.
    """
    if wanted.AttributeId not in ATTRIBUTES:
        return ua.DataValue(StatusCode=ua_status(S.BadAttributeIdInvalid))
    code = encoding_code(wanted, space)
    if code is not None:
        return ua.DataValue(StatusCode=ua_status(code))
    if wanted.AttributeId == AttributeIds.AccessLevelEx:
        return _stamped(_access_level_ex(wanted.NodeId, space), wanted.AttributeId, timestamps)
    value = space.read_attribute_value(wanted.NodeId, AttributeIds(wanted.AttributeId))
    if wanted.AttributeId == AttributeIds.DataTypeDefinition and (
        value.Value is None or value.Value.Value is None
    ):
        return ua.DataValue(StatusCode=ua_status(S.BadAttributeIdInvalid))
    return _stamped(sliced(value, wanted.IndexRange), wanted.AttributeId, timestamps)


def _access_level_ex(node_id: ua.NodeId, space: TraceAddressSpace) -> ua.DataValue:
    """Return the AccessLevel, and by its upper bits that reads and writes are atomic, of parts of
    arrays too (OPC 10000-3 8.58): everything happens on one thread."""
    level = space.read_attribute_value(node_id, AttributeIds.AccessLevel)
    if level.Value is None or level.Value.Value is None:
        return level
    return ua.DataValue(ua.Variant(int(level.Value.Value), ua.VariantType.UInt32))


def _stamped(
    value: ua.DataValue, attribute: int, timestamps: ua.TimestampsToReturn
) -> ua.DataValue:
    is_value = attribute == AttributeIds.Value
    source: Any = None
    server: Any = None
    if is_value and timestamps in (T.Source, T.Both):
        source = value.SourceTimestamp
    if timestamps in (T.Server, T.Both):
        server = (value.ServerTimestamp if is_value else None) or datetime.now(UTC)
    if source is value.SourceTimestamp and server is value.ServerTimestamp:
        return value
    return ua.DataValue(value.Value, value.StatusCode, source, server)
