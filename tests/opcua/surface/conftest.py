"""One server for all tests of this folder, and an asyncua client for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from asyncua.client.client import Client

from tests.opcua.surface.plant import Plant, master_data, running


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def plant(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Plant]:
    database = tmp_path_factory.mktemp("surface") / "plant.db"
    async with running(database) as made:
        await master_data(made.trace)
        yield made


@pytest_asyncio.fixture(loop_scope="session")
async def client(plant: Plant) -> AsyncIterator[Client]:
    connected = Client(plant.server.endpoint, timeout=10)
    connected.application_uri = "urn:test:controller"
    async with connected:
        await connected.load_data_type_definitions()
        yield connected
