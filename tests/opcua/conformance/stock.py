"""asyncua's server as it comes, with the address space of the probes, open and secured.

The secured one has what asyncua offers for it: a validator of certificates with a list of trusted
ones. Its users are those of asyncua's own user manager.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from asyncua import ua
from asyncua.common.methods import uamethod
from asyncua.crypto.truststore import TrustStore
from asyncua.crypto.validator import CertificateValidator, CertificateValidatorOptions
from asyncua.server.server import Server
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds
from cryptography.hazmat.primitives.serialization import Encoding

from tests.opcua.conformance.space import (
    EVENT,
    MANY,
    METHODS,
    SEVERITY,
    VARIABLES,
    WAIT_S,
    Peer,
    name,
    node_id,
)
from tests.opcua.security.authority import Pair
from tracenode.server.opcua.security.certificates.folder import PkiFolder
from tracenode.server.opcua.security.certificates.making import Application
from tracenode.server.opcua.security.certificates.own import make_own

__all__ = ["stock"]

V = ua.VariantType
URIS = ("urn:tracenode:ua:traceability", "urn:tracenode:site:Probed")
POLICIES = [
    ua.SecurityPolicyType.Basic256Sha256_SignAndEncrypt,
    ua.SecurityPolicyType.Aes128Sha256RsaOaep_SignAndEncrypt,
    ua.SecurityPolicyType.Aes256Sha256RsaPss_SignAndEncrypt,
]
APPLICATION = "urn:stock:Probed"


async def _fill(server: Server) -> None:
    for uri in URIS:
        await server.register_namespace(uri)
    objects = server.nodes.objects
    line = await objects.add_object(node_id("Line"), name("Line"))
    root: Any = server.nodes.server
    await root.add_reference(line, ObjectIds.HasNotifier)
    many = await objects.add_folder(node_id("Many"), name("Many"))
    for number in range(MANY):
        await many.add_object(node_id(f"Many.{number}"), name(f"M{number:02}"))
    for one in VARIABLES:
        made = await line.add_variable(
            node_id(f"Line.{one.name}"), name(one.name), one.value, one.kind
        )
        if one.writable:
            await made.set_writable()
        if not one.readable:
            level = ua.DataValue(ua.Variant(0, V.Byte))
            for attribute in (AttributeIds.AccessLevel, AttributeIds.UserAccessLevel):
                await made.write_attribute(attribute, level)
        if one.name == "Number":
            span: Any = ua.Range(Low=0.0, High=200.0)
            label = ua.QualifiedName("EURange", ua.UInt16(0))
            await made.add_property(node_id("Line.Number.EURange"), label, span)
    emitter: Any = line
    events = await server.get_event_generator(EVENT, emitting_node=emitter)

    @uamethod
    async def echo(parent: ua.NodeId, text: str) -> str:
        return text

    @uamethod
    async def wait(parent: ua.NodeId, text: str) -> str:
        await asyncio.sleep(WAIT_S)
        return text

    @uamethod
    async def emit(parent: ua.NodeId, text: str) -> str:
        kept: Any = events.event
        kept.Severity = SEVERITY
        await events.trigger(message=text)
        return text

    handlers = {"Wait": wait, "Emit": emit}
    for text in METHODS:
        handler = handlers.get(text, echo)
        method = await line.add_method(
            node_id(f"Line.{text}"), name(text), handler, [V.String], [V.String]
        )
        if text == "Off":
            off = ua.DataValue(ua.Variant(False, V.Boolean))
            await method.write_attribute(AttributeIds.Executable, off)


async def _made() -> Server:
    server = Server()
    await server.init()
    server.set_endpoint("opc.tcp://127.0.0.1:0/conformance")
    await server.set_application_uri(APPLICATION)
    server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
    return server


@asynccontextmanager
async def stock(folder: Path, friend: Pair) -> AsyncIterator[Peer]:
    """Serve both, with their certificates in `folder`; `friend` is trusted."""
    pki = PkiFolder(folder / "pki")
    names = Application("stock", APPLICATION, "", ["127.0.0.1", "localhost"])
    own = make_own(pki, names, datetime.now(UTC), bits=2048, years=1)
    plain, secured = await _made(), await _made()
    certificate, key = folder / "own.der", folder / "own.pem"
    certificate.write_bytes(own.certificate.public_bytes(Encoding.DER))
    key.write_bytes(Pair(own.certificate, own.key).key_pem)
    secured.set_security_policy(POLICIES)
    await secured.load_certificate(certificate)
    await secured.load_private_key(key)
    trusted = folder / "trusted"
    trusted.mkdir()
    (trusted / "friend.der").write_bytes(friend.der)
    store = TrustStore([trusted], [])
    await store.load()
    options = CertificateValidatorOptions
    validator = CertificateValidator(options.TRUSTED_VALIDATION | options.PEER_CLIENT, store)
    secured.set_certificate_validator(validator.validate)
    async with AsyncExitStack() as stack:
        served = []
        for server in (plain, secured):
            await _fill(server)
            await server.start()
            stack.push_async_callback(server.stop)
            assert server.bserver is not None
            served.append(f"opc.tcp://127.0.0.1:{server.bserver.port}/conformance")
        yield Peer(served[0], served[1], own.certificate, friend)
