"""The benchmark's server on open62541 served from Python, by the package o6:
`python -m benchmarks._ua_o6 CERTIFICATE KEY`.

Without a licence key it may run for ten minutes.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks._ua_space import (
    ECHO,
    FOLDER,
    MACHINE,
    NAMESPACES,
    VARIABLES,
    commanded,
    variable,
)

o6: Any = import_module("o6")  # it may be missing, and its types are wider than its answers
datatypes: Any = import_module("o6.ns.ns0.datatypes")


def _echo(*given: Any) -> Any:
    return o6.StatusCode(0), given[-1]


async def serve(certificate: bytes, key: bytes) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    logger = logging.getLogger("bench.o6")
    logger.setLevel(logging.CRITICAL)
    server = o6.Server(
        port,
        logger,
        certificate=certificate,
        privateKey=key,
        acceptAllCertificates=True,
        applicationUri="urn:bench:server",
    )
    for index, uri in enumerate(NAMESPACES, start=2):
        server._add_namespace(uri, index)

    def node_id(text: str) -> Any:
        return o6.NodeId(f"ns=3;s={text}")

    folder = await server.addObject(
        FOLDER,
        server.objectsNode,
        nodeId=node_id(FOLDER),
        ns=3,
        typeDefinition=o6.NodeId("i=61"),
    )
    ids = [node_id(variable(number)) for number in range(VARIABLES)]
    for number, key_of in enumerate(ids):
        await server.addVariable(f"V{number}", folder, o6.Double(0.0), nodeId=key_of, ns=3)
    machine = await server.addObject(MACHINE, server.objectsNode, nodeId=node_id(MACHINE), ns=3)
    string = o6.NodeId("i=12")
    given = [datatypes.Argument(name="Text", dataType=string, valueRank=-1)]
    answer = [datatypes.Argument(name="Answer", dataType=string, valueRank=-1)]
    await server.addMethod(
        "GetItem",
        machine,
        _echo,
        inputArgs=given,
        outputArgs=answer,
        nodeId=node_id(ECHO),
        ns=3,
    )

    async def update(variables: int, value: float) -> None:
        fresh = o6.Double(value)
        for first in range(0, variables, 200):
            await server.write(dict.fromkeys(ids[first : min(first + 200, variables)], fresh))

    async def emit(number: int) -> None:
        await server.createEvent(o6.NodeId("i=2041"), message=str(number), severity=100)

    server.start()
    await server.waitReady()
    try:
        await commanded(f"opc.tcp://127.0.0.1:{port}/bench", update, emit)
    finally:
        server.stop()


if __name__ == "__main__":
    asyncio.run(serve(*(Path(name).read_bytes() for name in sys.argv[1:3])))
