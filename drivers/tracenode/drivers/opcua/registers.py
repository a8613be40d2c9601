"""The handshake's two areas as arrays of UInt16 at the controller's own OPC UA server."""

from __future__ import annotations

from collections.abc import Sequence

from asyncua import ua

from tracenode.drivers.opcua.node_names import NodeName
from tracenode.drivers.opcua.source import OpcUaSource
from tracenode.models.device_errors import BadTelegram
from tracenode.models.errors import BadSetting
from tracenode.models.readings import Quality

__all__ = ["OpcUaRegisters"]


class OpcUaRegisters:
    """A `Memory` (tracenode.drivers.mailbox.neighbours) in two nodes, by parts of the arrays
    (NumericRange, OPC 10000-4 7.27), so that AckSeq is a write of its own."""

    def __init__(self, source: OpcUaSource, area_a: NodeName, area_b: NodeName) -> None:
        self._source, self._a, self._b = source, area_a, area_b

    async def read_a(self, offset: int, count: int) -> Sequence[int]:
        return await self._read(self._a, offset, count)

    async def read_b(self, offset: int, count: int) -> Sequence[int]:
        return await self._read(self._b, offset, count)

    async def write_b(self, offset: int, values: Sequence[int]) -> None:
        value = ua.Variant(list(values), ua.VariantType.UInt16, is_array=True)
        part = _part(offset, len(values))
        await self._source.session.write(self._resolved(self._b), value, part)

    async def _read(self, name: NodeName, offset: int, count: int) -> Sequence[int]:
        given = await self._source.session.read(self._resolved(name), _part(offset, count))
        status = given.StatusCode or ua.StatusCode()
        variant = given.Value
        expected = f"elements {offset} to {offset + count - 1} of UInt16[] at {name}"
        if not Quality(status.value).good:
            raise BadTelegram(expected, status.name)
        if (
            variant is None
            or variant.VariantType is not ua.VariantType.UInt16
            or not isinstance(variant.Value, list)
        ):
            raise BadTelegram(expected, getattr(variant and variant.VariantType, "name", "nothing"))
        if len(variant.Value) != count:
            raise BadTelegram(expected, f"{len(variant.Value)} of them")
        return variant.Value

    def _resolved(self, name: NodeName) -> ua.NodeId:
        try:
            return self._source.resolve(name)
        except BadSetting as error:
            raise BadTelegram(error.expected, error.found) from error


def _part(offset: int, count: int) -> str:
    return str(offset) if count == 1 else f"{offset}:{offset + count - 1}"
