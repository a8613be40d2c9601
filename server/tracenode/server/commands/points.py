"""export-points."""

from __future__ import annotations

from pathlib import Path

import click

from tracenode.drivers.modbus.point_table import point_table
from tracenode.drivers.modbus.poller import ModbusDevice
from tracenode.models.errors import MalformedRequest
from tracenode.server.commands.common import config_option, echo_json, json_option
from tracenode.server.commands.new_file import new_file
from tracenode.server.configuration import load

__all__ = ["export_points"]


@click.command("export-points")
@click.argument("to", type=click.Path(path_type=Path))
@click.option("--device", required=True, help="Id of a Modbus device that is enabled.")
@config_option
@json_option
def export_points(to: Path, device: str, config: Path, as_json: bool) -> None:
    """Write the points of a Modbus device as a table into the new CSV file TO.

    The key points_csv of a device or profile takes it in again.
    """
    devices = {driver.device: driver for driver in load(config).drivers}
    driver = devices.get(device)
    if not isinstance(driver, ModbusDevice):
        names = [name for name, one in devices.items() if isinstance(one, ModbusDevice)]
        expected = f"an enabled Modbus device: {', '.join(names) or 'there is none'}"
        raise MalformedRequest("--device", expected, repr(device))
    with new_file(to) as file:
        file.write(point_table(driver.options))
    points = len(driver.points)
    if as_json:
        echo_json({"points_csv": str(to), "points": points})
        return
    click.echo(f"written: {to}, {points} point(s)")
