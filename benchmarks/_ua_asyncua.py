"""The benchmark's server on stock asyncua: `python -m benchmarks._ua_asyncua CERTIFICATE KEY`."""

from __future__ import annotations

import asyncio
import logging
import sys
from typing import Any

from asyncua import ua
from asyncua.common.methods import uamethod
from asyncua.server.server import Server
from asyncua.ua.object_ids import ObjectIds

from benchmarks._ua_space import (
    ECHO,
    FOLDER,
    MACHINE,
    NAMESPACES,
    VARIABLES,
    commanded,
    variable,
)

SECURITY = [
    ua.SecurityPolicyType.NoSecurity,
    ua.SecurityPolicyType.Basic256Sha256_SignAndEncrypt,
]
logging.getLogger("asyncua").setLevel(logging.ERROR)  # it logs every request at info


def _id(text: str) -> ua.NodeId:
    identifier: Any = text
    return ua.NodeId(identifier, ua.Int16(3))


@uamethod
def echo(parent: ua.NodeId, text: str) -> str:
    """Return what was given."""
    return text


async def serve(certificate: str, key: str) -> None:
    server = Server()
    await server.init()
    server.set_endpoint("opc.tcp://127.0.0.1:0/bench")
    server.set_security_policy(SECURITY)
    await server.load_certificate(certificate)
    await server.load_private_key(key)
    for uri in NAMESPACES:
        await server.register_namespace(uri)
    objects = server.nodes.objects
    folder = await objects.add_folder(_id(FOLDER), ua.QualifiedName(FOLDER, ua.UInt16(3)))
    ids = [_id(variable(number)) for number in range(VARIABLES)]
    for number, node_id in enumerate(ids):
        name = ua.QualifiedName(f"V{number}", ua.UInt16(3))
        node = await folder.add_variable(node_id, name, 0.0, ua.VariantType.Double)
        await node.set_writable()
    machine = await objects.add_object(_id(MACHINE), ua.QualifiedName(MACHINE, ua.UInt16(3)))
    name = ua.QualifiedName("GetItem", ua.UInt16(3))
    string = [ua.VariantType.String]
    await machine.add_method(_id(ECHO), name, echo, string, string)
    emitter: Any = server.nodes.server
    kind = ua.NodeId(ua.Int32(ObjectIds.BaseEventType))
    events = await server.get_event_generator(kind, emitting_node=emitter)

    async def update(variables: int, value: float) -> None:
        for count, node_id in enumerate(ids[:variables], start=1):
            fresh = ua.DataValue(ua.Variant(value, ua.VariantType.Double))
            await server.write_attribute_value(node_id, fresh)
            if count % 200 == 0:
                await asyncio.sleep(0)

    async def emit(number: int) -> None:
        await events.trigger(message=str(number))

    await server.start()
    try:
        assert server.bserver is not None
        await commanded(f"opc.tcp://127.0.0.1:{server.bserver.port}/bench", update, emit)
    finally:
        await server.stop()


if __name__ == "__main__":
    asyncio.run(serve(*sys.argv[1:3]))
