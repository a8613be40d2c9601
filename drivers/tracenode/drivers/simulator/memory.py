"""A controller's holding registers behind a Modbus TCP server."""

from __future__ import annotations

import asyncio
import logging
from types import TracebackType
from typing import Final, Self

from pymodbus.constants import ExcCodes
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

__all__ = ["HOST", "RegisterServer"]

HOST: Final = "127.0.0.1"
logging.getLogger("pymodbus").setLevel(logging.CRITICAL)  # it tells of every client that is killed
UNIT: Final = 1


class RegisterServer:
    """Holding registers that this process and Modbus clients share.

    `words` is the memory; whoever waits on `written` is woken by each write of a client.
    """

    def __init__(self, size: int) -> None:
        self.words = [0] * size
        self.written = asyncio.Event()
        self._server: ModbusTcpServer | None = None
        self.port = 0

    async def __aenter__(self) -> Self:
        device = SimDevice(
            id=UNIT,
            simdata=[SimData(0, count=len(self.words), datatype=DataType.REGISTERS)],
            action=self._access,
        )
        server = self._server = ModbusTcpServer(device, address=(HOST, 0))
        await server.serve_forever(background=True)
        listener = server.transport
        assert isinstance(listener, asyncio.Server)
        self.port = listener.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._server is not None:
            await self._server.shutdown()  # type: ignore[no-untyped-call]

    async def _access(  # noqa: PLR0917 - the signature is pymodbus'
        self,
        function_code: int,
        start_address: int,
        address: int,
        count: int,
        current_registers: list[int],
        set_values: list[int] | list[bool] | None,
    ) -> ExcCodes | None:
        at = address - start_address
        if set_values is None:
            current_registers[at : at + count] = self.words[address : address + count]
        else:
            self.words[address : address + count] = [int(value) for value in set_values]
            self.written.set()
        return None
