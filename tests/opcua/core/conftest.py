"""A server for each module of this folder, so that none sees what another one left, and a client
for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from asyncua.client.client import Client
from asyncua.ua.attribute_ids import AttributeIds

from tests.opcua.core.lanes import NODES, Side, both
from tests.opcua.core.sample import Sample, sample_server
from tracenode.models.roles import GRANTED
from tracenode.server.opcua.core import ServerOptions, TraceServer

NODESET = Path(__file__).with_name("Sample.NodeSet2.xml")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def sample() -> AsyncIterator[Sample]:
    server = TraceServer(
        ServerOptions("Test", endpoint="opc.tcp://127.0.0.1:0/tracenode", anonymous=GRANTED)
    )
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


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def _sides(sample: Sample) -> AsyncIterator[tuple[Side, Side]]:
    async with both(sample) as found:
        yield found


@pytest_asyncio.fixture(loop_scope="session")
async def sides(sample: Sample, _sides: tuple[Side, Side]) -> AsyncIterator[tuple[Side, Side]]:
    """Two connections, with the fast lane and without; what they write is put back."""
    space = sample.server.space
    cells = [space.value_cell(node_id) for node_id in NODES[:4]]
    before = [None if cell is None else cell.value for cell in cells]
    yield _sides
    for node_id, value in zip(NODES[:4], before, strict=True):
        if value is not None:
            space.assign(space[node_id], AttributeIds.Value, value)
