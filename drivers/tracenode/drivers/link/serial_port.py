"""Serial ports: serialx for devices that talk to us, pyserial for its URL handlers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import serial
import serialx

from tracenode.drivers.link.hints import port_words, words
from tracenode.drivers.link.spec import SerialSettings, SerialSpec, UrlSpec, UsbSpec
from tracenode.drivers.link.transport import TransportLink
from tracenode.models.device_errors import LinkLost

__all__ = ["ThreadedLink", "find_usb", "open_pyserial", "open_serial", "open_usb", "usb_ports"]

OPEN_TIMEOUT: Final = 3.0
"""Seconds. Opening takes 10 ms; a driver that hangs does so for ever."""
READ_POLL: Final = 0.05
"""Seconds that pyserial blocks for the first byte; also the longest wait at close."""
WRITE_TIMEOUT: Final = 2.0


async def open_serial(spec: SerialSpec) -> TransportLink | ThreadedLink:
    """Open a port by name, exclusively.

    Raises:
        LinkLost: the port is missing, busy, not permitted, or refuses the settings.
    """
    if spec.backend == "pyserial":
        return await _open_threaded(str(spec), spec.port, spec.settings)
    return await _open_serialx(str(spec), spec.port, spec.settings)


async def open_usb(spec: UsbSpec) -> TransportLink:
    """Find the port of a USB device and open it.

    Raises:
        LinkLost: none or several are plugged in, or as `open_serial`.
    """
    port = find_usb(spec, await serialx.async_list_serial_ports())
    return await _open_serialx(f"{spec} ({port})", port, spec.settings)


async def open_pyserial(spec: UrlSpec) -> ThreadedLink:
    """Open a pyserial URL.

    Raises:
        LinkLost: no connection.
    """
    return await _open_threaded(str(spec), spec.url, spec.settings)


def usb_ports(ports: Sequence[serialx.SerialPortInfo]) -> list[str]:
    """What could stand in a configuration: the `usb:` link of every USB port, and its device."""
    return [
        f"usb:{port.vid:04x}:{port.pid:04x}"
        + ("" if serialx.is_non_unique_serial(port.serial_number) else f":{port.serial_number}")
        + f" ({port.resolved_device})"
        for port in ports
        if port.vid is not None and port.pid is not None
    ]


def find_usb(spec: UsbSpec, ports: Sequence[serialx.SerialPortInfo]) -> str:
    """Return the device name of the one port that matches.

    Raises:
        LinkLost: none or several match; names what is plugged in.
    """
    matching = [
        port
        for port in ports
        if (port.vid, port.pid) == (spec.vid, spec.pid)
        and (spec.serial is None or port.serial_number == spec.serial)
    ]
    match matching:
        case [port]:
            return port.resolved_device
        case []:
            there = ", ".join(usb_ports(ports)) or "no USB serial port at all"
            raise LinkLost(str(spec), f"no such device is plugged in; found {there}")
        case _:
            some = ", ".join(usb_ports(matching))
            raise LinkLost(str(spec), f"expected one such device, found {some}; add the serial")


async def _open_serialx(name: str, port: str, settings: SerialSettings) -> TransportLink:
    link = TransportLink(name)
    try:
        async with asyncio.timeout(OPEN_TIMEOUT):
            await serialx.create_serial_connection(
                asyncio.get_running_loop(),
                lambda: link,
                port,
                baudrate=settings.baudrate,
                parity=serialx.Parity(settings.parity),
                stopbits=serialx.StopBits(settings.stopbits),
                rtscts=settings.rtscts,
                xonxoff=settings.xonxoff,
                byte_size=settings.bytesize,
                exclusive=True,
            )
    except TimeoutError as e:
        raise LinkLost(name, f"{port} did not open within {OPEN_TIMEOUT:g} s") from e
    except (OSError, serialx.SerialException, ValueError) as e:
        raise LinkLost(name, port_words(e, port)) from e
    return link


async def _open_threaded(name: str, url: str, settings: SerialSettings) -> ThreadedLink:
    threads = ThreadPoolExecutor(2, thread_name_prefix="pyserial")
    opening = asyncio.get_running_loop().run_in_executor(threads, _open_blocking, url, settings)
    try:
        async with asyncio.timeout(OPEN_TIMEOUT):
            port = await asyncio.shield(opening)
    except TimeoutError as e:
        opening.add_done_callback(_close_late)
        raise LinkLost(name, f"{url} did not open within {OPEN_TIMEOUT:g} s") from e
    except asyncio.CancelledError:
        opening.add_done_callback(_close_late)
        raise
    except (OSError, ValueError, NotImplementedError) as e:
        raise LinkLost(name, port_words(e, url)) from e
    finally:
        if not opening.done() or opening.exception() is not None:
            threads.shutdown(wait=False)
    return ThreadedLink(name, port, threads)


def _open_blocking(url: str, settings: SerialSettings) -> serial.Serial:
    port: serial.Serial = serial.serial_for_url(
        url,
        baudrate=settings.baudrate,
        bytesize=settings.bytesize,
        parity=settings.parity,
        stopbits=settings.stopbits,
        rtscts=settings.rtscts,
        xonxoff=settings.xonxoff,
        timeout=READ_POLL,
        # URL handlers are no ports that could be locked, and RFC 2217 refuses a write time-out.
        write_timeout=None if "://" in url else WRITE_TIMEOUT,
        exclusive=None if "://" in url else True,
    )
    return port


def _close_late(opening: asyncio.Future[serial.Serial]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()


class ThreadedLink:
    """A blocking pyserial port behind the seam: one thread reads on demand, one writes."""

    def __init__(self, name: str, port: serial.Serial, threads: ThreadPoolExecutor) -> None:
        self.name = name
        self.arrived = 0.0
        self._port, self._threads = port, threads
        self._reading: asyncio.Future[bytes] | None = None
        self._closed = False

    async def read(self) -> bytes:
        if self._reading is None:
            loop = asyncio.get_running_loop()
            self._reading = loop.run_in_executor(self._threads, self._read_blocking)
        # A cancelled read leaves the thread at work; the next read takes its bytes.
        reading = self._reading
        try:
            data = await asyncio.shield(reading)
        except (OSError, TypeError) as e:
            # pyserial raises TypeError when a port is closed under a read.
            raise LinkLost(self.name, self._why(e)) from e
        self._reading = None
        if not data:
            raise LinkLost(self.name, "closed here")
        return data

    def received(self) -> bytes:
        reading = self._reading
        if reading is None or not reading.done() or reading.exception() is not None:
            return b""
        self._reading = None
        return reading.result()

    async def write(self, data: bytes) -> None:
        if self._closed:
            raise LinkLost(self.name, "closed here")
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(self._threads, self._port.write, data)
        except OSError as e:
            raise LinkLost(self.name, self._why(e)) from e

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        if self._reading is not None:
            await asyncio.wait([self._reading], timeout=OPEN_TIMEOUT)
            if self._reading.done() and not self._reading.cancelled():
                self._reading.exception()
        await asyncio.get_running_loop().run_in_executor(self._threads, self._port.close)
        self._threads.shutdown(wait=False)

    def _read_blocking(self) -> bytes:
        data = b""
        while not data and not self._closed:
            data = self._port.read(1)
        self.arrived = time.monotonic()
        if data and (more := self._port.in_waiting):
            data += self._port.read(more)
        return data

    def _why(self, error: BaseException) -> str:
        return "closed here" if self._closed else words(error)
