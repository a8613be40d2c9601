"""A second consumer while the server is killed: an MES on node-opcua, which keeps its records in a
file. It is started again where it ends by itself, as a plant does with its clients."""

from __future__ import annotations

import asyncio
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Final

__all__ = ["NodeConsumer"]

SCRIPTS: Final = Path(__file__).resolve().parent.parent / "tests" / "node"


class NodeConsumer:
    """`tests/node/mes_client.js`: a registered consumer that makes its session and its subscription
    anew after each loss, and closes its gap with ReadRecords."""

    def __init__(self, endpoint: str, folder: Path) -> None:
        self.starts = 0
        self._endpoint = endpoint
        self._ledger, self._log = folder / "ledger", folder / "mes.log"
        self._ledger.touch()
        self._log.touch()

    @staticmethod
    def is_installed() -> bool:
        """Whether node and the packages of tests/node are there."""
        return shutil.which("node") is not None and (SCRIPTS / "node_modules/node-opcua").is_dir()

    @property
    def ledger(self) -> list[str]:
        """What it has: EventSequence and RecordId of each record, in the order it wrote them."""
        return self._ledger.read_text(encoding="ascii").splitlines()

    @property
    def gaps(self) -> list[str]:
        """What it said of sequences that did not follow each other."""
        said = self._log.read_text(encoding="utf-8", errors="replace")
        return [line for line in said.splitlines() if line.startswith("a gap")]

    async def work(self) -> None:
        """Run until cancelled."""
        script = str(SCRIPTS / "mes_client.js")
        while True:
            self.starts += 1
            with self._log.open("ab") as log:
                process = await asyncio.create_subprocess_exec(
                    shutil.which("node") or "node",
                    *(script, self._endpoint, "MES2", str(self._ledger)),
                    cwd=SCRIPTS,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=asyncio.subprocess.DEVNULL,
                    stderr=log,
                )
            try:
                await process.wait()
            finally:
                with suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
