"""check, run."""

from __future__ import annotations

import logging
from pathlib import Path

import click

from tracenode.drivers.driver import Planned
from tracenode.models.errors import JournalDown
from tracenode.server.commands.common import Exit, echo_json, echo_table, json_option
from tracenode.server.configuration import load

__all__ = ["check", "run"]

config_argument = click.argument("config", type=click.Path(path_type=Path))


@click.command()
@config_argument
@json_option
def check(config: Path, as_json: bool) -> None:
    """Check CONFIG: every error at once; then what each device will be asked, and how often."""
    line = load(config)
    plans = {d.device: list(d.read_plan()) for d in line.drivers if isinstance(d, Planned)}
    if as_json:
        echo_json({"config": str(config), "ok": True, "read_plan": plans})
        return
    click.echo(
        f"{config}: fine; {len(line.config.stations)} station(s), {len(line.drivers)} device(s)"
    )
    echo_table(
        ("device", "driver", "link", "station", "points"),
        [
            (device.id, device.driver, device.link, device.station, str(len(driver.points)))
            for device in line.config.devices
            for driver in line.drivers
            if driver.device == device.id
        ],
    )
    for device, plan in plans.items():
        click.echo(f"\nread plan of {device}")
        for text in plan:
            click.echo(f"  {text}")


@click.command()
@config_argument
@click.option("--quiet", is_flag=True, help="Print nothing but errors.")
@click.pass_context
def run(context: click.Context, config: Path, quiet: bool) -> None:
    """Serve CONFIG until stopped by Ctrl-C or SIGTERM."""
    from tracenode.server.app import run as serve

    logging.basicConfig(
        level=logging.WARNING if quiet else logging.INFO,
        format="%(asctime)s %(levelname)-7s %(name)s: %(message)s",
    )
    line = load(config)

    def announce(endpoint: str) -> None:
        if not quiet:
            click.echo(f"serving {endpoint}")

    try:
        serve(line, announce)
    except* JournalDown as failures:
        click.echo(f"tracenode: {failures.exceptions[0]}", err=True)
        context.exit(Exit.Store)
