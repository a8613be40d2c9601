"""Our server with the address space of the probes, open and secured."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from asyncua import ua
from asyncua.server.address_space import AttributeValue
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds

from tests.opcua.conformance.space import (
    EVENT,
    MANY,
    METHODS,
    PASSWORD,
    SECURED,
    SEVERITY,
    USER,
    VARIABLES,
    WAIT_S,
    Peer,
    Variable,
    known_person,
    name,
    node_id,
)
from tests.opcua.security.authority import Pair
from tracenode.models.roles import GRANTED, Role
from tracenode.server.opcua.core import ServerOptions, TraceServer
from tracenode.server.opcua.ids import ua_id
from tracenode.server.opcua.methods.gateway import CallContext
from tracenode.server.opcua.nodes.book import (
    data_value,
    method_node,
    object_node,
    variable_node,
)
from tracenode.server.opcua.security.accounts import Account, changing, fingerprint
from tracenode.server.opcua.security.certificates.folder import PkiFolder, Place
from tracenode.server.opcua.security.certificates.making import Application
from tracenode.server.opcua.security.certificates.own import make_own
from tracenode.server.opcua.security.front import FrontOptions
from tracenode.server.opcua.security.passwords import hashed
from tracenode.server.opcua.subscriptions.events import Event

__all__ = ["ours"]

V = ua.VariantType
A = AttributeIds
ENDPOINT = "opc.tcp://127.0.0.1:0/conformance"
COMPONENT, PROPERTY = ua_id(ObjectIds.HasComponent), ua_id(ObjectIds.HasProperty)
ORGANIZES, OBJECTS = ua_id(ObjectIds.Organizes), ua_id(ObjectIds.ObjectsFolder)
BASE_OBJECT = ua_id(ObjectIds.BaseObjectType)


def _variable(server: TraceServer, one: Variable) -> None:
    is_array = isinstance(one.value, list)
    analog = one.name == "Number"
    made = variable_node(
        node_id(f"Line.{one.name}"),
        name(one.name),
        ua_id(ObjectIds.Double if one.kind == V.Double else ObjectIds.String),
        data_value(one.value, one.kind, is_array=is_array),
        type_id=ua_id(ObjectIds.AnalogItemType) if analog else None,
        value_rank=1 if is_array else -1,
        writable=one.writable,
    )
    if not one.readable:
        level = AttributeValue(ua.DataValue(ua.Variant(0, V.Byte)))
        made.attributes[A.AccessLevel] = made.attributes[A.UserAccessLevel] = level
    server.book.add(made, node_id("Line"), COMPONENT)
    if analog:
        span = data_value(ua.Range(Low=0.0, High=200.0), V.ExtensionObject)
        label = ua.QualifiedName("EURange", ua.UInt16(0))
        range_id = node_id("Line.Number.EURange")
        bounds = variable_node(
            range_id, label, ua_id(ObjectIds.Range), span, type_id=ua_id(ObjectIds.PropertyType)
        )
        server.book.add(bounds, made.nodeid, PROPERTY)


def _method(server: TraceServer, text: str) -> None:
    method = node_id(f"Line.{text}")
    made = method_node(method, name(text))
    if text == "Off":
        made.attributes[A.Executable] = AttributeValue(ua.DataValue(ua.Variant(False, V.Boolean)))
    server.book.add(made, node_id("Line"), COMPONENT)
    for label, argument in (("InputArguments", "Text"), ("OutputArguments", "Answer")):
        declared = ua.Argument(
            Name=argument, DataType=ua_id(ObjectIds.String), ValueRank=ua.Int32(-1)
        )
        held = data_value([declared], V.ExtensionObject, is_array=True)
        kind = ua_id(ObjectIds.Argument)
        label_id = node_id(f"Line.{text}.{label}")
        server.book.add(
            variable_node(label_id, ua.QualifiedName(label), kind, held, value_rank=1),
            method,
            PROPERTY,
        )


def _fill(server: TraceServer) -> None:
    book = server.book
    line, many = node_id("Line"), node_id("Many")
    book.add(object_node(line, name("Line"), BASE_OBJECT, notifier=True), OBJECTS, ORGANIZES)
    book.link(ua_id(ObjectIds.Server), ua_id(ObjectIds.HasNotifier), line)
    book.add(object_node(many, name("Many"), ua_id(ObjectIds.FolderType)), OBJECTS, ORGANIZES)
    for number in range(MANY):
        made = object_node(node_id(f"Many.{number}"), name(f"M{number:02}"), BASE_OBJECT)
        book.add(made, many, ORGANIZES)
    for one in VARIABLES:
        _variable(server, one)

    async def echo(call: CallContext, *, text: str | None) -> Mapping[str, object]:
        if call.method == "Wait":
            await asyncio.sleep(WAIT_S)
        return {"answer": text}

    async def emit(_call: CallContext, *, text: str | None) -> Mapping[str, object]:
        now = datetime.now(UTC)
        await server.events.emit(
            Event(
                event_type=EVENT,
                source=line,
                source_name="Line",
                event_id=now.isoformat().encode(),
                time=now,
                message=text or "",
                severity=SEVERITY,
            )
        )
        return {"answer": text}

    for text in METHODS:
        _method(server, text)
        server.gateway.bind(node_id(f"Line.{text}"), emit if text == "Emit" else echo)


@asynccontextmanager
async def ours(folder: Path, friend: Pair) -> AsyncIterator[Peer]:
    """Serve both, with their certificates in `folder`; `friend` is trusted."""
    pki = PkiFolder(folder / "pki")
    names = Application("tracenode", "urn:tracenode:Probed", "", ["127.0.0.1", "localhost"])
    own = make_own(pki, names, datetime.now(UTC), bits=2048, years=1)
    pki.put(Place.Trusted, friend.certificate)
    users = folder / "users.json"
    with changing(users) as held:
        held[USER] = Account(USER, Role.Operator, hashed(PASSWORD))
        held["second"] = Account("second", Role.Operator, held[USER].password)
        mark = frozenset({fingerprint(known_person(7).der)})
        held["person"] = Account("person", Role.Operator, "", mark)
    people = PkiFolder(folder / "users-pki")
    people.make()
    people.put(Place.Trusted, known_person(7).certificate)
    secured = ServerOptions(
        "Probed",
        endpoint=ENDPOINT,
        front=FrontOptions(SECURED, pki.root),
        users=users,
        users_pki=people.root,
    )
    plain = ServerOptions("Probed", endpoint=ENDPOINT, anonymous=GRANTED)
    async with AsyncExitStack() as stack:
        served = []
        for options in (plain, secured):
            server = TraceServer(options)
            await server.open()
            _fill(server)
            await server.start()
            stack.push_async_callback(server.stop)
            served.append(server.endpoint)
        yield Peer(served[0], served[1], own.certificate, friend)
