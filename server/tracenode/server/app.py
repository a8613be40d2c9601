"""The composition root: what a running server is made of, and its tasks; nothing else."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Final

from tracenode.drivers.driver import Driver
from tracenode.drivers.supervisor import STOP_TIMEOUT, DeviceStatus, Supervisor
from tracenode.models.config import Config
from tracenode.models.errors import JournalDown
from tracenode.server.configuration import Line, make_drivers
from tracenode.server.device_board import DeviceBoard
from tracenode.server.intake import Intake
from tracenode.server.opcua.core import ServerOptions, TraceServer
from tracenode.server.opcua.nodesets import try_models
from tracenode.server.opcua.security.front import FrontOptions
from tracenode.server.opcua.surface import Surface
from tracenode.server.review import Review
from tracenode.server.trace import Trace

__all__ = ["run", "serve"]

log = logging.getLogger(__name__)
WATCH_S: Final = 1.0
GIVE_UP_S: Final = 60.0
"""A journal that can't be written for so long ends the process, for a supervisor of processes to
start it anew (or to call for help)."""

SWITCH_S: Final = 0.0005
"""After so long a thread that computes lets another one run. With the interpreter's own 5 ms, a
recall makes each step of every other client's call wait for that."""

UPGRADE_TOLD: Final = 100_000
"""Journal entries between two lines of the log while a database of an older version is upgraded."""


def run(line: Line, announce: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM; `announce` gets the endpoint once clients can connect.

    Raises:
        ConfigError: nodesets of the plant that do not load.
        StoreError: the database can't be used, or could not be written for GIVE_UP_S.
    """
    try_models(line)
    if sys.platform == "win32":
        asyncio.run(serve(line, announce))
        return
    import uvloop

    uvloop.run(serve(line, announce))


async def serve(line: Line, announce: Callable[[str], None]) -> None:
    """The server's life: store, surface, devices; in that order up, and the other way down."""
    config = line.config
    sys.setswitchinterval(SWITCH_S)
    with (
        Trace.open(
            line.database,
            site=config.site.id,
            create=True,
            mmap=config.store.local_disk,
            progress=_tell_upgrade,
            reading_processes=config.store.reading_processes,
        ) as trace,
        stop_signals() as stopping,
    ):
        server = TraceServer(_options(line))
        await server.open()
        drivers = make_drivers(config, str(line.path), trace)
        points = {driver.device: driver.points for driver in drivers}
        surface = Surface(server, trace, config, points, line.plan)
        await surface.build()
        await server.start()
        if not server.lets_in:
            log.warning(
                "nobody can log in: there is no user in %s (tracenode user add), and"
                " opcua.anonymous is false",
                config.opcua.users,
            )
        announce(server.endpoint)
        board = DeviceBoard(line.database, config.devices)
        try:
            await asyncio.to_thread(trace.start_reading)
            intake = _intake(config, trace, surface)
            supervisor = _supervisor(config, drivers, intake, surface, board)
            telling = _tell_devices(supervisor, drivers, surface, board)
            await _run(trace, intake, supervisor, telling, surface, stopping)
        finally:
            board.close()
            await surface.close()
            await server.stop()


def _options(line: Line) -> ServerOptions:
    folder, opcua = line.path.parent, line.config.opcua
    return ServerOptions(
        line.config.site.id,
        opcua.endpoint,
        application_uri=opcua.application_uri,
        front=FrontOptions(
            security=opcua.security,
            pki=folder / opcua.pki,
            urls=opcua.endpoint_urls,
            aliases=opcua.aliases,
        ),
        anonymous=opcua.anonymous_role,
        users=folder / opcua.users,
        users_pki=folder / opcua.users_pki,
        permissions=opcua.permission_table,
        audit=folder / opcua.audit if opcua.audit else None,
        audit_bytes=opcua.audit_mb * 1_000_000,
        fast_lane=opcua.fast_lane,
    )


def _tell_upgrade(position: int) -> None:
    if position % UPGRADE_TOLD == 0 or position < UPGRADE_TOLD:
        log.info("database of an older version: tables made anew up to entry %d", position)


def _intake(config: Config, trace: Trace, surface: Surface) -> Intake:
    stations = {station.id: station for station in config.stations}
    at = {device.id: stations[device.station] for device in config.devices if device.station}
    return Intake(trace, at, surface)


def _supervisor(
    config: Config,
    drivers: Sequence[Driver],
    intake: Intake,
    surface: Surface,
    board: DeviceBoard,
) -> Supervisor:
    def changed(status: DeviceStatus) -> None:
        board.take(status)
        surface.device_state(status)

    return Supervisor(
        drivers,
        intake,
        changed,
        stale_after={device.id: device.stale_after_s for device in config.devices},
    )


async def _run(  # noqa: PLR0917
    trace: Trace,
    intake: Intake,
    supervisor: Supervisor,
    telling_devices: Coroutine[None, None, None],
    surface: Surface,
    stopping: asyncio.Event,
) -> None:
    """Run until `stopping`; devices end first, so that what they gave is still told."""
    async with asyncio.TaskGroup() as tasks:
        telling = tasks.create_task(surface.run())
        watching = tasks.create_task(_watch(trace))
        indexing = tasks.create_task(trace.keep_index())
        counting = tasks.create_task(telling_devices)
        reviewing = tasks.create_task(Review(trace).run())
        summing = tasks.create_task(intake.run())
        running = tasks.create_task(supervisor.run())
        await stopping.wait()
        supervisor.stop()
        await running
        summing.cancel()
        with suppress(TimeoutError):
            async with asyncio.timeout(STOP_TIMEOUT):
                await intake.record_counts()
        for task in (reviewing, counting, indexing, watching, telling):
            task.cancel()


async def _tell_devices(
    supervisor: Supervisor, drivers: Sequence[Driver], surface: Surface, board: DeviceBoard
) -> None:
    """Show the devices' counters, to clients and to the command line."""
    while True:
        for driver in drivers:
            surface.device_stats(driver.device, driver.stats)
        rows = board.rows(supervisor.statuses, drivers)
        # Not here: a disk that is slow must not hold the clients up.
        await asyncio.to_thread(board.write, rows)
        await asyncio.sleep(WATCH_S)


async def _watch(trace: Trace) -> None:
    """Raise JournalDown once the journal has been down for GIVE_UP_S."""
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(WATCH_S)
        since = trace.down_since
        if since is not None and loop.time() - since > GIVE_UP_S:
            raise JournalDown(
                f"the journal could not be written for {GIVE_UP_S:g} s: {trace.fault}"
            )


@contextmanager
def stop_signals() -> Iterator[asyncio.Event]:
    """An event that SIGINT and SIGTERM set."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()

    def stop(*_: object) -> None:
        loop.call_soon_threadsafe(stopping.set)

    before = {kind: signal.signal(kind, stop) for kind in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stopping
    finally:
        for kind, handler in before.items():
            signal.signal(kind, handler)
