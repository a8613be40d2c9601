"""The benchmark's server on our own core: `python -m benchmarks._ua_ours CERTIFICATE KEY [slow]`;
`slow` is without the fast lane."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import uvloop
from asyncua import ua
from asyncua.ua.object_ids import ObjectIds

from benchmarks._ua_client import Keys
from benchmarks._ua_space import ECHO, FOLDER, MACHINE, VARIABLES, commanded, variable
from tracenode.models.roles import Role
from tracenode.server.opcua.core import ServerOptions, TraceServer
from tracenode.server.opcua.ids import ua_id
from tracenode.server.opcua.methods.gateway import CallContext
from tracenode.server.opcua.nodes.book import (
    data_value,
    method_node,
    object_node,
    variable_node,
)
from tracenode.server.opcua.nodes.values import NewValue
from tracenode.server.opcua.security.certificates.folder import PkiFolder, Place
from tracenode.server.opcua.security.certificates.own import FILE as OWN_FILE
from tracenode.server.opcua.security.front import FrontOptions
from tracenode.server.opcua.subscriptions.events import Event

V = ua.VariantType
SECURITY = ("None", "Basic256Sha256.SignAndEncrypt")
ROLES = Role.Observer | Role.Operator | Role.Engineer | Role.Supervisor


def _name(text: str, namespace: int = 3) -> ua.QualifiedName:
    return ua.QualifiedName(text, ua.UInt16(namespace))


def _argument(name: str) -> ua.DataValue:
    argument = ua.Argument(Name=name, DataType=ua_id(ObjectIds.String), ValueRank=ua.Int32(-1))
    return data_value([argument], V.ExtensionObject, is_array=True)


async def echo(call: CallContext, *, text: str | None) -> Mapping[str, object]:
    """Return what was given."""
    return {"answer": text}


def fill(server: TraceServer) -> None:
    """Add the nodes of the benchmark."""
    book, objects = server.book, ua_id(ObjectIds.ObjectsFolder)
    organizes, component = ua_id(ObjectIds.Organizes), ua_id(ObjectIds.HasComponent)
    folder, machine = server.site_id(FOLDER), server.site_id(MACHINE)
    book.add(object_node(folder, _name(FOLDER), ua_id(ObjectIds.FolderType)), objects, organizes)
    for number in range(VARIABLES):
        node = variable_node(
            server.site_id(variable(number)),
            _name(f"V{number}"),
            ua_id(ObjectIds.Double),
            data_value(0.0, V.Double),
            writable=True,
        )
        book.add(node, folder, organizes)
    kind = ua_id(ObjectIds.BaseObjectType)
    book.add(object_node(machine, _name(MACHINE), kind, notifier=True), objects, organizes)
    method = server.site_id(ECHO)
    book.add(method_node(method, _name("GetItem")), machine, component)
    for name, argument in (("InputArguments", "Text"), ("OutputArguments", "Answer")):
        book.add(
            variable_node(
                server.site_id(f"{ECHO}.{name}"),
                _name(name, 0),
                ua_id(ObjectIds.Argument),
                _argument(argument),
                value_rank=1,
            ),
            method,
            ua_id(ObjectIds.HasProperty),
        )
    server.gateway.bind(method, echo)


def trusting(root: Path, keys: Keys) -> Path:
    """Make a folder of certificates: the server's own, and the client's that it trusts."""
    folder = PkiFolder(root)
    folder.make()
    shutil.copy(keys.server, folder.certs(Place.Own) / OWN_FILE)
    shutil.copy(keys.server.with_suffix(".pem"), folder.private / "key.pem")
    shutil.copy(keys.certificate, folder.certs(Place.Trusted))
    return folder.root


async def serve(pki: Path, *, fast: bool) -> None:
    options = ServerOptions(
        "bench",
        endpoint="opc.tcp://127.0.0.1:0/bench",
        application_uri="urn:bench:server",
        front=FrontOptions(security=SECURITY, pki=pki),
        anonymous=ROLES,
        fast_lane=fast,
    )
    server = TraceServer(options)
    await server.open()
    fill(server)
    ids = [server.site_id(variable(number)) for number in range(VARIABLES)]

    async def update(variables: int, value: float) -> None:
        await server.values.set_many(NewValue(node_id, value) for node_id in ids[:variables])

    async def emit(number: int) -> None:
        event = Event(
            event_type=ua_id(ObjectIds.BaseEventType),
            source=server.site_id(MACHINE),
            source_name=MACHINE,
            event_id=number.to_bytes(8, "big"),
            time=datetime.now(UTC),
            message=str(number),
        )
        await server.events.emit(event)

    await server.start()
    try:
        await commanded(server.endpoint, update, emit)
    finally:
        await server.stop()


if __name__ == "__main__":
    own, _, *said = sys.argv[1:]
    beside = Path(own).parent
    keys = Keys(beside / "client.der", beside / "client.pem", Path(own))
    uvloop.run(serve(trusting(beside / "pki", keys), fast="slow" not in said))
