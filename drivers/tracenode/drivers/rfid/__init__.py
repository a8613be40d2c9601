"""RFID readers that send one line for every tag they see."""

from __future__ import annotations

from tracenode.drivers.clock import SYSTEM_CLOCK, Clock
from tracenode.drivers.link import Open
from tracenode.drivers.rfid.interpreter import TagInterpreter
from tracenode.drivers.rfid.options import DEFAULT_PATTERN, RfidOptions
from tracenode.drivers.scanner.reader import Reader

__all__ = ["DEFAULT_PATTERN", "RfidOptions", "TagInterpreter", "rfid"]


def rfid(
    device: str,
    open_link: Open,
    options: RfidOptions | None = None,
    clock: Clock = SYSTEM_CLOCK,
) -> Reader:
    """The driver of an RFID reader: every line becomes a scan with its EPC, or a reject."""
    options = options or RfidOptions()
    return Reader(device, open_link, options, TagInterpreter(device, options), clock)
