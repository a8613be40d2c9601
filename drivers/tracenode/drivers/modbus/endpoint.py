"""Where a Modbus line is: `tcp://host:502`, `tls://host:802`, `rtu:/dev/ttyS0?baudrate=19200`,
`rtu+tcp://host:502`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Final, Self
from urllib.parse import parse_qsl, urlsplit

from tracenode.drivers.modbus.tls import TlsFiles

__all__ = ["Endpoint", "Framing", "parse_endpoint"]

FORMS: Final = (
    "tcp://host[:502], tls://host[:802], rtu+tcp://host[:502]"
    " or rtu:/dev/ttyS0?baudrate=19200&parity=E"
)


class Framing(StrEnum):
    Tcp = "tcp"
    Tls = "tls"
    RtuOverTcp = "rtu+tcp"
    Rtu = "rtu"

    @property
    def transactions(self) -> bool:
        """Telegrams carry a transaction number, so a late answer is known for one."""
        return self in (Framing.Tcp, Framing.Tls)


DEFAULT_PORT: Final = {Framing.Tcp: 502, Framing.Tls: 802, Framing.RtuOverTcp: 502}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A physical line and its settings; `host` is the port's name on a serial line."""

    framing: Framing
    host: str
    port: int = 0
    baudrate: int = 19200
    parity: str = "E"
    stopbits: int = 1
    echo: bool = False
    """The adapter hears what it sends (two-wire RS-485); only on a serial line."""
    tls: TlsFiles | None = None
    """Where the framing is Tls."""

    def beside(self, folder: Path) -> Self:
        """Return the same with files of `tls` relative to `folder`."""
        return replace(self, tls=self.tls.beside(folder)) if self.tls else self

    @property
    def line(self) -> str:
        """Names the physical line whatever its settings: devices on it share one link."""
        if self.framing is Framing.Rtu:
            return f"rtu:{self.host}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.framing}://{host}:{self.port}"

    @property
    def bits_per_character(self) -> int:
        """Start, eight data, parity and stop bits."""
        return 9 + (self.parity != "N") + self.stopbits

    @property
    def character_time(self) -> float:
        """Seconds on the wire of one character; 0 where that is not the limit."""
        return self.bits_per_character / self.baudrate if self.framing is Framing.Rtu else 0.0

    @property
    def silence(self) -> float:
        """Seconds of silence that part two telegrams (MODBUS over serial line V1.02, 2.5.1.1)."""
        if self.framing is not Framing.Rtu:
            return 0.0
        return 0.00175 if self.baudrate > 19200 else 3.5 * self.character_time


def parse_endpoint(text: str) -> Endpoint:
    """Read one of the four forms; a serial line is 19200 baud, even parity, one stop bit unless
    told (MODBUS over serial line V1.02, 2.5.1).

    Raises:
        ValueError: what is allowed; the caller says what was found.
    """
    scheme, _, rest = text.strip().partition(":")
    if scheme in DEFAULT_PORT and rest.startswith("//"):
        parts = urlsplit(text.strip())
        try:
            port = parts.port or DEFAULT_PORT[Framing(scheme)]
        except ValueError as error:
            raise ValueError("a port of 1 to 65535") from error
        if not parts.hostname or parts.path or parts.query or parts.username:
            raise ValueError(FORMS)
        return Endpoint(Framing(scheme), parts.hostname, port)
    if scheme == Framing.Rtu and rest.partition("?")[0].strip("/"):
        port_name, _, query = rest.partition("?")
        return _serial(port_name, query)
    raise ValueError(FORMS)


def _serial(port_name: str, query: str) -> Endpoint:
    settings = dict(parse_qsl(query, keep_blank_values=True))
    known = {"baudrate", "parity", "stopbits", "echo"}
    if unknown := sorted(settings.keys() - known):
        raise ValueError(f"settings of {', '.join(sorted(known))}, not {', '.join(unknown)}")
    baudrate = settings.get("baudrate", "19200")
    parity = settings.get("parity", "E").upper()
    # Without parity the standard asks for a second stop bit, and hardly any device has it.
    stopbits = settings.get("stopbits", "1")
    echo = settings.get("echo", "false").lower()
    if not baudrate.isdecimal() or not 300 <= int(baudrate) <= 4_000_000:
        raise ValueError("a baudrate of 300 to 4000000")
    if parity not in ("N", "E", "O"):
        raise ValueError("a parity of N, E or O")
    if stopbits not in ("1", "2"):
        raise ValueError("1 or 2 stopbits")
    if echo not in ("true", "false"):
        raise ValueError("an echo of true or false")
    return Endpoint(Framing.Rtu, port_name, 0, int(baudrate), parity, int(stopbits), echo == "true")
