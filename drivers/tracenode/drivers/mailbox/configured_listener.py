"""From a `[[devices]]` table with driver `modbus-server` to its driver: a mailbox in registers of
ours."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_network
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from tracenode.drivers.driver import Driver
from tracenode.drivers.link.spec import ListenSpec, parse_link
from tracenode.drivers.mailbox.device import MailboxDevice
from tracenode.drivers.mailbox.local import LocalRegisters
from tracenode.drivers.mailbox.neighbours import Booker
from tracenode.drivers.mailbox.options import MailboxOptions
from tracenode.drivers.mailbox.station import StationMailbox
from tracenode.drivers.modbus.listener import Listeners, ServedUnit
from tracenode.models.config import DeviceConfig, StationConfig, problems_of
from tracenode.models.errors import BadSetting, ConfigError, ConfigProblem

__all__ = ["ServedOptions", "configured_listener"]

FORM: Final = "listen://HOST:PORT, an address of this machine (0.0.0.0: all of them)"


class ServedOptions(BaseModel):
    """The keys of a device with driver `modbus-server`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    unit: int = Field(default=1, ge=0, le=255)
    """Modbus unit that the controller addresses; devices with one `link` differ in it."""
    clients: int = Field(default=4, ge=1, le=64)
    """Connections at a time; of devices with one `link` the greatest counts."""
    allow: tuple[str, ...] = ()
    """Addresses or networks that clients come from; everywhere where there are none."""
    mailbox: MailboxOptions

    @field_validator("allow")
    @classmethod
    def _are_networks(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        for each in given:
            ip_network(each)
        return given


def configured_listener(
    config: DeviceConfig,
    listeners: Listeners,
    stations: Mapping[str, StationConfig],
    booker: Booker | None,
    at: str = "",
) -> Driver:
    """Make the driver of a controller that writes into registers of ours; opens no port. Without a
    `booker` (a check of the configuration) it is checked and not served.

    Raises:
        ConfigError: every fault of the device's keys.
    """
    prefix = f"{at}." if at else ""
    problems: list[ConfigProblem] = []
    options: ServedOptions | None = None
    try:
        options = ServedOptions.model_validate(config.options)
    except ValidationError as error:
        problems += problems_of(error, ServedOptions, at)
    if config.station not in stations:
        expected = "the id of a station: its mailbox books for one"
        problems.append(ConfigProblem(f"{prefix}station", repr(config.station), expected))
    where = _address(config.link)
    if where is None:
        problems.append(ConfigProblem(f"{prefix}link", repr(config.link), FORM))
    elif options is not None:
        holder = listeners.units.setdefault((*where, options.unit), config.id)
        if holder != config.id:
            found = f"{options.unit} at {config.link}"
            problems.append(ConfigProblem(f"{prefix}unit", found, f"another one than of {holder}"))
    if problems or options is None or where is None:
        raise ConfigError(config.id, problems)
    mailbox = options.mailbox
    registers = LocalRegisters(mailbox.layout, mailbox.base_a, mailbox.base_b)
    listener = listeners.at(*where)
    listener.clients = max(listener.clients, options.clients)
    networks = [ip_network(each) for each in options.allow]
    unit = ServedUnit(config.id, listener, options.unit, registers.areas, networks)
    if booker is None:
        return unit
    station = StationMailbox(
        stations[config.station],
        mailbox.station_number,
        mailbox.layout,
        registers,
        booker,
        device=config.id,
        poll_ms=mailbox.poll_ms,
        pause=registers.pause,
    )
    return MailboxDevice(unit, station, stale_after=config.stale_after_s)


def _address(link: str) -> tuple[str, int] | None:
    try:
        spec = parse_link(link)
    except BadSetting:
        return None
    return (spec.host, spec.port) if isinstance(spec, ListenSpec) else None
