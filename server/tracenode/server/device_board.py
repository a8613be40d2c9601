"""How the devices of a running server are, for commands beside it: a small file that is written
over once a second, without syncing, and removed when the server stops."""

from __future__ import annotations

import json
import logging
import os
import threading
import time
import zlib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from tracenode.drivers.driver import Driver, DriverStats
from tracenode.drivers.supervisor import DeviceStatus
from tracenode.models.config import DeviceConfig

__all__ = ["DeviceBoard", "board_path", "read_board"]

log = logging.getLogger(__name__)

TORN_TRIES: Final = 10
TORN_PAUSE_S: Final = 0.01
"""Between two looks at a file that is just being written."""


def board_path(database: Path) -> Path:
    """Return where the states of devices are told beside a database."""
    return database.with_name(database.name + ".devices")


class DeviceBoard:
    """Writes the file. Where that can't be done it says so once; nothing else depends on it."""

    def __init__(self, database: Path, devices: Iterable[DeviceConfig]) -> None:
        self.path = board_path(database)
        self._devices = {device.id: device for device in devices}
        self._last_errors: dict[str, tuple[str, datetime]] = {}
        self._file: int | None = None
        self._failed = self._closed = False
        self._one_at_a_time = threading.Lock()

    def take(self, status: DeviceStatus) -> None:
        """Remember the last error of a device, which it no longer tells once it is up again."""
        if status.error:
            self._last_errors[status.device] = (status.error, datetime.now(UTC))

    def rows(
        self, statuses: Sequence[DeviceStatus], drivers: Sequence[Driver]
    ) -> list[dict[str, Any]]:
        """Return how each device is, as plain data."""
        stats = {driver.device: driver.stats for driver in drivers}
        return [self._row(status, stats[status.device]) for status in statuses]

    def write(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write the file; blocks as long as the disk does."""
        told = {"at": datetime.now(UTC).isoformat(), "devices": rows}
        text = json.dumps(told, default=str).encode()
        data = b"%08x %d\n" % (zlib.crc32(text), len(text)) + text
        with self._one_at_a_time:
            try:
                if not self._closed:
                    self._write(data)
            except OSError as error:
                if not self._failed:
                    log.warning("%s: %s; `status` will not show devices", self.path, error)
                self._failed = True

    def close(self) -> None:
        """Remove the file; harmless twice."""
        with self._one_at_a_time:
            self._closed = True
            if self._file is None:
                return
            os.close(self._file)
            self._file = None
            with suppress(OSError):
                self.path.unlink()

    def _write(self, data: bytes) -> None:
        if self._file is None:
            self._file = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o666)
        os.lseek(self._file, 0, os.SEEK_SET)
        os.write(self._file, data)
        os.ftruncate(self._file, len(data))

    def _row(self, status: DeviceStatus, stats: DriverStats) -> dict[str, Any]:
        device = self._devices[status.device]
        error, at = self._last_errors.get(status.device, ("", None))
        counted = asdict(stats)
        return {
            "device": status.device,
            "driver": device.driver,
            "link": device.link,
            "station": device.station,
            "state": status.state.name,
            "since": status.since,
            "error": status.error,
            "last_error": error,
            "last_error_at": at,
            **counted.pop("extra"),
            **counted,
        }


def read_board(database: Path) -> dict[str, Any] | None:
    """Return what the running server told last: `at`, and `devices` as `DeviceBoard.rows`; None
    where it tells nothing."""
    for _ in range(TORN_TRIES):
        try:
            head, _, text = board_path(database).read_bytes().partition(b"\n")
        except OSError:
            return None
        with suppress(ValueError):
            crc, length = head.split()
            text = text[: int(length)]
            if len(text) == int(length) and zlib.crc32(text) == int(crc, 16):
                told: dict[str, Any] = json.loads(text)
                return told
        time.sleep(TORN_PAUSE_S)
    return None
