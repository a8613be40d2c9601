"""One guarded server for all tests of this folder."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.opcua.security.guarded import Guarded, guarded


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Guarded]:
    """A plant that takes users only; tests must leave its users as they were."""
    async with guarded(tmp_path_factory.mktemp("guarded")) as made:
        yield made
