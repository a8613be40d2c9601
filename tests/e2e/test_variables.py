"""A client that knows only variables, and a server that is killed in the middle of its cycles."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.node import FOLDER, node_modules
from tests.support.server_process import ServerProcess
from tracenode.models.events import Master, Register
from tracenode.models.receipts import Requester
from tracenode.server.trace import Trace

pytestmark = pytest.mark.integration

UNITS = 90
KILLED_AT = (20, 60)
WITHIN = 120


def test_killed_servers_book_each_request_once(tmp_path: Path) -> None:
    node_modules()
    server = ServerProcess(tmp_path)
    with Trace.open(server.database, site="Test", create=True) as trace:
        trace.record_now(Master(kind="material", key="PUMP", data={}), Requester("test"))
    answers = []
    with (
        server,
        subprocess.Popen(
            [
                *(shutil.which("node") or "node", str(FOLDER / "mailbox_client.js")),
                *(server.endpoint, "St/OP10.Mailbox", "7", "1", str(UNITS)),
            ],
            cwd=FOLDER,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as client,
    ):
        assert client.stdout is not None
        for line in client.stdout:
            if not line.startswith("{"):  # what node-opcua has to say
                continue
            answers.append(json.loads(line))
            if len(answers) in KILLED_AT:
                server.kill()
                server.start()
        _, faults = client.communicate(timeout=WITHIN)
        assert client.returncode == 0, faults
    assert [answer["ResponseSequence"] for answer in answers] == list(range(1, UNITS + 1))
    assert {answer["Result"] for answer in answers} == {1}, answers
    assert len({answer["ServerEpoch"] for answer in answers}) == len(KILLED_AT) + 1
    with Trace.open(server.database, read_only=True) as trace:
        rows = trace.store.readers.run_now(
            lambda connection: connection.execute(
                "SELECT body FROM journal WHERE type = 'register' ORDER BY seq"
            ).fetchall()
        )
    booked = [json.loads(body) for (body,) in rows]
    assert [Register(**body["f"]).item for body in booked] == [
        f"sn:PUMP:P{number}" for number in range(1, UNITS + 1)
    ]
    assert [body["es"] for body in booked] == [answer["EventSequence"] for answer in answers]
