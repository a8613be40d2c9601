"""One connection to a broker: paho-mqtt in a thread of its own, acknowledged by hand."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tracenode.drivers.clock import Clock
from tracenode.drivers.link.hints import words
from tracenode.drivers.modbus.tls import tls_words
from tracenode.drivers.mqtt.options import MqttOptions
from tracenode.models.device_errors import DeviceException, LinkLost
from tracenode.models.errors import BadSetting

if TYPE_CHECKING:
    from paho.mqtt.client import Client

__all__ = ["Connection", "Message"]

CONNECT_TIMEOUT: Final = 5.0
"""Seconds for socket, TLS and the broker's answer together."""
SUBSCRIBE_TIMEOUT: Final = 5.0
CLOSE_TIMEOUT: Final = 1.0
RECEIVE_MAXIMUM: Final = 100
"""Messages that a broker of version 5 sends before one of them is acknowledged."""
MAX_HELD: Final = 10_000
"""Events that wait to be booked, before no more is read from the socket."""
MAX_HELD_BYTES: Final = 16_777_216
"""The same of their payloads together."""
MAX_PACKET: Final = 1_048_576
"""Bytes; a broker of version 5 does not send more."""
REFUSED: Final = 0x80
"""Reason codes from here on are failures (MQTT 5.0, 2.4)."""


@dataclass(frozen=True, slots=True)
class Message:
    topic: str
    payload: bytes
    qos: int
    """0: nothing to acknowledge."""
    retained: bool
    """The broker kept it from before, and sends it since we subscribed."""
    repeated: bool
    """The broker has sent it before and got no acknowledgement (DUP)."""
    number: int
    """Packet identifier; the same when it is sent again."""
    at: datetime
    """UTC, when it came."""


class Connection:
    """Opened once and closed once; a lost one is not mended but replaced by the next.

    Events wait in order, without end but for the broker's own limit, MAX_HELD and
    MAX_HELD_BYTES; of states only the last of each topic does.
    """

    def __init__(
        self,
        address: tuple[str, int],
        options: MqttOptions,
        folder: Path,
        is_event: Callable[[str], bool],
        clock: Clock,
    ) -> None:
        """`folder`: where relative files of the configuration are."""
        self._address, self._options, self._folder = address, options, folder
        self._is_event, self._clock = is_event, clock
        self._loop = asyncio.get_running_loop()
        self._lost: asyncio.Future[str] = self._loop.create_future()
        self._greeted: asyncio.Future[bool] = self._loop.create_future()
        self._granted: dict[int, asyncio.Future[list[int]]] = {}
        self._event_came, self._state_came = asyncio.Event(), asyncio.Event()
        self._changed = threading.Condition()
        self._events: deque[Message] = deque()
        self._held = 0
        self._states: dict[str, Message] = {}
        self._closing = False
        self._client: Client | None = None
        self.name = f"{address[0]}:{address[1]}"

    # ------------------------------------------------------------- life
    async def open(self) -> bool:
        """Connect; return whether the broker still has our session.

        Raises:
            LinkLost: no connection; says what to check.
            BadSetting: a file or a secret of the configuration can't be had, or paho-mqtt.
        """
        client = self._client = self._made()
        opening = asyncio.ensure_future(asyncio.to_thread(self._connect, client))
        # A thread can't be cancelled: it ends by a time-out of its own, and maybe unheard.
        opening.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT):
                await asyncio.shield(opening)
                client.loop_start()
                return await self._greeted
        except TimeoutError as error:
            raise LinkLost(self.name, f"no answer within {CONNECT_TIMEOUT:g} s") from error
        except ssl.SSLError as error:
            raise LinkLost(self.name, tls_words(error)) from error
        except OSError as error:
            raise LinkLost(self.name, words(error)) from error

    async def close(self) -> None:
        """Take leave and close the socket; what is not acknowledged the broker keeps."""
        self._closing = True
        with self._changed:
            self._changed.notify_all()
        client, self._client = self._client, None
        if client is not None:
            client.disconnect()
            with suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_TIMEOUT):
                    await asyncio.to_thread(client.loop_stop)
        for waiting in (self._lost, self._greeted):
            if waiting.done() and not waiting.cancelled():
                waiting.exception()

    async def lost(self) -> None:
        """Wait for the end of the link.

        Raises:
            LinkLost: always.
        """
        raise LinkLost(self.name, await asyncio.shield(self._lost))

    def _connect(self, client: Client) -> None:
        from paho.mqtt.packettypes import PacketTypes
        from paho.mqtt.properties import Properties

        options, (host, port) = self._options, self._address
        if options.version == "5":
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
            properties.ReceiveMaximum = RECEIVE_MAXIMUM
            properties.MaximumPacketSize = MAX_PACKET
            if options.scans:
                properties.SessionExpiryInterval = options.session_expiry_h * 3600
            client.connect(
                host,
                port,
                options.keep_alive_s,
                clean_start=not options.scans,
                properties=properties,
            )
        else:
            client.connect(host, port, options.keep_alive_s)
        if self._closing:
            client.disconnect()

    def _made(self) -> Client:
        try:
            from paho.mqtt.client import Client, MQTTv5, MQTTv311
            from paho.mqtt.enums import CallbackAPIVersion
        except ImportError as error:
            raise BadSetting("the package paho-mqtt, for the driver mqtt", "none") from error
        options = self._options
        five = options.version == "5"
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=options.client_id,
            clean_session=None if five else not options.scans,
            protocol=MQTTv5 if five else MQTTv311,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        client.connect_timeout = CONNECT_TIMEOUT
        if options.password is not None:
            client.username_pw_set(options.user, options.password.read(self._folder))
        if options.tls is not None:
            client.tls_set_context(options.tls.beside(self._folder).context())
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        client.loop_forever = self._guarded(client.loop_forever)  # type: ignore[method-assign]
        return client

    def _guarded(self, forever: Callable[..., Any]) -> Callable[..., Any]:
        """Let nothing that paho raises end its thread unheard: the link would seem to be up."""

        def guarded(*given: Any, **named: Any) -> Any:
            try:
                return forever(*given, **named)
            except Exception as error:  # noqa: BLE001
                self._tell(self._end, f"what the broker sends can't be read: {error!r}")

        return guarded

    # ------------------------------------------------------------- what is asked
    async def subscribe(self, topics: Sequence[str], *, events: bool) -> None:
        """Subscribe; `events` with QoS 1 and without what the broker kept from before.

        Raises:
            DeviceException: the broker refuses a topic, or grants less.
            LinkLost: it does not answer.
        """
        from paho.mqtt.subscribeoptions import SubscribeOptions

        client = self._client
        if not topics or client is None:
            return
        qos = int(events)
        kept = (
            SubscribeOptions.RETAIN_DO_NOT_SEND
            if events
            else SubscribeOptions.RETAIN_SEND_ON_SUBSCRIBE
        )
        wanted: list[Any] = [(topic, qos) for topic in topics]
        if self._options.version == "5":
            wanted = [(topic, SubscribeOptions(qos=qos, retainHandling=kept)) for topic in topics]
        _, number = client.subscribe(wanted)
        if number is None:
            raise LinkLost(self.name, "not connected")
        granted = self._granted[number] = self._loop.create_future()
        try:
            async with asyncio.timeout(SUBSCRIBE_TIMEOUT):
                codes = await granted
        except TimeoutError as error:
            late = f"no answer to a subscription within {SUBSCRIBE_TIMEOUT:g} s"
            raise LinkLost(self.name, late) from error
        for topic, code in zip(topics, codes, strict=False):
            if code >= REFUSED:
                raise DeviceException(self.name, code, f"the broker refuses {topic}")
            if code < qos:
                raise DeviceException(self.name, code, f"the broker grants {topic} QoS 0 only")

    async def events(self) -> Sequence[Message]:
        """Wait; return the events that came, in order."""
        await self._event_came.wait()
        return self.waiting()

    def waiting(self) -> Sequence[Message]:
        """Return the events that came and were not returned yet."""
        with self._changed:
            self._event_came.clear()
            events = list(self._events)
            self._events.clear()
            self._held = 0
            self._changed.notify_all()
        return events

    async def states(self) -> Sequence[Message]:
        """Wait; return the last message of each topic that came."""
        await self._state_came.wait()
        with self._changed:
            self._state_came.clear()
            states = list(self._states.values())
            self._states.clear()
        return states

    def acknowledge(self, message: Message) -> None:
        """Let the broker forget a message; where the link is gone it will send it again."""
        if message.qos and self._client is not None:
            self._client.ack(message.number, message.qos)

    # ------------------------------------------------------------- in paho's thread
    def _tell(self, call: Callable[..., None], *given: object) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(call, *given)

    def _on_connect(self, client: Client, _: Any, flags: Any, reason: Any, __: Any) -> None:
        if reason.is_failure:
            self._tell(self._refused, str(reason))
        else:
            self._tell(self._greet, bool(flags.session_present))

    def _on_disconnect(self, client: Client, _: Any, flags: Any, reason: Any, __: Any) -> None:
        self._tell(self._end, str(reason))

    def _on_subscribe(self, client: Client, _: Any, number: int, codes: Any, __: Any) -> None:
        self._tell(self._grant, number, [code.value for code in codes])

    def _on_message(self, client: Client, _: Any, given: Any) -> None:
        message = Message(
            given.topic,
            bytes(given.payload),
            given.qos,
            bool(given.retain),
            bool(given.dup),
            given.mid,
            self._clock.utc(),
        )
        with self._changed:
            if self._is_event(message.topic) or message.qos:
                self._changed.wait_for(self._has_room)
                self._events.append(message)
                self._held += len(message.payload)
                came = self._event_came
            else:
                self._states[message.topic] = message
                came = self._state_came
        self._tell(came.set)

    def _has_room(self) -> bool:
        full = len(self._events) >= MAX_HELD or self._held >= MAX_HELD_BYTES
        return self._closing or not full

    # ------------------------------------------------------------- in the loop
    def _greet(self, session: bool) -> None:
        if not self._greeted.done():
            self._greeted.set_result(session)

    def _refused(self, why: str) -> None:
        hint = " (check user and password)" if "uthoriz" in why or "password" in why else ""
        self._end(f"the broker refuses the connection: {why}{hint}")

    def _end(self, why: str) -> None:
        if not self._greeted.done():
            self._greeted.set_exception(LinkLost(self.name, why))
        if not self._lost.done():
            self._lost.set_result(why)

    def _grant(self, number: int, codes: list[int]) -> None:
        granted = self._granted.pop(number, None)
        if granted is not None and not granted.done():
            granted.set_result(codes)
