"""One connection to a Modbus line: the wall that pymodbus stays behind.

pymodbus gives transport, framing of requests and the wait for an answer; every byte that comes
in is judged here before it sees it (`trace_packet`), so it never takes a wrong answer for one.
Nothing is retried and nothing reconnects here.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import partial
from typing import Any

from pymodbus import FramerType, Log
from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient
from pymodbus.client.base import ModbusBaseClient
from pymodbus.exceptions import ConnectionException, ModbusIOException
from pymodbus.pdu import ModbusPDU

from tracenode.drivers.link.hints import port_words, words
from tracenode.drivers.modbus.endpoint import Endpoint, Framing
from tracenode.drivers.modbus.telegrams import Request, RtuSearch, Seen, TcpStream
from tracenode.drivers.modbus.tls import tls_words
from tracenode.models.device_errors import BadTelegram, LinkLost, NoAnswer
from tracenode.models.errors import BadSetting

__all__ = ["CONNECT_TIMEOUT", "Connection"]

CONNECT_TIMEOUT = 3.0
"""Seconds. One lost SYN is repeated after 1 s."""

KEEPALIVE_IDLE, KEEPALIVE_INTERVAL, KEEPALIVE_PROBES = 5, 2, 3
"""Seconds, seconds, count: an idle link whose peer is gone is noticed after about 11 s."""

USER_TIMEOUT_MS = 5000
"""Sent and not acknowledged by the peer's TCP for so long: the link is lost."""

UNLIMITED = 1 << 30
"""The library's own counters must never decide to close the connection."""

PAST = 64
"""Transactions that are remembered: an answer to one of them is late, which is no fault."""

BUFFER = 1 << 20
"""Bytes; more than one read of the event loop gives, as the library drops what is larger."""


class Connection:
    """An open line. One request at a time; the caller sees to that."""

    def __init__(self, endpoint: Endpoint, seen: Seen | None = None) -> None:
        self.endpoint = endpoint
        self._seen = seen
        self.late = asyncio.Event()
        """Set when, after a time-out on an RTU line, the answer came after all."""
        self.gone = asyncio.Event()
        """Set when the connection is lost or closed."""
        self._client = self._new_client()
        self._opened = asyncio.Event()
        self._lost: str | None = None
        self._stream = TcpStream()
        self._search: RtuSearch | None = None
        self._pending: Request | None = None
        self._passed_over: str | None = None
        self._transaction = 0
        self._past: deque[int] = deque(maxlen=PAST)

    @classmethod
    async def open(cls, endpoint: Endpoint, seen: Seen | None = None) -> Connection:
        """Connect. On an RTU line `seen` is called for telegrams that answer nothing pending.

        Raises:
            LinkLost: no connection; the message says what to check.
        """
        try:
            connection = cls(endpoint, seen)
        except (
            BadSetting
        ) as error:  # files of TLS, sound at the start: they may be renewed just now
            raise LinkLost(endpoint.line, str(error)) from error
        try:
            # The library waits CONNECT_TIMEOUT at most.
            if not await connection._client.connect():
                reason = connection._lost or f"no connection within {CONNECT_TIMEOUT:g} s"
                raise LinkLost(endpoint.line, reason)
            async with asyncio.timeout(CONNECT_TIMEOUT):
                await connection._opened.wait()
        except TimeoutError as error:
            connection.close()
            raise LinkLost(endpoint.line, "the port does not become ready") from error
        except BaseException:
            connection.close()
            raise
        return connection

    @property
    def alive(self) -> bool:
        return self._lost is None and self._client.connected

    @property
    def why(self) -> str:
        """Why it is no longer alive."""
        return self._lost or "not connected"

    def close(self, reason: str = "closed") -> None:
        """Close, failing a pending request; safe to call twice."""
        self._break(reason)
        self._client.close()

    async def exchange(self, request: Request, within: float) -> bytes:
        """Send `request` and return its answer's PDU, which may be an exception's.

        Raises:
            LinkLost: the connection is gone, or went while waiting.
            NoAnswer: nothing came within so many seconds.
            BadTelegram: something came, and it is no answer to this.
        """
        if not self.alive:
            raise LinkLost(self.endpoint.line, self.why)
        self.late.clear()
        self._pending, self._passed_over = request, None
        if not self.endpoint.framing.transactions:
            self._search = RtuSearch(request, self._seen)
        self._client.ctx.comm_params.timeout_connect = within
        try:
            answer = await self._execute(request)
        except ConnectionException as error:
            raise LinkLost(self.endpoint.line, self._lost or "the connection broke") from error
        except ModbusIOException as error:
            found = self._seen_instead()
            if self._stream.waiting:
                # If the rest never comes, it would swallow the telegrams after it.
                self.close("closed after a telegram that was cut short")
            if found:
                raise BadTelegram(f"an answer to {request.label}", found) from error
            device = f"{self.endpoint.line} unit {request.unit}"
            raise NoAnswer(device, within) from error
        finally:
            self._pending = None
            self._past.append(self._transaction)
        if not isinstance(answer, _Incoming):
            return bytes((answer.function_code, answer.exception_code))
        return answer.pdu

    async def _execute(self, request: Request) -> ModbusPDU:
        """As the library's, but cancelled when it was: in it, `wait_for` of Python 3.11 forgets a
        cancellation that meets the answer in one turn of the loop (bpo-42130)."""
        task = asyncio.current_task()
        before = task.cancelling() if task else 0
        try:
            answer: ModbusPDU = await self._client.execute(False, _Outgoing(request))
            return answer
        finally:
            if task is not None and task.cancelling() > before:
                raise asyncio.CancelledError

    def _seen_instead(self) -> str | None:
        if self._search is not None:
            if self._search.passed_over:
                return self._search.passed_over
            waiting = self._search.waiting
            return f"{waiting} bytes that are no telegram" if waiting else None
        if self._stream.waiting:
            return f"a telegram cut short after {self._stream.waiting} bytes"
        return self._passed_over

    # ------------------------------------------------------------------ called by pymodbus
    def _packet(self, sending: bool, data: bytes) -> bytes:
        """Hand on what goes out; of what comes in only the telegram that answers."""
        if sending:
            self._transaction = int.from_bytes(data[:2], "big")
            return data
        # The stream is kept here: the library would forget the start of a telegram on sending.
        self._client.ctx.recv_buffer = b""
        if self._search is None:
            return self._packet_tcp(data)
        frame = self._search.feed(data)
        if frame is None:
            return b""
        if self._pending is None:
            if self._seen is not None:
                self._seen(frame[0], frame[1:-2])
            self.late.set()
            return b""
        return frame

    def _packet_tcp(self, data: bytes) -> bytes:
        try:
            frames = self._stream.feed(data)
        except BadTelegram as error:
            self._fail(error)
            # The end of this telegram can't be found: only a new connection is in step again.
            self._break("closed after bytes that were no Modbus TCP")
            self._client.close()
            return b""
        for frame in frames:
            request = self._pending
            if request is None:
                continue
            if frame.transaction != self._transaction:
                if frame.transaction not in self._past:
                    found = f"transaction {frame.transaction}, not {self._transaction}"
                    self._passed_over = found
                continue
            if frame.unit != request.unit:
                self._fail(BadTelegram(f"unit {request.unit}", f"unit {frame.unit}"))
            elif fault := request.fault(frame.pdu):
                self._fail(BadTelegram(*fault))
            else:
                return frame.adu
        return b""

    def _connected(self, up: bool) -> None:
        if not up:
            distrusted = " before its first answer (does it trust our certificate?)"
            hint = distrusted if self.endpoint.tls and not self._past else ""
            self._break(f"closed by the peer{hint}" if self.endpoint.port else "the port is gone")
            return
        _keep_alive(self._client.ctx.transport.get_extra_info("socket"))
        self._opened.set()

    # ------------------------------------------------------------------
    def _break(self, reason: str) -> None:
        if self._lost is None:
            self._lost = reason
        self.gone.set()
        self._fail(ConnectionException(reason))

    def _fail(self, error: Exception) -> None:
        """Let the pending request fail now rather than at its time-out."""
        self._pending = None
        future = self._client.ctx.response_future
        if not future.done():
            future.set_exception(error)
            future.exception()  # taken: nobody may be waiting

    def _new_client(self) -> ModbusBaseClient:
        # Errors are raised and counted here.
        logging.getLogger(Log.__module__).setLevel(logging.CRITICAL)
        endpoint = self.endpoint
        client: ModbusBaseClient
        if endpoint.framing is Framing.Rtu:
            client = AsyncModbusSerialClient(
                endpoint.host,
                framer=FramerType.RTU,
                baudrate=endpoint.baudrate,
                parity=endpoint.parity,
                stopbits=endpoint.stopbits,
                handle_local_echo=endpoint.echo,
                timeout=CONNECT_TIMEOUT,
                retries=0,
                reconnect_delay=0,
                trace_packet=self._packet,
                trace_connect=self._connected,
            )
        else:
            client = AsyncModbusTcpClient(
                endpoint.host,
                port=endpoint.port,
                framer=FramerType.SOCKET if endpoint.framing.transactions else FramerType.RTU,
                timeout=CONNECT_TIMEOUT,
                retries=0,
                reconnect_delay=0,
                trace_packet=self._packet,
                trace_connect=self._connected,
            )
        for answer in INCOMING:
            client.register(answer)
        client.set_max_no_responses(UNLIMITED)
        client.ctx.max_buffer_size = BUFFER
        create: Callable[..., Coroutine[Any, Any, Any]] = client.ctx.call_create
        if endpoint.tls is not None:
            name = endpoint.tls.server_name or endpoint.host
            create = partial(create, ssl=endpoint.tls.context(), server_hostname=name)
        client.ctx.call_create = self._noting_the_reason(create)
        return client

    def _noting_the_reason(
        self, create: Callable[[], Coroutine[Any, Any, Any]]
    ) -> Callable[[], Coroutine[Any, Any, Any]]:
        """The library logs why a connection failed and returns False; the reason is wanted."""

        async def create_noting() -> Any:
            try:
                return await create()
            except ssl.SSLError as error:
                self._lost = tls_words(error)
                raise
            except OSError as error:
                serial = self.endpoint.framing is Framing.Rtu
                self._lost = port_words(error, self.endpoint.host) if serial else words(error)
                raise

        return create_noting


class _Outgoing(ModbusPDU):
    """A request whose bytes are ready."""

    def __init__(self, request: Request) -> None:
        super().__init__(dev_id=request.unit)
        self.function_code = request.function
        self._data = request.pdu[1:]

    def encode(self) -> bytes:
        return self._data


class _Incoming(ModbusPDU):
    """An answer, kept as the bytes it came in: the library's own decoding is slow and lenient."""

    pdu = b""

    def decode(self, data: bytes) -> None:
        self.pdu = bytes((self.function_code,)) + data


def _incoming(function: int, *, count_at: int = 0, size: int = 0) -> type[_Incoming]:
    """The class of an answer; `size` and place of the byte count are for RTU frames."""
    members = {"function_code": function, "rtu_byte_count_pos": count_at, "rtu_frame_size": size}
    return type(f"_Incoming{function}", (_Incoming,), members)


INCOMING = [
    *(_incoming(function, count_at=2) for function in (1, 2, 3, 4)),
    *(_incoming(function, size=8) for function in (5, 6, 15, 16)),
    _incoming(22, size=10),
]


def _keep_alive(sock: socket.socket | None) -> None:
    """Let the system notice a peer that is gone without a word; each option where it exists."""
    if sock is None:
        return
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (
        ("TCP_KEEPIDLE", KEEPALIVE_IDLE),
        ("TCP_KEEPINTVL", KEEPALIVE_INTERVAL),
        ("TCP_KEEPCNT", KEEPALIVE_PROBES),
        ("TCP_USER_TIMEOUT", USER_TIMEOUT_MS),
    ):
        if option := getattr(socket, name, None):
            with suppress(OSError):
                sock.setsockopt(socket.IPPROTO_TCP, option, value)
