"""A controller's OPC UA server on node-opcua, which a test can change, freeze and kill."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from signal import SIGCONT, SIGSTOP
from typing import Any, Final

from tests.support.node import FOLDER, node_modules

__all__ = ["Plc", "free_port", "plc"]

START_TIME: Final = 60.0
ANSWER_TIME: Final = 10.0


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
    return port


class Plc:
    """One process of plc_server.js at a time, always on the same port."""

    def __init__(self, folder: Path, secured: Sequence[str] = ()) -> None:
        self.port = free_port()
        self._folder, self._secured = folder, secured
        self._process: subprocess.Popen[str] | None = None

    @property
    def link(self) -> str:
        return f"opc.tcp://127.0.0.1:{self.port}/plc"

    def start(self) -> None:
        node_modules()
        command = [shutil.which("node") or "node", str(FOLDER / "plc_server.js")]
        self._process = subprocess.Popen(
            [*command, str(self.port), str(self._folder), *self._secured],
            cwd=FOLDER,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._line() == "serving"

    def kill(self) -> None:
        """End it at once, as a controller that loses its power."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()

    def freeze(self) -> None:
        """Stop its process: its sockets stay open and nothing answers."""
        assert self._process is not None
        self._process.send_signal(SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(SIGCONT)

    async def restart(self) -> None:
        async with asyncio.timeout(START_TIME):
            await asyncio.to_thread(self.start)

    async def do(self, *command: Any) -> Any:
        """Give a command; return its answer."""
        async with asyncio.timeout(ANSWER_TIME):
            said = await asyncio.to_thread(self._told, command)
        assert not (isinstance(said, dict) and "error" in said), said
        return said

    def _told(self, command: Sequence[Any]) -> Any:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        return self._line()

    def _line(self) -> Any:
        """Read the next line that is JSON; node-opcua prints advice of its own between."""
        assert self._process is not None
        assert self._process.stdout is not None
        while line := self._process.stdout.readline():
            try:
                return json.loads(line)
            except ValueError:
                continue
        raise AssertionError("plc_server.js ended")


@contextmanager
def plc(folder: Path, secured: Sequence[str] = ()) -> Iterator[Plc]:
    """`folder`: for the certificates of node-opcua. `secured`: certificate file, key file, user,
    password."""
    controller = Plc(folder, secured)
    try:
        controller.start()
        yield controller
    finally:
        controller.kill()
