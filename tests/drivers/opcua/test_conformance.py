"""The OPC UA source through the suite that every driver has to pass."""

from __future__ import annotations

from typing import Any

import pytest
from asyncua import ua
from asyncua.server.server import Server

from tests.support.rigs import free_port, made
from tracenode.drivers.conformance import Conformance, Rig
from tracenode.drivers.driver import Driver

pytestmark = pytest.mark.integration

URI = "urn:tests:controller"
POINTS = {
    "Force": {"node": f"nsu={URI};s=Force", "type": "Double"},
    "Count": {"node": f"nsu={URI};s=Count", "type": "UInt16"},
    "Ready": {"node": f"nsu={URI};s=Ready", "type": "Boolean"},
    "Text": {"node": f"nsu={URI};s=Text", "type": "String"},
}
VALUES = {
    "Force": (1.5, ua.VariantType.Double),
    "Count": (7, ua.VariantType.UInt16),
    "Ready": (True, ua.VariantType.Boolean),
    "Text": ("A", ua.VariantType.String),
}


class ServerRig(Rig):
    """asyncua's server; pulled, it is stopped and forgotten."""

    def __init__(self) -> None:
        self._link = f"opc.tcp://127.0.0.1:{free_port()}/plc"
        self._server: Server | None = None

    def driver(self) -> Driver:
        keys: dict[str, Any] = {"security": "None", "publishing_ms": 50, "points": POINTS}
        return made("opcua", self._link, **keys)

    async def plug(self) -> None:
        if self._server is not None:
            return
        server = self._server = Server()
        await server.init()
        server.set_endpoint(self._link)
        index = await server.register_namespace(URI)
        for name, (value, kind) in VALUES.items():
            node = ua.NodeId.from_string(f"ns={index};s={name}")
            await server.nodes.objects.add_variable(node, name, value, kind)
        await server.start()

    async def pull(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            await server.stop()


class TestOpcUa(Conformance):
    def rig(self) -> Rig:
        return ServerRig()
