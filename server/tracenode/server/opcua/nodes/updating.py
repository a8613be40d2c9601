"""Check and make the new value that a client writes (OPC 10000-4 5.11.4)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from asyncua import ua
from asyncua.server.address_space import NodeData
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.status_codes import StatusCodes

from tracenode.server.opcua.limits import Limits
from tracenode.server.opcua.nodes.book import attribute
from tracenode.server.opcua.nodes.ranges import BadIndexRange, merged
from tracenode.server.opcua.nodes.types import TypeTree
from tracenode.server.opcua.nodes.variants import good_value

__all__ = ["SINGLE_RANKS", "WriteRefused", "new_value"]

S = StatusCodes
V = ua.VariantType
STATUS_WRITE = ua.AccessLevel.StatusWrite.mask
NULLABLE = {V.String, V.ByteString, V.XmlElement, V.ExtensionObject, V.LocalizedText, V.NodeId}
ANY, SCALAR_OR_ONE, ONE_OR_MORE, SCALAR = -2, -3, 0, -1
SINGLE_RANKS: Final = frozenset({None, ANY, SCALAR_OR_ONE, SCALAR})
"""Ranks of variables that may hold a single value."""


class WriteRefused(ValueError):
    """A value can't be written; `status` says why."""

    def __init__(self, status: int, reason: str) -> None:
        self.status = status
        super().__init__(reason)


def new_value(
    node: NodeData, write: ua.WriteValue, types: TypeTree, limits: Limits
) -> ua.DataValue:
    """Return what a variable holds after `write`; with an IndexRange only that part is new.

    A StatusCode other than Good is written where AccessLevel has StatusWrite; the source time is
    the client's, or now; the server's time is always its own.

    Raises:
        WriteRefused: BadTypeMismatch (type, rank, dimensions), BadWriteNotSupported (status),
            BadOutOfRange (longer than the limits), the codes of `BadIndexRange`.
    """
    given = write.Value
    code = 0 if given.StatusCode is None else int(given.StatusCode.value)
    if code and not int(attribute(node, AttributeIds.AccessLevel) or 0) & STATUS_WRITE:
        raise WriteRefused(S.BadWriteNotSupported, "a status with the value")
    now: Any = datetime.now(UTC)
    source: Any = given.SourceTimestamp or now
    if given.StatusCode is not None and given.StatusCode.is_bad():
        return ua.DataValue(ua.Variant(None, V.Null), given.StatusCode, source, now)
    variant = _typed(given.Value, node, types)
    _check_size(variant, limits)
    if write.IndexRange:
        held = node.attributes[AttributeIds.Value].value
        try:
            variant = merged(None if held is None else held.Value, variant, write.IndexRange)
        except BadIndexRange as e:
            raise WriteRefused(e.status, str(e)) from e
    _check_rank(variant, node)
    return good_value(variant, source, now)


def _typed(given: ua.Variant | None, node: NodeData, types: TypeTree) -> ua.Variant:
    data_type = attribute(node, AttributeIds.DataType)
    allowed = types.encodings(data_type) if isinstance(data_type, ua.NodeId) else frozenset()
    if given is None or given.VariantType == V.Null:
        rank = attribute(node, AttributeIds.ValueRank)
        if not allowed or allowed & NULLABLE or (rank is not None and rank >= ONE_OR_MORE):
            return ua.Variant(None, V.Null)
        raise WriteRefused(S.BadTypeMismatch, "expected a value, was null")
    if (
        given.VariantType == V.ByteString
        and allowed == {V.Byte}
        and isinstance(given.Value, bytes)
        and attribute(node, AttributeIds.ValueRank) != SCALAR
    ):
        return ua.Variant(list(given.Value), V.Byte)  # OPC 10000-4 5.11.4.2
    if allowed and given.VariantType not in allowed:
        raise WriteRefused(S.BadTypeMismatch, f"{given.VariantType} for {data_type}")
    if given.VariantType == V.ExtensionObject and isinstance(data_type, ua.NodeId):
        for one in given.Value if isinstance(given.Value, list) else [given.Value]:
            kind = getattr(one, "data_type", None)
            if isinstance(kind, ua.NodeId) and not types.is_a(kind, data_type):
                raise WriteRefused(S.BadTypeMismatch, f"{kind} for {data_type}")
    return given


def _check_rank(variant: ua.Variant, node: NodeData) -> None:
    if variant.VariantType == V.Null:
        return
    rank = attribute(node, AttributeIds.ValueRank)
    if rank == SCALAR and not variant.is_array:
        return
    dimensions = _dimensions(variant)
    fits = {
        None: True,
        ANY: True,
        SCALAR: not dimensions,
        SCALAR_OR_ONE: len(dimensions) <= 1,
        ONE_OR_MORE: len(dimensions) >= 1,
    }.get(rank, len(dimensions) == rank)
    bounds = attribute(node, AttributeIds.ArrayDimensions) or []
    if fits and dimensions and bounds:
        fits = len(bounds) == len(dimensions) and all(
            not most or length <= most for length, most in zip(dimensions, bounds, strict=True)
        )
    if not fits:
        raise WriteRefused(S.BadTypeMismatch, f"expected rank {rank}, was {dimensions}")


def _dimensions(variant: ua.Variant) -> list[int]:
    if not variant.is_array:
        return []
    if variant.Dimensions:
        return [int(length) for length in variant.Dimensions]
    return [len(variant.Value or ())]


def _check_size(variant: ua.Variant, limits: Limits) -> None:
    if isinstance(variant.Value, bool | int | float):
        return
    todo, count = [variant.Value], 0
    while todo:
        held = todo.pop()
        if isinstance(held, list | tuple):
            count += len(held)
            todo.extend(held)
        elif isinstance(held, str | bytes):
            size = len(held) if isinstance(held, bytes) else len(held.encode())
            if size > limits.string_bytes:
                raise WriteRefused(
                    S.BadOutOfRange, f"expected at most {limits.string_bytes} bytes, was {size}"
                )
        if count > limits.array_length:
            raise WriteRefused(S.BadOutOfRange, f"expected at most {limits.array_length} elements")
