"""From a `[[devices]]` table with driver `opcua` to its driver, with a mailbox or without."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tracenode.drivers.driver import Driver
from tracenode.drivers.mailbox.device import MailboxDevice
from tracenode.drivers.mailbox.neighbours import Booker
from tracenode.drivers.mailbox.station import StationMailbox
from tracenode.drivers.opcua.options import load_options
from tracenode.drivers.opcua.registers import OpcUaRegisters
from tracenode.drivers.opcua.source import OpcUaSource
from tracenode.models.config import DeviceConfig, StationConfig
from tracenode.models.errors import ConfigError, ConfigProblem

__all__ = ["configured_opcua"]


def configured_opcua(
    config: DeviceConfig,
    folder: Path,
    stations: Mapping[str, StationConfig],
    booker: Booker | None,
    at: str = "",
) -> Driver:
    """Make the driver of a controller's OPC UA server; touches no network and no file.

    With a `mailbox` table it is the controller of its station, and `points` may be left out.
    Without a `booker` (a check of the configuration) the mailbox is checked and not served.

    Raises:
        ConfigError: every fault of the device's link and keys.
    """
    endpoint, options = load_options(config, at)
    source = OpcUaSource(config.id, endpoint, options, folder)
    mailbox = options.mailbox
    if mailbox is None:
        return source
    if config.station not in stations:
        where = f"{at}.station" if at else "station"
        expected = "the id of a station: its mailbox books for one"
        raise ConfigError(config.id, [ConfigProblem(where, repr(config.station), expected)])
    if booker is None:
        return source
    station = StationMailbox(
        stations[config.station],
        mailbox.station_number,
        mailbox.layout,
        OpcUaRegisters(source, mailbox.area_a, mailbox.area_b),
        booker,
        device=config.id,
        poll_ms=mailbox.poll_ms,
    )
    return MailboxDevice(source, station, stale_after=config.stale_after_s)
