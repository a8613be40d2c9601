"""A Mosquitto broker on one port, which a test can stop, kill and freeze, and its publisher."""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from signal import SIGCONT, SIGSTOP
from typing import Final

from tests.support.peers import require
from tests.support.rigs import free_port
from tests.support.waiting import eventually_sync

__all__ = ["Broker", "broker", "require_mqtt"]

SETTINGS: Final = """\
listener {port} 127.0.0.1
persistence true
persistence_location {folder}/
autosave_interval 1
autosave_on_changes true
max_queued_messages 100000
log_dest none
"""
OPEN: Final = "allow_anonymous true\n"
PUBLISH_TIME: Final = 10.0


def require_mqtt() -> None:
    require(find_spec("paho") is not None, "the package paho-mqtt")
    found = all(shutil.which(name) for name in ("mosquitto", "mosquitto_pub", "mosquitto_passwd"))
    require(found, "mosquitto and mosquitto-clients")


class Broker:
    """One process at a time. What it keeps for clients is in `folder`, so that it outlives a stop;
    a kill loses at most what was not saved yet."""

    def __init__(self, folder: Path, settings: str = OPEN, secured: Sequence[str] = ()) -> None:
        """`secured`: what mosquitto_pub needs to be let in."""
        self.port = free_port()
        self._secured = list(secured)
        self._file = folder / "mosquitto.conf"
        self._file.write_text(SETTINGS.format(port=self.port, folder=folder) + settings)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def link(self) -> str:
        return f"mqtt://127.0.0.1:{self.port}"

    def start(self) -> None:
        # Debian starts it as root and lets it become another user, who can't write here.
        command = [shutil.which("mosquitto") or "mosquitto", "-c", str(self._file)]
        self._process = subprocess.Popen(command)
        eventually_sync(self._listens)

    def stop(self) -> None:
        """Let it save what it keeps, and end."""
        self._end(kill=False)

    def kill(self) -> None:
        self._end(kill=True)

    def freeze(self) -> None:
        """Its sockets stay open and nothing answers."""
        assert self._process is not None
        self._process.send_signal(SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(SIGCONT)

    async def publish(
        self, topic: str, payload: str | bytes, *, qos: int = 1, retain: bool = False
    ) -> None:
        """Return when the broker has it (QoS 1 and 2)."""
        command = ["mosquitto_pub", "-p", str(self.port), "-t", topic, "-q", str(qos)]
        command += ["-s"] if payload else ["-n"]
        command += ["-r"] * retain + (self._secured or ["-h", "127.0.0.1"])
        given = payload.encode() if isinstance(payload, str) else payload
        process = await asyncio.create_subprocess_exec(*command, stdin=asyncio.subprocess.PIPE)
        async with asyncio.timeout(PUBLISH_TIME):
            await process.communicate(given)
        assert process.returncode == 0

    async def publish_lines(self, topic: str, lines: Sequence[str], *, qos: int = 1) -> None:
        """Publish a message for each line, in order."""
        command = ["mosquitto_pub", "-p", str(self.port), "-t", topic, "-q", str(qos), "-l"]
        command += self._secured or ["-h", "127.0.0.1"]
        process = await asyncio.create_subprocess_exec(*command, stdin=asyncio.subprocess.PIPE)
        async with asyncio.timeout(PUBLISH_TIME):
            await process.communicate("".join(f"{line}\n" for line in lines).encode())
        assert process.returncode == 0

    def _listens(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return True

    def _end(self, *, kill: bool) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if kill:
            process.kill()
        else:
            process.terminate()
        process.wait(10)


@contextmanager
def broker(folder: Path, settings: str = OPEN, secured: Sequence[str] = ()) -> Iterator[Broker]:
    require_mqtt()
    folder.chmod(0o777)
    made = Broker(folder, settings, secured)
    try:
        made.start()
        yield made
    finally:
        made.kill()
