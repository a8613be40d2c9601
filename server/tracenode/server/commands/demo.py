"""`tracenode demo`: a simulated line and a server beside it, each in a process of its own."""

from __future__ import annotations

import asyncio
import json
import random
import shutil
import signal
import socket
import sys
import tempfile
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any, Final

import click

from tracenode.models.answers import Ingredients
from tracenode.models.identifiers import Identity
from tracenode.server.commands.common import Exit, echo_json, json_option
from tracenode.server.commands.demo_setup import (
    HOST,
    DemoFailed,
    receive_material,
    write_config,
)
from tracenode.server.trace import Trace

__all__ = ["demo"]

DEFAULT_PORT: Final = 4840
START_S: Final = 30.0
STOP_S: Final = 10.0
QUIET_PROGRESS_S: Final = 5.0


@dataclass(slots=True)
class Outcome:
    """What the demo saw; `differences` is None while nothing was compared."""

    progress: dict[str, Any] = field(default_factory=dict)
    kills: int = 0
    seconds: float = 0.0
    compared: int = 0
    differences: list[str] | None = None


@click.command()
@click.option("--units", type=click.IntRange(1), help="Stop after so many finished units.")
@click.option("--dir", "folder", type=click.Path(path_type=Path), help="Keep the data here.")
@click.option("--port", type=click.IntRange(0, 65_535), help="Port of the OPC UA server.")
@click.option("--seed", type=int, default=1, show_default=True, help="Of the simulated line.")
@click.option(
    "--pace",
    type=click.FloatRange(0, 3600),
    help="Seconds of work at a station.  [default: 0.4; with --units 0.05]",
)
@click.option(
    "--kill-every",
    type=click.FloatRange(min=0.5),
    help="Kill the server about every so many seconds and start it again: nothing may be lost.",
)
@json_option
@click.pass_context
def demo(  # noqa: PLR0917 - click passes its options by name
    context: click.Context,
    units: int | None,
    folder: Path | None,
    port: int | None,
    seed: int,
    pace: float | None,
    kill_every: float | None,
    as_json: bool,
) -> None:
    """Run a line to try: three stations, their controllers and readers, and a server."""
    outcome = Outcome()
    pace = pace if pace is not None else 0.05 if units else 0.4
    with _data_folder(folder) as data:
        line = _Demo(data, units, _free_port(port), seed, pace, kill_every, outcome, as_json)
        with suppress(KeyboardInterrupt):
            asyncio.run(line.run())
        _compare(data, outcome)
    _summary(outcome, as_json)
    if outcome.differences or (units and outcome.compared < units):
        context.exit(Exit.Refused)


@contextmanager
def _data_folder(folder: Path | None) -> Iterator[Path]:
    if folder is None:
        made = Path(tempfile.mkdtemp(prefix="tracenode-demo-"))
        try:
            yield made
        finally:
            shutil.rmtree(made, ignore_errors=True)
        return
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise click.UsageError(f"--dir: expected a new or empty folder, {folder} has files in it")
    yield folder.resolve()


def _free_port(wanted: int | None) -> int:
    """Return the port to serve on: as wanted, else the default one, else any that is free."""
    if wanted:
        return wanted
    for port in (DEFAULT_PORT, 0) if wanted is None else (0,):
        with socket.socket() as probe, suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((HOST, port))
            found: int = probe.getsockname()[1]
            return found
    raise DemoFailed("no free port for the OPC UA server")


class _Demo:
    """One run; `run` returns when the line is done or is cancelled."""

    def __init__(  # noqa: PLR0917
        self,
        data: Path,
        units: int | None,
        port: int,
        seed: int,
        pace: float,
        kill_every: float | None,
        outcome: Outcome,
        quiet: bool,
    ) -> None:
        self._data, self._units, self._port = data, units, port
        self._seed, self._pace, self._kill_every = seed, pace, kill_every
        self._outcome, self._quiet = outcome, quiet
        self._server: Process | None = None
        self._chance = random.Random()
        self._began = monotonic()
        self._shown = 0.0

    async def run(self) -> None:
        async with AsyncExitStack() as stack:
            arguments = ["--dir", str(self._data), "--seed", str(self._seed)]
            arguments += ["--pace", str(self._pace)]
            arguments += ["--units", str(self._units)] if self._units else []
            line = await stack.enter_async_context(
                _process("tracenode.drivers.simulator", *arguments)
            )
            places, _ = await asyncio.gather(
                _line_places(line), receive_material(self._data / "tracenode.db")
            )
            write_config(self._data, places, self._port)
            stack.push_async_callback(self._stop_server)
            endpoint = await self._start_server()
            self._say_what_to_try(endpoint)
            killing = asyncio.create_task(self._kill_now_and_then())
            stack.push_async_callback(_ended, killing)
            try:
                await self._follow(line, killing)
            finally:
                self._outcome.seconds = monotonic() - self._began

    # ------------------------------------------------------------ the server
    async def _start_server(self) -> str:
        with (self._data / "server.log").open("ab") as log_file:
            server = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-P", "-m", "tracenode.server", "run"),
                str(self._data / "tracenode.toml"),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=PIPE,
                stderr=log_file,
            )
        self._server = server
        assert server.stdout is not None
        try:
            async with asyncio.timeout(START_S):
                said = (await server.stdout.readline()).decode().strip()
        except TimeoutError:
            said = ""
        if not said.startswith("serving "):
            log = (self._data / "server.log").read_text(encoding="utf-8", errors="replace")
            raise DemoFailed(f"the server did not start:\n{log[-2000:]}")
        return said.removeprefix("serving ")

    async def _stop_server(self) -> None:
        await _stop(self._server)

    async def _kill_now_and_then(self) -> None:
        """Kill the server without warning and start it again."""
        while self._kill_every:
            await asyncio.sleep(self._kill_every * self._chance.uniform(0.3, 1.7))
            assert self._server is not None
            self._server.kill()
            await self._server.wait()
            self._outcome.kills += 1
            await self._start_server()

    # ------------------------------------------------------------ watching
    async def _follow(self, line: Process, killing: asyncio.Task[None]) -> None:
        """Show the line's progress until it ends."""
        assert line.stdout is not None
        async for text in line.stdout:
            self._outcome.progress = json.loads(text)
            self._show_progress()
            if killing.done():
                killing.result()
            gone = self._server is not None and self._server.returncode is not None
            if gone and not self._kill_every:
                raise DemoFailed("the server ended by itself; see server.log")
        if await line.wait() != 0:
            raise DemoFailed("the line stopped: the server refused a request; see above")

    def _show_progress(self) -> None:
        if self._quiet:
            return
        if sys.stdout.isatty():
            click.echo(f"\r\x1b[K{_progress_text(self._outcome)}", nl=False)
        elif monotonic() - self._shown > QUIET_PROGRESS_S:
            self._shown = monotonic()
            click.echo(_progress_text(self._outcome))

    def _say_what_to_try(self, endpoint: str) -> None:
        if self._quiet:
            return
        database = self._data / "tracenode.db"
        click.echo(f"\nThe line is running. Its server: {endpoint}\n\nThree things to try:")
        click.echo("  1. Open that address in an OPC UA client and browse to Objects/Traceability.")
        click.echo("  2. What went into the first unit (in another terminal, once it is finished):")
        click.echo(f"     python run.py ingredients sn:PUMP:P0000001 --db {database}")
        click.echo("  3. What to recall when a lot of coil wire is suspect:")
        click.echo(f"     python run.py recall lot:COIL:COIL-L0001 --db {database}\n")
        if not self._units:
            click.echo("Ctrl-C ends it.\n")


def _progress_text(outcome: Outcome) -> str:
    done = outcome.progress
    text = (
        f"{done['finished']} finished, {done['reworked']} reworked, {done['replaced']} boards "
        f"replaced, {done['scrapped']} scrapped; {done['requests']} requests, {done['scans']} scans"
    )
    return text + (f"; server killed {outcome.kills}x" if outcome.kills else "")


async def _ended(task: asyncio.Task[None]) -> None:
    """Cancel a task and wait for its end, so that it starts nothing any more."""
    task.cancel()
    await asyncio.wait([task])


@asynccontextmanager
async def _process(module: str, *arguments: str) -> AsyncIterator[Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-P", "-m", module),
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=PIPE,
    )
    try:
        yield process
    finally:
        await _stop(process)


async def _stop(process: Process | None) -> None:
    """End a process: politely, then for certain."""
    if process is None or process.returncode is not None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        async with asyncio.timeout(STOP_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


async def _line_places(line: Process) -> list[Mapping[str, Any]]:
    """Return where the line's controllers and readers are, once they listen."""
    assert line.stdout is not None
    try:
        async with asyncio.timeout(START_S):
            said = await line.stdout.readline()
        places: list[Mapping[str, Any]] = json.loads(said)
    except (TimeoutError, ValueError) as error:
        raise DemoFailed("the simulated line did not start") from error
    return places


def _compare(data: Path, outcome: Outcome) -> None:
    """Ask the server's file for the ingredients of every finished unit, and compare them with what
    the controllers say they built."""
    truth = data / "truth.jsonl"
    if not truth.exists():
        return
    differences: list[str] = []
    with Trace.open(data / "tracenode.db", read_only=True) as trace:
        for text in truth.read_text(encoding="utf-8").splitlines():
            said = json.loads(text)
            answer = trace.ask_now(Ingredients(item=f"sn:PUMP:{said['unit']}"))
            found = sorted(_short(node.item) for node in answer.nodes if node.depth)
            if found != said["ingredients"]:
                missing = sorted(set(said["ingredients"]) - set(found))
                extra = sorted(set(found) - set(said["ingredients"]))
                differences.append(f"{said['unit']}: missing {missing}, too many {extra}")
            elif not answer.statement.complete:
                differences.append(f"{said['unit']}: open ends {answer.statement.frontier}")
            outcome.compared += 1
    outcome.differences = differences


def _short(public: str) -> str:
    identity = Identity.parse(public)
    assert identity is not None
    return f"{identity.part}:{identity.text}"


def _summary(outcome: Outcome, as_json: bool) -> None:
    differences = outcome.differences
    if as_json:
        echo_json(
            {
                **outcome.progress,
                "kills": outcome.kills,
                "seconds": round(outcome.seconds, 1),
                "compared": outcome.compared,
                "differences": differences,
            }
        )
        return
    click.echo()
    if outcome.progress:
        click.echo(_progress_text(outcome))
    if differences is None:
        click.echo("no unit was finished; nothing to compare")
        return
    click.echo(
        f"compared with what the controllers say they built: {outcome.compared} unit(s), "
        f"{len(differences)} difference(s)"
    )
    for difference in differences[:10]:
        click.echo(f"  {difference}")
