"""Modbus TCP the other way round: areas of holding registers of ours, which controllers read and
write. Nothing else is there: no other function, no other register."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_address
from types import TracebackType
from typing import Final, Self, TypeAlias

from tracenode.drivers.driver import DriverStats, Sink
from tracenode.models.device_errors import LinkLost
from tracenode.models.errors import MalformedRequest
from tracenode.models.readings import Point, Value

__all__ = ["IDLE_S", "Area", "Listener", "Listeners", "ServedUnit"]

Network: TypeAlias = IPv4Network | IPv6Network

IDLE_S: Final = 30.0
"""A client that is silent for so long has gone; its place is free for another one."""
HEADER: Final = struct.Struct(">HHHB")
"""Transaction, protocol (0), length of what follows, unit."""
MAX_LENGTH: Final = 254
READ, WRITE_ONE, WRITE = 3, 6, 16
MAX_READ, MAX_WRITTEN = 125, 123
ILLEGAL_FUNCTION, ILLEGAL_ADDRESS, ILLEGAL_VALUE, NO_SUCH_UNIT = 1, 2, 3, 10


class Refused(Exception):
    """A request is answered with an exception code (MODBUS application protocol V1.1b3, 7)."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


@dataclass(slots=True, eq=False)
class Area:
    """Registers from `base` on. Clients write where `written` is given; it is called after."""

    base: int
    words: list[int]
    written: Callable[[], None] | None = None

    def holds(self, address: int, count: int) -> bool:
        return self.base <= address and address + count <= self.base + len(self.words)


@dataclass(slots=True, eq=False)
class ServedUnit:
    """One unit of a listener, for the device of this name; it is a Driver without points, whose
    clients may come from the networks of `allow` (from everywhere where there are none)."""

    device: str
    listener: Listener
    unit: int
    areas: Sequence[Area]
    allow: Sequence[Network] = ()
    points: Sequence[Point] = ()
    stats: DriverStats = field(default_factory=DriverStats)
    _entered: bool = False

    async def __aenter__(self) -> Self:
        await self.listener.open(self)
        self._entered = True
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._entered:
            self._entered = False
            self.listener.close(self)

    async def run(self, sink: Sink) -> None:
        await asyncio.Event().wait()

    async def write(self, values: Mapping[str, Value], *, verify: bool = True) -> None:
        raise MalformedRequest("point", "a device with points", ", ".join(values))

    def takes(self, peer: str) -> bool:
        """Whether a client may come from this address."""
        return not self.allow or any(ip_address(peer) in network for network in self.allow)

    def answer(self, peer: str, pdu: bytes) -> bytes:
        """Do what a client asks.

        Raises:
            Refused: it is not allowed, or can't be understood.
        """
        if not self.takes(peer):
            raise Refused(NO_SUCH_UNIT)
        self.stats.requests += 1
        function = pdu[0]
        if function not in (READ, WRITE_ONE, WRITE):
            raise Refused(ILLEGAL_FUNCTION)
        if len(pdu) < 5:
            raise Refused(ILLEGAL_VALUE)
        address, number = struct.unpack_from(">HH", pdu, 1)
        if function == READ:
            return self._read(address, number)
        if function == WRITE_ONE:
            if len(pdu) != 5:
                raise Refused(ILLEGAL_VALUE)
            return self._write(pdu, address, [number])
        if not 1 <= number <= MAX_WRITTEN or len(pdu) != 6 + 2 * number or pdu[5] != 2 * number:
            raise Refused(ILLEGAL_VALUE)
        return self._write(pdu, address, struct.unpack_from(f">{number}H", pdu, 6))

    def _read(self, address: int, count: int) -> bytes:
        if not 1 <= count <= MAX_READ:
            raise Refused(ILLEGAL_VALUE)
        for area in self.areas:
            if area.holds(address, count):
                words = area.words[address - area.base : address - area.base + count]
                return struct.pack(f">BB{count}H", READ, 2 * count, *words)
        raise Refused(ILLEGAL_ADDRESS)

    def _write(self, pdu: bytes, address: int, words: Sequence[int]) -> bytes:
        for area in self.areas:
            if area.written is not None and area.holds(address, len(words)):
                area.words[address - area.base : address - area.base + len(words)] = words
                area.written()
                return pdu[:5]
        raise Refused(ILLEGAL_ADDRESS)


class Listener:
    """A TCP port that the units of several devices may share; open while one of them is."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self.port = host, port
        self.clients = 1
        """Connections at a time; further ones are closed at once."""
        self._units: dict[int, ServedUnit] = {}
        self._server: asyncio.Server | None = None
        self._joined: set[asyncio.StreamWriter] = set()

    async def open(self, unit: ServedUnit) -> None:
        """Serve a unit.

        Raises:
            LinkLost: the address is not ours, or in use.
        """
        if self._server is None:
            try:
                self._server = await asyncio.start_server(self._join, self._host, self.port)
            except OSError as error:
                where = f"listen://{self._host}:{self.port}"
                raise LinkLost(where, f"can't listen: {error.strerror or error}") from error
            self.port = self._server.sockets[0].getsockname()[1]
        self._units[unit.unit] = unit

    def close(self, unit: ServedUnit) -> None:
        """Serve a unit no more; with the last one the port is closed."""
        self._units.pop(unit.unit, None)
        if not self._units and self._server is not None:
            self._server.close()
            self._server = None
            for writer in list(self._joined):
                writer.transport.abort()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = writer.get_extra_info("peername")[0]
        strange = not any(unit.takes(peer) for unit in self._units.values())
        if strange or len(self._joined) >= self.clients:
            writer.transport.abort()
            return
        self._joined.add(writer)
        try:
            with suppress(OSError, asyncio.IncompleteReadError, TimeoutError):
                while await self._serve(reader, writer, peer):
                    pass
        finally:
            self._joined.discard(writer)
            writer.transport.abort()

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, peer: str
    ) -> bool:
        """Answer one telegram; False where the client does not speak Modbus TCP."""
        async with asyncio.timeout(IDLE_S):
            header = await reader.readexactly(HEADER.size)
            transaction, protocol, length, number = HEADER.unpack(header)
            if protocol or not 2 <= length <= MAX_LENGTH:
                return False
            pdu = await reader.readexactly(length - 1)
            unit = self._units.get(number)
            try:
                if unit is None:
                    raise Refused(NO_SUCH_UNIT)
                answer = unit.answer(peer, pdu)
            except Refused as refused:
                answer = bytes((pdu[0] | 0x80, refused.code))
            writer.write(HEADER.pack(transaction, 0, len(answer) + 1, number) + answer)
            await writer.drain()
        return True


class Listeners:
    """The listeners of one server, one for each address."""

    def __init__(self) -> None:
        self._listeners: dict[tuple[str, int], Listener] = {}
        self.units: dict[tuple[str, int, int], str] = {}
        """Which device has a unit of an address."""

    def at(self, host: str, port: int) -> Listener:
        return self._listeners.setdefault((host, port), Listener(host, port))
