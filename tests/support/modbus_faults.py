"""A Modbus server on bare sockets that misbehaves on demand. Register = f(address, unit)."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

__all__ = ["FaultServer", "Query", "fault_server", "oracle"]


def oracle(address: int, unit: int) -> int:
    """What register `address` of `unit` holds, always."""
    return (address * 31 + unit * 4099 + 7) & 0xFFFF


@dataclass(frozen=True, slots=True)
class Query:
    """A request as it came; `data` are the registers that a write carries."""

    transaction: int
    unit: int
    function: int
    address: int
    count: int
    data: tuple[int, ...] = ()

    def echo(self) -> bytes:
        """The answer to a write of several registers."""
        return struct.pack(">BHH", self.function, self.address, self.count)

    def pdu(self, *, count: int | None = None, function: int | None = None) -> bytes:
        """The right answer, or one for another count or function."""
        count = self.count if count is None else count
        words = [oracle(self.address + i, self.unit) for i in range(count)]
        head = bytes((self.function if function is None else function, 2 * count))
        return head + struct.pack(f">{count}H", *words)

    def frame(
        self, pdu: bytes | None = None, *, transaction: int | None = None, unit: int | None = None
    ) -> bytes:
        pdu = self.pdu() if pdu is None else pdu
        transaction = self.transaction if transaction is None else transaction
        unit = self.unit if unit is None else unit
        return struct.pack(">HHHB", transaction & 0xFFFF, 0, len(pdu) + 1, unit & 0xFF) + pdu

    def rtu(self, pdu: bytes | None = None, *, unit: int | None = None) -> bytes:
        """The answer as it stands on an RTU line."""
        body = bytes((self.unit if unit is None else unit,)) + (pdu or self.pdu())
        crc = 0xFFFF
        for byte in body:  # bit by bit, so as not to share code or table with what is tested
            crc ^= byte
            for _ in range(8):
                crc = (crc >> 1) ^ 0xA001 if crc & 1 else crc >> 1
        return body + struct.pack("<H", crc)


Fault = Callable[[Query], bytes | None]
"""Bytes to answer with; None drops the connection."""


def right(query: Query) -> bytes:
    return query.frame()


@dataclass(slots=True)
class FaultServer:
    port: int = 0
    fault: Fault = right
    delay: float = 0.0
    """Seconds before an answer."""
    rtu: bool = False
    """Requests are RTU telegrams of eight bytes, reads that is."""
    queries: list[Query] = field(default_factory=list)
    writers: list[asyncio.StreamWriter] = field(default_factory=list)
    tasks: list[asyncio.Task[None] | None] = field(default_factory=list)

    def drop(self) -> None:
        """Reset every connection."""
        for writer in self.writers:
            writer.transport.abort()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        self.tasks.append(asyncio.current_task())
        try:
            while True:
                if self.rtu:
                    transaction, unit, *pdu_bytes = 0, *(await reader.readexactly(8))[:6]
                    pdu = bytes(pdu_bytes)
                else:
                    head = await reader.readexactly(7)
                    transaction, _, length, unit = struct.unpack(">HHHB", head)
                    pdu = await reader.readexactly(length - 1)
                data = struct.unpack(f">{len(pdu[6:]) // 2}H", pdu[6:])
                function, address, count = struct.unpack(">BHH", pdu[:5])
                query = Query(transaction, unit, function, address, count, data)
                self.queries.append(query)
                answer = self.fault(query)
                if answer is None:
                    writer.transport.abort()
                    return
                await asyncio.sleep(self.delay)
                writer.write(answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def fault_server(*, rtu: bool = False) -> AsyncIterator[FaultServer]:
    server = FaultServer(rtu=rtu, fault=Query.rtu if rtu else right)
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()
        for task in server.tasks:
            if task is not None:
                task.cancel()
        await asyncio.gather(*(task for task in server.tasks if task is not None))
