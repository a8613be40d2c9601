"""`tracenode run` as a process that is killed and started again on the same files and port."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from tracenode.models.config import OpcUaConfig

__all__ = ["ServerProcess"]

_OPEN: Final = {
    "security": '["None"]',
    "anonymous": "true",
    "anonymous_roles": '["Operator"]',
    "audit": '""',
}
"""Keys of `[opcua]` that let any client of this machine book."""


class ServerProcess:
    """A server of one station, OP10, in a folder. Use it as a context manager."""

    def __init__(self, folder: Path, extra: str = "") -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.endpoint = f"opc.tcp://127.0.0.1:{port}/tracenode"
        self.database = folder / "tracenode.db"
        self._config = folder / "tracenode.toml"
        keys = [
            f"{key} = {value}" for key, value in _OPEN.items() if key in OpcUaConfig.model_fields
        ]
        lines = [
            '[site]\nid = "Test"',
            f'[opcua]\nendpoint = "{self.endpoint}"',
            *keys,
            '[[stations]]\nid = "OP10"\npath = "Plant"',
            extra,
        ]
        self._config.write_text("\n".join(lines), encoding="utf-8")
        self._process: subprocess.Popen[str] | None = None

    @property
    def pid(self) -> int:
        """The number of the process, which must run."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Return when clients can connect."""
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "tracenode.server", "run", str(self._config)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=dict(os.environ),
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line.startswith("serving "), line

    def kill(self) -> None:
        """End it without a chance to tidy up; harmless when it does not run."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()
