"""Modbus peers that share no code with ours: slaves on libmodbus, built on demand, and mbpoll."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path

from tests.support.peers import require
from tests.support.waiting import eventually

__all__ = ["LINE_TIMEOUT", "executable", "mbpoll", "peer", "rtu_slave", "serial_line", "tcp_slave"]

SOURCES = Path(__file__).parent.parent / "peers"
COMPILE_TIMEOUT = 60.0
READY_TIMEOUT = 10.0
LINE_TIMEOUT = 10.0
"""Seconds for one run of mbpoll."""


@cache
def executable(name: str) -> Path:
    """Compile tests/peers/NAME.c, once for each state of its source."""
    for tool in ("gcc", "pkg-config"):
        require(shutil.which(tool) is not None, f"{tool} is not installed")
    flags = subprocess.run(
        ["pkg-config", "--cflags", "--libs", "libmodbus"],
        capture_output=True,
        text=True,
        check=False,
    )
    require(flags.returncode == 0, "libmodbus-dev is not installed")
    source = SOURCES / f"{name}.c"
    digest = hashlib.sha256(source.read_bytes()).hexdigest()[:12]
    target = Path(tempfile.gettempdir()) / "tracenode-peers" / f"{name}-{digest}"
    if not target.exists():
        target.parent.mkdir(exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=target.parent, delete=False) as unfinished:
            pass
        build = ["gcc", "-O1", "-Wall", "-Werror", "-o", unfinished.name, str(source)]
        subprocess.run(
            [*build, *flags.stdout.split()],
            check=True,
            timeout=COMPILE_TIMEOUT,
        )
        Path(unfinished.name).chmod(0o755)
        Path(unfinished.name).replace(target)  # at once: another run may look for it
    return target


@asynccontextmanager
async def _process(*command: str | Path, ready: str) -> AsyncIterator[str]:
    """Run a peer; give the rest of the line that begins with `ready`."""
    process = await asyncio.create_subprocess_exec(
        *map(str, command), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(READY_TIMEOUT):
            line = (await process.stdout.readline()).decode()
        assert line.startswith(ready), f"{command[0]} said {line!r}"
        yield line.removeprefix(ready).strip()
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@asynccontextmanager
async def peer(name: str, *arguments: str) -> AsyncIterator[str]:
    """Run tests/peers/NAME.c; give what it says after "ready"."""
    async with _process(executable(name), *arguments, ready="ready") as said:
        yield said


@asynccontextmanager
async def tcp_slave(port: int = 0, delay_ms: int = 0) -> AsyncIterator[int]:
    """A TCP slave (see the source for what it holds); gives its port."""
    async with peer("modbus_tcp_slave", str(port), str(delay_ms)) as said:
        yield int(said)


@asynccontextmanager
async def rtu_slave(
    tty: str, unit: int = 1, *, slow_from: int = 65536, delay_ms: int = 0
) -> AsyncIterator[None]:
    """An RTU slave at 115200 baud without parity on `tty`."""
    settings = ("115200", "N", str(unit), str(slow_from), str(delay_ms))
    async with peer("modbus_rtu_slave", tty, *settings):
        yield


@asynccontextmanager
async def serial_line(directory: Path) -> AsyncIterator[tuple[str, str]]:
    """Two pseudo-terminals joined by a cable; the line hangs up at the end."""
    require(shutil.which("socat") is not None, "socat is not installed")
    ends = (str(directory / "master"), str(directory / "slave"))
    process = await asyncio.create_subprocess_exec(
        "socat", *(f"pty,raw,echo=0,link={end}" for end in ends)
    )
    try:
        await eventually(lambda: all(os.path.exists(end) for end in ends), READY_TIMEOUT)  # noqa: PTH110
        yield ends
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def mbpoll(port: int, *arguments: str) -> dict[int, str]:
    """Run mbpoll once against a TCP slave, addresses from 0; give what it read by address."""
    require(shutil.which("mbpoll") is not None, "mbpoll is not installed")
    command = ["mbpoll", "-1", "-0", "-m", "tcp", "-p", str(port), *arguments]
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        async with asyncio.timeout(LINE_TIMEOUT):
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    text = output.decode()
    assert process.returncode == 0, text
    rows = (line.partition("]:") for line in text.splitlines() if line.startswith("["))
    return {int(address[1:]): value.strip() for address, _, value in rows}
