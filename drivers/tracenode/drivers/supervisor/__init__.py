"""Supervision of drivers: states, back-off, and what becomes of readings meanwhile."""

from __future__ import annotations

from tracenode.drivers.supervisor.back_off import BackOff
from tracenode.drivers.supervisor.staleness import LastReadings
from tracenode.drivers.supervisor.supervisor import (
    STOP_TIMEOUT,
    DeviceStatus,
    Observer,
    Supervisor,
    Timing,
)

__all__ = [
    "STOP_TIMEOUT",
    "BackOff",
    "DeviceStatus",
    "LastReadings",
    "Observer",
    "Supervisor",
    "Timing",
]
