"""RFID readers from the configuration."""

from __future__ import annotations

from tracenode.drivers.link import opener
from tracenode.drivers.rfid.interpreter import TagInterpreter
from tracenode.drivers.rfid.options import RfidOptions
from tracenode.drivers.scanner.configured import Claims, reader_settings
from tracenode.drivers.scanner.reader import Reader
from tracenode.models.config import DeviceConfig

__all__ = ["configured_rfid"]


def configured_rfid(config: DeviceConfig, claims: Claims, at: str = "") -> Reader:
    """Make the driver of a configured RFID reader; touches no hardware.

    Raises:
        ConfigError: every fault of its link and keys.
    """
    spec, options = reader_settings(config, RfidOptions, claims, at)
    return Reader(config.id, opener(spec), options, TagInterpreter(config.id, options))
