"""From a `[[devices]]` table with driver `modbus` to its driver, with a mailbox or without."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pydantic import ValidationError

from tracenode.drivers.driver import Driver
from tracenode.drivers.mailbox.device import MailboxDevice
from tracenode.drivers.mailbox.neighbours import Booker
from tracenode.drivers.mailbox.options import MailboxOptions
from tracenode.drivers.mailbox.registers import ModbusRegisters
from tracenode.drivers.mailbox.station import StationMailbox
from tracenode.drivers.modbus.guard import Links
from tracenode.drivers.modbus.options import load_options
from tracenode.drivers.modbus.poller import ModbusDevice
from tracenode.models.config import DeviceConfig, StationConfig, problems_of
from tracenode.models.errors import ConfigError, ConfigProblem

__all__ = ["configured_modbus"]

KEY: Final = "mailbox"


def configured_modbus(
    config: DeviceConfig,
    links: Links,
    stations: Mapping[str, StationConfig],
    booker: Booker | None,
    at: str = "",
) -> Driver:
    """Make the driver of a Modbus device; touches no hardware.

    With a `mailbox` table it is the controller of its station, and `points` may be left out.
    Without a `booker` (a check of the configuration) the mailbox is checked and not served.

    Raises:
        ConfigError: every fault of the device's keys, or a line in use with other settings.
    """
    table = config.options
    if KEY not in table:
        endpoint, options = load_options(config, at)
        stale_after = config.stale_after_s
        return ModbusDevice(config.id, links.at(endpoint), options, stale_after=stale_after)
    given = table.pop(KEY)
    problems: list[ConfigProblem] = []
    prefix = f"{at}." if at else ""
    mailbox: MailboxOptions | None = None
    try:
        mailbox = MailboxOptions.model_validate(given)
    except ValidationError as error:
        problems += problems_of(error, MailboxOptions, f"{prefix}{KEY}")
    if config.station not in stations:
        expected = "the id of a station: its mailbox books for one"
        problems.append(ConfigProblem(f"{prefix}station", repr(config.station), expected))
    try:
        endpoint, options = load_options(_without_mailbox(config, table), at)
    except ConfigError as error:
        raise ConfigError(config.id, [*problems, *error.problems]) from error
    if problems or mailbox is None:
        raise ConfigError(config.id, problems)
    link = links.at(endpoint)
    poller = ModbusDevice(config.id, link, options, stale_after=config.stale_after_s)
    if booker is None:
        return poller
    registers = ModbusRegisters(
        link,
        options.unit if mailbox.unit is None else mailbox.unit,
        mailbox.base_a,
        mailbox.base_b,
        most=options.max_registers,
        within=options.timeout_ms / 1000,
    )
    station = StationMailbox(
        stations[config.station],
        mailbox.station_number,
        mailbox.layout,
        registers,
        booker,
        device=config.id,
        poll_ms=mailbox.poll_ms,
    )
    return MailboxDevice(poller, station, stale_after=config.stale_after_s)


def _without_mailbox(config: DeviceConfig, table: dict[str, Any]) -> DeviceConfig:
    named = config.model_dump(exclude={*(config.model_extra or {})})
    return DeviceConfig.model_validate({"points": {}, **table, **named})
