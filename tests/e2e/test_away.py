"""An MES that is away while the line works and the server is killed: none lost, none twice."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from asyncua import ua
from asyncua.client.client import Client
from asyncua.ua.uaerrors import UaError

from tests.support.node import FOLDER, node_modules
from tests.support.server_process import ServerProcess
from tests.support.waiting import eventually
from tracenode.models.events import Master
from tracenode.models.receipts import Requester
from tracenode.server.opcua.ids import ua_id
from tracenode.server.trace import Trace

pytestmark = [pytest.mark.integration, pytest.mark.asyncio]

WITHIN = 150.0
"""Seconds for each step: node-opcua reads all data types anew in each session, which takes half a
minute on a busy machine."""


@contextmanager
def mes(endpoint: str, ledger: Path) -> Iterator[subprocess.Popen[str]]:
    """An MES that ends by a kill, as at a power failure."""
    command = [shutil.which("node") or "node", str(FOLDER / "mes_client.js")]
    with subprocess.Popen(
        [*command, endpoint, "MES1", str(ledger)], cwd=FOLDER, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()
            _, said = process.communicate()
            assert "a gap" not in said, said


class Line:
    """Books units by method calls; a call whose answer did not come is made again."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint, self.made = endpoint, 0

    async def make(self, count: int) -> None:
        ends = self.made + count
        async with asyncio.timeout(WITHIN):
            while self.made < ends:
                try:
                    async with Client(self.endpoint, timeout=4) as client:
                        while self.made < ends:
                            await self._register(client)
                except (OSError, TimeoutError, UaError, asyncio.CancelledError) as error:
                    if isinstance(error, asyncio.CancelledError) and _cancelled():
                        raise
                    await asyncio.sleep(0.1)

    async def _register(self, client: Client) -> None:
        number = self.made + 1
        request = ua.CallMethodRequest()
        request.ObjectId = ua_id("St/OP10", 3)
        request.MethodId = ua_id("St/OP10.RegisterItem", 3)
        given = (f"r{number}", "PUMP", "", f"P{number}")
        request.InputArguments = [ua.Variant(text, ua.VariantType.String) for text in given]
        (result,) = await client.uaclient.call([request])
        result.StatusCode.check()
        assert result.OutputArguments[-1].Value < 100, result.OutputArguments
        self.made = number


def _cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def rows(ledger: Path) -> list[tuple[int, str]]:
    found = [line.split(" ") for line in ledger.read_text("ascii").splitlines()]
    return [(int(sequence), record) for sequence, record in found]


async def test_an_mes_that_was_away_has_every_record_once(tmp_path: Path) -> None:
    node_modules()
    server, ledger = ServerProcess(tmp_path), tmp_path / "ledger"
    ledger.touch()
    with Trace.open(server.database, site="Test", create=True) as trace:
        trace.record_now(Master(kind="material", key="PUMP", data={}), Requester("test"))
    line = Line(server.endpoint)
    with server:
        with mes(server.endpoint, ledger):
            await line.make(15)
            await eventually(lambda: len(rows(ledger)) >= 10, within=WITHIN)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(line.make(15))
        away_at = len(rows(ledger))
        await line.make(20)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(line.make(40))
            await eventually(lambda: line.made >= 60, within=WITHIN)
            server.kill()
            await asyncio.to_thread(server.start)
        assert len(rows(ledger)) == away_at
        with mes(server.endpoint, ledger):
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(line.make(60))
                await eventually(lambda: len(rows(ledger)) > away_at, within=WITHIN)
                await eventually(lambda: line.made >= 120, within=WITHIN)
                server.kill()
                await asyncio.to_thread(server.start)
            records = line.made + 1
            await eventually(lambda: len(rows(ledger)) >= records, within=WITHIN)
            await eventually(lambda: consumer(server)["acknowledged"] == records, within=WITHIN)
    kept = rows(ledger)
    assert [sequence for sequence, _ in kept] == list(range(1, line.made + 2))
    with Trace.open(server.database, read_only=True) as trace:
        booked = await trace.records(1, 1000)
    assert [(record.sequence, record.record) for record in booked] == kept
    assert len({record.item for record in booked if record.item}) == line.made
    assert consumer(server)["pending"] == 0


def consumer(server: ServerProcess) -> dict[str, Any]:
    listed = subprocess.run(
        [
            *(sys.executable, "-P", "-m", "tracenode.server", "consumers", "list"),
            *("--db", str(server.database), "--json"),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    (found,) = json.loads(listed.stdout)
    return dict(found)
