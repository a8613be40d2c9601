"""Scanners on a serial port or a socket."""

from __future__ import annotations

from tracenode.drivers.clock import SYSTEM_CLOCK, Clock
from tracenode.drivers.link import Open
from tracenode.drivers.scanner.interpreter import ScanInterpreter
from tracenode.drivers.scanner.options import ReaderOptions, ScannerOptions
from tracenode.drivers.scanner.reader import Interpret, Reader

__all__ = ["Interpret", "Reader", "ReaderOptions", "ScanInterpreter", "ScannerOptions", "scanner"]


def scanner(
    device: str,
    open_link: Open,
    options: ScannerOptions | None = None,
    clock: Clock = SYSTEM_CLOCK,
) -> Reader:
    """The driver of a scanner: every telegram becomes a scan with its code, or a reject."""
    options = options or ScannerOptions()
    return Reader(device, open_link, options, ScanInterpreter(device, options), clock)
