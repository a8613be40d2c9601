"""check, run."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import click

from tracenode.drivers.driver import Planned
from tracenode.drivers.mailbox.layout import AREA_B_SIZE
from tracenode.drivers.mailbox.options import MailboxOptions
from tracenode.drivers.probe import PROBE_S
from tracenode.models.config import DeviceConfig
from tracenode.models.errors import JournalDown
from tracenode.server.commands.common import Exit, echo_json, echo_table, json_option
from tracenode.server.commands.probing import echo_probes, probe_all
from tracenode.server.configuration import Line, load

__all__ = ["check", "run"]

config_argument = click.argument("config", type=click.Path(path_type=Path))


@click.command()
@config_argument
@click.option(
    "--probe", "probing", is_flag=True, help="Connect each device once, and say how it is."
)
@click.option(
    "--within",
    type=click.FloatRange(0.1, 600),
    default=PROBE_S,
    show_default=True,
    help="Seconds that a probed device has to connect and to give every point.",
)
@json_option
@click.pass_context
def check(
    context: click.Context, config: Path, probing: bool, within: float, as_json: bool
) -> None:
    """Check CONFIG: every error at once; then what each device will be asked, and how often.

    Without --probe no device is touched.
    """
    line = load(config)
    if line.plan.untried:
        from tracenode.server.opcua.nodesets import try_models

        try_models(line)
    plans = {
        driver.device: [
            *driver.read_plan(),
            *_mailbox_plan(line.device(driver.device)),
        ]
        for driver in line.drivers
        if isinstance(driver, Planned)
    }
    probes = probe_all(line.drivers, within) if probing else []
    if as_json:
        found = {"probe": [asdict(probe) for probe in probes]} if probing else {}
        echo_json({"config": str(config), "ok": True, "read_plan": plans, **found})
    else:
        _echo_plans(config, line, plans)
        if probing:
            echo_probes(probes)
    if not all(found.well for found in probes):
        context.exit(Exit.Refused)


def _echo_plans(config: Path, line: Line, plans: Mapping[str, Sequence[str]]) -> None:
    click.echo(
        f"{config}: fine; {len(line.config.stations)} station(s), {len(line.drivers)} device(s)"
    )
    devices = [(line.device(driver.device), driver) for driver in line.drivers]
    echo_table(
        ("device", "driver", "link", "station", "points"),
        [
            (device.id, device.driver, device.link, device.station, str(len(driver.points)))
            for device, driver in devices
        ],
    )
    for device, plan in plans.items():
        click.echo(f"\nread plan of {device}")
        for text in plan:
            click.echo(f"  {text}")


def _mailbox_plan(device: DeviceConfig) -> Iterator[str]:
    if device.driver != "modbus" or "mailbox" not in device.options:
        return  # others have their mailbox in their own plan
    mailbox = MailboxOptions.model_validate(device.options["mailbox"])
    end_a, end_b = mailbox.base_a + mailbox.layout.size - 1, mailbox.base_b + AREA_B_SIZE - 1
    yield (
        f"mailbox: every {mailbox.poll_ms} ms 1 request; area A hr:{mailbox.base_a}-{end_a} read,"
        f" area B hr:{mailbox.base_b}-{end_b} written"
    )


@click.command()
@config_argument
@click.option("--quiet", is_flag=True, help="Print and log warnings and errors only.")
@json_option
def run(config: Path, quiet: bool, as_json: bool) -> None:
    """Serve CONFIG until stopped by Ctrl-C or SIGTERM."""
    from tracenode.server.app import run as serve

    logging.basicConfig(
        level=logging.WARNING if quiet else logging.INFO,
        format="%(asctime)s %(levelname)-7s %(name)s: %(message)s",
    )
    line = load(config)

    def announce(endpoint: str) -> None:
        if as_json:
            click.echo(json.dumps({"serving": endpoint}))
        elif not quiet:
            click.echo(f"serving {endpoint}")

    try:
        serve(line, announce)
    except BaseExceptionGroup as failures:
        down = next(_journal_failures(failures), None)
        if down is None:
            raise
        raise down from failures


def _journal_failures(failures: BaseExceptionGroup[BaseException]) -> Iterator[JournalDown]:
    """Yield what says that the journal is down, where that is all that happened."""
    others = failures.split(JournalDown)[1]
    if others is None:
        for failure in failures.exceptions:
            if isinstance(failure, BaseExceptionGroup):
                yield from _journal_failures(failure)
            elif isinstance(failure, JournalDown):
                yield failure
