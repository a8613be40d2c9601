"""One server for all tests of this folder, and an asyncua client for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from asyncua.client.client import Client

from tests.opcua.core.sample import Sample, sample_server
from tracenode.server.opcua.core import ServerOptions, TraceServer

NODESET = Path(__file__).with_name("Sample.NodeSet2.xml")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def sample() -> AsyncIterator[Sample]:
    server = TraceServer(ServerOptions("Test", endpoint="opc.tcp://127.0.0.1:0/tracenode"))
    made = await sample_server(server, NODESET)
    await server.start()
    try:
        yield made
    finally:
        await server.stop()


@pytest_asyncio.fixture(loop_scope="session")
async def client(sample: Sample) -> AsyncIterator[Client]:
    connected = Client(sample.server.endpoint, timeout=10)
    connected.application_uri = "urn:test:client"
    async with connected:
        yield connected
