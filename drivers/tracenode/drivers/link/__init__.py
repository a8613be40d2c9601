"""Links: bytes to and from a device over serial ports, TCP or memory, behind one seam."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeAlias

from tracenode.drivers.link.byte_link import ByteLink, MemoryLink, memory_pair
from tracenode.drivers.link.serial_port import open_pyserial, open_serial, open_usb
from tracenode.drivers.link.spec import (
    LinkSpec,
    ListenSpec,
    SerialSettings,
    SerialSpec,
    TcpSpec,
    UrlSpec,
    UsbSpec,
    parse_link,
)
from tracenode.drivers.link.tcp import connect_tcp, keep_alive, listen_tcp

__all__ = [
    "ByteLink",
    "LinkSpec",
    "ListenSpec",
    "MemoryLink",
    "Open",
    "SerialSettings",
    "SerialSpec",
    "TcpSpec",
    "UrlSpec",
    "UsbSpec",
    "keep_alive",
    "memory_pair",
    "open_link",
    "opener",
    "parse_link",
]

Open: TypeAlias = Callable[[], Awaitable[ByteLink]]
"""How a driver gets its link; raises LinkLost."""


async def open_link(spec: LinkSpec) -> ByteLink:
    """Open the endpoint. Bounded in time, but for `listen://`, which waits for its reader.

    Raises:
        LinkLost: no connection; the message says what to check.
    """
    match spec:
        case SerialSpec():
            return await open_serial(spec)
        case UsbSpec():
            return await open_usb(spec)
        case TcpSpec():
            return await connect_tcp(spec)
        case ListenSpec():
            return await listen_tcp(spec)
        case UrlSpec():
            return await open_pyserial(spec)


def opener(spec: LinkSpec) -> Open:
    """What a driver is given: opens this endpoint when called, and again after a loss."""
    return partial(open_link, spec)
