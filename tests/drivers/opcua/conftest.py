"""A controller with an OPC UA server of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.drivers.opcua.plc import Plc, plc


@pytest.fixture(scope="session")
def running_plc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plc]:
    """One for all tests: node-opcua takes seconds to start."""
    with plc(tmp_path_factory.mktemp("plc")) as controller:
        yield controller


@pytest.fixture
async def controller(running_plc: Plc) -> Plc:
    await running_plc.do("reset")
    return running_plc
