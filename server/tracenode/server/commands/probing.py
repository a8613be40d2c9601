"""check --probe: each device connected once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import click

from tracenode.drivers.driver import Driver
from tracenode.drivers.probe import Probe, probe
from tracenode.server.commands.common import echo_table, printable

__all__ = ["echo_probes", "probe_all"]


def probe_all(drivers: Sequence[Driver], within: float) -> list[Probe]:
    """Probe every device, all at once; those of one line take turns on it by themselves."""

    async def all_of_them() -> list[Probe]:
        return list(await asyncio.gather(*(probe(driver, within) for driver in drivers)))

    return asyncio.run(all_of_them())


def echo_probes(probes: Sequence[Probe]) -> None:
    """Print what was found, for people."""
    click.echo()
    rows = [
        (found.device, "well" if found.well else "NOT WELL", _ms(found.round_trip_ms), found.words)
        for found in probes
    ]
    echo_table(("device", "probe", "round trip", "found"), rows)
    lost = [found.device for found in probes if not found.well]
    click.echo(printable(f"not well: {', '.join(lost)}" if lost else "all devices are well"))


def _ms(milliseconds: float | None) -> str:
    return "" if milliseconds is None else f"{milliseconds:.1f} ms"
