"""Where a device is: the `link` string of the configuration, parsed. No hardware is touched.

serial:/dev/ttyS0?baudrate=9600&bytesize=8&parity=N&stopbits=1
serial:COM3
usb:1a86:7523                 by USB vendor and product id (hexadecimal)
usb:1a86:7523:A50285BI        and by serial number
tcp://10.0.0.20:4001          we connect
listen://0.0.0.0:4001         the one reader connects to us
rfc2217://10.0.0.9:2217       through pyserial; so are loop://, hwgrep:// and spy://
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Final, Literal, TypeAlias, TypeVar, cast
from urllib.parse import parse_qsl, urlsplit

from tracenode.models.errors import BadSetting

__all__ = [
    "LinkSpec",
    "ListenSpec",
    "SerialSettings",
    "SerialSpec",
    "TcpSpec",
    "UrlSpec",
    "UsbSpec",
    "parse_link",
]

Parity: TypeAlias = Literal["N", "E", "O", "M", "S"]
Backend: TypeAlias = Literal["serialx", "pyserial"]

PYSERIAL_SCHEMES: Final = ("loop", "rfc2217", "hwgrep", "spy")
SCHEMES: Final = ("serial", "usb", "tcp", "listen", *PYSERIAL_SCHEMES)
BAUDRATES: Final = range(50, 4_000_001)


@dataclass(frozen=True, slots=True)
class SerialSettings:
    """Line settings; both ends must agree on all of them."""

    baudrate: int = 9600
    bytesize: int = 8
    parity: Parity = "N"
    stopbits: float = 1
    rtscts: bool = False
    xonxoff: bool = False

    @property
    def bits_per_byte(self) -> float:
        """Bits on the wire for one byte, start and stop included."""
        return 1 + self.bytesize + (self.parity != "N") + self.stopbits

    def query(self) -> str:
        """The settings that differ from the defaults, as the query of a link string."""
        default = SerialSettings()
        changed = [
            f"{f.name}={_shown(getattr(self, f.name))}"
            for f in fields(self)
            if getattr(self, f.name) != getattr(default, f.name)
        ]
        return "&".join(changed)


@dataclass(frozen=True, slots=True)
class SerialSpec:
    """A serial port by name."""

    port: str
    settings: SerialSettings = SerialSettings()
    backend: Backend = "serialx"

    @property
    def endpoint(self) -> str:
        """The physical endpoint: two specs with one endpoint share a wire."""
        return f"serial:{self.port}"

    def __str__(self) -> str:
        backend = "" if self.backend == "serialx" else f"backend={self.backend}"
        return self.endpoint + _queried(self.settings.query(), backend)


@dataclass(frozen=True, slots=True)
class UsbSpec:
    """A USB serial port by what is plugged in, not by the number it happened to get."""

    vid: int
    pid: int
    serial: str | None = None
    settings: SerialSettings = SerialSettings()

    @property
    def endpoint(self) -> str:
        return f"usb:{self.vid:04x}:{self.pid:04x}" + (f":{self.serial}" if self.serial else "")

    def __str__(self) -> str:
        return self.endpoint + _queried(self.settings.query())


@dataclass(frozen=True, slots=True)
class TcpSpec:
    """A TCP server that we connect to."""

    host: str
    port: int

    @property
    def endpoint(self) -> str:
        return f"tcp://{_bracketed(self.host)}:{self.port}"

    def __str__(self) -> str:
        return self.endpoint


@dataclass(frozen=True, slots=True)
class ListenSpec:
    """A TCP port of ours that one reader connects to."""

    host: str
    port: int

    @property
    def endpoint(self) -> str:
        return f"listen://{_bracketed(self.host)}:{self.port}"

    def __str__(self) -> str:
        return self.endpoint


@dataclass(frozen=True, slots=True)
class UrlSpec:
    """A pyserial URL handler."""

    url: str
    """Without the settings."""
    settings: SerialSettings = SerialSettings()

    @property
    def endpoint(self) -> str:
        return self.url

    def __str__(self) -> str:
        return self.url + _queried(self.settings.query())


LinkSpec: TypeAlias = SerialSpec | UsbSpec | TcpSpec | ListenSpec | UrlSpec


def parse_link(text: str) -> LinkSpec:
    """Parse a link string; `str` of the result is its shortest form and parses to the same.

    Raises:
        BadSetting: not a link; names what is allowed and what was found.
    """
    scheme, colon, rest = text.strip().partition(":")
    if not colon or scheme not in SCHEMES:
        raise BadSetting(f"a link that begins with {_listed(SCHEMES, ':')}", repr(text))
    match scheme:
        case "serial":
            port, _, query = rest.partition("?")
            if not port or port.startswith("//"):
                raise BadSetting("a port such as serial:/dev/ttyS0 or serial:COM3", repr(text))
            options = _options(query, (*_SETTINGS, "backend"))
            backend = cast(Backend, options.pop("backend", "serialx"))
            return SerialSpec(port, _settings(options), backend)
        case "usb":
            return _usb(text, rest)
        case "tcp" | "listen":
            host, port_number = _host_port(text, 0 if scheme == "listen" else 1)
            kind = TcpSpec if scheme == "tcp" else ListenSpec
            return kind(host, port_number)
        case _:
            url, _, query = text.strip().partition("?")
            if not rest.startswith("//"):
                raise BadSetting(f"a URL that begins with {scheme}://", repr(text))
            return UrlSpec(url, _settings(_options(query, _SETTINGS)))


_T = TypeVar("_T")


def _number(allowed: str, ok: Callable[[int], bool]) -> Callable[[str], int]:
    def convert(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", text) or not ok(int(text)):
            raise BadSetting(allowed, repr(text))
        return int(text)

    return convert


def _one_of(choices: Mapping[str, _T]) -> Callable[[str], _T]:
    def convert(text: str) -> _T:
        if text not in choices:
            raise BadSetting(_listed(tuple(choices)), repr(text))
        return choices[text]

    return convert


_SWITCH = {"0": False, "1": True, "false": False, "true": True}
_SETTINGS: Final[dict[str, Callable[[str], object]]] = {
    "baudrate": _number(f"{BAUDRATES[0]} to {BAUDRATES[-1]}", lambda n: n in BAUDRATES),
    "bytesize": _number("5, 6, 7 or 8", lambda n: 5 <= n <= 8),
    "parity": _one_of({letter: letter for letter in "NEOMS"}),
    "stopbits": _one_of({"1": 1, "1.5": 1.5, "2": 2}),
    "rtscts": _one_of(_SWITCH),
    "xonxoff": _one_of(_SWITCH),
}
_CONVERTERS: Final[dict[str, Callable[[str], object]]] = {
    **_SETTINGS,
    "backend": _one_of({"serialx": "serialx", "pyserial": "pyserial"}),
}


def _options(query: str, allowed: tuple[str, ...] | Mapping[str, object]) -> dict[str, object]:
    if not query:
        return {}
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=True)
    except ValueError as e:
        raise BadSetting("settings such as baudrate=9600&parity=E", repr(query)) from e
    options: dict[str, object] = {}
    for name, value in pairs:
        if name not in allowed:
            raise BadSetting(f"the settings {_listed(tuple(allowed))}", repr(name))
        if name in options:
            raise BadSetting(f"{name} once", "it twice")
        try:
            options[name] = _CONVERTERS[name](value)
        except BadSetting as e:
            raise BadSetting(f"{name} as {e.expected}", e.found) from e
    return options


def _settings(options: Mapping[str, object]) -> SerialSettings:
    return SerialSettings(**options)  # type: ignore[arg-type]  # _CONVERTERS made the types


def _usb(text: str, rest: str) -> UsbSpec:
    device, _, query = rest.partition("?")
    match = re.fullmatch(r"([0-9A-Fa-f]{4}):([0-9A-Fa-f]{4})(?::(.+))?", device)
    if match is None:
        raise BadSetting(
            "usb:VID:PID or usb:VID:PID:SERIAL with four hexadecimal digits each", repr(text)
        )
    vid, pid, serial = match.groups()
    return UsbSpec(int(vid, 16), int(pid, 16), serial, _settings(_options(query, _SETTINGS)))


def _host_port(text: str, lowest: int) -> tuple[str, int]:
    expected = f"{text.partition(':')[0]}://host:port with a port from {lowest} to 65535"
    try:
        parts = urlsplit(text.strip())
        host, port = parts.hostname, parts.port
    except ValueError as e:
        raise BadSetting(expected, repr(text)) from e
    extra = parts.path or parts.query or parts.fragment or parts.username
    if not host or port is None or port < lowest or extra:
        raise BadSetting(expected, repr(text))
    return host, port


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _shown(value: object) -> str:
    return str(int(value)) if isinstance(value, bool) else str(value)


def _queried(*parts: str) -> str:
    query = "&".join(part for part in parts if part)
    return f"?{query}" if query else ""


def _listed(names: tuple[str, ...], suffix: str = "") -> str:
    shown = [name + suffix for name in names]
    return shown[0] if len(shown) == 1 else ", ".join(shown[:-1]) + " or " + shown[-1]
