"""The devices of `status`: how a running server's devices are, for people."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import click

from tracenode.server.commands.common import echo_table, printable

__all__ = ["echo_devices"]

HEADER: Final = (
    *("device", "state", "since", "last good", "round trip"),
    *("requests", "timeouts", "errors", "scans", "rejects"),
)
COUNTED: Final = ("requests", "timeouts", "errors", "telegrams", "rejects")


def echo_devices(told: Mapping[str, Any]) -> None:
    """Print what `read_board` returned."""
    age = (datetime.now(UTC) - datetime.fromisoformat(told["at"])).total_seconds()
    devices = told["devices"]
    click.echo(f"\n{len(devices)} device(s), as of {max(age, 0):.0f} s ago")
    if not devices:
        return
    echo_table(HEADER, [_row(device) for device in devices])
    for device in devices:
        if error := device["error"]:
            click.echo(printable(f"{device['device']}: {error}"))
        elif error := device["last_error"]:
            at = _time(device["last_error_at"])
            click.echo(printable(f"{device['device']}: well now; last error {at}: {error}"))


def _row(device: Mapping[str, Any]) -> tuple[str, ...]:
    round_trip = device["round_trip_ms"]
    return (
        device["device"],
        device["state"],
        _time(device["since"]),
        _time(device["last_good"]) or "never",
        "" if round_trip is None else f"{round_trip:.1f} ms",
        *(str(device[name]) for name in COUNTED),
    )


def _time(text: str | None) -> str:
    """Return a time to the second."""
    return datetime.fromisoformat(text).isoformat(timespec="seconds") if text else ""
