"""The guarded link: one object per physical line, borrowed by every device on it."""

from __future__ import annotations

import asyncio
import struct
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from tracenode.drivers.modbus.addresses import LAST_ADDRESS, Space
from tracenode.drivers.modbus.connection import Connection
from tracenode.drivers.modbus.endpoint import Endpoint, Framing
from tracenode.drivers.modbus.late import LATE_ANSWER, LateAnswers
from tracenode.drivers.modbus.planner import MAX_BITS, MAX_REGISTERS
from tracenode.drivers.modbus.telegrams import (
    EXCEPTION,
    MAX_WRITE_BITS,
    MAX_WRITE_REGISTERS,
    Request,
    exception_meaning,
    mask_request,
    read_request,
    write_coil_request,
    write_coils_request,
    write_register_request,
    write_registers_request,
)
from tracenode.models.device_errors import BadTelegram, DeviceException, LinkLost, NoAnswer
from tracenode.models.errors import BadSetting, ConfigError, ConfigProblem

__all__ = ["DEFAULT_TIMEOUT", "Link", "LinkStats", "Links"]

DEFAULT_TIMEOUT = 0.5
"""Seconds from the end of the request to the answer; time on a slow wire is added."""

SILENT_LIMIT = 5
"""Time-outs in a row, of whatever unit, after which a TCP connection is made anew."""

RETRY_PAUSE = 0.2
"""Seconds in which devices of one line share the outcome of a failed connection."""

ILLEGAL_FUNCTION = 1


@dataclass(slots=True)
class LinkStats:
    """Counters since start."""

    requests: int = 0
    timeouts: int = 0
    bad: int = 0
    """Answers refused: wrong unit, function, length, transaction; or too late to be sure."""
    exceptions: int = 0
    connects: int = 0
    round_trip: float | None = None
    """Seconds, of the last answer."""


class Link:
    """A Modbus line. Requests of all its borrowers go one after the other.

    Use: `async with link:` connects for the first borrower and closes after the last one. A
    connection that was lost is made again by the next one who enters; `read` and `write` never
    connect. Constructing it touches no hardware.

    Every answer is checked (see `telegrams`). On RTU lines, where a late answer can't be told
    from the next one, the line is kept quiet after a time-out, and an answer that an earlier,
    still unanswered request could have caused is refused: wrong registers never get through.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.stats = LinkStats()
        self._lock = asyncio.Lock()
        self._borrowers = 0
        self._connection: Connection | None = None
        self._failed: tuple[float, str] | None = None
        self._late = None if endpoint.framing.transactions else LateAnswers()
        self._free_at = 0.0
        self._silent = 0

    @property
    def name(self) -> str:
        return self.endpoint.line

    @property
    def connected(self) -> bool:
        return self._connection is not None and self._connection.alive

    async def __aenter__(self) -> Self:
        """Connect where that is not done yet.

        Raises:
            LinkLost: no connection; the message says what to check.
        """
        async with self._lock:
            if not self.connected:
                await self._connect()
            self._borrowers += 1
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._borrowers -= 1
        if self._borrowers == 0 and self._connection is not None:
            self._connection.close()

    async def rest(self, seconds: float) -> None:
        """Sleep, but notice at once when the connection goes.

        Raises:
            LinkLost: it is gone.
        """
        connection = self._connection
        if connection is None:
            raise LinkLost(self.name, "not connected")
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, seconds)):
                await connection.gone.wait()
        if not connection.alive:
            raise LinkLost(self.name, connection.why)

    # ------------------------------------------------------------------ reading
    async def read_raw(
        self, unit: int, space: Space, address: int, count: int, *, within: float | None = None
    ) -> bytes:
        """Return the bytes of `count` registers, big-endian, or of bits, the lowest first.

        Raises:
            LinkLost, NoAnswer, BadTelegram: no answer that can be trusted.
            DeviceException: the unit refused; carries the exception code.
        """
        _check(address, count, MAX_BITS if space.bits else MAX_REGISTERS)
        pdu = await self._exchange(read_request(unit, space, address, count), within)
        return pdu[2:]

    async def read(
        self, unit: int, space: Space, address: int, count: int, *, within: float | None = None
    ) -> tuple[int, ...]:
        """Return `count` registers as 0-65535, or bits as 0 and 1; errors as `read_raw`."""
        raw = await self.read_raw(unit, space, address, count, within=within)
        if space.bits:
            return tuple(raw[index >> 3] >> (index & 7) & 1 for index in range(count))
        return struct.unpack(f">{count}H", raw)

    # ------------------------------------------------------------------ writing
    async def write_registers(
        self,
        unit: int,
        address: int,
        values: Sequence[int],
        *,
        verify: bool = False,
        within: float | None = None,
    ) -> None:
        """Write holding registers; with `verify`, read them back.

        An unanswered write is read back in any case: it may have been done.

        Raises:
            NoAnswer: no answer, and the registers do not hold the values: the outcome is unknown.
            BadTelegram: acknowledged, but the registers hold something else.
            DeviceException: the unit refused.
            LinkLost: the connection is gone; the outcome is unknown.
        """
        _check(address, len(values), MAX_WRITE_REGISTERS)
        many = write_registers_request(unit, address, values)
        one = write_register_request(unit, address, values[0]) if len(values) == 1 else None
        wanted = tuple(values)

        async def holds() -> bool:
            read = self.read(unit, Space.Holding, address, len(wanted), within=within)
            return await read == wanted

        await self._write(many, one, holds, verify, within)

    async def write_coils(
        self,
        unit: int,
        address: int,
        values: Sequence[bool],
        *,
        verify: bool = False,
        within: float | None = None,
    ) -> None:
        """Write coils; contract and errors as `write_registers`."""
        _check(address, len(values), MAX_WRITE_BITS)
        many = write_coils_request(unit, address, values)
        one = write_coil_request(unit, address, values[0]) if len(values) == 1 else None
        wanted = tuple(int(value) for value in values)

        async def holds() -> bool:
            read = self.read(unit, Space.Coil, address, len(wanted), within=within)
            return await read == wanted

        await self._write(many, one, holds, verify, within)

    async def write_bit(
        self,
        unit: int,
        address: int,
        bit: int,
        value: bool,
        *,
        verify: bool = False,
        within: float | None = None,
    ) -> None:
        """Set one bit of a holding register in the device itself (function 22), so that the
        other bits keep what the device writes meanwhile; errors as `write_registers`."""
        _check(address, 1, 1)
        mask = 1 << bit

        async def holds() -> bool:
            registers = await self.read(unit, Space.Holding, address, 1, within=within)
            return bool(registers[0] & mask) is value

        request = mask_request(unit, address, 0xFFFF ^ mask, mask if value else 0)
        await self._write(request, None, holds, verify, within)

    async def _write(
        self,
        request: Request,
        simpler: Request | None,
        holds: Callable[[], Awaitable[bool]],
        verify: bool,
        within: float | None,
    ) -> None:
        try:
            try:
                await self._exchange(request, within)
            except DeviceException as error:
                if error.code != ILLEGAL_FUNCTION or simpler is None:
                    raise
                await self._exchange(simpler, within)
        except (NoAnswer, BadTelegram) as error:
            if await holds():
                return
            seconds = error.seconds if isinstance(error, NoAnswer) else self._seconds(within)
            raise NoAnswer(f"{self.name} unit {request.unit}, {request.label}", seconds) from error
        if verify and not await holds():
            raise BadTelegram(f"the values written, after {request.label}", "other values")

    # ------------------------------------------------------------------ one request
    async def _exchange(self, request: Request, within: float | None) -> bytes:
        seconds = self._seconds(within)
        async with self._lock:
            connection = self._connection
            if connection is None or not connection.alive:
                why = "not connected" if connection is None else connection.why
                raise LinkLost(self.name, why)
            if self._late is not None:
                await self._wait_for_quiet(connection, self._late)
                if self._late.ambiguous(request):
                    probe = self._late.probe(request)
                    if probe is None:  # as good as dead: leave the line to others for a while
                        raise NoAnswer(f"{self.name} unit {request.unit}", LATE_ANSWER)
                    await self._ask(connection, probe, seconds)
            pdu = await self._ask(connection, request, seconds)
        if pdu[0] & EXCEPTION:
            self.stats.exceptions += 1
            device = f"{self.name} unit {request.unit}, {request.label}"
            raise DeviceException(device, pdu[1], exception_meaning(pdu[1]))
        return pdu

    async def _ask(self, connection: Connection, request: Request, seconds: float) -> bytes:
        """Send one request and wait for the answer that is certainly its own."""
        late = self._late
        if (pause := self._free_at - time.monotonic()) > 0:
            await asyncio.sleep(pause)
        self.stats.requests += 1
        sent = time.monotonic()
        answered = False
        try:
            pdu = await connection.exchange(request, seconds + self._air(request))
            answered = True
        except NoAnswer:
            self.stats.timeouts += 1
            self._count_silence(connection)
            raise
        except BadTelegram:
            self.stats.bad += 1
            raise
        finally:
            self._free_at = time.monotonic() + self.endpoint.silence
            # Not only after a time-out: a caller that was cancelled leaves an answer as well.
            if late is not None and not answered:
                late.give_up(request, sent, seconds)
        self._silent = 0
        if late is not None:
            if earlier := late.suspect(request, pdu):
                self.stats.bad += 1
                raise BadTelegram(
                    f"an answer that belongs to {request.label} for certain",
                    f"one that may be a late answer to {earlier.label}",
                )
            late.settle(request.unit)
        self.stats.round_trip = time.monotonic() - sent
        return pdu

    async def _wait_for_quiet(self, connection: Connection, late: LateAnswers) -> None:
        """Wait out the time in which a late answer is likely, or until it comes."""
        if quiet := late.quiet:
            with suppress(TimeoutError):
                async with asyncio.timeout(quiet):
                    await connection.late.wait()
                    late.hush()
                    self._free_at = time.monotonic() + self.endpoint.silence

    def _count_silence(self, connection: Connection) -> None:
        """Give a TCP connection up on which nobody answers any more: it may be half open."""
        self._silent += 1
        if self._silent >= SILENT_LIMIT and self.endpoint.framing is not Framing.Rtu:
            connection.close(f"no answer to {self._silent} requests in a row")

    def _seconds(self, within: float | None) -> float:
        return DEFAULT_TIMEOUT if within is None else within

    def _air(self, request: Request) -> float:
        """Seconds that request and answer take on the wire, with unit and check bytes."""
        return (len(request.pdu) + request.size + 6) * self.endpoint.character_time

    async def _connect(self) -> None:
        if self._failed is not None and time.monotonic() - self._failed[0] < RETRY_PAUSE:
            raise LinkLost(self.name, self._failed[1])
        if self._connection is not None:
            self._connection.close()
        try:
            seen = None if self._late is None else self._late.arrived
            self._connection = await Connection.open(self.endpoint, seen)
        except LinkLost as error:
            self._failed = (time.monotonic(), error.reason)
            raise
        self._silent = 0
        self.stats.connects += 1


class Links:
    """All lines in use: devices of one line get the same link. Files of TLS are relative to
    `folder`."""

    def __init__(self, folder: Path = Path()) -> None:
        self._folder = folder
        self._links: dict[str, Link] = {}

    def at(self, endpoint: Endpoint) -> Link:
        """Return the link of this line.

        Raises:
            ConfigError: the line is in use with other settings, or files of TLS can't be used.
        """
        endpoint = endpoint.beside(self._folder)
        link = self._links.setdefault(endpoint.line, Link(endpoint))
        if link.endpoint != endpoint:
            raise ConfigError(
                endpoint.line,
                [ConfigProblem("link", str(endpoint), f"the same settings as {link.endpoint}")],
            )
        if endpoint.tls is not None:
            try:
                endpoint.tls.context()
            except BadSetting as error:
                problem = ConfigProblem(endpoint.line, error.found, error.expected)
                raise ConfigError(endpoint.line, [problem]) from error
        return link


def _check(address: int, count: int, most: int) -> None:
    if not 1 <= count <= most or not 0 <= address <= LAST_ADDRESS + 1 - count:
        raise ValueError(
            f"expected 1 to {most} elements up to address {LAST_ADDRESS}, "
            f"found {count} from {address}"
        )
