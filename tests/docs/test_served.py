"""A server of the examples has what the pages say that it has."""

from __future__ import annotations

import asyncio
import re
import shutil
import socket
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest
from asyncua.client.client import Client
from asyncua.ua.uaerrors import UaStatusCodeError

from tests.commands.plant import EXAMPLES, PROCESS_S, build, command_line
from tests.docs.pages import page
from tracenode.models.events import Register
from tracenode.models.receipts import Requester
from tracenode.server.trace import Trace

pytestmark = pytest.mark.integration


async def missing(endpoint: str, identifiers: Iterable[str]) -> list[str]:
    found = []
    async with asyncio.timeout(PROCESS_S), Client(endpoint) as client:
        for identifier in identifiers:
            try:
                await client.get_node(f"ns=3;s={identifier}").read_browse_name()
            except UaStatusCodeError:
                found.append(identifier)
    return found


def test_the_node_ids_of_the_page_are_those_of_the_examples(tmp_path: Path) -> None:
    database = build(tmp_path)
    with Trace.open(database) as trace:
        event = Register(item="P0000001", material="PUMP")
        assert not trace.record_now(event, Requester("test")).refused
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = tmp_path / "tracenode.toml"
    shutil.copy(EXAMPLES / "tracenode.toml", config)
    text = config.read_text(encoding="utf-8").replace(":4840/", f":{port}/")
    text = text.replace("# anonymous", "anonymous").replace("# security", "security")
    config.write_text(text, encoding="utf-8")
    found = set(re.findall(r"`ns=3;s=([^`]+)`", page("docs/opcua.md")))
    assert len(found) >= 10
    with subprocess.Popen(
        command_line("run", config), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as server:
        try:
            assert server.stdout is not None
            endpoint = server.stdout.readline().strip().removeprefix("serving ")
            assert asyncio.run(missing(endpoint, found)) == []
        finally:
            server.terminate()
            server.communicate(timeout=PROCESS_S)
    assert server.returncode == 0
