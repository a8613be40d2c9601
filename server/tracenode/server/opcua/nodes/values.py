"""New values of variables, by the direct path: about a microsecond when nobody watches."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final, NamedTuple

from asyncua import ua
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.status_codes import StatusCodes

from tracenode.server.opcua.nodes.book import data_value
from tracenode.server.opcua.nodes.space import TraceAddressSpace, notify
from tracenode.server.opcua.nodes.types import TypeTree

__all__ = ["NewValue", "UnknownVariable", "Values"]

SLICE_S: Final = 0.002
"""Seconds of updates, and of telling who watches, between two turns of the event loop: a PLC's call
waits for at most one slice."""


class UnknownVariable(KeyError):
    """There is no variable of this id."""


class NewValue(NamedTuple):
    """A value for `Values.set_many`; see `Values.set`."""

    node_id: ua.NodeId
    value: Any
    variant_type: ua.VariantType | None = None
    status: int = StatusCodes.Good
    source_time: datetime | None = None


class Values:
    """Writes what the server itself knows; no access check, monitored items are notified."""

    def __init__(self, space: TraceAddressSpace, types: TypeTree) -> None:
        self._space = space
        self._types = types

    async def set(
        self,
        node_id: ua.NodeId,
        value: Any,
        *,
        variant_type: ua.VariantType | None = None,
        status: int = StatusCodes.Good,
        source_time: datetime | None = None,
    ) -> None:
        """Give a variable a new value; a bad status carries none.

        `variant_type` defaults to what the variable's DataType asks for; `source_time` is the
        device's, default now. A list or tuple makes an array.

        Raises:
            UnknownVariable: no such variable.
        """
        self._set(NewValue(node_id, value, variant_type, status, source_time))

    async def set_many(self, updates: Iterable[NewValue]) -> None:
        """Give many variables new values, in slices that let others in between."""
        ends = time.perf_counter() + SLICE_S
        for update in updates:
            self._set(update)
            if time.perf_counter() >= ends:
                await asyncio.sleep(0)
                ends = time.perf_counter() + SLICE_S

    def _set(self, update: NewValue) -> None:
        node_id, value, variant_type, status, source_time = update
        cell = self._space.value_cell(node_id)
        if cell is None:
            raise UnknownVariable(node_id.to_string())
        kind = variant_type or self._kind(node_id, cell.value)
        held = list(value) if isinstance(value, tuple) else value
        fresh = data_value(held, kind, status=status, source_time=source_time)
        cell.value, cell.value_callback = fresh, None
        notify(cell, fresh)

    def _kind(self, node_id: ua.NodeId, held: ua.DataValue | None) -> ua.VariantType:
        if held is not None and held.Value is not None:
            known = held.Value.VariantType
            if type(known) is ua.VariantType and known is not ua.VariantType.Null:
                return known
        data_type = self._space.read_attribute_value(node_id, AttributeIds.DataType)
        if data_type.Value is None:
            raise UnknownVariable(node_id.to_string())
        return self._types.encoding(data_type.Value.Value)
